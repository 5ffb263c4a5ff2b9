//! What leaves, compressed for a partner that asks for it.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Coding;
use super::meter::Meter;

/// The base-2 logarithm of the window: 256 KiB, so that an encoder's memory is bounded whatever the level.
const WINDOW_LOG: u32 = 18;

/// What the encoder of `br` takes in at a time.
const BROTLI_BUFFER_BYTES: usize = 4 << 10;

/// Compresses one body, piece by piece. What it was given can be decoded from what it gave, piece by piece: nothing is kept
/// back for a better ratio, so that a stream stays one.
pub(crate) struct Encoder {
    coding: Coding,
    meter: Meter,
    inner: Inner,
}

enum Inner {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

/// Only our own faults could make it fail.
const IN_MEMORY: &str = "compressing into memory does not fail";

impl Encoder {
    /// An encoder in `coding`, which is one that partners are offered, at `level`, 1 to 9, counted by `meter`.
    pub(crate) fn new(coding: Coding, level: u8, meter: Meter) -> Self {
        let level = u32::from(level);
        let inner = match coding {
            // Nobody is offered `deflate`, of which there are two.
            Coding::Gzip | Coding::Deflate => {
                Inner::Gzip(GzEncoder::new(Vec::new(), Compression::new(level)))
            }
            Coding::Brotli => Inner::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER_BYTES,
                level,
                WINDOW_LOG,
            ))),
            Coding::Zstd => Inner::Zstd(zstd_encoder(level).expect(IN_MEMORY)),
        };
        Self {
            coding,
            meter,
            inner,
        }
    }

    /// Its coding.
    pub(crate) fn coding(&self) -> Coding {
        self.coding
    }

    /// All of `plain`, compressed.
    pub(crate) fn piece(&mut self, plain: &[u8]) -> Vec<u8> {
        let written = match &mut self.inner {
            Inner::Gzip(writer) => flushed(writer, plain),
            Inner::Brotli(writer) => flushed(writer, plain),
            Inner::Zstd(writer) => flushed(writer, plain),
        };
        written.expect(IN_MEMORY);
        let coded = std::mem::take(match &mut self.inner {
            Inner::Gzip(writer) => writer.get_mut(),
            Inner::Brotli(writer) => writer.get_mut(),
            Inner::Zstd(writer) => writer.get_mut(),
        });
        self.meter.count(coded.len() as u64, plain.len() as u64);
        coded
    }

    /// `plain`, which is the last, compressed, and the end of the coding.
    pub(crate) fn last(self, plain: &[u8]) -> Vec<u8> {
        let finished = match self.inner {
            Inner::Gzip(mut writer) => writer.write_all(plain).and_then(|()| writer.finish()),
            Inner::Brotli(mut writer) => writer.write_all(plain).map(|()| writer.into_inner()),
            Inner::Zstd(mut writer) => writer.write_all(plain).and_then(|()| writer.finish()),
        };
        let coded = finished.expect(IN_MEMORY);
        self.meter.count(coded.len() as u64, plain.len() as u64);
        coded
    }
}

fn flushed(writer: &mut impl Write, plain: &[u8]) -> io::Result<()> {
    writer.write_all(plain)?;
    writer.flush()
}

fn zstd_encoder(level: u32) -> io::Result<zstd::Encoder<'static, Vec<u8>>> {
    let level = i32::try_from(level).unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL);
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.window_log(WINDOW_LOG)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Bounds, Decoder, Direction, Meters, PIECE_BYTES};
    use super::*;

    const OFFERED: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];

    fn encoder(coding: Coding, level: u8) -> Encoder {
        let registry = prometheus::Registry::new();
        let meters = Meters::new(&registry).unwrap();
        Encoder::new(coding, level, meters.meter(Direction::ToPartner, coding))
    }

    fn decoder(coding: Coding) -> Decoder {
        let bounds = Bounds {
            bytes: u64::MAX,
            ratio: u64::MAX,
        };
        Decoder::new(coding, bounds)
    }

    fn decoded(decoder: &mut Decoder, mut coded: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let step = decoder.step(coded, &mut piece).unwrap();
            coded = &coded[step.consumed..];
            out.extend_from_slice(&piece[..step.produced]);
            if coded.is_empty() && step.produced == 0 {
                return out;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn p8_any_body_leaves_as_it_is_in_any_coding_and_each_piece_at_once(
            pieces in proptest::collection::vec(proptest::collection::vec(97_u8..110, 1..3000), 0..6),
            level in 1_u8..10,
        ) {
            for coding in OFFERED {
                let mut encoder = encoder(coding, level);
                let mut decoder = decoder(coding);
                for piece in &pieces {
                    let coded = encoder.piece(piece);
                    prop_assert_eq!(&decoded(&mut decoder, &coded), piece);
                }
                let coded = encoder.last(b"the end");
                prop_assert_eq!(decoded(&mut decoder, &coded), b"the end");
                prop_assert_eq!(decoder.finish(), Ok(()));
            }
        }
    }

    #[test]
    fn p4_what_is_not_ended_does_not_look_whole() {
        for coding in OFFERED {
            let mut encoder = encoder(coding, 4);
            let coded = encoder.piece(b"some of it");
            let mut decoder = decoder(coding);
            assert_eq!(decoded(&mut decoder, &coded), b"some of it");
            assert!(decoder.finish().is_err(), "{coding:?}");
        }
    }
}
