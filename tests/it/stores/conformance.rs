//! What is true of every store: the same checks on each of them, and those of single files on a web server.

use std::sync::Arc;

use super::http::{Kind, Message};
use super::proxy::{Fault, Proxy, Rule};
use super::store::{Service, Store};
use crate::support::{Run, Scene, Table, gzip, number_columns, rows_csv, write_arrow, write_parquet};

/// A module with a test for each check.
macro_rules! suite {
    ($module:ident, $service:ident: $($check:ident)*) => {
        mod $module {
            $(
                #[test]
                fn $check() {
                    super::$check(&super::Store::new(super::Service::$service));
                }
            )*
        }
    };
}

macro_rules! on_every_store {
    ($($check:ident)*) => {
        suite! { s3_of_moto, Moto: $($check)* }
        suite! { s3_of_s3s, S3s: $($check)* }
        suite! { azure, Azurite: $($check)* }
        suite! { google, Google: $($check)* }
    };
}

on_every_store! {
    a_file
    every_format
    odd_names
    a_large_object
    a_folder
    patterns
    an_empty_object
    markers_of_folders
    many_objects
    results_and_account
    nothing_is_visible_before_the_commit
    results_that_exist_are_kept
    results_are_replaced_on_demand
    what_appears_meanwhile_is_kept
    what_appears_during_an_upload_is_kept
    what_appears_at_the_end_of_an_upload_is_kept
    a_failed_job_leaves_no_results
    what_is_missing_is_named
}

suite! { web, Nginx: a_file every_format odd_names a_large_object }

/// A file of the input: its key and its bytes.
type File<'a> = (&'a str, Vec<u8>);

/// Puts files below `in/` into the store and into the scene.
fn prepare(store: &Store, scene: &Scene, files: &[File<'_>]) {
    for (key, bytes) in files {
        let key = format!("in/{key}");
        scene.write(&key, bytes);
        store.put(&key, bytes);
    }
}

/// A run with the usual model, which fails for row 7 of each file, into the store, or into `out` from a web server.
fn usual<'a>(store: &Store, scene: &'a Scene) -> Run<'a> {
    scene.write("model.scripted", "fail_rows: 7");
    let run = store.run(scene).model("model.scripted");
    if store.service == Service::Nginx { run } else { run.to(&store.uri("out")) }
}

/// The text of a result of [`usual`].
#[track_caller]
fn result(store: &Store, scene: &Scene, name: &str) -> String {
    if store.service == Service::Nginx {
        scene.read(&format!("out/{name}"))
    } else {
        store.text(&format!("out/{name}"))
    }
}

/// Scores `in/<what>` of the scene and of the store, which must give the same bytes.
#[track_caller]
fn same_as_local(store: &Store, scene: &Scene, what: &str, args: &[&str]) -> Table {
    let key = format!("in/{what}");
    let local = scene.run().model("model.scripted").input(&key).args(args).to("local");
    let pointer = if scene.path(&key).is_dir() { store.prefix(&key) } else { store.uri(&key) };
    usual(store, scene).input(&pointer).args(args).arg("--overwrite").ok();
    let local = local.arg("--overwrite").ok();
    for name in ["predictions.csv", "predictions.errors.jsonl"] {
        let same = result(store, scene, name) == scene.read(&format!("local/{name}"));
        assert!(same, "{name} differs for {what:?}");
    }
    local.predictions().clone()
}

fn a_file(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("a.csv", rows_csv("a", 100).into_bytes())]);
    assert_eq!(same_as_local(store, &scene, "a.csv", &["--keep", "all"]).len(), 99);
}

fn every_format(store: &Store) {
    let scene = Scene::new();
    let csv = rows_csv("a", 100);
    let jsonl: String = (0..100).map(|row| format!("{{\"id\": \"a{row}\", \"x\": {row}.5}}\n")).collect();
    let numbers = number_columns(&Table::csv(&csv.replace("id,x", "row,x").replace('a', "")));
    write_parquet(&scene, "numbers.parquet", &numbers, 30);
    write_arrow(&scene, "numbers.arrow", &numbers, 30);
    let read = |name: &str| std::fs::read(scene.path(name)).unwrap();
    let zst = zstd::encode_all(csv.as_bytes(), 1).unwrap();
    let files = [
        ("a.csv", csv.clone().into_bytes()),
        ("b.csv.gz", gzip(&csv)),
        ("c.csv.zst", zst),
        ("d.tsv", csv.replace(',', "\t").into_bytes()),
        ("e.jsonl", jsonl.clone().into_bytes()),
        ("f.jsonl.gz", gzip(jsonl)),
        ("g.parquet", read("numbers.parquet")),
        ("h.arrow", read("numbers.arrow")),
    ];
    prepare(store, &scene, &files);
    for (key, _) in &files {
        assert_eq!(same_as_local(store, &scene, key, &["--keep", "x"]).len(), 99, "{key}");
    }
}

