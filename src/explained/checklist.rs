//! The sharing checklist of an agreement: what a reviewer asks of every one, with what this one says to it.
//!
//! The topics are those that the Information Commissioner's guidance on data sharing and local sharing protocols have in
//! common; the words are this project's. An answer is *pass* where the file states or does what is asked, *fail* where
//! what it states does not hold or leaves something open that it must not, *not stated* where it says nothing. No
//! checklist can say that a reason is a good one.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::Stated;
use super::stated::one_line;
use crate::agreement::Agreement;
use crate::approval::Approved;
use crate::identifier::Kind;
use crate::plan::Action;
use crate::register::Ground;

/// What an agreement says to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It states or does what is asked: what.
    Pass(String),
    /// What it states does not hold, or leaves open what it must not: what.
    Fail(String),
    /// It says nothing; what to write.
    NotStated(String),
}

impl Answer {
    /// Its word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass(_) => "pass",
            Self::Fail(_) => "fail",
            Self::NotStated(_) => "not stated",
        }
    }

    /// What is said to it.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Pass(text) | Self::Fail(text) | Self::NotStated(text) => text,
        }
    }
}

/// The eight principles of the 1998 Act, under which the topics stand too; today's law has the same duties in Article 5
/// of the UK GDPR and in its chapters on rights and transfers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principle {
    /// Fairly and lawfully.
    Lawful,
    /// For specified purposes.
    Purpose,
    /// Adequate, relevant, not excessive.
    Minimal,
    /// Accurate and up to date.
    Accurate,
    /// No longer than necessary.
    Retention,
    /// In accordance with people's rights.
    Rights,
    /// Secure.
    Secure,
    /// Not beyond where it is protected.
    Transfer,
}

impl Principle {
    /// All of them, in the Act's order.
    pub const ALL: [Self; 8] = [
        Self::Lawful,
        Self::Purpose,
        Self::Minimal,
        Self::Accurate,
        Self::Retention,
        Self::Rights,
        Self::Secure,
        Self::Transfer,
    ];

    /// Its heading: the 1998 Act's number, what it asks, and where today's law has it.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Lawful => "1 Fair and lawful (UK GDPR Art. 5(1)(a))",
            Self::Purpose => "2 For specified purposes (Art. 5(1)(b))",
            Self::Minimal => "3 Adequate, relevant, not excessive (Art. 5(1)(c))",
            Self::Accurate => "4 Accurate and up to date (Art. 5(1)(d))",
            Self::Retention => "5 Kept no longer than necessary (Art. 5(1)(e))",
            Self::Rights => "6 In accordance with people's rights (Chapter III)",
            Self::Secure => "7 Secure (Art. 5(1)(f))",
            Self::Transfer => "8 Not sent where it is not protected (Chapter V)",
        }
    }
}

/// A topic of the checklist and what an agreement says to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The topic's stable name.
    pub topic: &'static str,
    /// What is asked.
    pub question: &'static str,
    /// The part of the checklist that it stands in.
    pub part: &'static str,
    /// The principle that it serves most.
    pub principle: Principle,
    /// What the agreement says.
    pub answer: Answer,
}

/// An agreement's checklist on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checklist {
    /// The agreement.
    pub agreement: String,
    /// Its version.
    pub version: u32,
    /// Its title.
    pub title: String,
    /// The topics in their order.
    pub items: Vec<Item>,
}

const WHY: &str = "Why share?";
const LAWFUL: &str = "Is sharing lawful?";
const COMPATIBLE: &str = "Does it keep to the data-protection principles?";
const HOW: &str = "What, with whom, how and when?";

