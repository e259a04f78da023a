//! Datastores, registered data, and lists of pointers: names for data.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{Scene, rows_csv};

/// A scene with a model, and ten rows below `store/in`.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    scene.write("store/in/b.csv", rows_csv("b", 7));
    scene.write("store/in/a.csv", rows_csv("a", 3));
    scene
}

#[test]
fn a_datastore_is_made_used_and_forgotten() {
    let scene = scene();
    let made = scene.batchscore(&["datastore", "create", "lake", "--url", "store", "--description", "all of it"]);
    assert_eq!((made.code, made.stdout.as_str()), (0, "azureml://datastores/lake/paths/\n"), "{made}");
    made.says(&["made the workspace", ".batchscore"]);
    assert!(scene.read(".batchscore/datastores.yml").contains("description: all of it"));

    for input in [
        "azureml://datastores/lake/paths/in",
        "azureml://subscriptions/s/resourceGroups/g/workspaces/w/datastores/lake/paths/in/*.csv",
    ] {
        let ended = scene.run().model("model.scripted").input(input).arg("--overwrite").ok();
        assert_eq!(ended.counts(), (10, 10, 0));
    }
    let flags = ["--input-datastore", "lake", "--input-path", "in/b.csv", "--overwrite"];
    assert_eq!(scene.run().model("model.scripted").args(&flags).ok().counts(), (7, 7, 0));
    // Results go there too.
    let out = "azureml://datastores/lake/paths/out";
    let ended = scene.run().model("model.scripted").input("store/in").to(out).ok();
    assert!(ended.stdout.trim_end().ends_with("store/out/predictions.csv"), "{ended}");
    assert_eq!(scene.read("store/out/predictions.csv").lines().count(), 11);

    let list = scene.batchscore(&["datastore", "list"]);
    assert!(list.stdout.starts_with("lake  ") && list.stdout.contains("/store"), "{list}");
    let shown = scene.batchscore(&["datastore", "show", "lake", "--check"]);
    assert!(shown.stdout.contains("# reached; there is data"), "{shown}");
    let taken = scene.batchscore(&["datastore", "create", "lake", "--url", "s3://x"]);
    assert_eq!(taken.code, 2);
    taken.says(&["exists already"]);

    assert_eq!(scene.batchscore(&["datastore", "delete", "lake"]).code, 0);
    let gone =
        scene.run().model("model.scripted").input("azureml://datastores/lake/paths/in").arg("--overwrite").exits(3);
    gone.says(&["datastore \"lake\"", "datastore create"]);
}

