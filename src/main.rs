//! The `batchscore` command: see `batchscore --help`, and [`batchscore::cli`].

fn main() -> std::process::ExitCode {
    batchscore::cli::main().into()
}
