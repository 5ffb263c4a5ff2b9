//! Bodies with bytes changed by chance: whatever becomes of them, it is the same at every cut.

use fieldgate::minimise::Limits;
use fieldgate::plan::Format;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::ways;

const LINES: &str = "{\"a\":1,\"b\":[\"\u{e9}\\ud834\\udd1e\",-1.5e3]}\r\n\n \"x\" \ntrue\n{\"a\":{\"b\":{}},\"c\":null}\n";
const SEQUENCE: &str =
    "\u{1e}{\"a\":1,\n\"b\":[\"\u{e9}\",-1.5e3]}\n\u{1e}12 \u{1e}\u{1e}[]\u{1e}{\"a\":\"x\"}";
const EVENTS: &str = "\u{feff}: x\nretry: 10\ndata: {\"a\":1,\rdata:\"b\":[\r\ndata: 2]}\n\nid:\u{e9}\n\ndata: \"x\"\n\n";
const FORM: &str = "a=1&b=%C3%A9+x&c&%61b=&tag=x&tag=y";
const PARTS: &str = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n-\u{e9}\r\n--b\r\ncontent-disposition: form-data; name=tag; filename=f\r\nContent-Type: x/y\r\n\r\n\r\n--b\r\nContent-Disposition: form-data; name=b\r\nContent-Type: application/json\r\n\r\n{\"a\":[1]}\r\n--b--\r\n";

const SETS: &[(Format, &str, &[&str])] = &[
    (Format::Ndjson, LINES, OF_ARRAYS),
    (Format::JsonSequence, SEQUENCE, OF_ARRAYS),
    (Format::EventStream, EVENTS, OF_ARRAYS),
    (Format::Form, FORM, OF_OBJECTS),
    (Format::Multipart, PARTS, OF_OBJECTS),
];

const OF_ARRAYS: &[&str] = &[
    "",
    "keep_all $",
    "keep $[*].a; mask! $[*].b[*]",
    "record $[*]; release_if @.a; subject @.a; keep_all $; drop $[*].c",
    "keep $..*; record $[1:]",
];

const OF_OBJECTS: &[&str] = &[
    "",
    "keep_all $",
    "keep $.a; mask! $.b; keep $.tag[*]",
    "record $; release_if @.a == '1' || @.b.a; subject @.b; keep $.*; drop $.tag",
    "record $; keep $.b.a[*]; year $.a",
];

/// Bytes that mean something somewhere.
const BYTES: &[u8] = b"{}[],:\"\\ 0-.eu\n\r\t\x00\x1e\x7f\xc3\xa9\xff\xef%&=+;ab1";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn p8_what_becomes_of_a_broken_body_is_the_same_at_every_cut(
        which in 0..SETS.len(),
        rules in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), select(BYTES), 0..3), 0..4),
        tight in proptest::option::weighted(0.3, (1..40_usize, 0..8_usize, 1..4_usize, 1..200_u64)),
    ) {
        let (format, body, sets) = &SETS[which];
        let mut body = body.as_bytes().to_vec();
        for (at, byte, how) in changes {
            let at = at.index(body.len());
            match how {
                0 => drop(body.remove(at)),
                1 => body.insert(at, byte),
                _ => body[at] = byte,
            }
        }
        let limits = match tight {
            None => Limits::default(),
            Some((held_bytes, name_bytes, object_members, body_bytes)) => Limits {
                held_bytes,
                name_bytes,
                object_members,
                body_bytes,
                depth: 2,
            },
        };
        let plan = ways::plan(format, sets[rules.index(sets.len())], &limits);
        if let Err(error) = ways::run(&plan, "b", &body, usize::MAX) {
            prop_assert!(error.offset <= body.len() as u64);
        }
    }
}
