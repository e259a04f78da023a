//! Boosted trees in the files that LightGBM, XGBoost and CatBoost save them to.
//!
//! ```text
//! load   file -> what it is -> reader (lightgbm, xgboost, catboost) -> Model -> trees, checked -> kernel
//! score  columns of float32 -> categories as the trees know them (encoding) -> sums -> transform, labels (output)
//!        ... -> contributions of the features to the sums (explainer), where they are wanted
//! ```
//!
//! A reader turns a file into a `Model`: trees in the terms of [`crate::scorer::trees`], and what becomes of their sums.
//! Sums are formed in the numbers and in the order of the library itself: float32 for XGBoost, float64 for LightGBM and
//! CatBoost. Columns are read as float32; LightGBM, which compares float64, sees the same values when its own data are
//! float32.

mod catboost;
mod city_hash;
mod encoding;
mod explainer;
mod lightgbm;
mod numbers;
mod output;
mod real;
#[cfg(test)]
mod tests;
mod ubjson;
mod xgboost;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_schema::SchemaRef;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::encoding::Encoding;
use self::output::Finish;
use self::real::Real;
use super::trees::{Aggregate, Kernel, Score, Shap, TreeEnsemble, TreeSpec};
use super::{
    Dimension, ElementType, Explainer, FeatureNeeds, ModelError, NamedFeature, ScoreError, Scorer, Signature,
    TensorSpec, Unexplained,
};
use crate::data::{MiniBatch, Predictions};
use crate::simd::Level;

/// Rows that are scored at a time where there is no kernel.
const BLOCK_ROWS: usize = 64;

/// What a model file says.
struct Model<W> {
    /// Who wrote the file.
    library: String,
    /// What the model was trained for, in the library's words.
    objective: String,
    /// Rounds of boosting that are used.
    iterations: usize,
    features: Features,
    trees: TreeSpec<f32, W>,
    /// Why the covers of the trees are not complete, if they are not.
    unexplained: Option<String>,
    finish: Finish<W>,
}

impl<W> Model<W> {
    /// Why covers are not there, unless they are wanted.
    fn not_wanted(with_covers: bool) -> Option<String> {
        (!with_covers).then(|| "it was not loaded to be explained".to_owned())
    }
}

/// What is wrong with the covers of a tree, if anything is.
fn fault(tree: usize, covers: Result<(), String>) -> Option<String> {
    covers.err().map(|cause| format!("tree {tree}: {cause}"))
}

/// What a model takes.
struct Features {
    count: usize,
    /// Names that someone gave, one for each.
    names: Option<Vec<String>>,
    /// The features whose values are categories that the trees know by other numbers.
    encodings: Vec<(usize, Encoding)>,
}

/// A model of boosted trees.
struct BoostedScorer<W: Real> {
    description: String,
    trees: TreeEnsemble<f32, W>,
    /// The fast way through the trees.
    kernel: Option<Kernel<W>>,
    /// For each feature.
    encodings: Vec<Option<Encoding>>,
    finish: Finish<W>,
    /// How contributions are found; else why they are not.
    shap: Result<Shap, String>,
    signature: Signature,
    needs: FeatureNeeds,
    schema: SchemaRef,
}

/// Extensions of the files that are looked at here.
pub const EXTENSIONS: [&str; 9] = ["txt", "json", "ubj", "model", "lgb", "xgb", "cbm", "bin", "deprecated"];

/// Reads and prepares the model at `path`; to be explained, if that is wanted.
pub fn load(path: &Path, explain: bool) -> Result<Box<dyn Scorer>, ModelError> {
    let name = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| ModelError::Unreadable { path: name(), source })?;
    read(&bytes, explain).map_err(|cause| ModelError::Unusable { path: name(), cause })
}

/// What tells the JSON files apart.
#[derive(Deserialize)]
struct Keys<'f> {
    /// XGBoost's.
    #[serde(borrow)]
    learner: Option<&'f RawValue>,
    /// CatBoost's.
    #[serde(borrow)]
    features_info: Option<&'f RawValue>,
    /// LightGBM's.
    #[serde(borrow)]
    tree_info: Option<&'f RawValue>,
}

