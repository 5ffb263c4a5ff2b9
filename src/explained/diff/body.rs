//! One body under two versions of its rules.

use std::collections::HashSet;

use super::{Found, Kind, Widens};
use crate::explained::words::{self, Told};
use crate::plan::{self, Action, BodyRules, Compared, Fate, Plan, Rule};

/// A body of one version: its rules and its plan.
pub(super) type Body<'a> = (&'a BodyRules, &'a Plan);

/// Which of a disclosure's bodies: what is said of what passes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Way {
    /// From the service to the partner.
    Response,
    /// From the partner to the service.
    Request,
    /// From the controller's system that pushes to the partner.
    Push,
    /// From the partner, in answer to a push.
    Answer,
}

impl Way {
    fn leaves(self) -> &'static str {
        match self {
            Self::Response | Self::Push => "leaves",
            Self::Request => "of the request's body reaches the service",
            Self::Answer => "of the partner's answer reaches the system",
        }
    }

    fn left(self) -> &'static str {
        match self {
            Self::Response | Self::Push => "left",
            Self::Request => "of the request's body reached the service",
            Self::Answer => "of the partner's answer reached the system",
        }
    }
}

/// Compares what leaves of a body, and its rules as written; `None` is a body that there is not.
pub(super) fn compare(way: Way, old: Option<Body<'_>>, new: Option<Body<'_>>, found: &mut Found) {
    if let (Some((old, _)), Some((new, _))) = (old, new) {
        if old.format != new.format {
            found.add(
                Kind::Otherwise,
                Widens::Maybe,
                format!(
                    "the {} is {}; it was {}",
                    match way {
                        Way::Response | Way::Answer => "response",
                        Way::Request | Way::Push => "request's body",
                    },
                    format_words(new),
                    format_words(old),
                ),
            );
        }
        records(old, new, found);
    }
    fields(way, old, new, found);
    if let (Some((old, _)), Some((new, _))) = (old, new) {
        rules(&old.fields, &new.fields, "", found);
        rules(&old.names, &new.names, "names of ", found);
    }
}

fn format_words(rules: &BodyRules) -> String {
    let types = rules.format.media_types();
    format!("{} ({})", rules.format.word(), types.join(", "))
}

