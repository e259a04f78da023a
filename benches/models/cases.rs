use ::batchscore::scorer::Engine;
use ::batchscore::simd::Level;

/// Who else scores a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Onnxruntime,
    /// The library that trained it.
    Native,
}

/// How many times as fast as a peer the program should be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    pub(crate) avx512: f64,
    pub(crate) avx2: f64,
}

impl Goal {
    pub(crate) const fn of(goal: f64) -> Goal {
        Goal { avx512: goal, avx2: goal }
    }

    /// The goal for a processor of this level; there is none for other ones.
    pub(crate) fn at(self, level: Level) -> Option<f64> {
        match level {
            Level::Avx512 => Some(self.avx512),
            Level::Avx2 => Some(self.avx2),
            Level::Portable => None,
        }
    }
}

/// A model, and what is expected of it.
pub(crate) struct Case {
    pub(crate) model: &'static str,
    /// What it is, for display.
    pub(crate) title: &'static str,
    /// What runs it on our side.
    pub(crate) engine: Engine,
    /// The library that trained it.
    pub(crate) library: &'static str,
    pub(crate) rows_a_call: &'static [usize],
    /// (peer, rows a call, goal)
    pub(crate) goals: &'static [(Peer, usize, Goal)],
}

pub(crate) const CASES: &[Case] = &[
    Case {
        model: "lightgbm",
        title: "LightGBM, 500 trees of 31 leaves",
        engine: Engine::Tract,
        library: "LightGBM",
        rows_a_call: &[1, 10, 64, 1024],
        goals: &[
            (Peer::Onnxruntime, 1, Goal::of(2.0)),
            (Peer::Onnxruntime, 10, Goal::of(5.0)),
            (Peer::Onnxruntime, 1024, Goal { avx512: 40.0, avx2: 15.0 }),
            (Peer::Native, 1024, Goal::of(45.0)),
        ],
    },
    Case {
        model: "forest",
        title: "random forest, 100 trees of depth 12",
        engine: Engine::Tract,
        library: "scikit-learn",
        rows_a_call: &[1, 10, 64, 1024],
        goals: &[(Peer::Onnxruntime, 1024, Goal { avx512: 15.0, avx2: 12.0 }), (Peer::Native, 1024, Goal::of(20.0))],
    },
    Case {
        model: "xgboost",
        title: "XGBoost, 500 trees of depth 6",
        engine: Engine::Tract,
        library: "XGBoost",
        rows_a_call: &[1, 10, 64, 1024],
        goals: &[(Peer::Onnxruntime, 1024, Goal { avx512: 20.0, avx2: 8.0 }), (Peer::Native, 1024, Goal::of(10.0))],
    },
    Case {
        model: "pipeline",
        title: "imputer, scaler, one-hot, logistic regression",
        engine: Engine::Tract,
        library: "scikit-learn",
        rows_a_call: &[1, 10, 1024],
        goals: &[(Peer::Onnxruntime, 1024, Goal::of(2.0))],
    },
    Case {
        model: "mlp",
        title: "MLP 28-256-256-64-1",
        engine: Engine::Tract,
        library: "scikit-learn",
        rows_a_call: &[1, 10, 64, 1024],
        goals: &[
            (Peer::Onnxruntime, 1, Goal::of(0.8)),
            (Peer::Onnxruntime, 10, Goal::of(0.8)),
            (Peer::Onnxruntime, 64, Goal::of(0.8)),
            (Peer::Onnxruntime, 1024, Goal::of(0.8)),
        ],
    },
    Case {
        model: "mlp",
        title: "MLP 28-256-256-64-1, by --engine ort",
        engine: Engine::Ort,
        library: "scikit-learn",
        rows_a_call: &[1, 10, 64, 1024],
        goals: &[
            (Peer::Onnxruntime, 1, Goal::of(1.0)),
            (Peer::Onnxruntime, 10, Goal::of(1.0)),
            (Peer::Onnxruntime, 64, Goal::of(1.0)),
            (Peer::Onnxruntime, 1024, Goal::of(1.0)),
        ],
    },
];
