//! What a run makes of a store that misbehaves: a table of faults, on each store, printed to `target/faults.md`.
//!
//! A fault that passes must leave no trace: the results are the bytes of an undisturbed run. One that stays must end the
//! job with the right exit code, a message that tells the cause, and no object under the name of the results; a file that
//! cannot be read is accounted for as a failure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use super::http::{Kind, Message};
use super::proxy::{FOREVER, Fault, Proxy, Rule};
use super::store::{Service, Store};
use crate::support::{Run, Scene, Table, number_columns, repository, rows_csv, write_parquet};

/// A job that is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Job {
    /// Reads three CSV files of a prefix.
    Text,
    /// Reads a Parquet file of four row groups.
    Parquet,
    /// Writes more than one part of an upload.
    Upload,
    /// The same in place of what has the name, which needs no copy on stores without conditional completions.
    Replace,
}

/// What must come of it.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// The results of an undisturbed run.
    Same,
    /// This exit code, these words, and no results.
    Refused(i32, &'static [&'static str]),
    /// The last of the three files cannot be read to its end, with these words in its error record; the results are those
    /// of an undisturbed run up to there.
    LastFileFails(&'static [&'static str]),
}

/// A row of the table.
struct Case {
    fault: &'static str,
    job: Job,
    rules: Vec<Rule>,
    outcome: Outcome,
}

/// The answer of a store that refuses.
fn refusal(status: &str, code: &str, message: &str) -> Fault {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Fault::Answer(Message::answer(status, &[("retry-after", "0")], body.as_bytes()))
}