/// What decides over whole records.
fn records(old: &BodyRules, new: &BodyRules, found: &mut Found) {
    let text = |selector: &Option<plan::Selector>| {
        selector.as_ref().map(|selector| selector.text().to_owned())
    };
    for (what, before, after) in [
        ("a record", text(&old.record), text(&new.record)),
        ("a record's subject", text(&old.subject), text(&new.subject)),
    ] {
        match (before, after) {
            (None, Some(after)) => found.add(Kind::Rule, Widens::No, format!("{what} is {after}")),
            // What is decided for each record or person, such as an objection, is decided no more, or of others.
            (Some(before), None) => found.add(
                Kind::Rule,
                Widens::Maybe,
                format!("{what} was {before}, and is not named any more"),
            ),
            (Some(before), Some(after)) if before != after => found.add(
                Kind::Rule,
                Widens::Maybe,
                format!("{what} is {after}; it was {before}"),
            ),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    let condition = |rules: &BodyRules| {
        let condition = rules.release_if.as_ref();
        condition.map(|condition| condition.text().to_owned())
    };
    match (condition(old), condition(new)) {
        (None, Some(after)) => found.add(
            Kind::NoLongerDisclosed,
            Widens::No,
            format!("records leave only if {after}"),
        ),
        (Some(before), None) => found.add(
            Kind::NewlyDisclosed,
            Widens::Yes,
            format!("records leave without a condition; they left only if {before}"),
        ),
        (Some(before), Some(after)) if before != after => found.add(
            Kind::Otherwise,
            Widens::Maybe,
            format!("records leave if {after}; they left if {before}"),
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
    if old.prune != new.prune {
        let text = if new.prune {
            "containers in which nothing passed are left out"
        } else {
            "containers in which nothing passed leave empty"
        };
        found.add(Kind::Rule, Widens::No, text);
    }
}

/// What becomes of each field, by the decisions of both plans.
fn fields(way: Way, old: Option<Body<'_>>, new: Option<Body<'_>>, found: &mut Found) {
    let comparison = plan::compare(old.map(|(_, plan)| plan), new.map(|(_, plan)| plan));
    let rule = |body: Option<Body<'_>>, fate: Fate| match fate {
        Fate::Nothing => None,
        Fate::Kept(rule) | Fate::Transformed(rule) => {
            body.and_then(|(rules, _)| rules.fields.get(rule)).cloned()
        }
    };
    let mut told: HashSet<(Fate, Fate)> = HashSet::new();
    for node in &comparison.nodes {
        let before = rule(old, node.before);
        let after = rule(new, node.after);
        // The same two rules at many places are one difference, told at the first, nearest to the root.
        if is_the_same(before.as_ref(), after.as_ref()) || !told.insert((node.before, node.after)) {
            continue;
        }
        field(way, node, before.as_ref(), after.as_ref(), found);
    }
    if !comparison.is_whole {
        found.add(
            Kind::Otherwise,
            Widens::Maybe,
            "there is more structure than is compared; compare the rules as they are written",
        );
    }
}

/// Whether the rules let out the same of a value.
fn is_the_same(before: Option<&Rule>, after: Option<&Rule>) -> bool {
    match (
        before.map(|rule| &rule.action),
        after.map(|rule| &rule.action),
    ) {
        (None, None) => true,
        (Some(Action::Transform(before)), Some(Action::Transform(after))) => before == after,
        (Some(Action::Keep | Action::KeepAll), Some(Action::Keep | Action::KeepAll)) => true,
        (_, _) => false,
    }
}

fn field(
    way: Way,
    node: &Compared,
    before: Option<&Rule>,
    after: Option<&Rule>,
    found: &mut Found,
) {
    let action = |rule: Option<&Rule>| rule.map(|rule| words::leaves(&rule.action));
    // The place is told as its rule has it, where the two are the same but for how a wildcard is written.
    let alike =
        |rule: &Rule| rule.selector.text().replace("[*]", ".*") == node.path.replace("[*]", ".*");
    let by = |rule: Option<&Rule>| match rule {
        Some(rule) if !alike(rule) => {
            format!(", by {} on line {}", rule.selector.text(), rule.line)
        }
        Some(_) | None => String::new(),
    };
    let (leaves, left) = (way.leaves(), way.left());
    let named = after.into_iter().chain(before).find(|rule| alike(rule));
    let path = named.map_or(node.path.as_str(), |rule| rule.selector.text());
    let (kind, widens) = match (
        before.map(|rule| &rule.action),
        after.map(|rule| &rule.action),
    ) {
        (None, _) => (Kind::NewlyDisclosed, Widens::Yes),
        (_, None) => (Kind::NoLongerDisclosed, Widens::No),
        (Some(Action::Transform(before)), Some(Action::Transform(after))) => {
            match words::compare(before, after) {
                Told::Less => (Kind::Coarser, Widens::No),
                Told::More => (Kind::Finer, Widens::Yes),
                Told::Other | Told::Same => (Kind::Otherwise, Widens::Maybe),
            }
        }
        (Some(Action::Transform(_)), Some(_)) => (Kind::Finer, Widens::Yes),
        (Some(_), Some(_)) => (Kind::Coarser, Widens::No),
    };
    let text = match (action(before), action(after)) {
        (None, Some(now)) => format!("{path} {leaves} {now}{}", by(after)),
        (Some(then), None) => format!("{path} {left} {then}{}", by(before)),
        (Some(then), Some(now)) => {
            format!("{path} {leaves} {now}{}; it {left} {then}", by(after))
        }
        (None, None) => return,
    };
    found.add(kind, widens, text);
}

/// Rules that came and went, as they are written.
fn rules(old: &[Rule], new: &[Rule], of: &str, found: &mut Found) {
    let mut gone: Vec<&Rule> = old.iter().collect();
    for rule in new {
        match gone.iter().position(|other| is_written_alike(other, rule)) {
            Some(at) => {
                gone.remove(at);
            }
            None => found.add(
                Kind::Rule,
                Widens::No,
                format!("a rule comes: {of}{}", rule_words(rule)),
            ),
        }
    }
    for rule in gone {
        found.add(
            Kind::Rule,
            Widens::No,
            format!("a rule goes: {of}{}", rule_words(rule)),
        );
    }
}

fn is_written_alike(a: &Rule, b: &Rule) -> bool {
    let same_action = match (&a.action, &b.action) {
        (Action::Keep, Action::Keep)
        | (Action::KeepAll, Action::KeepAll)
        | (Action::Drop, Action::Drop) => true,
        (Action::Transform(a), Action::Transform(b)) => a == b,
        (Action::Keep | Action::KeepAll | Action::Drop | Action::Transform(_), _) => false,
    };
    same_action && a.selector.text() == b.selector.text() && a.on_mismatch == b.on_mismatch
}

fn rule_words(rule: &Rule) -> String {
    let word = match &rule.action {
        Action::Keep => "keep",
        Action::KeepAll => "keep_all",
        Action::Drop => "drop",
        Action::Transform(transform) => transform.word(),
    };
    format!("{word} {} (line {})", rule.selector.text(), rule.line)
}
