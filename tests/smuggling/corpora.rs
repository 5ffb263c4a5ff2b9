//! Messages that others wrote, through the whole gateway: the corpora's `http-messages`.

use std::path::{Path, PathBuf};

use crate::harness::*;
use crate::site::{Site, status};
use crate::strict::{self, Read};

/// The folder of published messages; `None` where it is not there, which is said.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("FIELDGATE_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    let folder = folder.join("http-messages");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is not there", folder.display());
    None
}

/// The files under `folder`, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// gunicorn's notation: the file's own line ends are nothing, written-out ones are bytes.
fn of_gunicorn(text: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !b"\r\n".contains(byte))
        .collect();
    let mut out = Vec::new();
    let mut rest = &text[..];
    while let [first, after @ ..] = rest {
        let (bytes, after): (&[u8], &[u8]) = match (first, after) {
            (b'\\', [b'r', b'\\', b'n', after @ ..]) => (b"\r\n", after),
            (b'\\', [b'0', after @ ..]) => (b"\0", after),
            (b'\\', [b'n', after @ ..]) => (b"\n", after),
            (b'\\', [b't', after @ ..]) => (b"\t", after),
            (b'\\', [b'x', high, low, after @ ..]) => {
                let digits = String::from_utf8_lossy(&[*high, *low]).into_owned();
                out.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
                (b"", after)
            }
            (_, after) => (std::slice::from_ref(first), after),
        };
        out.extend_from_slice(bytes);
        rest = after;
    }
    out
}

/// The fenced blocks of a Markdown page that are HTTP, with CR LF for the page's line ends and `\r`, `\n` written out.
pub(crate) fn of_markdown(text: &str, fence: &str) -> Vec<Vec<u8>> {
    let blocks = text.split(fence).skip(1);
    let inner = blocks.filter_map(|block| block.split("\n```").next());
    inner
        .map(|block| {
            let block = block.strip_prefix('\n').unwrap_or(block);
            let block = block.replace('\n', "\r\n").replace("\\\r\n", "");
            block
                .replace("\\r", "\r")
                .replace("\\n", "\n")
                .replace("\\t", "\t")
                .into_bytes()
        })
        .collect()
}

/// Every request message that the corpora hold, with where it is from.
fn messages(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    let each = |below: &str| files(&folder.join(below));
    for path in each("gunicorn")
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "http"))
    {
        all.push((name(path), of_gunicorn(&std::fs::read(path).unwrap())));
    }
    for path in each("h2o-fuzz-corpus").iter().chain(&each("h11")) {
        let bytes = std::fs::read(path).unwrap();
        let lines = String::from_utf8_lossy(&bytes)
            .replace("\r\n", "\n")
            .replace('\n', "\r\n");
        all.push((format!("{} with CR LF", name(path)), lines.into_bytes()));
        all.push((name(path), bytes));
    }
    for (below, fence) in [
        ("llhttp/request", "```http"),
        ("payloads-all-the-things", "```powershell"),
    ] {
        for path in each(below) {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            for (index, block) in of_markdown(&text, fence).into_iter().enumerate() {
                all.push((format!("{} block {index}", name(&path)), block));
            }
        }
    }
    // Where a message is a header's spelling, it stands in a request of which all else is in order.
    let permutations = std::fs::read(folder.join("smuggling-permutations/payloads.json")).unwrap();
    let permutations: serde_json::Value = serde_json::from_slice(&permutations).unwrap();
    for (index, one) in permutations["permute"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let coding = &one["transfer_encoding"];
        let coding = text(&coding["te_key"]) + &text(&coding["te_value"]);
        for detection in permutations["detection"].as_array().unwrap() {
            let length = detection["content_length"].as_u64().unwrap();
            let message = format!(
                "POST / HTTP/1.1\r\nHost: g\r\n{}{length}\r\n{coding}\r\n{}",
                text(&one["content_length_key"]),
                text(&detection["payload"])
            );
            all.push((format!("permutation {index}"), message.clone().into_bytes()));
            let alone = message.replacen(&text(&one["content_length_key"]), "X:", 1);
            all.push((format!("permutation {index} alone"), alone.into_bytes()));
        }
    }
    for file in [
        "fuzzdb/http-protocol/crlf-injection.txt",
        "payloads-all-the-things/CRLF_Injection/Files/crlfinjection.txt",
        "fuzzdb/http-protocol/hpp.txt",
    ] {
        let text = std::fs::read(folder.join(file)).unwrap();
        for line in String::from_utf8_lossy(&text).lines() {
            all.push((
                file.to_owned(),
                format!("GET /adults/@{line} HTTP/1.1\r\nHost: g\r\n\r\n").into_bytes(),
            ));
            all.push((
                file.to_owned(),
                format!("GET /adults/@?page={line} HTTP/1.1\r\nHost: g\r\n\r\n").into_bytes(),
            ));
            all.push((
                file.to_owned(),
                format!("GET /adults/@ HTTP/1.1\r\nHost: g\r\nAccept-Language: {line}\r\n\r\n")
                    .into_bytes(),
            ));
        }
    }
    all
}

