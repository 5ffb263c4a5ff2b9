//! `generalise` and `shift` as written to the transforms as meant.

use super::file::{DirectionAsWritten, GeneraliseTo, RuleAsWritten};
use super::tables::Tables;
use crate::transform::generalise::{
    AgeAt, Bands, Caps, Constant, DatePart, PostcodePart, Rounding, TableColumns, TableKey,
};
use crate::transform::{DateForm, Direction, Generalise, Shift};
use crate::written::{Fault, Written};

impl GeneraliseTo {
    const ALL: [Self; 15] = [
        Self::Year,
        Self::FinancialYear,
        Self::SchoolYear,
        Self::Quarter,
        Self::Month,
        Self::Week,
        Self::Age,
        Self::AgeBand,
        Self::PostcodeArea,
        Self::PostcodeDistrict,
        Self::PostcodeSector,
        Self::Table,
        Self::Band,
        Self::Round,
        Self::Capped,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::FinancialYear => "financial-year",
            Self::SchoolYear => "school-year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Week => "week",
            Self::Age => "age",
            Self::AgeBand => "age-band",
            Self::PostcodeArea => "postcode-area",
            Self::PostcodeDistrict => "postcode-district",
            Self::PostcodeSector => "postcode-sector",
            Self::Table => "table",
            Self::Band => "band",
            Self::Round => "round",
            Self::Capped => "capped",
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Year
            | Self::FinancialYear
            | Self::SchoolYear
            | Self::Quarter
            | Self::Month
            | Self::Week => &["from"],
            Self::Age => &["from", "at"],
            Self::AgeBand => &["from", "at", "width", "bands", "bottom", "top"],
            Self::PostcodeArea | Self::PostcodeDistrict | Self::PostcodeSector => &["otherwise"],
            Self::Table => &["from", "table", "column", "key", "otherwise"],
            Self::Band => &["width", "bands", "bottom", "top"],
            Self::Round => &["nearest", "bottom", "top"],
            Self::Capped => &["bottom", "top"],
        }
    }
}

/// One rule on its way to a transform. Faults are told at the option that they are of.
pub(super) struct Ladder<'a, T> {
    pub(super) written: &'a Written<T>,
    /// The rule's pointer.
    pub(super) pointer: &'a str,
    pub(super) rule: &'a RuleAsWritten,
    pub(super) tables: &'a Tables,
    pub(super) faults: &'a mut Vec<Fault>,
}

