//! The servers of the stores: started once each, ended with this process.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::store::SECRET_KEY;
use crate::support::repository;

/// A server that is up.
pub(super) struct Server {
    /// `127.0.0.1:<port>`.
    pub(super) address: String,
    /// A folder of its own, removed at the end.
    pub(super) folder: PathBuf,
    /// Its keeper, which ends it when this process is gone, or when the pipe to it is closed.
    _keeper: Child,
}

/// Starts "$@" and waits for the end of its own standard input, which comes also when the tests are killed; then it ends
/// the program by its number and removes the folder.
const KEEPER: &str = r#"trap '' INT
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
exec >/dev/null 2>&1
cat <&3
kill $!
wait $!
rm -rf "$folder"
"#;

impl Server {
    /// Amazon's protocol in Python.
    pub(super) fn moto() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let program = installed("test-venv/bin/moto_server");
            Server::start("moto", |_| vec![program.clone(), "-H".into(), "127.0.0.1".into(), "-p".into(), "0".into()])
        })
    }

    /// Amazon's protocol in Rust, over files; it checks signatures, which moto does not.
    pub(super) fn s3s() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let program = installed("s3s/bin/s3s-fs");
            Server::start("s3s", |folder| {
                // It tells its port in its log.
                let command = ["env", "RUST_LOG=s3s_fs=info", &program, "--host", "127.0.0.1", "--port", "0"];
                let keys = ["--access-key", "the-key-id", "--secret-key", SECRET_KEY, folder];
                command.iter().chain(&keys).map(|arg| (*arg).to_owned()).collect()
            })
        })
    }

    /// Azure's blob storage.
    pub(super) fn azurite() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let program = installed("npm/node_modules/.bin/azurite-blob");
            Server::start("azurite", |folder| {
                let command = [&program, "--blobHost", "127.0.0.1", "--blobPort", "0", "--location", folder];
                let options = ["--skipApiVersionCheck", "--disableTelemetry"];
                command.iter().copied().chain(options).map(str::to_owned).collect()
            })
        })
    }

    /// Google's storage.
    pub(super) fn google() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let script = repository().join("tests/it/stores/google_xml.py").display().to_string();
            Server::start("google", |_| vec![installed("test-venv/bin/python"), script.clone()])
        })
    }

    /// A web server: files under `/`, also at `/locked/` for `me:pass-word-planted`, without ranges at `/whole/`, in a
    /// circle at `/circle/`, and with a certificate that nobody signed at [`Server::tls`].
    pub(super) fn nginx() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            // It cannot be asked for any free port, so another process may be faster.
            for _ in 0..10 {
                if let Some(server) = start_nginx() {
                    return server;
                }
            }
            panic!("nginx found no port");
        })
    }

    /// Where nginx speaks TLS.
    pub(super) fn tls(&self) -> String {
        std::fs::read_to_string(self.folder.join("tls-address")).unwrap()
    }

    fn start(name: &str, command: impl Fn(&str) -> Vec<String>) -> Server {
        let folder = fresh_folder(name);
        let says = if name == "azurite" { "successfully listens on http://" } else { " http://" };
        let (keeper, line) = run(&folder, &command(folder.to_str().unwrap()), says);
        let line = line.unwrap_or_else(|seen| panic!("{name} ended before it listened:\n{seen}"));
        let address = line.split_once(says).unwrap().1.trim().trim_end_matches('/').to_owned();
        Server { address, folder, _keeper: keeper }
    }
}

fn fresh_folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("batchscore-it-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a command under its keeper until it says so: that line, or all that it said before it ended.
fn run(folder: &Path, command: &[String], says: &str) -> (Child, Result<String, String>) {
    let mut keeper = Command::new("sh")
        .args(["-c", KEEPER, "keeper"])
        .arg(folder)
        .args(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = std::sync::mpsc::channel();
    let pipes: [Box<dyn Read + Send>; 2] =
        [Box::new(keeper.stdout.take().unwrap()), Box::new(keeper.stderr.take().unwrap())];
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
    for line in lines {
        if line.contains(says) {
            return (keeper, Ok(line));
        }
        seen.push(line);
    }
    (keeper, Err(seen.join("\n")))
}

/// The path of a program below `target/`.
pub(super) fn installed(program: &str) -> String {
    let path = repository().join("target").join(program);
    assert!(path.exists(), "{} is not installed: run tests/run.sh, which installs it", path.display());
    path.display().to_string()
}

fn start_nginx() -> Option<Server> {
    let folder = fresh_folder("nginx");
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (plain, tls) = (free(), free());
    let [plain, tls] = [plain, tls].map(|listener| listener.local_addr().unwrap().to_string());
    std::fs::create_dir_all(folder.join("files")).unwrap();
    std::fs::write(folder.join("tls-address"), &tls).unwrap();
    let key = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"];
    let made = Command::new("openssl")
        .args(key)
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // `{PLAIN}` is how nginx itself writes a password that is not hashed.
    std::fs::write(folder.join("users"), "me:{PLAIN}pass-word-planted\n").unwrap();
    let root = folder.join("files").display().to_string();
    let configuration = format!(
        "daemon off;
         worker_processes 1;
         pid nginx.pid;
         error_log stderr notice;
         events {{ }}
         http {{
             access_log off;
             client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
             server {{
                 listen {plain};
                 listen {tls} ssl;
                 ssl_certificate certificate.pem;
                 ssl_certificate_key key.pem;
                 root {root};
                 location /locked/ {{ alias {root}/; auth_basic locked; auth_basic_user_file users; }}
                 location /whole/ {{ alias {root}/; max_ranges 0; }}
                 location /circle/ {{ return 302 /circle/; }}
             }}
         }}"
    );
    std::fs::write(folder.join("nginx.conf"), configuration).unwrap();
    let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
    let folder_text = folder.display().to_string();
    let command = [program, "-p", &folder_text, "-c", "nginx.conf"].map(str::to_owned);
    match run(&folder, &command, "start worker processes") {
        (keeper, Ok(_)) => Some(Server { address: plain, folder, _keeper: keeper }),
        (_, Err(said)) if said.contains("Address already in use") => None,
        (_, Err(said)) => panic!("nginx did not start: {said}"),
    }
}
