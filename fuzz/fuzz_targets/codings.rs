//! A coded body: the same bytes and the same fault at every cut, within its bounds. The first byte says which coding it is, and
//! whether the rest is a body in it or is to be coded first, and then perhaps broken at one place.

#![no_main]

use std::io::Write;

use fieldgate::decode::{Bounds, Coding, DecodeFault, Decoder, PIECE_BYTES};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use libfuzzer_sys::{Corpus, fuzz_target};

/// More than most inputs make, and little enough to be done again and again.
const WIDE: Bounds = Bounds {
    bytes: 1 << 21,
    ratio: u64::MAX,
};

/// What came out before the end, and the end.
type Decoded = (Vec<u8>, Result<(), DecodeFault>);

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((way, rest)) = input.split_first() else {
        return Corpus::Reject;
    };
    let mut draw = Draw(input.iter().fold(0x9e37_79b9_7f4a_7c15, |sum: u64, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    }));
    let coding = Coding::ALL[usize::from(way % 4)];
    let mut coded = rest.to_vec();
    if way & 4 != 0 {
        coded = encoded(coding, rest, &mut draw);
        assert_eq!(decode(coding, WIDE, &mut draw, &coded, false), (rest.to_vec(), Ok(())));
        if way & 8 != 0 && !coded.is_empty() {
            let at = draw.below(coded.len());
            coded[at] ^= 1 << draw.below(8);
        }
    }
    let whole = decode(coding, WIDE, &mut draw, &coded, false);
    for _ in 0..3 {
        let cut = decode(coding, WIDE, &mut draw, &coded, true);
        is_the_same(&whole, &cut);
    }
    // What a bound refuses is what is larger, and no more comes out of it.
    let bytes = draw.below(whole.0.len() + 2) as u64;
    let bounds = Bounds { bytes, ..WIDE };
    let (out, ended) = decode(coding, bounds, &mut draw, &coded, true);
    assert!(out.len() as u64 <= bytes && is_one_way(&whole.0, &out));
    match (whole.1, ended) {
        (Ok(()), ended) => {
            let is_larger = whole.0.len() as u64 > bytes;
            assert_eq!(ended, if is_larger { Err(DecodeFault::TooLarge) } else { Ok(()) });
        }
        (Err(_), Err(_)) => {}
        (Err(fault), Ok(())) => panic!("{fault} is passed where less may come out"),
    }
    Corpus::Keep
});

/// Of a body with a fault, how much came out before it hangs on the cuts; where a bound is reached as well, either is told.
fn is_the_same((out, ended): &Decoded, (cut_out, cut_ended): &Decoded) {
    match (ended, cut_ended) {
        (Ok(()), Ok(())) => assert!(out == cut_out),
        (Err(one), Err(other)) => {
            let either = [one, other].contains(&&DecodeFault::TooLarge);
            assert!(one == other || either, "{one:?}, {other:?}");
            assert!(is_one_way(out, cut_out));
        }
        (one, other) => panic!("{one:?}, {other:?}"),
    }
}

/// Whether one is the beginning of the other.
fn is_one_way(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Decodes `coded` in one piece, or in pieces and into rooms that are drawn.
fn decode(coding: Coding, bounds: Bounds, draw: &mut Draw, coded: &[u8], cut: bool) -> Decoded {
    let mut decoder = Decoder::new(coding, bounds);
    let mut room = vec![0; if cut { 1 + draw.below(PIECE_BYTES) } else { PIECE_BYTES }];
    let mut out = Vec::new();
    let mut left = coded;
    let mut first = true;
    while first || !left.is_empty() {
        first = false;
        let length = match cut {
            false => left.len(),
            true if draw.below(2) == 0 => 1.min(left.len()),
            true => draw.below(left.len() + 1),
        };
        let (mut piece, after) = left.split_at(length);
        left = after;
        loop {
            match decoder.step(piece, &mut room) {
                Ok(step) => {
                    assert!(step.consumed <= piece.len() && step.produced <= room.len());
                    piece = &piece[step.consumed..];
                    out.extend_from_slice(&room[..step.produced]);
                    if piece.is_empty() && step.produced == 0 {
                        break;
                    }
                }
                Err(fault) => {
                    assert_eq!(decoder.step(b"", &mut room), Err(fault));
                    assert_eq!(decoder.finish(), Err(fault));
                    return (out, Err(fault));
                }
            }
        }
    }
    assert_eq!(decoder.decoded_bytes(), out.len() as u64);
    assert_eq!(decoder.coded_bytes(), coded.len() as u64);
    let ended = decoder.finish();
    (out, ended)
}

/// `plain` in `coding`, at a level that is drawn.
fn encoded(coding: Coding, plain: &[u8], draw: &mut Draw) -> Vec<u8> {
    let level = draw.below(10) as u32;
    let compression = Compression::new(level);
    let done = "a vector takes everything";
    match coding {
        Coding::Gzip => {
            // Two members, of which the first may be empty.
            let (head, tail) = plain.split_at(draw.below(plain.len() + 1));
            let member = |part: &[u8]| {
                let mut writer = GzEncoder::new(Vec::new(), compression);
                writer.write_all(part).expect(done);
                writer.finish().expect(done)
            };
            [member(head), member(tail)].concat()
        }
        Coding::Deflate if draw.below(2) == 0 => {
            let mut writer = DeflateEncoder::new(Vec::new(), compression);
            writer.write_all(plain).expect(done);
            let raw = writer.finish().expect(done);
            match raw[..] {
                // What looks like zlib's header is taken for one.
                [a, b, ..] if a & 15 == 8 && u16::from_be_bytes([a, b]) % 31 == 0 => {
                    zlib(plain, compression)
                }
                _ => raw,
            }
        }
        Coding::Deflate => zlib(plain, compression),
        Coding::Brotli => {
            let mut coded = Vec::new();
            let mut writer = brotli::CompressorWriter::new(&mut coded, 4096, level.min(5), 18);
            writer.write_all(plain).expect(done);
            drop(writer);
            coded
        }
        Coding::Zstd => zstd::encode_all(plain, level as i32).expect(done),
    }
}

fn zlib(plain: &[u8], compression: Compression) -> Vec<u8> {
    let done = "a vector takes everything";
    let mut writer = ZlibEncoder::new(Vec::new(), compression);
    writer.write_all(plain).expect(done);
    writer.finish().expect(done)
}

/// Numbers that look drawn and are the same for the same input (xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 |= 1;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound as u64) as usize
    }
}
