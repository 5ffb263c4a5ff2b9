//! The way of a decision as a flowchart: "is sharing viable?", question by question, to the one that says no.
//!
//! The steps are those of [`AgreementSet::explain`](crate::agreement::AgreementSet::explain), which come out of the live
//! decision's own code; nothing here decides anything.

use super::svg;
use crate::agreement::Step;

/// A flowchart of one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What is asked, one line: the request in words.
    pub title: String,
    /// The questions in their order.
    pub steps: Vec<Step>,
    /// Whether the answer is yes.
    pub permitted: bool,
    /// The answer, one sentence.
    pub outcome: String,
}

impl Chart {
    /// A chart of `steps`, whose last one is the refusal where `permitted` is false.
    #[must_use]
    pub fn new(title: String, steps: Vec<Step>, permitted: bool, outcome: String) -> Self {
        Self {
            title,
            steps,
            permitted,
            outcome,
        }
    }

    /// The chart in the language of Mermaid.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut lines = vec![
            "---".to_owned(),
            format!("title: {}", serde_json::Value::from(self.title.as_str())),
            "---".to_owned(),
            "flowchart TD".to_owned(),
            "  start([\"Is sharing viable?\"])".to_owned(),
        ];
        let mut before = "start".to_owned();
        for (index, step) in self.steps.iter().enumerate() {
            let name = format!("step{}", index + 1);
            let question = quoted(&format!("{}?", capital(step.name)));
            lines.push(format!("  {name}{{{question}}}"));
            lines.push(format!("  {before} --> {name}"));
            let answer = format!("answer{}", index + 1);
            lines.push(format!("  {answer}[{}]", quoted(&step.text)));
            let word = if step.passed { "yes" } else { "no" };
            lines.push(format!("  {name} -- {word} --> {answer}"));
            before = answer;
        }
        let class = if self.permitted {
            "permitted"
        } else {
            "refused"
        };
        lines.push(format!("  outcome([{}])", quoted(&self.outcome)));
        lines.push(format!("  {before} --> outcome"));
        lines.push("  classDef permitted stroke-width:3px".to_owned());
        lines.push("  classDef refused stroke-width:3px,stroke-dasharray:6 3".to_owned());
        lines.push(format!("  class outcome {class}"));
        lines.push(String::new());
        lines.join("\n")
    }

    /// The chart as a picture in SVG: text as text, with a title and a description that say all of it.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::draw(self)
    }

    /// All that the chart says, as running text.
    #[must_use]
    pub fn description(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let answer = if step.passed { "yes" } else { "no" };
            text.push_str(&format!(
                "{}? {answer}: {}. ",
                capital(step.name),
                step.text
            ));
        }
        text.push_str(&self.outcome);
        text
    }
}

/// `text` with a capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// A label of Mermaid: in quotes, with what would end or style it as entities.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '`' => out.push_str("#96;"),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn chart(text: &str) -> Chart {
        let step = |name, passed, text: &str| Step {
            name,
            passed,
            text: text.to_owned(),
        };
        Chart::new(
            "GET /adults/1 from island-health for research".to_owned(),
            vec![
                step("route", true, "GET /adults/{person}"),
                step("purpose agreed", false, text),
            ],
            false,
            "refused (purpose_not_agreed)".to_owned(),
        )
    }

    #[test]
    fn mermaid_has_each_step_in_its_order_and_no_text_ends_its_quotes() {
        assert_eq!(
            chart("for \"care\" <only>").mermaid(),
            "\
---
title: \"GET /adults/1 from island-health for research\"
---
flowchart TD
  start([\"Is sharing viable?\"])
  step1{\"Route?\"}
  start --> step1
  answer1[\"GET /adults/{person}\"]
  step1 -- yes --> answer1
  step2{\"Purpose agreed?\"}
  answer1 --> step2
  answer2[\"for #quot;care#quot; #lt;only#gt;\"]
  step2 -- no --> answer2
  outcome([\"refused (purpose_not_agreed)\"])
  answer2 --> outcome
  classDef permitted stroke-width:3px
  classDef refused stroke-width:3px,stroke-dasharray:6 3
  class outcome refused
"
        );
    }
}