/// The checklist of `agreement`, whose text states `stated`, on `today`.
#[must_use]
pub fn checklist(agreement: &Agreement, stated: &Stated, today: Date) -> Checklist {
    let on = Reviewed {
        agreement,
        stated,
        today,
    };
    let item = |topic, part, principle, question, answer| Item {
        topic,
        question,
        part,
        principle,
        answer,
    };
    use Principle::{Accurate, Lawful, Minimal, Purpose, Retention, Rights, Secure, Transfer};
    let items = vec![
        item(
            "purposes",
            WHY,
            Purpose,
            "What is the sharing meant to achieve?",
            on.purposes(),
        ),
        item(
            "benefits",
            WHY,
            Purpose,
            "What good will it do, and to whom?",
            on.stated("benefits", &["benefits"]),
        ),
        item(
            "business-case",
            WHY,
            Purpose,
            "Is there a business case?",
            on.stated("business_case", &["business_case"]),
        ),
        item(
            "risks",
            WHY,
            Secure,
            "What could go wrong, and what is done about it?",
            on.stated("risks", &["risks"]),
        ),
        item(
            "assessment",
            WHY,
            Lawful,
            "Was the impact on people assessed?",
            on.stated("basis.assessment", &["basis.assessment", "assessment"]),
        ),
        item(
            "lawful-basis",
            LAWFUL,
            Lawful,
            "On which condition for processing does it rest?",
            on.basis("lawful"),
        ),
        item(
            "power",
            LAWFUL,
            Lawful,
            "Which power or duty lets the controller share?",
            on.basis("power"),
        ),
        item(
            "special-categories",
            LAWFUL,
            Lawful,
            "On which condition do special categories rest, if they are shared?",
            on.basis("special"),
        ),
        item("notice", LAWFUL, Lawful, "Were people told?", on.notice()),
        item(
            "minimal",
            COMPATIBLE,
            Minimal,
            "Is every field that leaves named?",
            on.minimal(),
        ),
        item(
            "identifiers",
            COMPATIBLE,
            Minimal,
            "Could it be done without identifiers, or with tokens?",
            on.identifiers(),
        ),
        item(
            "accuracy",
            COMPATIBLE,
            Accurate,
            "How is the data known to be right?",
            on.accuracy(),
        ),
        item(
            "retention",
            COMPATIBLE,
            Retention,
            "How long may the partner keep it?",
            on.stated("retention", &["retention"]),
        ),
        item(
            "subjects",
            COMPATIBLE,
            Rights,
            "Can it be found out who was told about a person, and an objection be heeded?",
            on.subjects(),
        ),
        item(
            "security",
            COMPATIBLE,
            Secure,
            "How is it kept safe on its way?",
            on.security(),
        ),
        item(
            "territory",
            COMPATIBLE,
            Transfer,
            "In which countries may it be held?",
            on.stated("basis.territory", &["basis.territory", "territory"]),
        ),
        item(
            "parties",
            HOW,
            Lawful,
            "Who shares with whom?",
            on.parties(),
        ),
        item("data", HOW, Minimal, "What is shared?", on.data()),
        item(
            "callers",
            HOW,
            Secure,
            "Who at the partner's may ask?",
            on.callers(),
        ),
        item(
            "contacts",
            HOW,
            Rights,
            "Who answers for it?",
            on.stated("contacts", &["contacts"]),
        ),
        item("term", HOW, Retention, "From when until when?", on.term()),
        item("approval", HOW, Lawful, "Who approved it?", on.approval()),
        item("review", HOW, Accurate, "When is it reviewed?", on.review()),
        item(
            "ending",
            HOW,
            Retention,
            "What happens at its end?",
            on.ending(),
        ),
    ];
    Checklist {
        agreement: agreement.name.to_string(),
        version: agreement.version,
        title: agreement.title.clone(),
        items,
    }
}

/// An agreement that is looked at.
struct Reviewed<'a> {
    agreement: &'a Agreement,
    stated: &'a Stated,
    today: Date,
}

