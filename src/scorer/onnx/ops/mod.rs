//! Our own operators, registered in place of those that tract lacks, gets wrong or runs slowly.
//!
//! Those that compute numbers are row-wise: a row's result depends on that row alone and is computed by the same steps
//! in the same order however many rows share the call. Semantics are those of ONNX Runtime's CPU kernels.

mod array_feature_extractor;
mod axis;
mod binarizer;
mod cast;
mod category_mapper;
mod cdist;
pub(super) mod columns;
mod compress;
mod feature_vectorizer;
mod flatten;
mod floats;
mod fused_extremes;
mod gemm;
mod imputer;
mod integers;
mod keeps_nan;
pub(super) mod label_encoder;
mod labels;
pub(super) mod linear;
mod linear_sums;
mod log_sum_exp;
mod normalizer;
mod one_hot;
pub(super) mod one_hot_encoder;
mod pattern;
mod places;
mod post_transform;
mod reverse_sequence;
mod row_operator;
mod scalars;
mod scaler;
mod shaped_operator;
mod softmax;
mod string_normalizer;
mod strings;
mod sums;
pub(super) mod sums_of_trees;
mod svm;
mod svm_classifier;
mod svm_regressor;
mod tf_idf_vectorizer;
mod tile;
mod tokenizer;
mod tree_attributes;
mod tree_classifier;
mod tree_ensemble;
mod tree_ensemble_v5;
mod tree_regressor;
mod unique;
mod zip_map;

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::prelude::{TractResult, TypedModel};

/// Puts our operators into tract's register, over its own where both exist.
pub(super) fn register(register: &mut OnnxOpRegister) {
    register.insert("ArrayFeatureExtractor", array_feature_extractor::build);
    register.insert("Binarizer", binarizer::build);
    register.insert("Cast", cast::build);
    register.insert("CategoryMapper", category_mapper::build);
    register.insert("CDist", cdist::build);
    register.insert("Compress", compress::build);
    register.insert("FeatureVectorizer", feature_vectorizer::build);
    register.insert("Flatten", flatten::build);
    register.insert("Gemm", gemm::build);
    register.insert("Imputer", imputer::build);
    register.insert("IsInf", floats::build_is_inf);
    register.insert("IsNaN", floats::build_is_nan);
    register.insert("LabelEncoder", label_encoder::build);
    register.insert("LinearClassifier", linear::build_classifier);
    register.insert("LinearRegressor", linear::build_regressor);
    register.insert("LogSoftmax", log_sum_exp::build_log_softmax);
    register.insert("Normalizer", normalizer::build);
    register.insert("OneHotEncoder", one_hot_encoder::build);
    register.insert("Range", scalars::build_range);
    register.insert("ReverseSequence", reverse_sequence::build);
    register.insert("Scaler", scaler::build);
    register.insert("Softmax", softmax::build);
    register.insert("ReduceLogSumExp", log_sum_exp::build_reduction);
    register.insert("Softplus", log_sum_exp::build_softplus);
    register.insert("RegexFullMatch", strings::build_full_match);
    register.insert("Round", floats::build_round);
    register.insert("StringConcat", strings::build_concat);
    register.insert("StringNormalizer", string_normalizer::build);
    register.insert("StringSplit", strings::build_split);
    register.insert("SVMClassifier", svm_classifier::build);
    register.insert("SVMRegressor", svm_regressor::build);
    register.insert("TfIdfVectorizer", tf_idf_vectorizer::build);
    register.insert("Tokenizer", tokenizer::build);
    register.insert("TreeEnsemble", tree_ensemble_v5::build);
    register.insert("TreeEnsembleClassifier", tree_classifier::build);
    register.insert("TreeEnsembleRegressor", tree_regressor::build);
    register.insert("Trilu", scalars::build_trilu);
    register.insert("Unique", unique::build);
    register.insert("ZipMap", zip_map::build);
}

/// Puts our operators in place of those of tract that a prepared graph is made of.
pub(super) fn replace(model: &mut TypedModel) {
    keeps_nan::keep_nan(model);
    one_hot::accept_all_indices(model);
    integers::take_integers(model);
    tile::take_texts(model);
    sums::sum_in_order_within(model);
}

/// The same for what tract has made of it since, in a graph that is ready to run.
pub(super) fn replace_in_optimized(model: &mut TypedModel) -> TractResult<()> {
    fused_extremes::fuse_extremes(model)?;
    sums::sum_in_order(model);
    Ok(())
}
