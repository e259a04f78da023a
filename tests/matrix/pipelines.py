"""Preprocessing of numbers, words and text, alone and before models."""

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA, IncrementalPCA, KernelPCA, TruncatedSVD
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import (
    CountVectorizer,
    TfidfVectorizer,
)
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    VarianceThreshold,
    f_classif,
)
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import GaussianRandomProjection

from tables import codes, doubles, numbers, people, remarks, select

# What a missing or infinite value comes to is for onnxruntime to say: scikit-learn refuses them.
EDGES = dict(wild=True, missing=True)


def transformers(make):
    table, wide, whole = numbers(111), doubles(112), numbers(113, ints=True)
    gaps, positive = numbers(114, missing=0.2), numbers(115, positive=True)
    category = codes(116)

    make.sklearn("standard_scaler", StandardScaler(), table, **EDGES)
    make.sklearn("standard_scaler_no_mean", StandardScaler(with_mean=False), table)
    make.sklearn("standard_scaler_float64", StandardScaler(), wide)
    make.sklearn("standard_scaler_int64", StandardScaler(), whole)
    make.sklearn("min_max_scaler", MinMaxScaler((-1, 2)), table, **EDGES)
    make.sklearn("min_max_scaler_clip", MinMaxScaler(clip=True), table, **EDGES)
    make.sklearn("max_abs_scaler", MaxAbsScaler(), table, **EDGES)
    make.sklearn("robust_scaler", RobustScaler(), table, **EDGES)
    for norm in ["l1", "l2", "max"]:
        make.sklearn(f"normalizer_{norm}", Normalizer(norm), table, **EDGES)
    make.sklearn("normalizer_float64", Normalizer(), wide)
    make.sklearn("binarizer", Binarizer(threshold=0.25), table, **EDGES)
    make.sklearn("binarizer_int64", Binarizer(threshold=1), whole)
    make.sklearn("polynomial", PolynomialFeatures(3), table)
    make.sklearn("polynomial_interactions", PolynomialFeatures(
        2, interaction_only=True, include_bias=False), table)
    make.sklearn("polynomial_int64", PolynomialFeatures(2), whole)
    for encode in ["onehot", "onehot-dense", "ordinal"]:
        name = f"bins_{encode.replace('-', '_')}"
        make.sklearn(name, KBinsDiscretizer(4, encode=encode), positive)
    make.sklearn("bins_uniform", KBinsDiscretizer(
        3, encode="ordinal", strategy="uniform"), table, **EDGES)
    make.sklearn("power_yeo_johnson", PowerTransformer(), table, tolerance=1e-4,
                 reason="powers of float32 values")
    make.sklearn("power_box_cox", PowerTransformer("box-cox"), positive_only(115),
                 tolerance=1e-4, reason="powers of float32 values", probe=False)
    make.sklearn("quantile_uniform", QuantileTransformer(n_quantiles=20), table, **EDGES)
    make.sklearn("quantile_normal", QuantileTransformer(
        n_quantiles=20, output_distribution="normal"), table)
    make.sklearn("splines", SplineTransformer(), table)
    make.sklearn("function_identity", FunctionTransformer(), table)
    make.sklearn("function_log", FunctionTransformer(np.log1p), positive)

    for strategy in ["mean", "median", "most_frequent", "constant"]:
        make.sklearn(f"imputer_{strategy}", SimpleImputer(strategy=strategy), gaps,
                     missing=True)
    make.sklearn("imputer_indicator", SimpleImputer(add_indicator=True), gaps, missing=True)
    make.sklearn("imputer_minus_one", SimpleImputer(
        missing_values=-1, strategy="most_frequent"), whole)
    make.sklearn("imputer_float64", SimpleImputer(), missing_doubles(), missing=True)
    make.sklearn("knn_imputer", KNNImputer(n_neighbors=3), gaps, missing=True)
    make.sklearn("knn_imputer_distance", KNNImputer(n_neighbors=3, weights="distance"), gaps,
                 missing=True)

    make.sklearn("pca", PCA(3), table, **EDGES)
    make.sklearn("pca_whiten", PCA(2, whiten=True), table)
    make.sklearn("truncated_svd", TruncatedSVD(3, random_state=1), table)
    make.sklearn("incremental_pca", IncrementalPCA(3), table)
    make.sklearn("kernel_pca", KernelPCA(2, kernel="rbf", gamma=0.1), table)
    make.sklearn("random_projection", GaussianRandomProjection(3, random_state=1), table)
    make.sklearn("select_k_best", SelectKBest(f_classif, k=3), table, "three", **EDGES)
    make.sklearn("select_k_best_int64", SelectKBest(f_classif, k=3), whole, "three")
    make.sklearn("variance_threshold", VarianceThreshold(0.001), table)
    make.sklearn("one_hot_int64", OneHotEncoder(handle_unknown="ignore"), category)
    make.sklearn("one_hot_drop", OneHotEncoder(drop="first"), category)
    make.sklearn("one_hot_float", OneHotEncoder(handle_unknown="ignore"), as_float(category))
    make.sklearn("ordinal_int64", OrdinalEncoder(), category)
    make.sklearn("target_encoder_int64", TargetEncoder(random_state=1), category, "binary")


