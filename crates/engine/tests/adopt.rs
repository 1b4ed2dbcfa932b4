//! Files that are there before their rows: what the list says decides whose they are, and no crash changes one.

mod world;

use longhaul::Settings;
use longhaul_http::digest::{DigestAlgorithm, Hasher};
use longhaul_journal::storage::{RelativePath, Storage as _};
use longhaul_origin::{FaultMix, HostileServer, Site};
use world::{Crash, EventKind, ORIGIN, Run, World, name, path, simulate};

const FILES: usize = 8;

fn digest(content: &[u8]) -> String {
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    hasher.update(content);
    hasher.digest().to_string()
}

/// Lines with the size and the digest of each file; those of `changed` are of another content.
fn list(site: &Site, changed: &[usize]) -> String {
    let line = |number| {
        let content = site.content(&path(number)).to_vec();
        let digest = if changed.contains(&number) { digest(b"another") } else { digest(&content) };
        format!("http://{ORIGIN}{}\tsize={}\tsha256={digest}\n", path(number), content.len())
    };
    (0..FILES).map(line).collect()
}

fn relative(name: &str) -> RelativePath {
    name.parse().expect("a valid name")
}

/// A world in which files 0 to 4 are there: 0 to 2 as the list says, 3 with other bytes, and 4 longer. All of it is durable.
fn world_with_files() -> (World, HostileServer) {
    let (world, origin) = World::serving(5, Site::new(5), FaultMix::none());
    for (number, content) in files(origin.site()) {
        world.put_file(&name(&path(number)), &content);
        world.storage().open(&relative(&name(&path(number)))).expect("a file").sync().expect("a sync");
    }
    for directory in [None, Some(relative(ORIGIN)), Some(relative(&format!("{ORIGIN}/files")))] {
        world.storage().sync_dir(directory.as_ref()).expect("a directory");
    }
    (world, origin)
}

fn files(site: &Site) -> Vec<(usize, Vec<u8>)> {
    let content = |number| site.content(&path(number)).to_vec();
    let mut other = content(3);
    other[0] ^= 1;
    let longer = [content(4), vec![0]].concat();
    vec![(0, content(0)), (1, content(1)), (2, content(2)), (3, other), (4, longer)]
}

fn assert_untouched(world: &World, site: &Site) {
    for (number, content) in files(site) {
        assert_eq!(world.file(&name(&path(number))), Some(content), "file {number}");
    }
}

fn message(run: &Run, number: usize) -> String {
    let outcome = run.outcome(&format!("http://{ORIGIN}{}", path(number)));
    assert_eq!(outcome.class(), "file");
    outcome.fault.clone().expect("a failure").message
}

#[test]
fn the_digest_of_the_list_decides() {
    for no_clobber in [false, true] {
        simulate(async {
            let (world, origin) = world_with_files();
            let list = list(origin.site(), &[]);
            let run = world.haul(&list).settings(|settings| settings.no_clobber = no_clobber).run().await;
            assert_eq!(run.counts(), (6, 2, 0, 0));
            assert_eq!(
                (run.report().adopted, run.report().requests),
                (3, 3),
                "the absent files are downloaded"
            );
            assert_eq!(run.events_of(EventKind::Adopted).count(), 3);
            let name = name(&path(3));
            assert!(message(&run, 3).starts_with(&format!("{name} was there before, and is not")), "{run:?}");
            assert!(message(&run, 4).contains("bytes and not"), "{run:?}");
            assert_untouched(&world, origin.site());
            let again = world.haul(&list).run().await;
            assert_eq!((again.counts(), again.report().requests), ((6, 2, 0, 0), 0));
        });
    }
}

/// Somebody renames another file over one while it is read: what was read is not what the name leads to.
#[test]
fn a_file_that_is_replaced_while_it_is_read_is_not_adopted() {
    simulate(async {
        let (world, origin) = world_with_files();
        world.put_file(&format!("{ORIGIN}/new"), b"another");
        let (storage, target) = (world.storage(), relative(&name(&path(1))));
        let new = relative(&format!("{ORIGIN}/new"));
        let replace = move |call: &str, path: &str| {
            if call == "read_at" && path == target.as_str() && storage.metadata(&new)?.is_some() {
                storage.rename(&new, &target)?;
            }
            Ok(())
        };
        let run = world.haul(list(origin.site(), &[])).trap(replace).run().await;
        assert_eq!(run.report().adopted, 2, "{:#?}", run.events);
        assert!(message(&run, 1).contains("it was replaced while it was read"), "{run:?}");
        assert_eq!(world.file(&name(&path(1))).as_deref(), Some(&b"another"[..]));
    });
}

