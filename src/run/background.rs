//! What a job that wants explanations scores with: the model, and what explains it.

use std::sync::Arc;

use super::StartError;
use crate::caught::caught;
use crate::data::{Block, MiniBatch};
use crate::input::{self, ColumnPlan, InputError, InputSettings, Listing, Part};
use crate::scorer::{Background, Explain, Explained, ModelError, Sampled, Scorer};
use crate::spec::Job;

/// `scorer`, with the contributions of features to its predictions if the job wants them.
pub(super) fn explained(
    mut scorer: Box<dyn Scorer>,
    job: &Job,
    plan: &ColumnPlan,
) -> Result<Arc<dyn Scorer>, StartError> {
    let Some(explain) = job.model_settings.explain else { return Ok(Arc::from(scorer)) };
    let refused = |cause| ModelError::Unexplained { path: job.model.display().to_string(), cause };
    let Some(unexplained) = scorer.explainer().err() else {
        return Ok(with_contributions(Arc::from(scorer), None, explain, plan).map_err(refused)?);
    };
    if job.background.is_empty() {
        let cause = unexplained.cause;
        let remedy = "name records like its training data with --explain-background, or leave out --explain";
        return Err(refused(format!("{cause}; {remedy}")).into());
    }
    if unexplained.observing {
        let mut records = Records::open(job, plan)?;
        let observed = caught(|| scorer.observe(&mut records).map_err(|error| error.to_string()));
        records.finish()?;
        let observed = observed.unwrap_or_else(|panic| Err(format!("its code panicked: {panic}")));
        observed.map_err(|cause| refused(format!("it does not take the records of the background: {cause}")))?;
        if scorer.explainer().is_ok() {
            return Ok(with_contributions(Arc::from(scorer), None, explain, plan).map_err(refused)?);
        }
    }
    let mut records = Records::open(job, plan)?;
    let mut background = Background::new(job.explain_samples);
    for mini_batch in &mut records {
        background.show(&mini_batch).map_err(|error| refused(error.to_string()))?;
    }
    records.finish()?;
    let scorer: Arc<dyn Scorer> = Arc::from(scorer);
    let sampled = Sampled::new(Arc::clone(&scorer), background, job.explain_samples).map_err(refused)?;
    Ok(with_contributions(scorer, Some(sampled), explain, plan).map_err(refused)?)
}

fn with_contributions(
    scorer: Arc<dyn Scorer>,
    sampled: Option<Sampled>,
    explain: Explain,
    plan: &ColumnPlan,
) -> Result<Arc<dyn Scorer>, String> {
    let fields = &plan.record_schema().fields()[..plan.feature_count()];
    let features = fields.iter().map(|field| field.name().clone()).collect();
    Ok(Arc::new(Explained::new(scorer, sampled, explain, features)?))
}

/// The records of a job's background, in the columns of its input, block by block.
struct Records {
    plan: Arc<ColumnPlan>,
    settings: InputSettings,
    listing: Listing,
    next_file: usize,
    parts: std::vec::IntoIter<Part>,
    /// What ended it before its end.
    error: Option<InputError>,
}

impl Records {
    fn open(job: &Job, plan: &ColumnPlan) -> Result<Self, InputError> {
        // The background may have another format than the input. What its extension does not say is the input's.
        let settings = InputSettings { format: None, ..job.input.for_all_records() };
        let listing = match (input::list(&job.stores, &job.background, &settings), job.input.format) {
            (Err(InputError::UnknownFormat { .. }), format @ Some(_)) => {
                input::list(&job.stores, &job.background, &InputSettings { format, ..settings.clone() })?
            }
            (listing, _) => listing?,
        };
        let (plan, parts) = (Arc::new(plan.without_kept()), Vec::new().into_iter());
        Ok(Records { plan, settings, listing, next_file: 0, parts, error: None })
    }

    /// What went wrong, if anything did.
    fn finish(self) -> Result<(), InputError> {
        self.error.map_or(Ok(()), Err)
    }

    fn next_block(&mut self) -> Result<Option<Block>, InputError> {
        loop {
            if let Some(part) = self.parts.as_mut_slice().first_mut() {
                if let Some(block) = part.next_block() {
                    return Ok(Some(block.decode()));
                }
                self.parts.next();
            } else if let Some(file) = self.listing.take(self.next_file)? {
                self.next_file += 1;
                self.parts = input::open(&file, &self.plan, &self.settings)?.parts.into_iter();
            } else {
                return Ok(None);
            }
        }
    }
}

impl Iterator for Records {
    type Item = MiniBatch;

    fn next(&mut self) -> Option<MiniBatch> {
        while self.error.is_none() {
            let block = match self.next_block() {
                Ok(block) => block?,
                Err(error) => {
                    self.error = Some(error);
                    return None;
                }
            };
            if let Some(failure) = block.failures.first() {
                let row = failure.row.map_or(String::new(), |row| format!("row {row}: "));
                let (file, cause) = (failure.file.name.clone(), format!("{row}{}", failure.cause));
                self.error = Some(InputError::Unreadable { file, cause });
                return None;
            }
            let records = 0..block.records.num_rows();
            if !records.is_empty() {
                return Some(MiniBatch { block: Arc::new(block), records });
            }
        }
        None
    }
}