impl<T> Ladder<'_, T> {
    /// What the rule generalises to.
    pub(super) fn generalise(&mut self, to: GeneraliseTo) -> Option<Generalise> {
        self.refuse_foreign_options(to);
        match to {
            GeneraliseTo::Year => self.date(DatePart::Year),
            GeneraliseTo::FinancialYear => self.date(DatePart::FinancialYear),
            GeneraliseTo::SchoolYear => self.date(DatePart::SchoolYear),
            GeneraliseTo::Quarter => self.date(DatePart::Quarter),
            GeneraliseTo::Month => self.date(DatePart::Month),
            GeneraliseTo::Week => self.date(DatePart::Week),
            GeneraliseTo::Age => {
                let (at, from) = (self.at(), self.form());
                Some(Generalise::Age {
                    at: at?,
                    from: from?,
                })
            }
            GeneraliseTo::AgeBand => {
                let (at, from, bands) = (self.at(), self.form(), self.bands(true));
                Some(Generalise::AgeBand {
                    at: at?,
                    from: from?,
                    bands: bands?,
                })
            }
            GeneraliseTo::PostcodeArea => Some(self.postcode(PostcodePart::Area)),
            GeneraliseTo::PostcodeDistrict => Some(self.postcode(PostcodePart::District)),
            GeneraliseTo::PostcodeSector => Some(self.postcode(PostcodePart::Sector)),
            GeneraliseTo::Table => self.table(),
            GeneraliseTo::Band => self.bands(false).map(|bands| Generalise::Band { bands }),
            GeneraliseTo::Round => {
                let Some(nearest) = self.rule.nearest else {
                    return self.missing("nearest", "`to: round`", "nearest: 100");
                };
                let rounding = Rounding::new(nearest, self.rule.bottom, self.rule.top);
                self.told("to", rounding).map(Generalise::Round)
            }
            GeneraliseTo::Capped => {
                let caps = Caps::new(self.rule.bottom, self.rule.top);
                self.told("to", caps).map(Generalise::Capped)
            }
        }
    }

    /// What the rule shifts by.
    pub(super) fn shift(&mut self) -> Option<Shift> {
        let from = self.form();
        let Some(days) = self.rule.days else {
            return self.missing("days", "`shift`", "days: 30");
        };
        let direction = match self.rule.direction {
            None | Some(DirectionAsWritten::Earlier) => Direction::Earlier,
            Some(DirectionAsWritten::Either) => Direction::Either,
        };
        self.told("days", Shift::new(days, direction, from?))
    }

    /// Adds a fault at each option that another rung has and `to` does not.
    fn refuse_foreign_options(&mut self, to: GeneraliseTo) {
        let of = |option: &str| {
            let rungs = GeneraliseTo::ALL.into_iter();
            let rungs = rungs.filter(|rung| rung.options().contains(&option));
            rungs.map(GeneraliseTo::word).collect::<Vec<_>>().join(", ")
        };
        for (option, there) in self.rule.options() {
            let rungs = of(option);
            if there && !rungs.is_empty() && !to.options().contains(&option) {
                self.written.fault_at_key(
                    self.faults,
                    &format!("{}/{option}", self.pointer),
                    format!(
                        "`{option}` is not an option of `to: {}`, only of {rungs}; leave it out",
                        to.word()
                    ),
                );
            }
        }
    }

    fn date(&mut self, to: DatePart) -> Option<Generalise> {
        Some(Generalise::Date {
            to,
            from: self.form()?,
        })
    }

    /// How dates are written: as `from` declares.
    fn form(&mut self) -> Option<DateForm> {
        match &self.rule.from {
            None => Some(DateForm::default()),
            Some(text) => {
                let form = DateForm::declared(&text.0);
                self.told("from", form)
            }
        }
    }

    fn at(&mut self) -> Option<AgeAt> {
        match self.rule.at.as_ref().map(|text| text.0.as_str()) {
            None | Some("today") => Some(AgeAt::Today),
            Some("school-year") => Some(AgeAt::SchoolYear),
            Some(day) => {
                let day = day.parse().map(AgeAt::Day).map_err(
                    |_| "no day of the calendar; write for example at: 2026-03-31, or at: today, or at: school-year",
                );
                self.told("at", day)
            }
        }
    }

    /// The bands that `bands` lists or `width` and the open ends make. Those of ages have an open top.
    fn bands(&mut self, of_ages: bool) -> Option<Bands> {
        let rule = self.rule;
        match (&rule.bands, rule.width) {
            (Some(_), Some(_)) => self.fault(
                "width",
                "bands are of one width or listed, not both; leave `width` or `bands` out",
            ),
            (Some(_), None) if rule.top.is_some() || rule.bottom.is_some() => self.fault(
                "bands",
                "listed bands say themselves where they end; leave `top` and `bottom` out, and write for example 75+ and under 16 as bands",
            ),
            (Some(bands), None) => {
                let texts: Vec<String> = bands.iter().map(|band| band.text()).collect();
                let bands = self.told("bands", Bands::listed(&texts))?;
                if of_ages && !bands.has_open_top() {
                    return self.fault(
                        "bands",
                        "the last band of ages is open, since the oldest are few; write for example 75+",
                    );
                }
                Some(bands)
            }
            (None, Some(_)) if of_ages && rule.top.is_none() => self.missing(
                "top",
                "`to: age-band` with `width`, since the oldest are few,",
                "top: 90",
            ),
            (None, Some(width)) => self.told("width", Bands::even(width, rule.bottom, rule.top)),
            (None, None) => self.missing(
                "width",
                "the rule",
                if of_ages {
                    "width: 5 and top: 90, or bands: [0-15, 16-24, 25-49, 50-64, 65-74, 75+]"
                } else {
                    "width: 1000, or bands: [0-9999, 10000-49999, 50000+]"
                },
            ),
        }
    }

    fn postcode(&self, to: PostcodePart) -> Generalise {
        Generalise::Postcode {
            to,
            otherwise: self.otherwise(),
        }
    }

    fn otherwise(&self) -> Option<Constant> {
        let text = self.rule.otherwise.as_ref()?;
        Some(Constant::new(&text.0))
    }

    fn table(&mut self) -> Option<Generalise> {
        let rule = self.rule;
        let from = match rule.from.as_ref().map(|text| text.0.as_str()) {
            None | Some("text") => TableKey::Text,
            Some("postcode") => TableKey::Postcode,
            Some(_) => {
                return self.fault(
                    "from",
                    "the keys of a table are text or postcodes; write from: postcode, or leave `from` out",
                );
            }
        };
        let Some(path) = &rule.table else {
            return self.missing("table", "`to: table`", "table: postcodes.csv");
        };
        let Some(column) = &rule.column else {
            return self.missing("column", "`to: table`", "column: ward");
        };
        let columns = TableColumns {
            key: rule.key.as_ref().map(|key| key.0.clone()),
            from,
            value: column.0.clone(),
        };
        let table = self.tables.table(self.written.file(), &path.0, &columns);
        Some(Generalise::Table {
            table: self.told("table", table)?,
            otherwise: self.otherwise(),
        })
    }

    fn missing<V>(&mut self, option: &str, what: &str, write: &str) -> Option<V> {
        if !self
            .written
            .is_faulted_within(&format!("{}/{option}", self.pointer))
        {
            let message = format!("{what} needs `{option}`; write for example {write}");
            self.written.fault(self.faults, &self.place("to"), message);
        }
        None
    }

    fn fault<V>(&mut self, option: &str, message: &str) -> Option<V> {
        self.written
            .fault(self.faults, &self.place(option), message);
        None
    }

    fn told<V>(&mut self, option: &str, result: Result<V, impl ToString>) -> Option<V> {
        match result {
            Ok(value) => Some(value),
            Err(error) => self.fault(option, &error.to_string()),
        }
    }

    /// The option's pointer; the rule's where it has no such option.
    fn place(&self, option: &str) -> String {
        let there = |(name, there): (&str, bool)| there && name == option;
        if self.rule.options().into_iter().any(there) {
            format!("{}/{option}", self.pointer)
        } else {
            self.pointer.to_owned()
        }
    }
}
