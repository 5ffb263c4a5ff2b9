//! Coded bodies, whole, cut anywhere, broken anywhere.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;

const WIDE: Bounds = Bounds {
    bytes: u64::MAX,
    ratio: u64::MAX,
};

/// Decodes `pieces` into a room of `room` bytes at a time: what came out, and how it ended.
fn decode_by(
    coding: Coding,
    bounds: Bounds,
    room: usize,
    pieces: &[&[u8]],
) -> (Vec<u8>, Result<(), DecodeFault>) {
    let mut decoder = Decoder::new(coding, bounds);
    let mut out = Vec::new();
    let mut piece = vec![0; room];
    for input in pieces {
        let mut rest = *input;
        loop {
            match decoder.step(rest, &mut piece) {
                Ok(step) => {
                    rest = &rest[step.consumed..];
                    out.extend_from_slice(&piece[..step.produced]);
                    if rest.is_empty() && step.produced == 0 {
                        break;
                    }
                }
                Err(fault) => {
                    assert_eq!(decoder.step(b"", &mut piece), Err(fault), "it stays so");
                    assert_eq!(decoder.finish(), Err(fault), "it stays so");
                    return (out, Err(fault));
                }
            }
        }
    }
    let end = decoder.finish();
    (out, end)
}

fn decode(coding: Coding, coded: &[u8]) -> (Vec<u8>, Result<(), DecodeFault>) {
    decode_by(coding, WIDE, PIECE_BYTES, &[coded])
}

