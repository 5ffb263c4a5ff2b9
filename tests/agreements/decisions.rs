//! What is decided under agreements, and how it is explained.

use fieldgate::agreement::{
    AgreementSet, Ask, Asker, Caller, Context, PartnerName, Permit, Refusal, RouteMiss, Source,
};
use jiff::tz::TimeZone;

use crate::{AGREEMENT, at, context};

/// The agreement that the rows are about, alone.
fn loaded(context: &Context) -> AgreementSet {
    let source = Source {
        name: "a.yaml",
        text: AGREEMENT,
    };
    AgreementSet::load(&[source], context).expect("the agreement loads")
}

fn decide(
    set: &AgreementSet,
    request: &str,
    purposes: &[&[u8]],
    when: &str,
) -> Result<Permit, Refusal> {
    let (method, path) = request
        .split_once(' ')
        .expect("rows have a method and a path");
    set.decide(&Ask {
        asker: Asker::Partner(&PartnerName::new("island-health")),
        method,
        path,
        purposes,
        caller: Caller::default(),
        at: at(when),
    })
}

#[test]
fn a_request_of_an_agreement_is_permitted_with_its_variables_in_their_one_form() {
    let set = loaded(&context());
    for (path, person) in [
        ("/adults/42", "42"),
        ("/%61dults/a%20b", "a%20b"),
        ("/adults/%61", "a"),
    ] {
        let permit = decide(
            &set,
            &format!("GET {path}"),
            &[b"falls-prevention"],
            "2026-06-01T12:00",
        )
        .unwrap();
        assert_eq!(permit.agreement().name.as_str(), "falls-prevention");
        assert_eq!(permit.disclosure().name.as_str(), "adult");
        assert_eq!(permit.purpose().as_str(), "falls-prevention");
        assert_eq!(
            permit.disclosure().service_path.fill(permit.variables()),
            format!("/api/v2/adults/{person}")
        );
        assert_eq!(permit.disclosure().request_headers, ["accept-language"]);
    }
}

#[test]
fn p6_a_purpose_counts_only_when_it_is_one_name_byte_for_byte() {
    let set = loaded(&context());
    let rows: [(&[&[u8]], &str); 19] = [
        (&[b"falls-prevention"], "permitted"),
        (&[b" \tfalls-prevention \t"], "permitted"),
        (&[], "purpose_missing"),
        (&[b""], "purpose_malformed"),
        (&[b"  "], "purpose_malformed"),
        (
            &[b"falls-prevention", b"falls-prevention"],
            "purpose_malformed",
        ),
        (&[b"falls-prevention", b""], "purpose_malformed"),
        (&[b"falls-prevention, evaluation"], "purpose_malformed"),
        (&[b"Falls-Prevention"], "purpose_malformed"),
        (&[b"\"falls-prevention\""], "purpose_malformed"),
        (&["f\u{430}lls-prevention".as_bytes()], "purpose_malformed"),
        (&["falls\u{2010}prevention".as_bytes()], "purpose_malformed"),
        (
            &["falls-prevention\u{200b}".as_bytes()],
            "purpose_malformed",
        ),
        (&[b"falls-prevention\0"], "purpose_malformed"),
        (&[b"falls-preven\xff"], "purpose_malformed"),
        (&[b"-falls-prevention"], "purpose_malformed"),
        (&[b"falls-preventio"], "purpose_not_agreed"),
        (&[b"fa11s-prevention"], "purpose_not_agreed"),
        (&[b"evaluation"], "purpose_not_agreed"),
    ];
    for (purposes, expected) in rows {
        let found = match decide(&set, "GET /adults/1", purposes, "2026-06-01T12:00") {
            Ok(_) => "permitted",
            Err(refusal) => refusal.code(),
        };
        assert_eq!(found, expected, "{purposes:?}");
    }
}

