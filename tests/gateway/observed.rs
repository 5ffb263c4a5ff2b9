//! What operators see: metrics that Prometheus finds nothing wrong with, alerts and a dashboard that ask for metrics that
//! there are, and a page that has them all. What needs Prometheus' own programs says so where they are not installed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::*;

/// Where metrics are written down for people, between two marks.
const PAGE: &str = "docs/gateway/observed.md";
const MARKS: [&str; 2] = ["<!-- metrics -->\n", "<!-- /metrics -->\n"];

/// Metrics that a gateway has only where something is configured that these tests do not configure.
const ELSEWHERE: [&str; 7] = [
    "fieldgate_subject_entries",
    "fieldgate_certificate_expiry_seconds",
    "fieldgate_partner_certificate_expiry_seconds",
    "fieldgate_access_token_checks_total",
    "fieldgate_issuer_keys",
    "fieldgate_issuer_keys_age_seconds",
    "fieldgate_issuer_key_fetches_total",
];

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn observability(file: &str) -> PathBuf {
    project().join("config/observability").join(file)
}

/// A program of Prometheus, if it is installed.
#[expect(clippy::print_stderr, reason = "what was skipped is told")]
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// A gateway that has answered and refused, with everything configured that metrics are made for.
async fn busy() -> (Council, Service) {
    let service = Service::answering(json(
        r#"{"id":"1","name":"Ada","new":true,"notes":"943 476 5919, then 943 476 5919 again"}"#,
    ))
    .await;
    let mut setup = Setup::with(service.address);
    let care = CARE
        .replace(
            "ends: 2026-12-31 }",
            "ends: 2026-12-31, review: 2026-10-31 }",
        )
        .replace(
            "retention: P6M",
            "retention: P6M\nquota: [{ per: P1D, requests: 10 }]",
        )
        .replacen(
            "        - keep: [$.name,",
            "        - redact: [$.notes]\n          detect: [nhs-number]\n        - keep: [$.name,",
            1,
        );
    setup.agreements = vec![("care.yaml".to_owned(), care)];
    let council = setup.start();
    assert_eq!(council.get("/adults/7").await.status(), 200);
    council.get("/elsewhere").await.is_problem(404, "no_route");
    (council, service)
}

/// One metric as its exposition has it.
#[derive(Debug, Default)]
struct Metric {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

/// The metrics of a text in Prometheus' format, by name.
fn parse(text: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line
            .strip_prefix("# HELP ")
            .and_then(|line| line.split_once(' '))
        {
            metrics.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|line| line.split_once(' '))
        {
            metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else {
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            let (series, rest) = line.split_at(end);
            let plain = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|ending| series.strip_suffix(ending))
                .filter(|plain| metrics.contains_key(*plain))
                .unwrap_or(series);
            let metric = metrics
                .get_mut(plain)
                .unwrap_or_else(|| panic!("no HELP or TYPE before {line}"));
            // A label's name stands before =", its value holds no such thing here.
            for part in rest
                .split("=\"")
                .collect::<Vec<_>>()
                .split_last()
                .map_or(&[][..], |(_, names)| names)
            {
                let name = part.rsplit(['{', ',']).next().unwrap_or_default();
                if name != "le" {
                    metric.labels.insert(name.to_owned());
                }
            }
        }
    }
    metrics
}

/// The names of metrics that stand in `text`, of the gateway's and of its process's.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| !word.contains(':'))
        .filter(|word| word.starts_with("fieldgate_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// The names of metrics in the sources of the gateway, each a string by itself.
fn made() -> BTreeSet<String> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![project().join("src/gateway")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let strings = code.split('"').skip(1).step_by(2);
            found.extend(
                strings
                    .filter(|word| names(word).contains(*word))
                    .map(str::to_owned),
            );
        }
    }
    found
}

#[test]
fn every_metric_that_is_made_is_there_before_anything_happens_to_it() {
    run(async {
        let (council, _service) = busy().await;
        let there = parse(&council.metrics().await);
        let missing: Vec<_> = made()
            .into_iter()
            .filter(|name| !there.contains_key(name) && !ELSEWHERE.contains(&name.as_str()))
            .collect();
        assert!(
            missing.is_empty(),
            "a rule on these cannot be tried: {missing:?}"
        );
    });
}

