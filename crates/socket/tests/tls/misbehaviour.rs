//! Servers that do not complete a handshake, and the fault of the client.

use std::time::Duration;

use longhaul_socket::{Fault, FaultKind, Phase, Transport, clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::identity::Identity;
use crate::{connect, network};

/// The fault of a client whose server does `misbehave` instead of a handshake.
async fn misbehaving<F: Future>(misbehave: impl FnOnce(Box<dyn Transport>) -> F) -> Fault {
    let (network, listener) = network();
    let options = Identity::issued(|_| {}).trusted();
    let (outcome, _kept) = tokio::join!(connect(network, options, "a.test"), async {
        let (transport, _from) = listener.accept().await.unwrap();
        misbehave(transport).await
    });
    outcome.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn plain_http_on_a_tls_port_is_not_tls() {
    let fault = misbehaving(|mut transport| async move {
        transport.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        transport
    })
    .await;
    assert_eq!((fault.phase(), fault.kind()), (Phase::Tls, FaultKind::NotTls));
    assert_eq!(fault.to_string(), "tls with tcp://10.0.0.1:443 (a.test): peer does not speak tls after 0 ms");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_handshake_ends_at_its_deadline() {
    let start = clock::now();
    let fault = misbehaving(|transport| async { transport }).await;
    assert_eq!((fault.phase(), fault.kind()), (Phase::Tls, FaultKind::TimedOut));
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_sends_a_byte_now_and_then_ends_at_its_deadline() {
    let start = clock::now();
    let fault = misbehaving(|mut transport| async move {
        // The header of a handshake record of 4,096 bytes, and then a byte per second.
        for byte in [0x16, 0x03, 0x03, 0x10, 0x00].into_iter().chain(std::iter::repeat_n(2, 60)) {
            if transport.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert_eq!(fault.kind(), FaultKind::TimedOut);
    assert_eq!(fault.elapsed(), Duration::from_secs(10));
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_connection_closed_during_the_handshake_is_closed_early() {
    let closed = misbehaving(|mut transport| async move {
        transport.read_u8().await.unwrap();
        transport.shutdown().await.unwrap();
        transport
    });
    assert_eq!(closed.await.kind(), FaultKind::ClosedEarly);

    let reset = misbehaving(|transport| async { transport.reset() });
    assert_eq!(reset.await.kind(), FaultKind::Reset);

    // The alert close_notify, before the handshake.
    let fault = misbehaving(|mut transport| async move {
        transport.write_all(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x01, 0x00]).await.unwrap();
        transport.shutdown().await.unwrap();
        transport
    });
    let fault = fault.await;
    assert_eq!(fault.phase(), Phase::Tls);
    assert!(matches!(fault.kind(), FaultKind::ClosedEarly | FaultKind::TlsOther), "{fault:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_empty_records_ends_the_handshake() {
    let fault = misbehaving(|mut transport| async move {
        // Warning alerts (user_canceled) and empty handshake records, by the thousand.
        let nothing = [0x15, 0x03, 0x03, 0x00, 0x02, 0x01, 0x5a, 0x16, 0x03, 0x03, 0x00, 0x00];
        for _ in 0..10_000 {
            if transport.write_all(&nothing).await.is_err() {
                break;
            }
        }
        transport
    })
    .await;
    assert_eq!((fault.phase(), fault.kind()), (Phase::Tls, FaultKind::TlsOther));
    assert_eq!(fault.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn each_alert_has_its_kind() {
    // RFC 8446 section 6.2, and RFC 5246 section 7.2.2 for what TLS 1.3 has no longer.
    let alerts = [
        (70, FaultKind::TlsVersion),
        (40, FaultKind::TlsParameters),
        (71, FaultKind::TlsParameters),
        (41, FaultKind::ClientCertificate),
        (116, FaultKind::ClientCertificate),
        (42, FaultKind::CertificateRefused),
        (46, FaultKind::CertificateRefused),
        (48, FaultKind::CertificateRefused),
        (80, FaultKind::TlsPeerError),
        (112, FaultKind::TlsAlert),
        (255, FaultKind::TlsAlert),
    ];
    for (alert, kind) in alerts {
        let fault = misbehaving(|mut transport| async move {
            transport.write_all(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, alert]).await.unwrap();
            transport
        });
        assert_eq!(fault.await.kind(), kind, "alert {alert}");
    }
}