#[test]
fn p6_each_refusal_names_the_term_that_refused() {
    let second = AGREEMENT
        .replace("agreement: falls-prevention", "agreement: evaluation")
        .replace(
            "    purposes: [falls-prevention]",
            "    purposes: [evaluation]",
        )
        .replace(
            "starts: 2026-04-01, review: 2027-01-31, ends: 2027-03-31",
            "starts: 2026-07-01, ends: 2026-12-31",
        );
    let sources = [
        Source {
            name: "a.yaml",
            text: AGREEMENT,
        },
        Source {
            name: "b.yaml",
            text: &second,
        },
    ];
    let set = AgreementSet::load(&sources, &context()).unwrap();
    let refused = |request: &str, purpose: &str, when: &str| match decide(
        &set,
        request,
        &[purpose.as_bytes()],
        when,
    ) {
        Ok(permit) => format!("permitted by {}", permit.agreement().name),
        Err(Refusal::PurposeNotAgreed {
            agreement,
            disclosure,
            agreed,
        }) => {
            let agreed: Vec<String> = agreed.iter().map(ToString::to_string).collect();
            format!("{agreement} {disclosure} is for {}", agreed.join(", "))
        }
        Err(Refusal::NoRoute(RouteMiss::Method { allowed })) => {
            format!("only {}", allowed.join(", "))
        }
        Err(refusal) => refusal.to_string(),
    };
    for (request, purpose, when, expected) in [
        (
            "GET /people/1",
            "falls-prevention",
            "2026-06-01T12:00",
            "no agreement of yours has this path",
        ),
        (
            "GET /adults/1/x",
            "falls-prevention",
            "2026-06-01T12:00",
            "no agreement of yours has this path",
        ),
        (
            "GET /adults/..",
            "falls-prevention",
            "2026-06-01T12:00",
            "two readers could take the path for two",
        ),
        (
            "GET /Adults/1",
            "falls-prevention",
            "2026-06-01T12:00",
            "no agreement of yours has this path",
        ),
        (
            "POST /adults/1",
            "falls-prevention",
            "2026-06-01T12:00",
            "only GET, HEAD",
        ),
        (
            "get /adults/1",
            "falls-prevention",
            "2026-06-01T12:00",
            "only GET, HEAD",
        ),
        (
            "GET /adults/1",
            "research",
            "2026-06-01T12:00",
            "falls-prevention adult is for falls-prevention",
        ),
        (
            "GET /adults/1",
            "research",
            "2026-08-01T12:00",
            "falls-prevention adult is for evaluation, falls-prevention",
        ),
        (
            "GET /adults/1",
            "research",
            "2030-01-01T12:00",
            "falls-prevention adult is for evaluation, falls-prevention",
        ),
        (
            "GET /adults/1",
            "evaluation",
            "2026-06-30T23:59:59",
            "agreement evaluation starts on 2026-07-01",
        ),
        (
            "GET /adults/1",
            "evaluation",
            "2026-07-01T00:00",
            "permitted by evaluation",
        ),
        (
            "GET /adults/1",
            "evaluation",
            "2026-12-31T23:59:59.999",
            "permitted by evaluation",
        ),
        (
            "GET /adults/1",
            "evaluation",
            "2027-01-01T00:00",
            "agreement evaluation ended on 2026-12-31",
        ),
        (
            "GET /adults/1",
            "falls-prevention",
            "2027-01-01T00:00",
            "permitted by falls-prevention",
        ),
    ] {
        assert_eq!(
            refused(request, purpose, when),
            expected,
            "{request} for {purpose} at {when}"
        );
    }
}

#[test]
fn days_begin_at_the_controllers_midnight_also_in_summer() {
    let set = loaded(&context());
    let term = &set.agreement("falls-prevention").unwrap().term;
    assert_eq!(term.from.to_string(), "2026-03-31T23:00:00Z");
    assert_eq!(term.until.to_string(), "2027-03-31T23:00:00Z");
    let elsewhere = Context {
        time_zone: TimeZone::get("Asia/Kolkata").unwrap(),
        ..context()
    };
    let set = loaded(&elsewhere);
    assert_eq!(
        set.agreements[0].term.from.to_string(),
        "2026-03-31T18:30:00Z"
    );
}

#[test]
fn a_renewed_agreement_takes_over_at_midnight_without_a_gap() {
    let next = AGREEMENT
        .replace("agreement: falls-prevention", "agreement: falls-2027")
        .replace(
            "starts: 2026-04-01, review: 2027-01-31, ends: 2027-03-31",
            "starts: 2027-04-01, ends: 2028-03-31",
        );
    // The newer file's name sorts first, so the order of files is not the order of terms.
    let sources = [
        Source {
            name: "a.yaml",
            text: &next,
        },
        Source {
            name: "b.yaml",
            text: AGREEMENT,
        },
    ];
    let set = AgreementSet::load(&sources, &context()).unwrap();
    let by = |when: &str| match decide(&set, "GET /adults/1", &[b"falls-prevention"], when) {
        Ok(permit) => permit.agreement().name.to_string(),
        Err(refusal) => refusal.to_string(),
    };
    assert_eq!(
        by("2026-03-31T23:59:59"),
        "agreement falls-prevention starts on 2026-04-01"
    );
    assert_eq!(by("2027-03-31T23:59:59"), "falls-prevention");
    assert_eq!(by("2027-04-01T00:00:00"), "falls-2027");
    assert_eq!(
        by("2028-04-01T00:00:00"),
        "agreement falls-2027 ended on 2028-03-31"
    );
}

#[test]
fn explain_tells_each_step_to_the_one_that_refuses() {
    let set = loaded(&context());
    let steps = |request: &str, purpose: &str, when: &str| -> Vec<String> {
        let (method, path) = request.split_once(' ').unwrap();
        let partner = PartnerName::new("island-health");
        set.explain(&Ask {
            asker: Asker::Partner(&partner),
            method,
            path,
            purposes: &[purpose.as_bytes()],
            caller: Caller::default(),
            at: at(when),
        })
        .into_iter()
        .map(|step| {
            format!(
                "{} {}: {}",
                if step.passed { "yes" } else { "no" },
                step.name,
                step.text
            )
        })
        .collect()
    };
    assert_eq!(
        steps("GET /adults/1", "falls-prevention", "2026-06-01T12:00"),
        [
            "yes route: GET /adults/{person}",
            "yes purpose declared: one purpose, in the form of a name",
            "yes purpose agreed: agreement falls-prevention shares `adult` for falls-prevention",
            "yes term: in force from 2026-04-01 to 2027-03-31",
        ]
    );
    assert_eq!(
        steps("GET /adults/1", "falls-prevention", "2028-06-01T12:00")
            .last()
            .unwrap(),
        "no term: agreement falls-prevention ended on 2027-03-31"
    );
    assert_eq!(
        steps("DELETE /adults/1", "x", "2026-06-01T12:00"),
        ["no route: agreements with island-health have this path for GET, HEAD only"]
    );
}