def positive_only(seed):
    table = numbers(seed, positive=True)
    for values in (table.train, table.test):
        values[:, :5] += 0.5
        values[:, 5] = np.arange(len(values)) % 3 + 1
    return table


def missing_doubles():
    table = doubles(117)
    table.train[::5, 1] = np.nan
    table.test[::4, 1] = np.nan
    return table


def as_float(table):
    return type(table)(table.train.astype(float), table.test.astype(float), "float32",
                       table.targets)


def before_models(make):
    table, gaps = numbers(121), numbers(122, missing=0.2)
    logistic = lambda: LogisticRegression(max_iter=500)  # noqa: E731
    forest = lambda: RandomForestClassifier(  # noqa: E731
        n_estimators=6, max_depth=4, random_state=1)

    make.sklearn("pipe_scale_logistic", make_pipeline(StandardScaler(), logistic()), table,
                 "two words", **EDGES)
    make.sklearn("pipe_impute_scale_forest", make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), forest()), gaps, "words",
        missing=True)
    make.sklearn("pipe_indicator_logistic", make_pipeline(
        SimpleImputer(add_indicator=True), StandardScaler(), logistic()), gaps, "words",
        missing=True)
    make.sklearn("pipe_pca_logistic", make_pipeline(
        StandardScaler(), PCA(3), logistic()), table, "words")
    make.sklearn("pipe_svd_ridge", make_pipeline(TruncatedSVD(3, random_state=1), Ridge()),
                 table, "number")
    make.sklearn("pipe_incremental_pca_forest", make_pipeline(
        StandardScaler(), IncrementalPCA(3), forest()), table, "gaps")
    make.sklearn("pipe_polynomial_ridge", make_pipeline(
        StandardScaler(), PolynomialFeatures(2), Ridge()), table, "number", **EDGES)
    make.sklearn("pipe_bins_logistic", make_pipeline(
        KBinsDiscretizer(4, encode="onehot-dense"), logistic()), varying(123), "words")
    make.sklearn("pipe_quantile_linear", make_pipeline(
        QuantileTransformer(n_quantiles=20), LinearRegression()), table, "number")
    make.sklearn("pipe_power_forest", make_pipeline(
        PowerTransformer(), RandomForestRegressor(n_estimators=5, max_depth=3, random_state=1)),
        table, "number")
    make.sklearn("pipe_select_logistic", make_pipeline(
        SelectKBest(f_classif, k=3), StandardScaler(), logistic()), table, "words")
    make.sklearn("pipe_select_from_model", make_pipeline(
        SelectFromModel(forest()), logistic()), table, "words")
    make.sklearn("pipe_rfe", make_pipeline(RFE(logistic(), n_features_to_select=3), forest()),
                 table, "words")
    make.sklearn("pipe_union", make_pipeline(
        FeatureUnion([("pca", PCA(2)), ("scale", StandardScaler()),
                      ("best", SelectKBest(f_classif, k=2))]), logistic()), table, "words")
    make.sklearn("pipe_union_weights", make_pipeline(
        FeatureUnion([("scale", StandardScaler()), ("range", MinMaxScaler())],
                     transformer_weights={"scale": 2.0}), Ridge()), table, "number")
    make.sklearn("pipe_by_position", make_pipeline(
        ColumnTransformer([("scale", StandardScaler(), [0, 2]), ("bins", Binarizer(), [1]),
                           ("keep", "passthrough", [4])]), forest()), table, "words")
    make.sklearn("pipe_transformed_target", TransformedTargetRegressor(
        Ridge(), func=np.log1p, inverse_func=np.expm1), table, "positive")


def varying(seed):
    """Without the constant column, which cannot be cut into bins."""
    table = numbers(seed)
    return type(table)(table.train[:, :5], table.test[:, :5], table.types, table.targets)


