//! Retries, splitting, timeouts and thresholds: only the guilty items fail, and a job that has to end ends.

use serde_json::Value;

use crate::support::{Ended, Scene, rows_csv};

fn causes(ended: &Ended) -> Vec<&str> {
    ended.errors().iter().map(|error| error["cause"].as_str().unwrap()).collect()
}

/// All rows but `failed` were predicted, in order and once, and the error records hold `failed`.
#[track_caller]
fn assert_only_failed(ended: &Ended, rows: u64, failed: &[u64]) {
    assert_eq!(ended.failed_rows(), failed, "{ended}");
    let good: Vec<String> = (0..rows).filter(|row| !failed.contains(row)).map(|row| row.to_string()).collect();
    assert_eq!(ended.predictions().column("row"), good, "{ended}");
    assert_eq!(ended.predictions().column("prediction"), good, "{ended}");
    assert_eq!(ended.counts(), (rows, rows - failed.len() as u64, failed.len() as u64));
}

#[test]
fn a_passing_fault_costs_nothing() {
    let scene = Scene::new();
    let ended = scene.scripted("fail: 2", 20).mini_batch_size("5").ok();
    assert_only_failed(&ended, 20, &[]);
    assert_eq!((ended.count("retries"), ended.count("mini_batches")), (8, 4));
}

#[test]
fn there_are_max_retries_retries() {
    // The third call succeeds: two retries are enough, one is not.
    let scene = Scene::new();
    let ended = scene.scripted("fail: 2", 3).mini_batch_size("1").args(&["--max-retries", "2"]).ok();
    assert_only_failed(&ended, 3, &[]);
    let run = scene.scripted("fail: 2", 3).mini_batch_size("1").args(&["--max-retries", "1", "--overwrite"]);
    let ended = run.exits(5);
    assert_eq!(ended.failed_rows(), [0, 1, 2]);
    assert!(ended.errors().iter().all(|error| error["attempts"] == 2), "{ended}");
    assert_eq!(ended.count("retries"), 3);
}

#[test]
fn one_bad_row_costs_one_row() {
    let scene = Scene::new();
    let ended = scene.scripted("fail_rows: 3, 17, 18", 40).mini_batch_size("16").ok();
    assert_only_failed(&ended, 40, &[3, 17, 18]);
    assert_eq!((ended.count("mini_batches"), ended.count("failed_mini_batches")), (3, 2));
    assert_eq!(causes(&ended)[0], "the script refuses row 3");
    assert!(ended.errors().iter().all(|error| error["stage"] == "score" && error["file"] == "data.csv"), "{ended}");
}

#[test]
fn what_would_fail_again_is_not_retried() {
    let scene = Scene::new();
    let ended = scene.scripted("fail_rows: 1", 4).mini_batch_size("1").ok();
    assert_only_failed(&ended, 4, &[1]);
    assert_eq!((ended.count("retries"), ended.only_error()["attempts"].as_u64()), (0, Some(1)));
}

#[test]
fn a_passing_fault_in_a_split_part_costs_no_healthy_row() {
    // The first call of the part that holds row 1 alone fails, as a passing fault would.
    let scene = Scene::new();
    let ended = scene.scripted("fail: 1\nfail_rows: 0", 2).mini_batch_size("2").args(&["--max-retries", "3"]).ok();
    assert_only_failed(&ended, 2, &[0]);
}

#[test]
fn a_panic_of_the_model_costs_one_row() {
    let scene = Scene::new();
    let ended = scene.scripted("panic_rows: 5", 12).mini_batch_size("6").args(&["--max-retries", "1"]).ok();
    assert_only_failed(&ended, 12, &[5]);
    assert_eq!(causes(&ended), ["the model's code panicked: the script panics at row 5"]);
}

#[test]
fn too_few_results_fail_the_guilty_rows() {
    let scene = Scene::new();
    let ended = scene.scripted("short_rows: 0, 7", 10).mini_batch_size("10").ok();
    assert_only_failed(&ended, 10, &[0, 7]);
    assert_eq!(causes(&ended), ["the model gave 0 results for 1 items"; 2]);
}

#[test]
fn too_many_results_fail_the_guilty_rows() {
    let scene = Scene::new();
    let ended = scene.scripted("extra_rows: 9", 10).mini_batch_size("10").ok();
    assert_only_failed(&ended, 10, &[9]);
    assert_eq!(causes(&ended), ["the model gave 2 results for 1 items"]);
}

