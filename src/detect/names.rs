//! Names of people that are known, found in a text: in any case and order, with or without their marks, with initials.
//!
//! A name is its words, folded to capitals without marks and apostrophes. A text's words are folded likewise and looked up;
//! neighbours that are words of one person are one mention. There is no statistical model: who is not known is not found.

use super::pieces::is_letter;
use super::search::Candidate;
use super::starts::{Beginning, Beginnings, Starts};
use super::{Score, What};
use crate::identifier::fold::fold;

/// People in one record whose names are looked for; with more, no text of it can be redacted.
const MOST_PEOPLE: usize = 64;
/// Words of all their names together.
const MOST_WORDS: usize = 512;
/// Slots of the table of words, a power of two: at most half of them are taken.
const SLOTS: usize = 2048;
/// Bytes between two words of one mention: `, `, `. `, ` - `.
const GAP: usize = 3;
/// A name that is written out is believed.
const NAMED: Score = 100;

/// The names of the people whom one record names. Keeps its room from one record to the next.
#[derive(Debug)]
pub struct Names {
    /// Words by their hash; a hash of 0 is a free slot.
    slots: Box<[Slot]>,
    taken: Vec<u16>,
    /// How the words begin: by it nearly all words of a text are passed over.
    beginnings: Beginnings,
    /// The initials of each person's words: bit 0 is A.
    initials: [u32; MOST_PEOPLE],
    /// What tells a person from the others wherever in a document: the hash of all words, whatever their order.
    keys: [u64; MOST_PEOPLE],
    people: usize,
    is_full: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u64,
    /// Whose word it is: a bit for each person.
    people: u64,
    weight: Weight,
}

/// What a word of a name says by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Nothing: `de`, `van`, `Mc`. Part of a mention beside another word of the name.
    #[default]
    Particle,
    /// A word of the language too, or a very short one: it is a name where it has a capital.
    Common,
    /// A name.
    Telling,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            slots: vec![Slot::default(); SLOTS].into(),
            taken: Vec::new(),
            beginnings: Beginnings::default(),
            initials: [0; MOST_PEOPLE],
            keys: [0; MOST_PEOPLE],
            people: 0,
            is_full: false,
        }
    }
}

impl Names {
    /// Forgets everybody.
    pub fn clear(&mut self) {
        for slot in self.taken.drain(..) {
            self.slots[usize::from(slot)] = Slot::default();
        }
        self.beginnings.clear();
        self.initials[..self.people].fill(0);
        self.keys[..self.people].fill(0);
        self.people = 0;
        self.is_full = false;
    }

