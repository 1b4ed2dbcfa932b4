//! Messages over streams: limits, pieces, ends of streams, and arbitrary bytes.
#![cfg(all(unix, feature = "codec"))]

use std::time::Duration;

use longhaul_socket::framing::{Framing, FramingError, MessageDecoder, Messages};
use longhaul_socket::memory::MemoryNetwork;
use longhaul_socket::{Deadline, FaultKind, Network, Phase, Stream, blocking};
use proptest::prelude::*;

async fn pair(framing: Framing) -> (Messages, Stream) {
    let network = MemoryNetwork::new();
    let listener = network.listen("tcp://10.0.0.1:7".parse().unwrap()).unwrap();
    let client = Stream::plain(network.dial(listener.endpoint()).await.unwrap());
    let (server, _from) = listener.accept().await.unwrap();
    (Messages::new(client, framing), Stream::plain(server))
}

#[tokio::test(start_paused = true)]
async fn a_message_is_assembled_from_its_pieces() {
    let (mut messages, mut peer) = pair(Framing::lengths(100)).await;
    for piece in [&b"\0\0"[..], b"\0\x05he", b"llo\0\0\0", b"\0"] {
        peer.send(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(messages.receive().await.unwrap().as_deref(), Some(b"hello".as_slice()));
    assert_eq!(messages.receive().await.unwrap().as_deref(), Some(b"".as_slice()));
    peer.close().await.unwrap();
    assert_eq!(messages.receive().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_end_within_a_message_is_closed_early() {
    // Also if the codec has consumed the length, and the buffer is empty.
    for beginning in [&b"\0\0"[..], b"\0\0\0\x05", b"\0\0\0\x05he"] {
        let (mut messages, mut peer) = pair(Framing::lengths(100)).await;
        peer.send(beginning).await.unwrap();
        peer.close().await.unwrap();
        let fault = messages.receive().await.unwrap_err();
        assert_eq!((fault.phase(), fault.kind()), (Phase::Receive, FaultKind::ClosedEarly));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_is_refused_on_both_sides() {
    let (mut messages, mut peer) = pair(Framing::lengths(4)).await;
    let fault = messages.send(b"12345").await.unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Send, FaultKind::TooLong));
    messages.send(b"1234").await.unwrap();
    peer.send(b"\xff\xff\xff\xff").await.unwrap();
    assert_eq!(messages.receive().await.unwrap_err().kind(), FaultKind::TooLong);

    let (mut messages, mut peer) = pair(Framing::lines(4)).await;
    peer.send(b"12345\n1234\r\n\xff\nlast").await.unwrap();
    peer.close().await.unwrap();
    assert_eq!(messages.receive().await.unwrap_err().kind(), FaultKind::TooLong);
    assert_eq!(messages.receive().await.unwrap().as_deref(), Some(b"1234".as_slice()));
    // On receiving, the peer is at fault; on sending, the caller.
    assert_eq!(messages.receive().await.unwrap_err().kind(), FaultKind::Other);
    for no_line in [&b"\xff"[..], b"a\nb"] {
        assert_eq!(messages.send(no_line).await.unwrap_err().kind(), FaultKind::Misuse);
    }
    assert_eq!(messages.receive().await.unwrap().as_deref(), Some(b"last".as_slice()));
    assert_eq!(messages.receive().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_partial_message_is_kept_for_the_next_call() {
    let (mut messages, mut peer) = pair(Framing::lines(100)).await;
    for piece in ["fir", "st\nsecond\nth"] {
        assert_eq!(messages.try_receive().unwrap_err().kind(), FaultKind::WouldBlock);
        peer.send(piece.as_bytes()).await.unwrap();
    }
    assert_eq!(messages.try_receive().unwrap().as_deref(), Some(b"first".as_slice()));
    assert_eq!(messages.try_receive().unwrap().as_deref(), Some(b"second".as_slice()));
    assert_eq!(messages.try_receive().unwrap_err().kind(), FaultKind::WouldBlock);
    peer.send(b"ird\nlast").await.unwrap();
    assert_eq!(messages.receive().await.unwrap().as_deref(), Some(b"third".as_slice()));
    peer.close().await.unwrap();
    assert_eq!(messages.try_receive().unwrap().as_deref(), Some(b"last".as_slice()));
    assert_eq!(messages.try_receive().unwrap(), None);
}

#[test]
fn a_line_is_one_line() {
    for no_line in [&b"a\nb"[..], b"\n", b"a\r", b"\xff"] {
        assert!(Framing::lines(10).encode(no_line).is_err(), "{no_line:?}");
    }
    assert_eq!(&Framing::lines(10).encode(b"a\rb").unwrap()[..], b"a\rb\n");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_for_a_message_as_a_whole() {
    let (mut messages, mut peer) = pair(Framing::lines(1000)).await;
    let drip = async {
        while peer.send(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let deadline = Deadline::after(Duration::from_secs(5));
    tokio::select! {
        outcome = messages.receive_within(deadline) => {
            let fault = outcome.unwrap_err();
            assert_eq!((fault.kind(), fault.elapsed()), (FaultKind::TimedOut, Duration::from_secs(5)));
        }
        () = drip => unreachable!("the peer is connected"),
    }
}

#[test]
fn the_blocking_flavour_has_the_same_framing() {
    use blocking::framing::Messages;
    let listener = blocking::TcpListener::bind("tcp://127.0.0.1:0".parse().unwrap()).unwrap();
    let client = blocking::Stream::connect(listener.local()).unwrap();
    let mut client = Messages::new(client, Framing::lengths(1 << 20));
    let mut server = Messages::new(listener.accept().unwrap(), Framing::lengths(1 << 20));
    assert_eq!(server.try_receive().unwrap_err().kind(), FaultKind::WouldBlock);
    for length in [0, 1, 8_191, 8_192, 50_000] {
        let message = vec![3; length];
        client.send(&message).unwrap();
        assert_eq!(server.receive().unwrap().as_deref(), Some(message.as_slice()));
    }
    client.get_mut().send(b"\0\0\0\x09cut").unwrap();
    client.into_inner().close().unwrap();
    assert_eq!(server.receive().unwrap_err().kind(), FaultKind::ClosedEarly);
}

fn decoded(framing: Framing, encoded: &[u8], piece_bytes: usize) -> Result<Vec<Vec<u8>>, FramingError> {
    let mut decoder = MessageDecoder::new(framing);
    let mut messages = Vec::new();
    for piece in encoded.chunks(piece_bytes) {
        decoder.push(piece);
        while let Some(message) = decoder.next()? {
            messages.push(message.to_vec());
        }
    }
    while let Some(message) = decoder.finish()? {
        messages.push(message.to_vec());
    }
    Ok(messages)
}

proptest! {
    #[test]
    fn an_encoded_message_is_decoded_again(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        piece_bytes in 1_usize..50,
    ) {
        let framing = Framing::lengths(40);
        let encoded: Vec<u8> = messages.iter().flat_map(|message| framing.encode(message).unwrap()).collect();
        prop_assert_eq!(decoded(framing, &encoded, piece_bytes).unwrap(), messages);
    }

    #[test]
    fn an_encoded_line_is_decoded_again(
        lines in prop::collection::vec("[^\n\r]{0,10}", 0..8),
        piece_bytes in 1_usize..50,
    ) {
        let framing = Framing::lines(40);
        let encoded: Vec<u8> = lines.iter().flat_map(|line| framing.encode(line.as_bytes()).unwrap()).collect();
        let lines: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
        prop_assert_eq!(decoded(framing, &encoded, piece_bytes).unwrap(), lines);
    }

    #[test]
    fn no_bytes_exceed_the_limits(
        bytes in prop::collection::vec(prop_oneof![Just(0), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
        piece_bytes in 1_usize..50,
        bytes_max in 0_usize..20,
    ) {
        for framing in [Framing::lengths(bytes_max), Framing::lines(bytes_max)] {
            // The result does not depend on how the bytes are cut.
            let whole = decoded(framing, &bytes, 1_000).ok();
            prop_assert_eq!(&decoded(framing, &bytes, piece_bytes).ok(), &whole);
            for message in whole.unwrap_or_default() {
                prop_assert!(message.len() <= bytes_max);
            }
        }
    }
}
