//! The machine for JSON (RFC 8259), strict: what it skips it has checked.
//!
//! ```text
//! push: whole UTF-8 sequences only; those cut at the end wait
//!   for each window of the input
//!     scan:    where its tokens start, whether its strings are sound
//!     grammar: whether the tokens are JSON, where what they open ends
//!     walk:    names, fates, what leaves
//! ```
//!
//! A fault is the first byte that breaks a rule, the same wherever the body was cut: each step looks only at
//! what stands before the place where another has found one.

use std::sync::Arc;

use super::grammar::Grammar;
use super::scan::{RECORDS_WINDOW, Scan, WINDOW};
use super::tokens::{Lent, Tokens};
use super::vector::Level;
use super::walk::{Fault, Io, Outcome, RootRefused, Walk};
use super::{BodyError, BodyFault, Machine, SubjectToken, Tally};
use crate::plan::Plan;
use crate::transform::Occasion;

/// Minimises one JSON document.
#[derive(Debug)]
pub struct JsonMachine {
    walk: Walk,
    front: Front,
    /// A UTF-8 sequence that the input so far cuts: fewer than four bytes.
    cut: Vec<u8>,
    /// Bytes before those not walked yet.
    offset: u64,
    body_bytes: u64,
    dead: Option<BodyError>,
}