    /// Whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people == 0
    }

    /// Whether somebody could not be taken any more: a text cannot then be said to have been searched.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// What tells the person at `index` from others, in every order and spelling of the same words.
    #[must_use]
    pub fn key(&self, index: u8) -> u64 {
        self.keys[usize::from(index)]
    }

    /// Takes the name of a person: `Mary-Ann O'Neill`, `O'NEILL, Mary`, or a part of one, `Mary`. A name that was taken
    /// before is that person's.
    pub fn add(&mut self, name: &str) {
        let person = self.people;
        if person == MOST_PEOPLE {
            self.is_full = true;
            return;
        }
        let text = name.as_bytes();
        let (mut at, mut before): (usize, Option<Word>) = (0, None);
        let mut key: u64 = 0;
        while let Some(word) = Word::next(text, at) {
            at = word.end;
            if TITLES.iter().any(|title| word.is(title)) {
                before = None;
                continue;
            }
            key = word.hash.wrapping_add(key);
            self.word(person, word.hash, word.weight(), word.beginning);
            if let Some(letter) = word.first.checked_sub(b'A').filter(|letter| *letter < 26) {
                self.initials[person] |= 1 << letter;
            }
            // `O'Neill` is written `O Neill` too, `Mary-Ann` `Maryann`, `Mc Donald` `McDonald`.
            if let Some(tail) = word.tail.filter(|tail| tail.letters >= 3) {
                self.word(person, tail.hash, tail.weight(), tail.beginning);
            }
            if let Some(before) = before
                && (text[before.end..word.start] == *b"-" || before.letters <= 3)
            {
                let joined = before.joined(&word);
                self.word(person, joined.hash, joined.weight(), joined.beginning);
            }
            before = Some(word);
        }
        if key == 0 || self.keys[..person].contains(&key) {
            // Nobody, or the same words again: what was taken above is then somebody's already.
            self.initials[person] = 0;
            return self.forget_last(person, key);
        }
        self.keys[person] = key;
        self.people += 1;
    }

    /// Gives what the person at `person`, who is the one with `key` again, was given, to that one.
    fn forget_last(&mut self, person: usize, key: u64) {
        let same = self.keys[..person].iter().position(|other| *other == key);
        let same = same.map_or(0, |same| 1 << same);
        for slot in &self.taken {
            let slot = &mut self.slots[usize::from(*slot)];
            if slot.people & 1 << person != 0 {
                slot.people = slot.people & !(1 << person) | same;
            }
        }
    }

    fn word(&mut self, person: usize, hash: u64, weight: Weight, beginning: Beginning) {
        let index = self.find(hash);
        let slot = &mut self.slots[index];
        if slot.hash == 0 {
            if self.taken.len() == MOST_WORDS {
                self.is_full = true;
                return;
            }
            self.taken
                .push(u16::try_from(index).expect("fewer slots than that"));
            slot.hash = hash;
            slot.weight = weight;
            slot.people |= 1 << person;
            return self.beginnings.add(beginning);
        }
        slot.people |= 1 << person;
    }

    /// The slot of `hash`, or the free one where it would be.
    fn find(&self, hash: u64) -> usize {
        let mut at = usize::try_from(hash >> 40).expect("24 bits") % SLOTS;
        while self.slots[at].hash != 0 && self.slots[at].hash != hash {
            at = (at + 1) % SLOTS;
        }
        at
    }

    fn look_up(&self, hash: u64) -> Option<Slot> {
        let slot = self.slots[self.find(hash)];
        (slot.hash != 0 && slot.people != 0).then_some(slot)
    }

    /// Finds the people in `text`; gives how many words were looked at.
    ///
    /// A word that is nobody's and no initial only ends what stands before it, which it does unseen too: what comes after
    /// it is no neighbour of what came before. So only those are looked at that begin as somebody's, or have one letter.
    pub(super) fn find_in(&self, text: &[u8], found: &mut Vec<Candidate>) -> usize {
        let mut starts = Starts::of(&self.beginnings, text);
        self.find_by(text, found, |at| starts.next(at))
    }

    fn find_by(
        &self,
        text: &[u8],
        found: &mut Vec<Candidate>,
        mut next_start: impl FnMut(usize) -> Option<usize>,
    ) -> usize {
        let (mut at, mut steps) = (0, 0);
        let mut mention: Option<Mention> = None;
        // An initial that may begin a mention: `M. O'Neill`.
        let mut initial: Option<Word> = None;
        while let Some(start) = next_start(at)
            && let Some(word) = Word::next(text, start)
        {
            steps += 1;
            at = word.end;
            let is_near = |end: usize| is_gap(&text[end..word.start]);
            if mention
                .as_ref()
                .is_some_and(|mention| !is_near(mention.end))
            {
                self.end(mention.take(), found);
            }
            initial = initial.filter(|initial| is_near(initial.end));
            let slot = self.look_up(word.hash).map(|slot| (slot, word.end));
            // `Mary's` is Mary's.
            let slot = slot.or_else(|| {
                let owner = word.owner?;
                Some((self.look_up(owner.hash)?, owner.end))
            });
            if let Some((slot, end)) = slot {
                let next = Mention::of(&word, slot, end);
                mention = match mention.take() {
                    Some(before) if before.goes_on(&next, text) => Some(before.with(&next)),
                    before => {
                        self.end(before, found);
                        Some(next)
                    }
                };
                if let (Some(first), Some(mention)) = (initial.take(), &mut mention)
                    && mention.start == word.start
                    && self.has_initial(slot.people, &first)
                {
                    mention.start = first.start;
                }
                continue;
            }
            if word.letters == 1 && word.is_initial() {
                if let Some(mention) = &mut mention
                    && self.has_initial(mention.people, &word)
                    && may_end(&text[mention.end..word.start])
                {
                    mention.end = word.end;
                    continue;
                }
                self.end(mention.take(), found);
                // Of two initials the first is where the mention begins.
                initial = match initial {
                    Some(first) => Some(Word {
                        end: word.end,
                        ..first
                    }),
                    None => Some(word),
                };
                continue;
            }
            initial = None;
            self.end(mention.take(), found);
        }
        self.end(mention, found);
        steps
    }

    fn has_initial(&self, people: u64, word: &Word) -> bool {
        let Some(letter) = word.first.checked_sub(b'A').filter(|letter| *letter < 26) else {
            return false;
        };
        let mut initials = self.initials[..self.people].iter().enumerate();
        initials.any(|(person, initials)| people & 1 << person != 0 && initials & 1 << letter != 0)
    }

    fn end(&self, mention: Option<Mention>, found: &mut Vec<Candidate>) {
        let Some(mention) = mention.filter(Mention::is_sure) else {
            return;
        };
        let person = u8::try_from(mention.people.trailing_zeros()).expect("one of 64");
        found.push(Candidate {
            start: mention.start,
            end: mention.end,
            what: What::Person(person),
            score: NAMED,
        });
    }
}

