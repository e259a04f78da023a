//! Secrets appear nowhere: they are given in every way there is, jobs succeed and fail in as many ways as can be, and all
//! that a run says and writes is searched.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;

use serde_json::json;

use super::http::{Kind, Message};
use super::proxy::{FOREVER, Fault, Proxy, Rule};
use super::server::Server;
use super::store::{Service, Store};
use crate::support::{Scene, rows_csv};

/// Every secret of these tests has this word in it, but for real signatures.
const PLANTED: &str = "planted";

/// How a run is asked to speak.
const MODES: [&[&str]; 4] =
    [&["-v"], &["--progress", "json", "--overwrite"], &["--dry-run"], &["--quiet", "--overwrite"]];

/// A job that is given secrets.
struct Case {
    name: &'static str,
    environment: Vec<(&'static str, String)>,
    arguments: Vec<String>,
    output: String,
    /// How it ends, unless it is a dry run.
    code: i32,
}

impl Case {
    fn new(name: &'static str, code: i32, input: impl Into<String>) -> Case {
        let arguments = ["--model", "model.scripted", "--input-path"].map(str::to_owned);
        let arguments = arguments.into_iter().chain([input.into()]).collect();
        Case { name, environment: Vec::new(), arguments, output: format!("out {name}"), code }
    }

    /// A job file that is not understood.
    fn job_file(scene: &Scene, name: &'static str, text: &str) -> Case {
        let file = format!("job files/{name}.yml");
        scene.write(&file, text);
        Case { arguments: vec![file], ..Case::new(name, 2, "") }
    }

    fn with(mut self, environment: &[(&'static str, String)]) -> Case {
        self.environment.extend_from_slice(environment);
        self
    }

    fn set(self, name: &'static str, value: &str) -> Case {
        self.with(&[(name, value.to_owned())])
    }

    fn args(mut self, args: &[&str]) -> Case {
        self.arguments.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    fn to(mut self, output: String) -> Case {
        self.output = output;
        self
    }
}

/// Where secrets must not be found, and what else is one.
struct Search<'a> {
    scene: &'a Scene,
    needles: Vec<String>,
    found: Mutex<Vec<String>>,
}

impl Search<'_> {
    fn text(&self, place: &str, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let lower = text.to_lowercase();
        if let Some(needle) = self.needles.iter().find(|needle| lower.contains(&needle.to_lowercase())) {
            let line = text.lines().find(|line| line.to_lowercase().contains(&needle.to_lowercase()));
            self.found.lock().unwrap().push(format!("{place} holds {needle:?}: {}", line.unwrap_or_default()));
        }
    }

    fn path(&self, path: &Path) {
        if path.is_dir() {
            std::fs::read_dir(path).unwrap().for_each(|entry| self.path(&entry.unwrap().path()));
        } else {
            self.text(&path.display().to_string(), &std::fs::read(path).unwrap());
        }
    }

    /// Runs a case in every mode, four runs at a time.
    fn run(&self, cases: &[Case]) {
        let runs = cases.iter().flat_map(|case| MODES.map(|mode| (case, mode)));
        let queue = Mutex::new(runs.collect::<Vec<_>>().into_iter());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap().next();
                        let Some((case, mode)) = next else { return };
                        self.run_one(case, mode);
                    }
                });
            }
        });
        let outputs = std::fs::read_dir(self.scene.path("")).unwrap().map(|entry| entry.unwrap().path());
        outputs.filter(|path| !path.ends_with("job files")).for_each(|path| self.path(&path));
        let found = self.found.lock().unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    fn run_one(&self, case: &Case, mode: &[&str]) {
        let (name, folder) = (case.name, mode[0].trim_matches('-'));
        // The query of a URL stays at its end.
        let output = match case.output.split_once('?') {
            Some((path, query)) => format!("{path}/{folder}?{query}"),
            None => format!("{}/{folder}", case.output),
        };
        let arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let run = self.scene.run().args(&arguments).args(mode).to(&output);
        let run = case.environment.iter().fold(run, |run, (name, value)| run.env(name, value));
        let ended = run.command().output().unwrap();
        self.text(&format!("standard error of {name} {mode:?}"), &ended.stderr);
        self.text(&format!("standard output of {name} {mode:?}"), &ended.stdout);
        // A dry run sees nothing of the stores.
        let expected = if mode[0] == "--dry-run" && case.code != 2 { 0 } else { case.code };
        if ended.status.code() != Some(expected) {
            let said = String::from_utf8_lossy(&ended.stderr);
            self.found
                .lock()
                .unwrap()
                .push(format!("{name} {mode:?} ended with {}, not {expected}: {said}", ended.status));
        }
    }
}