impl JsonMachine {
    /// A machine at the start of a body.
    ///
    /// # Panics
    /// If the plan asks for today's date ([`Plan::reads_today`]): then it is [`JsonMachine::on`].
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        Self::with_level(plan, Level::best())
    }

    /// A machine at the start of a body on the day `today`.
    #[must_use]
    pub fn on(plan: Arc<Plan>, occasion: impl Into<Occasion>) -> Self {
        Self::start(plan, Level::best(), Some(occasion.into()))
    }

    /// A machine that uses the vector code of `level`: the bytes are the same from all.
    ///
    /// # Panics
    /// As [`JsonMachine::new`].
    #[must_use]
    pub fn with_level(plan: Arc<Plan>, level: Level) -> Self {
        assert!(
            !plan.reads_today(),
            "a plan that asks for today's date is run on a day"
        );
        Self::start(plan, level, None)
    }

    fn start(plan: Arc<Plan>, level: Level, occasion: Option<Occasion>) -> Self {
        Self {
            front: Front::new(level, plan.limits().depth),
            cut: Vec::new(),
            offset: 0,
            body_bytes: plan.limits().body_bytes,
            dead: None,
            walk: Walk::new(plan, level, occasion),
        }
    }

    /// A machine for bodies of several documents, which stand in a container that the body does not write.
    pub(super) fn enclosed(plan: Arc<Plan>, level: Level, occasion: Occasion) -> Self {
        debug_assert!(
            !plan.holds_document(),
            "plans for bodies of several documents stream"
        );
        let mut machine = Self::start(plan, level, Some(occasion));
        if let Err(RootRefused) = machine.walk.enclose() {
            machine.dead = Some(BodyError {
                fault: BodyFault::Mismatch,
                offset: 0,
                path: "$".to_owned(),
            });
        }
        machine
    }

    /// What the documents that come are, and in what: for callers that know more than the walk.
    pub(super) fn walk(&mut self) -> &mut Walk {
        &mut self.walk
    }

    /// The document that comes starts at `offset` in the body.
    pub(super) fn starts_at(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// Whether something of the document in hand has come that is not white space.
    pub(super) fn begun(&self) -> bool {
        self.front.grammar.begun() || !self.cut.is_empty()
    }

    /// Whether the document in hand is a number or literal whose end has not come.
    pub(super) fn in_scalar(&self) -> bool {
        self.front.grammar.in_scalar()
    }

    /// Ends the document in hand of several: whether something of it left. The last `behind` bytes that were taken
    /// are white space that says that it ends; if it does not, the first of them is where that shows.
    pub(super) fn document_ends(&mut self, behind: u64, out: &mut Vec<u8>) -> Outcome<bool> {
        self.end(behind, out)?;
        self.front.restart();
        Ok(self.walk.document_ends())
    }

    /// Passes over one byte that frames the documents: what comes before it is whole.
    pub(super) fn pass(&mut self) -> Outcome {
        if !self.cut.is_empty() {
            return Err(self.fault(BodyFault::NotUtf8));
        }
        if self.offset == self.body_bytes {
            return Err(self.fault(BodyFault::BodyTooLarge));
        }
        self.skip(1);
        Ok(())
    }

    /// Passes over a piece of text around the documents: it must be UTF-8.
    pub(super) fn pass_text(&mut self, input: &[u8]) -> Outcome {
        self.feed(input, |machine, text| {
            let checked = simdutf8::compat::from_utf8(text);
            machine.skip(checked.map_or_else(|error| error.valid_up_to(), str::len));
            match checked {
                Ok(_) => Ok(()),
                Err(_) => Err(machine.fault(BodyFault::NotUtf8)),
            }
        })
    }

    fn skip(&mut self, count: usize) {
        self.offset += count as u64;
        self.walk.skips(count as u64);
    }

    /// Takes a piece of the body, or of the document in hand of several.
    pub(super) fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> Outcome {
        self.feed(input, |machine, whole| machine.walk_whole(whole, out))
    }

    /// Gives `sink` a piece of the body in parts that end with whole UTF-8 sequences, if they are UTF-8.
    fn feed(
        &mut self,
        mut input: &[u8],
        mut sink: impl FnMut(&mut Self, &[u8]) -> Outcome,
    ) -> Outcome {
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
                    sink(self, &whole)?;
                }
                Err(error) if error.error_len().is_some() => {
                    return Err(self.fault(BodyFault::NotUtf8));
                }
                Err(_) => {}
            }
        }
        let (whole, cut) = input.split_at(input.len() - cut_sequence(input));
        sink(self, whole)?;
        self.cut.extend_from_slice(cut);
        if over {
            let fault = Fault::at(BodyFault::BodyTooLarge, self.body_bytes);
            Err(self.walk.earlier(fault))
        } else {
            Ok(())
        }
    }

    /// Walks over bytes that end with a whole sequence of UTF-8, if they are UTF-8.
    fn walk_whole(&mut self, mut whole: &[u8], out: &mut Vec<u8>) -> Outcome {
        let mut tokens = Lent::new();
        while !whole.is_empty() {
            let most = match self.walk.records_depth() {
                Some(_) => RECORDS_WINDOW,
                None => WINDOW,
            };
            let end = match whole.get(..most) {
                Some(window) if whole.len() > most => most - cut_sequence(window),
                Some(_) | None => whole.len(),
            };
            let window = Window {
                bytes: &whole[..end],
                offset: self.offset,
                last: end == whole.len(),
            };
            let taken = self
                .front
                .window(&mut self.walk, &mut tokens, window, out)?;
            self.offset += taken as u64;
            whole = &whole[taken..];
        }
        Ok(())
    }

    /// A fault at the next byte.
    pub(super) fn fault(&self, fault: BodyFault) -> Box<Fault> {
        self.walk.earlier(Fault::at(fault, self.offset))
    }

    /// Ends the document: it must be whole.
    fn end(&mut self, behind: u64, out: &mut Vec<u8>) -> Outcome {
        if !self.cut.is_empty() {
            return Err(self.fault(BodyFault::NotUtf8));
        }
        if !self.front.grammar.complete() {
            let fault = Fault::at(BodyFault::Truncated, self.offset - behind);
            return Err(self.walk.earlier(fault));
        }
        let mut io = Io::new(&[], self.offset, out);
        self.walk
            .finish(&mut io)
            .map_err(|fault| self.walk.earlier(fault))
    }

    /// Notes that the caller pushes `bytes` bytes of the body.
    pub(super) fn comes(&mut self, bytes: usize) {
        self.walk.tally.bytes_in += bytes as u64;
    }

    /// Runs one call: what a record holds back stays behind, and after a fault the machine is dead.
    pub(super) fn call(
        &mut self,
        out: &mut Vec<u8>,
        work: impl FnOnce(&mut Self, &mut Vec<u8>) -> Outcome,
    ) -> Result<(), BodyError> {
        if let Some(dead) = &self.dead {
            return Err(dead.clone());
        }
        let before = out.len();
        self.walk.resume_at(out);
        let worked = work(self, out);
        match &worked {
            Ok(()) => self.walk.hold_back(out),
            Err(_) => self.walk.roll_back(out),
        }
        self.walk.tally.bytes_out += (out.len() - before) as u64;
        worked.map_err(|fault| {
            let Fault {
                fault,
                offset,
                depth,
                ..
            } = *fault;
            let error = BodyError {
                fault,
                offset,
                path: self.walk.path(depth),
            };
            self.dead = Some(error.clone());
            error
        })
    }
}

