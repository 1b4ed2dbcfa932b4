//! Parts that no validator joins: what is compared, what is believed meanwhile, and where it ends.

mod world;

use world::{End, EventKind, ORIGIN, Reply, Request, Scripted, World, simulate};

const LARGE: usize = 400_000;
const CUT: usize = 300_000;
/// What is requested again before a cut.
const OVERLAP: usize = 64 * 1024;
/// A digest of other bytes.
const WRONG: &str = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";

fn content() -> Vec<u8> {
    (1..=251).cycle().take(LARGE).collect()
}

fn url() -> String {
    format!("http://{ORIGIN}/file\n")
}

fn whole() -> Reply {
    Reply::status(200).body(content())
}

/// The part from an offset on, and no more than so many bytes of it.
fn part(from: usize, bytes_max: usize) -> Reply {
    let end = LARGE.min(from + bytes_max);
    Reply::status(206)
        .field("Content-Range", format_args!("bytes {from}-{}/{LARGE}", end - 1))
        .body(&content()[from..end])
}

fn ranges(host: &Scripted) -> Vec<Option<usize>> {
    host.requests().iter().map(Request::range_from).collect()
}

fn assert_is_right(world: &World) {
    assert!(world.file("origin.test/file") == Some(content()), "the file is wrong");
}

/// A host whose ranges are no longer than the overlap, or little longer: no part can be joined, and the whole can be had.
#[test]
fn a_host_of_short_ranges_is_asked_for_the_whole() {
    for (bytes_max, requests) in [(1000, 3), (OVERLAP - 1, 3), (OVERLAP, 3), (OVERLAP + 5000, 11)] {
        simulate(async {
            let world = World::new(1);
            let host = world.scripted(ORIGIN, move |request| match (request.number, request.range_from()) {
                (1, _) => whole().cut(CUT, End::Reset),
                (_, Some(from)) => part(from, bytes_max),
                (_, None) => whole(),
            });
            let run = world.haul(url()).run().await;
            assert_eq!(run.counts(), (1, 0, 0, 0), "{bytes_max}: {:#?}", run.events);
            assert_is_right(&world);
            let ranges = ranges(&host);
            assert_eq!((ranges[1], ranges.last()), (Some(CUT - OVERLAP), Some(&None)), "{bytes_max}");
            assert!(ranges.len() <= requests, "{bytes_max}: {ranges:?}");
        });
    }
}

/// A place that redirects lead to serves nothing new, or a byte at a time, and denies every other request: the row fails.
#[test]
fn a_place_without_progress_is_not_asked_for_ever() {
    for is_strong in [false, true] {
        simulate(async {
            let world = World::new(1);
            let store = world.scripted("store.test", move |request| {
                let with_tag = |reply: Reply| if is_strong { reply.field("ETag", "\"v1\"") } else { reply };
                match (request.number, request.range_from()) {
                    (1, _) => with_tag(whole()).cut(CUT, End::Reset),
                    (number, Some(from)) if number.is_multiple_of(2) => {
                        with_tag(part(from, if is_strong { 1 } else { OVERLAP }))
                    }
                    _ => Reply::status(404).body(""),
                }
            });
            let host = world.scripted(ORIGIN, |_| {
                Reply::status(302).field("Location", "http://store.test/file").body("")
            });
            let run = world.haul(url()).run().await;
            assert_eq!(run.counts(), (0, 1, 0, 0), "{:#?}", run.events);
            let requests = (host.requests().len(), store.requests().len());
            assert!(requests.0 < 20 && requests.1 < 40, "{requests:?}");
        });
    }
}

