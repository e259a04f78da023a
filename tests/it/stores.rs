//! Data in object stores and results into them, against emulators on this machine.
//!
//! `tests/run.sh` installs the emulators under `target/`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Ended, Run, Scene, gzip, repository, rows_csv};

/// A store of its own for a test, which ends when it is dropped.
struct Emulator {
    process: Child,
    /// `127.0.0.1:<port>`.
    address: String,
}

impl Emulator {
    /// Starts a program that says on which port it listens, and waits until it does.
    fn start(program: &str, args: &[&str], says: &str) -> Emulator {
        let mut process = Command::new(installed(program))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let pipes: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        for pipe in pipes {
            let sender = sender.clone();
            let read = move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    // Once the port is known nobody listens, but the pipe must not fill up.
                    let _ = sender.send(line);
                }
            };
            std::thread::Builder::new().spawn(read).unwrap();
        }
        drop(sender);
        let mut seen = Vec::new();
        let address = lines.iter().find_map(|line| {
            let address = line.split_once(says).map(|(_, address)| address.trim().trim_end_matches('/').to_owned());
            seen.push(line);
            address
        });
        let emulator = Emulator { process, address: address.unwrap_or_default() };
        assert!(!emulator.address.is_empty(), "{program} ended before it listened:\n{}", seen.join("\n"));
        emulator
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn installed(program: &str) -> PathBuf {
    let path = repository().join("target").join(program);
    assert!(path.exists(), "{} is not installed: run tests/run.sh, which installs it", path.display());
    path
}

/// The two kinds of stores, seen alike.
trait Store {
    /// The URI of an object or a prefix.
    fn uri(&self, key: &str) -> String;
    fn put(&self, scene: &Scene, key: &str, bytes: &[u8]);
    fn get(&self, key: &str) -> Option<String>;
    fn environment(&self) -> Vec<(&'static str, String)>;

    fn run<'a>(&self, scene: &'a Scene) -> Run<'a> {
        self.environment().iter().fold(scene.run(), |run, (name, value)| run.env(name, value))
    }

    fn account(&self, key: &str) -> Value {
        serde_json::from_str(&self.get(key).unwrap_or_else(|| panic!("no {key}"))).unwrap()
    }
}

/// Who asks, which the emulator wants to know and does not check.
const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request\r\n";

struct S3(Emulator);

impl S3 {
    fn start() -> S3 {
        let emulator =
            Emulator::start("test-venv/bin/moto_server", &["-H", "127.0.0.1", "-p", "0"], "Running on http://");
        let store = S3(emulator);
        assert_eq!(request(&store.0.address, SIGNED, "PUT", "/bucket", b"").0, 200);
        store
    }
}

impl Store for S3 {
    fn uri(&self, key: &str) -> String {
        format!("s3://bucket/{key}")
    }

    fn put(&self, _: &Scene, key: &str, bytes: &[u8]) {
        assert_eq!(request(&self.0.address, SIGNED, "PUT", &format!("/bucket/{key}"), bytes).0, 200);
    }

    fn get(&self, key: &str) -> Option<String> {
        let (status, body) = request(&self.0.address, SIGNED, "GET", &format!("/bucket/{key}"), b"");
        (status == 200).then(|| String::from_utf8(body).unwrap())
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "the-key-id".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "the-secret".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", format!("http://{}", self.0.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }
}

struct Azure(Emulator);

impl Azure {
    fn start(scene: &Scene) -> Azure {
        let folder = scene.path("azurite");
        let folder = folder.to_str().unwrap();
        let args = [
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            "0",
            "--location",
            folder,
            "--skipApiVersionCheck",
            "--disableTelemetry",
        ];
        let program = "npm/node_modules/.bin/azurite-blob";
        let store = Azure(Emulator::start(program, &args, "successfully listens on http://"));
        // Anybody may read, so that the tests can do it without a signature.
        store.send("PUT", "container?restype=container", "", &["x-ms-blob-public-access:container"]);
        store
    }

