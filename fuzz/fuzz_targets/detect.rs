//! Free text through all detectors: nothing panics, work grows with the text alone, what is replaced lies inside the text
//! and in order, what leaves is strict JSON, and an NHS number planted in it does not leave in the spelling that the input
//! chose. The first bytes of the input choose number and spelling, the rest is the text around it.

#![no_main]

use fieldgate::detect::{Detectors, Kinds, Scratch, THRESHOLD};
use fieldgate::transform::{InPlace, Prepared, Redact, Setting, Transform};
use libfuzzer_sys::{Corpus, fuzz_target};

/// What may stand between two digits of a number, as JSON text has it.
const BETWEEN: [&str; 10] = [
    "", " ", "-", ".", "\\n", "\\u00a0", "\u{200b}", "&nbsp;", "\u{ad}", "\u{2011}",
];

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((choice, around)) = input.split_first_chunk::<8>() else {
        return Corpus::Reject;
    };
    let Ok(around) = std::str::from_utf8(around) else {
        // What is no checked JSON must not panic either.
        let detectors = Detectors::new(Kinds::ALL, 30, Vec::new());
        let mut scratch = Scratch::default();
        for found in detectors.find(around, Kinds::NONE, None, &mut scratch) {
            assert!(found.start <= found.end && found.end <= around.len());
        }
        return Corpus::Keep;
    };
    let Some(number) = number(u32::from_le_bytes([choice[0], choice[1], choice[2], choice[3]])) else {
        return Corpus::Reject;
    };
    let spelt = spell(&number, choice[4], choice[5]);
    let mut at = usize::from(choice[6]) * around.len() / 256;
    while !around.is_char_boundary(at) {
        at += 1;
    }
    let escaped = |text: &str| {
        let json = serde_json::to_string(text).expect("text is JSON");
        json[1..json.len() - 1].to_owned()
    };
    // Words beside it, so that it is beside no other digit or letter.
    let inside = format!("{} number {spelt} then {}", escaped(&around[..at]), escaped(&around[at..]));
    let redact = Transform::Redact(Redact {
        kinds: Kinds::ALL,
        patterns: Vec::new(),
        names: false,
        threshold: THRESHOLD,
        replace: InPlace::Kind,
    });
    let redact = Prepared::new(&redact, None).expect("it needs no key");
    let mut out = Vec::new();
    redact
        .apply(format!("\"{inside}\"").as_bytes(), &mut Setting::default(), &mut out)
        .expect("it is a text");
    let left: String = serde_json::from_slice(&out).expect("strict JSON leaves");
    let planted: String = serde_json::from_str(&format!("\"{spelt}\"")).expect("a spelling is JSON");
    assert!(!left.contains(&format!(" {planted} ")), "an NHS number left");
    Corpus::Keep
});

/// An NHS number by its first nine digits.
fn number(serial: u32) -> Option<[u8; 10]> {
    let mut digits = [0; 10];
    let (mut rest, mut sum) = (serial % 1_000_000_000, 0);
    for (place, digit) in digits[..9].iter_mut().enumerate().rev() {
        *digit = (rest % 10) as u8;
        rest /= 10;
        sum += u32::from(*digit) * (10 - place as u32);
    }
    digits[9] = u8::try_from((11 - sum % 11) % 11).ok().filter(|check| *check < 10)?;
    (!digits.iter().all(|digit| *digit == digits[0])).then_some(digits)
}

/// In one of the spellings that people and machines use.
fn spell(number: &[u8; 10], between: u8, digits: u8) -> String {
    let between = BETWEEN[usize::from(between) % BETWEEN.len()];
    let mut text = String::new();
    for (place, digit) in number.iter().enumerate() {
        if matches!(place, 3 | 6) {
            text.push_str(between);
        }
        match digits % 5 {
            0 | 1 => text.push(char::from(b'0' + digit)),
            2 => text.push(char::from_u32(0xff10 + u32::from(*digit)).expect("full-width")),
            3 => text.push_str(&format!("\\u003{digit}")),
            _ => text.push_str(&format!("&#{};", 48 + digit)),
        }
    }
    text
}