impl Machine for JsonMachine {
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.walk.tally.bytes_in += input.len() as u64;
        self.call(out, |machine, out| machine.take(input, out))
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        self.call(out, |machine, out| machine.end(0, out))?;
        Ok(self.walk.tally.clone())
    }

    fn tally(&self) -> &Tally {
        &self.walk.tally
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        std::mem::take(&mut self.walk.subjects)
    }

    fn rest(&mut self) -> bool {
        if self.dead.is_some() {
            return false;
        }
        self.walk.rest();
        self.front.restart();
        self.cut.clear();
        self.offset = 0;
        true
    }

    fn begin(&mut self, plan: &Arc<Plan>, occasion: Occasion) {
        self.walk.begin(plan, occasion);
    }
}

/// How many bytes at the end of `bytes` are the start of a UTF-8 sequence that goes on behind it: fewer than four.
fn cut_sequence(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let Some(lead) = tail.iter().rposition(|byte| *byte >= 0xC0) else {
        return 0;
    };
    match std::str::from_utf8(&tail[lead..]) {
        Err(error) if error.error_len().is_none() => tail.len() - lead,
        Ok(_) | Err(_) => 0,
    }
}

/// A part of the body that is looked at in one go.
#[derive(Clone, Copy)]
struct Window<'a> {
    bytes: &'a [u8],
    /// Of the first of them in the body.
    offset: u64,
    /// No more of the body is there yet.
    last: bool,
}

/// What looks at a window before the walk.
#[derive(Debug)]
struct Front {
    level: Level,
    scan: Scan,
    grammar: Grammar,
}

impl Front {
    fn new(level: Level, depth: usize) -> Self {
        Self {
            level,
            scan: Scan::new(level),
            grammar: Grammar::new(depth),
        }
    }

    /// Starts again: another document comes.
    fn restart(&mut self) {
        self.scan.restart();
        self.grammar.restart();
    }

    /// Scans a window and goes over its tokens: how many of its bytes were taken. Where the rest is scanned again, that is
    /// the beginning of a record.
    ///
    /// Records that are like ones before are crossed; each other one is a window of its own, and so is what stands around.
    fn window(
        &mut self,
        walk: &mut Walk,
        tokens: &mut Tokens,
        window: Window<'_>,
        out: &mut Vec<u8>,
    ) -> Outcome<usize> {
        let Window {
            bytes,
            offset,
            last,
        } = window;
        let flaw = self.scan.index(bytes, tokens);
        let (mut at, mut behind, mut part) = (0, 0, None);
        while let Some(depth) = walk.records_depth() {
            let Some(inside) = self.grammar.depth().checked_sub(depth) else {
                break;
            };
            let between = inside == 0 && walk.is_between_values();
            if between {
                let mut io = Io::new(bytes, offset, out);
                let token = walk.cross(at, behind, tokens, &mut io)?;
                if token != at {
                    self.grammar.crossed();
                    (at, behind) = (token, tokens.position(token - 1) + 1);
                }
            }
            let Some(to) = tokens.behind_close(at, inside) else {
                break;
            };
            let end = tokens.position(to - 1) + 1;
            let part = part.get_or_insert_with(Lent::new);
            part.copy_part(tokens, at..to, behind);
            let own = &bytes[behind..end];
            self.walk(walk, part, own, None, offset + behind as u64, out)?;
            if between {
                walk.learn(part, own);
            }
            (at, behind) = (to, end);
        }
        let rest = &bytes[behind..];
        if behind == 0 {
            self.walk(walk, tokens, rest, flaw, offset, out)?;
        } else if !last && flaw.is_none() && rest.len() < behind / 2 {
            self.scan.restart();
            return Ok(behind);
        } else {
            let part = part.get_or_insert_with(Lent::new);
            part.copy_part(tokens, at..tokens.count(), behind);
            let flaw = flaw.map(|(at, fault)| (at - behind, fault));
            self.walk(walk, part, rest, flaw, offset + behind as u64, out)?;
        }
        Ok(bytes.len())
    }