fn search(scene: &Scene) -> Search<'_> {
    scene.write("model.scripted", "fail_rows: 7");
    scene.write("data.csv", rows_csv("a", 20));
    Search { scene, needles: vec![PLANTED.to_owned()], found: Mutex::default() }
}

/// The address of nobody.
fn nobody() -> String {
    // A port that was free a moment ago.
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A proxy that answers every request with this refusal.
fn refusing(body: &'static str) -> Proxy {
    let refusal = || Fault::Answer(Message::answer("403 Forbidden", &[], body.as_bytes()));
    let rule = |kind| Rule { kind, about: "", spared: 0, times: FOREVER, fault: refusal() };
    Proxy::start(&nobody(), [Kind::Head, Kind::Get, Kind::Range, Kind::List, Kind::Put].map(rule).into())
}

#[test]
fn of_s3() {
    let scene = Scene::new();
    let search = search(&scene);
    let store = Store::new(Service::Moto);
    store.put("in/a.csv", rows_csv("a", 20));
    let token = ("AWS_SESSION_TOKEN", "planted-session-token".to_owned());
    let environment = [&store.environment()[..], &[token]].concat();
    let refuses = refusing(
        "<Error><Code>InvalidToken</Code><Message>The provided token is malformed or otherwise invalid.</Message>\
         <Token-0>planted-session-token</Token-0></Error>",
    );
    let silent = refusing("");
    let bucket = store.uri("in");
    let case = |name, code, input: &str| Case::new(name, code, input).with(&environment);
    search.run(&[
        case("good", 0, &bucket).to(store.uri("good")),
        case("failed rows", 5, &bucket).to(store.uri("failed")).args(&["--error-threshold", "0"]),
        case("no such object", 3, &store.uri("in/nothing.csv")),
        case("no such bucket", 3, "s3://no-such-bucket/in"),
        case("refused", 3, &bucket).set("AWS_ENDPOINT", &format!("http://{}", refuses.address())),
        case("refused without a word", 3, &bucket).set("AWS_ENDPOINT", &format!("http://{}", silent.address())),
        case("no output", 6, "data.csv")
            .to(store.uri("out"))
            .set("AWS_ENDPOINT", &format!("http://{}", refuses.address())),
        case("an endpoint that is none", 3, &bucket).set("AWS_ENDPOINT", "ht tp://me:planted@nowhere?token=planted"),
    ]);
    for key in store.keys() {
        search.text(&key, &store.get(&key).unwrap());
    }
    assert_eq!(search.found.into_inner().unwrap(), [""; 0]);
}

#[test]
fn of_azure() {
    let scene = Scene::new();
    let mut search = search(&scene);
    let store = Store::new(Service::Azurite);
    store.put("in/a.csv", rows_csv("a", 20));
    let signed = store.signature();
    let signature = signed.split('&').find_map(|pair| pair.strip_prefix("sig=")).unwrap();
    search
        .needles
        .extend([signature.to_owned(), signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")]);
    let account = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1".to_owned()),
        ("AZURE_STORAGE_ENDPOINT", format!("http://{}/devstoreaccount1", store.address)),
        ("AZURE_ALLOW_HTTP", "true".to_owned()),
    ];
    let bucket = store.uri("in");
    let key = "plantedAccountKeyplantedAccountK";
    let wrong = "sv=2021-12-02&sr=c&sp=rl&se=2036-01-01&sig=planted%2Bsignature";
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};\
         BlobEndpoint=http://{}/devstoreaccount1;",
        store.address
    );
    let case = |name, code, input: &str| Case::new(name, code, input).with(&account);
    search.run(&[
        case("signed", 0, &format!("{bucket}?{signed}")).to(format!("{}?{signed}", store.uri("good"))),
        case("signed by the environment", 0, &bucket).set("AZURE_STORAGE_SAS_TOKEN", &signed).to(store.uri("token")),
        case("wrong signature", 3, &format!("{bucket}?{wrong}")),
        case("wrong signature of a file", 3, &format!("{bucket}/a.csv?{wrong}")),
        case("wrong token", 3, &bucket).set("AZURE_STORAGE_SAS_TOKEN", wrong),
        case("wrong key", 3, &bucket).set("AZURE_STORAGE_ACCOUNT_KEY", key),
        case("a key that is none", 3, &bucket).set("AZURE_STORAGE_ACCOUNT_KEY", "planted key!"),
        case("a client", 3, &bucket)
            .set("AZURE_TENANT_ID", "tenant")
            .set("AZURE_CLIENT_ID", "client")
            .set("AZURE_CLIENT_SECRET", "planted-client-secret")
            .set("AZURE_AUTHORITY_HOST", &format!("http://{}", refusing("planted? no").address())),
        case("connection string", 3, &bucket).set("AZURE_STORAGE_CONNECTION_STRING", &connection),
        case("no output", 6, "data.csv").to(format!("{}?{wrong}", store.uri("out"))),
    ]);
    for key in store.keys() {
        search.text(&key, &store.get(&key).unwrap());
    }
    assert_eq!(search.found.into_inner().unwrap(), [""; 0]);
}