def columns(make):
    table, gaps = people(131), people(132, missing=0.15)
    numeric, words = ["age", "income"], ["city", "plan"]
    hot = lambda: OneHotEncoder(handle_unknown="ignore")  # noqa: E731

    def mixed(last, impute=False, ints="scale", encoder=None):
        scale = StandardScaler()
        if impute:
            scale = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", scale)])
        whole = {"scale": StandardScaler(), "hot": hot(), "passthrough": "passthrough"}[ints]
        return Pipeline([
            ("columns", ColumnTransformer([
                ("numbers", scale, numeric), ("whole", whole, ["visits"]),
                ("words", encoder or hot(), words)])),
            ("model", last),
        ])

    logistic = lambda: LogisticRegression(max_iter=500)  # noqa: E731
    forest = lambda: RandomForestClassifier(  # noqa: E731
        n_estimators=8, max_depth=5, random_state=1)
    hist = lambda: HistGradientBoostingClassifier(max_iter=8, random_state=1)  # noqa: E731
    make.sklearn("columns_logistic", mixed(logistic()), table, "two words", unknown="Rome")
    make.sklearn("columns_logistic_three", mixed(logistic(), ints="hot"), table, "words",
                 unknown="")
    make.sklearn("columns_impute_logistic", mixed(logistic(), impute=True), gaps, "words",
                 missing=True)
    make.sklearn("columns_impute_forest", mixed(forest(), impute=True, ints="passthrough"),
                 gaps, "words", missing=True, unknown="Rome")
    make.sklearn("columns_hist_ordinal", mixed(hist(), encoder=OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1)), table, "words")
    make.sklearn("columns_forest_ordinal", mixed(forest(), encoder=OrdinalEncoder()), table,
                 "binary")
    make.sklearn("columns_ridge", mixed(Ridge()), table, "number")
    make.sklearn("columns_no_zipmap", mixed(forest()), table, "gaps")
    make.sklearn("columns_one_hot_only", ColumnTransformer(
        [("hot", OneHotEncoder(drop="first", sparse_output=False), words)]), select(table, words))
    make.sklearn("columns_infrequent", ColumnTransformer(
        [("hot", OneHotEncoder(min_frequency=80, sparse_output=False,
                               handle_unknown="infrequent_if_exist"), words)]),
        select(table, words))
    make.sklearn("columns_ordinal_only", ColumnTransformer(
        [("codes", OrdinalEncoder(), words)]), select(table, words))
    make.sklearn("columns_impute_words", ColumnTransformer(
        [("fill", Pipeline([("fill", SimpleImputer(strategy="constant", fill_value="none")),
                            ("hot", hot())]), words)], sparse_threshold=0),
        select(table, words))
    make.sklearn("columns_remainder", ColumnTransformer(
        [("scale", StandardScaler(), ["income"])], remainder="passthrough"),
        select(table, numeric + ["visits"]))
    make.sklearn("columns_target_encoder", Pipeline([
        ("columns", ColumnTransformer([("mean", TargetEncoder(random_state=1), words)])),
        ("model", Ridge())]), select(table, words), "number")


def texts(make):
    table = remarks(141)
    # onnxruntime runs lower-casing models only where the machine has their locale.
    plain = {"locale": "C"}
    make.sklearn("text_count", CountVectorizer(), table)
    make.sklearn("text_count_locale", CountVectorizer(), table, options=plain)
    make.sklearn("text_count_pairs", CountVectorizer(ngram_range=(1, 2), binary=True), table,
                 options=plain)
    make.sklearn("text_tfidf", TfidfVectorizer(), table)
    make.sklearn("text_tfidf_locale", TfidfVectorizer(), table, options=plain)
    make.sklearn("text_tfidf_sublinear", TfidfVectorizer(
        lowercase=False, sublinear_tf=True, use_idf=False), table)
    make.sklearn("text_tfidf_case", TfidfVectorizer(lowercase=False, norm="l1"), table)
    make.sklearn("text_tfidf_stop_words", TfidfVectorizer(stop_words=["the", "was"]), table,
                 options=plain)
    make.sklearn("text_tfidf_characters", TfidfVectorizer(
        analyzer="char", ngram_range=(1, 2), max_features=60), table, options=plain)
    make.sklearn("text_tfidf_tokens", TfidfVectorizer(token_pattern="[a-zA-Z]+"), table,
                 options=plain)
    make.sklearn("text_logistic", make_pipeline(TfidfVectorizer(), LogisticRegression()),
                 table, "two words")
    make.sklearn("text_columns", Pipeline([
        ("columns", ColumnTransformer([
            ("words", TfidfVectorizer(lowercase=False), "text"),
            ("hot", OneHotEncoder(handle_unknown="ignore"), ["source"])])),
        ("model", LogisticRegression())]), with_source(table), "words")


def with_source(table):
    """The text beside a column of words."""
    rng = np.random.default_rng(142)
    frames = [frame.assign(source=rng.choice(["mail", "shop"], len(frame)))
              for frame in (table.train, table.test)]
    return type(table)(*frames, {"text": "string", "source": "string"}, table.targets)


def cases(make):
    transformers(make)
    before_models(make)
    columns(make)
    texts(make)
