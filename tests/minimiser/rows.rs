//! What each point of DESIGN §5 means, in rows: what a service sent, under which rules, and what leaves. Every row
//! is run whole, byte by byte and at every cut, and the model is held to it too.

use fieldgate::minimise::{BodyFault, Limits};
use fieldgate::transform::{Identified, Prepared, Transform};

use super::support::{assert_agree, compact, keys, plan, rules, run_every_way};

/// Rules, what was sent, what leaves.
pub(super) type Row<'a> = (&'a str, &'a str, &'a str);

/// Rules, what was sent, why it is refused.
pub(super) type RefusedRow<'a> = (&'a str, &'a str, BodyFault);

pub(super) fn check(rows: &[Row<'_>]) {
    for (fields, sent, leaves) in rows {
        let leaves = with_tokens(leaves);
        let rules = rules(fields);
        let limits = Limits::default();
        let plan = plan(&rules, &limits);
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX);
        let text = ran.as_ref().map(|ran| ran.text.as_str());
        assert_eq!(text, Ok(leaves.as_str()), "{fields} on {sent}");
        assert_agree(&rules, &limits, sent.as_bytes(), &ran, &|| {
            format!("{fields} on {sent}")
        });
    }
}

pub(super) fn check_refused(rows: &[RefusedRow<'_>]) {
    for (fields, sent, fault) in rows {
        let rules = rules(fields);
        let limits = Limits::default();
        let plan = plan(&rules, &limits);
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX);
        assert_eq!(
            ran.as_ref().map_err(|error| error.fault),
            Err(*fault),
            "{fields} on {sent}"
        );
        assert_agree(&rules, &limits, sent.as_bytes(), &ran, &|| {
            format!("{fields} on {sent}")
        });
    }
}

/// `text` with each `<namespace value>` replaced by the value's token, quotes and all.
fn with_tokens(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let (token, behind) = after
            .split_once('>')
            .expect("a row writes <namespace value>");
        let (namespace, value) = token
            .split_once(' ')
            .expect("a row writes <namespace value>");
        let transform = Transform::Pseudonymise(Identified::text(namespace));
        let mut made = Vec::new();
        Prepared::new(&transform, keys().agreement.as_ref())
            .unwrap()
            .apply(
                value.as_bytes(),
                &mut fieldgate::transform::Setting::default(),
                &mut made,
            )
            .unwrap();
        out.push_str(before);
        out.push_str(&String::from_utf8(made).unwrap());
        rest = behind;
    }
    out + rest
}

