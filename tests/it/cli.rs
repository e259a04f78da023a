//! What a user types, and what becomes of it: flags, job files, exit codes, signals, and who reads what.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{BINARY, Ended, Run, Scene, drain, rows_csv, wait};

#[test]
fn help_says_what_there_is() {
    let scene = Scene::new();
    for args in [
        &["--help"][..],
        &["help"],
        &["run", "--help"],
        &["model", "--help"],
        &["model", "inspect", "--help"],
        &["model", "check", "--help"],
        &["model", "bench", "--help"],
    ] {
        let ended = scene.batchscore(args);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
        assert!(ended.stdout.contains("Usage: batchscore"), "{ended}");
    }
    let help = scene.batchscore(&["run", "--help"]).stdout;
    for flag in
        ["--model", "--input-path", "--mini-batch-size", "--error-threshold", "--output-path", "--keep", "--set"]
    {
        assert!(help.contains(flag), "{flag}");
    }
    for code in ["0 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "130 "] {
        assert!(help.contains(&format!("\n  {code}")), "exit code {code}");
    }
    let version = scene.batchscore(&["--version"]);
    assert_eq!(version.stdout, format!("batchscore {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_command_line_that_makes_no_sense_is_a_usage_error() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    scene.write("data.csv", rows_csv("a", 1));
    let base = ["run", "--model", "model.scripted", "--input-path", "data.csv"];
    for (extra, parts) in [
        (&["--mini-batch-szie", "3"][..], &["--mini-batch-szie", "--mini-batch-size"][..]),
        (&["--workers", "0"], &["workers", "from 1"]),
        (&["--workers", "many"], &["--workers", "many"]),
        (&["--max-retries", "-1"], &["max_retries", "-1", "from 0 up"]),
        (&["--timeout", "soon"], &["timeout", "soon", "PT2H46M39S"]),
        (&["--error-threshold", "-2"], &["error-threshold", "-2"]),
        (&["--error-threshold", "101%"], &["error-threshold", "101%"]),
        (&["--csv-header", "maybe"], &["csv_header", "maybe", "auto"]),
        (&["--csv-delimiter", "ab"], &["csv_delimiter", "ab"]),
        (&["--input-format", "xml"], &["input_format", "xml", "parquet"]),
        (&["--quiet", "--verbose"], &["--quiet", "--verbose"]),
        (&["--progress", "loud"], &["--progress", "loud", "json"]),
        (&["--name", "a/b"], &["name", "a/b"]),
        (&["--set", "mini_batch_siez=3"], &["--set mini_batch_siez=3", "did you mean `mini_batch_size`?"]),
        (&["--set", "mini_batch_size"], &["--set mini_batch_size", "expected key=value"]),
    ] {
        let args: Vec<&str> = base.iter().chain(extra).copied().collect();
        let ended = scene.batchscore(&args);
        assert_eq!(ended.code, 2, "{ended}");
        ended.says(parts);
        assert_eq!(ended.stdout, "");
    }
    assert!(!scene.exists("outputs"), "a job that makes no sense leaves nothing");
}

#[test]
fn a_job_needs_a_model_and_data() {
    let scene = Scene::new();
    scene.run().input("data.csv").exits(2).says(&["no model is given", "--model"]);
    scene.run().model("model.onnx").exits(2).says(&["no input is given", "--input-path"]);
    let ended = scene.batchscore(&[]);
    assert_eq!(ended.code, 2, "{ended}");
    let ended = scene.batchscore(&["runs"]);
    assert_eq!(ended.code, 2, "{ended}");
    ended.says(&["'runs'", "'run'"]);
}

#[test]
fn flags_override_set_and_set_overrides_the_file() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    scene.write("data.csv", rows_csv("a", 12));
    scene.write(
        "job.yml",
        "name: filed\nmodel: model.scripted\ninput_path: data.csv\nmini_batch_size: 1\nworkers: 1\n\
         retry_settings: {max_retries: 7, timeout: 70}\n",
    );
    let settings = |run: Run<'_>| run.arg("--overwrite").ok().job.unwrap()["settings"].clone();
    let filed = settings(scene.run().arg("job.yml"));
    assert_eq!((&filed["name"], &filed["mini_batch_size"]), (&"filed".into(), &1.into()));
    let set = settings(scene.run().arg("job.yml").args(&["--set", "mini_batch_size=2", "--set", "timeout=50"]));
    assert_eq!((&set["mini_batch_size"], &set["workers"]), (&2.into(), &1.into()));
    assert_eq!(set["retry_settings"]["timeout"], 50.0);
    assert_eq!(set["retry_settings"]["max_retries"], 7, "one key of a group leaves the others");
    let flag = settings(scene.run().arg("job.yml").args(&["--set", "mini_batch_size=2"]).mini_batch_size("3"));
    assert_eq!(flag["mini_batch_size"], 3);
    let last = settings(scene.run().arg("job.yml").args(&["--set", "workers=2", "--set", "workers=3"]));
    assert_eq!(last["workers"], 3);
}

#[test]
fn paths_in_a_job_file_are_relative_to_the_file() {
    let scene = Scene::new();
    scene.write("jobs/model.scripted", "");
    scene.write("jobs/data/a.csv", rows_csv("a", 2));
    scene.write("jobs/j.yml", "model: model.scripted\ninput_path: data\noutput_path: results\n");
    let ended = scene.batchscore(&["run", "jobs/j.yml"]);
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(scene.read("jobs/results/predictions.txt"), "0,0,a.csv\n1,1,a.csv\n");
    // Flags are relative to where the user stands.
    scene.write("other.csv", rows_csv("b", 1));
    let ended = scene.batchscore(&["run", "jobs/j.yml", "--input-path", "other.csv", "--output-path", "here"]);
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(scene.read("here/predictions.txt"), "0,0,other.csv\n");
}

#[test]
fn a_job_file_names_its_job() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    scene.write("data.csv", rows_csv("a", 2));
    scene.write("nightly.yml", "model: model.scripted\ninput_path: data.csv\n");
    scene.run().arg("nightly.yml").default_output().ok();
    assert!(scene.exists("outputs/nightly/predictions.txt"));
}

