//! What each service sends over TCP.

use std::time::{Duration, SystemTime};

use longhaul_origin::{Ending, FaultMix, Limits, Options, Service, Site, Sizes};
use longhaul_socket::{FaultKind, Phase};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::Client;
use crate::town::{Town, WAIT};

#[tokio::test(start_paused = true)]
async fn echo_sends_back_what_it_receives() {
    let town = Town::new(Service::Echo);
    let sent: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let (mut reading, mut writing) = tokio::io::split(town.connect().await);
    let copy = sent.clone();
    let writer = tokio::spawn(async move {
        writing.write_all(&copy).await.expect("taken");
        writing.shutdown().await.expect("ended");
    });
    let mut received = Vec::new();
    reading.read_to_end(&mut received).await.expect("an end");
    writer.await.expect("no panic");
    assert!(received == sent, "{} of {} bytes", received.len(), sent.len());

    let [report] = town.wait_for_reports(1).await[..] else { panic!("one connection") };
    assert_eq!((report.service, report.ending), ("echo", Ending::Closed));
    assert_eq!((report.bytes_in, report.bytes_out), (sent.len() as u64, sent.len() as u64));
}

#[tokio::test(start_paused = true)]
async fn discard_sends_nothing() {
    let town = Town::new(Service::Discard);
    let mut stream = town.connect().await;
    stream.write_all(&vec![7; 100_000]).await.expect("taken");
    stream.shutdown().await.expect("ended");
    assert_eq!(stream.read(&mut [0; 16]).await.expect("an end"), 0);
    let [report] = town.wait_for_reports(1).await[..] else { panic!("one connection") };
    assert_eq!((report.bytes_in, report.bytes_out, report.ending), (100_000, 0, Ending::Closed));
}

#[tokio::test(start_paused = true)]
async fn daytime_and_time_agree() {
    let mut answers = Vec::new();
    for service in [Service::Daytime, Service::Time] {
        let town = Town::new(service);
        let mut stream = town.connect().await;
        // What the client sends does not matter.
        stream.write_all(b"?\r\n").await.expect("taken");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an end");
        answers.push(answer);
    }
    let line = std::str::from_utf8(&answers[0]).expect("text").strip_suffix("\r\n").expect("a line");
    let date = httpdate::parse_http_date(line).expect("a date");
    let since_1970 = date.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let since_1900 = u32::from_be_bytes(answers[1].as_slice().try_into().expect("four bytes"));
    // RFC 868: 2,208,988,800 is 1970-01-01T00:00:00Z. A new second may begin between the two.
    let later = u64::from(since_1900) - 2_208_988_800 - since_1970;
    assert!(later <= 1, "{line} and {since_1900}");
}

#[tokio::test(start_paused = true)]
async fn chargen_sends_shifted_lines() {
    let town = Town::new(Service::CharacterGenerator);
    let mut stream = town.connect().await;
    stream.write_all(b"not interesting").await.expect("taken");
    let mut text = vec![0; 74 * 190];
    stream.read_exact(&mut text).await.expect("it goes on");
    let lines: Vec<&[u8]> = text.chunks(74).collect();
    assert_eq!(lines[0], b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n");
    for pair in lines.windows(2) {
        assert_eq!(pair[0][1..72], pair[1][..71]);
    }
    assert_eq!(lines[..95], lines[95..]);
    drop(stream);
    assert_eq!(town.wait_for_reports(1).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn chargen_continues_after_the_client_has_ended_its_direction() {
    let town = Town::new(Service::CharacterGenerator);
    let mut stream = town.connect().await;
    stream.shutdown().await.expect("ended");
    // More than the network buffers.
    stream.read_exact(&mut vec![0; 1_000_000]).await.expect("it goes on");
    drop(stream);
    let [report] = town.wait_for_reports(1).await[..] else { panic!("one connection") };
    assert_eq!(report.ending, Ending::Failed(Phase::Send, FaultKind::Reset));
}

#[tokio::test(start_paused = true)]
async fn the_seeded_server_is_a_service_too() {
    let site = Site::new(7).with_sizes(Sizes::fixed(1_000));
    let expected = site.content("/a").to_vec();
    let town = Town::new(Service::seeded(site, FaultMix::none(), Options::default()));
    let mut client = Client::over(town.connect().await);
    client.get("/a", "Connection: close\r\n").await;
    let head = client.head().await.expect("a head");
    assert_eq!(client.body(head.length()).await, Ok(expected));
    drop(client);
    let [report] = town.wait_for_reports(1).await[..] else { panic!("one connection") };
    assert_eq!((report.service, report.ending), ("seeded", Ending::Closed));
    assert!(report.bytes_out > 1_000);
}

#[tokio::test(start_paused = true)]
async fn connections_above_the_limit_wait() {
    let town = Town::with_limits(Service::Echo, Limits { connections_max: 1, ..Limits::waiting(WAIT) });
    let mut first = town.connect().await;
    let mut second = town.connect().await;
    let mut buffer = [0; 1];
    first.write_all(b"a").await.expect("taken");
    first.read_exact(&mut buffer).await.expect("echoed");
    second.write_all(b"b").await.expect("taken");
    let waited = tokio::time::timeout(Duration::from_secs(5), second.read_exact(&mut buffer)).await;
    assert!(waited.is_err(), "the second is served beside the first");
    drop(first);
    second.read_exact(&mut buffer).await.expect("its turn has come");
    assert_eq!(&buffer, b"b");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_connections_and_reports_each() {
    let town = Town::new(Service::Echo);
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = town.connect().await;
        stream.write_all(b"a").await.expect("taken");
        stream.read_exact(&mut [0; 1]).await.expect("echoed");
        streams.push(stream);
    }
    let reports = {
        let Town { reports, running, .. } = town;
        let stopped = tokio::time::timeout(Duration::from_secs(2), running.stop()).await;
        stopped.expect("stopping takes less than two seconds");
        reports
    };
    let reports = reports.lock().expect("no panic").clone();
    assert_eq!(reports.len(), 3);
    assert!(reports.iter().all(|report| report.ending == Ending::Stopped), "{reports:?}");
    for mut stream in streams {
        assert!(matches!(stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    }
}