#[test]
fn too_few_here_do_not_make_up_for_too_many_there() {
    let scene = Scene::new();
    let ended = scene.scripted("short_rows: 2\nextra_rows: 8", 10).mini_batch_size("3").ok();
    assert_only_failed(&ended, 10, &[2, 8]);
}

#[test]
fn a_call_that_hangs_is_left_behind() {
    let scene = Scene::new();
    let run = scene.scripted("hang_rows: 2", 12).mini_batch_size("2");
    let ended = run.args(&["--timeout", "1s", "--max-retries", "0", "--workers", "2"]).ok();
    assert_only_failed(&ended, 12, &[2]);
    assert_eq!(causes(&ended), ["the model did not answer within 1 s"]);
    // The mini-batch of two, and then the row alone.
    assert_eq!(ended.count("timeouts"), 2);
    ended.says(&["did not return in time and was abandoned"]);
}

#[test]
fn a_worker_that_hangs_is_replaced() {
    let scene = Scene::new();
    let run = scene.scripted("hang_rows: 0", 30).mini_batch_size("1");
    let ended = run.args(&["--timeout", "1s", "--max-retries", "0", "--workers", "1"]).ok();
    assert_only_failed(&ended, 30, &[0]);
}

#[test]
fn a_timeout_is_retried() {
    let scene = Scene::new();
    let run = scene.scripted("hang_rows: 1", 3).mini_batch_size("1");
    let ended = run.args(&["--timeout", "500ms", "--max-retries", "2", "--workers", "2"]).ok();
    assert_only_failed(&ended, 3, &[1]);
    assert_eq!((ended.only_error()["attempts"].as_u64(), ended.count("timeouts")), (Some(3), 3));
}

#[test]
fn a_model_that_only_hangs_ends_the_job() {
    let scene = Scene::new();
    let rows: Vec<String> = (0..20).map(|row| row.to_string()).collect();
    let run = scene.scripted(&format!("hang_rows: {}", rows.join(",")), 20).mini_batch_size("1");
    let ended = run.args(&["--timeout", "100ms", "--max-retries", "0", "--workers", "2"]).exits(7);
    ended.says(&["are stuck", "retry_settings.timeout"]);
    assert_eq!(ended.count("succeeded"), 0);
    assert!(!scene.exists("out/predictions.csv"));
}

#[test]
fn a_job_without_progress_fails() {
    let scene = Scene::new();
    let run = scene.scripted("hang_rows: 3", 10).mini_batch_size("1");
    let ended = run.args(&["--timeout", "0", "--progress-update-timeout", "1s", "--workers", "1"]).exits(7);
    ended.says(&["no progress in 1 seconds (progress_update_timeout)"]);
    assert_eq!(ended.predictions().column("row"), ["0", "1", "2"], "what was finished is kept");
    assert!(!scene.exists("out/predictions.csv") && scene.exists("out/predictions.csv.partial"));
}

/// Thresholds of counts: exactly as many failures as the threshold are tolerated, one more is not.
fn check_threshold(flag: &str, tolerated: &str, exceeded: &str, message: &str) {
    let scene = Scene::new();
    let run = || scene.scripted("fail_rows: 0, 1, 10, 11, 19", 20).mini_batch_size("2");
    let ended = run().args(&[flag, tolerated]).to("good").ok();
    assert_only_failed(&ended, 20, &[0, 1, 10, 11, 19]);
    let ended = run().args(&[flag, exceeded]).to("bad").exits(5);
    ended.says(&[message]);
    assert!(!scene.exists("bad/predictions.csv"), "a job that failed has no output of the final name");
    assert!(scene.exists("bad/predictions.csv.partial") && scene.exists("bad/predictions.errors.jsonl"));
    assert_eq!(ended.result("status"), "Failed");
}

#[test]
fn as_many_failed_items_as_the_threshold_are_tolerated() {
    check_threshold("--error-threshold", "5", "4", "failed items: 5, more than error_threshold 4 allows");
}

#[test]
fn a_share_of_failed_items_is_tolerated() {
    check_threshold("--error-threshold", "25%", "24.9%", "failed items: 5, more than error_threshold 24.9% allows");
}

#[test]
fn as_many_failed_mini_batches_as_the_threshold_are_tolerated() {
    let message = "failed mini-batches: 3, more than mini_batch_error_threshold 2 allows";
    check_threshold("--mini-batch-error-threshold", "3", "2", message);
}

