//! Data in an object store on this machine (Azurite), as it is and as if it were far away.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use batchscore::storage::{Catalog, CredentialValue, Credentials, Datastore, Existing, Pointer, StoreSettings, Stores};

use crate::data::{self, Layout};
use crate::process::{self, Run};
use crate::series::{Spread, Variant, alternate};
use crate::table::{Goal, Table};
use crate::{Bench, Result, WORKERS};

/// The account and key of the emulator, which everybody knows.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const SMALL_FILES: usize = 10_000;
const SMALL_BYTES: usize = 10_000;
/// So many of them are read one at a time from afar, which takes long.
const FEW_FILES: usize = 200;
const LARGE_FILES: usize = 24;
const DISTANCE: Duration = Duration::from_millis(50);

/// Many small files, one at a time and as jobs read them, near and far.
pub(crate) fn small_files(bench: &Bench) -> Result<Table> {
    let mut content = String::from("id,x\n");
    while content.len() < SMALL_BYTES {
        content.push_str(&format!("{},1.5\n", content.len()));
    }
    let azurite = Azurite::start(bench)?;
    for (folder, files) in [("small", SMALL_FILES), ("few", FEW_FILES)] {
        azurite.upload(folder, files, |_| Ok(content.clone().into_bytes()), "csv")?;
    }
    let (near, far) = (Distance::start(azurite.address, Duration::ZERO)?, Distance::start(azurite.address, DISTANCE)?);
    let variants = [
        Variant::new("one file at a time", || one_at_a_time(azurite.address, "small")),
        Variant::new("batchscore", || score(bench, azurite.address, "small")),
        Variant::new("batchscore, through a proxy", || score(bench, near.address, "small")),
        Variant::new("batchscore, through a proxy that adds 50 ms", || score(bench, far.address, "small")),
        Variant::new(format!("{FEW_FILES} files one at a time, through the same"), || {
            one_at_a_time(far.address, "few")
        }),
    ];
    let all = alternate(bench.rounds.min(3), &variants)?;
    let mut table = Table::new("times as fast as one at a time");
    for (index, series) in all.iter().enumerate() {
        let goal = (index == 1).then_some(Goal::AtLeast(5.0));
        table.line(series, (index < 4).then(|| all[0].times(series)), goal);
    }
    let per_file = (SMALL_FILES / FEW_FILES) as f64;
    let from_afar =
        Spread::of(all[4].runs.iter().zip(&all[3].runs).map(|(one, job)| one.seconds / job.seconds * per_file));
    table.note(format!("With 50 ms more for each answer a job is {from_afar} times as fast as one file at a time."));
    let slower: Spread = all[3].times(&all[2]);
    table
        .note(format!("With 50 ms more for each answer a job takes {slower} times as long; the goal is 1.25 or less."));
    Ok(table)
}

fn one_at_a_time(store: SocketAddr, folder: &str) -> Result<Run> {
    let mut command = Command::new(std::env::current_exe()?);
    Ok(process::run(command.args(["one-at-a-time", &store.to_string(), folder]))?.0)
}

/// Large files, near and far.
pub(crate) fn far_store(bench: &Bench) -> Result<Table> {
    let file = data::parquet(&bench.data, 250_000, 28, Layout::Plain)?;
    let content = std::fs::read(&file)?;
    let azurite = Azurite::start(bench)?;
    azurite.upload("large", LARGE_FILES, |_| Ok(content.clone()), "parquet")?;
    let (near, far) = (Distance::start(azurite.address, Duration::ZERO)?, Distance::start(azurite.address, DISTANCE)?);
    let variants = [
        Variant::new("through a proxy", || score(bench, near.address, "large")),
        Variant::new("through a proxy that adds 50 ms", || score(bench, far.address, "large")),
    ];
    let all = alternate(bench.rounds.min(3), &variants)?;
    let mut table = Table::new("times as long");
    table.line(&all[0], Some(all[0].times(&all[0])), None);
    table.line(&all[1], Some(all[1].times(&all[0])), Some(Goal::AtMost(1.25)));
    table.note(format!("{LARGE_FILES} Parquet files of {} MB.", content.len() / 1_000_000));
    Ok(table)
}

/// Runs a job over a folder of the container, to nowhere.
fn score(bench: &Bench, store: SocketAddr, folder: &str) -> Result<Run> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_batchscore"));
    command.current_dir(&bench.data).args(["run", "--name", "bench", "--quiet"]);
    command.arg("--model").arg(bench.model("nothing.scripted"));
    command.args(["--input-path", &format!("az://bench/{folder}"), "--mini-batch-size", "1000"]);
    command.args(["--workers", &WORKERS.to_string(), "--output-path", "null:"]);
    command.env("AZURE_STORAGE_USE_EMULATOR", "true").env("AZURITE_BLOB_STORAGE_URL", format!("http://{store}"));
    Ok(process::run(&mut command)?.0)
}

