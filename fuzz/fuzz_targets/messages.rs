//! Bytes of a connection, cut into messages: the same at every cut, nothing passes of a head before all of it has, and
//! what passes is read by a plain reader as the same messages.

#![no_main]

use fieldgate::form::messages::{Bounds, Messages, Stopped};
use libfuzzer_sys::fuzz_target;

const BOUNDS: Bounds = Bounds {
    bytes: 512,
    fields: 8,
};

/// What passes of `pieces`, and how it ended.
fn run<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Option<Stopped>, bool) {
    let mut messages = Messages::new(BOUNDS);
    let (mut passed, mut held) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        assert!(held.len() <= BOUNDS.bytes + piece.len(), "more is held than a section may have");
        match messages.push(&held) {
            Ok(pass) => passed.extend(held.drain(..pass)),
            Err(stopped) => {
                passed.extend(held.drain(..stopped.pass));
                // Where it stands depends on what is held; what it is does not.
                return (passed, Some(Stopped { pass: 0, ..stopped }), false);
            }
        }
    }
    (passed, None, messages.is_between() && held.is_empty())
}

fuzz_target!(|bytes: &[u8]| {
    let whole = run([bytes]);
    assert_eq!(run(bytes.chunks(1)), whole, "byte by byte");
    assert_eq!(run(bytes.chunks(7)), whole, "in sevens");
    let middle = bytes.len() / 2;
    assert_eq!(run([&bytes[..middle], &bytes[middle..]]), whole, "in halves");

    // No line of what is a head holds what a line may not hold; heads are those that begin it.
    let (passed, _, _) = whole;
    if !passed.is_empty() {
        let end = passed.windows(4).position(|four| four == b"\r\n\r\n");
        let head = &passed[..end.expect("a head passes whole")];
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']));
        let count = |name: &str| text.matches(&format!("\r\n{name}:")).count();
        assert_eq!(count("host"), 1);
        assert!(count("content-length") + count("transfer-encoding") <= 1);
        assert!(!text.contains("\r\n ") && !text.contains("\r\n\t"));
    }
});