fn gzip(plain: &[u8], level: u32) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::new(level));
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn zlib(plain: &[u8], level: u32) -> Vec<u8> {
    let mut writer = ZlibEncoder::new(Vec::new(), Compression::new(level));
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn raw(plain: &[u8], level: u32) -> Vec<u8> {
    let mut writer = DeflateEncoder::new(Vec::new(), Compression::new(level));
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn br(plain: &[u8], level: u32) -> Vec<u8> {
    let mut coded = Vec::new();
    let mut writer = ::brotli::CompressorWriter::new(&mut coded, 4096, level, 22);
    writer.write_all(plain).unwrap();
    drop(writer);
    coded
}

fn zstd_frame(plain: &[u8], level: i32) -> Vec<u8> {
    let mut writer = ::zstd::Encoder::new(Vec::new(), level).unwrap();
    writer.include_checksum(true).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

/// Some text that compresses as JSON does.
fn sample() -> Vec<u8> {
    let mut text = String::from("[");
    for number in 0..60 {
        text.push_str(&format!(
            "{{\"name\":\"Ada {number}\",\"n\":{}}},",
            number * 7919
        ));
    }
    text.push_str("0]");
    text.into_bytes()
}

/// `plain` in every coding and form of it that is taken.
fn forms(plain: &[u8]) -> Vec<(&'static str, Coding, Vec<u8>)> {
    let (head, tail) = plain.split_at(plain.len() / 3);
    vec![
        ("gzip", Coding::Gzip, gzip(plain, 6)),
        ("gzip, stored", Coding::Gzip, gzip(plain, 0)),
        (
            "gzip in members",
            Coding::Gzip,
            [gzip(head, 9), gzip(b"", 1), gzip(tail, 1)].concat(),
        ),
        (
            "gzip with all that a header may have",
            Coding::Gzip,
            header_with_everything(&raw(plain, 6), plain),
        ),
        ("zlib", Coding::Deflate, zlib(plain, 6)),
        ("raw deflate", Coding::Deflate, raw(plain, 6)),
        ("raw deflate, stored", Coding::Deflate, raw(plain, 0)),
        ("br", Coding::Brotli, br(plain, 5)),
        ("br, fast", Coding::Brotli, br(plain, 1)),
        ("zstd", Coding::Zstd, zstd_frame(plain, 3)),
        (
            "zstd in frames, one of them skipped",
            Coding::Zstd,
            [
                zstd_frame(head, 1),
                b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc".to_vec(),
                zstd_frame(tail, 19),
            ]
            .concat(),
        ),
    ]
}

/// A member whose header has an extra field, a name, a comment and a checksum.
fn header_with_everything(deflated: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut member = b"\x1f\x8b\x08\x1f\0\0\0\0\0\xff\x03\0abcname\0comment\0".to_vec();
    let mut crc = flate2::Crc::new();
    crc.update(&member);
    member.extend_from_slice(&(crc.sum() as u16).to_le_bytes());
    member.extend_from_slice(deflated);
    crc.reset();
    crc.update(plain);
    member.extend_from_slice(&crc.sum().to_le_bytes());
    member.extend_from_slice(&crc.amount().to_le_bytes());
    member
}

#[test]
fn p8_a_coded_body_is_the_same_at_every_cut() {
    let plain = sample();
    for (name, coding, coded) in forms(&plain) {
        let whole = decode(coding, &coded);
        assert_eq!(whole, (plain.clone(), Ok(())), "{name}");
        for cut in 0..=coded.len() {
            let (head, tail) = coded.split_at(cut);
            let found = decode_by(coding, WIDE, PIECE_BYTES, &[head, tail]);
            assert_eq!(found, whole, "{name}, cut at {cut}");
        }
        let bytes: Vec<&[u8]> = coded.chunks(1).collect();
        for room in [1, 7, 1000, PIECE_BYTES] {
            let found = decode_by(coding, WIDE, room, &bytes);
            assert_eq!(found, whole, "{name}, by bytes into {room}");
        }
    }
}

#[test]
fn p4_a_coded_body_that_is_cut_off_is_never_a_shorter_one() {
    let plain = sample();
    for (name, coding, coded) in forms(&plain) {
        // Where a member or frame ends, so may the body.
        let ends: Vec<usize> = match name {
            "gzip in members" => {
                let head = gzip(&plain[..plain.len() / 3], 9).len();
                vec![head, head + gzip(b"", 1).len()]
            }
            "zstd in frames, one of them skipped" => {
                let head = zstd_frame(&plain[..plain.len() / 3], 1).len();
                vec![head, head + 11]
            }
            _ => Vec::new(),
        };
        for length in 0..coded.len() {
            let (out, end) = decode(coding, &coded[..length]);
            let expected = if ends.contains(&length) {
                Ok(())
            } else {
                Err(DecodeFault::Truncated)
            };
            assert_eq!(end, expected, "{name}, {length} bytes");
            assert!(plain.starts_with(&out), "{name}, {length} bytes");
        }
    }
}

#[test]
fn p8_a_fault_is_the_same_at_every_cut() {
    let plain = sample();
    let mut broken = Vec::new();
    for (name, coding, coded) in forms(&plain) {
        for garbage in [
            &b"\0"[..],
            b"x",
            b"\x1f",
            b"\x28\xb5",
            b"\x28\xb5\x2f\0",
            b"garbage",
        ] {
            broken.push((name, coding, [&coded[..], garbage].concat()));
        }
        for at in (0..coded.len()).step_by(coded.len() / 40 + 1) {
            let mut changed = coded.clone();
            changed[at] ^= 0x55;
            broken.push((name, coding, changed));
        }
    }
    for (name, coding, coded) in broken {
        let (_, whole) = decode(coding, &coded);
        for cut in 0..=coded.len() {
            let (head, tail) = coded.split_at(cut);
            let (_, end) = decode_by(coding, WIDE, PIECE_BYTES, &[head, tail]);
            assert_eq!(end, whole, "{name}, cut at {cut}");
        }
        let bytes: Vec<&[u8]> = coded.chunks(1).collect();
        let (_, end) = decode_by(coding, WIDE, 64, &bytes);
        assert_eq!(end, whole, "{name}, by bytes");
    }
}

#[test]
fn p4_what_follows_a_coding_is_a_fault() {
    let plain = sample();
    for (name, coding, coded) in forms(&plain) {
        for garbage in [&b"\0"[..], b"garbage", b"{}"] {
            let (_, end) = decode(coding, &[&coded[..], garbage].concat());
            let expected = match coding {
                // What follows a frame is to be another.
                Coding::Zstd => DecodeFault::Malformed,
                Coding::Gzip | Coding::Deflate | Coding::Brotli => DecodeFault::TrailingBytes,
            };
            assert_eq!(end, Err(expected), "{name}");
        }
    }
}

#[test]
fn p4_a_wrong_checksum_or_length_is_a_fault() {
    let plain = sample();
    for (name, coding, coded, from_end) in [
        ("gzip, CRC32", Coding::Gzip, gzip(&plain, 6), 8),
        ("gzip, ISIZE", Coding::Gzip, gzip(&plain, 6), 4),
        ("zlib, Adler-32", Coding::Deflate, zlib(&plain, 6), 4),
        ("zstd, checksum", Coding::Zstd, zstd_frame(&plain, 3), 4),
    ] {
        let mut changed = coded.clone();
        changed[coded.len() - from_end] ^= 1;
        assert_eq!(
            decode(coding, &changed).1,
            Err(DecodeFault::Malformed),
            "{name}"
        );
    }
    let mut header = header_with_everything(&raw(&plain, 6), &plain);
    header[10] ^= 4;
    header[14] ^= 1;
    assert_ne!(decode(Coding::Gzip, &header).1, Ok(()), "its own checksum");
}

#[test]
fn p4_what_is_not_of_the_coding_is_a_fault() {
    let plain = sample();
    for (name, coding, coded) in [
        ("plain text", Coding::Gzip, plain.clone()),
        (
            "a reserved flag",
            Coding::Gzip,
            b"\x1f\x8b\x08\xe0\0\0\0\0\0\0".to_vec(),
        ),
        (
            "another method",
            Coding::Gzip,
            b"\x1f\x8b\x07\0\0\0\0\0\0\0".to_vec(),
        ),
        ("gzip", Coding::Zstd, gzip(&plain, 6)),
        ("gzip", Coding::Deflate, gzip(&plain, 6)),
        ("zstd", Coding::Gzip, zstd_frame(&plain, 3)),
        (
            "zlib with a dictionary",
            Coding::Deflate,
            b"\x78\xbb\0\0\0\0\0".to_vec(),
        ),
    ] {
        assert_eq!(
            decode(coding, &coded).1,
            Err(DecodeFault::Malformed),
            "{name}"
        );
    }
}

#[test]
fn p5_a_header_that_does_not_end_is_a_fault() {
    let mut header = b"\x1f\x8b\x08\x08\0\0\0\0\0\0".to_vec();
    header.resize(1 << 20, b'a');
    assert_eq!(decode(Coding::Gzip, &header).1, Err(DecodeFault::Malformed));
}

#[test]
fn p5_a_window_beyond_the_limit_is_refused() {
    let plain = vec![7; 1 << 20];
    let mut writer = ::zstd::Encoder::new(Vec::new(), 3).unwrap();
    writer.window_log(24).unwrap();
    writer.long_distance_matching(true).unwrap();
    writer.write_all(&plain).unwrap();
    let coded = writer.finish().unwrap();
    assert_eq!(decode(Coding::Zstd, &coded).1, Err(DecodeFault::Window));

    // Brotli's large windows are no part of RFC 7932.
    let mut coded = Vec::new();
    let settings = ::brotli::enc::BrotliEncoderParams {
        large_window: true,
        lgwin: 28,
        quality: 5,
        ..Default::default()
    };
    ::brotli::BrotliCompress(&mut &plain[..], &mut coded, &settings).unwrap();
    assert_eq!(
        decode(Coding::Brotli, &coded).1,
        Err(DecodeFault::Malformed)
    );
}

#[test]
fn p5_a_bomb_ends_at_the_limit() {
    let zeros = vec![0; 8 << 20];
    for (name, coding, coded) in [
        ("gzip", Coding::Gzip, gzip(&zeros, 9)),
        (
            "gzip in members",
            Coding::Gzip,
            std::iter::repeat_n(gzip(&zeros[..64 << 10], 9), 128)
                .flatten()
                .collect(),
        ),
        ("zlib", Coding::Deflate, zlib(&zeros, 9)),
        ("br", Coding::Brotli, br(&zeros, 5)),
        ("zstd", Coding::Zstd, zstd_frame(&zeros, 3)),
    ] {
        let by_ratio = Bounds {
            bytes: u64::MAX,
            ratio: 200,
        };
        let (out, end) = decode_by(coding, by_ratio, PIECE_BYTES, &[&coded]);
        assert_eq!(end, Err(DecodeFault::Ratio), "{name}");
        assert!(
            out.len() as u64 <= RATIO_FROM_BYTES,
            "{name}: {}",
            out.len()
        );
        let by_size = Bounds {
            bytes: 100_000,
            ratio: u64::MAX,
        };
        let (out, end) = decode_by(coding, by_size, PIECE_BYTES, &[&coded]);
        assert_eq!(end, Err(DecodeFault::TooLarge), "{name}");
        assert!(out.len() <= 100_000, "{name}: {}", out.len());
        assert_eq!(
            decode(coding, &coded),
            (zeros.clone(), Ok(())),
            "{name}, unbounded"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn p8_any_body_in_any_coding_at_any_cuts_is_what_was_coded(
        plain in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..5000),
            proptest::collection::vec(97_u8..101, 0..20_000),
        ],
        level in 0_u32..10,
        mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        room in 1_usize..70_000,
    ) {
        for (coding, coded) in [
            (Coding::Gzip, gzip(&plain, level)),
            (Coding::Deflate, zlib(&plain, level)),
            (Coding::Deflate, raw(&plain, level)),
            (Coding::Brotli, br(&plain, level)),
            (Coding::Zstd, zstd_frame(&plain, level as i32)),
        ] {
            let mut ends: Vec<usize> = cuts.iter_mut().map(|cut| cut.index(coded.len())).collect();
            ends.sort_unstable();
            ends.push(coded.len());
            let mut from = 0;
            let pieces: Vec<&[u8]> = ends
                .into_iter()
                .map(|end| {
                    let piece = &coded[from..end];
                    from = end;
                    piece
                })
                .collect();
            let found = decode_by(coding, WIDE, room, &pieces);
            prop_assert_eq!(&found, &(plain.clone(), Ok(())));
        }
    }

    #[test]
    fn p4_any_bytes_in_any_coding_end_in_bytes_or_a_fault(
        coded in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        for coding in Coding::ALL {
            let bounds = Bounds { bytes: 1 << 22, ratio: u64::MAX };
            decode_by(coding, bounds, 4096, &[&coded]).1.ok();
        }
    }
}
