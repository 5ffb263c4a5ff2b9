//! The machine for bodies that are not looked into: they pass byte for byte, up to the limit.

use super::{BodyError, BodyFault, FieldOutcome, Limits, Machine, SubjectToken, Tally};

/// Lets one body through as it is. Counts it as one value kept whole, from its first byte on.
#[derive(Debug)]
pub(super) struct OpaqueMachine {
    tally: Tally,
    body_bytes: u64,
    /// What has passed; nothing is ever held.
    offset: u64,
    dead: Option<BodyError>,
}

impl OpaqueMachine {
    /// A machine at the start of a body. Of `limits` only [`Limits::body_bytes`] says anything here.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            tally: Tally::default(),
            body_bytes: limits.body_bytes,
            offset: 0,
            dead: None,
        }
    }
}

impl Machine for OpaqueMachine {
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.tally.bytes_in += input.len() as u64;
        if let Some(dead) = &self.dead {
            return Err(dead.clone());
        }
        let room = self.body_bytes - self.offset;
        let over = input.len() as u64 > room;
        let passes = if over { &input[..room as usize] } else { input };
        if self.offset == 0 && !passes.is_empty() {
            self.tally.count(FieldOutcome::KeepAll);
        }
        out.extend_from_slice(passes);
        self.offset += passes.len() as u64;
        self.tally.bytes_out = self.offset;
        if !over {
            return Ok(());
        }
        let error = BodyError {
            fault: BodyFault::BodyTooLarge,
            offset: self.offset,
            path: "$".to_owned(),
        };
        self.dead = Some(error.clone());
        Err(error)
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        match &self.dead {
            Some(dead) => Err(dead.clone()),
            None => Ok(self.tally.clone()),
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(body_bytes: u64, pieces: &[&[u8]]) -> (Vec<u8>, Result<Tally, BodyError>) {
        let limits = Limits {
            body_bytes,
            ..Limits::default()
        };
        let mut machine = OpaqueMachine::new(&limits);
        let mut out = Vec::new();
        for piece in pieces {
            if let Err(error) = machine.push(piece, &mut out) {
                let later = machine.push(b"more", &mut out);
                assert_eq!(later, Err(error.clone()), "a later push");
                assert_eq!(machine.finish(&mut out), Err(error.clone()), "its end");
                return (out, Err(error));
            }
        }
        let ended = machine.finish(&mut out);
        (out, ended)
    }

    #[test]
    fn p8_a_body_passes_byte_for_byte_however_it_is_cut() {
        let body = b"%PDF-1.7\r\n\0\xff\xfe not looked into";
        let (out, whole) = run(u64::MAX, &[body]);
        assert_eq!(out, body);
        let tally = whole.clone().unwrap();
        assert_eq!(tally.bytes_in, body.len() as u64);
        assert_eq!(tally.bytes_out, body.len() as u64);
        assert_eq!(tally.field(FieldOutcome::KeepAll), 1);
        for cut in 0..=body.len() {
            let (head, tail) = body.split_at(cut);
            assert_eq!(run(u64::MAX, &[head, tail]), (body.to_vec(), whole.clone()));
        }
        let (out, empty) = run(u64::MAX, &[]);
        assert_eq!((out.len(), empty), (0, Ok(Tally::default())));
    }

    #[test]
    fn p5_a_body_over_the_limit_ends_at_the_same_byte_however_it_is_cut() {
        let body = b"0123456789";
        let error = BodyError {
            fault: BodyFault::BodyTooLarge,
            offset: 7,
            path: "$".to_owned(),
        };
        for cut in 0..=body.len() {
            let (head, tail) = body.split_at(cut);
            let (out, ended) = run(7, &[head, tail]);
            assert_eq!((out.as_slice(), ended), (&body[..7], Err(error.clone())));
        }
        assert!(run(10, &[body]).1.is_ok(), "a body of exactly the limit");
    }
}