    fn send(&self, method: &str, path: &str, file: &str, headers: &[&str]) {
        let url = format!("http://{}/devstoreaccount1/{path}", self.0.address);
        let script = repository().join("tests/it/stores/azurite.py");
        let output = Command::new(installed("test-venv/bin/python"))
            .arg(script)
            .args([method, &url, file])
            .args(headers)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Store for Azure {
    fn uri(&self, key: &str) -> String {
        format!("az://container/{key}")
    }

    fn put(&self, scene: &Scene, key: &str, bytes: &[u8]) {
        let file = scene.write("upload", bytes);
        self.send("PUT", &format!("container/{key}"), file.to_str().unwrap(), &["x-ms-blob-type:BlockBlob"]);
    }

    fn get(&self, key: &str) -> Option<String> {
        let (status, body) = request(&self.0.address, "", "GET", &format!("/devstoreaccount1/container/{key}"), b"");
        (status == 200).then(|| String::from_utf8(body).unwrap())
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
            ("AZURITE_BLOB_STORAGE_URL", format!("http://{}", self.0.address)),
        ]
    }
}

/// Status and body of the answer to a request with one more header.
fn request(address: &str, header: &str, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n{header}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

/// A folder of the store is scored into another one, as on a disk.
fn check_round_trip(store: &dyn Store, scene: &Scene) {
    scene.write("model.scripted", "fail_rows: 7");
    for (name, bytes) in
        [("b.csv", rows_csv("b", 100).into_bytes()), ("a/1.csv.gz", gzip(rows_csv("a", 50))), ("_SUCCESS", Vec::new())]
    {
        scene.write(&format!("in/{name}"), &bytes);
        store.put(scene, &format!("in/{name}"), if bytes.is_empty() { b" " } else { &bytes });
    }
    let local = scene.run().model("model.scripted").input("in").args(&["--keep", "all"]).ok();
    assert_eq!(local.counts(), (150, 148, 2));

    let out = store.uri("out");
    let run = |input: &str| store.run(scene).model("model.scripted").input(input).args(&["--keep", "all"]).to(&out);
    let ended = run(&store.uri("in")).ok();
    assert_eq!(ended.stdout, format!("{out}/predictions.csv\n"));
    assert_eq!(store.get("out/predictions.csv").unwrap(), scene.read("out/predictions.csv"));
    assert_eq!(store.get("out/predictions.errors.jsonl").unwrap(), scene.read("out/predictions.errors.jsonl"));
    let account = store.account("out/job.json");
    assert_eq!(account["result"]["counts"], local.job.as_ref().unwrap()["result"]["counts"]);

    // What exists is left alone, unless the user says otherwise.
    store.put(scene, "out/predictions.csv", b"precious");
    run(&store.uri("in")).exits(6).says(&[&format!("{out}/predictions.csv"), "already exists", "--overwrite"]);
    assert_eq!(store.get("out/predictions.csv").unwrap(), "precious");
    run(&store.uri("in/a/*.gz")).arg("--overwrite").ok();
    let replaced = store.get("out/predictions.csv").unwrap();
    assert_eq!(replaced.lines().count(), 50, "{replaced}");
    assert!(replaced.contains("0,0,1.csv.gz,a0,0.5\n") || replaced.contains("0,0,a/1.csv.gz,a0,0.5\n"), "{replaced}");
}

/// A job that fails leaves no object of the final name, and its account.
fn check_failure(store: &dyn Store, scene: &Scene) {
    scene.write("model.scripted", "fail_rows: 7");
    store.put(scene, "in/data.csv", rows_csv("b", 20).as_bytes());
    let run = || store.run(scene).model("model.scripted").input(&store.uri("in/data.csv")).to(&store.uri("bad"));
    run().args(&["--error-threshold", "0"]).exits(5).says(&["more than error_threshold 0 allows"]);
    assert_eq!(store.get("bad/predictions.csv"), None);
    assert_eq!(store.account("bad/job.json")["result"]["status"], "Failed");
    assert_eq!(store.get("bad/predictions.errors.jsonl").unwrap().lines().count(), 1);
}

/// What is not there is named, with what is near it.
fn check_missing(store: &dyn Store, scene: &Scene) -> Ended {
    scene.write("model.scripted", "");
    store.put(scene, "in/measurements.csv", rows_csv("b", 1).as_bytes());
    let uri = store.uri("in/mesurements.csv");
    let ended = store.run(scene).model("model.scripted").input(&uri).exits(3);
    ended.says(&[&uri, "does not exist", "measurements.csv"]);
    ended
}

#[test]
fn s3_in_and_out() {
    let scene = Scene::new();
    check_round_trip(&S3::start(), &scene);
}

#[test]
fn s3_failures() {
    let scene = Scene::new();
    let store = S3::start();
    check_failure(&store, &scene);
    let ended = check_missing(&store, &scene);
    assert!(!ended.stderr.contains("the-secret"), "{ended}");
    let ended = store.run(&scene).model("model.scripted").input("s3://bukcet/in").exits(3);
    ended.says(&["s3://bukcet/in"]);
}

#[test]
fn azure_in_and_out() {
    let scene = Scene::new();
    check_round_trip(&Azure::start(&scene), &scene);
}

#[test]
fn azure_failures() {
    let scene = Scene::new();
    let store = Azure::start(&scene);
    check_failure(&store, &scene);
    check_missing(&store, &scene);
}

#[test]
fn parquet_in_a_store_is_read_in_parts() {
    let scene = Scene::new();
    let store = S3::start();
    scene.copy("sample-data/diabetes/model.onnx", "model.onnx");
    scene.copy("sample-data/diabetes/diabetes.parquet", "data.parquet");
    store.put(&scene, "data.parquet", &std::fs::read(scene.path("data.parquet")).unwrap());
    let local = scene.run().model("model.onnx").input("data.parquet").ok();
    let remote = store.run(&scene).model("model.onnx").input(&store.uri("data.parquet")).to("remote").ok();
    assert_eq!(remote.predictions(), local.predictions());
    assert_eq!(remote.counts(), (1000, 1000, 0));
}
