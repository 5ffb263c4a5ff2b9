//! Memory, counted at the allocator: none for a value that is transformed, the same for a body of any size.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use fieldgate::agreement::{
    AgreementSet, Ask, Asker, Caller, Context, PartnerName, Source, Tables, load_fields_with,
};
use fieldgate::identifier::{Canonical, Kind};
use fieldgate::minimise::{FieldOutcome, Limits, json_machine, machine};
use fieldgate::plan::{Action, BodyRules, Condition, OnMismatch, Plan, PlanKeys, Rule, Selector};
use fieldgate::transform::generalise::{
    AgeAt, Bands, Caps, Constant, PostcodePart, Rounding, Table, TableColumns, TableKey,
};
use fieldgate::transform::{
    DateForm, Direction, Generalise, Identified, Invalid, Occasion, Prepared, Resolver, RootKey,
    Scope, Setting, Shape, Shift, Transform,
};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Bytes held by this thread now, and the most since [`peak`] started.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    HELD.with(|held| {
        held.set(held.get() + bytes);
        MOST.with(|most| most.set(most.get().max(held.get())));
    });
}

/// The system's allocator, counting on the calling thread.
struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator can be written no other way; it hands each call on unchanged"
)]
// SAFETY: every call goes to `System` with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        count(layout.size().cast_signed());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

/// The most bytes that `work` held at once beyond those held before.
fn peak(work: impl FnOnce()) -> isize {
    let before = HELD.with(Cell::get);
    MOST.with(|most| most.set(before));
    work();
    MOST.with(Cell::get) - before
}

fn rule(text: &str, action: Action) -> Rule {
    Rule {
        selector: Selector::parse(text).unwrap(),
        action,
        on_mismatch: OnMismatch::Drop,
        line: 1,
    }
}

#[test]
fn p5_a_body_of_any_size_takes_the_same_memory() {
    let token = || Action::Transform(Transform::Pseudonymise(Identified::text("person")));
    let record = || Some(Selector::parse("$[*]").unwrap());
    let plans = [
        BodyRules {
            fields: vec![rule("$", Action::KeepAll), rule("$..notes", Action::Drop)],
            ..BodyRules::default()
        },
        BodyRules {
            fields: vec![rule("$[*].name", Action::Keep), rule("$[*].id", token())],
            ..BodyRules::default()
        },
        BodyRules {
            record: record(),
            subject: Some(Selector::parse("@.id").unwrap()),
            release_if: Some(Condition::parse("@.consent == true && !@..objection").unwrap()),
            fields: vec![rule("$", Action::KeepAll)],
            ..BodyRules::default()
        },
        BodyRules {
            record: record(),
            fields: vec![rule("$..name", Action::Keep)],
            ..BodyRules::default()
        },
        BodyRules {
            fields: vec![
                rule("$[?@.consent == true].name", Action::Keep),
                rule("$[*].household[-1].name", Action::Keep),
                rule("$..[?@.objection]", Action::Drop),
            ],
            ..BodyRules::default()
        },
    ];
    let root = RootKey::from_bytes([1; 32]);
    let keys = PlanKeys {
        agreement: Some(root.agreement("falls-prevention", 1)),
        subject: Some(root.subject()),
    };
    let person = format!(
        r#"{{"id":"401 023 2137","name":"A","consent":true,"notes":"{}","household":[{{"name":"B"}}]}},"#,
        "text ".repeat(200)
    );
    for rules in &plans {
        let plan = Arc::new(Plan::compile(rules, &keys, &Limits::default()).unwrap());
        let most = |records: usize| {
            peak(|| {
                let mut machine = json_machine(&plan);
                let mut out = Vec::with_capacity(64 << 10);
                let mut push = |piece: &[u8], out: &mut Vec<u8>| {
                    out.clear();
                    machine.push(piece, out).unwrap();
                    drop(machine.take_subjects());
                };
                push(b"[", &mut out);
                for _ in 0..records {
                    push(person.as_bytes(), &mut out);
                }
                push(b"1]", &mut out);
            })
        };
        let (short, long) = (most(20), most(4_000));
        assert!(
            long <= short + 1_024,
            "{short} bytes for 20 records, {long} for 4,000: {:?}",
            rules.fields
        );
        assert!(long < 512 << 10, "{long} bytes");
    }
}

