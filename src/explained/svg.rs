//! A flowchart as a picture: SVG 1.1 with shapes and text alone.
//!
//! No scripts, no style sheets, no fonts of its own, no links. Texts are broken into lines that fit their boxes by a
//! width that no usual sans-serif letter is wider than on average, so that nothing runs out of a box whatever the font.
//! Yes and no differ in words and in the form of lines, not in colour alone.

use super::chart::{Chart, capital};

/// Width of the picture.
const WIDTH: usize = 760;
/// The questions' column: its middle and the half of its width.
const MIDDLE: usize = 190;
const HALF: usize = 160;
/// The answers' column.
const LEFT: usize = 440;
const RIGHT: usize = 740;
/// Height of a line of text.
const LINE: usize = 18;
/// Space inside a box above and below its text.
const PAD: usize = 12;
/// Space between boxes.
const GAP: usize = 34;
/// The width that a letter is taken to have, in hundredths, at 14 pixels.
const LETTER: usize = 880;

/// Draws `chart`.
pub(super) fn draw(chart: &Chart) -> String {
    let mut picture = Picture::default();
    let title = lines(&chart.title, WIDTH - 40);
    for line in &title {
        picture.text(20, picture.y + 20, "start", true, line);
        picture.y += LINE + 2;
    }
    picture.y += GAP;
    let start = lines("Is sharing viable?", HALF * 2 - 40);
    let mut below = picture.rounded(&start, false);
    for step in &chart.steps {
        let question = lines(&format!("{}?", capital(step.name)), HALF);
        let answer = lines(&step.text, RIGHT - LEFT - 24);
        let question_height = question.len() * LINE + 2 * PAD + 28;
        let answer_height = answer.len() * LINE + 2 * PAD;
        let height = question_height.max(answer_height);
        let top = picture.y;
        picture.arrow_down(below, top + (height - question_height) / 2);
        let centre = top + height / 2;
        picture.diamond(centre, question_height / 2);
        picture.centred(centre, MIDDLE, &question);
        picture.answer(centre, &answer, step.passed);
        below = centre + question_height / 2;
        picture.y = top + height + GAP;
    }
    let outcome = lines(&chart.outcome, HALF * 2 - 40);
    let top = picture.y;
    picture.arrow_down(below, top);
    picture.rounded(&outcome, !chart.permitted);
    picture.finish(chart)
}

/// `text` in lines that are no wider than `width`, broken at spaces, and inside words that alone are wider.
fn lines(text: &str, width: usize) -> Vec<String> {
    let most = (width * 100 / LETTER).max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in quoted(text).split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for piece in letters.chunks(most) {
            let space = usize::from(length > 0);
            if length + space + piece.len() > most {
                lines.push(std::mem::take(&mut line));
                length = 0;
            } else if space == 1 {
                line.push(' ');
                length += 1;
            }
            line.extend(piece);
            length += piece.len();
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[derive(Default)]
struct Picture {
    shapes: String,
    /// Where the next thing goes.
    y: usize,
}

impl Picture {
    fn shape(&mut self, shape: &str) {
        self.shapes.push_str("  ");
        self.shapes.push_str(shape);
        self.shapes.push('\n');
    }

    fn text(&mut self, x: usize, y: usize, anchor: &str, bold: bool, text: &str) {
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        let text = escaped(text);
        self.shape(&format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"{weight}>{text}</text>"
        ));
    }

    /// Lines around the middle `centre`.
    fn centred(&mut self, centre: usize, x: usize, lines: &[String]) {
        let first = centre + LINE / 2 - lines.len() * LINE / 2 + 4;
        for (index, line) in lines.iter().enumerate() {
            self.text(x, first + index * LINE, "middle", false, line);
        }
    }

    /// A box with round ends at the place of the next thing; gives its lower edge.
    fn rounded(&mut self, lines: &[String], dashed: bool) -> usize {
        let (top, height) = (self.y, lines.len() * LINE + 2 * PAD);
        let (x, width) = (MIDDLE - HALF, HALF * 2);
        let dash = if dashed {
            " stroke-dasharray=\"7 4\""
        } else {
            ""
        };
        self.shape(&format!(
            "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"20\" fill=\"#ffffff\" stroke=\"#1d1d1b\" stroke-width=\"3\"{dash}/>"
        ));
        self.centred(top + height / 2, MIDDLE, lines);
        self.y = top + height + GAP;
        top + height
    }

    fn diamond(&mut self, centre: usize, half_height: usize) {
        let (left, right) = (MIDDLE - HALF, MIDDLE + HALF);
        let (top, bottom) = (centre - half_height, centre + half_height);
        self.shape(&format!(
            "<polygon points=\"{MIDDLE},{top} {right},{centre} {MIDDLE},{bottom} {left},{centre}\" fill=\"#f2f6fa\" stroke=\"#1d1d1b\" stroke-width=\"1.5\"/>"
        ));
    }

    /// The answer beside a question: a box for yes, a dashed one for no.
    fn answer(&mut self, centre: usize, lines: &[String], passed: bool) {
        let height = lines.len() * LINE + 2 * PAD;
        let top = centre - height / 2;
        let width = RIGHT - LEFT;
        let (word, dash, fill) = if passed {
            ("yes", "", "#eef7ee")
        } else {
            ("no", " stroke-dasharray=\"7 4\"", "#fdf0ee")
        };
        self.shape(&format!(
            "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\" stroke=\"#1d1d1b\" stroke-width=\"1.5\"{dash}/>"
        ));
        let from = MIDDLE + HALF;
        let to = LEFT - 2;
        self.shape(&format!(
            "<line x1=\"{from}\" y1=\"{centre}\" x2=\"{to}\" y2=\"{centre}\" stroke=\"#1d1d1b\" stroke-width=\"1.5\" marker-end=\"url(#head)\"{dash}/>"
        ));
        self.text((from + to) / 2, centre - 6, "middle", true, word);
        let first = centre + LINE / 2 - lines.len() * LINE / 2 + 4;
        for (index, line) in lines.iter().enumerate() {
            self.text(LEFT + 12, first + index * LINE, "start", false, line);
        }
    }

    fn arrow_down(&mut self, from: usize, to: usize) {
        let to = to.saturating_sub(2);
        self.shape(&format!(
            "<line x1=\"{MIDDLE}\" y1=\"{from}\" x2=\"{MIDDLE}\" y2=\"{to}\" stroke=\"#1d1d1b\" stroke-width=\"1.5\" marker-end=\"url(#head)\"/>"
        ));
    }

    fn finish(self, chart: &Chart) -> String {
        let height = self.y;
        let (title, description) = (escaped(&chart.title), escaped(&chart.description()));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"title description\" font-family=\"Arial, Helvetica, sans-serif\" font-size=\"14\" fill=\"#1d1d1b\">\n  <title id=\"title\">{title}</title>\n  <desc id=\"description\">{description}</desc>\n  <defs><marker id=\"head\" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto\"><path d=\"M0,0 L9,4 L0,8 z\" fill=\"#1d1d1b\"/></marker></defs>\n  <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.shapes
        )
    }
}

