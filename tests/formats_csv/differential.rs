//! Generated tables under generated rules: the machine, the plain reader and the document model agree, at any cut.

use fieldgate::minimise::Limits;
use proptest::prelude::*;
use proptest::sample::select;

use super::harness::{dialect, plan, rules, run};
use super::model::{read, read_as_others_do, text};
use super::vocabulary::{DIALECTS, FIELDS, NAMES, ODD, RECORDS, VALUES};

prop_compose! {
    /// A table, mostly one without faults.
    fn table()(
        names in prop::sample::subsequence(NAMES, 1..6).prop_shuffle(),
        rows in prop::collection::vec(prop::collection::vec(select(VALUES), 6), 0..6),
        crlf in prop::collection::vec(any::<bool>(), 7),
        open in any::<bool>(),
        odd in prop::option::weighted(0.3, (select(ODD), any::<prop::sample::Index>())),
        mark in prop::bool::weighted(0.1),
    ) -> String {
        let mut out = String::from(if mark { "\u{feff}" } else { "" });
        let width = names.len();
        let rows = std::iter::once(names).chain(rows.into_iter().map(|mut row| {
            row.truncate(width);
            row
        }));
        for (row, crlf) in rows.zip(&crlf) {
            out.push_str(&row.join(","));
            out.push_str(if *crlf { "\r\n" } else { "\n" });
        }
        if open {
            out.truncate(out.trim_end_matches(['\r', '\n']).len());
        }
        if let Some((odd, at)) = odd {
            let mut places: Vec<usize> = out.char_indices().map(|(at, _)| at).collect();
            places.push(out.len());
            out.insert_str(*at.get(&places), odd);
        }
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_tables_leave_as_the_models_say_at_every_cut(
        body in table(),
        words in select(DIALECTS),
        fields in prop::collection::vec(select(FIELDS), 0..5),
        records in select(RECORDS),
        held_bytes in prop_oneof![3 => Just(1 << 20), 1 => 0_usize..40],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let csv = dialect(words);
        let fields = format!("{}; {records}", fields.join("; "));
        let context = || format!("{words:?} {fields}\n{body:?}");
        let limits = Limits { held_bytes, ..Limits::default() };
        let plan = plan(words, &fields, &limits);
        let ran = run(&plan, [body.as_bytes()]);

        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        ends.extend([0, body.len()]);
        ends.sort_unstable();
        let pieces = ends.windows(2).map(|ends| &body.as_bytes()[ends[0]..ends[1]]);
        prop_assert_eq!(&run(&plan, pieces), &ran, "cut at {:?}: {}", ends, context());
        prop_assert_eq!(&run(&plan, body.as_bytes().chunks(1)), &ran, "byte by byte: {}", context());
        if held_bytes < 1 << 20 {
            return Ok(());
        }

        match read(body.as_bytes(), &csv) {
            Err((fault, offset)) => {
                let error = ran.expect_err(&context());
                // A value that a rule refuses may stand before the byte that breaks the grammar.
                let refused = error.fault == fieldgate::minimise::BodyFault::Mismatch;
                prop_assert!(
                    (error.fault, error.offset) == (fault, offset as u64)
                        || refused && fields.contains('!'),
                    "{error} where the plain reader says {fault:?} at {offset}: {}",
                    context()
                );
            }
            Ok(table) => {
                let sees: Vec<Vec<String>> = table
                    .rows
                    .iter()
                    .map(|row| row.iter().map(|raw| text(raw)).collect())
                    .collect();
                let padded = words.contains("pad");
                let body = body.strip_prefix('\u{feff}').unwrap_or(&body);
                // The other reader takes a mark off for itself.
                let padded = padded || body.starts_with('\u{feff}');
                prop_assert!(padded || read_as_others_do(body, &csv) == sees, "{}", context());
                if !words.contains("guard") {
                    table.assert_agrees(&rules(words, &fields), &csv, &ran, &context);
                }
            }
        }
    }
}
