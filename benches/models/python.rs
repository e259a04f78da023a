//! What others make of the same model and rows, in a process of their own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::cases::Peer;
use crate::{Bench, Result};

/// One of the scripts in `peers`, waiting for questions about one model.
pub(crate) struct Python {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Rows a second, and a CPU second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

impl Python {
    /// `predict.py`: one thread.
    pub(crate) fn start(bench: &Bench, model: &str) -> Result<Python> {
        let mut command = bench.script("predict.py");
        command.arg(&bench.models).arg(model);
        for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
            command.env(variable, "1");
        }
        Python::of(command)
    }

    /// `loop_onnxruntime.py`: as many threads as onnxruntime takes by itself.
    pub(crate) fn with_all_cores(bench: &Bench, model: &str) -> Result<Python> {
        let mut command = bench.script("loop_onnxruntime.py");
        command.arg(bench.model(&format!("{model}.onnx")));
        Python::of(command)
    }

    fn of(mut command: Command) -> Result<Python> {
        // The libraries warn of many things that do not matter here.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("the process has no output")?);
        Ok(Python { child, questions, answers })
    }

    /// Rows a CPU second.
    pub(crate) fn rate(&mut self, peer: Peer, rows: usize, seconds: f64) -> Result<f64> {
        let engine = match peer {
            Peer::Onnxruntime => "onnxruntime",
            Peer::Native => "native",
        };
        let [rate] = self.ask(&format!("{engine} {rows} {seconds}"))?;
        Ok(rate)
    }

    /// CPU seconds that onnxruntime takes to load the model.
    pub(crate) fn loading(&mut self) -> Result<f64> {
        let [seconds] = self.ask("load")?;
        Ok(seconds)
    }

    /// The rates of calls of `rows` rows for `seconds`, of a process with all cores.
    pub(crate) fn rates(&mut self, rows: usize, seconds: f64) -> Result<Rates> {
        let [wall, cpu] = self.ask(&format!("{rows} {seconds}"))?;
        Ok(Rates { wall, cpu })
    }

    fn ask<const N: usize>(&mut self, question: &str) -> Result<[f64; N]> {
        let questions = self.questions.as_mut().ok_or("the process has no input")?;
        writeln!(questions, "{question}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let numbers: Vec<f64> = answer.split_whitespace().map_while(|number| number.parse().ok()).collect();
        numbers.try_into().map_err(|_| format!("the script answers {question:?} with {answer:?}").into())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // At the end of its input it ends by itself.
        self.questions = None;
        let _ = self.child.wait();
    }
}