impl Reviewed<'_> {
    /// What stands at the first of `paths`; `key` is what to write.
    fn stated(&self, key: &str, paths: &[&str]) -> Answer {
        match self.stated.text(paths) {
            Some(text) => Answer::Pass(text),
            None => Answer::NotStated(format!("write {key}")),
        }
    }

    /// A part of the basis: of the agreement, or of each purpose that has a basis of its own.
    fn basis(&self, key: &str) -> Answer {
        let mut found: Vec<String> = self
            .stated
            .text(&[&format!("basis.{key}")])
            .into_iter()
            .collect();
        if let Some(Value::Object(purposes)) = self.stated.at("purposes") {
            for (name, purpose) in purposes {
                if let Some(value) = purpose.get("basis").and_then(|basis| basis.get(key)) {
                    found.push(format!("for {name} {}", one_line(value)));
                }
            }
        }
        if found.is_empty() {
            Answer::NotStated(format!("write basis.{key}"))
        } else {
            Answer::Pass(found.join("; "))
        }
    }

    fn purposes(&self) -> Answer {
        let purposes = &self.agreement.purposes;
        let disclosed = |name| {
            let mut all = self.agreement.disclosures.iter();
            all.any(|disclosure| disclosure.purposes.contains(name))
        };
        let idle: Vec<&str> = purposes
            .iter()
            .filter(|purpose| !disclosed(&purpose.name))
            .map(|purpose| purpose.name.as_str())
            .collect();
        if !idle.is_empty() {
            return Answer::Fail(format!("nothing is disclosed for {}", idle.join(", ")));
        }
        let texts: Vec<String> = purposes
            .iter()
            .map(|purpose| format!("{}: {}", purpose.name, purpose.text))
            .collect();
        Answer::Pass(texts.join("; "))
    }

    /// By the grounds that the register gave each use, where there is a register.
    fn notice(&self) -> Answer {
        let mut told = Vec::new();
        let mut untold = Vec::new();
        for disclosure in &self.agreement.disclosures {
            for (purpose, ground) in &disclosure.grounds {
                let text = format!("`{}` for {purpose}: {ground}", disclosure.name);
                match ground {
                    Ground::SamePurpose | Ground::Notice { .. } | Ground::Statute { .. } => {
                        told.push(text);
                    }
                    Ground::CompatibleUse => untold.push(text),
                }
            }
        }
        if !untold.is_empty() {
            Answer::Fail(format!("no notice mentions {}", untold.join("; ")))
        } else if told.is_empty() {
            Answer::NotStated("the register is to say what people were told".to_owned())
        } else {
            Answer::Pass(told.join("; "))
        }
    }

    fn minimal(&self) -> Answer {
        let mut open = Vec::new();
        let mut named = 0;
        for disclosure in &self.agreement.disclosures {
            let name = &disclosure.name;
            for whole in &disclosure.kept_whole {
                open.push(format!("`{name}` keeps {} whole", whole.selector));
            }
            for opaque in &disclosure.opaque {
                open.push(format!("`{name}` does not look into the {}", opaque.body));
            }
            for rule in &disclosure.released_rules.fields {
                let text = rule.selector.text();
                if matches!(rule.action, Action::Drop | Action::KeepAll) {
                    continue;
                }
                if text.contains("..") || text.contains(".*") {
                    open.push(format!("`{name}` takes what {text} finds"));
                } else {
                    named += 1;
                }
            }
        }
        if open.is_empty() {
            Answer::Pass(format!("{named} named, nothing else leaves"))
        } else {
            Answer::Fail(open.join("; "))
        }
    }

    fn identifiers(&self) -> Answer {
        let tokens: Vec<String> = self
            .agreement
            .namespaces
            .iter()
            .map(|namespace| {
                let way = if namespace.reversible {
                    "that turn back"
                } else {
                    "one-way"
                };
                format!("{} as tokens, {way}", namespace.name)
            })
            .collect();
        if tokens.is_empty() {
            Answer::NotStated(
                "no rule makes tokens; say in the assessment why identifiers are needed, or write pseudonymise"
                    .to_owned(),
            )
        } else {
            Answer::Pass(tokens.join(", "))
        }
    }

    fn accuracy(&self) -> Answer {
        let checked: Vec<String> = self
            .agreement
            .namespaces
            .iter()
            .filter(|namespace| namespace.kind != Kind::Text || !namespace.parts.is_empty())
            .map(|namespace| namespace.written_as())
            .collect();
        if let Some(text) = self.stated.text(&["accuracy"]) {
            Answer::Pass(text)
        } else if checked.is_empty() {
            Answer::NotStated("nothing that leaves is held against a form or an age".to_owned())
        } else {
            Answer::Pass(format!("held against its form: {}", checked.join(", ")))
        }
    }

    fn subjects(&self) -> Answer {
        let without: Vec<String> = self
            .agreement
            .disclosures
            .iter()
            .filter(|disclosure| disclosure.released_rules.subject.is_none())
            .map(|disclosure| format!("`{}`", disclosure.name))
            .collect();
        if without.is_empty() {
            Answer::Pass("each record names its subject".to_owned())
        } else {
            Answer::Fail(format!("no subject is named in {}", without.join(", ")))
        }
    }

    fn security(&self) -> Answer {
        let built_in = "the partner is authenticated, each release is entered before it leaves, what no rule names does not cross";
        match self.stated.text(&["security"]) {
            Some(text) => Answer::Pass(format!("{built_in}; {text}")),
            None => Answer::Pass(built_in.to_owned()),
        }
    }

    fn parties(&self) -> Answer {
        let kinds = self.stated.text(&["parties.kinds"]);
        Answer::Pass(format!(
            "{} with {}{}",
            self.agreement.controller,
            self.agreement.partner,
            kinds.map_or(String::new(), |kinds| format!(" ({kinds})"))
        ))
    }

    fn data(&self) -> Answer {
        let mut sets = Vec::new();
        let mut unnamed = Vec::new();
        for disclosure in &self.agreement.disclosures {
            match &disclosure.data_set {
                Some(set) if sets.contains(set) => {}
                Some(set) => sets.push(set.clone()),
                None => unnamed.push(format!("`{}`", disclosure.name)),
            }
        }
        if unnamed.is_empty() {
            Answer::Pass(format!("data sets: {}", sets.join(", ")))
        } else {
            Answer::NotStated(format!("write data_set in {}", unnamed.join(", ")))
        }
    }

    fn callers(&self) -> Answer {
        let mut open = Vec::new();
        let mut told = Vec::new();
        for purpose in &self.agreement.purposes {
            let mut terms: Vec<String> = purpose.roles.iter().map(ToString::to_string).collect();
            if !purpose.credentials.is_empty() {
                terms.push(format!("known by {} together", purpose.credentials));
            }
            if purpose.professional {
                terms.push("a professional".to_owned());
            }
            if purpose.training {
                terms.push("trained in it".to_owned());
            }
            if purpose.reference {
                terms.push("with a case named".to_owned());
            }
            if purpose.vital_interests {
                terms.push("with a reason given".to_owned());
            }
            if terms.is_empty() {
                open.push(purpose.name.as_str());
            } else {
                told.push(format!("for {}: {}", purpose.name, terms.join(", ")));
            }
        }
        if open.is_empty() {
            Answer::Pass(told.join("; "))
        } else {
            Answer::NotStated(format!(
                "anybody at the partner's may ask for {}; write roles or reference",
                open.join(", ")
            ))
        }
    }

    fn term(&self) -> Answer {
        let term = &self.agreement.term;
        let days = format!("{} to {}", term.starts, term.ends);
        if self.today > term.ends {
            Answer::Fail(format!("{days}; it has ended"))
        } else {
            Answer::Pass(days)
        }
    }

    fn review(&self) -> Answer {
        match self.agreement.term.review {
            None => Answer::NotStated("write term.review".to_owned()),
            Some(review) if review < self.today => {
                Answer::Fail(format!("it was to be reviewed by {review}"))
            }
            Some(review) => Answer::Pass(format!("by {review}")),
        }
    }

    fn approval(&self) -> Answer {
        match &self.agreement.approved {
            Approved::NotAsked => Answer::NotStated("no approvals are asked for".to_owned()),
            Approved::Draft { missing, .. } => {
                Answer::Fail(format!("a draft: not approved by {}", missing.join(", ")))
            }
            Approved::Approved(by) => {
                let roles: Vec<&str> = by.iter().map(|one| one.role.as_str()).collect();
                Answer::Pass(roles.join(", "))
            }
        }
    }

    fn ending(&self) -> Answer {
        let ends = self.agreement.term.ends;
        match self.stated.text(&["retention"]) {
            Some(retention) => Answer::Pass(format!(
                "requests are refused after {ends}; the partner keeps what it has for {retention} at most"
            )),
            None => Answer::NotStated(format!(
                "requests are refused after {ends}; what becomes of what the partner has is not said, write retention"
            )),
        }
    }
}

