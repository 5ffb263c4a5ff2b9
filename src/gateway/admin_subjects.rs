//! The subjects' part of the admin listener: what `fieldgate subjects` does, over HTTP and JSON.
//!
//! | request | does |
//! | --- | --- |
//! | `POST /subjects/entries` | enters `what` about `subjects` |
//! | `DELETE /subjects/entries` | takes `what` back of `subjects` |
//! | `POST /subjects/show` | what is entered about `subject`, and every change |
//! | `GET /subjects/stats` | counts |
//!
//! Identifiers stand in bodies alone, never in a URL, which servers and proxies write down. Every request bears the token
//! whose SHA-256 the configuration has.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::limits::{Limit, LimitMetrics};
use crate::config::Limits;
use crate::rights::{Entry, Fact, Token};
use crate::subjects::{Act, Change, Line, StoreError, Watched, token_text};
use crate::transform::SubjectTokens;

/// People that one request names at most. Not configured: the body's size bounds what is held, and more than so many are
/// an import's, which has progress and can go on where it ended.
const SUBJECTS: usize = 10_000;

/// What bounds a request's body, and counts where it is reached.
pub(crate) type Within<'a> = (&'a Limits, &'a LimitMetrics);

/// The store, and what makes tokens of identifiers.
#[derive(Clone)]
pub(crate) struct Subjects {
    pub(crate) watched: Arc<Watched>,
    pub(crate) tokens: SubjectTokens,
}

/// What to enter or to take back, of whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntriesAsSent {
    what: String,
    subjects: Vec<String>,
    by: String,
    why: String,
    reference: Option<String>,
    professional: Option<String>,
    until: Option<Date>,
}

/// Whom to show.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShowAsSent {
    subject: String,
}

/// A request that is not done, and why. Repeats nothing of it.
struct Problem(StatusCode, &'static str, String);

impl Problem {
    fn request(detail: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, "admin_request", detail.into())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self(
            StatusCode::SERVICE_UNAVAILABLE,
            "rights_unavailable",
            error.to_string(),
        )
    }
}

/// Whether this listener's path is one of these.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with("/subjects")
}

