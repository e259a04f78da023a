//! What can be done with signatures of Azure's that allow little.

use super::store::{Service, Store};
use crate::support::{Scene, rows_csv};

#[test]
fn results_are_written_by_a_signature_that_reads_nothing() {
    let (store, scene) = (Store::new(Service::Azurite), Scene::new());
    let environment = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1".to_owned()),
        ("AZURE_STORAGE_ENDPOINT", format!("http://{}/devstoreaccount1", store.address)),
        ("AZURE_ALLOW_HTTP", "true".to_owned()),
    ];
    let folder = format!("{}?{}", store.uri("out"), store.signature_for("cw"));
    let run = |input: &str, args: &[&str]| {
        let run = scene.run().model("model.scripted").input(input).args(args).to(&folder);
        environment.iter().fold(run, |run, (name, value)| run.env(name, value)).end()
    };
    scene.write("model.scripted", "");
    scene.write("data.csv", rows_csv("a", 20));
    let ended = run("data.csv", &[]);
    assert_eq!(ended.code, 0, "{ended}");
    let first = store.text("out/predictions.csv");
    assert_eq!(first.lines().count(), 21);
    // What is there stays, though it cannot be seen before.
    scene.write("data.csv", rows_csv("b", 5));
    let ended = run("data.csv", &[]);
    assert_eq!(ended.code, 6, "{ended}");
    ended.says(&["already exists"]);
    assert_eq!(store.text("out/predictions.csv"), first);
    // A large result takes its name by a copy, which has to be read.
    let long: String = (0..60).map(|row| format!("{}{row},{row}\n", "long".repeat(60_000))).collect();
    scene.write("long.csv", format!("id,x\n{long}"));
    store.delete("out/predictions.csv");
    let ended = run("long.csv", &["--keep", "all"]);
    assert_eq!(ended.code, 6, "{ended}");
    ended.says(&["the signature does not let it be read", "--overwrite"]);
    let ended = run("long.csv", &["--keep", "all", "--overwrite"]);
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(store.text("out/predictions.csv").lines().count(), 61);
}
