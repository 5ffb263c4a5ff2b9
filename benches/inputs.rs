//! Documents that are hard on a machine of one kind or another. Each is JSON of at least `bytes` bytes.

use std::io::Write as _;

/// Council records as people read them.
pub(crate) fn pretty(bytes: usize) -> Vec<u8> {
    // Indentation makes of a record about 1.7 times its bytes.
    let document = crate::records::document(bytes * 3 / 5);
    let value: serde_json::Value = serde_json::from_slice(&document).expect("the records are JSON");
    serde_json::to_vec_pretty(&value).expect("a tree is always JSON")
}

/// Objects of three members of a digit each: as many tokens as bytes can hold.
pub(crate) fn tiny(bytes: usize) -> Vec<u8> {
    array(bytes, |number, out| {
        write(
            out,
            format_args!(
                r#"{{"a":{},"b":{},"c":{}}}"#,
                number % 10,
                number % 7,
                number % 3
            ),
        );
    })
}

/// Objects a hundred deep.
pub(crate) fn deep(bytes: usize) -> Vec<u8> {
    array(bytes, |number, out| {
        for _ in 0..100 {
            out.extend_from_slice(br#"{"a":"#);
        }
        write(out, format_args!("{number}"));
        for _ in 0..100 {
            write(out, format_args!(r#","b":{}}}"#, number % 10));
        }
    })
}

/// Two texts in which every character is escaped.
pub(crate) fn escapes(bytes: usize) -> Vec<u8> {
    let text = r#"\"\\\n\u00e9\t\ud834\udd1e"#.repeat(12);
    array(bytes, |_, out| {
        write(out, format_args!(r#"{{"kept":"{text}","other":"{text}"}}"#))
    })
}

/// Objects of ten thousand members.
pub(crate) fn wide(bytes: usize) -> Vec<u8> {
    array(bytes, |_, out| {
        for member in 0..10_000 {
            let start = if member == 0 { '{' } else { ',' };
            write(out, format_args!(r#"{start}"member_{member}":"a value""#));
        }
        out.push(b'}');
    })
}

fn array(bytes: usize, mut element: impl FnMut(usize, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![b'['];
    let mut number = 0;
    while out.len() < bytes {
        if number > 0 {
            out.push(b',');
        }
        element(number, &mut out);
        number += 1;
    }
    out.push(b']');
    out
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("a vector takes all that is written");
}
