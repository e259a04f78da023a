//! A graph prepared by tract, and the states that it runs in.

use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::SimpleState;
use tract_onnx::tract_hir::internal::{InferenceFact, ToDim};

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

type State = SimpleState<TypedFact, Box<dyn TypedOp>>;

/// A prepared graph, shared by all threads.
pub(super) struct Plan {
    rows: Rows,
    plan: Arc<TypedSimplePlan>,
    /// States that no call is using; there come to be as many as calls ever ran at once. A call takes one out, so that
    /// a panic or an error drops it with whatever was left in it.
    idle: Mutex<Vec<State>>,
}

impl Plan {
    /// Prepares `model` for inputs like `inputs`, with a first axis as `rows` says.
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
        let plan = TypedSimplePlan::new(model.into_optimized()?)?;
        Ok(Plan { rows, plan, idle: Mutex::default() })
    }

    /// How many rows a run may have.
    pub(super) fn rows(&self) -> Rows {
        self.rows
    }

    /// The outputs for `inputs`.
    pub(super) fn run(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let idle = self.idle().pop();
        let mut state = match idle {
            Some(state) => state,
            None => self.plan.spawn()?,
        };
        let outputs = state.run(inputs)?;
        // tract's Scan (also below LSTM and GRU) goes on where the state's last call ended, as streams want it. Rows of
        // other mini-batches are no stream.
        if state.op_states.iter().all(Option::is_none) {
            self.idle().push(state);
        }
        Ok(outputs)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<State>> {
        // Nothing that can panic runs under the lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
