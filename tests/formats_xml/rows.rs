//! What rules let through, and what the first flaw of a body is: rows.

use fieldgate::minimise::{BodyFault, FieldOutcome, Limits};

use crate::ways::{plan, run_every_way};

/// Rules, what the service sent, what leaves.
fn leaves(rules: &str, sent: &str, expected: &str) {
    leaves_under(&[], rules, sent, expected);
}

fn leaves_under(namespaces: &[(&str, &str)], rules: &str, sent: &str, expected: &str) {
    let plan = plan(rules, namespaces, &Limits::default());
    let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX)
        .unwrap_or_else(|error| panic!("{rules}\n{sent}\nrefused: {error}"));
    assert_eq!(ran.text, expected, "{rules}\n{sent}");
    roxmltree::Document::parse(&ran.text)
        .unwrap_or_else(|error| panic!("{rules}\n{}\nis not XML: {error}", ran.text));
}

const PEOPLE: &str = "<people>\n  <person id=\"1\" nhs='999'>\n    <name lang=\"en\">Ada &amp; Co</name>\n    \
    <dob>1941-03-07</dob><tag>x</tag><tag/>\n  </person>\n</people>\n";

#[test]
fn what_rules_name_leaves_byte_for_byte() {
    leaves(
        "keep $.people.person.name",
        PEOPLE,
        "<people><person><name>Ada &amp; Co</name></person></people>",
    );
    leaves(
        "keep $.people.person['@id']; keep $.people.person.name['@lang']",
        PEOPLE,
        "<people><person id=\"1\"><name lang=\"en\"></name></person></people>",
    );
    leaves(
        "keep $.people.person.tag",
        PEOPLE,
        "<people><person><tag>x</tag><tag/></person></people>",
    );
    leaves("keep_all $", PEOPLE, PEOPLE);
    leaves("keep_all $.people", PEOPLE, PEOPLE.trim_end());
    leaves(
        "keep_all $.people; drop $.people.person.name; drop $.people.person['@nhs']",
        PEOPLE,
        "<people>\n  <person id=\"1\">\n    \n    <dob>1941-03-07</dob><tag>x</tag><tag/>\n  </person>\n</people>",
    );
    leaves(
        "keep $..dob",
        PEOPLE,
        "<people><person><dob>1941-03-07</dob></person></people>",
    );
    leaves(
        "keep $..['@id']",
        PEOPLE,
        "<people><person id=\"1\"></person></people>",
    );
    leaves(
        "keep $.people.person[*]",
        PEOPLE,
        "<people><person id=\"1\" nhs='999'><name>Ada &amp; Co</name><dob>1941-03-07</dob><tag>x</tag><tag/></person></people>",
    );
    leaves(
        "keep $.people.*.dob",
        PEOPLE,
        "<people><person><dob>1941-03-07</dob></person></people>",
    );
    leaves(
        "keep $.a",
        "<a ><![CDATA[<&]]>x<!-- no -->&#65;\r\n</a >",
        "<a><![CDATA[<&]]>x&#65;\r\n</a>",
    );
    leaves("keep $.a", "<a>]]<!-- --></a>", "<a>]]</a>");
    leaves("keep $.a", "<a>]]<!-- -->><?p?>></a>", "<a>]]&gt;></a>");
    leaves("keep_all $.a", "<a>]<?p q?>]<!-- -->></a>", "<a>]]&gt;</a>");
    leaves(
        "keep $.a",
        "\u{feff}<?xml version='1.0'?>\n<a>é</a>",
        "<?xml version='1.0'?><a>é</a>",
    );
    leaves(
        "keep $.a['@b']",
        "<a b = '1>2'  c='3'/>",
        "<a b = '1>2'></a>",
    );
}

#[test]
fn an_element_with_elements_in_it_is_no_single_value() {
    leaves(
        "keep $.a.b",
        "<a><b>one</b><b>two<c>canary</c>three</b></a>",
        "<a><b>one</b></a>",
    );
    leaves("keep $.a", "<a>canary<b/></a>", "<a></a>");
    leaves(
        "year $.a.b",
        "<a><b>1941-03-07</b><b><c/>1941-03-07</b></a>",
        "<a><b>1941</b></a>",
    );
    leaves(
        "keep $.a.b; keep $.a.b.c",
        "<a><b>x</b><b>y<c>z</c></b></a>",
        "<a><b>x</b><b><c>z</c></b></a>",
    );
}

