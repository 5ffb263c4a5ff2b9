//! What the gateway says of reviews and ends.

use crate::harness::*;

#[test]
fn an_overdue_review_is_logged_and_counted_below_nought() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let reviewed = CARE.replace("agreement: care\n", "agreement: care-to-review\n");
        let reviewed = reviewed.replace(
            "term: { starts: 2026-01-01, ends: 2026-12-31 }",
            "term: { starts: 2026-01-01, review: 2026-06-01, ends: 2026-12-31 }",
        );
        let setup = Setup {
            agreements: vec![("care.yaml".to_owned(), reviewed)],
            ..Setup::with(service.address)
        };
        let council = setup.start();
        // From noon on 15 June in UTC; the day of the review ended at midnight in London.
        let review = -(13 * 24 + 13) * 3600;
        let ends = (199 * 24 + 12) * 3600;
        for (metric, seconds) in [("review", review), ("ends", ends)] {
            let line = format!(
                "fieldgate_agreement_{metric}_seconds{{agreement=\"care-to-review\"}} {seconds}"
            );
            assert!(
                council.has_metric(&line).await,
                "{line}\n{}",
                council.metrics().await
            );
        }
        let told = logs();
        let told = told
            .lines()
            .find(|line| line.contains("care-to-review") && line.contains("review is overdue"));
        assert!(told.is_some());
    });
}
