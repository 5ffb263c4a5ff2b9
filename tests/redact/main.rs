//! Free text through the minimiser: what rules find in it, at every cut; and how much detectors find and miss.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod corpora;
mod evaluation;
mod notes;
mod rules;
