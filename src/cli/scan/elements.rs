//! XML as it comes. Paths are as in selectors: an object with the root element as its member, attributes as `['@id']`.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::counts::{Counts, Mark};

/// Elements inside each other.
const MOST_DEEP: usize = 128;

/// Walks the elements.
///
/// # Errors
/// What is wrong with the XML and where, without its text.
pub(super) fn read(from: &mut impl BufRead, counts: &mut Counts) -> Result<(), String> {
    let mut xml = Reader::from_reader(from);
    let mut buffer = Vec::new();
    let mut open: Vec<Mark> = Vec::new();
    // Texts of one element that entities and comments divide are one text.
    let mut text = String::new();
    loop {
        buffer.clear();
        let event = xml.read_event_into(&mut buffer);
        // The message of a fault may show a name out of the sample.
        let event = event.map_err(|_| format!("no XML at byte {}", xml.error_position()))?;
        match event {
            Event::Text(part) => text.push_str(&part),
            Event::CData(part) => text.push_str(&part),
            Event::GeneralRef(part) => {
                text.push('&');
                text.push_str(&part);
                text.push(';');
            }
            Event::Start(element) => {
                flush(&mut text, counts);
                if open.len() == MOST_DEEP {
                    return Err(format!("more than {MOST_DEEP} elements inside each other"));
                }
                open.push(enter(&element, counts));
            }
            Event::Empty(element) => {
                flush(&mut text, counts);
                let mark = enter(&element, counts);
                counts.leave(mark);
            }
            Event::End(_) => {
                flush(&mut text, counts);
                if let Some(mark) = open.pop() {
                    counts.leave(mark);
                }
            }
            Event::Eof if open.is_empty() => return Ok(()),
            Event::Eof => return Err("it ends inside an element".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn flush(text: &mut String, counts: &mut Counts) {
    if !text.trim().is_empty() {
        counts.value(text);
    }
    text.clear();
}

fn enter(element: &BytesStart<'_>, counts: &mut Counts) -> Mark {
    let name = element.name();
    let mark = counts.member(name.as_ref());
    for attribute in element.attributes().flatten() {
        let name = format!("@{}", attribute.key.as_ref());
        let mark = counts.member(&name);
        counts.value(&attribute.value);
        counts.leave(mark);
    }
    mark
}