#[test]
fn a_share_of_failed_mini_batches_is_tolerated() {
    let message = "failed mini-batches: 3, more than mini_batch_error_threshold 29% allows";
    check_threshold("--mini-batch-error-threshold", "30%", "29%", message);
}

#[test]
fn thresholds_can_be_set_like_any_key() {
    check_threshold("--set", "error_threshold=5", "error_threshold=4", "failed items: 5, more than error_threshold 4");
    check_threshold("--set", "error_threshold=-1", "error_threshold=0", "more than error_threshold 0 allows");
}

#[test]
fn rows_that_cannot_be_decoded_count_as_failed_items() {
    let scene = Scene::new();
    let model = scene.model("linear_regression");
    scene.write("data.csv", "a,b,c,d,e\n1,2,3,4,5\nx,2,3,4,5\n1,2,3,4,5\nx,2,3,4,5\n");
    let run = || scene.run().model(&model).input("data.csv");
    assert_eq!(run().args(&["--error-threshold", "2"]).to("good").ok().failed_rows(), [1, 3]);
    run().args(&["--error-threshold", "1"]).to("bad").exits(5).says(&["more than error_threshold 1 allows"]);
    // The model failed for none of them.
    run().args(&["--mini-batch-error-threshold", "0"]).to("mini").ok();
}

#[test]
fn beyond_a_threshold_no_mini_batch_starts() {
    let scene = Scene::new();
    // Scoring all of it would take more than a quarter of an hour.
    let run = scene.scripted("sleep_ms: 10\nfail_rows: 5", 100_000).mini_batch_size("1");
    let ended = run.args(&["--error-threshold", "0", "--workers", "1"]).exits(5);
    assert!(ended.count("succeeded") >= 5, "{ended}");
    let rows = ended.predictions().column("row");
    assert_eq!(rows[..5], ["0", "1", "2", "3", "4"], "what was finished is kept");
    assert!(ended.count("unscored") > 0, "{ended}");
}

#[test]
fn a_job_in_which_nothing_succeeds_fails() {
    let scene = Scene::new();
    let ended = scene.scripted("fail_rows: 0, 1, 2", 3).mini_batch_size("2").exits(5);
    ended.says(&["no item succeeded", "the script refuses row 0"]);
    assert_eq!(ended.failed_rows(), [0, 1, 2]);
    assert!(!scene.exists("out/predictions.csv"));
}

#[test]
fn a_job_in_which_nothing_can_be_decoded_fails() {
    let scene = Scene::new();
    let model = scene.model("linear_regression");
    scene.write("data.csv", "a,b,c,d,e\nv,w,x,y,1\nv,w,x,y,2\n");
    let ended = scene.run().model(&model).input("data.csv").exits(5);
    assert_eq!(ended.failed_rows(), [0, 1]);
    ended.says(&["no item succeeded", "data.csv, row 0", "\"a\""]);
}

#[test]
fn a_job_in_which_nothing_can_be_read_is_an_input_error() {
    let scene = Scene::new();
    let model = scene.model("linear_regression");
    // The header says what the columns are, and then the file breaks off.
    let mut bytes = crate::support::gzip("a,b,c,d,e\n");
    bytes.extend(&crate::support::gzip(rows_csv("x", 10))[..12]);
    scene.write("cut.csv.gz", bytes);
    let ended = scene.run().model(&model).input("cut.csv.gz").exits(3);
    ended.says(&["cut.csv.gz"]);
}

#[test]
fn failures_are_told_where_they_are() {
    let scene = Scene::new();
    scene.write("model.scripted", "fail_rows: 1");
    scene.write("data/a.csv", rows_csv("a", 3));
    scene.write("data/b.csv", rows_csv("b", 2));
    let ended = scene.run().model("model.scripted").input("data").mini_batch_size("3").ok();
    assert_eq!(ended.failed_places(), [("a.csv", Some(1)), ("b.csv", Some(1))]);
    ended.says(&["a.csv, row 1: failed to score: the script refuses row 1", "b.csv, row 1: failed to score"]);
    let first: &Value = ended.result("first_failure");
    assert!(first.as_str().unwrap().contains(".csv, row 1: the script refuses row 1"), "{first}");
}

#[test]
fn many_workers_keep_the_order() {
    let scene = Scene::new();
    let run = scene.scripted("fail_rows: 100, 2500\nsleep_ms: 1", 3000).mini_batch_size("7").args(&["--workers", "8"]);
    assert_only_failed(&run.ok(), 3000, &[100, 2500]);
}
