//! UK postcodes to sector, district or area.
//!
//! A postcode is read by its grammar alone, in any case and spacing. What names no place is kept apart: the codes that
//! services use for people of no fixed abode (`ZZ99 3VZ`) or from abroad would say just that of somebody.

use super::super::text::Characters;

/// A part of a postcode's hierarchy, from fine to coarse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PostcodePart {
    /// `PO30 1`, a few thousand addresses; in the country and where new, very few.
    Sector,
    /// `PO30`.
    District,
    /// `PO`.
    Area,
}

/// The 124 areas: of the United Kingdom, Guernsey, the Isle of Man and Jersey. Ascending.
const AREAS: [&str; 124] = [
    "AB", "AL", "B", "BA", "BB", "BD", "BH", "BL", "BN", "BR", "BS", "BT", "CA", "CB", "CF", "CH",
    "CM", "CO", "CR", "CT", "CV", "CW", "DA", "DD", "DE", "DG", "DH", "DL", "DN", "DT", "DY", "E",
    "EC", "EH", "EN", "EX", "FK", "FY", "G", "GL", "GU", "GY", "HA", "HD", "HG", "HP", "HR", "HS",
    "HU", "HX", "IG", "IM", "IP", "IV", "JE", "KA", "KT", "KW", "KY", "L", "LA", "LD", "LE", "LL",
    "LN", "LS", "LU", "M", "ME", "MK", "ML", "N", "NE", "NG", "NN", "NP", "NR", "NW", "OL", "OX",
    "PA", "PE", "PH", "PL", "PO", "PR", "RG", "RH", "RM", "S", "SA", "SE", "SG", "SK", "SL", "SM",
    "SN", "SO", "SP", "SR", "SS", "ST", "SW", "SY", "TA", "TD", "TF", "TN", "TQ", "TR", "TS", "TW",
    "UB", "W", "WA", "WC", "WD", "WF", "WN", "WR", "WS", "WV", "YO", "ZE",
];

/// Letters and digits of a whole postcode, at most.
const LONGEST: usize = 7;

/// Characters of a value that may be a postcode, the spaces of fixed-width files included.
const LONGEST_WRITTEN: usize = 24;

/// A postcode that names a place, whole or as far as it was written: its canonical text without the space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Postcode {
    text: [u8; LONGEST],
    /// Bytes of the area, `PO`.
    area: usize,
    /// Bytes of the district, `PO30`.
    district: usize,
    /// Bytes in all: one more than the district for a sector, three more for a whole postcode.
    length: usize,
}

impl Postcode {
    /// The place that the inside of a JSON string names, if it is a postcode of one of the areas, whole or as coarse as
    /// a sector (with its space: `PO30 1`) or district.
    ///
    /// Spaces, hyphens and case do not matter, full-width letters and digits are theirs. Letters are not guessed to
    /// be digits, nor the other way round.
    pub(super) fn parse(inside: &[u8]) -> Option<Self> {
        let mut text = [0; LONGEST];
        let mut length = 0;
        // Whether something stands between the last character and the one before.
        let mut is_parted = false;
        let mut space = false;
        for (position, character) in Characters::new(inside).enumerate() {
            if position == LONGEST_WRITTEN {
                return None;
            }
            match narrow(character) {
                ' ' | '\t' | '\u{a0}' | '-' | '\u{2010}' | '\u{2011}' | '\u{2013}' => space = true,
                letter if letter.is_ascii_alphanumeric() => {
                    *text.get_mut(length)? = u8::try_from(letter).ok()?.to_ascii_uppercase();
                    is_parted = space && length > 0;
                    space = false;
                    length += 1;
                }
                _ => return None,
            }
        }
        let of = |district: usize| {
            let area = area(text.get(..district)?)?;
            Some(Self {
                text,
                area,
                district,
                length,
            })
        };
        if let [.., digit, first, second] = text[..length]
            && digit.is_ascii_digit()
            && is_unit_letter(first)
            && is_unit_letter(second)
            && let Some(whole) = of(length - 3)
        {
            return Some(whole);
        }
        if is_parted
            && text[length - 1].is_ascii_digit()
            && let Some(sector) = of(length - 1)
        {
            return Some(sector);
        }
        of(length)
    }

    /// The whole postcode in canonical form, upper case without the space, if it was written whole.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        (self.length == self.district + 3).then(|| &self.text[..self.length])
    }

    /// Appends the part, without quotes, if the postcode was written as finely.
    pub(super) fn push(&self, part: PostcodePart, out: &mut Vec<u8>) -> Option<()> {
        match part {
            PostcodePart::Area => out.extend_from_slice(&self.text[..self.area]),
            PostcodePart::District => out.extend_from_slice(&self.text[..self.district]),
            PostcodePart::Sector => {
                let sector = self.text[..self.length].get(self.district)?;
                out.extend_from_slice(&self.text[..self.district]);
                out.extend_from_slice(&[b' ', *sector]);
            }
        }
        Some(())
    }
}

/// A full-width letter, digit or space as the narrow one.
fn narrow(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xff01 + 0x21).unwrap_or(character)
        }
        '\u{3000}' => ' ',
        _ => character,
    }
}

