use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Ended;

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_batchscore");

/// No run of a test takes nearly so long; one that does hangs.
const HANGS: Duration = Duration::from_secs(120);

/// The folder of the package.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of its own for a test, removed afterwards. Runs have it as their current folder, so that paths in messages
/// are the same on every machine.
pub(crate) struct Scene {
    folder: PathBuf,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("batchscore-it-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Scene { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// The names in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(folder))
            .unwrap_or_else(|error| panic!("{folder}: {error}"))
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Copies a file of the repository to `name`.
    pub(crate) fn copy(&self, from: &str, name: &str) {
        let bytes = fs::read(repository().join(from)).unwrap_or_else(|error| panic!("{from}: {error}"));
        self.write(name, bytes);
    }

    /// Copies `tests/models/<name>.onnx` here and gives its file name.
    pub(crate) fn model(&self, name: &str) -> String {
        let file = format!("{name}.onnx");
        self.copy(&format!("tests/models/{file}"), &file);
        file
    }

    /// A scripted model, and a file of so many rows with the columns `id` and `x`; `id` is `a0`, `a1` and so on.
    pub(crate) fn scripted(&self, script: &str, rows: usize) -> Run<'_> {
        self.write("model.scripted", script);
        self.write("data.csv", rows_csv("a", rows));
        self.run().model("model.scripted").input("data.csv")
    }

    /// `batchscore run` with the output in `out/predictions.csv`.
    pub(crate) fn run(&self) -> Run<'_> {
        Run {
            scene: self,
            args: vec!["run".to_owned()],
            output_path: Some("out".to_owned()),
            file_name: Some("predictions.csv".to_owned()),
            env: Vec::new(),
        }
    }

    /// The program with these arguments and nothing else.
    pub(crate) fn batchscore(&self, args: &[&str]) -> Ended {
        self.with(args).end()
    }

    /// The same, still to be run.
    pub(crate) fn with(&self, args: &[&str]) -> Run<'_> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Run { scene: self, args, output_path: None, file_name: None, env: Vec::new() }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clean up.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A CSV file of `rows` rows with the columns `id` (the prefix and the row) and `x`.
pub(crate) fn rows_csv(prefix: &str, rows: usize) -> String {
    let mut text = String::from("id,x\n");
    for row in 0..rows {
        text.push_str(&format!("{prefix}{row},{}.5\n", row % 10));
    }
    text
}

/// A run of the program that is being put together.
pub(crate) struct Run<'a> {
    scene: &'a Scene,
    args: Vec<String>,
    output_path: Option<String>,
    file_name: Option<String>,
    env: Vec<(String, String)>,
}

impl Run<'_> {
    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    pub(crate) fn model(self, path: &str) -> Self {
        self.args(&["--model", path])
    }

    pub(crate) fn input(self, pointer: &str) -> Self {
        self.args(&["--input-path", pointer])
    }

    pub(crate) fn mini_batch_size(self, size: &str) -> Self {
        self.args(&["--mini-batch-size", size])
    }

    /// Another `--output-path` than `out`.
    pub(crate) fn to(mut self, folder: &str) -> Self {
        self.output_path = Some(folder.to_owned());
        self
    }

    /// Another `--output-file-name` than `predictions.csv`.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.file_name = Some(name.to_owned());
        self
    }

    /// Neither `--output-path` nor `--output-file-name`.
    pub(crate) fn default_output(mut self) -> Self {
        (self.output_path, self.file_name) = (None, None);
        self
    }

    /// No `--output-file-name`.
    pub(crate) fn default_file_name(mut self) -> Self {
        self.file_name = None;
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Every argument of the run.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut args = self.args.clone();
        for (flag, value) in [("--output-path", &self.output_path), ("--output-file-name", &self.file_name)] {
            if let Some(value) = value {
                args.extend([flag.to_owned(), value.clone()]);
            }
        }
        args
    }

    /// The command, in the scene's folder, with an environment of its own.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.bare(BINARY);
        command.args(self.arguments());
        command
    }

    /// The same through a shell, as `"$@"` in `script`.
    pub(crate) fn in_shell(&self, script: &str) -> Command {
        let mut command = self.bare("sh");
        command.args(["-c", script, "sh", BINARY]).args(self.arguments());
        command
    }

    fn bare(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.scene.folder).env_clear().stdin(Stdio::null());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs to the end, and checks the account that the run gives of its items.
    pub(crate) fn end(self) -> Ended {
        let command = self.command();
        self.end_of(command)
    }

    /// The same for a command that was made from this run.
    pub(crate) fn end_of(self, command: Command) -> Ended {
        let (code, stdout, stderr) = finish(command);
        Ended::new(self.scene, self.output_path.as_deref(), self.arguments(), code, stdout, stderr)
    }

    /// Runs to the end, which must be this exit code.
    pub(crate) fn exits(self, code: i32) -> Ended {
        let ended = self.end();
        assert_eq!(ended.code, code, "{ended}");
        ended
    }

    /// Runs to a good end.
    pub(crate) fn ok(self) -> Ended {
        self.exits(0)
    }
}

/// Exit code, standard output and standard error of a command; the code of a signal is the negative signal.
fn finish(mut command: Command) -> (i32, Vec<u8>, Vec<u8>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let code = wait(&mut child);
    (code, stdout.join().unwrap(), stderr.join().unwrap())
}

/// Waits for a process; one that hangs is ended and fails the test.
pub(crate) fn wait(child: &mut Child) -> i32 {
    use std::os::unix::process::ExitStatusExt;

    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or_else(|| -status.signal().unwrap_or_default());
        }
        if begin.elapsed() > HANGS {
            let _ = child.kill();
            panic!("the program was still running after {HANGS:?}");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Reads a pipe to its end, so that the process never waits for a reader.
pub(crate) fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::Builder::new()
        .spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            bytes
        })
        .unwrap()
}
