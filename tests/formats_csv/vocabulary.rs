//! What generated tables and rules are made of.

/// Names of columns, as they stand in a header.
pub(crate) const NAMES: &[&str] = &[
    "a", "b", "c", "\"d\"", "é", "x y", "", "\"p,q\"", "=e", "\"\"\"\"",
];

/// Values as they stand.
pub(crate) const VALUES: &[&str] = &[
    "",
    "",
    "x",
    "y",
    "17",
    "1941-03-07",
    "soon",
    "\"\"",
    "\"quoted\"",
    "\"a,b\"",
    "\"two\nlines\"",
    "\"two\r\nlines\"",
    "\"\"\"\"",
    "\"say \"\"x\"\"\"",
    "é",
    "𝄞",
    "=1+1",
    "\"=1+1\"",
    "-1",
    "-1+1",
    " x ",
    "@x",
    "401 023 2137",
    "\u{feff}",
    "\u{2028}",
    "\"\r\"",
    "sep=,",
    "a longer value of words",
];

/// Pieces that make rows ragged or break them.
pub(crate) const ODD: &[&str] = &[
    "\"", ",", "\n", "\r", "\r\n", "\n\n", "\0", "\u{7f}", "x", "\"\"", ",,", " ", "\t",
];

/// What tables are read as.
pub(crate) const DIALECTS: &[&str] = &[
    "",
    "",
    "",
    "pad",
    "guard",
    "pad guard",
    "named:a+b+c",
    "named:a+b+c pad",
];

/// Rules.
pub(crate) const FIELDS: &[&str] = &[
    "keep $[*].a",
    "keep $[*].b",
    "keep $[*]['c','d']",
    "keep $[*]['x y']",
    "keep $[*]['']",
    "keep $[*]['p,q']",
    "keep $..a",
    "keep $..*",
    "keep $[*].*",
    "keep $[*]",
    "keep $.a",
    "keep $[0].a",
    "keep $[1:].b",
    "keep $[::2].c",
    "keep $[1::2]['é']",
    "keep_all $",
    "keep_all $[*]",
    "keep_all $[2]",
    "keep_all $[*].a",
    "drop $[*].a",
    "drop $[1]",
    "drop $[:2].b",
    "drop $..c",
    "drop $[0]['']",
    "mask $[*].b",
    "mask $[0].a",
    "mask $[*]",
    "mask-last-2 $[*].b",
    "mask-last-2 $[*]['é']",
    "year $[*].a",
    "year $..c",
    "year! $[*].c",
    "token:person $[*].b",
    "replace:\"=0,\" $[*].a",
    "replace:null $[*].c",
    "keep $[?@.a=='x'].b",
    "keep $[?@.a=='x'].a",
    "keep $[?@.b!='x'].*",
    "keep_all $[?@.a]",
    "keep_all $[?@.a!='17' && @.b!='y']",
    "drop $[?@.a=='x']",
    "drop $[?length(@.b) > 3].a",
    "mask $[?@.b!='x'].b",
    "mask $[?@.a=='x']",
    "year! $[?match(@.a, '.*x.*')].c",
    "token:person $[?@.a=='y'].b",
];

/// The record's part of the rules. No condition tells an empty value from a missing one: there the model differs.
pub(crate) const RECORDS: &[&str] = &[
    "",
    "",
    "record $",
    "record $[*]",
    "record $[1:]",
    "record $[*]; subject $.b",
    "record $; subject $[*].b",
    "record $[*]; subject @['x y']",
    "record $[*]; release_if @.a == 'x'",
    "record $[*]; release_if @.b != 'x' && @.a; subject $.a",
    "record $; release_if @[*].a",
    "record $; release_if @[0].a == 'x'; subject $[*].a",
    "record $[?@.b!='x']",
    "record $[?@.a!='x']; release_if @.b != 'x'; subject $[?@.a!='x'].b",
    "record $; subject $[?@.a=='x'].b",
];