#[test]
fn secrets_are_referred_to_and_never_written() {
    let scene = scene();
    let create = |args: &[&str]| scene.batchscore(&[&["datastore", "create"], args].concat());
    for args in [
        &["a", "--url", "az://c", "--account", "acc", "--credential", "account_key=SECRET=="][..],
        &["a", "--url", "https://me:SECRET@h/d"],
        &["a", "--url", "https://h/d?sig=SECRET"],
        &["a", "--url", "https://SECRET@h/d"],
        &["a", "--url", "https://me:a/SECRET@h"],
        &["a", "--url", "s3://b", "--endpoint", "https://me:SECRET@h"],
        &["a", "--url", "s3://b", "--credential", "SECRET"],
    ] {
        let refused = create(args);
        assert_eq!(refused.code, 2, "{refused}");
        assert!(!refused.stderr.contains("SECRET"), "{refused}");
        assert!(!scene.exists(".batchscore/datastores.yml"));
    }
    scene.write("wrong.yml", "url: az://c\ncredentials: {account_key: [SECRET]}\n");
    let refused = create(&["a", "--file", "wrong.yml"]);
    assert!(refused.code == 2 && !refused.stderr.contains("SECRET"), "{refused}");
    let key = scene.write("key", "SECRET");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let reference = format!("account_key=file:{}", key.display());
    assert_eq!(create(&["a", "--url", "az://c", "--account", "acc", "--credential", &reference]).code, 0);
    let ended = scene.run().model("model.scripted").input("azureml://datastores/a/paths/x").exits(3);
    ended.says(&["account_key", "chmod o-rwx"]);
    assert!(!ended.stderr.contains("SECRET"));
    let shown = scene.batchscore(&["datastore", "show", "a"]);
    assert!(shown.stdout.contains("is not usable") && !shown.stdout.contains("SECRET"), "{shown}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(scene.batchscore(&["datastore", "show", "a"]).stdout.contains("is readable"));
}

#[test]
fn secrets_that_were_written_all_the_same_are_not_shown() {
    let scene = scene();
    scene.write(
        ".batchscore/datastores.yml",
        "a:\n  url: az://c\n  account: acc\n  credentials: {account_key: SECRET==, client_id: me}\n\
         b:\n  url: https://h/d?sv=1&sig=SECRET\n\
         c:\n  url: s3://b\n  endpoint: https://me:it'sSECRET@h\n\
         d:\n  url: s3://b\n  credentials: SECRET\n  description: see https://SECRET@h/x?SECRET\n",
    );
    for name in ["a", "b", "c", "d"] {
        for json in [&[][..], &["--json"]] {
            let shown = scene.batchscore(&[&["datastore", "show", name], json].concat());
            assert_eq!(shown.code, 2, "{shown}");
            assert!(shown.stdout.contains("***") && shown.stderr.contains(&format!("datastore \"{name}\"")), "{shown}");
            assert!(!format!("{shown}").contains("SECRET"), "{shown}");
        }
    }
    for args in [&["datastore", "list"][..], &["datastore", "list", "--json"]] {
        let listed = scene.batchscore(args);
        assert!(listed.code == 0 && !format!("{listed}").contains("SECRET"), "{listed}");
    }
}

#[test]
fn what_is_registered_leads_back() {
    let scene = scene();
    assert_eq!(scene.batchscore(&["datastore", "create", "lake", "--url", "store"]).code, 0);
    scene.write("store/day=2024/hour=1/x.csv", rows_csv("x", 5));
    scene.write("lists/list.txt", "../store/in/a.csv\nazureml:days:1\n");
    for (name, path, items) in
        [("days", "azureml://datastores/lake/paths/day=202?/hour=1/x.csv", 5), ("listed", "manifest:lists/list.txt", 8)]
    {
        let made = scene.batchscore(&["data", "create", name, "--path", path]);
        assert_eq!(made.code, 0, "{made}");
        // From another folder, too.
        scene.write(&format!("below/{name}.yml"), format!("model: ../model.scripted\ninput_path: azureml:{name}:1\n"));
        let job = scene.run().arg(format!("below/{name}.yml")).arg("--overwrite").ok();
        assert_eq!(job.counts(), (items, items, 0));
    }
    let shown = scene.batchscore(&["data", "show", "listed"]);
    assert!(shown.stdout.contains(&format!("manifest:{}", scene.path("lists/list.txt").display())), "{shown}");
    for (path, expected) in [
        ("manifest:-", "standard input is not kept"),
        ("manifest:https://h/list?sig=SECRET", "holds a signature"),
        ("https://SECRET@h/x.csv", "holds a signature"),
        ("azureml://datastores/lake/paths/x.csv?sv=1&sig=SECRET", "holds a signature"),
        ("manifest:azureml:days:1", "cannot be registered again"),
    ] {
        let refused = scene.batchscore(&["data", "create", "no", "--path", path]);
        assert_eq!(refused.code, 2, "{refused}");
        refused.says(&[expected]);
        assert!(!refused.stderr.contains("SECRET"), "{refused}");
    }
    // A list in a job file is seen from there.
    scene.write("lists/job.yml", "model: ../model.scripted\ninput_path: manifest:list.txt\n");
    assert_eq!(scene.run().arg("lists/job.yml").arg("--overwrite").ok().counts(), (8, 8, 0));
    // What was one file and is a folder now is told.
    scene.batchscore(&["data", "create", "one", "--path", "store/in/a.csv"]);
    fs::remove_file(scene.path("store/in/a.csv")).unwrap();
    scene.write("store/in/a.csv/b.csv", rows_csv("b", 1));
    let changed = scene.run().model("model.scripted").args(&["--input-data", "one", "--overwrite"]).exits(3);
    changed.says(&["azureml:one@latest", "registered as uri_file and is uri_folder now"]);
}

#[test]
fn outputs_of_jobs_are_inputs() {
    let scene = scene();
    let run = |job: &str| scene.run().model("model.scripted").input("store/in").args(&["--name", job, "--keep", "all"]);
    let output = |job: &str| format!("azureml://jobs/{job}/outputs/score/paths/predictions.csv");
    let score = |input: &str| scene.run().model("model.scripted").input(input).arg("--overwrite");
    run("piped").to("-").ok();
    run("first").to("outputs/first").ok();
    assert_eq!(score(&output("first")).ok().counts(), (10, 10, 0));
    assert_eq!(score("azureml://jobs/first/outputs/score").ok().counts(), (10, 10, 0));
    scene.write("model.scripted", "fail_rows: 1");
    run("failing").to("outputs/failing").args(&["--error-threshold", "0"]).exits(5);
    scene.write("model.scripted", "");
    for (input, expected) in [
        (output("frist"), &["job \"frist\" is not known here", "first"][..]),
        ("azureml://jobs/first/outputs/other".to_owned(), &["has no output \"other\"", "\"score\""]),
        (output("piped"), &["was not written to a folder"]),
        (output("failing"), &["job \"failing\" is Failed"]),
    ] {
        score(&input).exits(3).says(expected);
    }
    // A workspace remembers what went elsewhere.
    scene.batchscore(&["datastore", "create", "lake", "--url", "store"]);
    for (job, place) in [("near", "elsewhere"), ("far", "azureml://datastores/lake/paths/far")] {
        run(job).to(place).ok();
        assert_eq!(score(&output(job)).ok().counts(), (10, 10, 0));
        assert_eq!(score(&format!("azureml://jobs/{job}/outputs/score")).ok().counts(), (10, 10, 0));
    }
    let made = scene.batchscore(&["data", "create", "scores", "--path", &output("far")]);
    assert_eq!(made.code, 0, "{made}");
    let shown = scene.batchscore(&["data", "show", "scores"]);
    assert!(shown.stdout.contains("azureml://datastores/lake/paths/far/predictions.csv"), "{shown}");
}

#[test]
fn data_is_registered_scored_and_checked() {
    let scene = scene();
    let create = |args: &[&str]| scene.batchscore(&[&["data", "create", "rows"], args].concat());
    let made = create(&["--path", "store/in", "--description", "ten rows", "--tag", "team=a"]);
    assert_eq!((made.code, made.stdout.as_str()), (0, "azureml:rows:1\n"), "{made}");
    assert_eq!(create(&["--path", "store/in/b.csv", "--version", "one-file"]).stdout, "azureml:rows:one-file\n");

    let score = |input: &[&str]| scene.run().model("model.scripted").args(input).arg("--overwrite");
    for (input, items) in [
        (["--input-path", "azureml:rows:1"], 10),
        (["--input-path", "azureml:rows@latest"], 7),
        (["--input-data", "rows:1"], 10),
        (["--input-data", "azureml:rows:one-file"], 7),
        (["--input-data", "rows"], 7),
    ] {
        assert_eq!(score(&input).ok().counts(), (items, items, 0), "{input:?}");
    }
    score(&["--input-data", "rows:9"]).exits(3).says(&["azureml:rows:9", "it has versions 1, one-file"]);
    score(&["--input-data", "nothing"]).exits(3).says(&["azureml:nothing@latest", "data create"]);

    let shown: Value = serde_json::from_str(&scene.batchscore(&["data", "show", "rows:1", "--json"]).stdout).unwrap();
    assert_eq!((&shown["type"], &shown["files"]), (&"uri_folder".into(), &2.into()));
    assert_eq!(shown["columns"], serde_json::json!([["id", "Utf8"], ["x", "Utf8"]]));
    assert_eq!(scene.batchscore(&["data", "list"]).stdout.lines().count(), 2);

    // A column that is gone is told before anything is scored.
    scene.write("store/in/a.csv", "id,y\n1,2\n");
    score(&["--input-data", "rows:1"]).exits(3).says(&[
        "a.csv",
        "azureml:rows:1",
        "column \"x\" is gone",
        "data create",
    ]);

    scene.batchscore(&["data", "delete", "rows"]).says(&["--all-versions"]);
    assert_eq!(scene.batchscore(&["data", "delete", "rows:one-file"]).code, 0);
    assert_eq!(scene.batchscore(&["data", "list"]).stdout.lines().count(), 1);
    assert_eq!(scene.batchscore(&["data", "delete", "rows", "--all-versions"]).code, 0);
    assert_eq!(scene.batchscore(&["data", "list"]).stdout, "");
    assert!(scene.exists("store/in/b.csv"));
}

#[test]
fn registered_folders_may_tell_columns_and_begin_with_a_file_that_tells_none() {
    let scene = scene();
    for (folder, name) in [("year=2024/month=05", "a"), ("year=2024/month=05", "b"), ("year=x", "c")] {
        scene.write(&format!("parts/{folder}/{name}.csv"), rows_csv(name, 2));
    }
    scene.write("broken/a.csv", "");
    scene.write("broken/b.parquet", "no Parquet");
    scene.write("broken/c.csv", rows_csv("c", 4));
    let score = |data: &str| scene.run().model("model.scripted").args(&["--input-data", data, "--overwrite"]);
    for folder in ["parts", "broken"] {
        let made = scene.batchscore(&["data", "create", folder, "--path", folder]);
        assert_eq!(made.code, 0, "{made}");
    }
    let ended = score("parts").args(&["--keep", "year"]).ok();
    assert_eq!(ended.counts(), (6, 6, 0));
    assert_eq!(ended.predictions().column("year"), ["2024", "2024", "2024", "2024", "x", "x"]);
    // A folder more is no other data, even where the type of what it tells changes.
    scene.write("parts/year=x/month=y/d.csv", rows_csv("d", 1));
    assert_eq!(score("parts").ok().counts(), (7, 7, 0));
    assert_eq!(score("broken").ok().counts(), (6, 4, 2));
    // The first file that tells its columns is compared.
    scene.write("broken/c.csv", "id,y\n1,2\n");
    score("broken").exits(3).says(&["c.csv", "column \"x\" is gone"]);
}

#[test]
fn azures_files_are_read() {
    let scene = scene();
    scene.write(
        "store.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/azureBlob.schema.json\nname: blobs\ntype: azure_blob\n\
         account_name: acc\ncontainer_name: c\ncredentials:\n  account_key: env:BLOB_KEY\n",
    );
    assert_eq!(scene.batchscore(&["datastore", "create", "--file", "store.yml"]).code, 0);
    let shown = scene.batchscore(&["datastore", "show", "blobs"]);
    assert!(shown.stdout.contains("env:BLOB_KEY is not set"), "{shown}");
    scene.write("data.yml", "$schema: x\nname: rows\nversion: 5\ntype: uri_folder\npath: store/in\ntags: {a: b}\n");
    let made = scene.batchscore(&["data", "create", "--file", "data.yml"]);
    assert_eq!(made.stdout, "azureml:rows:5\n", "{made}");
    let refused = scene.batchscore(&["data", "create", "rows", "--path", "store/in", "--type", "uri_file"]);
    refused.says(&["is a uri_folder, not a uri_file"]);
    let refused = scene.batchscore(&["data", "create", "rows", "--path", "store/in/b.csv", "--type", "uri_folder"]);
    refused.says(&["is a uri_file, not a uri_folder"]);
}

#[test]
fn the_workspace_is_the_nearest_or_the_one_that_is_named() {
    let scene = scene();
    scene.batchscore(&["datastore", "create", "near", "--url", "store"]);
    let other = scene.path("other");
    let named = |args: &[&str]| scene.with(args).env("BATCHSCORE_WORKSPACE", other.to_str().unwrap()).end();
    named(&["datastore", "create", "far", "--url", "store"]);
    assert!(scene.exists("other/datastores.yml"));
    assert!(named(&["datastore", "list"]).stdout.starts_with("far "));
    assert!(scene.batchscore(&["datastore", "list"]).stdout.starts_with("near "));
    // A broken file is no matter for jobs that need none of it.
    scene.write(".batchscore/datastores.yml", "near:\n  urls: x\n");
    assert_eq!(scene.run().model("model.scripted").input("store/in").ok().counts(), (10, 10, 0));
    let broken = scene.batchscore(&["datastore", "list"]);
    broken.says(&["datastores.yml, line 2", "`urls`", "did you mean `url`?"]);
}

#[test]
fn manifests_name_files_anywhere() {
    let scene = scene();
    scene
        .write("lists/all.txt", "# two of five exist\n../store/in/b.csv\n../store/in/gone.csv\n\n../store/empty\n../store/*.parquet\n../store/in/a.csv\n");
    fs::create_dir(scene.path("store/empty")).unwrap();
    let ended = scene.run().model("model.scripted").input("manifest:lists/all.txt").ok();
    assert_eq!(ended.counts(), (13, 10, 3));
    let failed = ["../store/in/gone.csv", "../store/empty", "../store/*.parquet"];
    assert_eq!(ended.failed_places(), failed.map(|place| (place, None)));
    let files = ended.predictions().column("file");
    assert_eq!((files[0], files[9]), ("../store/in/b.csv", "../store/in/a.csv"));
    let command = |script: &str| {
        let run = scene.run().model("model.scripted").input("manifest:-").arg("--overwrite");
        let command = run.in_shell(script);
        run.end_of(command)
    };
    let ended = command("ls store/in/*.csv | \"$@\"");
    assert_eq!(ended.counts(), (10, 10, 0));
}
