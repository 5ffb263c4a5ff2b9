//! A gateway before a strict service, and clients that send raw bytes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::*;
use crate::strict::{self, Message, Read};

/// What the service saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// Requests, by the person that their path names.
    pub(crate) requests: BTreeMap<String, Vec<Message>>,
    /// What was no well-formed request.
    pub(crate) malformed: Vec<String>,
}

/// A gateway, its service, and what that saw.
pub(crate) struct Site {
    pub(crate) council: Council,
    pub(crate) seen: Rc<RefCell<Seen>>,
}

impl Site {
    /// Starts both. Connections on which nothing happens end soon.
    pub(crate) async fn start() -> Self {
        let seen = Rc::<RefCell<Seen>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let noted = Rc::clone(&seen);
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream, Rc::clone(&noted)));
            }
        });
        let mut setup = Setup::with(address);
        setup.limits =
            "  header_read: 400ms\n  connection_idle: 400ms\n  body_idle: 400ms".to_owned();
        Self {
            council: setup.start(),
            seen,
        }
    }

    /// Sends `bytes` on one connection and gives the answers, up to its end.
    pub(crate) async fn send(&self, bytes: &[u8]) -> Vec<Message> {
        let mut stream = TcpStream::connect(self.council.address()).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        // The gateway may refuse before it has read all; what it said has come all the same.
        let written = async { drop(writing.write_all(bytes).await) };
        let (answer, ()) = tokio::join!(read_to_end(&mut reading), written);
        answers(&answer.0)
    }

    /// The requests about `person` that the service saw.
    pub(crate) fn seen(&self, person: &str) -> Vec<Message> {
        let seen = self.seen.borrow();
        seen.requests.get(person).cloned().unwrap_or_default()
    }

    /// Panics where the service saw anything that is no well-formed request.
    #[track_caller]
    pub(crate) fn saw_only_requests(&self) {
        assert_eq!(self.seen.borrow().malformed, Vec::<String>::new());
    }
}

/// The answers that `bytes` hold: each well-formed; the last may be cut.
#[track_caller]
fn answers(mut bytes: &[u8]) -> Vec<Message> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        match strict::response(bytes) {
            (Some(message), Read::Whole(length)) => {
                all.push(message);
                bytes = &bytes[length..];
            }
            (_, Read::Part) => break,
            (_, end) => panic!("{end:?}: {:?}", String::from_utf8_lossy(bytes)),
        }
    }
    all
}

/// The status of an answer.
pub(crate) fn status(answer: &Message) -> u16 {
    answer.first.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Reads requests strictly and answers each; a connection with anything else is noted and ended.
async fn serve(mut stream: TcpStream, seen: Rc<RefCell<Seen>>) {
    let mut held = Vec::new();
    loop {
        match strict::request(&held) {
            (Some(request), Read::Whole(length)) => {
                held.drain(..length);
                let mut parts = request.first.split(['/', ' ', '?']);
                // `GET /api/7 HTTP/1.1`
                let person = parts.nth(3).unwrap_or_default().to_owned();
                seen.borrow_mut()
                    .requests
                    .entry(person)
                    .or_default()
                    .push(request);
                if stream
                    .write_all(json(r#"{"name":"Ada"}"#).as_bytes())
                    .await
                    .is_err()
                {
                    return;
                }
            }
            (_, Read::Malformed(why)) => {
                let text = String::from_utf8_lossy(&held).into_owned();
                seen.borrow_mut().malformed.push(format!("{why}: {text:?}"));
                return;
            }
            (_, Read::Part | Read::Whole(_)) => {
                let mut room = [0; 4096];
                match stream.read(&mut room).await {
                    // A request that ends in its middle was stopped: it is none.
                    Ok(0) | Err(_) => return,
                    Ok(count) => held.extend_from_slice(&room[..count]),
                }
            }
        }
    }
}