/// The scorer for a file of these bytes.
fn read(bytes: &[u8], explain: bool) -> Result<Box<dyn Scorer>, String> {
    let text = || std::str::from_utf8(bytes).map_err(|_| "it holds bytes that are not UTF-8".to_owned());
    match bytes {
        [b't', b'r', b'e', b'e', b'\r' | b'\n', ..] => BoostedScorer::boxed(lightgbm::read(text()?, explain)?),
        [b'{', b'i' | b'U' | b'I' | b'l' | b'L' | b'#' | b'$', ..] => {
            BoostedScorer::boxed(xgboost::read(&ubjson::to_json(bytes)?, explain)?)
        }
        [b'C', b'B', b'M', b'1', ..] => {
            Err("it is CatBoost's binary format; load it with CatBoost and save it with format=\"json\"".to_owned())
        }
        _ if bytes.trim_ascii_start().first() == Some(&b'{') => {
            let text = text()?;
            let keys: Keys = serde_json::from_str(text).map_err(|error| format!("it is no readable JSON: {error}"))?;
            match keys {
                Keys { learner: Some(_), .. } => BoostedScorer::boxed(xgboost::read(text, explain)?),
                Keys { features_info: Some(_), .. } => BoostedScorer::boxed(catboost::read(text, explain)?),
                Keys { tree_info: Some(_), .. } => {
                    Err("it is a dump of LightGBM, which leaves things out; save the model with save_model as .txt"
                        .to_owned())
                }
                _ => Err("it is JSON, but no model of XGBoost or CatBoost".to_owned()),
            }
        }
        // The old binary format of XGBoost has a mark only when it was asked for.
        _ => {
            Err("it is no model of LightGBM (text), XGBoost (JSON or UBJSON) or CatBoost (JSON); a model in a binary \
                  format of XGBoost is loaded with XGBoost and saved as .json"
                .to_owned())
        }
    }
}

impl<W: Real> BoostedScorer<W> {
    /// Prepares `model`.
    fn boxed(model: Model<W>) -> Result<Box<dyn Scorer>, String> {
        let Model { library, objective, iterations, features, mut trees, unexplained, finish } = model;
        let targets = trees.targets;
        if unexplained.is_some() {
            trees.covers.clear();
        }
        let trees = TreeEnsemble::build(&trees).map_err(|error| format!("its trees are malformed: {error}"))?;
        if trees.features() > features.count {
            return Err(format!("its trees ask for feature {} of {}", trees.features() - 1, features.count));
        }
        let shap = match unexplained {
            None => Shap::of(&trees).map_err(|error| error.to_string()),
            Some(cause) => Err(cause),
        };
        let kernel = Kernel::new(&trees);
        let way = match &kernel {
            // There are no wider forms of the kernels.
            Some(kernel) => format!("by {}, {}", kernel.name(), Level::get().min(Level::Avx2).name()),
            None => "by plain walks".to_owned(),
        };
        let (needs, inputs) = takes(&features)?;
        let mut encodings: Vec<Option<Encoding>> = Vec::new();
        for (feature, encoding) in features.encodings {
            encodings.resize(encodings.len().max(feature + 1), None);
            encodings[feature] = Some(encoding);
        }
        Ok(Box::new(BoostedScorer {
            description: format!("{library}, {iterations} iterations, {way}; objective {objective}"),
            signature: Signature { inputs, outputs: finish.signature(targets) },
            schema: finish.schema(targets),
            trees,
            kernel,
            encodings,
            finish,
            shap,
            needs,
        }))
    }