fn odd_names(store: &Store) {
    let scene = Scene::new();
    let names = [
        "a b.csv",
        "\u{fc}\u{65e5}.csv",
        "1+1.csv",
        "100%.csv",
        "50%25.csv",
        "what?.csv",
        "a#b.csv",
        "~tilde.csv",
        "[1].csv",
        "(x)!.csv",
        "a&b=c;d.csv",
        "a,b.csv",
        "a:b@c.csv",
        "it's.csv",
        "$1.csv",
        "star*.csv",
        "deep down/x y.csv",
    ];
    let files: Vec<File<'_>> = names.iter().map(|name| (*name, rows_csv("r", 9).into_bytes())).collect();
    prepare(store, &scene, &files);
    for name in names {
        assert_eq!(same_as_local(store, &scene, name, &[]).len(), 8, "{name}");
    }
    if store.service != Service::Nginx {
        assert_eq!(same_as_local(store, &scene, "", &["--keep", "id"]).len(), 8 * names.len());
    }
}

fn a_large_object(store: &Store) {
    let scene = Scene::new();
    scene.write("model.scripted", "fail_rows: 7");
    let csv = rows_csv("a name that makes the rows longer ", 600_000);
    assert!(csv.len() > 25_000_000);
    prepare(store, &scene, &[("large.csv", csv.into_bytes())]);
    // Longer than two parts of an upload.
    let predictions = same_as_local(store, &scene, "large.csv", &["--keep", "id", "--mini-batch-size", "10000"]);
    assert_eq!(predictions.len(), 599_999);
    assert!(scene.read("local/predictions.csv").len() > 25_000_000);
}

fn a_folder(store: &Store) {
    let scene = Scene::new();
    let rows = |prefix: &str, rows| rows_csv(prefix, rows).into_bytes();
    prepare(
        store,
        &scene,
        &[
            ("b.csv", rows("b", 20)),
            ("a/2.csv", rows("2", 10)),
            ("a/1.csv.gz", gzip(rows("1", 5))),
            ("a.csv", rows("a", 3)),
            ("_SUCCESS", b" ".to_vec()),
            ("_logs/x.csv", rows("no", 1)),
            (".hidden.csv", rows("no", 1)),
            ("notes.txt", b"no data".to_vec()),
        ],
    );
    let predictions = same_as_local(store, &scene, "", &["--keep", "all"]);
    assert_eq!(predictions.len(), 38 - 2);
    assert!(!scene.read("local/predictions.csv").contains("no"), "{predictions:?}");
    // With and without a slash at the end.
    same_as_local(store, &scene, "a", &[]);
    same_as_local(store, &scene, "a/", &[]);
}

fn patterns(store: &Store) {
    let scene = Scene::new();
    let keys = ["2025-01/a.csv", "2025-02/b.csv", "2026-01/c.csv", "2026-01/d.jsonl", "2026-01/deep/e.csv"];
    let content = |key: &str| if key.ends_with("jsonl") { "{\"id\": 1}\n".into() } else { rows_csv(key, 2) };
    let files: Vec<File<'_>> = keys.iter().map(|key| (*key, content(key).into_bytes())).collect();
    prepare(store, &scene, &files);
    for (pattern, rows) in [("*/*.csv", 6), ("2025-*/*", 4), ("**/*.csv", 8), ("202[56]-01/?.csv", 4), ("2025-*", 4)] {
        assert_eq!(same_as_local(store, &scene, pattern, &[]).len(), rows, "{pattern}");
    }
    // No more is listed than what begins as the pattern does.
    let proxy = Proxy::start(&store.address, Vec::new());
    usual(&store.behind(&proxy.address()), &scene).input(&store.uri("in/2026-*/*.csv")).arg("--overwrite").ok();
    let asked: Vec<String> = proxy.requests().iter().map(Message::decoded_target).collect();
    let mut prefixes = asked.iter().filter(|target| target.contains("prefix=") && !target.contains("delimiter="));
    assert!(prefixes.next_back().is_some_and(|target| target.contains("prefix=in/2026-")), "{asked:?}");
    let uri = store.uri("in/*.parquet");
    usual(store, &scene).input(&uri).exits(3).says(&["no file matches", &uri]);
}

fn an_empty_object(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("a.csv", rows_csv("a", 3).into_bytes()), ("b.csv", Vec::new())]);
    let local = scene.run().model("model.scripted").input("in");
    let ended = usual(store, &scene).input(&store.prefix("in")).ok();
    let local = local.ok();
    assert!(local.predictions().len() == 3, "{ended}");
    assert_eq!(store.text("out/predictions.csv"), scene.read("out/predictions.csv"));
    assert_eq!(store.text("out/predictions.errors.jsonl"), scene.read("out/predictions.errors.jsonl"));
    // Alone it is no input.
    usual(store, &scene).input(&store.uri("in/b.csv")).arg("--overwrite").exits(3).says(&["b.csv", "empty"]);
}