/// Reads every file of a folder of the container to its end, one after the other: what a plain loop does.
pub(crate) fn child(args: &[OsString]) -> Result<()> {
    let [address, folder] = args else { return Err("one-at-a-time takes an address and a folder".into()) };
    let address = address.to_str().and_then(|text| text.parse().ok()).ok_or("not an address")?;
    let folder = folder.to_str().ok_or("not a folder")?;
    let mut bytes = 0;
    for entry in stores(address).list(&pointer(folder)?)? {
        bytes += std::io::copy(&mut entry?.location.open()?, &mut std::io::sink())?;
    }
    writeln!(std::io::stdout(), "{bytes}")?;
    Ok(())
}

/// The container, as a datastore.
fn stores(address: SocketAddr) -> Stores {
    let key = [("account_key".to_owned(), CredentialValue::Plain(KEY.to_owned()))];
    let settings = StoreSettings {
        endpoint: Some(format!("http://{address}/{ACCOUNT}")),
        account: Some(ACCOUNT.to_owned()),
        credentials: Credentials::Keys(key.into()),
        ..StoreSettings::default()
    };
    let Ok(root) = "az://bench".parse() else { unreachable!("it is a pointer") };
    let mut catalog = Catalog::default();
    catalog.datastores.insert("bench".to_owned(), Datastore { root, settings });
    Stores::new(catalog)
}

fn pointer(folder: &str) -> Result<Pointer> {
    Ok(format!("azureml://datastores/bench/paths/{folder}").parse()?)
}

/// An emulator of Azure's blob store in memory, which ends when it is dropped.
struct Azurite {
    process: Child,
    address: SocketAddr,
}

impl Azurite {
    fn start(bench: &Bench) -> Result<Azurite> {
        let target = bench.data.parent().ok_or("the data has no folder above it")?;
        let program = target.join("npm/node_modules/.bin/azurite-blob");
        if !program.exists() {
            return Err(format!("{} is not there: tests/run.sh installs it", program.display()).into());
        }
        let mut process = Command::new(program)
            .args([
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                "0",
                "--inMemoryPersistence",
                "--extentMemoryLimit",
                "4096",
            ])
            .args(["--silent", "--skipApiVersionCheck", "--disableTelemetry"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no standard output")?;
        const SAYS: &str = "successfully listens on http://";
        let mut lines = BufReader::new(stdout).lines().map_while(std::result::Result::ok);
        let address = lines.find_map(|line| line.split_once(SAYS).map(|(_, address)| address.trim().to_owned()));
        let address = address.ok_or("azurite ended before it listened")?.parse()?;
        let azurite = Azurite { process, address };
        azurite.make_container(bench, target)?;
        Ok(azurite)
    }

    /// Makes the container, with the client that Azure gives to Python programs.
    fn make_container(&self, bench: &Bench, target: &Path) -> Result<()> {
        let home = bench.home.parent().ok_or("the benches have no folder above them")?;
        let mut client = Command::new(target.join("test-venv/bin/python"))
            .arg(home.join("tests/it/stores/client.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let endpoint = format!("http://{}", self.address);
        let request = json!({"store": "azure", "endpoint": endpoint, "do": "make", "bucket": "bench"});
        writeln!(client.stdin.take().ok_or("no standard input")?, "{request}")?;
        let answer = client.wait_with_output()?.stdout;
        match serde_json::from_slice::<Value>(&answer)?.get("error") {
            None => Ok(()),
            Some(error) => Err(format!("the container could not be made: {error}").into()),
        }
    }

    /// Writes `count` files to a folder of the container.
    fn upload(
        &self,
        folder: &str,
        count: usize,
        content: impl Fn(usize) -> Result<Vec<u8>> + Sync,
        extension: &str,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let upload = || -> std::result::Result<(), String> {
            let stores = stores(self.address);
            let place =
                stores.folder(&format!("azureml://datastores/bench/paths/{folder}")).map_err(|e| e.to_string())?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                let bytes = content(number).map_err(|e| e.to_string())?;
                let name = format!("{number:06}.{extension}");
                let mut file = place.create(&name, Existing::Replace).map_err(|e| e.to_string())?;
                file.write_all(&bytes).map_err(|e| e.to_string())?;
                file.commit().map_err(|e| e.to_string())?;
            }
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(upload)).collect();
            for thread in threads {
                thread.join().map_err(|_| "an upload panicked")??;
            }
            Ok(())
        })
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A proxy whose answers come late, as from far away; as many may be on their way as fit.
struct Distance {
    address: SocketAddr,
}

impl Distance {
    fn start(store: SocketAddr, delay: Duration) -> Result<Distance> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        // It ends with the process.
        std::thread::Builder::new().spawn(move || {
            for client in listener.incoming().map_while(std::result::Result::ok) {
                let Ok(server) = TcpStream::connect(store) else { return };
                let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else { return };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                forward(from_client, server, Duration::ZERO);
                forward(from_server, client, delay);
            }
        })?;
        Ok(Distance { address })
    }
}

/// Hands on what comes, each piece so long after it came.
fn forward(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, pieces) = mpsc::channel::<(Instant, Vec<u8>)>();
    let read = move || {
        let mut buffer = vec![0; 256 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if sender.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    };
    let write = move || {
        for (due, piece) in pieces {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                return;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    };
    // Without a thread the connection hangs and the case fails by its own time.
    let _ = std::thread::Builder::new().spawn(read);
    let _ = std::thread::Builder::new().spawn(write);
}