    /// The columns of the features for the records of `mini_batch`, as the trees know them.
    fn columns<'m>(&self, mini_batch: &'m MiniBatch) -> Result<Vec<Cow<'m, [f32]>>, ScoreError> {
        let features = &mini_batch.block.records.columns()[..mini_batch.block.feature_count];
        let range = || mini_batch.records.clone();
        let column = |(index, column): (usize, &'m arrow_array::ArrayRef)| {
            let values = match self.encodings.get(index) {
                Some(Some(encoding)) => encoding.places(column, range()).map(Cow::Owned),
                _ => column.as_primitive_opt::<Float32Type>().map(|values| Cow::Borrowed(&values.values()[range()])),
            };
            values
                .ok_or_else(|| ScoreError::Permanent(format!("the model was given a column of {}", column.data_type())))
        };
        let columns: Vec<_> = features.iter().enumerate().map(column).collect::<Result<_, _>>()?;
        let wanted = self.trees.features().max(1);
        if columns.len() < wanted {
            let cause = format!("the model takes {wanted} features, and was given {}", columns.len());
            return Err(ScoreError::Permanent(cause));
        }
        Ok(columns)
    }

    /// The sums of leaf weights for rows that lie in `columns`: row-major `[rows, targets]`.
    fn sums(&self, columns: &[&[f32]], rows: usize) -> Vec<W> {
        let targets = self.trees.targets();
        let mut sums = vec![W::default(); rows * targets];
        if let Some(kernel) = &self.kernel {
            kernel.sums_of_columns(columns, &mut sums);
            return sums;
        }
        let mut block = vec![0.0; BLOCK_ROWS * columns.len()];
        let mut scores = vec![Score::default(); BLOCK_ROWS * targets];
        for (start, sums) in (0..rows).step_by(BLOCK_ROWS).zip(sums.chunks_mut(BLOCK_ROWS * targets)) {
            let block = &mut block[..sums.len() / targets * columns.len()];
            for (row, values) in block.chunks_exact_mut(columns.len()).enumerate() {
                values.iter_mut().zip(columns).for_each(|(value, column)| *value = column[start + row]);
            }
            let scores = &mut scores[..sums.len()];
            self.trees.scores(block, columns.len(), Aggregate::Sum, scores);
            sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum = score.value);
        }
        sums
    }
}

/// The columns that a record must bring, and the inputs that this comes to.
fn takes(features: &Features) -> Result<(FeatureNeeds, Vec<TensorSpec>), String> {
    let rows = || Dimension::Symbol("N".to_owned());
    let element = |index: usize| {
        let encoding = features.encodings.iter().find(|(feature, _)| *feature == index);
        encoding.map_or(ElementType::Float32, |(_, encoding)| encoding.element())
    };
    let Some(names) = &features.names else {
        if let Some((feature, _)) =
            features.encodings.iter().find(|(feature, _)| element(*feature) == ElementType::String)
        {
            return Err(format!(
                "its feature {feature} has categories, and no name to find its column by; train on a data frame with names"
            ));
        }
        let shape = vec![rows(), Dimension::Fixed(features.count)];
        let input = TensorSpec { name: "features".to_owned(), element: ElementType::Float32, shape };
        let needs = FeatureNeeds::Table { element: ElementType::Float32, count: Some(features.count) };
        return Ok((needs, vec![input]));
    };
    let named: Vec<NamedFeature> = names
        .iter()
        .enumerate()
        .map(|(index, name)| NamedFeature { name: name.clone(), element: element(index) })
        .collect();
    let input = |feature: &NamedFeature| TensorSpec {
        name: feature.name.clone(),
        element: feature.element,
        shape: vec![rows()],
    };
    let inputs = named.iter().map(input).collect();
    Ok((FeatureNeeds::Named(named), inputs))
}

impl<W: Real> Scorer for BoostedScorer<W> {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn engine(&self) -> String {
        self.description.clone()
    }

    fn needs(&self) -> &FeatureNeeds {
        &self.needs
    }

    fn output_schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn explainer(&self) -> Result<&dyn Explainer, Unexplained> {
        let shap = self.shap.as_ref().map(|_| self as &dyn Explainer);
        shap.map_err(|cause| Unexplained { cause: cause.clone(), observing: false })
    }

    fn score(&self, mini_batch: &MiniBatch) -> Result<Predictions, ScoreError> {
        let columns = self.columns(mini_batch)?;
        let columns: Vec<&[f32]> = columns.iter().map(AsRef::as_ref).collect();
        let sums = self.sums(&columns, mini_batch.len());
        let columns = self.finish.columns(sums, self.trees.targets());
        Ok(Predictions::new(self.output_schema(), columns, mini_batch.len())?)
    }
}