impl Checklist {
    /// How many items pass, fail and are not stated.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |word| {
            let items = self.items.iter();
            items.filter(|item| item.answer.word() == word).count()
        };
        (count("pass"), count("fail"), count("not stated"))
    }

    /// The checklist in words, part by part.
    #[must_use]
    pub fn text(&self) -> String {
        let parts = [WHY, LAWFUL, COMPATIBLE, HOW];
        self.grouped(&parts.map(|part| (part, move |item: &Item| item.part == part)))
    }

    /// The same topics under the eight principles.
    #[must_use]
    pub fn text_by_principle(&self) -> String {
        self.grouped(&Principle::ALL.map(|principle| {
            (principle.heading(), move |item: &Item| {
                item.principle == principle
            })
        }))
    }

    fn grouped(&self, groups: &[(&str, impl Fn(&Item) -> bool)]) -> String {
        let mut text = format!(
            "{} version {}: {}\n",
            self.agreement, self.version, self.title
        );
        for (heading, is_in) in groups {
            text.push_str(&format!("  {heading}\n"));
            for item in self.items.iter().filter(|item| is_in(item)) {
                text.push_str(&format!(
                    "    {:<11}{}\n               {}\n",
                    item.answer.word(),
                    item.question,
                    item.answer.text()
                ));
            }
        }
        let (pass, fail, not_stated) = self.counts();
        text.push_str(&format!(
            "  {pass} pass, {fail} fail, {not_stated} not stated\n"
        ));
        text
    }

    /// The checklist as one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let (pass, fail, not_stated) = self.counts();
        json!({
            "agreement": self.agreement,
            "version": self.version,
            "pass": pass,
            "fail": fail,
            "not_stated": not_stated,
            "items": self.items.iter().map(|item| json!({
                "topic": item.topic,
                "part": item.part,
                "principle": item.principle.heading(),
                "question": item.question,
                "answer": item.answer.word(),
                "text": item.answer.text(),
            })).collect::<Vec<_>>(),
        })
    }
}
