//! Whatever fails, and however the work is cut and shared: every item comes out once, in order, or is an error record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use batchscore::run::{Cancel, Finished, execute};
use batchscore::spec::{JobSpec, RetrySettings, Scalar, StringOrList};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::support::{Scene, Table};

/// What happens to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Fails,
    Panics,
    Short,
    Extra,
    /// It has too few fields to be decoded.
    Ragged,
}

/// A job that is to be run.
#[derive(Debug, Clone)]
struct Case {
    /// Rows of each file.
    files: Vec<u64>,
    /// The fate of rows; in all files that have the row, but for ragged ones, which are so in the first file.
    fates: BTreeMap<u64, Fate>,
    mini_batch_size: String,
    workers: u64,
    /// Calls of each mini-batch that fail first.
    passing_faults: u32,
}

fn cases() -> impl Strategy<Value = Case> {
    // One result too few and one too many in the same call are the right number: nobody can tell them from none.
    let count = prop_oneof![Just(Fate::Short), Just(Fate::Extra)];
    let fates = count.prop_flat_map(|count| {
        let fate = prop_oneof![Just(Fate::Fails), Just(Fate::Panics), Just(count), Just(Fate::Ragged)];
        prop::collection::btree_map(0u64..120, fate, 0..12)
    });
    let size =
        prop_oneof![(1u64..40).prop_map(|items| items.to_string()), Just("1000".to_owned()), Just("1kb".to_owned())];
    (prop::collection::vec(0u64..120, 1..4), fates, size, 1u64..5, 0u32..2).prop_map(
        |(files, fates, mini_batch_size, workers, passing_faults)| Case {
            files,
            fates,
            mini_batch_size,
            workers,
            passing_faults,
        },
    )
}

impl Case {
    fn script(&self) -> String {
        let rows = |wanted: Fate| {
            let rows = self.fates.iter().filter(|(_, fate)| **fate == wanted).map(|(row, _)| row.to_string());
            rows.collect::<Vec<_>>().join(",")
        };
        let kinds = [
            ("fail_rows", Fate::Fails),
            ("panic_rows", Fate::Panics),
            ("short_rows", Fate::Short),
            ("extra_rows", Fate::Extra),
        ];
        // A part that is split off has one attempt, so passing faults would hide who is guilty.
        let passing_faults = if self.fates.is_empty() { self.passing_faults } else { 0 };
        let mut script = format!("fail: {passing_faults}\n");
        for (key, fate) in kinds {
            let rows = rows(fate);
            if !rows.is_empty() {
                script.push_str(&format!("{key}: {rows}\n"));
            }
        }
        script
    }

    fn file_name(file: usize) -> String {
        format!("{file}.csv")
    }

    fn text(&self, file: usize) -> String {
        let mut text = String::from("id,text\n");
        for row in 0..self.files[file] {
            match self.fates.get(&row) {
                Some(Fate::Ragged) if file == 0 => text.push_str("ragged\n"),
                _ => text.push_str(&format!("{file}-{row},\"two\nlines, {row}\"\n")),
            }
        }
        text
    }

    /// Every item and whether it must fail.
    fn items(&self) -> Vec<((String, u64), bool)> {
        let mut items = Vec::new();
        for (file, rows) in self.files.iter().enumerate() {
            for row in 0..*rows {
                let fails = match self.fates.get(&row) {
                    None => false,
                    Some(Fate::Ragged) => file == 0,
                    Some(_) => true,
                };
                items.push(((Case::file_name(file), row), fails));
            }
        }
        items
    }

    fn run(&self, scene: &Scene) -> Finished {
        scene.write("model.scripted", self.script());
        for file in 0..self.files.len() {
            scene.write(&format!("data/{}", Case::file_name(file)), self.text(file));
        }
        let path = |name: &str| scene.path(name).to_str().unwrap().to_owned();
        let spec = JobSpec {
            model: Some(path("model.scripted")),
            input_path: Some(StringOrList::One(path("data"))),
            keep: Some(StringOrList::One("id".to_owned())),
            mini_batch_size: Some(self.mini_batch_size.parse().unwrap()),
            workers: Some(self.workers),
            retry_settings: RetrySettings { max_retries: Some(Scalar::Integer(1)), timeout: None },
            output_path: Some(path("out")),
            output_file_name: Some("p.csv".to_owned()),
            ..JobSpec::default()
        };
        let mut job = spec.resolve("now").unwrap();
        // The order of things is what matters here, not how long they wait.
        job.policies.retry.first_pause = Duration::from_micros(100);
        execute(&job, &Cancel::default(), &mut |_| {}).unwrap()
    }
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_item_is_predicted_once_in_order_or_is_an_error_record(case in cases()) {
        let scene = Scene::new();
        let finished = case.run(&scene);
        let items = case.items();
        let (failed, good): (Vec<_>, Vec<_>) = items.iter().partition(|(_, fails)| *fails);

        let summary = &finished.summary;
        let counts = &summary.counts;
        prop_assert_eq!(counts.items, items.len() as u64);
        prop_assert_eq!((counts.succeeded, counts.failed), (good.len() as u64, failed.len() as u64));
        prop_assert_eq!(counts.unscored, 0);
        // A job fails only when nothing succeeded.
        prop_assert_eq!(finished.stop.is_some(), good.is_empty() && !failed.is_empty());

        let place = summary.predictions.as_ref().or(summary.partial_predictions.as_ref()).unwrap();
        let predictions = Table::read(place.as_ref());
        let want: Vec<(String, u64)> = good.iter().map(|(place, _)| place.clone()).collect();
        prop_assert_eq!(predictions.places(), want);
        let rows: Vec<String> = good.iter().map(|((_, row), _)| row.to_string()).collect();
        prop_assert_eq!(predictions.column("prediction"), rows);
        let ids: Vec<String> = good.iter().map(|((file, row), _)| format!("{}-{row}", &file[..1])).collect();
        prop_assert_eq!(predictions.column("id"), ids);

        let text = std::fs::read_to_string(summary.errors.as_ref().unwrap()).unwrap();
        let records: Vec<(String, u64)> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|record| (record["file"].as_str().unwrap().to_owned(), record["row"].as_u64().unwrap()))
            .collect();
        let want: BTreeSet<(String, u64)> = failed.iter().map(|(place, _)| place.clone()).collect();
        prop_assert_eq!(records.len(), want.len(), "each failed item has one record: {:?}", records);
        prop_assert_eq!(records.into_iter().collect::<BTreeSet<_>>(), want);
    }
}