/// A host that has sent a part of the file says that there is nothing to download: the part stays, and the row is not settled by that.
#[test]
fn no_content_after_a_part_settles_nothing() {
    for status in [204, 205] {
        for lasts in [false, true] {
            simulate(async {
                let world = World::new(1);
                let host =
                    world.scripted(ORIGIN, move |request| match (request.number, request.range_from()) {
                        (1, _) => whole().cut(CUT, End::Reset),
                        (2..=3, _) => Reply::status(status),
                        _ if lasts => Reply::status(status),
                        (_, Some(from)) => part(from, LARGE),
                        (_, None) => whole(),
                    });
                let run = world.haul(url()).run().await;
                assert_eq!(
                    run.counts(),
                    if lasts { (0, 1, 0, 0) } else { (1, 0, 0, 0) },
                    "{:#?}",
                    run.events
                );
                if lasts {
                    let failed = run.events_of(EventKind::Failed).next().expect("a failure");
                    assert_eq!(failed.class(), "mismatch");
                    assert_eq!(world.parts(), ["0"]);
                } else {
                    assert_is_right(&world);
                    assert_eq!(ranges(&host), [None, Some(CUT - OVERLAP), None, Some(CUT - OVERLAP)]);
                }
            });
        }
    }
}

/// The file under the transfer coding gzip, without compression and without its end.
fn coded() -> Vec<u8> {
    let mut coded = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    for block in content().chunks(60_000) {
        let len = u16::try_from(block.len()).expect("a block is short");
        coded.push(0);
        coded.extend_from_slice(&len.to_le_bytes());
        coded.extend_from_slice(&(!len).to_le_bytes());
        coded.extend_from_slice(block);
    }
    coded
}

/// The offsets of a part may be others than those of a coded body, also where it came as a 206 that nobody requested.
#[test]
fn a_coded_body_is_not_joined() {
    for is_part in [false, true] {
        simulate(async move {
            let world = World::new(1);
            let host = world.scripted(ORIGIN, move |request| match (request.number, request.range_from()) {
                (1, _) => {
                    let range = format!("bytes 0-{}/{LARGE}", LARGE - 1);
                    let reply = Reply::status(if is_part { 206 } else { 200 }).field("Content-Range", range);
                    let chunk = [format!("{:x}\r\n", LARGE + 1000).into_bytes(), coded()].concat();
                    reply.field("Transfer-Encoding", "gzip, chunked").raw(chunk).cut(CUT, End::Reset)
                }
                (_, Some(from)) => part(from, LARGE),
                (_, None) => whole(),
            });
            let run = world.haul(url()).run().await;
            assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
            assert!(run.events_of(EventKind::Received).map(|event| event.bytes).sum::<u64>() > LARGE as u64);
            assert_is_right(&world);
            assert_eq!(ranges(&host), [None, None]);
        });
    }
}

/// What the head of a part says of the whole is believed once the part is proven to be of the same version.
#[test]
fn a_part_that_is_not_proven_says_nothing_of_the_whole() {
    simulate(async {
        let world = World::new(1);
        let host = world.scripted(ORIGIN, |request| match (request.number, request.range_from()) {
            (1, _) => whole().field("Trailer", "Repr-Digest").cut(CUT, End::Reset),
            (2, Some(from)) => part(from, LARGE).field("Repr-Digest", WRONG).cut(1000, End::Reset),
            (_, Some(from)) => part(from, LARGE),
            (_, None) => whole(),
        });
        let run = world.haul(url()).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
        assert_is_right(&world);
        let overlap = Some(CUT - OVERLAP);
        assert_eq!(ranges(&host), [None, overlap, overlap]);
    });
}

/// A host that says that nothing is missing (416) may have announced a digest that says otherwise.
#[test]
fn a_body_that_is_said_to_be_complete_is_compared_with_its_digest() {
    simulate(async {
        let world = World::new(1);
        let host = world.scripted(ORIGIN, |request| match (request.number, request.range_from()) {
            (1, _) => {
                let reply = Reply::status(200).field("ETag", "\"v1\"").field("Repr-Digest", WRONG);
                let coded_bytes = 7 + LARGE;
                reply.chunked(&content()).cut(coded_bytes, End::Reset)
            }
            (_, Some(from)) => Reply::status(416)
                .field("ETag", "\"v1\"")
                .field("Content-Range", format_args!("bytes */{from}"))
                .body(""),
            (_, None) => whole(),
        });
        let run = world.haul(url()).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "{:#?}", run.events);
        assert_is_right(&world);
        assert_eq!(ranges(&host), [None, Some(LARGE), None]);
        let classes: Vec<_> =
            run.events_of(EventKind::Retrying).map(|event| event.class().to_owned()).collect();
        assert_eq!(classes, ["reset", "mismatch"]);
    });
}