/// Faults that pass, for every request; the last three are of bodies.
pub(super) fn passing() -> [(&'static str, Fault); 8] {
    [
        (BEFORE, Fault::ResetBefore),
        (AFTER, Fault::ResetAfter),
        ("429", refusal("429 Too Many Requests", "TooManyRequests", "Slow down.")),
        ("500", refusal("500 Internal Server Error", "InternalError", "Try again.")),
        ("503", refusal("503 Slow Down", "SlowDown", "Reduce your request rate.")),
        (BODY_RESET, Fault::ResetInBody),
        (BODY_ENDS, Fault::CutShort),
        ("slow body", Fault::Slow),
    ]
}

/// Every request that is about the inputs or the predictions, and whether its answer has a body.
const PLACES: [(Job, Kind, &str, bool); 10] = [
    (Job::Text, Kind::List, "", true),
    (Job::Text, Kind::Get, "text/", true),
    (Job::Parquet, Kind::Head, "numbers.parquet", false),
    (Job::Parquet, Kind::Range, "numbers.parquet", true),
    (Job::Text, Kind::Put, "predictions.csv", false),
    (Job::Upload, Kind::Initiate, "predictions.csv", false),
    (Job::Upload, Kind::Part, "predictions.csv", false),
    (Job::Upload, Kind::Complete, "predictions.csv", false),
    // The copy that gives an object its name.
    (Job::Upload, Kind::Put, "predictions.csv", false),
    (Job::Replace, Kind::Complete, "predictions.csv", false),
];

const BEFORE: &str = "reset before the store hears of it";
const AFTER: &str = "reset once the store has done it";
const BODY_RESET: &str = "body reset in its middle";
const BODY_ENDS: &str = "body ends before its length";

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (job, kind, about, has_body) in PLACES {
        let faults = passing();
        let count = if has_body { faults.len() } else { faults.len() - 3 };
        for (fault, harm) in faults.into_iter().take(count) {
            // A put that the store has done is found to be done, and is not sent again.
            let is_done = (kind, fault) == (Kind::Put, AFTER);
            let times = if matches!(harm, Fault::Slow) || is_done { 1 } else { 2 };
            let rules = vec![Rule { kind, about, spared: 0, times, fault: harm }];
            cases.push(Case { fault, job, rules, outcome: Outcome::Same });
        }
    }
    let expired = || refusal("403 Forbidden", "ExpiredToken", "The provided token has expired.");
    const EXPIRED: &[&str] = &["ExpiredToken: The provided token has expired", "renew them"];
    let mut stays = |fault, harm, job, (kind, about), spared, outcome| {
        cases.push(Case {
            fault,
            job,
            rules: vec![Rule { kind, about, spared, times: FOREVER, fault: harm }],
            outcome,
        });
    };
    let (predictions, third) = ("predictions.csv", "third.csv");
    for (job, kind, about, spared, outcome) in [
        (Job::Text, Kind::List, "", 0, Outcome::Refused(3, EXPIRED)),
        (Job::Text, Kind::Get, "text/", 0, Outcome::Refused(3, EXPIRED)),
        (Job::Text, Kind::Get, third, 0, Outcome::LastFileFails(EXPIRED)),
        (Job::Parquet, Kind::Range, "", 0, Outcome::Refused(3, EXPIRED)),
        (Job::Parquet, Kind::Range, "", 1, Outcome::Refused(3, EXPIRED)),
        (Job::Text, Kind::Put, predictions, 0, Outcome::Refused(6, EXPIRED)),
        (Job::Upload, Kind::Part, predictions, 1, Outcome::Refused(6, EXPIRED)),
        (Job::Upload, Kind::Complete, predictions, 0, Outcome::Refused(6, EXPIRED)),
        (Job::Replace, Kind::Complete, predictions, 0, Outcome::Refused(6, EXPIRED)),
        (Job::Upload, Kind::Put, predictions, 0, Outcome::Refused(6, &["ExpiredToken", "complete under", "copy it"])),
    ] {
        stays("403 ExpiredToken for good", expired(), job, (kind, about), spared, outcome);
    }
    let gone = refusal("404 Not Found", "NoSuchKey", "The specified key does not exist.");
    const GONE: Outcome = Outcome::LastFileFails(&["does not exist"]);
    stays("404: it was listed and is gone", gone, Job::Text, (Kind::Get, third), 0, GONE);
    const CHANGED: &[&str] = &["changed"];
    let range = (Kind::Range, "");
    stays("another etag", Fault::OtherEtag, Job::Parquet, range, 1, Outcome::Refused(3, CHANGED));
    let short = Outcome::LastFileFails(CHANGED);
    stays("shorter than it was listed", Fault::Shorter, Job::Text, (Kind::Get, third), 0, short);
    let strike = |kind, fault| Rule { kind, about: third, spared: 0, times: FOREVER, fault };
    let rules = vec![strike(Kind::Get, Fault::ResetInBody), strike(Kind::Range, Fault::OtherEtag)];
    let outcome = Outcome::LastFileFails(&["cannot be read on"]);
    cases.push(Case { fault: "body reset, then another etag", job: Job::Text, rules, outcome });
    // What is refused without a reason is asked for in a way that tells it, and may not be refused then.
    let mute = || Fault::Answer(Message::answer("400 Bad Request", &[], b""));
    let telling = refusal("400 Bad Request", "ExpiredToken", "The provided token has expired.");
    let on_head = |kind, fault| Rule { kind, about: "numbers.parquet", spared: 0, times: FOREVER, fault };
    let rules = vec![on_head(Kind::Head, mute()), on_head(Kind::Range, telling)];
    let outcome = Outcome::Refused(3, EXPIRED);
    cases.push(Case { fault: "400 ExpiredToken for good", job: Job::Parquet, rules, outcome });
    let rules = vec![on_head(Kind::Head, mute())];
    cases.push(Case { fault: "400 for HEAD alone", job: Job::Parquet, rules, outcome: Outcome::Same });
    cases
}

const KEPT: [&str; 4] = ["--keep", "all", "--mini-batch-size", "1000"];

/// A store with the inputs, and what the jobs give undisturbed.
struct Ground {
    store: Store,
    scene: Scene,
    results: HashMap<Job, String>,
}

