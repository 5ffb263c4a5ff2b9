//! A plain reader of HTTP/1.1 messages by RFC 9112: from the first byte, one after another, without any leniency.

/// One message that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The request line or the status line.
    pub(crate) first: String,
    /// Names in lower case, values without white space around them.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| &value[..]).collect()
    }
}

/// How reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// The message is whole, and so many bytes long.
    Whole(usize),
    /// More bytes are needed.
    Part,
    /// It is no message.
    Malformed(&'static str),
}

/// Reads the request that `bytes` begin with.
pub(crate) fn request(bytes: &[u8]) -> (Option<Message>, Read) {
    message(bytes, &is_request_line, true)
}

/// Reads the response that `bytes` begin with, to a request that was no HEAD.
pub(crate) fn response(bytes: &[u8]) -> (Option<Message>, Read) {
    message(bytes, &is_status_line, false)
}

/// Every request that `bytes` hold, up to the first that is malformed or not whole.
pub(crate) fn requests(mut bytes: &[u8]) -> (Vec<Message>, Read) {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        match request(bytes) {
            (Some(message), Read::Whole(length)) => {
                all.push(message);
                bytes = &bytes[length..];
            }
            (_, end) => return (all, end),
        }
    }
    (all, Read::Whole(0))
}

fn message(
    bytes: &[u8],
    is_first: &dyn Fn(&[u8]) -> bool,
    is_request: bool,
) -> (Option<Message>, Read) {
    match read(bytes, is_first, is_request) {
        Ok((message, length)) => (Some(message), Read::Whole(length)),
        Err(end) => (None, end),
    }
}

fn read(
    bytes: &[u8],
    is_first: &dyn Fn(&[u8]) -> bool,
    is_request: bool,
) -> Result<(Message, usize), Read> {
    let mut at = 0;
    let first = line(bytes, &mut at)?;
    if !is_first(first) {
        return Err(Read::Malformed("first line"));
    }
    let headers = fields(bytes, &mut at)?;
    let mut message = Message {
        first: String::from_utf8_lossy(first).into_owned(),
        headers,
        body: Vec::new(),
    };
    let lengths = message.values("content-length");
    let codings = message.values("transfer-encoding");
    if is_request && message.values("host").len() != 1 {
        return Err(Read::Malformed("host"));
    }
    let status = message.first.split(' ').nth(1).unwrap_or_default();
    let has_no_body =
        !is_request && (status.starts_with('1') || status == "204" || status == "304");
    match (&lengths[..], &codings[..]) {
        ([], []) if is_request || has_no_body => {}
        ([], []) => return Err(Read::Malformed("a response that its connection ends")),
        ([_], []) if has_no_body => {}
        ([length], []) => {
            let digits =
                !length.is_empty() && length.len() < 19 && length.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(length)
                .ok()
                .and_then(|text| text.parse::<usize>().ok());
            let (true, Some(length)) = (digits, length) else {
                return Err(Read::Malformed("content-length"));
            };
            let body = bytes.get(at..at.saturating_add(length)).ok_or(Read::Part)?;
            message.body = body.to_vec();
            at += length;
        }
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => {
            message.body = chunks(bytes, &mut at)?;
        }
        ([], [_]) => return Err(Read::Malformed("transfer-encoding")),
        (_, _) => return Err(Read::Malformed("two lengths")),
    }
    Ok((message, at))
}

/// The line at `at`, without its CR LF.
fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Result<&'a [u8], Read> {
    let rest = &bytes[*at..];
    for (index, byte) in rest.iter().enumerate() {
        match byte {
            b'\r' => match rest.get(index + 1) {
                None => return Err(Read::Part),
                Some(b'\n') => {
                    *at += index + 2;
                    return Ok(&rest[..index]);
                }
                Some(_) => return Err(Read::Malformed("a CR alone")),
            },
            b'\n' => return Err(Read::Malformed("an LF alone")),
            0..=8 | 11 | 12 | 14..=31 | 127 => return Err(Read::Malformed("a control character")),
            _ => {}
        }
    }
    Err(Read::Part)
}

fn fields(bytes: &[u8], at: &mut usize) -> Result<Vec<(String, Vec<u8>)>, Read> {
    let mut all = Vec::new();
    loop {
        let line = line(bytes, at)?;
        if line.is_empty() {
            return Ok(all);
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or(Read::Malformed("no colon"))?;
        let name = &line[..colon];
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Read::Malformed("a header's name"));
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        all.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
}

fn chunks(bytes: &[u8], at: &mut usize) -> Result<Vec<u8>, Read> {
    let mut body = Vec::new();
    loop {
        let text = line(bytes, at)?;
        let end = text
            .iter()
            .position(|byte| *byte == b';')
            .unwrap_or(text.len());
        let digits = &text[..end];
        if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(Read::Malformed("a chunk's size"));
        }
        let size = usize::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        if size == 0 {
            fields(bytes, at)?;
            return Ok(body);
        }
        let data = bytes.get(*at..*at + size).ok_or(Read::Part)?;
        body.extend_from_slice(data);
        *at += size;
        match bytes.get(*at..*at + 2) {
            Some(b"\r\n") => *at += 2,
            None => return Err(Read::Part),
            Some(_) => return Err(Read::Malformed("a chunk's end")),
        }
    }
}

fn is_request_line(line: &[u8]) -> bool {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, b"HTTP/1.1"] = parts[..] else {
        return false;
    };
    let is_target = |byte: &u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(byte);
    !method.is_empty()
        && method.iter().all(|byte| is_token(*byte))
        && !target.is_empty()
        && target.iter().all(is_target)
}

fn is_status_line(line: &[u8]) -> bool {
    line.len() >= 13
        && line.starts_with(b"HTTP/1.1 ")
        && line[9..12].iter().all(u8::is_ascii_digit)
        && line[12] == b' '
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
