//! What others make of the same model and rows, in a process of their own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::cases::Peer;
use crate::{Bench, Result};

/// `peers/predict.py`, waiting for questions about one model.
pub(crate) struct Python {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    pub(crate) fn start(bench: &Bench, model: &str) -> Result<Python> {
        let mut command = bench.script("predict.py");
        command.arg(&bench.models).arg(model);
        // The libraries warn of many things that do not matter here.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
            command.env(variable, "1");
        }
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
        self.ask(&format!("{engine} {rows} {seconds}"))
    }

    /// CPU seconds that onnxruntime takes to load the model.
    pub(crate) fn loading(&mut self) -> Result<f64> {
        self.ask("load")
    }

    fn ask(&mut self, question: &str) -> Result<f64> {
        let questions = self.questions.as_mut().ok_or("the process has no input")?;
        writeln!(questions, "{question}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        answer.trim().parse().map_err(|_| format!("predict.py has no answer to {question:?}").into())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // At the end of its input it ends by itself.
        self.questions = None;
        let _ = self.child.wait();
    }
}
