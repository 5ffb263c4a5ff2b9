//! Pages for the public: headings, paragraphs and tables, as HTML that needs nothing else, and as CSV.

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::svg::escaped;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// What it is, and what it rests on.
    pub intro: Vec<String>,
    /// Pages beside it: what each is, and its file.
    pub links: Vec<(String, String)>,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A part of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// What is said before its table.
    pub paragraphs: Vec<String>,
    /// Its table, if it has one.
    pub table: Option<Table>,
    /// A chart in SVG, if it has one.
    pub chart: Option<String>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// The names of its columns.
    pub columns: Vec<&'static str>,
    /// Its rows, each with as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The table as CSV (RFC 4180), with a header. A cell that a spreadsheet would take for a formula starts with an
    /// apostrophe.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = String::new();
        let columns: Vec<String> = self.columns.iter().map(|&name| name.to_owned()).collect();
        for row in std::iter::once(&columns).chain(&self.rows) {
            for (index, cell) in row.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_cell(cell, &mut out);
            }
            out.push_str("\r\n");
        }
        out
    }

    /// The rows as JSON objects with the columns' names.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let row = |row: &Vec<String>| {
            let cells = self.columns.iter().zip(row);
            cells
                .map(|(name, cell)| ((*name).to_owned(), cell.as_str().into()))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        self.rows
            .iter()
            .map(row)
            .collect::<Vec<serde_json::Value>>()
            .into()
    }
}

