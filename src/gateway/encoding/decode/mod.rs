//! Coded bodies taken apart: push machines, coded bytes in, decoded bytes out. Start at [`Decoder`].
//!
//! **Invariant:** does no I/O, knows no HTTP.

mod brotli;
mod deflate;
mod fault;
mod gzip;
mod zstd;

pub use fault::DecodeFault;

/// The largest piece in which a decoded body is handed on.
pub const PIECE_BYTES: usize = 16 << 10;

/// A body may grow as it likes up to here: [`Bounds::ratio`] is held against what is larger.
pub const RATIO_FROM_BYTES: u64 = 1 << 20;

/// A content coding that the gateway takes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip`, or `x-gzip`, its older name.
    Gzip,
    /// `deflate`.
    Deflate,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

impl Coding {
    /// Every coding.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Deflate, Self::Brotli, Self::Zstd];

    /// Its name in headers and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Whether a stream that was cut off shows it. Where several may follow one another, one that lacks the last does not.
    #[must_use]
    pub fn tells_its_end(self) -> bool {
        match self {
            Self::Deflate | Self::Brotli => true,
            Self::Gzip | Self::Zstd => false,
        }
    }

    /// The coding named `name`, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("x-gzip") {
            return Some(Self::Gzip);
        }
        let mut all = Self::ALL.into_iter();
        all.find(|coding| name.eq_ignore_ascii_case(coding.name()))
    }
}

/// How much a decoded body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of the decoded body.
    pub bytes: u64,
    /// Decoded bytes for each coded one, once more than [`RATIO_FROM_BYTES`] came out.
    pub ratio: u64,
}

/// Takes one coded body apart.
///
/// A push machine with room of the caller's: each [`step`](Decoder::step) takes what it can of the input and fills a piece.
/// Where the input was cut changes neither the bytes nor the fault; only where exactly [`Bounds::ratio`] bites may differ by
/// what the coding reads ahead, which is less than 128 KiB, and where a bound and another fault are reached within one piece
/// either is told.
pub struct Decoder {
    inner: Inner,
    bounds: Bounds,
    coded: u64,
    decoded: u64,
    /// What ended it: every later call gives the same.
    fault: Option<DecodeFault>,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Bytes that were taken from the start of the input.
    pub consumed: usize,
    /// Bytes that were written to the start of the piece.
    pub produced: usize,
}

/// The codings' own states. They are large, and most bodies have none.
enum Inner {
    Gzip(Box<gzip::Gzip>),
    Deflate(Box<deflate::Deflate>),
    Brotli(Box<brotli::Brotli>),
    Zstd(zstd::Zstd),
}

impl Decoder {
    /// A decoder of a body in `coding`, which may grow to `bounds`.
    #[must_use]
    pub fn new(coding: Coding, bounds: Bounds) -> Self {
        Self {
            inner: match coding {
                Coding::Gzip => Inner::Gzip(Box::default()),
                Coding::Deflate => Inner::Deflate(Box::default()),
                Coding::Brotli => Inner::Brotli(Box::default()),
                Coding::Zstd => Inner::Zstd(zstd::Zstd::default()),
            },
            bounds,
            coded: 0,
            decoded: 0,
            fault: None,
        }
    }

    /// Takes from the start of `input` and writes to the start of `piece`. All of the input so far is decoded once the input is
    /// empty and a step has produced nothing.
    ///
    /// # Errors
    /// If the input is not of the coding, or what comes out exceeds the bounds; then every later call gives the same fault, and
    /// what `piece` holds is not to be used.
    pub fn step(&mut self, input: &[u8], piece: &mut [u8]) -> Result<Step, DecodeFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let stepped = match &mut self.inner {
            Inner::Gzip(gzip) => gzip.step(input, piece),
            Inner::Deflate(deflate) => deflate.step(input, piece),
            Inner::Brotli(brotli) => brotli.step(input, piece),
            Inner::Zstd(zstd) => zstd.step(input, piece),
        };
        let bounded = stepped.and_then(|step| {
            let stands_still = step.consumed == 0 && step.produced == 0;
            if stands_still && !input.is_empty() && !piece.is_empty() {
                return Err(DecodeFault::Malformed);
            }
            self.coded += step.consumed as u64;
            self.decoded += step.produced as u64;
            if self.decoded > self.bounds.bytes {
                return Err(DecodeFault::TooLarge);
            }
            if self.decoded > RATIO_FROM_BYTES
                && self.decoded > self.coded.saturating_mul(self.bounds.ratio)
            {
                return Err(DecodeFault::Ratio);
            }
            Ok(step)
        });
        bounded.inspect_err(|fault| self.fault = Some(*fault))
    }

    /// Ends the body, all of which was decoded.
    ///
    /// # Errors
    /// If it is not whole; as [`Decoder::step`].
    pub fn finish(&mut self) -> Result<(), DecodeFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let whole = match &self.inner {
            Inner::Gzip(gzip) => gzip.is_whole(),
            Inner::Deflate(deflate) => deflate.is_whole(),
            Inner::Brotli(brotli) => brotli.is_whole(),
            Inner::Zstd(zstd) => zstd.is_whole(),
        };
        if whole {
            return Ok(());
        }
        self.fault = Some(DecodeFault::Truncated);
        Err(DecodeFault::Truncated)
    }

    /// Bytes taken so far.
    #[must_use]
    pub fn coded_bytes(&self) -> u64 {
        self.coded
    }

    /// Bytes that came out so far.
    #[must_use]
    pub fn decoded_bytes(&self) -> u64 {
        self.decoded
    }
}

#[cfg(test)]
mod tests;
