//! Files on a web server.

use super::faults::passing;
use super::http::Kind;
use super::proxy::{Proxy, Rule};
use super::server::Server;
use super::store::{Service, Store};
use crate::support::{Ended, Scene, Table, number_columns, rows_csv, write_parquet};

/// Rows of the sample files.
const ROWS: usize = 2_000;

/// A CSV and a Parquet file in the scene and on the server.
fn prepare(scene: &Scene) -> Store {
    let store = Store::new(Service::Nginx);
    scene.write("model.scripted", "");
    let csv = rows_csv("", ROWS);
    scene.write("data.csv", &csv);
    write_parquet(scene, "data.parquet", &number_columns(&Table::csv(&csv)), ROWS / 4);
    for name in ["data.csv", "data.parquet"] {
        store.put(name, std::fs::read(scene.path(name)).unwrap());
    }
    store
}

/// The address of a file below another root of the server.
fn below(store: &Store, root: &str, key: &str) -> String {
    store.uri(key).replace(&format!("/{}/", store.bucket), &format!("/{root}/{}/", store.bucket))
}

fn score(scene: &Scene, address: &str) -> Ended {
    scene.run().model("model.scripted").input(address).args(&["--keep", "all", "--overwrite"]).end()
}

#[track_caller]
fn succeeds(scene: &Scene, address: &str) {
    let local = score(scene, address.rsplit('/').next().unwrap());
    let remote = score(scene, address);
    assert_eq!(remote.code, 0, "{remote}");
    assert_eq!(remote.predictions(), local.predictions());
    assert_eq!(remote.counts(), (ROWS as u64, ROWS as u64, 0));
}

#[test]
fn parquet_is_read_in_stretches() {
    let scene = Scene::new();
    let store = prepare(&scene);
    let proxy = Proxy::start(&store.address, Vec::new());
    succeeds(&scene, &store.behind(&proxy.address()).uri("data.parquet"));
    let kinds: Vec<Kind> = proxy.requests().iter().map(super::http::Message::kind).collect();
    assert!(kinds.contains(&Kind::Range) && !kinds.contains(&Kind::Get), "{kinds:?}");
}

#[test]
fn faults_that_pass_leave_no_trace() {
    let scene = Scene::new();
    let store = prepare(&scene);
    for (name, kind) in [("data.csv", Kind::Get), ("data.parquet", Kind::Range)] {
        let local = score(&scene, name);
        for (fault, harm) in passing() {
            let rule = Rule { kind, about: "", spared: 0, times: 1, fault: harm };
            let proxy = Proxy::start(&store.address, vec![rule]);
            let remote = score(&scene, &store.behind(&proxy.address()).uri(name));
            assert_eq!((remote.code, proxy.done()), (0, 1), "{fault}: {remote}");
            assert_eq!(remote.predictions(), local.predictions(), "{fault}");
        }
    }
}

#[test]
fn a_server_without_ranges_serves_text() {
    let scene = Scene::new();
    let store = prepare(&scene);
    succeeds(&scene, &below(&store, "whole", "data.csv"));
    let ended = score(&scene, &below(&store, "whole", "data.parquet"));
    assert_eq!(ended.code, 3, "{ended}");
    ended.says(&["data.parquet", "Range request not supported"]);
}

#[test]
fn a_password_opens() {
    let scene = Scene::new();
    let store = prepare(&scene);
    let address = below(&store, "locked", "data.csv");
    succeeds(&scene, &address.replace("://", "://me:pass-word-planted@"));
    for wrong in ["://", "://me:wr%6Fng-planted@"] {
        let ended = score(&scene, &address.replace("://", wrong));
        assert_eq!(ended.code, 3, "{ended}");
        ended.says(&["/data.csv", "401 Unauthorized", "user:password"]);
        assert!(!ended.stderr.contains("planted"), "{ended}");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let scene = Scene::new();
    let store = prepare(&scene);
    let ended = score(&scene, &store.uri("nothing.csv"));
    assert_eq!(ended.code, 3, "{ended}");
    ended.says(&[&store.uri("nothing.csv"), "does not exist"]);
}

#[test]
fn circles_are_left() {
    let scene = Scene::new();
    prepare(&scene);
    let ended = score(&scene, &format!("http://{}/circle/data.csv", Server::nginx().address));
    assert_eq!(ended.code, 3, "{ended}");
    ended.says(&["/circle/data.csv", "redirect"]);
}

#[test]
fn unknown_certificates_are_refused() {
    let scene = Scene::new();
    let store = prepare(&scene);
    let address = store.uri("data.csv").replace("http://", "https://").replace(&store.address, &Server::nginx().tls());
    let ended = score(&scene, &address);
    assert_eq!(ended.code, 3, "{ended}");
    ended.says(&[&address, "certificate"]);
}

#[test]
fn nobody_answers() {
    let scene = Scene::new();
    scene.write("model.scripted", "");
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = score(&scene, &format!("http://{address}/data.csv"));
    assert_eq!(ended.code, 3, "{ended}");
    ended.says(&[&format!("http://{address}/data.csv"), "onnection refused"]);
}