/// Words of one person beside each other.
#[derive(Debug, Clone, Copy)]
struct Mention {
    start: usize,
    end: usize,
    /// Who it may be.
    people: u64,
    words: usize,
    /// One of the words is a name by itself as it is written.
    is_telling: bool,
    /// One of the words is no particle.
    is_named: bool,
}

impl Mention {
    fn of(word: &Word, slot: Slot, end: usize) -> Self {
        Self {
            start: word.start,
            end,
            people: slot.people,
            words: 1,
            is_telling: match slot.weight {
                Weight::Particle => false,
                Weight::Common => word.capital,
                Weight::Telling => true,
            },
            is_named: slot.weight > Weight::Particle,
        }
    }

    /// Whether `next` is the same mention: of one person, or the family name of one beside the given name of another where
    /// the two were told apart.
    fn goes_on(&self, next: &Self, text: &[u8]) -> bool {
        let comma = text[self.end..next.start].contains(&b',');
        self.people & next.people != 0 || !comma && self.words == 1
    }

    fn with(self, next: &Self) -> Self {
        let both = self.people & next.people;
        Self {
            end: next.end,
            people: if both == 0 { self.people } else { both },
            words: self.words + 1,
            is_telling: self.is_telling || next.is_telling,
            is_named: self.is_named || next.is_named,
            ..self
        }
    }

    fn is_sure(&self) -> bool {
        self.is_telling || self.words > 1 && self.is_named
    }
}

/// Whether two words with `gap` between may be of one mention.
fn is_gap(gap: &[u8]) -> bool {
    gap.len() <= GAP
        && gap.iter().all(|byte| {
            matches!(
                byte,
                b' ' | b',' | b'.' | b'-' | b'\n' | b'\r' | b'\t' | b'\''
            )
        })
}

/// Whether an initial may follow a name with `gap` between: a sentence that ends there is over.
fn may_end(gap: &[u8]) -> bool {
    !gap.contains(&b'.')
}

/// A word of a text, folded.
#[derive(Debug, Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    hash: u64,
    /// Letters after folding.
    letters: usize,
    /// The first of them, if it is one of A to Z; else 0.
    first: u8,
    /// Written with a capital at its start.
    capital: bool,
    /// What stands before `'s`.
    owner: Option<Part>,
    /// What stands behind the last apostrophe.
    tail: Option<Part>,
    beginning: Beginning,
}

