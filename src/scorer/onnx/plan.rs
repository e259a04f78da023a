//! A prepared graph, and the states that it runs in.

use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::SimpleState;
use tract_onnx::tract_hir::internal::{InferenceFact, ToDim};

use super::onnx_runtime::Sessions;
use super::ops;
use super::signature::datum_type;
use crate::scorer::{Dimension, TensorSpec};

/// How many rows a run may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Any number.
    Any,
    /// Always so many; fewer are padded.
    Fixed(usize),
}

/// A prepared graph, shared by all threads.
pub(super) struct Plan {
    rows: Rows,
    runtime: Runtime,
}

/// What runs it.
enum Runtime {
    Tract { plan: Arc<TypedSimplePlan>, states: Idle<State> },
    Ort(Sessions),
}

type State = SimpleState<TypedFact, Box<dyn TypedOp>>;

impl Plan {
    /// Prepares `model` by tract for inputs like `inputs`, with a first axis as `rows` says.
    pub(super) fn prepare(mut model: InferenceModel, inputs: &[TensorSpec], rows: Rows) -> TractResult<Self> {
        let scope = model.symbols.clone();
        for (index, input) in inputs.iter().enumerate() {
            let dimension = |(axis, dimension): (usize, &Dimension)| match (axis, dimension, rows) {
                // One symbol for all inputs, whatever they call it.
                (0, _, Rows::Any) => scope.sym("batch_rows").to_dim(),
                (0, _, Rows::Fixed(n)) => n.to_dim(),
                (_, Dimension::Fixed(n), _) => n.to_dim(),
                (_, Dimension::Symbol(_), _) => scope.sym(&format!("input_{index}_axis_{axis}")).to_dim(),
            };
            let shape: TVec<TDim> = input.shape.iter().enumerate().map(dimension).collect();
            model.set_input_fact(index, InferenceFact::dt_shape(datum_type(input.element), shape))?;
        }
        let mut model = model.into_typed()?;
        ops::replace(&mut model);
        let mut model = model.into_optimized()?;
        ops::replace_in_optimized(&mut model)?;
        let plan = TypedSimplePlan::new(model)?;
        Ok(Plan { rows, runtime: Runtime::Tract { plan, states: Idle::default() } })
    }

    /// Sessions of ONNX Runtime with the graph.
    pub(super) fn of_sessions(sessions: Sessions, rows: Rows) -> Self {
        Plan { rows, runtime: Runtime::Ort(sessions) }
    }

    /// How many rows a run may have.
    pub(super) fn rows(&self) -> Rows {
        self.rows
    }

    /// The outputs for `inputs`.
    pub(super) fn run(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        match &self.runtime {
            // tract's Scan (also below LSTM and GRU) goes on where the state's last call ended, as streams want it. Rows
            // of other mini-batches are no stream.
            Runtime::Tract { plan, states } => states.with(
                || plan.spawn(),
                |state| state.run(inputs),
                |state| state.op_states.iter().all(Option::is_none),
            ),
            Runtime::Ort(sessions) => sessions.run(&inputs),
        }
    }

    /// What runs it.
    pub(super) fn engine(&self) -> String {
        match &self.runtime {
            Runtime::Tract { .. } => "tract, embedded, with operators of batchscore's own".to_owned(),
            Runtime::Ort(sessions) => sessions.engine(),
        }
    }
}

/// States that no call is using; there come to be as many as calls ever ran at once.
pub(super) struct Idle<S>(Mutex<Vec<S>>);

impl<S> Default for Idle<S> {
    fn default() -> Self {
        Idle(Mutex::default())
    }
}

impl<S> Idle<S> {
    /// Calls `run` with a state that is idle, or with a new one, which is kept if it `is_fresh` afterwards. The call
    /// takes the state out, so that a panic or an error drops it with whatever was left in it.
    pub(super) fn with<T, E>(
        &self,
        new: impl FnOnce() -> Result<S, E>,
        run: impl FnOnce(&mut S) -> Result<T, E>,
        is_fresh: impl FnOnce(&S) -> bool,
    ) -> Result<T, E> {
        let idle = self.states().pop();
        let mut state = match idle {
            Some(state) => state,
            None => new()?,
        };
        let result = run(&mut state)?;
        if is_fresh(&state) {
            self.states().push(state);
        }
        Ok(result)
    }

    fn states(&self) -> std::sync::MutexGuard<'_, Vec<S>> {
        // Nothing that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
