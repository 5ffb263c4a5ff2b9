//! Keys change while the gateway runs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use fieldgate::keyring::{KeyFile, OwnerName, Ring, RootSource};
use fieldgate::transform::RootKey;
use tokio::io::AsyncWriteExt;

use crate::harness::*;

/// As the usual agreement, with a token of the identifier; and one of another name beside it.
fn with_tokens(name: &str, path: &str) -> String {
    CARE.replace("agreement: care", &format!("agreement: {name}"))
        .replace(
            "- keep: [$.name, \"$.items[*].name\"]",
            "- pseudonymise: [$.id]\n          as: person",
        )
        .replace("request: GET /", &format!("request: GET /{path}"))
        .replace("request: POST /", &format!("request: POST /{path}"))
}

/// A council with a ring, whose agreements `care` and `meals` make tokens; and its ring.
struct WithRing {
    council: Council,
    ring: Ring,
    root: RootKey,
}

fn owner(name: &str) -> OwnerName {
    OwnerName::new(name).unwrap()
}

fn at() -> jiff::Timestamp {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

impl WithRing {
    fn start(service: &Service) -> Self {
        Self::start_with(service, with_tokens("care", ""))
    }

    /// As [`WithRing::start`], with this text of the agreement `care`; where its tokens turn back, those of `meals` do too.
    fn start_with(service: &Service, care: String) -> Self {
        let mut meals = with_tokens("meals", "meals/");
        if care.contains("- tokenise:") {
            meals = meals.replace("- pseudonymise:", "- tokenise:");
        }
        let mut setup = Setup::with(service.address);
        setup.agreements = vec![
            ("care.yaml".to_owned(), care),
            ("meals.yaml".to_owned(), meals),
        ];
        let mut council = setup.write();
        let config = std::fs::read_to_string(council.config()).unwrap();
        let config = config.replace(
            "root_key_file: root.key",
            "root_key_file: root.key, ring: ring",
        );
        std::fs::write(council.config(), config).unwrap();
        let folder = council.folder.path();
        let root = KeyFile(folder.join("root.key")).root().unwrap();
        let ring = Ring::at(folder.join("ring"));
        for name in ["care", "meals"] {
            ring.create(&owner(name), &root, at()).unwrap();
        }
        council.start();
        Self {
            council,
            ring,
            root,
        }
    }

    fn reload(&self) {
        self.council.gateway.as_ref().unwrap().reload().unwrap();
    }

    /// Waits until the gateway has told the ring that all is entered.
    async fn until_entered(&self) {
        until("all changes are entered", || {
            let owners = self.ring.owners(&self.root).unwrap();
            owners.iter().all(|owner| owner.unentered().is_empty())
        })
        .await;
    }

    /// The token that the partner gets of the one person there is.
    async fn token(&self, path: &str) -> String {
        let answer = self.council.get(path).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_new_epoch_makes_the_tokens_of_a_running_gateway_after_a_reload() {
    run(async {
        let service = Service::answering(json(r#"{"id":"4010232137"}"#)).await;
        let mut gateway = WithRing::start(&service);
        let first = gateway.token("/adults/1").await;
        let meals = gateway.token("/meals/adults/1").await;
        assert_ne!(first, meals, "two agreements never share a token");
        gateway
            .ring
            .rotate(&owner("care"), &gateway.root, at())
            .unwrap();
        assert_eq!(
            gateway.token("/adults/1").await,
            first,
            "not before the reload"
        );
        gateway.reload();
        let second = gateway.token("/adults/1").await;
        assert_ne!(second, first);
        assert_eq!(gateway.token("/meals/adults/1").await, meals);
        gateway.until_entered().await;
        gateway.reload();
        gateway.council.stop().await;
        let of = |event: &str| gateway.council.entries(event);
        assert_eq!(of("keys-created").len(), 2);
        assert_eq!(
            of("keys-rotated").len(),
            1,
            "entered once, whatever is reloaded"
        );
        assert_eq!(of("keys-rotated")[0]["agreement"], "care");
        assert_eq!(of("keys-rotated")[0]["epochs"], serde_json::json!([2]));
    });
}

#[test]
fn a_changed_ring_is_noticed_by_itself() {
    run(async {
        let service = Service::answering(json(r#"{"id":"4010232137"}"#)).await;
        let gateway = WithRing::start(&service);
        let first = gateway.token("/adults/1").await;
        gateway
            .ring
            .rotate(&owner("care"), &gateway.root, at())
            .unwrap();
        while gateway.token("/adults/1").await == first {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn under_an_agreement_whose_keys_are_destroyed_nothing_is_released_and_the_others_go_on() {
    run(async {
        let service = Service::answering(json(r#"{"id":"4010232137"}"#)).await;
        let mut gateway = WithRing::start(&service);
        let meals = gateway.token("/meals/adults/1").await;
        gateway
            .ring
            .destroy(&owner("care"), None, &gateway.root, at())
            .unwrap();
        gateway.reload();
        let asked = service.requests().len();
        for path in ["/adults/1", "/adults"] {
            let refused = gateway.council.get(path).await;
            let problem = refused.is_problem(403, "keys_destroyed");
            assert_eq!(problem["agreement"], "care");
        }
        assert_eq!(service.requests().len(), asked, "the service is not asked");
        assert_eq!(gateway.token("/meals/adults/1").await, meals);
        gateway.until_entered().await;
        gateway.council.stop().await;
        let destroyed = gateway.council.entries("keys-destroyed");
        assert_eq!(destroyed.len(), 1);
        assert_eq!(destroyed[0]["epochs"], serde_json::json!([1]));
        // And so it starts again.
        gateway.council.start();
        assert_eq!(gateway.council.get("/adults/1").await.status(), 403);
        assert_eq!(gateway.token("/meals/adults/1").await, meals);
    });
}

#[test]
fn p9_a_ring_that_cannot_be_read_is_refused_and_the_running_keys_stay() {
    run(async {
        let service = Service::answering(json(r#"{"id":"4010232137"}"#)).await;
        let gateway = WithRing::start(&service);
        let first = gateway.token("/adults/1").await;
        gateway.until_entered().await;
        gateway
            .ring
            .rotate(&owner("care"), &gateway.root, at())
            .unwrap();
        let path = gateway.ring.directory().join("care.json");
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, &good[..good.len() / 2]).unwrap();
        let error = gateway
            .council
            .gateway
            .as_ref()
            .unwrap()
            .reload()
            .unwrap_err();
        assert!(error.to_string().contains("care.json"), "{error}");
        assert_eq!(gateway.token("/adults/1").await, first);
        std::fs::write(&path, &good).unwrap();
        gateway.reload();
        assert_ne!(gateway.token("/adults/1").await, first);
    });
}

#[test]
fn a_change_is_entered_once_while_the_ring_cannot_be_told() {
    run(async {
        let service = Service::answering(json(r#"{"id":"4010232137"}"#)).await;
        let mut gateway = WithRing::start(&service);
        gateway.until_entered().await;
        gateway
            .ring
            .rotate(&owner("care"), &gateway.root, at())
            .unwrap();
        // Somebody else is changing the ring, for long.
        let lock = std::fs::File::open(gateway.ring.directory().join("ring.lock")).unwrap();
        lock.lock().unwrap();
        for _ in 0..3 {
            gateway.reload();
        }
        lock.unlock().unwrap();
        gateway.until_entered().await;
        gateway.council.stop().await;
        assert_eq!(gateway.council.entries("keys-rotated").len(), 1);
    });
}

#[test]
fn rotation_under_load_refuses_no_request_and_never_goes_back_to_an_older_epoch() {
    const ROTATIONS: usize = 8;
    run(async {
        let service = Service::answering(json(r#"{"id":"4010232137"}"#)).await;
        let gateway = Rc::new(WithRing::start(&service));
        let done = Rc::new(Cell::new(false));
        let partners: Vec<_> = (0..4)
            .map(|_| {
                let (gateway, done) = (Rc::clone(&gateway), Rc::clone(&done));
                tokio::task::spawn_local(async move {
                    let mut tokens = Vec::new();
                    while !done.get() {
                        // Fails on anything but 200 with a token.
                        tokens.push(gateway.token("/adults/1").await);
                    }
                    tokens
                })
            })
            .collect();
        let mut epochs = vec![gateway.token("/adults/1").await];
        for _ in 0..ROTATIONS {
            gateway
                .ring
                .rotate(&owner("care"), &gateway.root, at())
                .unwrap();
            gateway.reload();
            epochs.push(gateway.token("/adults/1").await);
        }
        done.set(true);
        let mut distinct = epochs.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(
            distinct.len(),
            ROTATIONS + 1,
            "each epoch has a token of its own"
        );
        for partner in partners {
            let tokens = partner.await.unwrap();
            let order = tokens
                .iter()
                .map(|token| epochs.iter().position(|epoch| epoch == token));
            let order: Vec<usize> = order
                .map(|epoch| epoch.expect("the token of an epoch"))
                .collect();
            assert!(order.is_sorted(), "{order:?}");
        }
    });
}

/// The agreement whose partner asks for a person by token and gets the token of the person.
fn asked_by_token() -> String {
    with_tokens("care", "")
        .replace("- pseudonymise:", "- tokenise:")
        .replace(
            "path: { person: keep }\n      query",
            "path: { person: { reidentify: person } }\n      query",
        )
        // A person's record is asked for by token alone, so the first tokens come from the list of all.
        .replace(
            r#"- keep: ["$[*].name"]"#,
            "- tokenise: [\"$[*].id\"]\n          as: person",
        )
}

/// A service that knows three people, and answers with whom it was asked for.
async fn three_people() -> Service {
    Service::scripted(|head, mut stream| async move {
        skip_body(&head, &mut stream).await?;
        let target = head.split(' ').nth(1).unwrap_or_default();
        let body = match target.strip_prefix("/api/") {
            None => PEOPLE.map(|id| format!(r#"{{"id":"{id}"}}"#)).join(","),
            Some(id) => format!(r#"{{"id":"{id}"}}"#),
        };
        let body = if target == "/api" {
            format!("[{body}]")
        } else {
            body
        };
        stream.write_all(json(&body).as_bytes()).await?;
        Ok(Some(stream))
    })
    .await
}

const PEOPLE: [&str; 3] = ["4010232137", "9434765919", "9990000018"];

#[test]
fn rotation_under_load_makes_no_wrong_token_and_refuses_no_old_one() {
    const ROTATIONS: usize = 8;
    run(async {
        let service = three_people().await;
        let gateway = Rc::new(WithRing::start_with(&service, asked_by_token()));
        let list = || async {
            let answer = gateway.council.get("/adults").await;
            assert_eq!(answer.status(), 200, "{answer:?}");
            let people = answer.json();
            let tokens = people.as_array().unwrap().iter();
            tokens
                .map(|person| person["id"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        // Every token that any partner ever got, by person.
        let known = Rc::new(RefCell::new(vec![list().await]));
        let done = Rc::new(Cell::new(false));
        let partners: Vec<_> = (0..4)
            .map(|partner| {
                let (gateway, done) = (Rc::clone(&gateway), Rc::clone(&done));
                let known = Rc::clone(&known);
                tokio::task::spawn_local(async move {
                    let mut answers = Vec::new();
                    while !done.get() {
                        let asked = answers.len() + partner;
                        let person = asked % PEOPLE.len();
                        let token = {
                            let known = known.borrow();
                            known[asked / PEOPLE.len() % known.len()][person].clone()
                        };
                        // Fails on anything but 200 with a token.
                        let answer = gateway.token(&format!("/adults/{token}")).await;
                        answers.push((person, answer));
                    }
                    answers
                })
            })
            .collect();
        for _ in 0..ROTATIONS {
            gateway
                .ring
                .rotate(&owner("care"), &gateway.root, at())
                .unwrap();
            gateway.reload();
            let tokens = list().await;
            known.borrow_mut().push(tokens);
        }
        let asked_before = service.requests().len();
        // The oldest once more, each of them, after all.
        let oldest = known.borrow()[0].clone();
        let newest = known.borrow()[ROTATIONS].clone();
        for (old, new) in oldest.iter().zip(&newest) {
            assert_eq!(gateway.token(&format!("/adults/{old}")).await, *new);
        }
        assert!(service.requests().len() >= asked_before + PEOPLE.len());
        done.set(true);
        let known = known.borrow().clone();
        let mut count = 0;
        for partner in partners {
            for (person, token) in partner.await.unwrap() {
                let its = known.iter().any(|epoch| epoch[person] == token);
                assert!(its, "the token is one of whom was asked for");
                count += 1;
            }
        }
        assert!(count >= ROTATIONS, "the partners asked while keys changed");
        // The service was asked about nobody else.
        for request in service.requests() {
            let target = request.split(' ').nth(1).unwrap().to_owned();
            let id = target.strip_prefix("/api/");
            assert!(id.is_none_or(|id| PEOPLE.contains(&id)), "{target}");
        }
    });
}

#[test]
fn an_older_epochs_tokens_turn_back_until_it_is_retired() {
    run(async {
        let service = Service::answering(json(r#"{"id":"4010232137"}"#)).await;
        let both_ways = asked_by_token().replace("\"$[*].id\"", "$.id");
        let gateway = WithRing::start_with(&service, both_ways);
        let asked = || {
            let last = service.requests().pop().unwrap();
            last.lines().next().unwrap().to_owned()
        };
        let first = gateway.token("/adults").await;
        assert_eq!(gateway.token(&format!("/adults/{first}")).await, first);
        assert_eq!(asked(), "GET /api/4010232137 HTTP/1.1");
        gateway
            .ring
            .rotate(&owner("care"), &gateway.root, at())
            .unwrap();
        gateway.reload();
        // Asked by the older token, answered with the newer one.
        let second = gateway.token(&format!("/adults/{first}")).await;
        assert_ne!(second, first);
        assert_eq!(asked(), "GET /api/4010232137 HTTP/1.1");
        assert_eq!(gateway.token(&format!("/adults/{second}")).await, second);
        gateway
            .ring
            .retire(&owner("care"), 1, &gateway.root, at())
            .unwrap();
        gateway.reload();
        // Also one that resolves elsewhere: of another agreement of this partner.
        let elsewhere = gateway.token("/meals/adults/1").await;
        let altered = first.replace('a', "b");
        let asked = service.requests().len();
        let mut told = Vec::new();
        for token in [&first, &altered, &elsewhere] {
            let answer = gateway.council.get(&format!("/adults/{token}")).await;
            let mut problem = answer.is_problem(403, "token_refused");
            problem["request_id"].take();
            told.push(problem);
        }
        assert!(told.iter().all(|problem| *problem == told[0]), "{told:?}");
        assert_eq!(service.requests().len(), asked, "the service is not asked");
        assert_eq!(gateway.token(&format!("/adults/{second}")).await, second);
    });
}
