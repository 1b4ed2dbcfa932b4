//! Codings against those that flate2's encoders write.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;

const LIMITS: DecodeLimits = DecodeLimits { ratio_max: 200, bytes_free: 1024 * 1024 };

fn decode(
    codings: &[TransferCoding],
    coded: &[u8],
    read: usize,
    room: usize,
    limits: DecodeLimits,
) -> Result<Vec<u8>, DecodeFault> {
    let mut decoder = decoder(codings, limits)?;
    let mut all = Vec::new();
    let mut output = vec![0; room];
    for mut input in coded.chunks(read) {
        loop {
            let done = decoder.decode(input, &mut output)?;
            input = &input[done.consumed..];
            all.extend_from_slice(&output[..done.produced]);
            if input.is_empty() && done.produced < room {
                break;
            }
        }
    }
    decoder.finish().map(|()| all)
}

fn decoder(codings: &[TransferCoding], limits: DecodeLimits) -> Result<Decoder, DecodeFault> {
    let (last, before) = codings.split_last().expect("a coding");
    Decoder::new(last, before, limits)
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

use TransferCoding::{Compress, Deflate, Gzip, Unknown};

proptest! {
    #[test]
    fn what_was_coded_comes_back(
        data in prop::collection::vec(0_u8..4, 0..5000),
        read in 1_usize..300,
        room in 1_usize..300,
    ) {
        let same = Ok(data.clone());
        prop_assert_eq!(decode(&[Gzip], &gzip(&data), read, room, LIMITS), same.clone());
        prop_assert_eq!(decode(&[Deflate], &zlib(&data), read, room, LIMITS), same.clone());
        prop_assert_eq!(decode(&[Deflate], &raw(&data), read, room, LIMITS), same.clone());
        prop_assert_eq!(decode(&[Deflate, Gzip], &gzip(&zlib(&data)), read, room, LIMITS), same);
    }

    #[test]
    fn nothing_cut_or_damaged_passes(
        data in prop::collection::vec(0_u8..4, 1..500),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let coded = gzip(&data);
        let cut = &coded[..at.index(coded.len())];
        prop_assert_eq!(decode(&[Gzip], cut, 64, 64, LIMITS), Err(DecodeFault::Truncated));
        let mut damaged = coded.clone();
        let at = at.index(coded.len());
        damaged[at] ^= 1 << bit;
        // Nothing protects the time, the level and the system in the header, and the bits after the last code.
        if let Ok(decoded) = decode(&[Gzip], &damaged, 64, 64, LIMITS) {
            prop_assert_eq!(decoded, data);
            prop_assert!(at < coded.len() - 8, "the checksum and the length");
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 1..500)) {
        for codings in [&[Gzip][..], &[Deflate], &[Gzip, Deflate], &[Deflate, Gzip]] {
            let _ = decode(codings, &bytes, 50, 50, LIMITS);
        }
    }
}

#[test]
fn headers_members_and_padding() {
    // Extra field, name, comment and header checksum.
    let mut full = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03\x03\0abcname\0comment\0\xaa\xbb".to_vec();
    let coded = gzip(b"hello");
    full.extend_from_slice(&coded[10..]);
    let hello = Ok(b"hello".to_vec());
    for read in [1, 7, 100] {
        assert_eq!(decode(&[Gzip], &full, read, 3, LIMITS), hello);
        assert_eq!(decode(&[Gzip], &[&coded[..], &[0; 20]].concat(), read, 3, LIMITS), hello);
        let two = decode(&[Gzip], &[&coded[..], &full].concat(), read, 3, LIMITS);
        assert_eq!(two, Ok(b"hellohello".to_vec()));
        let trailing = [&coded[..], b"x"].concat();
        assert_eq!(decode(&[Gzip], &trailing, read, 3, LIMITS), Err(DecodeFault::TrailingBytes));
        let trailing = [&zlib(b"hello")[..], b"x"].concat();
        assert_eq!(decode(&[Deflate], &trailing, read, 3, LIMITS), Err(DecodeFault::TrailingBytes));
    }
    assert_eq!(decode(&[Gzip], b"plain text", 100, 100, LIMITS), Err(DecodeFault::Corrupt));
    assert_eq!(decode(&[Gzip], b"", 100, 100, LIMITS), Err(DecodeFault::Truncated));
}

#[test]
fn limits() {
    let zeros = vec![0; 8 * 1024 * 1024];
    let bomb = gzip(&zeros);
    assert_eq!(decode(&[Gzip], &bomb, 1000, 4096, LIMITS), Err(DecodeFault::TooLarge));
    let wide = DecodeLimits { ratio_max: 2000, ..LIMITS };
    assert_eq!(decode(&[Gzip], &bomb, 1000, 4096, wide).map(|all| all.len()), Ok(zeros.len()));
    assert_eq!(decode(&[Gzip], &gzip(&[bomb].concat()), 100, 100, LIMITS).map(|_| ()), Ok(()));
    for (codings, refused) in [
        (&[Compress][..], Compress),
        (&[Unknown("br".into())], Unknown("br".into())),
        (&[Unknown("zstd".into()), Gzip], Unknown("zstd".into())),
    ] {
        assert_eq!(decoder(codings, LIMITS).map(|_| ()), Err(DecodeFault::Unsupported(refused)));
    }
    assert_eq!(decoder(&[Gzip, Gzip, Gzip], LIMITS).map(|_| ()), Err(DecodeFault::TooManyCodings));
}

#[test]
fn a_body_without_codings_has_no_decoder() {
    assert!(CodedBody::of(&[]).is_none());
    assert!(CodedBody::of(&[Gzip]).is_some());
}

/// Nothing in the format bounds a name, the number of empty members, or the padding.
#[test]
fn coded_bytes_without_end_that_decode_to_nothing_are_refused() {
    let beyond = usize::try_from(CODED_BYTES_IDLE_MAX).unwrap() + 100_000;
    let name = [&b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"[..], &vec![b'n'; beyond]].concat();
    let empty = gzip(b"");
    let members = empty.repeat(beyond / empty.len());
    let padding = [gzip(b"hello"), vec![0; beyond]].concat();
    // An empty stored block of deflate.
    let blocks = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0, 0, 0, 0xff, 0xff].repeat(beyond / 5)].concat();
    for endless in [name, members, padding, blocks] {
        for (codings, coded) in [(&[Gzip][..], endless.clone()), (&[Gzip, Deflate], stored(&endless))] {
            assert_eq!(decode(codings, &coded, 8000, 4096, LIMITS), Err(DecodeFault::NothingDecoded));
        }
    }
    let long = usize::try_from(CODED_BYTES_IDLE_MAX).unwrap() / 2;
    let mut named = [&b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"[..], &vec![b'n'; long], b"\0"].concat();
    named.extend_from_slice(&gzip(b"hello")[10..]);
    named.extend_from_slice(&vec![0; long]);
    assert_eq!(decode(&[Gzip], &named, 8000, 4096, LIMITS), Ok(b"hello".to_vec()));
}

/// The zlib format without compression, so that a body keeps its length.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}
