//! Rows of separated values, the first of which names the columns.

use memchr::{memchr, memchr3};

use super::{FIELD_BYTES, Field, Kind, Records};
use crate::aggregate::layout::Layout;

/// Reads rows that come in pieces.
#[derive(Debug)]
pub(in crate::aggregate) struct RowReader {
    separator: u8,
    /// The column of each field, by name.
    names: Vec<String>,
    fields: Vec<Field>,
    /// Which field each column is; known once the header has been read.
    columns: Vec<Option<usize>>,
    in_header: bool,
    /// The column that the value which is being read is in.
    column: usize,
    /// The value so far, without quotes.
    value: Vec<u8>,
    long: bool,
    state: State,
    /// The row has a byte at all.
    begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    /// Behind a quote in a quoted value: its end, or the first of two.
    Quote,
}

impl RowReader {
    /// Of rows whose values `separator` separates. `header` names the columns where no row does.
    pub(in crate::aggregate) fn new(
        layout: &Layout,
        separator: u8,
        header: Option<&[String]>,
    ) -> Self {
        let column = |field| layout.column(field).unwrap_or_default().to_owned();
        let names: Vec<String> = (0..layout.fields()).map(column).collect();
        let field_of = |name: &String| names.iter().position(|known| known == name);
        Self {
            separator,
            columns: header.into_iter().flatten().map(field_of).collect(),
            fields: vec![Field::default(); names.len()],
            names,
            in_header: header.is_none(),
            column: 0,
            value: Vec::new(),
            long: false,
            state: State::Start,
            begun: false,
        }
    }

    /// Reads the next `bytes`.
    pub(in crate::aggregate) fn read<R: Records>(
        &mut self,
        bytes: &[u8],
        records: &mut R,
    ) -> Result<(), R::Stop> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            match self.state {
                State::Quoted => {
                    let rest = &bytes[at..];
                    let end = memchr(b'"', rest).unwrap_or(rest.len());
                    self.take(&rest[..end]);
                    at += end;
                    if end < rest.len() {
                        self.state = State::Quote;
                        at += 1;
                    }
                    continue;
                }
                State::Start if byte == b'"' => {
                    self.state = State::Quoted;
                    self.begun = true;
                }
                State::Quote if byte == b'"' => {
                    self.take(b"\"");
                    self.state = State::Quoted;
                }
                State::Start | State::Plain | State::Quote if byte == self.separator => {
                    self.ends();
                    self.begun = true;
                }
                State::Start | State::Plain | State::Quote if byte == b'\n' => {
                    self.row_ends(records)?
                }
                // Of a line's end, the first half.
                State::Start | State::Plain | State::Quote if byte == b'\r' => {}
                State::Start | State::Plain | State::Quote => {
                    let rest = &bytes[at..];
                    let end = memchr3(self.separator, b'\n', b'\r', rest).unwrap_or(rest.len());
                    self.take(&rest[..end]);
                    self.state = State::Plain;
                    self.begun = true;
                    at += end;
                    continue;
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// The rows end; the last one need not have had a line's end.
    pub(in crate::aggregate) fn finish<R: Records>(
        &mut self,
        records: &mut R,
    ) -> Result<(), R::Stop> {
        if self.begun || self.column > 0 {
            self.row_ends(records)?;
        }
        Ok(())
    }

    fn ends(&mut self) {
        if self.in_header {
            let name = String::from_utf8_lossy(&self.value);
            let field = self
                .names
                .iter()
                .position(|known| **known == name)
                .filter(|_| !self.long);
            self.columns.push(field);
        } else if let Some(Some(field)) = self.columns.get(self.column) {
            let field = &mut self.fields[*field];
            std::mem::swap(&mut field.text, &mut self.value);
            field.kind = match (self.long, field.text.is_empty()) {
                (true, _) => Kind::Other,
                (false, true) => Kind::Nothing,
                (false, false) => Kind::Text,
            };
        }
        self.value.clear();
        self.long = false;
        self.column += 1;
        self.state = State::Start;
    }

    fn row_ends<R: Records>(&mut self, records: &mut R) -> Result<(), R::Stop> {
        self.ends();
        self.column = 0;
        self.begun = false;
        if std::mem::take(&mut self.in_header) {
            return Ok(());
        }
        let taken = records.record(&self.fields);
        self.fields.iter_mut().for_each(Field::clear);
        taken
    }

    fn take(&mut self, bytes: &[u8]) {
        let wanted = self.in_header || matches!(self.columns.get(self.column), Some(Some(_)));
        if !wanted {
            return;
        }
        if self.value.len() + bytes.len() > FIELD_BYTES {
            self.long = true;
            self.value.clear();
        } else if !self.long {
            self.value.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Selector;

    #[derive(Default)]
    struct Kept(Vec<String>);

    impl Records for Kept {
        type Stop = std::convert::Infallible;

        fn record(&mut self, fields: &[Field]) -> Result<(), Self::Stop> {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{:?} {}", field.kind, String::from_utf8_lossy(&field.text)))
                .collect();
            self.0.push(fields.join("; "));
            Ok(())
        }
    }

    #[test]
    fn rows_are_read_at_every_cut() {
        let record = Selector::parse("$[*]").unwrap();
        let mut layout = Layout::new(&record).unwrap();
        for field in ["$[*].b", "$[*]['c d']"] {
            layout
                .field(&record, &Selector::parse(field).unwrap())
                .unwrap();
        }
        let header = ["c d", "b"].map(str::to_owned);
        for (separator, header, text, kept) in [
            (
                b',',
                None,
                "a,b,c d\r\n1,2,3\r\n\"x\",\"y,\"\"z\"\"\n\",\r\n",
                &["Text 2; Text 3", "Text y,\"z\"\n; Nothing "][..],
            ),
            (
                b';',
                None,
                "\"b\";c d\n1;\"\"\n;2",
                &["Text 1; Nothing ", "Nothing ; Text 2"],
            ),
            (
                b'\t',
                Some(&header[..]),
                "1\t2\n3\t4\n",
                &["Text 2; Text 1", "Text 4; Text 3"],
            ),
            (b',', None, "b\n1\n", &["Text 1; Nothing "]),
            (
                b',',
                None,
                "z\n\n1\n",
                &["Nothing ; Nothing ", "Nothing ; Nothing "],
            ),
            (b',', None, "b\n", &[]),
            (b',', None, "", &[]),
        ] {
            for cut in 0..=text.len() {
                let mut reader = RowReader::new(&layout, separator, header);
                let mut found = Kept::default();
                let (head, tail) = text.as_bytes().split_at(cut);
                for piece in [head, tail] {
                    reader.read(piece, &mut found).unwrap();
                }
                reader.finish(&mut found).unwrap();
                assert_eq!(found.0, kept, "{text:?} cut at {cut}");
            }
        }
    }
}
