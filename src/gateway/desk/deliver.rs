//! Alerts on their way to the webhook: the oldest first, each again and again until it is taken or given up. Some are on
//! their way at once, so that neither one that is not taken nor one that is taken slowly holds up the others.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::{HeaderName, Method, Request};
use http_body_util::Full;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, interval, timeout};
use zeroize::Zeroizing;

use super::{Desk, lock};
use crate::alert::{Ended, Queue, Waiting, sign, wait_after};
use crate::config::{Limits, Webhook};
use crate::gateway::running::Running;
use crate::gateway::service::Target;
use crate::keyring::open_private;
use crate::ledger::Ledger;

/// What shows that an alert is ours: see [`sign`].
const SIGNATURE: HeaderName = HeaderName::from_static("fieldgate-signature");
/// An alert's number: one that comes twice has the same.
const ALERT_ID: HeaderName = HeaderName::from_static("fieldgate-alert-id");

/// How often the desk is tended.
const TEND: Duration = Duration::from_secs(1);

/// Bytes of a journal of which no alert waits any more, beyond which it begins anew.
const JOURNAL_BYTES: u64 = 1 << 20;

/// Bytes of a secret, at least and at most.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=4_096;

impl Desk {
    /// Tends the desk, until the task is dropped.
    pub(crate) async fn attend(self: Arc<Self>, ledger: Ledger) {
        let mut ticks = interval(TEND);
        loop {
            ticks.tick().await;
            self.tend(&ledger);
        }
    }

    /// Delivers alerts, until the task is dropped.
    pub(crate) async fn deliver(self: Arc<Self>, running: Arc<ArcSwap<Running>>) {
        let mut failed = Failed::default();
        let mut attempts = JoinSet::new();
        // The alert of each attempt.
        let mut under_way = HashMap::new();
        loop {
            let loaded = running.load_full();
            let webhook = loaded.config.webhook.as_ref();
            let next = webhook
                .filter(|webhook| under_way.len() < webhook.at_once)
                .and_then(|webhook| Some((self.first_waiting(&failed, &under_way)?, webhook)));
            if let Some((waiting, webhook)) = next {
                let (desk, limits) = (Arc::clone(&self), loaded.config.limits.clone());
                let (webhook, id) = (webhook.clone(), waiting.id);
                let attempt = attempts.spawn_local(async move {
                    let taken = desk.post(&webhook, &limits, &waiting).await;
                    (taken, webhook.retries)
                });
                under_way.insert(attempt.id(), id);
                continue;
            }
            tokio::select! {
                Some(ended) = attempts.join_next_with_id() => {
                    let attempt = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
                    if let Some(id) = under_way.remove(&attempt) {
                        let (taken, retries) = ended.map_or_else(
                            |error| (Err(error.to_string()), u32::MAX),
                            |(_, ended)| ended,
                        );
                        self.attempted(id, taken, retries, &mut failed);
                    }
                }
                // A webhook may be configured later: the file of the configuration says so, not a wake. One that failed
                // is due within that time too, or is looked for again.
                _ = timeout(TEND, self.wake.notified()) => {}
            }
        }
    }

    /// Notes what came of an attempt to deliver the alert `id`, of which there are `retries` at most.
    fn attempted(&self, id: u64, taken: Result<(), String>, retries: u32, failed: &mut Failed) {
        match taken {
            Ok(()) => {
                failed.forget(id);
                self.end(id, Ended::Delivered);
            }
            Err(why) => {
                let attempts = failed.again(id);
                if attempts >= retries {
                    tracing::error!(
                        alert = id,
                        attempts,
                        "an alert is given up, the webhook did not take it: {why}"
                    );
                    failed.forget(id);
                    self.end(id, Ended::GivenUp);
                } else {
                    tracing::warn!(
                        alert = id,
                        attempt = attempts,
                        "the webhook did not take an alert, which is tried again: {why}"
                    );
                }
            }
        }
    }