#[test]
fn of_google() {
    let scene = Scene::new();
    let search = search(&scene);
    let store = Store::new(Service::Google);
    store.put("in/a.csv", rows_csv("a", 20));
    let environment = store.environment();
    let bucket = store.uri("in");
    let account = json!({
        "client_email": "me@example.com", "private_key_id": "1",
        "private_key": "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n",
    });
    let key = |name, code, value: &str| {
        Case::new(name, code, bucket.clone()).with(&environment).set("GOOGLE_SERVICE_ACCOUNT_KEY", value)
    };
    search.run(&[
        Case::new("good", 0, bucket.clone()).with(&environment).to(store.uri("good")),
        Case::new("no such object", 3, store.uri("in/nothing.csv")).with(&environment),
        key("a key that is none", 3, &account.to_string()),
        key("a key cut short", 3, "{\"private_key\": \"planted"),
        key("no JSON", 3, "planted-private-key"),
    ]);
    for key in store.keys() {
        search.text(&key, &store.get(&key).unwrap());
    }
    assert_eq!(search.found.into_inner().unwrap(), [""; 0]);
}

#[test]
fn of_addresses() {
    let scene = Scene::new();
    let mut search = search(&scene);
    // `me:pass-word-planted` in base64, as the header has it.
    search.needles.push("bWU6cGFzcy13b3JkLXBsYW50ZWQ".to_owned());
    let store = Store::new(Service::Nginx);
    store.put("a.csv", rows_csv("a", 20));
    store.put("broken.parquet", "no Parquet at all");
    let server = Server::nginx();
    let address = server.address.as_str();
    let file = format!("{}/a.csv", store.bucket);
    let (login, query) = ("me:pass-word-planted", "token=planted&sig=planted%2Bsig");
    let url = |address: &str, path: &str| format!("http://{login}@{address}/{path}?{query}");
    let nobody = nobody();
    let web = url(address, &file);
    search.run(&[
        Case::new("good", 0, url(address, &format!("locked/{file}"))),
        Case::new("failed rows", 5, web.clone()).args(&["--error-threshold", "0"]),
        Case::new("wrong password", 3, url(address, &format!("locked/{file}")).replace("pass-word", "wrong")),
        Case::new("not there", 3, url(address, "nothing.csv")),
        Case::new("no format", 3, url(address, "nothing")),
        Case::new("no Parquet", 3, url(address, &format!("{}/broken.parquet", store.bucket))),
        Case::new("a circle", 3, url(address, "circle/a.csv")),
        Case::new("nobody", 3, url(&nobody, "a.csv")),
        Case::new("no certificate", 3, url(&server.tls(), &file).replace("http:", "https:")),
        Case::new("not TLS", 3, web.replace("http:", "https:")),
        Case::new("a port that is none", 2, url("127.0.0.1:port", "a.csv")),
        Case::new("no host", 2, format!("https://{login}@/a.csv?{query}")),
        Case::new("no scheme of ours", 2, format!("ftp://{login}@{address}/a.csv?{query}")),
        Case::new("a datastore", 3, format!("azureml://datastores/d/paths/a.csv?{query}")),
        Case::new("no place for results", 6, web.clone()).to(format!("http://{login}@{address}/out?{query}")),
        Case::new("a model on the web", 2, web.clone()).args(&["--model", &url(address, "model.onnx")]),
        Case::new("a set that is none", 2, web.clone()).args(&["--set", &format!("input_pth={web}")]),
        Case::new("a set of too much", 2, web.clone()).args(&["--set", &format!("input_path={{{web}: [")]),
        Case::job_file(&scene, "an unknown key", &format!("input_path: {web}\ninput_pth: {web}\n")),
        Case::job_file(&scene, "no YAML", &format!("input_path: [\"{web}\n  x: {web}\n")),
        Case::job_file(&scene, "a wrong kind", &format!("input_path: {{a: \"{web}\"}}\n")),
        Case::job_file(&scene, "a wrong value", &format!("workers: \"{web}\"\n")),
        Case::new("a background", 0, web.clone()).args(&["--explain-background", &url(&nobody, "b.csv")]),
    ]);
}
