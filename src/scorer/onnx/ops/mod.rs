//! Our own operators, registered in place of those that tract lacks, gets wrong or runs slowly.
//!
//! Those that compute numbers are row-wise: a row's result depends on that row alone and is computed by the same steps
//! in the same order however many rows share the call. Semantics are those of ONNX Runtime's CPU kernels.

mod array_feature_extractor;
mod binarizer;
mod cast;
mod category_mapper;
pub(super) mod columns;
mod feature_vectorizer;
mod imputer;
mod keeps_nan;
mod label_encoder;
mod labels;
pub(super) mod linear;
mod log_sum_exp;
mod normalizer;
mod one_hot;
pub(super) mod one_hot_encoder;
mod post_transform;
mod row_operator;
mod scaler;
mod softmax;
mod svm;
mod svm_classifier;
mod svm_regressor;
mod tree_attributes;
mod tree_classifier;
mod tree_ensemble;
mod tree_ensemble_v5;
mod tree_regressor;
mod zip_map;

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::prelude::TypedModel;

/// Puts our operators into tract's register, over its own where both exist.
pub(super) fn register(register: &mut OnnxOpRegister) {
    register.insert("ArrayFeatureExtractor", array_feature_extractor::build);
    register.insert("Binarizer", binarizer::build);
    register.insert("Cast", cast::build);
    register.insert("CategoryMapper", category_mapper::build);
    register.insert("FeatureVectorizer", feature_vectorizer::build);
    register.insert("Imputer", imputer::build);
    register.insert("LabelEncoder", label_encoder::build);
    register.insert("LinearClassifier", linear::build_classifier);
    register.insert("LinearRegressor", linear::build_regressor);
    register.insert("LogSoftmax", log_sum_exp::build_log_softmax);
    register.insert("Normalizer", normalizer::build);
    register.insert("OneHotEncoder", one_hot_encoder::build);
    register.insert("Scaler", scaler::build);
    register.insert("Softmax", softmax::build);
    register.insert("ReduceLogSumExp", log_sum_exp::build_reduction);
    register.insert("Softplus", log_sum_exp::build_softplus);
    register.insert("SVMClassifier", svm_classifier::build);
    register.insert("SVMRegressor", svm_regressor::build);
    register.insert("TreeEnsemble", tree_ensemble_v5::build);
    register.insert("TreeEnsembleClassifier", tree_classifier::build);
    register.insert("TreeEnsembleRegressor", tree_regressor::build);
    register.insert("ZipMap", zip_map::build);
}

/// Puts our operators in place of those of tract that a prepared graph is made of.
pub(super) fn replace(model: &mut TypedModel) {
    keeps_nan::keep_nan(model);
    one_hot::accept_all_indices(model);
}