/// The length of the area that `district` is in, if the grammar has such a district and there is such an area.
///
/// After the area's one or two letters come one or two digits, the first of two not 0, or a digit and a letter.
fn area(district: &[u8]) -> Option<usize> {
    let area = district
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    let (letters, rest) = district.split_at(area);
    let fits = match (area, rest) {
        (1 | 2, [digit]) => digit.is_ascii_digit(),
        (1 | 2, [b'1'..=b'9', digit @ b'0'..=b'9']) => digit.is_ascii_digit(),
        (1, [digit, letter]) => digit.is_ascii_digit() && b"ABCDEFGHJKPSTUW".contains(letter),
        (2, [digit, letter]) => digit.is_ascii_digit() && b"ABEHMNPRVWXY".contains(letter),
        _ => false,
    };
    let letters = std::str::from_utf8(letters).ok()?;
    (fits && AREAS.binary_search(&letters).is_ok()).then_some(area)
}

/// Whether `letter` may be one of a postcode's last two.
fn is_unit_letter(letter: u8) -> bool {
    letter.is_ascii_uppercase() && !b"CIKMOV".contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(inside: &str, part: PostcodePart) -> Option<String> {
        let mut out = Vec::new();
        Postcode::parse(inside.as_bytes())?.push(part, &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    fn parts(inside: &str) -> [Option<String>; 3] {
        [
            part(inside, PostcodePart::Sector),
            part(inside, PostcodePart::District),
            part(inside, PostcodePart::Area),
        ]
    }

    #[test]
    fn the_areas_are_in_order() {
        assert!(AREAS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_postcode_has_a_sector_a_district_and_an_area() {
        for (postcode, sector, district, area) in [
            ("PO30 1AA", "PO30 1", "PO30", "PO"),
            ("M1 1AA", "M1 1", "M1", "M"),
            ("M60 1NW", "M60 1", "M60", "M"),
            ("W1A 1HQ", "W1A 1", "W1A", "W"),
            ("CR2 6XH", "CR2 6", "CR2", "CR"),
            ("DN55 1PT", "DN55 1", "DN55", "DN"),
            ("EC1A 1BB", "EC1A 1", "EC1A", "EC"),
            ("SW1A 1AA", "SW1A 1", "SW1A", "SW"),
            ("BT1 5GS", "BT1 5", "BT1", "BT"),
            ("JE2 3XP", "JE2 3", "JE2", "JE"),
            ("BS0 1AA", "BS0 1", "BS0", "BS"),
            ("E20 2ST", "E20 2", "E20", "E"),
        ] {
            assert_eq!(
                parts(postcode),
                [
                    Some(sector.to_owned()),
                    Some(district.to_owned()),
                    Some(area.to_owned())
                ],
                "{postcode}"
            );
            // What is coarser already stays as it is on its own rung and those above.
            assert_eq!(parts(sector), parts(postcode), "{sector}");
            assert_eq!(
                parts(district),
                [None, Some(district.to_owned()), Some(area.to_owned())],
                "{district}"
            );
        }
    }

    #[test]
    fn spellings_of_one_postcode_are_one() {
        let one = Postcode::parse(b"PO30 1AA");
        assert!(one.is_some());
        for spelling in [
            "po30 1aa",
            "PO301AA",
            "po301aa",
            " PO30  1AA ",
            "PO30\u{a0}1AA",
            "PO30-1AA",
            "P O 3 0 1 A A",
            "ＰＯ３０　１ＡＡ",
            r"PO30\t1AA",
            r"\u0050O30 1AA",
        ] {
            assert_eq!(Postcode::parse(spelling.as_bytes()), one, "{spelling}");
        }
        assert_eq!(one.unwrap().whole(), Some(b"PO301AA".as_slice()));
        assert_eq!(Postcode::parse(b"PO30 1").unwrap().whole(), None);
        // One digit that stands alone is a sector, two that stand together a district.
        assert_eq!(part("M1 1", PostcodePart::Sector).as_deref(), Some("M1 1"));
        assert_eq!(parts("M11")[0], None);
        assert_eq!(part("M11", PostcodePart::District).as_deref(), Some("M11"));
    }

    #[test]
    fn what_names_no_place_has_no_part() {
        for text in [
            "ZZ99 3VZ", // no fixed abode
            "ZZ993VZ",
            "zz99 3wz", // other codes of the kind
            "ZZ99 3CZ",
            "ZZ99",
            "NF1 1AB", // the same in Scotland
            "NK1 0AA",
            "GIR 0AA", // no geographic area
            "GIR0AA",
            "BX1 1LT",
            "BF1 1AA", // forces abroad
            "BFPO 57",
            "BFPO57",
            "XM4 5HQ",
            "QA1 1AA", // never allocated
            "VA1 1AA",
            "XA1 1AA",
            "M1 1CA",
            "M1 1AI",
            "M01 1AA",
            "PO300 1AA",
            "PO30 1A",
            "PO30 11AA",
            "PO3O 1AA", // a letter is no digit
            "P030 1AA",
            "",
            " ",
            "PO",
            "PO30 1AA, Newport",
            "PO30 1AA PO30 1AB",
            "30 1AA",
            "UNKNOWN",
            "N/A",
        ] {
            assert_eq!(Postcode::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Postcode::parse(" ".repeat(30).as_bytes()), None);
        assert_eq!(
            Postcode::parse(format!("PO30{}1AA", " ".repeat(30)).as_bytes()),
            None
        );
    }
}