/// A part of a word.
#[derive(Debug, Clone, Copy)]
struct Part {
    hash: u64,
    letters: usize,
    end: usize,
    beginning: Beginning,
}

impl Part {
    fn weight(self) -> Weight {
        weight(self.hash, self.letters)
    }
}

impl Word {
    /// The first word of `text` from `from` on. An apostrophe between letters is inside one.
    fn next(text: &[u8], from: usize) -> Option<Self> {
        let rest = text.get(from..)?;
        let start = from + rest.iter().position(|byte| is_letter(*byte))?;
        let mut word = Self {
            start,
            end: start,
            hash: EMPTY,
            letters: 0,
            first: 0,
            capital: text[start].is_ascii_uppercase(),
            owner: None,
            tail: None,
            beginning: Beginning::default(),
        };
        // The hash and letters since the last apostrophe, and what stood before it.
        let (mut tail, mut before): (Part, Option<Part>) = (EMPTY_PART, None);
        let mut at = start;
        while let Some(&byte) = text.get(at) {
            if byte.is_ascii_alphabetic() {
                word.letter(byte.to_ascii_uppercase());
                if before.is_some() {
                    tail.letter(byte.to_ascii_uppercase());
                }
                at += 1;
            } else if byte >= 0x80 {
                let (character, length) = character(&text[at..]);
                if at == start {
                    word.capital = character.is_uppercase();
                }
                folded(character, |letter| {
                    word.letter(letter);
                    tail.letter(letter);
                });
                at += length;
            } else if byte == b'\'' && text.get(at + 1).is_some_and(|next| is_letter(*next)) {
                before = Some(Part {
                    hash: word.hash,
                    letters: word.letters,
                    end: at,
                    beginning: word.beginning,
                });
                tail = EMPTY_PART;
                at += 1;
            } else {
                break;
            }
        }
        word.end = at;
        if let Some(before) = before {
            let possessive = tail.letters == 1 && tail.hash == hash_of(b"S");
            word.owner = Some(before).filter(|_| possessive);
            word.tail = Some(tail).filter(|_| !possessive);
        }
        Some(word)
    }

    fn letter(&mut self, letter: u8) {
        if self.letters == 0 && letter.is_ascii_uppercase() {
            self.first = letter;
        }
        self.beginning = self.beginning.with(self.letters, letter);
        self.hash = hash(self.hash, letter);
        self.letters += 1;
    }

    fn is(&self, upper: &[u8]) -> bool {
        self.hash == hash_of(upper)
    }

    fn weight(&self) -> Weight {
        weight(self.hash, self.letters)
    }

    /// Whether the letter that it is can be an initial: a small `a` or `i` is a word.
    fn is_initial(&self) -> bool {
        self.capital || !matches!(self.first, b'A' | b'I')
    }

    /// This word and `next` written as one.
    fn joined(&self, next: &Self) -> Part {
        // The hash of the whole cannot be told from those of its parts.
        Part {
            hash: self.hash_on(next),
            letters: self.letters + next.letters,
            end: next.end,
            beginning: self.beginning.then(self.letters, next.beginning),
        }
    }

    fn hash_on(&self, next: &Self) -> u64 {
        // `hash` is a polynomial in the letters, so that the hash of two words joined is of their hashes.
        let power = (0..next.letters).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        next.hash
            .wrapping_sub(EMPTY.wrapping_mul(power))
            .wrapping_add(self.hash.wrapping_mul(power))
    }
}

impl Part {
    fn letter(&mut self, letter: u8) {
        self.beginning = self.beginning.with(self.letters, letter);
        self.hash = hash(self.hash, letter);
        self.letters += 1;
    }
}

const EMPTY_PART: Part = Part {
    hash: EMPTY,
    letters: 0,
    end: 0,
    beginning: Beginning::NONE,
};

