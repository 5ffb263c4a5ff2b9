//! Keys of issuers from their servers, on the admin thread: no exchange ever waits for them.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ACCEPT, HOST, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{Instant, interval, timeout};
use tokio_rustls::TlsConnector;

use super::issuer::Issuer;
use crate::clock::Clock;
use crate::config::KeyUrl;
use crate::gateway::running::Running;
use crate::gateway::tls;

/// How often it is looked whose keys are due.
const LOOK: Duration = Duration::from_millis(250);
/// How long after a fetch that failed the next is tried, unless the issuer's own interval is shorter.
const RETRY: Duration = Duration::from_secs(10);
/// The most of a server's answer that is read at once, its head included.
const READ_BYTES: usize = 64 << 10;

/// When the keys of an issuer are fetched next.
#[derive(Debug)]
pub(super) struct Turn {
    next: Instant,
    is_running: bool,
    /// A key that was missing has brought the next fetch forward once in this interval.
    was_early: bool,
}

impl Turn {
    /// At once.
    pub(super) fn first() -> Self {
        Self {
            next: Instant::now(),
            is_running: false,
            was_early: false,
        }
    }

    /// Whether a fetch begins at `now`. A missing key, if one is `wanted`, begins one before its time at most once in an
    /// interval: whoever names keys that do not exist makes nobody busy.
    fn begins(&mut self, now: Instant, wanted: impl FnOnce() -> bool) -> bool {
        if self.is_running {
            return false;
        }
        if now >= self.next {
            self.was_early = false;
        } else if !self.was_early && wanted() {
            self.was_early = true;
        } else {
            return false;
        }
        self.is_running = true;
        true
    }

    fn ended(&mut self, now: Instant, refresh: Duration, well: bool) {
        self.is_running = false;
        self.next = now + if well { refresh } else { refresh.min(RETRY) };
    }
}

/// Fetches the keys of every issuer that has them on a server, again and again, until the task is dropped.
pub(crate) async fn fetch_keys(running: Arc<ArcSwap<Running>>, clock: Clock) {
    let mut ticks = interval(LOOK);
    loop {
        ticks.tick().await;
        for issuer in running.load().identities.issuers() {
            if issuer.url().is_none() {
                continue;
            }
            let keys = &issuer.keys;
            let begins = keys.turn().begins(Instant::now(), || keys.was_wanted());
            if begins {
                let (issuer, clock) = (Arc::clone(issuer), clock.clone());
                spawn_local(async move { renew(&issuer, &clock).await });
            }
        }
    }
}

/// Fetches the keys of `issuer` once.
async fn renew(issuer: &Issuer, clock: &Clock) {
    let Some(url) = issuer.url() else { return };
    let name = issuer.config.name.as_str();
    let fetched = timeout(url.timeout, fetch(url))
        .await
        .unwrap_or_else(|_| Err("they did not come in time".to_owned()));
    let seen = clock.now().as_second();
    let taken = fetched.and_then(|bytes| issuer.keys.take(bytes, seen, name));
    let well = taken.is_ok();
    match taken {
        Ok(count) => {
            issuer.meters.fetched.inc();
            issuer.meters.keys.set(count as i64);
        }
        Err(why) => {
            issuer.meters.fetch_failed.inc();
            tracing::warn!(
                issuer = name,
                "an issuer's keys could not be fetched, the last ones are used while they may be: {why}"
            );
        }
    }
    let mut turn = issuer.keys.turn();
    turn.ended(Instant::now(), url.refresh, well);
}

/// What is at `url`. An error is one sentence for the operator.
async fn fetch(url: &KeyUrl) -> Result<Vec<u8>, String> {
    let roots = tls::roots(&url.ca).map_err(|error| error.to_string())?;
    let mut config = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(url.host.clone())
        .map_err(|_| "the host is neither a DNS name nor an IP address".to_owned())?;
    let stream = TcpStream::connect((url.host.as_str(), url.port))
        .await
        .map_err(|error| format!("the server cannot be reached ({})", error.kind()))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| format!("no TLS with the server: {error}"))?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(READ_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let driving = spawn_local(async move {
        // What ends it shows in the answer.
        drop(connection.await);
    });
    let answered = ask(&mut sender, url).await;
    driving.abort();
    answered
}

async fn ask(
    sender: &mut http1::SendRequest<Empty<Bytes>>,
    url: &KeyUrl,
) -> Result<Vec<u8>, String> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = url
        .path
        .parse()
        .map_err(|_| "the path is not one that can be asked for".to_owned())?;
    let host = if url.host.contains(':') {
        format!("[{}]", url.host)
    } else {
        url.host.clone()
    };
    let authority = match url.port {
        443 => host,
        port => format!("{host}:{port}"),
    };
    let authority = HeaderValue::from_str(&authority)
        .map_err(|_| "the host cannot stand in a Host header".to_owned())?;
    request.headers_mut().insert(HOST, authority);
    request.headers_mut().insert(
        ACCEPT,
        HeaderValue::from_static("application/jwk-set+json, application/json"),
    );
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    // A redirect is not followed: the keys are where the configuration says, or nowhere.
    if answer.status() != StatusCode::OK {
        return Err(format!("the server answered {}", answer.status().as_u16()));
    }
    let body = Limited::new(answer.into_body(), url.bytes).collect().await;
    let body = body.map_err(|error| format!("the answer was not read: {error}"))?;
    Ok(body.to_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_key_brings_one_fetch_forward_in_each_interval() {
        let refresh = Duration::from_secs(300);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut turn = Turn::first();
        assert!(turn.begins(at(1), || false), "the first is due at once");
        assert!(!turn.begins(at(1), || true), "one at a time");
        turn.ended(at(1), refresh, true);
        assert!(!turn.begins(at(2), || false), "nothing is due or wanted");
        assert!(turn.begins(at(2), || true), "a key is missing");
        turn.ended(at(2), refresh, true);
        assert!(!turn.begins(at(3), || true), "once in an interval");
        assert!(!turn.begins(at(301), || true));
        assert!(turn.begins(at(302), || false), "the next is due");
        turn.ended(at(302), refresh, true);
        assert!(
            turn.begins(at(303), || true),
            "and may be brought forward again"
        );
        turn.ended(at(303), refresh, false);
        assert!(!turn.begins(at(312), || true));
        assert!(
            turn.begins(at(313), || false),
            "a failure is tried again soon"
        );
    }
}