#[test]
fn text_beside_elements_leaves_only_under_its_own_name() {
    let mixed = "<p>one <b>two</b> three<!-- --> four <b>five</b>\n</p>";
    leaves("keep $.p.b", mixed, "<p><b>two</b><b>five</b></p>");
    leaves("keep $.p['#text']", mixed, "<p>one  three four </p>");
    leaves(
        "keep_all $.p; drop $.p['#text']",
        mixed,
        "<p><b>two</b><b>five</b>\n</p>",
    );
    leaves(
        "keep_all $.p; drop $.p.b",
        mixed,
        "<p>one  three four \n</p>",
    );
    leaves("mask $.p['#text']", "<p>one<b/>&lt;</p>", "<p>****</p>");
}

#[test]
fn transforms_write_escaped_text() {
    leaves(
        "year $.a.b; year $.a['@c']",
        "<a c='1941-03-07'><b>1941&#45;03-07</b></a>",
        "<a c=\"1941\"><b>1941</b></a>",
    );
    leaves(
        "replace:\"<&>\\\"\" $.a.b; replace:\"<&>\\\"\" $.a['@c']",
        "<a c='x'><b>y</b></a>",
        "<a c=\"&lt;&amp;>&quot;\"><b>&lt;&amp;&gt;\"</b></a>",
    );
    leaves(
        "year $.a.b; year $.a['@c']",
        "<a c='soon'><b>later</b><b/><b></b></a>",
        "<a><b/><b></b></a>",
    );
    leaves(
        "keep_all $.a; mask-last-2 $.a.b",
        "<a> <b x='1'>12345</b> </a>",
        "<a> <b>***45</b> </a>",
    );
}

#[test]
fn a_shape_nobody_named_leaves_around_something_only() {
    leaves(
        "keep $.a.b.c",
        "<a><b/><b><d>x</d></b></a>",
        "<a><b></b><b></b></a>",
    );
    leaves(
        "keep $.a.b.c; prune",
        "<a><b/><b><c>x</c></b><b>y</b></a>",
        "<a><b><c>x</c></b></a>",
    );
    leaves(
        "keep $.a.*.c",
        "<a><b/><canary>x</canary><d><c>y</c></d></a>",
        "<a><d><c>y</c></d></a>",
    );
    leaves(
        "keep $..c['@i']",
        "<a><b><c/></b><c i='1'/></a>",
        "<a><b><c></c></b><c i='1'></c></a>",
    );
    leaves("keep $..z", "<a><b/></a>", "<null/>");
}

#[test]
fn a_document_of_which_nothing_leaves_is_an_empty_element_that_no_one_sent() {
    leaves("", "<canary/>", "<null/>");
    leaves("drop $", "<a/>", "<null/>");
    leaves("keep $.a.b; drop $.a", "<a><b/></a>", "<null/>");
    leaves("keep $.a.b", "<canary><b/></canary>", "<null/>");
    leaves("keep $.a.b", "<a><c/></a>", "<a></a>");
    leaves("keep $.a.b; prune", "<a><c/></a>", "<a></a>");
    leaves("keep $", "<a>x</a>", "<null/>");
    leaves("keep $.*", "<a>x</a>", "<a>x</a>");
    leaves("drop $; keep_all $", " <a/> ", " <null/>".trim());
}

const SOAP: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
    <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:secret=\"urn:canary\">\
    <s:Header><secret:Token>canary</secret:Token></s:Header>\
    <s:Body><GetPerson xmlns='urn:council' xmlns:x='urn:extra' x:at='canary'><Name>Ada</Name><x:Note>canary</x:Note>\
    <Id x:type='nhs'>canary</Id></GetPerson></s:Body></s:Envelope>";

#[test]
fn a_soap_envelope_is_known_by_the_agreements_prefixes() {
    let known = [
        ("soap", "http://schemas.xmlsoap.org/soap/envelope/"),
        ("c", "urn:council"),
    ];
    leaves_under(
        &known,
        "keep $['soap:Envelope']['soap:Body']['c:GetPerson']['c:Name']",
        SOAP,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
        <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><GetPerson xmlns='urn:council'>\
        <Name>Ada</Name></GetPerson></s:Body></s:Envelope>",
    );
    leaves_under(
        &known,
        "keep $..['@{urn:extra}type']",
        SOAP,
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
        <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><GetPerson xmlns='urn:council'>\
        <Id xmlns:x='urn:extra' x:type='nhs'></Id></GetPerson></s:Body></s:Envelope>",
    );
}