/// `text` with what stands between backticks in quotation marks: a picture has no second kind of letters for names.
fn quoted(text: &str) -> String {
    let mut marks = ['\u{201c}', '\u{201d}'].into_iter().cycle();
    text.chars()
        .map(|letter| match letter {
            '`' => marks.next().expect("a cycle has no end"),
            letter => letter,
        })
        .collect()
}

/// `text` as XML character data that XML 1.0 allows, in and outside attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::chart::tests::chart;
    use super::*;

    #[test]
    fn a_picture_is_well_formed_and_says_in_words_what_it_shows() {
        let chart = chart("agreement <care> shares \"adult\" & no more\u{1} for other purposes");
        let picture = chart.svg();
        let document = roxmltree::Document::parse(&picture).unwrap();
        let text = |name: &str| {
            let mut nodes = document.descendants();
            let node = nodes.find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name)));
            node.and_then(|node| node.text())
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(text("title"), chart.title);
        assert!(text("desc").contains("Purpose agreed? no: agreement <care> shares"));
        for forbidden in [
            "<script",
            "<a ",
            "href",
            "onload",
            "<style",
            "<foreignObject",
        ] {
            assert!(!picture.contains(forbidden), "{forbidden}");
        }
        assert_eq!(picture, chart.svg());
    }

    #[test]
    fn no_text_is_wider_than_its_box_and_no_box_leaves_the_picture() {
        for text in ["x", &"word ".repeat(200), &"w".repeat(500), ""] {
            let picture = chart(text).svg();
            let document = roxmltree::Document::parse(&picture).unwrap();
            let height: usize = document
                .root_element()
                .attribute("height")
                .unwrap()
                .parse()
                .unwrap();
            for node in document.descendants() {
                let number = |name: &str| {
                    node.attribute(name)
                        .and_then(|text| text.parse::<usize>().ok())
                };
                if node.tag_name().name() == "text" {
                    let width = node.text().unwrap_or_default().chars().count() * LETTER / 100;
                    assert!(width <= WIDTH, "{width}");
                    assert!(number("y").unwrap() < height);
                }
                if let (Some(y), Some(own)) = (number("y"), number("height")) {
                    assert!(y + own <= height);
                }
            }
        }
    }

    #[test]
    fn words_are_broken_only_where_alone_they_are_too_wide() {
        assert_eq!(lines("one two", 800), ["one two"]);
        assert_eq!(lines("one two", 70), ["one two"]);
        assert_eq!(lines("one three", 70), ["one", "three"]);
        assert_eq!(lines("abcdefghij", 70), ["abcdefgh", "ij"]);
        assert_eq!(lines("", 70), [""]);
        assert_eq!(
            lines("shares `adult` now", 100),
            ["shares", "\u{201c}adult\u{201d} now"]
        );
    }
}