/// The hash of no letters. Not 0, which is a free slot.
const EMPTY: u64 = 0x9ae1_6a3b_2f90_404f;
/// An odd number with bits all over: the hash is a polynomial in it, modulo 2⁶⁴.
const BASE: u64 = 0x5851_f42d_4c95_7f2d;

const fn hash(hash: u64, letter: u8) -> u64 {
    hash.wrapping_mul(BASE).wrapping_add(letter as u64 + 1)
}

const fn hash_of(letters: &[u8]) -> u64 {
    let (mut sum, mut at) = (EMPTY, 0);
    while at < letters.len() {
        sum = hash(sum, letters[at]);
        at += 1;
    }
    sum
}

/// The character at the start of `text`, and its length. Text that is not UTF-8 does not come here; it would be passed over.
fn character(text: &[u8]) -> (char, usize) {
    let window = &text[..text.len().min(4)];
    let first = window.utf8_chunks().next();
    let first = first.and_then(|chunk| chunk.valid().chars().next());
    first.map_or((char::REPLACEMENT_CHARACTER, 1), |first| {
        (first, first.len_utf8())
    })
}

/// Hands out the capitals that `character` folds to, other alphabets' as their bytes; nothing for marks.
fn folded(character: char, mut take: impl FnMut(u8)) {
    let latin: &[u8] = match character {
        'Ø' | 'ø' => b"O",
        'Ł' | 'ł' => b"L",
        'Đ' | 'đ' | 'Ð' | 'ð' => b"D",
        'Ħ' | 'ħ' => b"H",
        'ı' => b"I",
        'Æ' | 'æ' => b"AE",
        'Œ' | 'œ' => b"OE",
        'Þ' | 'þ' => b"TH",
        'ß' | 'ẞ' => b"SS",
        _ => {
            fold(character, |part| {
                if part.is_ascii_alphabetic() {
                    take(part.to_ascii_uppercase() as u8);
                } else if part.is_alphabetic() {
                    for upper in part.to_uppercase() {
                        upper.encode_utf8(&mut [0; 4]).bytes().for_each(&mut take);
                    }
                }
            });
            return;
        }
    };
    latin.iter().copied().for_each(take);
}

fn weight(hash: u64, letters: usize) -> Weight {
    if letters <= 1 || PARTICLES.contains(&hash) {
        Weight::Particle
    } else if letters == 2 || COMMON.contains(&hash) {
        Weight::Common
    } else {
        Weight::Telling
    }
}

/// What stands before or behind a name and is no part of it.
const TITLES: [&[u8]; 22] = [
    b"MR",
    b"MRS",
    b"MISS",
    b"MS",
    b"MX",
    b"DR",
    b"PROF",
    b"PROFESSOR",
    b"REV",
    b"SIR",
    b"DAME",
    b"LORD",
    b"LADY",
    b"CLLR",
    b"COUNCILLOR",
    b"MASTER",
    b"JNR",
    b"SNR",
    b"JR",
    b"SR",
    b"AND",
    b"NEE",
];

/// Hashes of words.
const fn hashes<const N: usize>(words: [&[u8]; N]) -> [u64; N] {
    let (mut hashes, mut at) = ([0; N], 0);
    while at < N {
        hashes[at] = hash_of(words[at]);
        at += 1;
    }
    hashes
}

/// What no name is told by.
const PARTICLES: [u64; 24] = hashes([
    b"AL", b"AP", b"AS", b"AT", b"BIN", b"DA", b"DE", b"DEL", b"DEN", b"DER", b"DI", b"DO", b"DOS",
    b"DU", b"EL", b"LA", b"LE", b"MAC", b"MC", b"OF", b"ST", b"THE", b"VAN", b"VON",
]);