#[test]
fn p5_a_filter_on_fifty_megabytes_holds_one_element() {
    let rules = BodyRules {
        fields: vec![rule("$[?@.age < 18].name", Action::Keep)],
        ..BodyRules::default()
    };
    let plan = Plan::compile(&rules, &PlanKeys::default(), &Limits::default()).unwrap();
    assert!(plan.holds_elements());
    let plan = Arc::new(plan);
    let person = |age: u8| {
        format!(
            r#"{{"name":"A","age":{age},"notes":"{}","household":[{{"name":"B"}}]}},"#,
            "text ".repeat(230)
        )
    };
    // Pieces that no element ends with, so that most elements are cut.
    let piece = (person(17) + &person(70)).repeat(25).into_bytes();
    let (pieces, mut left) = (52_428_800 / piece.len() + 1, 0);
    let most = peak(|| {
        let mut machine = json_machine(&plan);
        let mut out = Vec::with_capacity(16 << 10);
        machine.push(b"[", &mut out).unwrap();
        for _ in 0..pieces {
            for part in piece.chunks(4_999) {
                left += out.len();
                out.clear();
                machine.push(part, &mut out).unwrap();
            }
        }
        machine.push(b"0]", &mut out).unwrap();
        machine.finish(&mut out).unwrap();
        left += out.len();
    });
    let named = r#"{"name":"A"},"#.len();
    assert_eq!(left, "[]".len() + pieces * 25 * named - ",".len());
    assert!(most < 256 << 10, "{most} bytes");
}

#[test]
fn p5_what_one_large_element_took_is_given_back() {
    let rules = BodyRules {
        fields: vec![rule("$[?@.age < 18].name", Action::Keep)],
        ..BodyRules::default()
    };
    let plan = Plan::compile(&rules, &PlanKeys::default(), &Limits::default()).unwrap();
    let mut machine = json_machine(&Arc::new(plan));
    let mut out = Vec::with_capacity(16 << 10);
    machine
        .push(br#"[{"age":1,"name":"A"},"#, &mut out)
        .unwrap();
    let before = HELD.with(Cell::get);
    let large = format!(r#"{{"age":1,"t":[{}1]}},"#, "1,".repeat(500_000));
    machine.push(large.as_bytes(), &mut out).unwrap();
    drop(large);
    let kept = HELD.with(Cell::get) - before;
    // The element alone took ten times as much. What stays is room for the windows of all machines of a thread.
    assert!(kept < 384 << 10, "{kept} bytes");
}

#[test]
fn the_count_sees_an_allocation() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(vec![1_u8; 10]))),
        1
    );
}

fn token(kind: Kind, scope: Scope, format: Option<Shape>) -> Transform {
    let identified = Identified {
        kind,
        scope,
        ..Identified::text("person")
    };
    Transform::Tokenise { identified, format }
}