fn push_cell(cell: &str, out: &mut String) {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guarded = if is_formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if guarded.contains([',', '"', '\n', '\r']) {
        out.push('"');
        out.push_str(&guarded.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(&guarded);
    }
}

/// Black on white. A table has its words whole and scrolls by itself where the window is narrower; on paper, which does
/// not scroll, it is small, and rows and charts are not broken.
const STYLE: &str = "body{font:1rem/1.5 Arial,Helvetica,sans-serif;color:#1d1d1b;background:#fff;max-width:110rem;margin:0 auto;padding:1rem}\
h1,h2,p,li{overflow-wrap:anywhere;max-width:60rem}h1,h2{line-height:1.2}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}\
caption{text-align:left;font-weight:bold;padding:.25rem 0}th,td{border:1px solid #6b6b68;padding:.4rem .5rem;text-align:left;vertical-align:top}\
th{background:#eef2f6}.long{min-width:20rem;overflow-wrap:anywhere}.day{white-space:nowrap}tbody th{position:sticky;left:0}svg{max-width:100%;height:auto}a{color:#1d4f91}a:focus,.wide:focus{outline:3px solid #1d5fa8}\
@page{size:A4 landscape;margin:12mm}\
@media print{body{max-width:none;padding:0}.wide{overflow:visible}table{font-size:.65rem}th,td{padding:.15rem .25rem}.long{min-width:0}tr,svg{break-inside:avoid}}";

/// Characters of a cell that is read as a sentence, or is a hash: it gets a column wide enough, in which a word may break.
const SENTENCE: usize = 48;

/// `text` as HTML, with what stands between two backticks as code.
fn marked_up(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut pieces = text.split('`').map(escaped);
    out.push_str(&pieces.next().unwrap_or_default());
    while let Some(inside) = pieces.next() {
        match pieces.next() {
            Some(after) => out.push_str(&format!("<code>{inside}</code>{after}")),
            // A last backtick that nothing closes is one.
            None => out.push_str(&format!("`{inside}")),
        }
    }
    out
}

impl Document {
    /// The page as HTML: no scripts, no style sheets or pictures from elsewhere.
    #[must_use]
    pub fn html(&self) -> String {
        let title = escaped(&self.title);
        // The one style that the page may have is its own.
        let style = BASE64.encode(&Sha256::digest(STYLE.as_bytes()));
        let mut out = format!(
            "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{style}'\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        );
        for paragraph in &self.intro {
            out.push_str(&format!("<p>{}</p>\n", marked_up(paragraph)));
        }
        if !self.links.is_empty() {
            out.push_str("<nav aria-label=\"Pages\"><ul>\n");
            for (text, file) in &self.links {
                let (text, file) = (escaped(text), escaped(file));
                out.push_str(&format!("<li><a href=\"{file}\">{text}</a></li>\n"));
            }
            out.push_str("</ul></nav>\n");
        }
        for (index, section) in self.sections.iter().enumerate() {
            section.html(index, &mut out);
        }
        out.push_str("</main>\n</body>\n</html>\n");
        out
    }
}

impl Section {
    fn html(&self, index: usize, out: &mut String) {
        let id = format!("part-{}", index + 1);
        out.push_str(&format!(
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n",
            escaped(&self.heading)
        ));
        for paragraph in &self.paragraphs {
            out.push_str(&format!("<p>{}</p>\n", marked_up(paragraph)));
        }
        if let Some(table) = &self.table {
            let caption = escaped(&table.caption);
            // A region that scrolls has to be reachable by keyboard, and to have a name.
            out.push_str(&format!(
                "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\">\n<table>\n<caption>{caption}</caption>\n<thead><tr>"
            ));
            for column in &table.columns {
                out.push_str(&format!("<th scope=\"col\">{}</th>", escaped(column)));
            }
            out.push_str("</tr></thead>\n<tbody>\n");
            for row in &table.rows {
                out.push_str("<tr>");
                for (at, cell) in row.iter().enumerate() {
                    let class = class(cell);
                    let cell = marked_up(cell);
                    out.push_str(&match at {
                        0 => format!("<th scope=\"row\"{class}>{cell}</th>"),
                        _ => format!("<td{class}>{cell}</td>"),
                    });
                }
                out.push_str("</tr>\n");
            }
            out.push_str("</tbody>\n</table>\n</div>\n");
        }
        if let Some(chart) = &self.chart {
            out.push_str(chart);
        }
        out.push_str("</section>\n");
    }
}

/// The attribute of a cell whose width is not to be left to chance: a sentence's or a hash's, and a day's, which would
/// break at its hyphens.
fn class(cell: &str) -> &'static str {
    let is_day = cell.len() == 10
        && cell
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_digit());
    if is_day {
        " class=\"day\""
    } else if cell.chars().count() > SENTENCE {
        " class=\"long\""
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_one_cell_and_is_no_formula() {
        let table = Table {
            caption: String::new(),
            columns: vec!["a", "b"],
            rows: vec![vec!["one, \"two\"\nthree".to_owned(), "=1+1".to_owned()]],
        };
        assert_eq!(table.csv(), "a,b\r\n\"one, \"\"two\"\"\nthree\",'=1+1\r\n");
        let mut reader = csv::Reader::from_reader(table.csv().leak().as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(&row[0], "one, \"two\"\nthree");
    }

    #[test]
    fn what_stands_between_backticks_is_code_and_a_backtick_alone_is_one() {
        for (text, html) in [
            ("falls-prevention", "falls-prevention"),
            ("a & b", "a &amp; b"),
            ("`adult` for care", "<code>adult</code> for care"),
            (
                "a `<b>` and `c`",
                "a <code>&lt;b&gt;</code> and <code>c</code>",
            ),
            (
                "a `<b>` and ` alone",
                "a <code>&lt;b&gt;</code> and ` alone",
            ),
            ("``", "<code></code>"),
            ("`", "`"),
            ("", ""),
        ] {
            assert_eq!(marked_up(text), html, "{text}");
        }
    }

    #[test]
    fn a_cell_that_is_a_sentence_or_a_day_has_room() {
        for (cell, attribute) in [
            ("2026-04-01", " class=\"day\""),
            ("2026-04-0x", ""),
            ("adult", ""),
            ("word ".repeat(12).as_str(), " class=\"long\""),
            ("w".repeat(64).as_str(), " class=\"long\""),
        ] {
            assert_eq!(class(cell), attribute, "{cell}");
        }
    }

    #[test]
    fn a_page_is_well_formed_and_has_no_text_as_markup() {
        let page = Document {
            title: "A <b> & \"c\"".to_owned(),
            intro: vec!["<script>alert(1)</script>".to_owned()],
            links: vec![("\"onclick".to_owned(), "a\"b.html".to_owned())],
            sections: vec![Section {
                heading: "H".to_owned(),
                table: Some(Table {
                    caption: "C".to_owned(),
                    columns: vec!["x"],
                    rows: vec![vec!["<img src=x>".to_owned()]],
                }),
                ..Section::default()
            }],
        };
        let html = page.html();
        assert!(!html.contains("<script") && !html.contains("<img"));
        let body = html
            .split_once("<body>")
            .unwrap()
            .1
            .split_once("</body>")
            .unwrap()
            .0;
        roxmltree::Document::parse(&format!("<body>{body}</body>")).unwrap();
        assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en-GB\">"));
    }
}