impl Ground {
    fn new(service: Service) -> Ground {
        let (store, scene) = (Store::new(service), Scene::new());
        scene.write("model.scripted", "fail_rows: 7");
        for name in ["first", "second", "third"] {
            store.put(&format!("text/{name}.csv"), rows_csv(name, 20_000));
        }
        let numbers = number_columns(&Table::csv(&rows_csv("", 160_000)));
        write_parquet(&scene, "numbers.parquet", &numbers, 40_000);
        store.put("numbers.parquet", std::fs::read(scene.path("numbers.parquet")).unwrap());
        // Few rows that are long: nearly all of the time goes into the upload.
        let long: String = (0..60).map(|row| format!("{}{row},{row}\n", "long".repeat(60_000))).collect();
        scene.write("long.csv", format!("id,x\n{long}"));
        let mut ground = Ground { store, scene, results: HashMap::new() };
        for job in [Job::Text, Job::Parquet, Job::Upload, Job::Replace] {
            let out = format!("undisturbed-{job:?}");
            ground.run(&ground.store, job, &out).ok();
            let results = ground.store.text(&format!("{out}/predictions.csv"));
            ground.results.insert(job, results);
        }
        ground
    }

    fn run(&self, store: &Store, job: Job, out: &str) -> Run<'_> {
        let input = match job {
            Job::Text => store.prefix("text"),
            Job::Parquet => store.uri("numbers.parquet"),
            Job::Upload | Job::Replace => "long.csv".to_owned(),
        };
        let replace: &[&str] = if job == Job::Replace { &["--overwrite"] } else { &[] };
        let run = store.run(&self.scene).model("model.scripted").input(&input);
        run.args(&KEPT).args(replace).to(&store.uri(out))
    }

    /// Runs a case: its row of the table, and what is wrong with it.
    fn try_case(&self, case: Case, number: usize) -> (String, Option<String>) {
        let Case { fault, job, rules, outcome } = case;
        let (kind, times) = (rules[0].kind, rules[0].times);
        let proxy = Proxy::start(&self.store.address, rules);
        let out = format!("out-{number}");
        let ended = self.run(&self.store.behind(&proxy.address()), job, &out).end();
        let results = self.store.get(&format!("{out}/predictions.csv")).map(|bytes| String::from_utf8(bytes).unwrap());
        let undisturbed = &self.results[&job];
        let expected = match outcome {
            Outcome::Same => undisturbed.as_str(),
            Outcome::Refused(..) => "",
            Outcome::LastFileFails(_) => {
                let others = undisturbed.find(",third.csv,").map_or(0, |at| undisturbed[..at].rfind('\n').unwrap() + 1);
                let read = results.as_ref().map_or(0, String::len);
                &undisturbed[..read.clamp(others, undisturbed.len())]
            }
        };
        let (lost, doubled) = difference(expected, results.as_deref().unwrap_or_default());
        let mut wrong = Vec::new();
        if proxy.done() == 0 || (times != FOREVER && proxy.done() != times) {
            wrong.push(format!("the fault struck {} times", proxy.done()));
        }
        if results.as_deref().unwrap_or_default() != expected {
            wrong.push(format!("results differ: {lost} lines lost, {doubled} doubled"));
        }
        let (code, said, words): (i32, String, &[&str]) = match outcome {
            Outcome::Same => (0, String::new(), &[]),
            Outcome::Refused(code, words) => {
                if results.is_some() {
                    wrong.push("there are results".to_owned());
                }
                wrong.extend(self.what_is_left(job, kind, &out, &proxy));
                (code, ended.stderr.clone(), words)
            }
            Outcome::LastFileFails(words) => (0, self.errors_of_last_file(&out), words),
        };
        if ended.code != code {
            wrong.push(format!("exit code {} in place of {code}", ended.code));
        }
        wrong
            .extend(words.iter().filter(|word| !said.contains(**word)).map(|word| format!("it does not say {word:?}")));
        if code == 0 && ended.code == 0 {
            let counts = &self.store.json(&format!("{out}/job.json"))["result"]["counts"];
            let [items, good, bad] = ["items", "succeeded", "failed"].map(|name| counts[name].as_u64().unwrap());
            let lines = expected.lines().count() as u64 - 1;
            if items != good + bad || good != lines {
                wrong.push(format!("{items} items in, {good} succeeded, {bad} failed, {lines} rows of results"));
            }
        }
        let what = match outcome {
            Outcome::Same => "the same results".to_owned(),
            Outcome::Refused(code, _) => format!("refused, exit code {code}, no results"),
            Outcome::LastFileFails(_) => "one file fails and is accounted for, the others are the same".to_owned(),
        };
        let row = format!("| {fault} | {kind:?} | {what} | {lost} | {doubled} |");
        let wrong = (!wrong.is_empty()).then(|| format!("{row}\n{}\n{ended}", wrong.join("; ")));
        (row, wrong)
    }

    /// What is wrong with what a refused upload leaves in the store: of a copy that failed, the whole object under another
    /// name, since it is all that there is of the results; else nothing.
    fn what_is_left(&self, job: Job, kind: Kind, out: &str, proxy: &Proxy) -> Option<String> {
        let hidden = format!("{out}/.predictions.csv.");
        let hidden: Vec<String> = self.store.keys().into_iter().filter(|key| key.starts_with(&hidden)).collect();
        if (job, kind) == (Job::Upload, Kind::Put) {
            let is_whole = hidden.len() == 1 && self.store.text(&hidden[0]) == self.results[&job];
            return (!is_whole).then(|| format!("the results are lost, there is {hidden:?}"));
        }
        // Azure forgets parts by itself.
        let sends_parts = matches!(kind, Kind::Part | Kind::Complete) && self.store.service != Service::Azurite;
        let is_aborted = proxy
            .requests()
            .iter()
            .any(|request| request.kind() == Kind::Abort && request.decoded_target().contains("predictions.csv"));
        match (hidden.is_empty(), sends_parts && !is_aborted) {
            (true, false) => None,
            (false, _) => Some(format!("there is {hidden:?}")),
            (true, true) => Some("the parts were left behind".to_owned()),
        }
    }

    /// The error records about the last of the files.
    fn errors_of_last_file(&self, out: &str) -> String {
        let errors = self.store.get(&format!("{out}/predictions.errors.jsonl")).unwrap_or_default();
        let errors = String::from_utf8(errors).unwrap();
        errors.lines().filter(|line| line.contains("third.csv") && !line.contains("refuses row")).collect()
    }
}