/// Answers one operator's request. `subjects` is `None` where no store is configured, `token` where nobody may change things.
pub(crate) async fn answer(
    subjects: Option<&Subjects>,
    token: Option<[u8; 32]>,
    now: Timestamp,
    within: Within<'_>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let answered = async {
        authenticate(request.headers(), token)?;
        let subjects = subjects.ok_or_else(|| {
            Problem(
                StatusCode::NOT_FOUND,
                "admin_no_store",
                "no store is configured; write subjects: { store: FILE } and start the gateway again"
                    .to_owned(),
            )
        })?;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        match (method, path.as_str()) {
            (Method::GET, "/subjects/stats") => Ok(subjects.stats()),
            (Method::POST, "/subjects/entries") => {
                subjects.change(true, now, within, request).await
            }
            (Method::DELETE, "/subjects/entries") => {
                subjects.change(false, now, within, request).await
            }
            (Method::POST, "/subjects/show") => subjects.show(within, request).await,
            (_, "/subjects/stats" | "/subjects/entries" | "/subjects/show") => Err(Problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "admin_method",
                "GET /subjects/stats, POST or DELETE /subjects/entries, POST /subjects/show"
                    .to_owned(),
            )),
            (_, _) => Err(Problem(
                StatusCode::NOT_FOUND,
                "admin_path",
                "/subjects/entries, /subjects/show or /subjects/stats".to_owned(),
            )),
        }
    };
    match answered.await {
        Ok(value) => document(StatusCode::OK, "application/json", &value),
        Err(Problem(status, code, detail)) => {
            let problem = json!({
                "type": format!("urn:fieldgate:problem:{code}"),
                "status": status.as_u16(),
                "reason": code,
                "detail": detail,
            });
            let mut response = document(status, "application/problem+json", &problem);
            if status == StatusCode::UNAUTHORIZED {
                let headers = response.headers_mut();
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

fn document(status: StatusCode, kind: &'static str, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether the request bears the token with this SHA-256.
fn authenticate(headers: &HeaderMap, token: Option<[u8; 32]>) -> Result<(), Problem> {
    let Some(token) = token else {
        return Err(Problem(
            StatusCode::FORBIDDEN,
            "admin_no_token",
            "nobody may change things here; write admin: { token_sha256: … } in the configuration"
                .to_owned(),
        ));
    };
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let borne = match (values.next(), values.next()) {
        (Some(value), None) => value.as_bytes().strip_prefix(b"Bearer "),
        (_, _) => None,
    };
    let hash: [u8; 32] = Sha256::digest(borne.unwrap_or_default()).into();
    let is_it = borne.is_some() & bool::from(hash.ct_eq(&token));
    is_it.then_some(()).ok_or_else(|| {
        Problem(
            StatusCode::UNAUTHORIZED,
            "admin_unauthenticated",
            "send the token of this listener as Authorization: Bearer TOKEN".to_owned(),
        )
    })
}

impl Subjects {
    async fn change(
        &self,
        enter: bool,
        now: Timestamp,
        within: Within<'_>,
        request: Request<Incoming>,
    ) -> Result<Value, Problem> {
        let sent: EntriesAsSent = read(request, within).await?;
        let fact: Fact = sent
            .what
            .parse()
            .map_err(|error: crate::rights::FactError| Problem::request(error.to_string()))?;
        let act = match (enter, sent.until) {
            (true, until) => Act::Enter(Entry { fact, until }),
            (false, None) => Act::Withdraw(fact),
            (false, Some(_)) => {
                let error = crate::subjects::ChangeError::Until;
                return Err(Problem::request(error.to_string()));
            }
        };
        let change = Change::new(
            act,
            &sent.by,
            &sent.why,
            sent.reference.as_deref(),
            sent.professional.as_deref(),
        )
        .map_err(|error| Problem::request(error.to_string()))?;
        if !(1..=SUBJECTS).contains(&sent.subjects.len()) {
            return Err(Problem::request(format!(
                "`subjects` are 1 to {SUBJECTS} identifiers; for more use `fieldgate subjects import`"
            )));
        }
        let mut tokens = Vec::with_capacity(sent.subjects.len());
        for (index, subject) in sent.subjects.iter().enumerate() {
            tokens.push(self.token(subject).ok_or_else(|| {
                Problem::request(format!(
                    "/subjects/{index} identifies nobody; nothing is changed"
                ))
            })?);
        }
        let watched = Arc::clone(&self.watched);
        let entered = off_the_thread(move || watched.change(&change, &tokens, now)).await?;
        let done = if enter { "entered" } else { "withdrawn" };
        Ok(json!({ "what": sent.what, done: entered.changed, "unchanged": entered.unchanged }))
    }

    async fn show(&self, within: Within<'_>, request: Request<Incoming>) -> Result<Value, Problem> {
        let sent: ShowAsSent = read(request, within).await?;
        let token = self
            .token(&sent.subject)
            .ok_or_else(|| Problem::request("/subject identifies nobody"))?;
        let watched = Arc::clone(&self.watched);
        let history = off_the_thread(move || watched.history(&token)).await?;
        let entries = self.watched.ask(|lists| {
            let entries = lists.of(&token);
            entries
                .map(|entry| json!({ "what": entry.fact.to_string(), "until": entry.until }))
                .collect::<Vec<_>>()
        });
        let changes: Vec<Value> = history.iter().map(change_as_json).collect();
        Ok(json!({ "token": token_text(&token), "entries": entries, "changes": changes }))
    }

    fn stats(&self) -> Value {
        self.watched.ask(|lists| {
            let counts: serde_json::Map<String, Value> = lists
                .counts()
                .iter()
                .map(|(fact, count)| (fact.to_string(), json!(count)))
                .collect();
            json!({
                "available": self.watched.available().is_ok(),
                "entries": lists.len(),
                "memory_bytes": lists.bytes(),
                "counts": counts,
            })
        })
    }

    fn token(&self, identifier: &str) -> Option<Token> {
        self.tokens.bytes_of_text(identifier)
    }
}

/// A change as JSON: what it did, who made it and why, about how many.
fn change_as_json(line: &Line) -> Value {
    let (done, what, until) = match &line.act {
        Act::Enter(entry) => ("enter", entry.fact.to_string(), entry.until),
        Act::Withdraw(fact) => ("withdraw", fact.to_string(), None),
    };
    json!({
        "sequence": line.sequence,
        "at": line.at.to_string(),
        "by": line.by,
        "why": line.why,
        "reference": line.reference,
        "professional": line.professional,
        "done": done,
        "what": what,
        "until": until,
    })
}

/// Does what waits for the disk on a thread of its own, so that metrics and health are answered meanwhile.
async fn off_the_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|_| {
        Problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "admin_fault",
            "the change ended in a fault; look whether it was made".to_owned(),
        )
    })?;
    Ok(done?)
}

async fn read<T: serde::de::DeserializeOwned>(
    request: Request<Incoming>,
    (limits, metrics): Within<'_>,
) -> Result<T, Problem> {
    let body = Limited::new(request.into_body(), limits.admin_body_bytes).collect();
    let body = match tokio::time::timeout(limits.admin_read, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            metrics.reached(Limit::AdminBodyBytes);
            return Err(Problem::request(format!(
                "the body is larger than {} bytes (limits.admin_body_bytes)",
                limits.admin_body_bytes
            )));
        }
        Ok(Err(_)) => return Err(Problem::request("the body did not come whole")),
        Err(_) => {
            metrics.reached(Limit::AdminRead);
            return Err(Problem::request(
                "the body did not come in time (limits.admin_read)",
            ));
        }
    };
    // serde_json's own text could repeat a value.
    serde_json::from_slice(&body.to_bytes()).map_err(|error| {
        Problem::request(format!(
            "the body is not the JSON object that is asked for: line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}