/// The message with every line that looks like a request line replaced by one that is agreed, and with what lets it past
/// identity: about `person`.
fn spliced(message: &[u8], person: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let mut words = text.split(' ');
        let (Some(method), Some(_), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            out.extend_from_slice(line);
            continue;
        };
        if !version.starts_with("HTTP/1.1") || method.contains(':') {
            out.extend_from_slice(line);
            continue;
        }
        let target = if method == "GET" {
            format!("/adults/{person}")
        } else {
            format!("/adults/{person}/notes")
        };
        let method = if method == "GET" { "GET" } else { "POST" };
        // A Host of its own would be one too many where the message has one.
        let host = if text.is_empty()
            || String::from_utf8_lossy(message)
                .to_ascii_lowercase()
                .contains("\nhost:")
        {
            ""
        } else {
            "Host: g\r\n"
        };
        out.extend_from_slice(format!("{method} {target} {version}{host}X-API-Key: {HEALTH_KEY}\r\nData-Purpose: care\r\nContent-Type: application/json\r\n").as_bytes());
    }
    out
}

/// What passes is what a strict reader reads too, and never more than that; each message as it is and spliced, alone, after
/// and before a good request.
#[test]
fn p2_no_published_message_is_two_requests_to_the_service() {
    let Some(folder) = folder() else {
        return;
    };
    let messages = messages(&folder);
    eprintln!("{} messages", messages.len());
    run(async {
        let site = std::rc::Rc::new(Site::start().await);
        let mut sending = Vec::new();
        for (index, (name, message)) in messages.into_iter().enumerate() {
            let good = |person: usize| {
                format!("GET /adults/{person} HTTP/1.1\r\nHost: g\r\nX-API-Key: {HEALTH_KEY}\r\nData-Purpose: care\r\n\r\n").into_bytes()
            };
            let about = |kind: usize| 100_000 * (kind + 1) + index;
            let plain = String::from_utf8_lossy(&message)
                .replace("/adults/@", &format!("/adults/{}", about(0)));
            let plain = if plain.contains(char::REPLACEMENT_CHARACTER) {
                message.clone()
            } else {
                plain.into_bytes()
            };
            let all = [
                [plain.clone()].concat(),
                [good(about(1)), plain.clone(), good(about(1))].concat(),
                spliced(&plain, about(2)),
                [good(about(3)), spliced(&plain, about(3)), good(about(3))].concat(),
            ];
            for (kind, bytes) in all.into_iter().enumerate() {
                let (site, name) = (std::rc::Rc::clone(&site), format!("{name}, kind {kind}"));
                let person = about(kind).to_string();
                sending.push(tokio::task::spawn_local(async move {
                    let answers = site.send(&bytes).await;
                    let (requests, end) = strict::requests(&bytes);
                    // What is malformed or not whole may be refused, once.
                    let more = usize::from(end != Read::Whole(0));
                    assert!(
                        answers.len() <= requests.len() + more,
                        "{name}: {} answers to {} requests",
                        answers.len(),
                        requests.len()
                    );
                    for (answer, request) in answers.iter().zip(&requests) {
                        assert!(
                            status(answer) != 200 || request.first.contains("/adults/"),
                            "{name}"
                        );
                    }
                    if let Some(answer) = answers.get(requests.len()) {
                        assert!(status(answer) >= 400, "{name}: {}", answer.first);
                    }
                    let agreed = requests
                        .iter()
                        .filter(|request| request.first.contains(&person))
                        .count();
                    assert!(site.seen(&person).len() <= agreed, "{name}");
                    // What was good before it is not harmed.
                    if kind % 2 == 1 {
                        assert!(
                            answers.first().is_none_or(|answer| status(answer) == 200),
                            "{name}"
                        );
                    }
                }));
                if sending.len() == 64 {
                    for sent in sending.drain(..) {
                        sent.await.unwrap();
                    }
                }
            }
        }
        for sent in sending {
            sent.await.unwrap();
        }
        site.saw_only_requests();
        let seen: usize = site.seen.borrow().requests.values().map(Vec::len).sum();
        assert!(
            seen > 500,
            "{seen} requests came through: the splices are none"
        );
    });
}