#[test]
fn a_size_decides_only_if_the_user_wants_it() {
    let run = |change: fn(&mut Settings)| {
        simulate(async {
            let (world, origin) = world_with_files();
            let line = |number| {
                let size = origin.site().content(&path(number)).len();
                format!(
                    "http://{ORIGIN}{} size={size}
",
                    path(number)
                )
            };
            let list = [2, 3, 4].map(line).concat();
            let run = world.haul(list).settings(change).run().await;
            assert_eq!(run.report().requests, 0);
            assert_untouched(&world, origin.site());
            (run.counts(), run.report().adopted)
        })
    };
    assert_eq!(run(|_| {}), ((0, 3, 0, 0), 0));
    assert_eq!(run(|settings| settings.no_clobber = true), ((0, 1, 2, 0), 0), "one is longer");
    assert_eq!(run(|settings| settings.adopt_by_size = true), ((2, 1, 0, 0), 2));
}

#[test]
fn a_file_of_which_the_list_says_nothing_is_not_adopted() {
    simulate(async {
        let (world, origin) = world_with_files();
        let list = format!("http://{ORIGIN}{}\nhttp://{ORIGIN}{} type=text/csv\n", path(0), path(1));
        let run = world.haul(&list).settings(|settings| settings.adopt_by_size = true).run().await;
        assert_eq!((run.counts(), run.report().adopted), ((0, 2, 0, 0), 0));
        assert_untouched(&world, origin.site());
    });
}

/// Runs with a crash at any event or call of the storage, and then to the end: one outcome a row, the same as without a crash, and
/// nothing of the user's is changed.
#[test]
fn adoption_survives_a_crash_at_any_point() {
    let (events, calls) = simulate(async {
        let (world, origin) = world_with_files();
        let before = world.storage().operation_count();
        let run = world.haul(list(origin.site(), &[])).run().await;
        (run.events.len(), world.storage().operation_count() - before)
    });
    for crash in [Crash::Kill, Crash::PowerLoss] {
        for point in 0..events as u64 + calls {
            simulate(async {
                let (world, origin) = world_with_files();
                let list = list(origin.site(), &[]);
                let plan = world.haul(&list);
                let first = match usize::try_from(point).expect("it fits").checked_sub(events) {
                    None => {
                        plan.crash_at_event(usize::try_from(point).expect("it fits") + 1, crash).run().await
                    }
                    Some(call) => {
                        let run = plan.halt_storage_at(call as u64).run().await;
                        let left = crash.of(&world.storage());
                        world.crashed(crash, left);
                        run
                    }
                };
                assert_untouched(&world, origin.site());
                let second = world.haul(&list).run().await;
                assert_eq!(second.counts(), (6, 2, 0, 0), "{crash:?} at {point}");
                assert_untouched(&world, origin.site());
                let outcomes = first.events.iter().chain(&second.events).filter(|event| event.is_outcome());
                let mut rows: Vec<_> = outcomes.map(|event| event.row).collect();
                rows.sort();
                let reported = rows.len();
                rows.dedup();
                assert_eq!(rows.len(), reported, "{crash:?} at {point}: a row has two outcomes");
                assert!(world.parts().is_empty());
            });
        }
    }
}

/// A file that was copied a moment ago is on its way to the disk: once its adoption is reported, a loss of power does not take it.
#[test]
fn an_adopted_file_is_durable() {
    for seed in 0..20 {
        simulate(async {
            let (world, origin) = World::serving(seed, Site::new(5), FaultMix::none());
            let content = origin.site().content(&path(0)).to_vec();
            world.put_file(&name(&path(0)), &content);
            let line = format!("http://{ORIGIN}{} sha256={}\n", path(0), digest(&content));
            let run = world
                .haul(&line)
                .crash_when(Crash::PowerLoss, |event| event.kind == EventKind::Adopted)
                .run()
                .await;
            assert!(run.report.is_none());
            assert_eq!(world.file(&name(&path(0))), Some(content), "seed {seed}");
            assert_eq!(world.haul(&line).run().await.counts(), (1, 0, 0, 0));
        });
    }
}

/// A kept part and a file in its way: the row fails because of the file, and the part is as good as it was.
#[test]
fn a_file_in_the_way_costs_no_part() {
    simulate(async {
        let (world, _origin) = World::serving(5, Site::new(5), FaultMix::none());
        let path = "/large/1?size=3000000";
        let line = format!("http://{ORIGIN}{path}\n");
        let limit = |settings: &mut Settings| settings.rate_limit = Some(20_000_000);
        let mut pieces = 0;
        let cut = world.haul(&line).settings(limit).crash_when(Crash::Kill, move |event| {
            pieces += u64::from(event.kind == EventKind::Received);
            pieces == 3
        });
        let cut = cut.run().await;
        let kept = world.parts();
        assert!(cut.report.is_none() && !kept.is_empty(), "{:#?}", cut.events.last());
        world.put_file(&name(path), b"of the user");
        let blocked = world.haul(&line).run().await;
        assert_eq!((blocked.counts(), blocked.report().requests), ((0, 1, 0, 0), 0));
        assert_eq!(world.parts(), kept);
        assert_eq!(world.file(&name(path)).as_deref(), Some(&b"of the user"[..]));
    });
}