#[test]
fn p1_point_1_what_no_rule_selects_does_not_pass() {
    check(&[
        ("", "{}", "{}"),
        ("", "[]", "[]"),
        ("", r#"{"a":1,"b":{"c":[1,2,{}]}}"#, "{}"),
        ("", "[1,[2],{\"a\":3}]", "[]"),
        ("", " \n{ \"a\" : 1 }\t", "{}"),
        ("", "1", "null"),
        ("", "\"text\"", "null"),
        ("", "true", "null"),
        ("", "null", "null"),
        ("keep $.a", r#"{"a":1,"b":2}"#, r#"{"a":1}"#),
        ("keep $.a", r#"{"b":2,"a":1}"#, r#"{"a":1}"#),
        ("keep $.a", r#"{"b":2}"#, "{}"),
        ("keep $.a", r#"{"b":{"a":1}}"#, "{}"),
        ("keep $.a", "[1,2]", "[]"),
        ("keep $.a", "7", "null"),
        (
            "keep $.a.b",
            r#"{"a":{"b":1,"c":2},"b":3}"#,
            r#"{"a":{"b":1}}"#,
        ),
        (
            "keep $.a; keep $.c",
            r#"{"a":1,"b":2,"c":3}"#,
            r#"{"a":1,"c":3}"#,
        ),
        (
            "keep $['a','c']",
            r#"{"a":1,"b":2,"c":3}"#,
            r#"{"a":1,"c":3}"#,
        ),
        ("keep $['']", r#"{"":1,"a":2}"#, r#"{"":1}"#),
        ("keep $['a.b']", r#"{"a.b":1,"a":{"b":2}}"#, r#"{"a.b":1}"#),
    ]);
}

#[test]
fn point_2_keep_is_for_single_values() {
    check(&[
        ("keep $", "7", "7"),
        ("keep $", "\"a\"", "\"a\""),
        ("keep $", "null", "null"),
        ("keep $", r#"{"a":1}"#, "{}"),
        ("keep $", "[1]", "[]"),
        ("keep $.a", r#"{"a":{"b":1},"c":2}"#, "{}"),
        ("keep $.a", r#"{"a":[1,2]}"#, "{}"),
        ("keep $.a", r#"{"a":{}}"#, "{}"),
        ("keep $.a", r#"{"a":null}"#, r#"{"a":null}"#),
        ("keep $[*]", r#"[1,{"a":2},[3],"x"]"#, r#"[1,"x"]"#),
        ("keep $.*", r#"{"a":1,"b":{"c":2},"d":[3]}"#, r#"{"a":1}"#),
        (
            "keep $.a; keep $.a.b",
            r#"{"a":{"b":1,"c":2}}"#,
            r#"{"a":{"b":1}}"#,
        ),
        (
            "keep_all $.a",
            r#"{"a":{"b":1,"c":[2]},"d":3}"#,
            r#"{"a":{"b":1,"c":[2]}}"#,
        ),
        ("keep_all $.a", r#"{"a":1}"#, r#"{"a":1}"#),
        ("keep_all $", "7", "7"),
        ("keep_all $", r#"{"a":{}}"#, r#"{"a":{}}"#),
        ("keep_all $[*]", r#"[1,{"a":[]}]"#, r#"[1,{"a":[]}]"#),
        (
            "keep_all $; keep $.a",
            r#"{"a":{"b":1}}"#,
            r#"{"a":{"b":1}}"#,
        ),
        (
            "keep_all $.a; keep_all $.a.b",
            r#"{"a":{"b":1,"c":2}}"#,
            r#"{"a":{"b":1,"c":2}}"#,
        ),
    ]);
}

#[test]
fn p1_point_3_the_more_protective_wins_whatever_the_order() {
    check(&[
        ("keep $.a; drop $.a", r#"{"a":1,"b":2}"#, "{}"),
        ("drop $.a; keep $.a", r#"{"a":1,"b":2}"#, "{}"),
        ("keep_all $; drop $.a", r#"{"a":1,"b":2}"#, r#"{"b":2}"#),
        ("drop $.a; keep_all $", r#"{"a":1,"b":2}"#, r#"{"b":2}"#),
        ("keep_all $; drop $.b", r#"{"a":1,"b":2}"#, r#"{"a":1}"#),
        (
            "keep_all $; drop $.b",
            r#"{"a":1,"b":2,"c":3}"#,
            r#"{"a":1,"c":3}"#,
        ),
        (
            "keep_all $; drop $..b",
            r#"{"a":{"b":1,"c":2},"b":3}"#,
            r#"{"a":{"c":2}}"#,
        ),
        (
            "keep_all $; drop $..b",
            r#"[{"b":1},[{"b":2}],{"c":{"b":3}}]"#,
            r#"[{},[{}],{"c":{}}]"#,
        ),
        ("keep_all $; drop $[*]", "[1,2]", "[]"),
        ("keep_all $; drop $[1]", "[1,2,3]", "[1,3]"),
        ("keep_all $; drop $[0]", "[1,2,3]", "[2,3]"),
        ("keep_all $; drop $[::2]", "[0,1,2,3,4]", "[1,3]"),
        (
            "keep_all $.a; drop $.a.b; keep $.a.b.c",
            r#"{"a":{"b":{"c":1},"d":2}}"#,
            r#"{"a":{"d":2}}"#,
        ),
        ("drop $.a; keep $.a.b", r#"{"a":{"b":1}}"#, "{}"),
        (
            "drop $.a; drop $.a.b; keep $.c",
            r#"{"a":{"b":1},"c":2}"#,
            r#"{"c":2}"#,
        ),
        ("drop $.a; keep_all $.a.b", r#"{"a":{"b":{"c":1}}}"#, "{}"),
        ("drop $; keep_all $", r#"{"a":1}"#, "null"),
        ("keep $.a; mask $.a", r#"{"a":"xyz"}"#, r#"{"a":"***"}"#),
        ("mask $.a; keep $.a", r#"{"a":"xyz"}"#, r#"{"a":"***"}"#),
        (
            "keep_all $; mask $.a",
            r#"{"a":"xyz","b":1}"#,
            r#"{"a":"***","b":1}"#,
        ),
        (
            "keep_all $; mask $..a",
            r#"{"b":{"a":"xyz"},"a":"q"}"#,
            r#"{"b":{"a":"***"},"a":"*"}"#,
        ),
        ("mask $.a; drop $.a", r#"{"a":"xyz"}"#, "{}"),
        ("drop $.a; mask $.a.b", r#"{"a":{"b":"xyz"}}"#, "{}"),
        (
            "keep_all $; mask $.a; keep $.a.b",
            r#"{"a":{"b":1},"c":2}"#,
            r#"{"c":2}"#,
        ),
        ("mask $.a; keep_all $.a.b", r#"{"a":{"b":1}}"#, "{}"),
        ("mask $.a; drop $.a.b", r#"{"a":{"b":1}}"#, "{}"),
    ]);
}

#[test]
fn p1_point_4_two_different_transforms_drop_the_node() {
    check(&[
        ("mask $.a; mask-last-2 $.a", r#"{"a":"xyz","b":1}"#, "{}"),
        ("mask $.a; mask $.*", r#"{"a":"xyz"}"#, r#"{"a":"***"}"#),
        (
            "mask $.a; year $.*",
            r#"{"a":"1941","b":"1942"}"#,
            r#"{"b":"1942"}"#,
        ),
        (
            "mask $.a; year $.*; keep_all $",
            r#"{"a":"1941","b":"1942"}"#,
            r#"{"b":"1942"}"#,
        ),
        ("token:person $.a; token:property $.a", r#"{"a":"1"}"#, "{}"),
        ("replace:1 $.a; replace:2 $.a", r#"{"a":0}"#, "{}"),
        (
            "replace:1 $.a; replace:1 $['a']",
            r#"{"a":0}"#,
            r#"{"a":1}"#,
        ),
        ("mask $.a; year $.a", r#"{"a":null}"#, "{}"),
        ("mask! $.a; year! $.a", r#"{"a":true}"#, "{}"),
        ("mask $.a; year $.a; drop $.a", r#"{"a":"1941"}"#, "{}"),
        ("mask $[0]; year $[*]", r#"["1941","1942"]"#, r#"["1942"]"#),
        ("mask $; year $", "\"1941\"", "null"),
        ("mask $; year $", "[]", "[]"),
        ("mask $.a; year $.a; keep $.a.b", r#"{"a":{"b":1}}"#, "{}"),
    ]);
}

#[test]
fn p1_point_5_a_value_that_a_transform_is_not_for_is_dropped() {
    check(&[
        ("year $.a", r#"{"a":"1941-03-07"}"#, r#"{"a":"1941"}"#),
        ("year $.a", r#"{"a":"1941-02-30","b":1}"#, "{}"),
        ("year $.a", r#"{"a":1941}"#, "{}"),
        ("year $.a", r#"{"a":{"b":"1941"}}"#, "{}"),
        ("year $.a", r#"{"a":[]}"#, "{}"),
        ("year $.a", r#"{"a":null}"#, r#"{"a":null}"#),
        (
            "year $[*]",
            r#"["1941-03-07","never","1942-01-01"]"#,
            r#"["1941","1942"]"#,
        ),
        ("year! $.a", r#"{"a":"1941-03-07"}"#, r#"{"a":"1941"}"#),
        ("year! $.a", r#"{"a":null}"#, r#"{"a":null}"#),
        ("year! $.a; drop $.a", r#"{"a":{}}"#, "{}"),
        ("year! $.a.b; drop $.a", r#"{"a":{"b":1}}"#, "{}"),
        ("year $", "\"1941-03-07\"", "\"1941\""),
        ("year $", "\"never\"", "null"),
        ("year $", "{\"a\":1}", "{}"),
        (
            "keep_all $; year $.a",
            r#"{"a":"never","b":1}"#,
            r#"{"b":1}"#,
        ),
        (
            "keep_all $; year $.a",
            r#"{"a":{"b":1},"b":1}"#,
            r#"{"b":1}"#,
        ),
        ("mask $.a", r#"{"a":true}"#, "{}"),
        ("mask $.a", r#"{"a":""}"#, r#"{"a":""}"#),
        ("mask $.a", r#"{"a":-12.5}"#, r#"{"a":"-**.*"}"#),
        (
            "mask-last-2 $.a",
            r#"{"a":"\u00e9\"xy"}"#,
            r#"{"a":"**xy"}"#,
        ),
        (
            "replace:\"withheld\" $.a",
            r#"{"a":true}"#,
            r#"{"a":"withheld"}"#,
        ),
        ("replace:\"withheld\" $.a", r#"{"a":{}}"#, "{}"),
        ("replace:null $.a", r#"{"a":1}"#, r#"{"a":null}"#),
        (
            "token:person $.a",
            r#"{"a":"401 023 2137"}"#,
            r#"{"a":<person 4010232137>}"#,
        ),
        (
            "token:person $[*]",
            r#"["401-023-2137", 4010232137]"#,
            "[<person 4010232137>,<person 4010232137>]",
        ),
        ("token:person $.a", r#"{"a":""}"#, "{}"),
        ("token:person $.a", r#"{"a":1e9}"#, "{}"),
        ("token:person $.a", r#"{"a":["4010232137"]}"#, "{}"),
    ]);
    check_refused(&[
        ("year! $.a", r#"{"a":"never"}"#, BodyFault::Mismatch),
        ("year! $.a", r#"{"a":{"b":1}}"#, BodyFault::Mismatch),
        ("year! $.a", r#"{"a":[]}"#, BodyFault::Mismatch),
        ("year $.a; year! $.a", r#"{"a":1}"#, BodyFault::Mismatch),
        ("year! $", "[]", BodyFault::Mismatch),
        ("year! $", "7", BodyFault::Mismatch),
        (
            "token:person! $..id",
            r#"{"a":[{"id":""}]}"#,
            BodyFault::Mismatch,
        ),
        ("keep_all $; year! $[1]", "[1,2]", BodyFault::Mismatch),
    ]);
}

#[test]
fn point_6_containers_on_the_way_pass_as_bare_structure() {
    check(&[
        // Named, they pass even when empty.
        ("keep $.a.b", r#"{"a":{"c":1}}"#, r#"{"a":{}}"#),
        ("keep $.a.b", r#"{"a":{}}"#, r#"{"a":{}}"#),
        ("keep $.a.b", r#"{"a":[]}"#, r#"{"a":[]}"#),
        ("keep $.a.b", r#"{"a":[1,{"b":2}]}"#, r#"{"a":[]}"#),
        ("keep $.a[*]", r#"{"a":{"b":1}}"#, r#"{"a":{"b":1}}"#),
        ("keep $.a[0]", r#"{"a":{"b":1}}"#, r#"{"a":{}}"#),
        ("keep $.a.b", r#"{"a":1}"#, "{}"),
        ("keep $.a.b", r#"{"a":null}"#, "{}"),
        ("keep $.a.b.c", r#"{"a":{"b":{}}}"#, r#"{"a":{"b":{}}}"#),
        // So they do as elements.
        (
            "keep $[*].a",
            r#"[{"a":1},{"b":2},{},[],3]"#,
            r#"[{"a":1},{},{},[]]"#,
        ),
        ("keep $[0].a", r#"[{"b":1},{"a":2}]"#, "[{}]"),
        (
            "keep $[1:].a",
            r#"[{"a":1},{"b":1},{"a":2}]"#,
            r#"[{},{"a":2}]"#,
        ),
        ("keep $[*][*]", "[[1,[2]],[],{}]", "[[1],[],{}]"),
        // By a wildcard over members only around something that passes.
        (
            "keep $.*.a",
            r#"{"x":{"a":1},"y":{"b":2},"z":{}}"#,
            r#"{"x":{"a":1}}"#,
        ),
        ("keep $.*.a", r#"{"y":{"b":2}}"#, "{}"),
        ("keep $.*[*]", r#"{"x":[1],"y":[]}"#, r#"{"x":[1]}"#),
        (
            "keep $.*.*",
            r#"{"x":{"y":{"z":1}},"v":{"w":2}}"#,
            r#"{"v":{"w":2}}"#,
        ),
        (
            "keep $.*.a.b",
            r#"{"x":{"a":{}},"y":{}}"#,
            r#"{"x":{"a":{}}}"#,
        ),
        (
            "keep $.*.a; keep $.x.b",
            r#"{"x":{},"y":{}}"#,
            r#"{"x":{}}"#,
        ),
        ("keep $['x',*].a", r#"{"x":{},"y":{}}"#, r#"{"x":{}}"#),
        // By `..` too.
        (
            "keep $..a",
            r#"{"x":{"y":{"a":1}},"z":{"w":[]}}"#,
            r#"{"x":{"y":{"a":1}}}"#,
        ),
        ("keep $..a", r#"[[],{},[{"a":1}]]"#, r#"[[{"a":1}]]"#),
        (
            "keep $..a",
            r#"{"a":{"a":1},"b":{"a":{"c":2}}}"#,
            r#"{"a":{"a":1}}"#,
        ),
        (
            "keep $..a.b",
            r#"{"x":{"a":{}},"a":{"b":1}}"#,
            r#"{"x":{"a":{}},"a":{"b":1}}"#,
        ),
        (
            "keep $..*",
            r#"{"a":{"b":[1,{}]},"c":[]}"#,
            r#"{"a":{"b":[1]}}"#,
        ),
        ("keep $..[0]", r#"{"a":[[1,2],3]}"#, r#"{"a":[[1]]}"#),
        (
            "keep_all $..a",
            r#"{"x":{"a":{"b":[ ]}},"y":1}"#,
            r#"{"x":{"a":{"b":[ ]}}}"#,
        ),
        // What no rule can reach is left out, in arrays too.
        ("keep $[1]", "[[],2,{}]", "[2]"),
        (
            "keep $[1].a",
            r#"[{"a":1},{"a":2},{"a":3}]"#,
            r#"[{"a":2}]"#,
        ),
        ("drop $.a", r#"{"a":1,"b":{}}"#, "{}"),
        ("drop $.a.b", r#"{"a":{"c":1}}"#, "{}"),
        // What is kept itself stays when all in it is dropped.
        (
            "keep_all $.a; drop $.a.*",
            r#"{"a":{"b":1,"c":[2]}}"#,
            r#"{"a":{}}"#,
        ),
        (
            "keep_all $.a; drop $..b",
            r#"{"a":{"x":{"b":1}}}"#,
            r#"{"a":{"x":{}}}"#,
        ),
        ("keep_all $.a; drop $.a[*]", r#"{"a":[1,2]}"#, r#"{"a":[]}"#),
        ("keep_all $.a; drop $.a", r#"{"a":[1,2]}"#, "{}"),
    ]);
}

#[test]
fn point_6_prune_leaves_out_what_is_empty() {
    check(&[
        ("keep $.a.b; prune", r#"{"a":{"c":1}}"#, "{}"),
        ("keep $.a.b; prune", r#"{"a":{}}"#, "{}"),
        ("keep $.a.b.c; prune", r#"{"a":{"b":{}}}"#, "{}"),
        (
            "keep $[*].a; prune",
            r#"[{"a":1},{"b":2},{}]"#,
            r#"[{"a":1}]"#,
        ),
        (
            "keep $.a.b; keep $.c; prune",
            r#"{"a":{},"c":1}"#,
            r#"{"c":1}"#,
        ),
        (
            "keep_all $.a; drop $.a.b; prune",
            r#"{"a":{"b":1}}"#,
            r#"{"a":{}}"#,
        ),
        (
            "keep_all $.a; prune",
            r#"{"a":{"b":{}}}"#,
            r#"{"a":{"b":{}}}"#,
        ),
        ("keep $.a; prune", "[]", "[]"),
    ]);
}

#[test]
fn point_6_the_root_always_leaves_as_something() {
    check(&[
        ("drop $", r#"{"a":1}"#, "null"),
        ("drop $", "[1]", "null"),
        ("drop $", "7", "null"),
        ("drop $; keep $.a", r#"{"a":1}"#, "null"),
        ("drop $.*", r#"{"a":1}"#, "{}"),
        ("drop $[*]; keep $[0]", "[1]", "[]"),
        ("keep $.a; prune", "{}", "{}"),
        ("keep $..a", "{}", "{}"),
        ("keep $.*.a", "{\"b\":{}}", "{}"),
    ]);
}

#[test]
fn p1_point_7_kept_values_leave_byte_for_byte() {
    check(&[
        (
            "keep $[*]",
            "[1.0,1e400,-0,0.10,1E+2]",
            "[1.0,1e400,-0,0.10,1E+2]",
        ),
        (
            "keep $[*]",
            "[9223372036854775808,12345678901234567890123]",
            "[9223372036854775808,12345678901234567890123]",
        ),
        (
            "keep $[*]",
            r#"["\u00e9","é","\/","\ud834\udd1e","\u0000"]"#,
            r#"["\u00e9","é","\/","\ud834\udd1e","\u0000"]"#,
        ),
        (
            "keep $.a",
            "{ \"a\" : \" b \\\" } \" , \"c\" : 1 }",
            "{\"a\":\" b \\\" } \"}",
        ),
        ("keep $.a", "{\"a\"\n:\t1\r\n}", "{\"a\":1}"),
        (
            "keep_all $.a",
            "{\"a\": { \"b\" : [ 1 , 2 ] } , \"c\": 1}",
            "{\"a\":{ \"b\" : [ 1 , 2 ] }}",
        ),
        ("keep_all $", " { \"a\" : 1 } ", "{ \"a\" : 1 }"),
        ("keep_all $", "[ ]", "[ ]"),
        // Where a rule could still reach in, structure leaves without white space.
        (
            "keep_all $; drop $.z",
            "{ \"a\" : [ 1 , 2 ] }",
            "{\"a\":[ 1 , 2 ]}",
        ),
    ]);
}

#[test]
fn point_8_names_are_compared_unescaped_and_leave_as_written() {
    check(&[
        ("keep $.name", r#"{"na\u006de":1}"#, r#"{"na\u006de":1}"#),
        (
            "keep_all $; drop $.name",
            r#"{"na\u006de":1,"b":2}"#,
            r#"{"b":2}"#,
        ),
        (
            "keep_all $; drop $.name",
            r#"{"\u006e\u0061\u006D\u0065":1}"#,
            "{}",
        ),
        ("keep $['é']", r#"{"\u00e9":1,"e":2}"#, r#"{"\u00e9":1}"#),
        (
            "keep $['e\\u0301']",
            "{\"é\":1,\"e\u{301}\":2}",
            "{\"e\u{301}\":2}",
        ),
        ("keep $['a/b']", r#"{"a\/b":1}"#, r#"{"a\/b":1}"#),
        (
            "keep $['𝄞']",
            r#"{"\ud834\udd1e":1}"#,
            r#"{"\ud834\udd1e":1}"#,
        ),
        ("keep $['\"\\\\']", r#"{"\"\\":1}"#, r#"{"\"\\":1}"#),
        ("keep $.name", r#"{"Name":1,"NAME":2,"name ":3}"#, "{}"),
        (
            "keep $.na.x",
            r#"{"n\u0061":{"\u0078":1}}"#,
            r#"{"n\u0061":{"\u0078":1}}"#,
        ),
    ]);
}

#[test]
fn p4_point_9_a_name_given_twice_ends_the_exchange_where_it_could_matter() {
    check_refused(&[
        ("keep $.a", r#"{"a":1,"a":2}"#, BodyFault::DuplicateName),
        (
            "keep $.a",
            r#"{"a":1,"\u0061":2}"#,
            BodyFault::DuplicateName,
        ),
        ("keep $.a", r#"{"b":1,"b":2}"#, BodyFault::DuplicateName),
        (
            "keep $.a",
            r#"{"a":1,"b":[],"c":{},"b":2}"#,
            BodyFault::DuplicateName,
        ),
        ("keep $.a", r#"{"":1,"":2}"#, BodyFault::DuplicateName),
        (
            "keep $.a.b",
            r#"{"a":{"c":1,"c":2}}"#,
            BodyFault::DuplicateName,
        ),
        (
            "keep $..a",
            r#"[[{"c":1,"c":2}]]"#,
            BodyFault::DuplicateName,
        ),
        (
            "keep_all $",
            r#"{"a":{"c":1,"c":2}}"#,
            BodyFault::DuplicateName,
        ),
        (
            "keep_all $.a",
            r#"{"a":[{"c":{},"\u0063":2}]}"#,
            BodyFault::DuplicateName,
        ),
        (
            "keep_all $; drop $.x",
            r#"{"x":1,"x":2}"#,
            BodyFault::DuplicateName,
        ),
        (
            "keep $[*].a",
            r#"[{"a":1},{"a":1,"a":2}]"#,
            BodyFault::DuplicateName,
        ),
        (
            "keep_all $; record $[*]; release_if @.ok",
            r#"[{"x":{"a":1,"a":2}}]"#,
            BodyFault::DuplicateName,
        ),
    ]);
    check(&[
        // Nobody is shown anything of these, nor asked about them.
        ("keep $.a", r#"{"a":1,"b":{"c":1,"c":2}}"#, r#"{"a":1}"#),
        (
            "keep_all $; drop $.b",
            r#"{"a":1,"b":{"c":1,"c":2}}"#,
            r#"{"a":1}"#,
        ),
        ("keep $.a", r#"{"a":{"c":1,"c":2}}"#, "{}"),
        ("keep $.a", r#"[{"a":1,"a":2}]"#, "[]"),
        // The same name in different objects is no matter.
        (
            "keep $..a",
            r#"{"a":1,"b":{"a":2,"b":{"a":3}}}"#,
            r#"{"a":1,"b":{"a":2,"b":{"a":3}}}"#,
        ),
        (
            "keep $[*].a",
            r#"[{"a":1},{"a":2}]"#,
            r#"[{"a":1},{"a":2}]"#,
        ),
    ]);
}

#[test]
fn selectors_by_position() {
    check(&[
        ("keep $[0]", "[1,2,3]", "[1]"),
        ("keep $[2]", "[1,2,3]", "[3]"),
        ("keep $[3]", "[1,2,3]", "[]"),
        ("keep $[0]", r#"{"0":1}"#, "{}"),
        ("keep $['0']", "[1]", "[]"),
        ("keep $[1:3]", "[0,1,2,3]", "[1,2]"),
        ("keep $[:2]", "[0,1,2,3]", "[0,1]"),
        ("keep $[2:]", "[0,1,2,3]", "[2,3]"),
        ("keep $[1::2]", "[0,1,2,3,4]", "[1,3]"),
        ("keep $[1:4:3]", "[0,1,2,3,4]", "[1]"),
        ("keep $[1:5:3]", "[0,1,2,3,4]", "[1,4]"),
        ("keep $[1:10:113667776004]", "[0,1,2,3,4]", "[1]"),
        ("keep $[:]", "[0,1]", "[0,1]"),
        ("keep $[2:1]", "[0,1,2]", "[]"),
        ("keep $[::0]", "[0,1]", "[]"),
        ("keep $[0,2]", "[0,1,2]", "[0,2]"),
        ("keep $[2,0,0]", "[0,1,2]", "[0,2]"),
        ("keep $[*][1]", "[[0,1],[2],[3,4,5]]", "[[1],[],[4]]"),
        (
            "keep $.a[0].b",
            r#"{"a":[{"b":1},{"b":2}]}"#,
            r#"{"a":[{"b":1}]}"#,
        ),
        ("keep $[1:]; drop $[2]", "[0,1,2,3]", "[1,3]"),
        (
            "keep $..a[0]",
            r#"{"a":[1,2],"b":{"a":[{"a":[3]}]}}"#,
            r#"{"a":[1],"b":{"a":[{"a":[3]}]}}"#,
        ),
        (
            "keep $..['a','b']",
            r#"{"c":{"a":1,"b":2,"d":3}}"#,
            r#"{"c":{"a":1,"b":2}}"#,
        ),
    ]);
}

#[test]
fn records_leave_or_stay_as_one() {
    check(&[
        (
            "keep_all $; record $[*]; release_if @.ok == true",
            r#"[{"ok":true},{"ok":false},{"ok":true,"a":1}]"#,
            r#"[{"ok":true},{"ok":true,"a":1}]"#,
        ),
        (
            "keep_all $; record $[*]; release_if @.ok == true",
            r#"[{"ok":false},{"a":1}]"#,
            "[]",
        ),
        (
            "keep_all $; record $[*]; release_if @.ok == true",
            r#"[{"ok":false},{"ok":true}]"#,
            r#"[{"ok":true}]"#,
        ),
        (
            "keep_all $; record $[*]; release_if @.ok == true",
            r#"[{"ok":true},{"ok":false}]"#,
            r#"[{"ok":true}]"#,
        ),
        (
            "keep_all $; record $[*]; release_if @.ok == true",
            "[]",
            "[]",
        ),
        (
            "keep_all $; record $[*]; release_if @.ok == true",
            r#"{"a":{"ok":true},"b":{"ok":false}}"#,
            r#"{"a":{"ok":true}}"#,
        ),
        (
            "keep $[*].a; record $[*]; release_if @.b > 1",
            r#"[{"b":1,"a":"x"},{"a":"y","b":2}]"#,
            r#"[{"a":"y"}]"#,
        ),
        (
            "keep $.a; record $; release_if @.ok",
            r#"{"a":1,"ok":0}"#,
            r#"{"a":1}"#,
        ),
        ("keep $.a; record $; release_if @.ok", r#"{"a":1}"#, "null"),
        ("keep $.a; record $; release_if $.ok", r#"{"a":1}"#, "null"),
        ("keep $; record $; release_if @ > 1", "1", "null"),
        ("keep $; record $; release_if @ > 1", " 2 ", "2"),
        (
            "keep $[*]; record $[*]; release_if @ > 1",
            "[1, 2 ,3]",
            "[2,3]",
        ),
        (
            "keep $.people[*].a; keep $.n; record $.people[*]; release_if !@.secret",
            r#"{"people":[{"a":1,"secret":null},{"a":2}],"n":1}"#,
            r#"{"people":[{"a":2}],"n":1}"#,
        ),
        (
            "keep $.*.a; record $.*; release_if @.ok",
            r#"{"x":{"a":1},"y":{"a":2,"ok":0}}"#,
            r#"{"y":{"a":2}}"#,
        ),
        (
            "keep $.p.a; record $.p; release_if @.ok",
            r#"{"p":{"a":1}}"#,
            "{}",
        ),
        (
            "keep $.p.a; record $.p; release_if @.q.ok",
            r#"{"p":{"a":1,"q":{"ok":0}}}"#,
            r#"{"p":{"a":1}}"#,
        ),
        // The outermost match is the record.
        (
            "keep_all $; record $..r; release_if @.ok",
            r#"{"r":{"ok":1,"r":{"a":1}}}"#,
            r#"{"r":{"ok":1,"r":{"a":1}}}"#,
        ),
        (
            "keep_all $; record $..r; release_if @.ok",
            r#"{"r":{"r":{"ok":1}}}"#,
            "{}",
        ),
        // Without a condition a record is only held.
        (
            "keep $[*].a; record $[*]",
            r#"[{"a":1},{}]"#,
            r#"[{"a":1},{}]"#,
        ),
        // Rules act in what is released, and a drop outside of records needs none.
        (
            "keep_all $; drop $[*].ok; record $[*]; release_if @.ok",
            r#"[{"ok":1,"a":2}]"#,
            r#"[{"a":2}]"#,
        ),
        (
            "year $[*].a; record $[*]; release_if @.a",
            r#"[{"a":"1941-03-07"},{"a":"never"}]"#,
            r#"[{"a":"1941"},{}]"#,
        ),
        (
            "year! $[*].a; record $[*]; release_if @.ok",
            r#"[{"a":"never"},{"ok":1,"a":"1941"}]"#,
            r#"[{"a":"1941"}]"#,
        ),
        // What a transform drops is dropped whole, also where the subject stands in it.
        (
            "year $.a; keep $.a.b; record $; subject @.a.s",
            r#"{"a":{"b":"raw","s":"4010232137"}}"#,
            "{}",
        ),
        (
            "keep_all $; year $.a; record $; subject @.a.s",
            r#"{"a":{"b":"raw","s":"4010232137"}}"#,
            "{}",
        ),
    ]);
}

#[test]
fn subjects_are_named_by_released_records_alone() {
    let count = |fields: &str, sent: &str| {
        let plan = plan(&rules(fields), &Limits::default());
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
        (
            ran.subjects.len(),
            ran.tally.subjects_missing,
            ran.tally.records_released,
            ran.tally.records_withheld,
        )
    };
    let people = r#"[{"id":"401 023 2137","a":1},{"id":4010232137,"a":2},{"a":3},{"id":null,"a":4},{"id":"9","ok":1}]"#;
    assert_eq!(
        count("keep $[*].a; record $[*]; subject @.id", people),
        (3, 2, 5, 0)
    );
    assert_eq!(
        count("keep $[*].a; record $[*]; subject $.id", people),
        (3, 2, 5, 0)
    );
    assert_eq!(
        count("keep $[*].a; record $[*]; subject $[*].id", people),
        (3, 2, 5, 0)
    );
    assert_eq!(
        count(
            "keep $[*].a; record $[*]; subject @.id; release_if @.ok",
            people
        ),
        (1, 0, 1, 4)
    );
    // Also where the subject itself is dropped, or stands where nothing passes.
    assert_eq!(
        count(
            "keep $[*].a; drop $[*].id; record $[*]; subject @.id",
            people
        ),
        (3, 2, 5, 0)
    );
    let nested = r#"{"a":1,"who":{"id":"1","x":[{"id":"2"}]}}"#;
    assert_eq!(
        count("keep $.a; drop $.who; record $; subject @.who.id", nested),
        (1, 0, 1, 0)
    );
    assert_eq!(
        count("keep $.a; record $; subject @..id", nested),
        (2, 0, 1, 0)
    );
    assert_eq!(
        count("keep_all $; record $; subject @.who.x[0].id", nested),
        (1, 0, 1, 0)
    );
}

#[test]
fn p4_what_is_no_strict_json_is_refused_wherever_it_stands() {
    // Placed where it is kept, where it is dropped, and where nothing looks.
    let broken: &[(&str, BodyFault)] = &[
        ("01", BodyFault::BadNumber),
        ("1.", BodyFault::BadNumber),
        ("-", BodyFault::BadNumber),
        ("1e", BodyFault::BadNumber),
        ("+1", BodyFault::Malformed),
        (".5", BodyFault::Malformed),
        ("NaN", BodyFault::Malformed),
        ("nul", BodyFault::Malformed),
        ("True", BodyFault::Malformed),
        ("'a'", BodyFault::Malformed),
        ("[1,]", BodyFault::Malformed),
        ("[1 2]", BodyFault::Malformed),
        ("[,]", BodyFault::Malformed),
        ("{\"a\"}", BodyFault::Malformed),
        ("{\"a\":1,}", BodyFault::Malformed),
        ("{a:1}", BodyFault::Malformed),
        ("{1:1}", BodyFault::Malformed),
        ("[}", BodyFault::Malformed),
        ("\"\\x\"", BodyFault::BadString),
        ("\"\\u12\"", BodyFault::BadString),
        ("\"\\ud800\"", BodyFault::BadString),
        ("\"\\udc00\"", BodyFault::BadString),
        ("\"\\ud800\\u0041\"", BodyFault::BadString),
        ("\"\n\"", BodyFault::BadString),
        ("\"\u{1f}\"", BodyFault::BadString),
        ("{\"\\ud800\":1}", BodyFault::BadString),
        ("/**/1", BodyFault::Malformed),
    ];
    let limits = Limits::default();
    for (value, fault) in broken {
        for fields in [
            "keep_all $",
            "keep_all $; drop $.a",
            "",
            "keep $.b",
            "keep_all $; record $; release_if @.a",
        ] {
            let sent = format!("{{\"a\":{value},\"b\":1}}");
            let rules = rules(fields);
            let ran = run_every_way(&plan(&rules, &limits), sent.as_bytes(), usize::MAX);
            assert_eq!(
                ran.as_ref().map_err(|error| error.fault),
                Err(*fault),
                "{fields} on {sent}"
            );
            assert_agree(&rules, &limits, sent.as_bytes(), &ran, &|| {
                format!("{fields} on {sent}")
            });
        }
    }
    check_refused(&[
        ("keep_all $", "", BodyFault::Truncated),
        ("keep_all $", " ", BodyFault::Truncated),
        ("keep_all $", "{", BodyFault::Truncated),
        ("keep_all $", "{\"a\"", BodyFault::Truncated),
        ("", "[1,", BodyFault::Truncated),
        ("keep_all $", "\"a", BodyFault::Truncated),
        ("keep_all $", "tru", BodyFault::Truncated),
        ("keep_all $", "{} {}", BodyFault::TrailingBytes),
        ("", "1 2", BodyFault::TrailingBytes),
        ("keep_all $", "{}\u{a0}", BodyFault::TrailingBytes),
        ("keep_all $", "\u{feff}{}", BodyFault::ByteOrderMark),
        ("", "]", BodyFault::Malformed),
    ]);
    assert_eq!(
        compact("{ \"a b\" : [ 1 , \"\\\" \" ] }"),
        "{\"a b\":[1,\"\\\" \"]}"
    );
}