#[test]
fn turning_a_token_back_allocates_nothing() {
    let keys = RootKey::from_bytes([1; 32]).agreement("falls-prevention", 1);
    let tokens = Prepared::new(&token(Kind::Text, Scope::Agreement, None), Some(&keys)).unwrap();
    let mut token = Vec::new();
    tokens
        .apply(b"4010232137", &mut Setting::default(), &mut token)
        .unwrap();
    let resolver = Resolver::new("person", Kind::Text, None, &keys);
    let mut form = Canonical::new();
    let count = allocations(|| {
        for text in [&token[1..token.len() - 1], b"fg1t-1-nonsense", b""] {
            let _refused = resolver.resolve(text, &mut form);
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn no_transform_allocates_for_a_value() {
    let keys = RootKey::from_bytes([1; 32]).agreement("falls-prevention", 1);
    let columns = TableColumns {
        key: None,
        from: TableKey::Text,
        value: "group".to_owned(),
    };
    let table = Table::read(b"code,group\n4010232137,A\n401 023 2137,B\n", &columns).unwrap();
    let transforms = [
        Transform::Replace {
            json: "\"withheld\"".to_owned(),
        },
        Transform::Mask {
            keep_first: 1,
            keep_last: 1,
            skip: String::new(),
            with: '•',
        },
        Transform::Generalise(Generalise::year()),
        Transform::Generalise(Generalise::AgeBand {
            at: AgeAt::Today,
            from: DateForm::default(),
            bands: Bands::even(5, None, Some(90)).unwrap(),
        }),
        Transform::Generalise(Generalise::Postcode {
            to: PostcodePart::Sector,
            otherwise: Some(Constant::new("elsewhere")),
        }),
        Transform::Generalise(Generalise::Table {
            table: Arc::new(table),
            otherwise: None,
        }),
        Transform::Generalise(Generalise::Band {
            bands: Bands::listed(&["under 0", "0-9", "10+"]).unwrap(),
        }),
        Transform::Generalise(Generalise::Round(Rounding::new(100, None, None).unwrap())),
        Transform::Generalise(Generalise::Capped(Caps::new(Some(0), None).unwrap())),
        Transform::Shift(Shift::new(30, Direction::Earlier, DateForm::default()).unwrap()),
        Transform::Pseudonymise(Identified::text("person")),
        token(Kind::NhsNumber, Scope::Agreement, None),
        token(Kind::NhsNumber, Scope::Document, None),
        token(Kind::NhsNumber, Scope::Never, None),
        token(Kind::NhsNumber, Scope::Agreement, Some(Shape::Digits)),
        token(Kind::Text, Scope::Agreement, None),
        token(Kind::Name, Scope::Agreement, None),
        token(Kind::Phone, Scope::Agreement, None),
        token(Kind::Email, Scope::Agreement, None),
        token(Kind::Date, Scope::Agreement, None),
        Transform::Pseudonymise(Identified {
            scope: Scope::Never,
            unknown: vec!["not on system".to_owned()],
            invalid: Invalid::Mark,
            ..Identified::text("person")
        }),
    ];
    let long = format!("\"{}\"", "long text \\u00e9 ".repeat(100));
    let values = [
        "4010232137",
        "\"401 023 2137\"",
        "\"\\uff14\\uff10１\u{a0}023\u{a0}2137\"",
        "\"Mrs Siân Ó Néill\"",
        "\"(020) 7946 0123 x4\"",
        "\"Ann@Example.ORG\"",
        "\"UNKNOWN\"",
        "\"1941-03-07\"",
        "\"1941\\u002d03-07T09:00:00Z\"",
        "\"\\ud834\\udd1e\"",
        "-1.5e3",
        "\"PO30 1AA\"",
        "true",
        "\"\"",
        &long,
    ];
    for transform in &transforms {
        let prepared = Prepared::new(transform, Some(&keys)).unwrap();
        let mut out = Vec::with_capacity(16 << 10);
        let mut setting = Setting::new(Some(Occasion {
            document: Some([7; 16]),
            ..Occasion::from(jiff::civil::date(2026, 11, 22))
        }));
        let count = allocations(|| {
            for _ in 0..10 {
                for value in values {
                    out.clear();
                    // A mismatch must not allocate either.
                    let _mismatch = prepared.apply(value.as_bytes(), &mut setting, &mut out);
                }
            }
        });
        assert_eq!(count, 0, "{transform:?}");
    }
}

/// What each action of the catalogue is called in a count; one that is new does not compile until it is counted.
fn word(transform: &Transform) -> &'static str {
    match transform {
        Transform::Replace { .. }
        | Transform::Mask { .. }
        | Transform::Decided
        | Transform::Generalise(_)
        | Transform::Shift(_)
        | Transform::Reidentify { .. }
        | Transform::Link(_)
        | Transform::Redact(_)
        | Transform::Pseudonymise(_)
        | Transform::Tokenise { .. } => transform.word(),
    }
}

/// Every action as rules write it, `TOKEN` standing for a token of the agreement: the member that it selects in each
/// record, and the rule.
const ACTIONS: &[(&str, &str)] = &[
    ("name", "replace: [AT], with: withheld"),
    ("name", "replace: [AT], with: null"),
    ("id", "mask: [AT], keep_last: 3"),
    ("born", "generalise: [AT], to: year"),
    ("born", "generalise: [AT], to: month"),
    ("born", "generalise: [AT], to: quarter"),
    ("born", "generalise: [AT], to: financial-year"),
    ("born", "generalise: [AT], to: school-year"),
    ("born", "generalise: [AT], to: age"),
    ("born", "generalise: [AT], to: age-band, width: 5, top: 90"),
    ("home", "generalise: [AT], to: postcode-area"),
    ("home", "generalise: [AT], to: postcode-district"),
    ("home", "generalise: [AT], to: postcode-sector"),
    (
        "home",
        "generalise: [AT], to: table, table: t.csv, from: postcode, column: ward",
    ),
    (
        "income",
        "generalise: [AT], to: band, width: 1000, top: 90000",
    ),
    ("income", "generalise: [AT], to: round, nearest: 100"),
    ("income", "generalise: [AT], to: capped, top: 10000"),
    ("born", "shift: [AT], days: 30"),
    ("id", "pseudonymise: [AT], as: person, form: nhs-number"),
    (
        "id",
        "pseudonymise: [AT], as: person, form: nhs-number, scope: document",
    ),
    (
        "id",
        "pseudonymise: [AT], as: person, form: nhs-number, scope: never",
    ),
    (
        "name",
        "pseudonymise: [AT], as: described, of: [{ at: '@.name', form: name }, { at: '@.born', form: date }]",
    ),
    ("id", "tokenise: [AT], as: person, form: nhs-number"),
    (
        "id",
        "tokenise: [AT], as: person, form: nhs-number, scope: never",
    ),
    (
        "id",
        "tokenise: [AT], as: person, form: nhs-number, format: digits",
    ),
    ("token", "reidentify: [AT], as: person, form: nhs-number"),
    (
        "next",
        "link: [AT], templates: ['/people/{person}?page={page}'], variables: { person: { tokenise: person }, page: keep }",
    ),
    ("note", "redact: [AT], detect: all"),
    ("note", "redact: [AT], detect: all, with: placeholder"),
    (
        "note",
        "redact: [AT], detect: all, with: { pseudonymise: person, of: nhs-number }",
    ),
    ("note", "redact: [AT], detect: all, names: ['@.name']"),
];

#[test]
fn no_action_allocates_for_a_value_in_a_body() {
    let keys = PlanKeys {
        agreement: Some(RootKey::from_bytes([1; 32]).agreement("falls-prevention", 1)),
        subject: Some(RootKey::from_bytes([1; 32]).subject()),
    };
    let tables = Tables::read_by(|_, _| Ok(b"pcds,ward\nPO30 1AA,Newport Central\n".to_vec()));
    let tokens = Prepared::new(
        &token(Kind::NhsNumber, Scope::Agreement, None),
        keys.agreement.as_ref(),
    )
    .unwrap();
    let mut token = Vec::new();
    tokens
        .apply(b"4010232137", &mut Setting::default(), &mut token)
        .unwrap();
    let token = String::from_utf8(token).unwrap();
    let record = format!(
        r#"{{"id":"401 023 2137","name":"Ann Bell","born":"1941-03-07","home":"PO30 1AA","income":12345.67,"next":"http://care/people/4010232137?page=2","token":{token},"note":"Ann Bell, born 7 March 1941, rang 07700 900123 about 943 476 5919 \u0026 PO30 1AA"}},"#
    );
    let mut words = BTreeSet::new();
    for (member, action) in ACTIONS {
        let action = action.replace("AT", &format!("'$[*].{member}'"));
        let kept = format!("keep: ['$[*].{member}']");
        let mut allocated_by = |action: &str, counts_known: bool| {
            // Where something must be known of the record, it must be for what it is held against too.
            let also = match counts_known {
                true => ", { shift: ['$.nowhere'], days: 1 }",
                false => "",
            };
            let rules =
                format!("record: '$[*]'\nsubject: '@.id'\nfields: [{{ {action} }}{also}]\n");
            let rules = load_fields_with("rules.yaml", &rules, &tables)
                .unwrap_or_else(|faults| panic!("{rules}{faults}"));
            if let Action::Transform(transform) = &rules.fields[0].action {
                words.insert(word(transform));
            }
            let plan = Arc::new(Plan::compile(&rules, &keys, &Limits::default()).unwrap());
            let occasion = Occasion {
                document: Some([7; 16]),
                ..Occasion::from(jiff::civil::date(2026, 11, 22))
            };
            let mut machine = machine(&plan, "", occasion);
            let mut out = Vec::with_capacity(64 << 10);
            machine.push(b"[", &mut out).unwrap();
            let mut push = |records: usize| {
                for _ in 0..records {
                    out.clear();
                    machine.push(record.as_bytes(), &mut out).unwrap();
                    drop(machine.take_subjects());
                }
            };
            push(20);
            let count = allocations(|| push(100));
            assert_eq!(machine.tally().field(FieldOutcome::Mismatch), 0, "{action}");
            count
        };
        let needs_more = ["shift", "of: [", "names"]
            .iter()
            .any(|word| action.contains(word));
        let bare = allocated_by(&kept, needs_more);
        let count = allocated_by(&action, needs_more);
        assert!(
            count <= bare,
            "{action}: {count} allocations in 100 records, {bare} where the value is kept"
        );
    }
    // What `rights` decides has no word of its own in a rule; it copies a value or leaves it.
    words.insert(word(&Transform::Decided));
    assert_eq!(words.len(), 10, "{words:?}");
}

/// `count` agreements, ten with each partner, each for a path and a purpose of its own, and one path that all share.
fn agreements(count: usize) -> AgreementSet {
    let texts: Vec<(String, String)> = (0..count)
        .map(|index| {
            let disclosure = |name: &str, path: &str| {
                format!(
                    "  - name: {name}\n    purposes: [care-{index}]\n    request: GET {path}\n    \
                     service: {{ name: social-care, path: /people }}\n    \
                     response: {{ format: json, fields: [{{ keep: [$.name] }}] }}\n"
                )
            };
            let text = format!(
                "agreement: agreement-{index}\nversion: 1\ntitle: Number {index}\n\
                 parties: {{ controller: isle-council, partner: partner-{} }}\n\
                 term: {{ starts: 2026-01-01, ends: 2026-12-31 }}\n\
                 purposes: {{ care-{index}: Offer care }}\ndisclosures:\n{}{}",
                index / 10,
                disclosure("own", &format!("/set-{index}/people")),
                disclosure("common", "/people"),
            );
            (format!("{index}.yaml"), text)
        })
        .collect();
    let sources: Vec<Source<'_>> = texts
        .iter()
        .map(|(name, text)| Source { name, text })
        .collect();
    AgreementSet::load(&sources, &Context::alone(jiff::tz::TimeZone::UTC)).unwrap()
}

#[test]
fn a_decision_allocates_as_much_under_a_thousand_agreements_as_under_one() {
    let (few, many) = (agreements(1), agreements(1_000));
    let partner = PartnerName::new("partner-0");
    let asks = [
        ("/set-0/people", "care-0", true),
        ("/people", "care-0", true),
        ("/set-0/people", "marketing", false),
        ("/set-0/elsewhere", "care-0", false),
        ("/elsewhere", "care-0", false),
        ("/..", "care-0", false),
    ];
    for (path, purpose, permitted) in asks {
        let counted = [&few, &many].map(|set| {
            let ask = Ask {
                asker: Asker::Partner(&partner),
                method: "GET",
                path,
                purposes: &[purpose.as_bytes()],
                caller: Caller::default(),
                at: "2026-06-15T12:00:00Z".parse().unwrap(),
            };
            allocations(|| assert_eq!(set.decide(&ask).is_ok(), permitted, "{path} {purpose}"))
        });
        assert_eq!(counted[0], counted[1], "{path} {purpose}");
    }
}
