//! Runs the real program on real files and looks at everything that it leaves behind; one module for each behaviour.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod boosted;
mod cli;
mod explain;
mod foreign;
mod house;
mod inputs;
mod long_listing;
mod model_commands;
mod models;
mod onnx_runtime;
mod output;
mod policies;
mod property;
mod readers;
mod samples;
mod shaping;
mod snapshots;
mod stores;
mod support;
mod workspace;