#[test]
fn metrics_are_named_and_told_of_as_prometheus_wants_them() {
    run(async {
        let (council, _service) = busy().await;
        let text = council.metrics().await;
        for (name, Metric { kind, help, labels }) in parse(&text) {
            assert!(names(&name).contains(&name), "{name}: foreign");
            assert!(!help.is_empty() && !help.ends_with('.'), "{name}: {help}");
            assert_eq!(
                kind == "counter",
                name.ends_with("_total"),
                "{name}: {kind}"
            );
            for unit in [
                "_ms",
                "_milliseconds",
                "_days",
                "_minutes",
                "_kib",
                "_percent",
            ] {
                assert!(
                    !name.contains(unit),
                    "{name}: base units are seconds, bytes, ratios"
                );
            }
            for ending in ["_count", "_sum", "_bucket"] {
                assert!(!name.ends_with(ending), "{name}: a histogram's own ending");
            }
            assert!(labels.len() <= 6, "{name}: {labels:?}");
            for unbounded in ["path", "query", "subject", "request", "trace_id", "address"] {
                assert!(
                    !labels.contains(unbounded),
                    "{name}: as many series as callers like"
                );
            }
        }
        let Some(promtool) = installed("promtool") else {
            return;
        };
        let mut check = Command::new(promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = check.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        let said = check.wait_with_output().unwrap();
        let complaints = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            said.status.success() && complaints.is_empty(),
            "{complaints}"
        );
    });
}

/// Rewrites the page's table when FIELDGATE_WRITE_DOCS is set, and fails when it is not current.
#[test]
fn the_table_of_metrics_in_the_docs_is_current() {
    run(async {
        let (council, _service) = busy().await;
        let mut table =
            String::from("| metric | type | labels | what |\n| --- | --- | --- | --- |\n");
        for (name, Metric { kind, help, labels }) in parse(&council.metrics().await) {
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            table.push_str(&format!(
                "| `{name}` | {kind} | {} | {help} |\n",
                labels.join(", ")
            ));
        }
        let path = project().join(PAGE);
        let page = fs::read_to_string(&path).unwrap();
        let (before, rest) = page.split_once(MARKS[0]).unwrap();
        let (_, after) = rest.split_once(MARKS[1]).unwrap();
        let current = [before, MARKS[0], &table, MARKS[1], after].concat();
        if std::env::var_os("FIELDGATE_WRITE_DOCS").is_some() {
            fs::write(&path, &current).unwrap();
        }
        let page = fs::read_to_string(&path).unwrap();
        assert!(
            page == current,
            "{PAGE} is not current: FIELDGATE_WRITE_DOCS=1 writes it"
        );
        for name in ELSEWHERE {
            assert!(page.contains(name), "{PAGE} does not tell of {name}");
        }
    });
}

#[test]
fn findings_are_counted_by_kind_once_there_are_any() {
    run(async {
        let (council, _service) = busy().await;
        let text = council.metrics().await;
        let findings: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("fieldgate_findings_total{"))
            .collect();
        assert_eq!(
            findings,
            [
                r#"fieldgate_findings_total{agreement="care",disclosure="adult",kind="nhs-number"} 2"#
            ]
        );
    });
}

#[test]
fn rules_alerts_and_the_dashboard_ask_only_for_metrics_and_records_that_there_are() {
    run(async {
        let (council, _service) = busy().await;
        let there = parse(&council.metrics().await);
        let text = |file: &str| fs::read_to_string(observability(file)).unwrap();
        let records: BTreeSet<String> = text("rules.yaml")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- record: "))
            .map(str::to_owned)
            .collect();
        for file in ["rules.yaml", "alerts.yaml", "dashboard.json"] {
            let text = text(file);
            for name in names(&text) {
                let plain = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|ending| name.strip_suffix(ending))
                    .unwrap_or(&name);
                let known = there.contains_key(&name) || there.contains_key(plain);
                assert!(
                    known || ELSEWHERE.contains(&plain),
                    "{file}: there is no {name}"
                );
            }
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
            for record in words.filter(|word| word.contains(":fieldgate_")) {
                assert!(records.contains(record), "{file}: nothing records {record}");
            }
        }
    });
}