    /// Checks the grammar of a window and walks over its tokens. Each looks only at what stands before the fault that the
    /// one before found, so the fault that counts is the body's first.
    fn walk(
        &mut self,
        walk: &mut Walk,
        tokens: &mut Tokens,
        window: &[u8],
        flaw: Option<(usize, BodyFault)>,
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let sound = flaw.map_or(window, |(at, _)| &window[..at]);
        let wrong = self.grammar.check(self.level, sound, offset == 0, tokens);
        let sound = wrong.map_or(sound, |(at, _)| &sound[..at]);
        walk.window(tokens, &mut Io::new(sound, offset, out))?;
        match wrong.or(flaw) {
            Some((at, fault)) => Err(walk.earlier(Fault::at(fault, offset + at as u64))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimise::Limits;
    use crate::plan::{Action, BodyRules, OnMismatch, PlanKeys, Rule, Selector};
    use crate::transform::{Generalise, Identified, RootKey, Transform};

    fn rules(fields: &[(&str, &str)]) -> BodyRules {
        let action = |word: &str| match word {
            "keep" => Action::Keep,
            "keep_all" => Action::KeepAll,
            "drop" => Action::Drop,
            "year" => Action::Transform(Transform::Generalise(Generalise::year())),
            "token" => Action::Transform(Transform::Pseudonymise(Identified::text("person"))),
            _ => Action::Transform(Transform::Replace {
                json: word.to_owned(),
            }),
        };
        let rule = |(word, selector): &(&str, &str)| Rule {
            selector: Selector::parse(selector).unwrap(),
            action: action(word),
            on_mismatch: OnMismatch::Drop,
            line: 0,
        };
        BodyRules {
            fields: fields.iter().map(rule).collect(),
            ..BodyRules::default()
        }
    }

    fn plan(rules: &BodyRules) -> Arc<Plan> {
        let root = RootKey::from_bytes([7; 32]);
        let keys = PlanKeys {
            agreement: Some(root.agreement("a", 1)),
            subject: Some(root.subject()),
        };
        Arc::new(Plan::compile(rules, &keys, &Limits::default()).unwrap())
    }

    fn run(plan: &Arc<Plan>, level: Level, pieces: &[&[u8]]) -> Result<(String, Tally), BodyError> {
        let mut machine = JsonMachine::with_level(Arc::clone(plan), level);
        let mut out = Vec::new();
        for piece in pieces {
            machine.push(piece, &mut out)?;
        }
        let tally = machine.finish(&mut out)?;
        Ok((String::from_utf8(out).unwrap(), tally))
    }

    fn check(rules: &BodyRules, sent: &str, leaves: Result<&str, (BodyFault, u64)>) {
        let plan = plan(rules);
        let whole = run(&plan, Level::Portable, &[sent.as_bytes()]);
        let found = whole
            .as_ref()
            .map(|(out, _)| out.as_str())
            .map_err(|error| (error.fault, error.offset));
        assert_eq!(found, leaves, "{sent}");
        for level in Level::available() {
            for cut in 0..=sent.len() {
                let (head, tail) = sent.as_bytes().split_at(cut);
                assert_eq!(
                    run(&plan, level, &[head, tail]),
                    whole,
                    "{sent} cut at {cut}, {level:?}"
                );
            }
            let bytes: Vec<&[u8]> = sent.as_bytes().chunks(1).collect();
            assert_eq!(
                run(&plan, level, &bytes),
                whole,
                "{sent} byte by byte, {level:?}"
            );
        }
    }

    #[test]
    fn p8_rows_leave_the_same_at_every_cut_and_on_every_instruction_set() {
        let person = r#"{"name": "Ada \u00e9", "dob":"1941-03-07","nhs":9990000018,"notes":{"a":[1,2]},"tags":["x","y"]}"#;
        check(
            &rules(&[("keep", "$.name")]),
            person,
            Ok(r#"{"name":"Ada \u00e9"}"#),
        );
        check(
            &rules(&[("year", "$.dob"), ("keep", "$.tags[1]")]),
            person,
            Ok(r#"{"dob":"1941","tags":["y"]}"#),
        );
        check(&rules(&[]), person, Ok("{}"));
        check(&rules(&[("drop", "$")]), person, Ok("null"));
        check(&rules(&[("keep_all", "$")]), person, Ok(person));
        check(
            &rules(&[("keep_all", "$"), ("drop", "$.notes.a"), ("drop", "$.name")]),
            person,
            Ok(r#"{"dob":"1941-03-07","nhs":9990000018,"notes":{},"tags":["x","y"]}"#),
        );
        check(
            &rules(&[("keep", "$..a[*]")]),
            person,
            Ok(r#"{"notes":{"a":[1,2]}}"#),
        );
        check(&rules(&[("keep", "$..b")]), person, Ok("{}"));
        check(
            &rules(&[("keep", "$.x.y"), ("keep", "$.z[*]")]),
            r#"{"x":{},"z":[[],{}]}"#,
            Ok(r#"{"x":{},"z":[]}"#),
        );
        check(
            &rules(&[("keep", "$.*.y")]),
            r#"{"x":{},"w":{"y":1}}"#,
            Ok(r#"{"w":{"y":1}}"#),
        );
        check(
            &rules(&[("\"gone\"", "$.name")]),
            r#"{"na\u006de":1,"b":2}"#,
            Ok(r#"{"na\u006de":"gone"}"#),
        );
        check(
            &rules(&[("keep", "$[?@.x==1].a")]),
            r#"[{"x":1,"a":2},{"x":1,"\u0061":3}]"#,
            Ok(r#"[{"a":2},{"\u0061":3}]"#),
        );
        check(&rules(&[("keep", "$")]), " 12.50 ", Ok("12.50"));
        check(&rules(&[]), "12", Ok("null"));
        check(
            &rules(&[("keep_all", "$.a")]),
            r#"{"a":1e400}"#,
            Ok(r#"{"a":1e400}"#),
        );
    }

    #[test]
    fn p4_faults_are_the_same_at_every_cut_and_on_every_instruction_set() {
        use BodyFault as F;
        let all = rules(&[("keep_all", "$")]);
        for (sent, fault, offset) in [
            (r#"{"a":1,"\u0061":2}"#, F::DuplicateName, 7),
            ("[1,]", F::Malformed, 3),
            ("[1 2]", F::Malformed, 3),
            ("[01]", F::BadNumber, 2),
            ("[1.]", F::BadNumber, 3),
            ("[nul]", F::Malformed, 4),
            ("{\"a\" 1}", F::Malformed, 5),
            ("[1]]", F::TrailingBytes, 3),
            ("{}{}", F::TrailingBytes, 2),
            ("[{]}", F::Malformed, 2),
            ("{\"a\":[}]", F::Malformed, 6),
            (&format!("{}{{}}", "[".repeat(128)), F::TooDeep, 128),
            ("[1", F::Truncated, 2),
            ("", F::Truncated, 0),
            ("-", F::Truncated, 1),
            ("\u{feff}[]", F::ByteOrderMark, 0),
            ("[\"\\x\"]", F::BadString, 3),
            ("[\"\\ud800\"]", F::BadString, 8),
        ] {
            check(&all, sent, Err((fault, offset)));
            let skips = rules(&[("keep", "$.zzz")]);
            if fault != F::DuplicateName {
                check(&skips, sent, Err((fault, offset)));
            }
        }
        let plan = plan(&all);
        // An escape that a block's end cuts, and what is no UTF-8 behind it.
        for before in 0..130 {
            let mut body = b"[\"".to_vec();
            body.resize(before + 2, b'x');
            body.extend_from_slice(b"\\ud834\\udd1\xE9\"]");
            for cut in [0, 1, before] {
                let (head, tail) = body.split_at(cut);
                let error = run(&plan, Level::best(), &[head, tail]).unwrap_err();
                let expected = (F::NotUtf8, before as u64 + 13);
                assert_eq!((error.fault, error.offset), expected);
            }
        }
        for body in [
            &b"[\"\xE9\"]"[..],
            b"[\"\xE9\xE9\xE9",
            b"[\"\xF0\xF0\xF0\xF0\"]",
        ] {
            for cut in 0..=body.len() {
                let (head, tail) = body.split_at(cut);
                let error = run(&plan, Level::best(), &[head, tail]).unwrap_err();
                assert_eq!((error.fault, error.offset), (F::NotUtf8, 2));
            }
        }
    }

    #[test]
    fn records_are_released_or_withheld_whole() {
        let mut rules = rules(&[("keep", "$[*].n"), ("token", "$[*].id")]);
        rules.record = Some(Selector::parse("$[*]").unwrap());
        rules.subject = Some(Selector::parse("$.id").unwrap());
        let sent = r#"[{"id":"1 2","n":1},{"n":2}, {"id":null,"n":3}]"#;
        let (out, tally) = run(&plan(&rules), Level::best(), &[sent.as_bytes()]).unwrap();
        assert!(
            out.starts_with(r#"[{"id":"fg1p-1-"#)
                && out.ends_with(r#"","n":1},{"n":2},{"id":null,"n":3}]"#),
            "{out}"
        );
        assert_eq!((tally.records_released, tally.subjects_missing), (3, 2));
        check(&rules, sent, Ok(&out));
    }
}
