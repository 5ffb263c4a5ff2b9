//! A picture of a release's groups: records by the size of their group, before beside after, as SVG.

use std::fmt::Write;

use super::{Risk, SizeClass};

const WIDTH: u32 = 760;
const HEIGHT: u32 = 380;
/// Where the bars stand.
const LEFT: u32 = 70;
const RIGHT: u32 = WIDTH - 20;
const TOP: u32 = 70;
const BOTTOM: u32 = HEIGHT - 60;

/// Two colours that are told apart without red and green, and in grey by their lightness.
const BEFORE: &str = "#b8c4d6";
const AFTER: &str = "#1d4f91";

/// A picture of `after`, with `before` beside it: bars of the share of records in groups of each size. It names no
/// value and no field, and its title and description say in words what the bars say.
#[must_use]
pub fn svg(after: &Risk, before: Option<&Risk>) -> String {
    let mut out = String::new();
    draw(&mut out, after, before).expect("a string takes what is written to it");
    out
}

fn draw(out: &mut String, after: &Risk, before: Option<&Risk>) -> std::fmt::Result {
    writeln!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title description" font-family="sans-serif" font-size="13" fill="#222">"##
    )?;
    writeln!(
        out,
        r#"<title id="title">Records by the size of their group</title>"#
    )?;
    writeln!(
        out,
        r#"<desc id="description">{}</desc>"#,
        description(after, before)
    )?;
    writeln!(
        out,
        r##"<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>"##
    )?;
    writeln!(
        out,
        r#"<text x="{LEFT}" y="28" font-size="17">Records by the size of their group</text>"#
    )?;
    legend(out, before.is_some())?;
    grid(out)?;
    let releases: Vec<(&Risk, &str)> = before
        .map(|before| (before, BEFORE))
        .into_iter()
        .chain([(after, AFTER)])
        .collect();
    let classes = after.classes.len() as u32;
    let place = (RIGHT - LEFT) / classes;
    let bar = (place - 16) / releases.len() as u32;
    for (index, (name, _)) in after.named_classes().enumerate() {
        let x = LEFT + place * index as u32;
        for (number, (risk, colour)) in releases.iter().enumerate() {
            column(
                out,
                x + 8 + bar * number as u32,
                bar,
                colour,
                risk,
                risk.classes[index],
            )?;
        }
        writeln!(
            out,
            r#"<text x="{}" y="{}" text-anchor="middle">{name}</text>"#,
            x + place / 2,
            BOTTOM + 18
        )?;
    }
    writeln!(
        out,
        r#"<text x="{}" y="{}" text-anchor="middle">records with the same keys</text>"#,
        (LEFT + RIGHT) / 2,
        BOTTOM + 44
    )?;
    writeln!(out, "</svg>")
}

/// One bar and the figure above it.
fn column(
    out: &mut String,
    x: u32,
    width: u32,
    colour: &str,
    risk: &Risk,
    class: SizeClass,
) -> std::fmt::Result {
    let share = risk.share(class.records);
    let height = share * f64::from(BOTTOM - TOP);
    let y = f64::from(BOTTOM) - height;
    writeln!(
        out,
        r#"<rect x="{x}" y="{y:.1}" width="{}" height="{height:.1}" fill="{colour}"/>"#,
        width - 2
    )?;
    if class.records == 0 {
        return Ok(());
    }
    writeln!(
        out,
        r##"<text x="{}" y="{:.1}" text-anchor="middle" font-size="11" stroke="#fff" stroke-width="3" paint-order="stroke">{}</text>"##,
        x + width / 2,
        y - 4.0,
        percent(share)
    )
}

fn legend(out: &mut String, with_before: bool) -> std::fmt::Result {
    if !with_before {
        return Ok(());
    }
    for (x, colour, word) in [(LEFT, BEFORE, "before"), (LEFT + 90, AFTER, "after")] {
        writeln!(
            out,
            r#"<rect x="{x}" y="40" width="13" height="13" fill="{colour}"/><text x="{}" y="51">{word}</text>"#,
            x + 19
        )?;
    }
    Ok(())
}

/// Lines at each quarter of the records.
fn grid(out: &mut String) -> std::fmt::Result {
    for quarter in 0..=4 {
        let y = BOTTOM - (BOTTOM - TOP) * quarter / 4;
        writeln!(
            out,
            r##"<line x1="{LEFT}" y1="{y}" x2="{RIGHT}" y2="{y}" stroke="#ddd"/><text x="{}" y="{}" text-anchor="end">{} %</text>"##,
            LEFT - 8,
            y + 4,
            quarter * 25
        )?;
    }
    Ok(())
}

/// What the bars say, in words.
fn description(after: &Risk, before: Option<&Risk>) -> String {
    let of = |risk: &Risk| {
        format!(
            "{} records in {}, the smallest of {}; {} of the records are alone in their group, {} are in groups of fewer than 5, {} in groups of fewer than 10",
            risk.records,
            match risk.groups {
                1 => "1 group".to_owned(),
                groups => format!("{groups} groups"),
            },
            risk.smallest,
            percent(risk.share(risk.unique())),
            percent(risk.share(risk.below(5))),
            percent(risk.share(risk.below(10))),
        )
    };
    match before {
        Some(before) => format!("Before: {}. After: {}.", of(before), of(after)),
        None => format!("{}.", of(after)),
    }
}

/// A share in percent; what is there is never told as nothing, and what is not all never as all.
#[must_use]
pub fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.001 {
        return "under 0.1 %".to_owned();
    }
    if share < 1.0 && share > 0.999 {
        return "over 99.9 %".to_owned();
    }
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::{Counting, Fingerprint};
    use super::*;

    fn risk(sizes: &[usize]) -> Risk {
        let mut counting = Counting::new(0);
        for (group, size) in sizes.iter().enumerate() {
            for _ in 0..*size {
                let group = group.to_string();
                counting
                    .add(Fingerprint::of([[group.as_str()]]), &[])
                    .unwrap();
            }
        }
        counting.finish()
    }

    #[test]
    fn a_picture_is_xml_that_says_in_words_what_its_bars_say() {
        let (before, after) = (risk(&[1, 1, 1, 1, 4]), risk(&[8]));
        for before in [None, Some(&before)] {
            let picture = svg(&after, before);
            let document = roxmltree::Document::parse(&picture).unwrap();
            let text = |name: &str| {
                let mut found = document
                    .descendants()
                    .filter(|node| node.has_tag_name(name));
                found
                    .next()
                    .and_then(|node| node.text())
                    .unwrap()
                    .to_owned()
            };
            assert_eq!(text("title"), "Records by the size of their group");
            assert!(text("desc").contains("8 records in 1 group, the smallest of 8"));
            assert_eq!(
                text("desc").contains("50.0 % of the records are alone"),
                before.is_some()
            );
            let bars = document.descendants().filter(|node| {
                node.attribute("fill") == Some(AFTER) && node.attribute("height") != Some("13")
            });
            // Of the classes the one from 5 to 9 has all records.
            let heights: Vec<&str> = bars.filter_map(|bar| bar.attribute("height")).collect();
            assert_eq!(
                heights,
                ["0.0", "0.0", "0.0", "250.0", "0.0", "0.0", "0.0", "0.0"]
            );
        }
    }

    #[test]
    fn a_share_is_never_told_as_nothing_or_all_that_is_not() {
        for (share, text) in [
            (0.0, "0.0 %"),
            (0.0001, "under 0.1 %"),
            (0.5, "50.0 %"),
            (0.9999, "over 99.9 %"),
            (1.0, "100.0 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }
}
