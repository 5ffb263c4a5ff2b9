//! A body of which all is agreed, or nothing leaves: for what a partner sends.

use super::{BodyError, BodyFault, FieldOutcome, Limits, Machine, SubjectToken, Tally};

/// Around a machine: what it lets out waits for the body's end, and leaves only if nothing had to stay behind. Which piece
/// brought what is not agreed cannot be told from outside, so the fault is the body's, seen at its end.
pub(super) struct StrictMachine {
    inner: Box<dyn Machine>,
    held: Vec<u8>,
    limits: Limits,
    bytes_in: u64,
    dead: Option<BodyError>,
}

impl StrictMachine {
    /// Around `inner`, which has `limits`: no more of a body is held than [`Limits::held_bytes`].
    pub(super) fn around(inner: Box<dyn Machine>, limits: &Limits) -> Self {
        Self {
            inner,
            held: Vec::new(),
            limits: limits.clone(),
            bytes_in: 0,
            dead: None,
        }
    }

    fn dies(&mut self, fault: BodyFault, offset: u64) -> BodyError {
        self.held = Vec::new();
        let error = BodyError {
            fault,
            offset,
            path: "$".to_owned(),
        };
        self.dead.insert(error).clone()
    }
}

impl Machine for StrictMachine {
    fn push(&mut self, input: &[u8], _: &mut Vec<u8>) -> Result<(), BodyError> {
        if let Some(dead) = &self.dead {
            return Err(dead.clone());
        }
        // As much as fits is read first, so that a fault in it is told wherever the body was cut.
        let most = self.limits.held_bytes as u64;
        let room = most - self.bytes_in;
        let over = input.len() as u64 > room;
        let taken = if over { &input[..room as usize] } else { input };
        self.bytes_in += taken.len() as u64;
        self.inner.push(taken, &mut self.held)?;
        match over {
            true => Err(self.dies(BodyFault::HeldTooLarge, most)),
            false => Ok(()),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        if let Some(dead) = &self.dead {
            return Err(dead.clone());
        }
        let tally = self.inner.finish(&mut self.held)?;
        let stays = [FieldOutcome::Undeclared, FieldOutcome::Mismatch];
        if stays.iter().any(|outcome| tally.field(*outcome) > 0) {
            return Err(self.dies(BodyFault::Undeclared, self.bytes_in));
        }
        out.append(&mut self.held);
        Ok(tally)
    }

    fn tally(&self) -> &Tally {
        self.inner.tally()
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        self.inner.take_subjects()
    }
}
