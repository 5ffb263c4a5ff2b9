//! The machine for XML 1.0 with namespaces, strict: what it skips it has checked.
//!
//! ```text
//! push: whole UTF-8 sequences only; those cut at the end wait
//!   for each window of the input
//!     characters: UTF-8, and none that XML forbids
//!     markup:     where tags and text are, whether they are XML; a tag that is cut waits
//!     walk:       names, fates, what leaves
//! ```
//!
//! How selectors see a document is in `docs/FORMATS.md`. A fault is the first byte that breaks a rule, the same
//! wherever the body was cut: each step looks only at what stands before the place where another has found one, and
//! what waits is asked before a fault behind it counts.

mod characters;
mod check;
mod markup;
mod reference;
mod scope;
mod tag;
mod view;
mod walk;

pub(crate) use check::check;

use std::sync::Arc;

use crate::transform::Occasion;

use super::{BodyError, BodyFault, Machine, SubjectToken, Tally};
use crate::plan::{Plan, Xml};
use markup::Markup;
use walk::{Place, Walk};

/// What ends a walk.
#[derive(Debug)]
struct Fault {
    fault: BodyFault,
    /// The byte that broke the rule.
    offset: u64,
    /// How far the body had to be read to tell. A limit reached before that comes first, wherever the body was cut.
    seen: u64,
    /// The path, if it is not that of what is open now.
    path: Option<String>,
}

impl Fault {
    /// A fault that shows at the byte that makes it.
    fn at(fault: BodyFault, offset: u64) -> Box<Self> {
        Box::new(Self {
            fault,
            offset,
            seen: offset,
            path: None,
        })
    }
}

/// Boxed, since faults are rare and results are returned for each tag.
type Outcome<T = ()> = Result<T, Box<Fault>>;

/// Bytes looked at in turns: few enough to stay near the processor.
const WINDOW: usize = 16 << 10;

/// U+FEFF in UTF-8. It says that the body is UTF-8 and is no part of the document (XML 1.0 §4.3.3).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Minimises one XML document.
#[derive(Debug)]
pub struct XmlMachine {
    markup: Markup,
    walk: Walk,
    /// A UTF-8 sequence that the input so far cuts: fewer than four bytes.
    cut: Vec<u8>,
    /// Bytes before those not looked at yet.
    offset: u64,
    body_bytes: u64,
    dead: Option<BodyError>,
}

impl XmlMachine {
    /// A machine at the start of a body under `plan`, whose selectors name namespaces as `xml` says, on the
    /// day `today`.
    #[must_use]
    pub fn new(plan: Arc<Plan>, xml: &Xml, occasion: impl Into<Occasion>) -> Self {
        Self {
            markup: Markup::new(plan.limits()),
            cut: Vec::new(),
            offset: 0,
            body_bytes: plan.limits().body_bytes,
            dead: None,
            walk: Walk::new(plan, xml, occasion.into()),
        }
    }

    fn take(&mut self, mut input: &[u8]) -> Outcome {
        let room = self.body_bytes - (self.offset + self.cut.len() as u64);
        let over = input.len() as u64 > room;
        if over {
            input = &input[..room as usize];
        }
        while !self.cut.is_empty() && !input.is_empty() {
            self.cut.push(input[0]);
            input = &input[1..];
            match std::str::from_utf8(&self.cut) {
                Ok(_) => {
                    let whole = std::mem::take(&mut self.cut);
                    self.characters(&whole)?;
                }
                Err(error) if error.error_len().is_some() => {
                    return Err(self.fault(BodyFault::NotUtf8));
                }
                Err(_) => {}
            }
        }
        while !input.is_empty() {
            let (window, rest) = input.split_at(input.len().min(WINDOW));
            match simdutf8::compat::from_utf8(window) {
                Ok(_) => {
                    self.characters(window)?;
                    input = rest;
                }
                Err(error) => {
                    let (whole, broken) = input.split_at(error.valid_up_to());
                    self.characters(whole)?;
                    if error.error_len().is_some() {
                        return Err(self.fault(BodyFault::NotUtf8));
                    }
                    if rest.is_empty() {
                        self.cut.extend_from_slice(broken);
                    }
                    input = if rest.is_empty() { &[] } else { broken };
                }
            }
        }
        if over {
            Err(self.fault(BodyFault::BodyTooLarge))
        } else {
            self.limits()
        }
    }

    /// Takes whole characters.
    fn characters(&mut self, mut whole: &[u8]) -> Outcome {
        if self.offset == 0 && whole.starts_with(BYTE_ORDER_MARK) {
            whole = &whole[BYTE_ORDER_MARK.len()..];
            self.offset = BYTE_ORDER_MARK.len() as u64;
            self.markup.starts_at(self.offset);
        }
        let forbidden = characters::forbidden(whole);
        let sound = forbidden.map_or(whole, |at| &whole[..at]);
        self.markup
            .window(sound, self.offset, &mut self.walk)
            .map_err(|fault| self.walk.earlier(fault))?;
        self.offset += sound.len() as u64;
        match forbidden {
            Some(_) => Err(self.fault(BodyFault::BadString)),
            None => Ok(()),
        }
    }

    /// A record that has grown too large, if there is one.
    fn limits(&mut self) -> Outcome {
        match self.walk.reached(self.offset) {
            // What waits was not checked yet.
            Some(limit) => Err(self.markup.pending(limit.offset).unwrap_or(limit)),
            None => Ok(()),
        }
    }

    /// A fault at the next byte, unless what waits before it has one.
    fn fault(&mut self, fault: BodyFault) -> Box<Fault> {
        let fault = match self.markup.pending(u64::MAX) {
            Some(pending) => pending,
            None => Fault::at(fault, self.offset),
        };
        self.walk.earlier(fault)
    }

    fn end(&mut self) -> Outcome {
        if !self.cut.is_empty() {
            return Err(self.fault(BodyFault::NotUtf8));
        }
        if !self.markup.complete() || self.walk.place() != Place::After {
            return Err(self.fault(BodyFault::Truncated));
        }
        Ok(())
    }

    /// Runs one call: what a record holds back stays behind, and after a fault the machine is dead.
    fn call(
        &mut self,
        out: &mut Vec<u8>,
        work: impl FnOnce(&mut Self) -> Outcome,
    ) -> Result<(), BodyError> {
        if let Some(dead) = &self.dead {
            return Err(dead.clone());
        }
        let before = out.len();
        std::mem::swap(&mut self.walk.out, out);
        self.walk.resume();
        let worked = work(self);
        self.walk.suspend(worked.is_err());
        std::mem::swap(&mut self.walk.out, out);
        self.walk.tally.bytes_out += (out.len() - before) as u64;
        worked.map_err(|fault| {
            let Fault {
                fault,
                offset,
                path,
                ..
            } = *fault;
            let path = path.unwrap_or_else(|| self.walk.path());
            let error = BodyError {
                fault,
                offset,
                path,
            };
            self.dead = Some(error.clone());
            error
        })
    }
}

impl Machine for XmlMachine {
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.walk.tally.bytes_in += input.len() as u64;
        self.call(out, |machine| machine.take(input))
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        self.call(out, Self::end)?;
        Ok(self.walk.tally.clone())
    }

    fn tally(&self) -> &Tally {
        &self.walk.tally
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        std::mem::take(&mut self.walk.subjects)
    }
}