#[test]
fn dry_run_prints_a_job_that_gives_the_same() {
    let scene = Scene::new();
    scene.write("model.scripted", "fail_rows: 3");
    scene.write("data/a.csv", rows_csv("a", 7));
    scene.write("data/b.csv", rows_csv("b", 7));
    let run = || {
        let run = scene.run().model("model.scripted").input("data").mini_batch_size("3").named("p.jsonl");
        run.args(&["--keep", "id,x", "--name", "j", "--workers", "2", "--max-retries", "1", "--timeout", "1m30s"])
    };
    let refused = run().arg("--dry-run").exits(2);
    refused.says(&["timeout", "1m30s"]);
    let run = || {
        let run = scene.run().model("model.scripted").input("data").mini_batch_size("3").named("p.jsonl");
        let run =
            run.args(&["--keep", "id,x", "--name", "j", "--workers", "2", "--max-retries", "1", "--timeout", "90"]);
        run.args(&["--error-threshold", "50%", "--csv-delimiter", ",", "--progress-update-timeout", "5m"])
    };
    let printed = run().arg("--dry-run").ok();
    assert!(!scene.exists("out"), "a dry run writes nothing");
    scene.write("again.yml", &printed.stdout);
    let first = run().ok();
    let predictions = scene.read("out/p.jsonl");
    let second = scene.batchscore(&["run", "again.yml", "--overwrite"]);
    assert_eq!(second.code, 0, "{second}");
    assert_eq!(scene.read("out/p.jsonl"), predictions);
    let account: Value = serde_json::from_str(&scene.read("out/job.json")).unwrap();
    let (mut first, mut second) = (first.job.unwrap()["settings"].clone(), account["settings"].clone());
    assert_eq!((first["overwrite"].take(), second["overwrite"].take()), (false.into(), true.into()));
    assert_eq!(first, second);
    // What is printed is complete: it prints itself.
    let printed_again = scene.batchscore(&["run", "again.yml", "--dry-run"]);
    assert_eq!(printed_again.stdout, printed.stdout);
}