#[test]
fn names_keep_their_namespaces_on_the_way_out() {
    let sent = "<a xmlns='urn:one' xmlns:p='urn:two'><p:b><c xmlns=''><d>x</d></c></p:b></a>";
    leaves("keep_all $['{urn:one}a']", sent, sent);
    leaves(
        "keep_all $..['{urn:two}b']",
        sent,
        "<a xmlns='urn:one'><p:b xmlns:p='urn:two'><c xmlns=''><d>x</d></c></p:b></a>",
    );
    leaves(
        "keep $..d",
        sent,
        "<a xmlns='urn:one'><p:b xmlns:p='urn:two'><c xmlns=''><d>x</d></c></p:b></a>",
    );
    leaves(
        "keep_all $..c; drop $..d",
        sent,
        "<a xmlns='urn:one'><p:b xmlns:p='urn:two'><c xmlns=''></c></p:b></a>",
    );
    leaves_under(
        &[("", "urn:one")],
        "keep $.a['@i']",
        "<a xmlns='urn:one' i='1' xmlns:q='urn:canary'/>",
        "<a xmlns='urn:one' i='1'></a>",
    );
    leaves(
        "keep $.a['@xml:lang']",
        "<a xml:lang='en' xml:id='x'/>",
        "<a xml:lang='en'></a>",
    );
}

#[test]
fn records_are_released_or_withheld_whole() {
    let rules = "record $.people.person; subject $['@id']; release_if @.consent == 'yes'; keep $.people.person.name; \
        year! $.people.person.dob";
    let sent = "<people><person id='1'><name>Ada</name><consent>yes</consent></person> \
        <person><dob>canary</dob><name>canary</name><consent>no</consent></person>\
        <person id='3'><consent at='x'>yes</consent><name>Bo</name></person></people>";
    let plan = plan(rules, &[], &Limits::default());
    let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
    assert_eq!(
        ran.text,
        "<people><person><name>Ada</name></person><person><name>Bo</name></person></people>"
    );
    assert_eq!(
        (ran.tally.records_released, ran.tally.records_withheld),
        (2, 1)
    );
    assert_eq!((ran.subjects.len(), ran.tally.subjects_missing), (2, 0));
    assert_eq!(
        (
            ran.tally.field(FieldOutcome::Keep),
            ran.tally.field(FieldOutcome::Mismatch)
        ),
        (2, 0)
    );
    leaves(
        "record $; release_if @.a.b == 'x'; keep_all $",
        "<a><b>x</b></a>",
        "<a><b>x</b></a>",
    );
    leaves(
        "record $; release_if @.a.b == 'y'; keep_all $",
        "<?xml version='1.0'?><a><b>x</b></a>\n",
        "<?xml version='1.0'?><null/>",
    );
    leaves(
        "record $..r; release_if @['@ok']; keep $..v",
        "<a><b><r><v>canary</v></r></b><c><r ok=''><v>1</v></r></c></a>",
        "<a><c><r><v>1</v></r></c></a>",
    );
}

/// Rules, what the service sent, the fault, its offset and path.
fn refused(rules: &str, sent: &[u8], fault: BodyFault, offset: u64, path: &str) {
    refused_within(&Limits::default(), rules, sent, fault, offset, path);
}

fn refused_within(
    limits: &Limits,
    rules: &str,
    sent: &[u8],
    fault: BodyFault,
    offset: u64,
    path: &str,
) {
    let error = run_every_way(&plan(rules, &[], limits), sent, usize::MAX)
        .expect_err(&String::from_utf8_lossy(sent));
    assert_eq!(
        (error.fault, error.offset, error.path.as_str()),
        (fault, offset, path),
        "{rules}\n{}",
        String::from_utf8_lossy(sent)
    );
}