#[test]
fn every_alert_has_a_case_where_it_fires_one_where_not_and_a_place_in_the_page() {
    let alerts = fs::read_to_string(observability("alerts.yaml")).unwrap();
    let tests = fs::read_to_string(observability("alerts.test.yaml")).unwrap();
    let page = fs::read_to_string(project().join(PAGE)).unwrap();
    let mut number = 0;
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    for rule in rules {
        let name = rule.lines().next().unwrap_or_default();
        number += 1;
        for case in ["fires", "is silent"] {
            assert!(
                tests.contains(&format!("- name: {name} {case}\n")),
                "{name} {case}"
            );
        }
        let anchor = format!("runbook: {PAGE}#{}\n", name.to_lowercase());
        assert!(rule.contains(&anchor), "{name}: {anchor}");
        assert!(page.contains(&format!("### {name}\n")), "{PAGE}: {name}");
        let severities =
            ["critical", "warning", "info"].map(|severity| format!("severity: {severity} "));
        assert!(
            severities.iter().any(|severity| rule.contains(severity)),
            "{name}"
        );
        assert!(rule.contains("summary: "), "{name}");
    }
    assert!(number >= 20, "{number}");
    assert_eq!(page.matches("### Fieldgate").count(), number, "{PAGE}");
}

#[test]
fn prometheus_own_tool_takes_the_rules_the_configuration_and_the_dashboards_expressions() {
    let Some(promtool) = installed("promtool") else {
        return;
    };
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(observability("dashboard.json")).unwrap())
            .unwrap();
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    let mut number = 0;
    let panels = dashboard["panels"].as_array().unwrap();
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            // What the dashboard fills in for itself.
            let expression = target["expr"]
                .as_str()
                .unwrap()
                .replace("$__rate_interval", "5m");
            rules.push_str(&format!(
                "      - record: dashboard:{number}\n        expr: {}\n",
                serde_json::to_string(&expression).unwrap()
            ));
            number += 1;
        }
    }
    assert!(number >= 10, "{number} expressions");
    let folder = tempfile::tempdir().unwrap();
    let expressions = folder.path().join("dashboard.yaml");
    fs::write(&expressions, rules).unwrap();
    let mut checks = vec![
        ("rules", observability("rules.yaml")),
        ("rules", observability("alerts.yaml")),
        ("rules", expressions),
        ("config", observability("prometheus.yaml")),
    ];
    for (what, file) in checks.drain(..) {
        let said = Command::new(&promtool)
            .args(["check", what])
            .arg(&file)
            .output()
            .unwrap();
        let text = [said.stdout, said.stderr].concat();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&text));
    }
}

/// A Prometheus that runs until this is dropped.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_real_prometheus_scrapes_what_an_exchange_has_caused() {
    let Some(prometheus) = installed("prometheus") else {
        return;
    };
    run(async {
        let (council, _service) = busy().await;
        let folder = tempfile::tempdir().unwrap();
        let admin = council.gateway.as_ref().unwrap().admin_address();
        let config = folder.path().join("prometheus.yaml");
        let text = format!(
            "global: {{ scrape_interval: 100ms, scrape_timeout: 100ms }}\nscrape_configs:\n  - job_name: fieldgate\n    static_configs: [{{ targets: ['{admin}'] }}]\n"
        );
        fs::write(&config, text).unwrap();
        // A port that was free a moment ago: Prometheus cannot be told to take any.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let _running = Prometheus(
            Command::new(prometheus)
                .arg(format!("--config.file={}", config.display()))
                .arg(format!(
                    "--storage.tsdb.path={}",
                    folder.path().join("data").display()
                ))
                .arg(format!("--web.listen-address={address}"))
                .arg("--log.level=error")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let query = "/api/v1/query?query=sum%20by%20(reason)%20(fieldgate_requests_total%7Breason%3D%22no_route%22%7D)";
        let request =
            format!("GET {query} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
        let found = async {
            loop {
                look.tick().await;
                // Until it listens nobody answers, and until it has scraped the answer is empty.
                if tokio::net::TcpStream::connect(address).await.is_err() {
                    continue;
                }
                let answer = send(address, request.as_bytes()).await;
                if !answer.text().starts_with("HTTP/1.1 200") {
                    continue;
                }
                let result = answer.json()["data"]["result"][0].clone();
                if result.is_object() {
                    return result;
                }
            }
        };
        let result = tokio::time::timeout(HANG, found)
            .await
            .expect("Prometheus scrapes");
        assert_eq!(result["metric"]["reason"], "no_route", "{result}");
        assert_eq!(result["value"][1], "1", "{result}");
    });
}