    /// The oldest alert that is to be sent now and is not `under_way`.
    fn first_waiting(&self, failed: &Failed, under_way: &HashMap<Id, u64>) -> Option<Waiting> {
        let alerts = lock(&self.alerts);
        let queue = alerts.as_ref()?.state();
        self.metrics.alerts_queued.set(queue.len() as i64);
        let now = Instant::now();
        queue.first(|id| failed.is_due(id, now) && !under_way.values().any(|sent| *sent == id))
    }

    fn end(&self, id: u64, how: Ended) {
        let code = match how {
            Ended::Delivered => "delivered",
            Ended::GivenUp => "given_up",
        };
        self.metrics.alerts_ended.with_label_values(&[code]).inc();
        let mut alerts = lock(&self.alerts);
        let Some(journal) = &mut *alerts else { return };
        let ended = journal
            .update(|_| Ok::<_, ()>((vec![Queue::ending(id, how)], ())))
            .and_then(|_| {
                if journal.state().is_empty() && journal.bytes() > JOURNAL_BYTES {
                    let lines = journal.state().lines();
                    journal.begin_anew(&lines)?;
                }
                Ok(())
            });
        if let Err(error) = ended {
            tracing::error!(%error, "that an alert has ended cannot be written down; it may be delivered again");
        }
    }

    /// One attempt. An error is one sentence for the operator.
    async fn post(
        &self,
        webhook: &Webhook,
        limits: &Limits,
        waiting: &Waiting,
    ) -> Result<(), String> {
        let secret = secret(&webhook.secret)?;
        let target = Target::new(&webhook.service, limits).map_err(|error| error.to_string())?;
        let signature = sign(secret.as_bytes(), self.clock.now(), &waiting.body);
        let mut request = Request::new(Full::new(Bytes::from(waiting.body.clone())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = webhook
            .path
            .parse()
            .map_err(|_| "its path is not one that can be asked for".to_owned())?;
        let headers = request.headers_mut();
        headers.insert(HOST, target.authority().clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ALERT_ID, HeaderValue::from(waiting.id));
        let signature = HeaderValue::from_str(&signature).expect("digits may stand in a header");
        headers.insert(SIGNATURE, signature);
        let answered = timeout(webhook.service.head_timeout, async {
            let mut connection = target
                .connect::<Full<Bytes>>()
                .await
                .map_err(|_| "it cannot be reached".to_owned())?;
            connection
                .send_request(request)
                .await
                .map_err(|error| error.to_string())
        })
        .await
        .map_err(|_| "it did not answer in time".to_owned())??;
        let status = answered.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("it answered {}", status.as_u16()))
        }
    }
}

/// Alerts that the receiver did not take: each is sent again in its own time, and no other waits for it.
#[derive(Default)]
struct Failed(HashMap<u64, (u32, Instant)>);

impl Failed {
    /// Notes that the alert `id` failed once more. Gives how often that was.
    fn again(&mut self, id: u64) -> u32 {
        let now = Instant::now();
        let (attempts, due) = self.0.entry(id).or_insert((0, now));
        *attempts += 1;
        *due = now + wait_after(*attempts);
        *attempts
    }

    /// Whether the alert `id` is to be sent at `now`.
    fn is_due(&self, id: u64, now: Instant) -> bool {
        self.0.get(&id).is_none_or(|(_, due)| *due <= now)
    }

    fn forget(&mut self, id: u64) {
        self.0.remove(&id);
    }
}

/// The secret in the file at `path`, without white space around it.
fn secret(path: &Path) -> Result<Zeroizing<String>, String> {
    let file = open_private(path).map_err(|error| error.to_string())?;
    let mut text = Zeroizing::new(String::new());
    let most = *SECRET_BYTES.end() as u64 + 1;
    file.take(most)
        .read_to_string(&mut text)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let secret = Zeroizing::new(text.trim().to_owned());
    if SECRET_BYTES.contains(&secret.len()) {
        Ok(secret)
    } else {
        Err(format!(
            "{}: the secret has {} bytes; make one with `openssl rand -hex 32`",
            path.display(),
            secret.len()
        ))
    }
}