#[test]
fn what_is_not_well_formed_is_refused_where_it_breaks() {
    use BodyFault as F;
    for rules in [
        "",
        "keep_all $",
        "keep $..z",
        "keep $.a.b; record $.a; release_if @.b == 'x'",
    ] {
        let at = |sent: &str, fault, offset, path: &str| {
            let path = if rules.contains("$.a") {
                path
            } else {
                &path.replace("$.a", "$.*")
            };
            refused(rules, sent.as_bytes(), fault, offset, path);
        };
        at("", F::Truncated, 0, "$");
        at(" ", F::Truncated, 1, "$");
        at("x", F::Malformed, 0, "$");
        at("<a>", F::Truncated, 3, "$.a");
        at("<a", F::Truncated, 2, "$");
        at("<a></b>", F::Malformed, 5, "$.a");
        at("</a>", F::Malformed, 0, "$");
        at("<a/><b/>", F::TrailingBytes, 4, "$");
        at("<a/>x", F::TrailingBytes, 4, "$");
        at("<a/></a>", F::TrailingBytes, 4, "$");
        at("<a/>&amp;", F::TrailingBytes, 4, "$");
        at("<a/><![CDATA[]]>", F::TrailingBytes, 4, "$");
        at("<a>]]></a>", F::Malformed, 5, "$.a");
        at("<a>x & y</a>", F::Malformed, 6, "$.a");
        at("<a>&nbsp;</a>", F::Dtd, 3, "$.a");
        at("<a>&#1;</a>", F::BadString, 3, "$.a");
        at("<a>\u{1}</a>", F::BadString, 3, "$.a");
        at("<a x='\u{fffe}'/>", F::BadString, 6, "$");
        at("<a x='1' x='2'/>", F::DuplicateName, 9, "$");
        at("<a x='<'/>", F::Malformed, 6, "$");
        at("<a x=1/>", F::Malformed, 5, "$");
        at("<a b:c='1'/>", F::Malformed, 3, "$");
        at(
            "<a xmlns:b='u' xmlns:c='u' b:x='' c:x=''/>",
            F::DuplicateName,
            34,
            "$",
        );
        at("<a><!-- -- --></a>", F::Malformed, 10, "$.a");
        at("<a><!-- --->", F::Malformed, 10, "$.a");
        at("<a><!--", F::Truncated, 7, "$.a");
        at("<a><!d", F::Malformed, 5, "$.a");
        at("<!DOCTYPE a><a/>", F::Dtd, 0, "$");
        at("<a><?xml version='1.0'?></a>", F::Malformed, 5, "$.a");
        at(" <?xml version='1.0'?><a/>", F::Malformed, 3, "$");
        at("<?xml version='1.1'?><a/>", F::Malformed, 15, "$");
        at(
            "<?xml version='1.0' encoding='UTF-16'?><a/>",
            F::NotUtf8,
            30,
            "$",
        );
        at("<?p:q r?><a/>", F::Malformed, 3, "$");
        at("<?p?x><a/>", F::Malformed, 4, "$");
        at("<a><![CDATA[x]]</a>", F::Truncated, 19, "$.a");
        at("<a", F::Truncated, 2, "$");
        at("<a !", F::Malformed, 3, "$");
        at("<a x='&am", F::Truncated, 9, "$");
    }
    refused("keep_all $", b"\xff\xfe<\0a\0", F::NotUtf8, 0, "$");
    refused("keep_all $", b"<a>\xc3", F::NotUtf8, 3, "$.*");
    refused("keep_all $", b"<a !\xff", F::Malformed, 3, "$");
    refused(
        "year! $.a.b",
        b"<a><b>soon</b></a>",
        F::Mismatch,
        3,
        "$.a.b",
    );
    refused(
        "year! $.a['@b']",
        b"<a b='soon'/>",
        F::Mismatch,
        3,
        "$.a.@b",
    );
    refused(
        "year! $.a.b",
        b"<a><b><c/></b></a>",
        F::Mismatch,
        3,
        "$.a.b",
    );
}

#[test]
fn p5_limits_end_a_body_where_they_are_reached() {
    use BodyFault as F;
    let limits = Limits {
        depth: 2,
        held_bytes: 20,
        object_members: 2,
        name_bytes: 6,
        body_bytes: 60,
    };
    let at = |rules: &str, sent: &str, fault, offset, path: &str| {
        refused_within(&limits, rules, sent.as_bytes(), fault, offset, path);
    };
    at("", "<a><b><c/></b></a>", F::TooDeep, 6, "$.*.*");
    at("", "<abcdefg/>", F::NameTooLong, 7, "$");
    at("", "<a abcdefg=''/>", F::NameTooLong, 9, "$");
    at("", "<a b='' c='' d=''/>", F::TooManyMembers, 13, "$");
    at("", "<a b='0123456789abcdef'/>", F::HeldTooLarge, 20, "$");
    at("", "<a b='0123456789abcdef", F::HeldTooLarge, 20, "$");
    at("", "<a b='0123456<89abcdef", F::Malformed, 13, "$");
    at(
        "keep $.a.b",
        "<a><b>0123456789abcdefghijk</b></a>",
        F::HeldTooLarge,
        26,
        "$.a.b",
    );
    at(
        "record $.a.b; keep_all $",
        "<a><b>0123456789abcdefghijk</b></a>",
        F::HeldTooLarge,
        23,
        "$.a",
    );
    at(
        "keep_all $",
        "<a>0123456789012345678901234567890123456789012345678901234567890</a>",
        F::BodyTooLarge,
        60,
        "$.*",
    );
    // An end tag is a byte longer than the start tag that it closes.
    let nine = Limits {
        held_bytes: 9,
        ..Limits::default()
    };
    let sent = b"<abcdefg></abcdefg>";
    refused_within(&nine, "", sent, F::HeldTooLarge, 18, "$.*");
    // What is kept whole, or stays, is of any length.
    let long = "<a>0123456789abcdefghijk</a>";
    for (rules, leaves) in [("keep_all $", long), ("", "<null/>")] {
        let ran = run_every_way(&plan(rules, &[], &limits), long.as_bytes(), usize::MAX).unwrap();
        assert_eq!(ran.text, leaves);
    }
}
