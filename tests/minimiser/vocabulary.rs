//! The words that generated rules are made of. All are such that the model's engine, `jsonpath-rust`, reads them
//! right.

/// Segments that can be decided as a body streams by.
pub(crate) const STREAMED: &[&str] = &[
    ".a",
    ".b",
    ".c",
    ".d",
    "['é']",
    "['']",
    "['x y']",
    r#"['"\\']"#,
    "[*]",
    "[*]",
    ".*",
    "[0]",
    "[1]",
    "[2]",
    "[1:]",
    "[:2]",
    "[::2]",
    "[1::2]",
    "[0:0]",
    "[::0]",
    "..a",
    "..b",
    "..*",
    "..[0]",
    "..['a','b']",
    "['a','b']",
    "['a',0]",
    "[0,*]",
    "[1,'c',2:]",
];

/// Segments that only the whole document decides. No filter within a filter: there `jsonpath-rust` 1.0.12 is wrong.
pub(crate) const HELD: &[&str] = &[
    "[-1]",
    "[-2:]",
    "[:-1]",
    "[::-1]",
    "[2:0:-1]",
    "[-1:-3:-2]",
    "..[-1]",
    "[0,-1,'a']",
    "[?@]",
    "[?@.a]",
    "[?!@.b]",
    "[?@[0]]",
    "[?@[-1]]",
    "[?@.*]",
    "[?@..a]",
    "[?@ == 'x']",
    "[?@ != 'x']",
    "[?@.a == 'x']",
    "[?@.a != @.b]",
    "[?@.a == true || @.b == false]",
    "[?@.a && !@.b]",
    "[?!(@.a || @ == 'y')]",
    "[?@ >= 'x']",
    "[?@ < 2]",
    "[?@.a > 0]",
    "[?@['é'] <= '𝄞']",
    "[?length(@) > 1]",
    "[?count(@.*) == 2]",
    "[?value(@..c) == 'x']",
    "[?match(@, '[xy]')]",
    "[?search(@.a, '[0-9]')]",
    "[?$.a]",
    "[?@.a == $.b]",
    "[?@ == $[0]]",
    "..[?@.a]",
    "..[?@ == 'x']",
    "['a',?@.b]",
    "[?@.a,?@.b]",
];

/// The record's part of the rules: none, or one of these.
pub(crate) const RECORDS: &[&str] = &[
    "",
    "",
    "",
    "record $",
    "record $[*]",
    "record $.a[*]",
    "record $..a",
    "record $.*",
    "record $[1:]",
    "record $..*",
];

/// Records that only the whole document decides.
pub(crate) const HELD_RECORDS: &[&str] = &[
    "record $[?@.a]",
    "record $[-1]",
    "record $..[?@.b]",
    "record $.*[?@ != 'x']",
];

/// The subject's part of the rules.
pub(crate) const SUBJECTS: &[&str] = &[
    "",
    "subject @.a",
    "subject @..b",
    "subject @",
    "subject $.b",
    "subject @.a.b",
];

/// Subjects that only the whole document decides.
pub(crate) const HELD_SUBJECTS: &[&str] = &["subject @[-1]", "subject @..[?@ != 'x']"];

/// Conditions on records. No filter within a filter: there `jsonpath-rust` 1.0.12 is wrong.
pub(crate) const CONDITIONS: &[&str] = &[
    "",
    "",
    "release_if @.a",
    "release_if !@.b",
    "release_if @.a == 'x'",
    "release_if @.c == true || @[0]",
    "release_if @..b && !@['c','d']",
    "release_if @",
    "release_if !@",
    "release_if @ != 'x'",
];

/// Conditions that look at the document.
pub(crate) const HELD_CONDITIONS: &[&str] = &[
    "release_if $.a",
    "release_if @.a == $.b",
    "release_if !$[1] && @ != '$.a'",
    "release_if $..c || @.b",
];

/// Actions, and how often each is drawn.
pub(crate) const ACTIONS: &[(u32, &str)] = &[
    (6, "keep"),
    (3, "keep_all"),
    (3, "drop"),
    (1, "mask"),
    (1, "mask-last-2"),
    (1, "year"),
    (1, "token:person"),
    (1, "replace:\"withheld\""),
];