#[test]
fn dry_run_of_the_defaults_can_be_run() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    scene.write("data.csv", rows_csv("a", 3));
    let printed = scene.batchscore(&["run", "--model", "model.scripted", "--input-path", "data.csv", "--dry-run"]);
    assert_eq!(printed.code, 0, "{printed}");
    scene.write("job.yml", &printed.stdout);
    let ended = scene.batchscore(&["run", "job.yml"]);
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(scene.names("outputs").len(), 1);
}

#[test]
fn quiet_says_nothing_but_errors() {
    let scene = Scene::new();
    let ended = scene.scripted("fail: 1", 3).arg("--quiet").ok();
    assert_eq!(ended.stderr, "", "{ended}");
    assert_eq!(ended.stdout, "out/predictions.csv\n");
    let ended = scene.scripted("fail_rows: 1", 3).args(&["-q", "--overwrite", "--error-threshold", "0"]).exits(5);
    ended.says(&["data.csv, row 1: failed to score", "error: failed items: 1, more than error_threshold 0 allows\n"]);
    assert!(!ended.stderr.contains("items in"), "{ended}");
}

#[test]
fn verbose_tells_every_failure_and_retry() {
    let scene = Scene::new();
    let rows: Vec<String> = (0..20).map(|row| row.to_string()).collect();
    let script = format!("fail_rows: {}", rows.join(","));
    let ended = scene.scripted(&script, 30).mini_batch_size("1").arg("-v").ok();
    for row in rows {
        ended.says(&[&format!("data.csv, row {row}: failed to score: the script refuses row {row}")]);
    }
    ended.says(&["1 file (csv), ", "workers"]);
    let ended = scene.scripted("fail: 1", 2).mini_batch_size("1").args(&["--verbose", "--overwrite"]).ok();
    ended.says(&[
        "data.csv, mini-batch at row 0: attempt 1 failed: the script fails call 1 of 1",
        "mini-batch at row 1",
    ]);
}

#[test]
fn progress_as_json_is_json_in_every_line() {
    let scene = Scene::new();
    let run = scene.scripted("fail: 1\nfail_rows: 2", 20).mini_batch_size("4").args(&["--progress", "json"]);
    let ended = run.ok();
    let events: Vec<Value> = ended
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[names.len() - 1]), ("job_started", "job_ended"));
    assert!(names.contains(&"retrying") && names.contains(&"item_failed"), "{names:?}");
    let last = &events[events.len() - 1];
    assert_eq!(&last["counts"], ended.result("counts"));
    assert_eq!(last["status"], "Completed");
    let failed = &events[names.iter().position(|name| *name == "item_failed").unwrap()];
    assert_eq!((&failed["file"], &failed["row"], &failed["stage"]), (&"data.csv".into(), &2.into(), &"score".into()));
}

#[test]
fn plain_progress_has_no_control_characters() {
    let scene = Scene::new();
    for args in [&["--progress", "plain"][..], &["--progress", "auto"], &[]] {
        let ended = scene.scripted("sleep_ms: 1", 300).mini_batch_size("1").args(args).arg("--overwrite").ok();
        assert!(!ended.stderr.contains(['\u{1b}', '\r']), "{ended}");
        ended.says(&["job ", " completed", "items in"]);
    }
}

/// A job of a quarter of an hour, once it is under way: some of it is done and most of it is not.
fn under_way(scene: &Scene, script: &str, extra: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    let run = scene.scripted(script, 90_000).mini_batch_size("1").args(&["--workers", "1"]).args(extra);
    let mut child = run.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    (child, stderr)
}

fn send(signal: &str, child: &Child) {
    let status = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().unwrap();
    assert!(status.success());
}

/// Reads events until one shows that some items are scored.
fn until_scored(stderr: &mut BufReader<std::process::ChildStderr>) {
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "the job ended too early");
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["event"] == "progress" && event["succeeded"].as_u64().unwrap() > 0 {
            return;
        }
    }
}