/// What the consoles of stores make when somebody makes a folder.
fn markers_of_folders(store: &Store) {
    let scene = Scene::new();
    let rows = |prefix: &str| rows_csv(prefix, 3).into_bytes();
    prepare(store, &scene, &[("sub-old/x.csv", rows("x")), ("sub.csv", rows("s")), ("sub/y.csv", rows("y"))]);
    // This server keeps objects as files, and has no such objects.
    if store.service != Service::S3s {
        store.put("in/", b"");
        store.put("in/sub/", b"");
    }
    assert_eq!(same_as_local(store, &scene, "", &["--keep", "all"]).len(), 9);
}

#[test]
fn a_key_that_cannot_be_read_costs_itself() {
    for service in [Service::Moto, Service::Google] {
        let (store, scene) = (Store::new(service), Scene::new());
        for key in ["in/a.csv", "in/b//x.csv", "in/c.csv"] {
            store.put(key, rows_csv(key, 5));
        }
        usual(&store, &scene).input(&store.prefix("in")).ok();
        assert_eq!(store.text("out/predictions.csv").lines().count(), 11, "{service:?}");
        let errors = store.text("out/predictions.errors.jsonl");
        assert!(errors.contains("in/b//x.csv") && errors.contains("is empty"), "{errors}");
    }
}

/// More than a page of the listing of Google's emulator holds.
fn many_objects(store: &Store) {
    let scene = Scene::new();
    let names: Vec<String> = (0..23).map(|number| format!("{number:02}.csv")).collect();
    let files: Vec<File<'_>> = names.iter().map(|name| (name.as_str(), rows_csv(name, 2).into_bytes())).collect();
    prepare(store, &scene, &files);
    assert_eq!(same_as_local(store, &scene, "", &["--keep", "all"]).len(), 46);
}

fn results_and_account(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("a.csv", rows_csv("a", 10).into_bytes())]);
    for (name, lines) in [("p.txt", 9), ("p.csv", 10), ("p.jsonl", 9)] {
        let ended = usual(store, &scene).input(&store.uri("in/a.csv")).named(name).arg("--overwrite").ok();
        assert_eq!(ended.stdout, format!("{}/{name}\n", store.uri("out")));
        assert_eq!(store.text(&format!("out/{name}")).lines().count(), lines, "{name}");
    }
    let account = store.json("out/job.json");
    assert_eq!(account["result"]["status"], "Completed");
    assert_eq!(account["result"]["counts"]["succeeded"], 9);
    assert_eq!(account["result"]["predictions"], format!("{}/p.jsonl", store.uri("out")));
    let errors = store.text("out/p.errors.jsonl");
    let error: serde_json::Value = serde_json::from_str(errors.lines().next().unwrap()).unwrap();
    assert_eq!((&error["file"], &error["row"]), (&"a.csv".into(), &7.into()));
    // The typed formats are what other programs read.
    for name in ["p.parquet", "p.arrow"] {
        usual(store, &scene).input(&store.uri("in/a.csv")).named(name).ok();
        scene.write(name, store.get(&format!("out/{name}")).unwrap());
        assert_eq!(Table::read(&scene.path(name)).len(), 9, "{name}");
    }
    let mut keys = store.keys();
    keys.sort();
    let made = ["job.json", "p.arrow", "p.csv", "p.errors.jsonl", "p.jsonl", "p.parquet", "p.txt"];
    let made: Vec<String> = made.iter().map(|name| format!("out/{name}")).collect();
    assert_eq!(keys, [&["in/a.csv".to_owned()][..], &made].concat());
}

/// The store behind a proxy where something happens at the first request of a kind that is about the predictions.
fn with(store: &Store, kind: Kind, fault: Fault) -> (Store, Proxy) {
    let rule = Rule { kind, about: "predictions.csv", spared: 0, times: 1, fault };
    let proxy = Proxy::start(&store.address, vec![rule]);
    (store.behind(&proxy.address()), proxy)
}

/// Rows whose predictions take two parts of an upload, with [`KEPT`].
fn two_parts() -> Vec<u8> {
    rows_csv("a name that makes the rows longer ", 260_000).into_bytes()
}

const KEPT: [&str; 4] = ["--keep", "all", "--mini-batch-size", "10000"];