/// Lines of the first text that are not in the second as often, and the other way round.
fn difference(expected: &str, found: &str) -> (i64, i64) {
    let mut counts: HashMap<&str, i64> = HashMap::new();
    expected.lines().for_each(|line| *counts.entry(line).or_default() += 1);
    found.lines().for_each(|line| *counts.entry(line).or_default() -= 1);
    (counts.values().filter(|count| **count > 0).sum(), -counts.values().filter(|count| **count < 0).sum::<i64>())
}

/// Runs every case on a store, several at once, since most of the time is spent on waiting before retries.
fn check(service: Service) {
    let ground = Ground::new(service);
    let has = |case: &Case| match (service, case.job, case.rules[0].kind) {
        // Azure's uploads are not initiated.
        (Service::Azurite, _, Kind::Initiate) => false,
        // S3 completes them under their name.
        (Service::Moto | Service::S3s, Job::Upload, Kind::Put) => false,
        _ => true,
    };
    let cases: Vec<(usize, Case)> = cases().into_iter().filter(has).enumerate().collect();
    let queue = Mutex::new(cases.into_iter());
    let rows = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((number, case)) = next else { return };
                    let row = ground.try_case(case, number);
                    rows.lock().unwrap().insert(number, row);
                }
            });
        }
    });
    let (rows, wrong): (Vec<String>, Vec<Option<String>>) = rows.into_inner().unwrap().into_values().unzip();
    publish(service, &rows);
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(
        wrong.is_empty(),
        "{} of {} rows of {service:?} are wrong:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n\n")
    );
}

/// Writes the tables of the stores that are through.
fn publish(service: Service, rows: &[String]) {
    static TABLES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let table = format!(
        "## {service:?}\n\n| fault | request | outcome | lost | doubled |\n|---|---|---|---|---|\n{}\n",
        rows.join("\n")
    );
    let mut tables = TABLES.lock().unwrap();
    tables.insert(format!("{service:?}"), table);
    let text: Vec<&str> = tables.values().map(String::as_str).collect();
    std::fs::write(repository().join("target/faults.md"), text.join("\n")).unwrap();
}

#[test]
fn faults_of_s3_of_moto() {
    check(Service::Moto);
}

#[test]
fn faults_of_s3_of_s3s() {
    check(Service::S3s);
}

#[test]
fn faults_of_azure() {
    check(Service::Azurite);
}

#[test]
fn faults_of_google() {
    check(Service::Google);
}