fn check_interrupted(signal: &str) {
    let scene = Scene::new();
    let (mut child, mut stderr) = under_way(&scene, "sleep_ms: 10", &["--progress", "json"]);
    until_scored(&mut stderr);
    send(signal, &child);
    let rest = drain(stderr);
    assert_eq!(wait(&mut child), 130);
    let rest = String::from_utf8(rest.join().unwrap()).unwrap();
    let last: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["status"]), (&"job_ended".into(), &"Canceled".into()));
    let succeeded = last["counts"]["succeeded"].as_u64().unwrap();
    assert!(succeeded > 0 && succeeded < 90_000, "{last}");
    assert_eq!(last["counts"]["items"], last["counts"]["succeeded"]);
    assert!(!scene.exists("out/predictions.csv"));
    let partial = scene.read("out/predictions.csv.partial");
    let rows: Vec<&str> = partial.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    let want: Vec<String> = (0..succeeded).map(|row| row.to_string()).collect();
    assert_eq!(rows, want, "what was finished is kept, in order");
    let account: Value = serde_json::from_str(&scene.read("out/job.json")).unwrap();
    assert_eq!(account["result"]["status"], "Canceled");
}

#[test]
fn ctrl_c_ends_the_job_and_keeps_what_was_finished() {
    check_interrupted("INT");
}

#[test]
fn termination_ends_the_job_in_the_same_way() {
    check_interrupted("TERM");
}

#[test]
fn ctrl_c_says_how_to_go_on() {
    let scene = Scene::new();
    let (mut child, mut stderr) = under_way(&scene, "sleep_ms: 10", &["-v"]);
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("1 file (csv), "), "{line}");
    send("INT", &child);
    let rest = drain(stderr);
    assert_eq!(wait(&mut child), 130);
    let rest = String::from_utf8(rest.join().unwrap()).unwrap();
    for part in ["was interrupted", "what was finished is kept", "run the same command", "out/predictions.csv.partial"]
    {
        assert!(rest.contains(part), "{part}: {rest}");
    }
    // The same command goes on from there.
    let ended = scene.scripted("", 3).ok();
    assert_eq!(ended.predictions().len(), 3);
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_a_model_that_hangs() {
    let scene = Scene::new();
    let (mut child, mut stderr) = under_way(&scene, "hang_rows: 3", &["--timeout", "0", "--progress", "json"]);
    until_scored(&mut stderr);
    send("INT", &child);
    // The first one was seen once the job says that it stops.
    let mut line = String::new();
    while !line.contains("\"stopping\"") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "the job ended without saying that it stops");
    }
    send("INT", &child);
    let rest = drain(stderr);
    assert_eq!(wait(&mut child), 130);
    rest.join().unwrap();
}

/// Runs a command whose reader closes standard output after the first bytes.
fn with_impatient_reader(mut command: Command, reads: usize) -> (i32, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = drain(child.stderr.take().unwrap());
    let mut stdout = child.stdout.take().unwrap();
    let mut first = vec![0; reads];
    stdout.read_exact(&mut first).unwrap();
    drop(stdout);
    let code = wait(&mut child);
    (code, String::from_utf8(stderr.join().unwrap()).unwrap())
}

#[test]
fn a_reader_that_goes_away_ends_the_job_without_a_panic() {
    let scene = Scene::new();
    let run = scene.scripted("", 200_000).to("-");
    let (code, stderr) = with_impatient_reader(run.command(), 10);
    assert_eq!(code, 6, "{stderr}");
    assert!(stderr.contains("standard output was closed by its reader"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn a_reader_that_is_not_there_does_no_harm() {
    let scene = Scene::new();
    let model = scene.model("linear_regression");
    scene.scripted("", 3).ok();
    for args in [
        &["run", "--help"][..],
        &["--version"],
        &["model", "inspect", &model],
        &["run", "--model", "model.scripted", "--input-path", "data.csv", "--dry-run"],
        &["run", "--model", "model.scripted", "--input-path", "data.csv", "--output-path", "other"],
    ] {
        let mut command = Command::new(BINARY);
        command.args(args).current_dir(scene.path("")).stdin(Stdio::null());
        let (code, stderr) = with_impatient_reader(command, 0);
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
        assert!(code == 0 || code == 6, "{args:?}: exit code {code}: {stderr}");
    }
}

#[test]
fn a_job_runs_without_any_standard_stream() {
    let scene = Scene::new();
    let run = scene.scripted("fail_rows: 1", 3);
    let command = run.in_shell("exec \"$@\" <&- >&- 2>&-");
    let ended: Ended = run.end_of(command);
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(ended.counts(), (3, 2, 1));
}