fn nothing_is_visible_before_the_commit(store: &Store) {
    let scene = Scene::new();
    let files = [("small.csv", rows_csv("a", 10).into_bytes()), ("large.csv", two_parts())];
    prepare(store, &scene, &files);
    for (key, kind) in [("small.csv", Kind::Put), ("large.csv", Kind::Complete)] {
        let seen = store.behind(&store.address);
        let looks = move || {
            let keys = seen.keys();
            assert!(!keys.iter().any(|key| key.contains("predictions.csv")), "{keys:?}");
        };
        let (behind, proxy) = with(store, kind, Fault::Meanwhile(Arc::new(looks)));
        usual(&behind, &scene).input(&store.uri(&format!("in/{key}"))).args(&KEPT).ok();
        assert_eq!(proxy.done(), 1);
        store.delete("out/predictions.csv");
    }
}

fn results_that_exist_are_kept(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("a.csv", rows_csv("a", 10).into_bytes())]);
    store.put("out/predictions.csv", "precious");
    let taken = store.uri("out/predictions.csv");
    usual(store, &scene).input(&store.prefix("in")).exits(6).says(&[&taken, "already exists", "--overwrite"]);
    assert_eq!(store.text("out/predictions.csv"), "precious");
}

fn results_are_replaced_on_demand(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("a.csv", rows_csv("a", 10).into_bytes()), ("b.csv", two_parts())]);
    for (key, lines) in [("a.csv", 10), ("b.csv", 260_000)] {
        store.put("out/predictions.csv", "old");
        let input = store.uri(&format!("in/{key}"));
        usual(store, &scene).input(&input).args(&KEPT).arg("--overwrite").ok();
        assert_eq!(store.text("out/predictions.csv").lines().count(), lines);
    }
}

/// The object appears just before the store is told to create it.
fn what_appears_meanwhile_is_kept(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("a.csv", rows_csv("a", 10).into_bytes())]);
    let other = store.behind(&store.address);
    let appears = Arc::new(move || other.put("out/predictions.csv", "theirs"));
    let (behind, proxy) = with(store, Kind::Put, Fault::Meanwhile(appears));
    let ended = usual(&behind, &scene).input(&store.prefix("in")).exits(6);
    ended.says(&[&store.uri("out/predictions.csv"), "already exists"]);
    assert_eq!(proxy.done(), 1);
    assert_eq!(store.text("out/predictions.csv"), "theirs");
    assert_eq!(store.json("out/job.json")["result"]["status"], "Failed");
}

fn what_appears_during_an_upload_is_kept(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("a.csv", two_parts())]);
    let other = store.behind(&store.address);
    // The program has looked and seen nothing.
    let appears = Arc::new(move || other.put("out/predictions.csv", "theirs"));
    let (behind, proxy) = with(store, Kind::Head, Fault::Afterwards(appears));
    let ended = usual(&behind, &scene).input(&store.prefix("in")).args(&KEPT).exits(6);
    ended.says(&[&store.uri("out/predictions.csv"), "already exists"]);
    assert_eq!(proxy.done(), 1);
    assert_eq!(store.text("out/predictions.csv"), "theirs");
}

/// The object appears just before the store is told to complete the upload.
fn what_appears_at_the_end_of_an_upload_is_kept(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("a.csv", two_parts())]);
    let other = store.behind(&store.address);
    let appears = Arc::new(move || other.put("out/predictions.csv", "theirs"));
    let (behind, proxy) = with(store, Kind::Complete, Fault::Meanwhile(appears));
    usual(&behind, &scene).input(&store.prefix("in")).args(&KEPT).exits(6).says(&["already exists"]);
    assert_eq!(proxy.done(), 1);
    assert_eq!(store.text("out/predictions.csv"), "theirs");
}

fn a_failed_job_leaves_no_results(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("a.csv", rows_csv("a", 20).into_bytes()), ("b.csv", two_parts())]);
    for key in ["a.csv", "b.csv"] {
        let run = usual(store, &scene).input(&store.uri(&format!("in/{key}"))).args(&KEPT);
        // Row 7 fails in the first mini-batch, and the threshold is judged at the end too.
        run.args(&["--error-threshold", "0", "--workers", "1"]).exits(5).says(&["more than error_threshold 0 allows"]);
        assert!(!store.keys().contains(&"out/predictions.csv".to_owned()), "{:?}", store.keys());
        assert_eq!(store.json("out/job.json")["result"]["status"], "Failed");
        assert_eq!(store.text("out/predictions.errors.jsonl").lines().count(), 1);
    }
}

fn what_is_missing_is_named(store: &Store) {
    let scene = Scene::new();
    prepare(store, &scene, &[("measurements.csv", rows_csv("a", 1).into_bytes())]);
    let uri = store.uri("in/mesurements.csv");
    usual(store, &scene).input(&uri).exits(3).says(&[&uri, "does not exist", "measurements.csv"]);
    let nowhere = uri.replace(&store.bucket, "no-such-bucket");
    usual(store, &scene).input(&nowhere).exits(3).says(&[&nowhere, "does not exist", "no such bucket or container"]);
}
