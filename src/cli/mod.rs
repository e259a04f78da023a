//! The commands; the only home of clap.

mod allocator;
mod data;
mod datastore;
mod exit_code;
mod model;
mod run;
mod workspace;

use clap::{Parser, Subcommand};

pub use exit_code::ExitCode;

use crate::simd::Level;

/// Scores data with a model, in mini-batches.
#[derive(Debug, Parser)]
#[command(name = "batchscore", version, about, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Score data with a model and write one prediction for each item
    #[command(after_help = exit_code::HELP)]
    Run(Box<run::RunArgs>),
    /// Look at models, check what they give, and measure them
    Model {
        #[command(subcommand)]
        command: Box<model::ModelCommand>,
    },
    /// Give stores names, with the way to reach them
    Datastore {
        #[command(subcommand)]
        command: Box<datastore::DatastoreCommand>,
    },
    /// Give data names and versions
    Data {
        #[command(subcommand)]
        command: Box<data::DataCommand>,
    },
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    allocator::keep_freed_blocks();
    // Usage errors, --help and --version end the process here, with clap's codes 2 and 0.
    let command = Cli::parse().command;
    if let Err(error) = Level::check_environment() {
        complain(&error);
        return ExitCode::Usage;
    }
    match command {
        Command::Run(args) => run::run(*args),
        Command::Model { command } => model::run(&command),
        Command::Datastore { command } => datastore::run(&command),
        Command::Data { command } => data::run(&command),
    }
}

/// Prints an error and its causes on standard error.
fn complain(error: &dyn std::error::Error) {
    use std::io::Write;

    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many messages already end with their cause.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    let _ = writeln!(std::io::stderr(), "{text}");
}
