//! A prepared graph, and the states that it runs in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::SimpleState;
use tract_onnx::tract_hir::internal::{InferenceFact, ToDim};

use super::onnx_runtime::Sessions;
use super::ops;
use super::row_size::RowSize;
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

/// How many rows a graph that takes any number should have in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Any,
    /// One, if a single row fills what a run may take.
    OneIfLarge,
    /// Always the same number, by the size of a row.
    SameBySize,
    /// Always so many: every row then takes the same steps.
    Fixed(usize),
}

/// A prepared graph, shared by all threads.
pub(super) struct Plan {
    rows: Rows,
    /// Most rows of a run, if it may have any number.
    run_rows: usize,
    /// For each output the axis of the rows, where it is known before the first run.
    axes: Option<Vec<Option<usize>>>,
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
    pub(super) fn prepare(model: InferenceModel, inputs: &[TensorSpec], rows: Rows) -> TractResult<Self> {
        Plan::prepare_for(model, inputs, rows, Wish::Any)
    }

    /// The same, where any number of rows may become what `wish` says.
    pub(super) fn prepare_for(
        mut model: InferenceModel,
        inputs: &[TensorSpec],
        rows: Rows,
        wish: Wish,
    ) -> TractResult<Self> {
        let scope = model.symbols.clone();
        let batch_rows = scope.sym("batch_rows");
        for (index, input) in inputs.iter().enumerate() {
            let dimension = |(axis, dimension): (usize, &Dimension)| match (axis, dimension, rows) {
                // One symbol for all inputs, whatever they call it.
                (0, _, Rows::Any) => batch_rows.to_dim(),
                (0, _, Rows::Fixed(n)) => n.to_dim(),
                (_, Dimension::Fixed(n), _) => n.to_dim(),
                (_, Dimension::Symbol(_), _) => scope.sym(&format!("input_{index}_axis_{axis}")).to_dim(),
            };
            let shape: TVec<TDim> = input.shape.iter().enumerate().map(dimension).collect();
            model.set_input_fact(index, InferenceFact::dt_shape(datum_type(input.element), shape))?;
        }
        let mut model = model.into_typed()?;
        let size = RowSize::of(&model, &batch_rows)?;
        let run_rows = size.run_rows();
        let fixed = match wish {
            _ if rows != Rows::Any => None,
            Wish::Fixed(fixed) => Some(fixed),
            Wish::OneIfLarge => size.is_large().then_some(1),
            Wish::SameBySize => Some(size.fixed_rows()),
            Wish::Any => None,
        };
        let (rows, axes) = match (fixed, size.axes) {
            (Some(fixed), Some(axes)) => {
                model = model.set_symbols(&HashMap::from([(batch_rows, fixed.to_dim())]))?;
                (Rows::Fixed(fixed), Some(axes))
            }
            _ => (rows, None),
        };
        ops::replace(&mut model);
        let mut model = model.into_optimized()?;
        ops::replace_in_optimized(&mut model)?;
        let plan = TypedSimplePlan::new(model)?;
        Ok(Plan { rows, run_rows, axes, runtime: Runtime::Tract { plan, states: Idle::default() } })
    }

    /// Sessions of ONNX Runtime with the graph, for runs of up to `run_rows` rows if they may have any number.
    pub(super) fn of_sessions(sessions: Sessions, rows: Rows, run_rows: usize) -> Self {
        Plan { rows, run_rows, axes: None, runtime: Runtime::Ort(sessions) }
    }

    /// How many rows a run may have.
    pub(super) fn rows(&self) -> Rows {
        self.rows
    }

    /// Most rows of a run, if it may have any number.
    pub(super) fn run_rows(&self) -> usize {
        self.run_rows
    }

    /// For each output the axis of the rows, where it is known before the first run.
    pub(super) fn axes(&self) -> Option<&[Option<usize>]> {
        self.axes.as_deref()
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
            Runtime::Tract { .. } => {
                let rows = match self.rows {
                    Rows::Any => String::new(),
                    Rows::Fixed(1) => "; one row a run".to_owned(),
                    Rows::Fixed(rows) => format!("; {rows} rows a run"),
                };
                format!("tract, embedded, with operators of batchscore's own{rows}")
            }
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