/// Names that are words of the language too.
const COMMON: [u64; 120] = hashes([
    b"ABBEY",
    b"AMBER",
    b"ANGEL",
    b"APRIL",
    b"ART",
    b"ASH",
    b"AUGUST",
    b"AUTUMN",
    b"BAKER",
    b"BANKS",
    b"BARBER",
    b"BEA",
    b"BEAN",
    b"BELL",
    b"BERRY",
    b"BILL",
    b"BIRD",
    b"BISHOP",
    b"BLACK",
    b"BLUE",
    b"BOB",
    b"BOND",
    b"BRIDGE",
    b"BROOK",
    b"BROWN",
    b"BUCK",
    b"BUSH",
    b"BUTLER",
    b"CARPENTER",
    b"CARTER",
    b"CHANCE",
    b"CHASE",
    b"CHRISTIAN",
    b"CHURCH",
    b"CLAY",
    b"COLE",
    b"COOK",
    b"CRYSTAL",
    b"DAISY",
    b"DALE",
    b"DAWN",
    b"DAY",
    b"DEAN",
    b"DRAKE",
    b"DREW",
    b"EARL",
    b"ENGLISH",
    b"FAITH",
    b"FIELD",
    b"FISH",
    b"FISHER",
    b"FLORA",
    b"FORD",
    b"FOREST",
    b"FOX",
    b"FRANK",
    b"FRENCH",
    b"FROST",
    b"GALE",
    b"GENE",
    b"GOOD",
    b"GRACE",
    b"GRANT",
    b"GRAY",
    b"GREEN",
    b"GUY",
    b"HALL",
    b"HAND",
    b"HARRIS",
    b"HAZEL",
    b"HEATH",
    b"HEATHER",
    b"HILL",
    b"HOLLY",
    b"HOPE",
    b"HUNTER",
    b"IRIS",
    b"IVY",
    b"JACK",
    b"JASMINE",
    b"JEAN",
    b"JOY",
    b"JUNE",
    b"KING",
    b"KNIGHT",
    b"LANE",
    b"LILY",
    b"LONG",
    b"LOVE",
    b"MAN",
    b"MARK",
    b"MARSH",
    b"MAY",
    b"MILES",
    b"MILLER",
    b"NICK",
    b"OLIVE",
    b"PAGE",
    b"PARK",
    b"PARKER",
    b"PAT",
    b"PEARL",
    b"POPE",
    b"PRICE",
    b"RAY",
    b"REED",
    b"RICH",
    b"ROB",
    b"ROBIN",
    b"ROSE",
    b"RUBY",
    b"SALLY",
    b"SHORT",
    b"SKY",
    b"SUE",
    b"SUMMER",
    b"WARD",
    b"WHITE",
    b"WILL",
    b"YOUNG",
]);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found<'a>(people: &[&str], text: &'a str) -> Vec<(&'a str, u8)> {
        let mut names = Names::default();
        people.iter().for_each(|name| names.add(name));
        let mut found = Vec::new();
        names.find_in(text.as_bytes(), &mut found);
        found
            .iter()
            .map(|found| match found.what {
                What::Person(person) => (&text[found.start..found.end], person),
                What::Kind(_) | What::Pattern(_) => panic!("not a person"),
            })
            .collect()
    }

    #[test]
    fn a_name_is_found_in_any_case_and_order_with_marks_and_initials() {
        let people = [
            "Mary-Ann O'Neill",
            "Tomás de la Cruz",
            "Will Young",
            "Li Wu",
        ];
        let rows: &[(&str, &[(&str, u8)])] = &[
            ("", &[]),
            ("Nobody was seen.", &[]),
            ("Mary-Ann O'Neill was", &[("Mary-Ann O'Neill", 0)]),
            ("MARY ANN ONEILL was", &[("MARY ANN ONEILL", 0)]),
            ("o'neill, mary-ann", &[("o'neill, mary-ann", 0)]),
            ("maryann, o neill", &[("maryann, o neill", 0)]),
            ("saw Mary today, and Neill", &[("Mary", 0), ("Neill", 0)]),
            ("Mary's son", &[("Mary", 0)]),
            (
                "M. O'Neill or M A O'Neill",
                &[("M. O'Neill", 0), ("M A O'Neill", 0)],
            ),
            ("O'Neill, M, has", &[("O'Neill, M", 0)]),
            ("Mrs O'Neill. A plan", &[("O'Neill", 0)]),
            ("X. O'Neill", &[("O'Neill", 0)]),
            ("tomas DE LA cruz", &[("tomas DE LA cruz", 1)]),
            ("the de la of it", &[]),
            ("he will be young", &[]),
            ("Will said: Young", &[("Will", 2), ("Young", 2)]),
            ("will young", &[("will young", 2)]),
            ("Li and li", &[("Li", 3)]),
            ("Marylebone, Cruzeiro", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(found(&people, text), *expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn passing_over_words_changes_nothing(
            people in proptest::collection::vec("(Mary|Ann|O'Neill|Tom[áa]s|de la|Cruz|Li|Wu|Ælf|Ø|St|D'Arcy|Mc|Donald|Мария|A|B|É)([ -]|, )(Bates|Li|O'Neill|Mary|Cruz|Œuf|Zoë|J)", 0..4),
            text in "(Mary|mary|ANN|Ann|O'Neill|O’Neill|ONeill|Neill|Tomás|TOMAS|de|la|Cruz|Li|li's|Wu|Bates|BATES'|bateson|Æ|ælf|Aelf|Œuf|oeuf|ø|Ø|St|D'Arcy|d'arcy|McDonald|Mc|Donald|Mc'Donald|D'|T'|Be'|Ma'|Мария|мария|Zoë|zoe|É|e|M|O|A|a|I|J|B|x|T\u{301}om|To\u{301}mas|£|'| |  |, |\\. |-|\n|; |4|the |and |Martha ){0,40}",
        ) {
            let mut names = Names::default();
            people.iter().for_each(|name| names.add(name));
            let (mut fast, mut plain) = (Vec::new(), Vec::new());
            let text = text.as_bytes();
            names.find_in(text, &mut fast);
            let letter = |at: usize| Some(at + text[at..].iter().position(|byte| is_letter(*byte))?);
            names.find_by(text, &mut plain, letter);
            prop_assert_eq!(fast, plain);
        }
    }

    #[test]
    fn two_of_one_family_are_told_apart_where_the_text_does() {
        let people = ["Ann Bates", "Tom Bates"];
        assert_eq!(
            found(&people, "Tom Bates, Ann Bates; Bates"),
            [("Tom Bates", 1), ("Ann Bates", 0), ("Bates", 0)]
        );
        // Given and family name from two fields.
        assert_eq!(found(&["Ann", "Bates"], "Ann Bates"), [("Ann Bates", 0)]);
    }

    #[test]
    fn the_same_words_are_one_person() {
        let mut names = Names::default();
        names.add("Zoë Bates");
        names.add("BATES, Zoe");
        names.add("Mr");
        names.add("");
        assert_eq!(names.people, 1);
        let key = names.key(0);
        names.clear();
        assert!(names.is_empty() && names.slots.iter().all(|slot| slot.hash == 0));
        assert!(names.beginnings.is_empty());
        names.add("zoe bates");
        assert_eq!(names.key(0), key);
    }

    #[test]
    fn too_many_people_are_said_to_be() {
        let mut names = Names::default();
        for index in 0..MOST_PEOPLE {
            let letter = |by: usize| char::from(b'a' + u8::try_from(index / by % 26).unwrap());
            names.add(&format!("Bates{}{}", letter(1), letter(26)));
        }
        assert!(!names.is_full());
        names.add("Ann");
        assert!(names.is_full());
    }

    #[test]
    fn words_joined_have_the_hash_of_the_whole() {
        let (one, two) = (
            Word::next(b"Mc", 0).unwrap(),
            Word::next(b"Donald", 0).unwrap(),
        );
        assert_eq!(one.joined(&two).hash, hash_of(b"MCDONALD"));
    }
}
