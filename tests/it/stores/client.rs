//! The stores' own Python clients, in one process for all tests.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::server::installed;
use crate::support::repository;

struct Client {
    _process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    fn start() -> Client {
        // It ends when its standard input does, and so with this process.
        let mut process = Command::new(installed("test-venv/bin/python"))
            .arg(repository().join("tests/it/stores/client.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Client { _process: process, requests, answers }
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.requests, "{request}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} is the answer to {request}"))
    }
}

/// Asks the client of `store` (see `client.py`) at `address` to do something: the value of its answer, or nothing where
/// there is no such object.
pub(super) fn ask(store: &str, address: &str, mut request: Value) -> Option<Value> {
    static CLIENT: Mutex<Option<Client>> = Mutex::new(None);
    request["store"] = json!(store);
    request["endpoint"] = json!(format!("http://{address}"));
    let mut client = CLIENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let answer = client.get_or_insert_with(Client::start).ask(&request);
    if let Some(error) = answer["error"].as_str() {
        drop(client);
        panic!("{request}: {error}");
    }
    (answer["missing"] != true).then(|| answer["value"].clone())
}
