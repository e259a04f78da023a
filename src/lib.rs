//! batchscore scores data with a model, in mini-batches.
//!
//! ```text
//! pointer -> storage -> listing -> decode -> mini-batches --permit rides along--> engine::score_mini_batch (-> Scorer)
//!                                                               | outcomes
//!                              events <- dispatcher -> in_order -> writer -> commit   (the permit is freed once written)
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | the commands; the only home of clap |
//! | [`spec`] | what users write, and what it comes to |
//! | [`policy`] | retry, timeout, thresholds, sizes of mini-batches and parts: plain data and plain questions |
//! | [`data`] | the values that travel: blocks, mini-batches, predictions, error records |
//! | [`storage`] | pointers to files and stores, and new files that appear only when they are complete |
//! | [`input`] | listing, decoding, cutting into mini-batches |
//! | [`scorer`] | the model seam, and the models behind it |
//! | [`engine`] | one attempt, the watch over attempts, the worker threads |
//! | [`run`] | batch mode: a job from its input to its output |
//! | [`output`] | formats of predictions, error records |
//! | [`events`] | what happened, typed |
//! | [`caught`] | panics as values; any module may use it |
//! | [`simd`] | loops for the vector registers of the processor at hand; any module may use it |
//! | [`workspace`] | what is remembered between commands: datastores, registered data |
//! | [`report`] | consumers of events: progress, summary, `job.json` |
//!
//! A module uses only these of ours: `policy`, `data`, `storage`: none; `events`, `scorer`: `data`; `input`: `storage`,
//! `data`, `policy`; `output`: `storage`, `data`, `policy`; `spec`: `policy`, and the plain settings of `storage`, `input`,
//! `output` and `scorer`; `engine`: `scorer`, `policy`, `data`; `run`: all of these; `report`: `events`, `spec`, `policy`,
//! `storage`; `workspace`: `spec` and the plain settings of `storage`; `cli`: all. `tests/it/house.rs` checks it.

pub mod caught;
pub mod cli;
pub mod data;
pub mod engine;
pub mod events;
pub mod input;
pub mod output;
pub mod policy;
pub mod report;
pub mod run;
pub mod scorer;
pub mod simd;
pub mod spec;
pub mod storage;
pub mod workspace;
