//! Council records as benches use them: invented people of about 1.2 KB each, the same for the same seed.

/// A small generator of numbers (xorshift64*): the same seed gives the same records everywhere.
pub(crate) struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

const FIRST: [&str; 8] = [
    "Ada",
    "Brian",
    "Chloë",
    "Dilip",
    "Esther",
    "Farouk",
    "Grace-Anne",
    "Hywel",
];
const LAST: [&str; 8] = [
    "Ashdown",
    "Bell",
    "Carisbrooke",
    "O'Dair",
    "Newport",
    "Ryde",
    "St. Helens",
    "Ventnor",
];
const STREET: [&str; 5] = [
    "High Street",
    "Sea View Road",
    "Church Lane",
    "The Mall",
    "Quay Street",
];
const WORDS: [&str; 20] = [
    "client",
    "visited",
    "today",
    "asked",
    "about",
    "support",
    "at home",
    "and the",
    "daughter",
    "called",
    "to say",
    "that",
    "mobility",
    "is worse",
    "stairs",
    "\\\"cannot manage\\\"",
    "review\\nplanned",
    "grab rail",
    "fitted",
    "caf\\u00e9",
];
const RELATION: [&str; 4] = ["spouse", "child", "parent", "lodger"];

/// Appends one record, compact JSON.
pub(crate) fn record(numbers: &mut Numbers, out: &mut Vec<u8>) {
    use std::io::Write as _;
    let day = |numbers: &mut Numbers| {
        format!(
            "{}-{:02}-{:02}",
            1930 + numbers.below(80),
            1 + numbers.below(12),
            1 + numbers.below(28)
        )
    };
    let name = |numbers: &mut Numbers| format!("{} {}", numbers.pick(&FIRST), numbers.pick(&LAST));
    let person = name(numbers);
    let mut write = |text: std::fmt::Arguments<'_>| {
        out.write_fmt(text)
            .expect("a vector takes all that is written")
    };
    write(format_args!(
        r#"{{"person":{{"name":"{person}","dob":"{}","nino":"QQ{:06}C","nhs_number":"999{:07}","email":"p{}@example.org","phone":"01632 960{:03}"}},"#,
        day(numbers),
        numbers.below(1_000_000),
        numbers.below(10_000_000),
        numbers.below(100_000),
        numbers.below(1_000)
    ));
    write(format_args!(
        r#""address":{{"line1":"{} {}","town":"Newport","postcode":"PO30 {}UD","uprn":{}}},"#,
        1 + numbers.below(200),
        numbers.pick(&STREET),
        1 + numbers.below(9),
        100_000_000_000 + numbers.below(1_000_000)
    ));
    write(format_args!(
        r#""council_tax":{{"account":{},"band":"{}","arrears":{}.{:02}}},"household":["#,
        70_000_000 + numbers.below(9_999_999),
        numbers.pick(&["A", "B", "C", "D", "E"]),
        numbers.below(2_000),
        numbers.below(100)
    ));
    let members = 1 + numbers.below(4);
    for member in 0..members {
        let comma = if member == 0 { "" } else { "," };
        write(format_args!(
            r#"{comma}{{"name":"{}","dob":"{}","relationship":"{}"}}"#,
            name(numbers),
            day(numbers),
            numbers.pick(&RELATION)
        ));
    }
    write(format_args!(r#"],"notes":""#));
    let mut length = 0;
    while length < 300 {
        let word = numbers.pick(&WORDS);
        length += word.len() + 1;
        write(format_args!("{word} "));
    }
    write(format_args!(r#"","contacts":["#));
    let contacts = 1 + numbers.below(3);
    for contact in 0..contacts {
        let comma = if contact == 0 { "" } else { "," };
        write(format_args!(
            r#"{comma}{{"type":"{}","value":"07700 900{:03}","preferred":{},"since":"{}"}}"#,
            numbers.pick(&["mobile", "home", "work"]),
            numbers.below(1_000),
            contact == 0,
            day(numbers)
        ));
    }
    write(format_args!("]}}"));
}

/// A generator at the start.
pub(crate) fn numbers() -> Numbers {
    Numbers(0x1571_E0F3_1647)
}

/// `{"records":[…]}` of at least `bytes` bytes.
pub(crate) fn document(bytes: usize) -> Vec<u8> {
    let mut numbers = numbers();
    let mut out = Vec::with_capacity(bytes + 2_048);
    out.extend_from_slice(br#"{"records":["#);
    while out.len() < bytes {
        if out.last() == Some(&b'}') {
            out.push(b',');
        }
        record(&mut numbers, &mut out);
    }
    out.extend_from_slice(b"]}");
    out
}

/// A record a line (NDJSON), of at least `bytes` bytes.
#[allow(dead_code, reason = "not every bench takes lines")]
pub(crate) fn lines(bytes: usize) -> Vec<u8> {
    let mut numbers = numbers();
    let mut out = Vec::with_capacity(bytes + 2_048);
    while out.len() < bytes {
        record(&mut numbers, &mut out);
        out.push(b'\n');
    }
    out
}
