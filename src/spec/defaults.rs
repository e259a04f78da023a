//! Every default of a job, in one place. The policies' own defaults stand beside them in `policy/`.

/// Below this folder each job gets a folder of its own, named after the job.
pub const OUTPUT_ROOT: &str = "outputs";

/// Name of the file with the predictions; the extension chooses the format.
pub const OUTPUT_FILE_NAME: &str = "predictions.txt";

/// Pairs of orders of the features that an explanation by sampling takes for each record, and records that it takes them
/// from: chance is then off by a tenth of what the contribution of a feature differs by from pair to pair.
pub const EXPLAIN_SAMPLES: usize = 100;

/// What `--sample` draws by unless told otherwise.
pub const SAMPLE_SEED: u64 = 0;

/// How many workers: as many as the machine lets this process use.
pub fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Bytes in flight between reading and writing, for so many workers: enough that none waits for another, and far below
/// what a small machine has.
pub fn memory_budget(workers: usize) -> u64 {
    (workers as u64 * (24 << 20)).max(64 << 20)
}
