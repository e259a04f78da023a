"""Trees, ensembles of other models, and boosted trees of other libraries."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    OutputCodeClassifier,
)
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from tables import codes, doubles, numbers

DECISION = ["predict", "decision_function"]


def trees(make):
    table, wide, ints = numbers(51), doubles(52), numbers(53, ints=True)
    gaps = numbers(54, missing=0.2)
    small = dict(max_depth=4, random_state=1)
    forest = dict(n_estimators=12, max_depth=6, random_state=1)

    make.sklearn("tree_classifier_words", DecisionTreeClassifier(**small), table, "words",
                 wild=True)
    make.sklearn("tree_classifier_one_class", DecisionTreeClassifier(
        max_depth=1, min_samples_leaf=140), table, "signs", wild=True)
    make.sklearn("tree_classifier_float64", DecisionTreeClassifier(**small), wide, "three")
    make.sklearn("tree_classifier_int64", DecisionTreeClassifier(**small), ints, "two words")
    make.sklearn("tree_classifier_missing", DecisionTreeClassifier(**small), gaps, "words",
                 missing=True)
    make.sklearn("tree_classifier_multi_label", DecisionTreeClassifier(**small), table,
                 "two labels", methods=["predict"])
    make.sklearn("tree_classifier_path", DecisionTreeClassifier(**small), table, "three",
                 options={"decision_path": True, "zipmap": False})
    make.sklearn("tree_classifier_leaf", DecisionTreeClassifier(**small), table, "three",
                 options={"decision_leaf": True, "zipmap": False})
    make.sklearn("tree_classifier_multi_label_tensor", DecisionTreeClassifier(**small), table,
                 "two labels", methods=["predict"], options={"zipmap": False})
    make.sklearn("tree_classifier_float64_tensor", DecisionTreeClassifier(**small), wide,
                 "three", options={"zipmap": False})
    make.sklearn("tree_regressor", DecisionTreeRegressor(**small), table, "number", wild=True)
    make.sklearn("tree_regressor_two", DecisionTreeRegressor(**small), table, "two numbers")
    make.sklearn("tree_regressor_float64", DecisionTreeRegressor(**small), wide, "number")
    make.sklearn("extra_tree_classifier", ExtraTreeClassifier(**small), table, "words")
    make.sklearn("extra_tree_regressor", ExtraTreeRegressor(**small), table, "number")
    make.sklearn("forest_binary", RandomForestClassifier(**forest), table, "binary", wild=True)
    make.sklearn("forest_words", RandomForestClassifier(**forest), table, "words", wild=True)
    make.sklearn("forest_missing", RandomForestClassifier(**forest), gaps, "words",
                 missing=True)
    make.sklearn("forest_multi_label", RandomForestClassifier(**forest), table, "two labels",
                 methods=["predict"])
    make.sklearn("forest_multi_label_tensor", RandomForestClassifier(**forest), table,
                 "two labels", methods=["predict"], options={"zipmap": False})
    make.sklearn("forest_two_classes", RandomForestClassifier(**forest), table,
                 "two classes", methods=["predict"])
    make.sklearn("forest_regressor", RandomForestRegressor(**forest), table, "number",
                 wild=True)
    make.sklearn("forest_regressor_two", RandomForestRegressor(**forest), table,
                 "two numbers")
    make.sklearn("forest_deep_float64", RandomForestRegressor(n_estimators=5, random_state=1),
                 wide, "number",
                 broken="scikit-learn compares float32 values, the exported model float64")
    make.sklearn("forest_opset_12", RandomForestClassifier(**forest), table, "binary",
                 options={"zipmap": False}, opset=12)
    make.sklearn("extra_trees_classifier", ExtraTreesClassifier(**forest), table, "gaps")
    make.sklearn("extra_trees_regressor", ExtraTreesRegressor(**forest), table, "number")
    make.sklearn("random_trees_embedding", RandomTreesEmbedding(
        n_estimators=3, max_depth=2, random_state=1, sparse_output=False), table)
    make.sklearn("isolation_forest", IsolationForest(n_estimators=10, random_state=1), table,
                 methods=DECISION, opset={"": 21, "ai.onnx.ml": 3})
    make.sklearn("isolation_forest_score", IsolationForest(
        n_estimators=10, max_samples=64, contamination=0.1, random_state=1), table,
        methods=["predict", "decision_function", "score_samples"],
        options={"score_samples": True}, opset={"": 21, "ai.onnx.ml": 3})


def boosting(make):
    table, wide = numbers(61), doubles(62)
    gaps = numbers(63, missing=0.2)
    few = dict(n_estimators=12, max_depth=3, random_state=1)
    hist = dict(max_iter=12, random_state=1)
    make.sklearn("gradient_boosting_binary", GradientBoostingClassifier(**few), table,
                 "two words", wild=True)
    make.sklearn("gradient_boosting_words", GradientBoostingClassifier(**few), table,
                 "words", wild=True)
    make.sklearn("gradient_boosting_zero", GradientBoostingClassifier(init="zero", **few),
                 table, "three")
    make.sklearn("gradient_boosting_exponential", GradientBoostingClassifier(
        loss="exponential", **few), table, "binary")
    make.sklearn("gradient_boosting_raw", GradientBoostingClassifier(**few), table, "three",
                 options={"raw_scores": True}, methods=DECISION)
    make.sklearn("gradient_boosting_raw_binary", GradientBoostingClassifier(**few), table,
                 "binary", options={"raw_scores": True}, methods=DECISION)
    make.sklearn("gradient_boosting_regressor", GradientBoostingRegressor(**few), table,
                 "number", wild=True)
    make.sklearn("gradient_boosting_huber", GradientBoostingRegressor(loss="huber", **few),
                 table, "number")
    make.sklearn("gradient_boosting_float64", GradientBoostingRegressor(**few), wide,
                 "number")
    make.sklearn("hist_binary_missing", HistGradientBoostingClassifier(**hist), gaps,
                 "binary", missing=True, wild=True)
    make.sklearn("hist_words_missing", HistGradientBoostingClassifier(**hist), gaps, "words",
                 missing=True)
    make.sklearn("hist_regressor_missing", HistGradientBoostingRegressor(**hist), gaps,
                 "number", missing=True, wild=True)
    make.sklearn("hist_poisson", HistGradientBoostingRegressor(loss="poisson", **hist), table,
                 "count")
    make.sklearn("hist_gamma", HistGradientBoostingRegressor(loss="gamma", **hist), table,
                 "positive")
    make.sklearn("hist_categorical", HistGradientBoostingClassifier(
        categorical_features=[0, 1], **hist), codes(64), "words")
    make.sklearn("hist_float64", HistGradientBoostingRegressor(**hist), wide, "number")
    for target in ["binary", "words"]:
        make.sklearn(f"ada_boost_{target}", AdaBoostClassifier(
            n_estimators=10, random_state=1), table, target)
    make.sklearn("ada_boost_depth_2", AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=2), n_estimators=8, random_state=1), table, "gaps",
        options={"raw_scores": True}, methods=DECISION)
    make.sklearn("ada_boost_regressor", AdaBoostRegressor(n_estimators=8, random_state=1),
                 table, "number")


def ensembles(make):
    table = numbers(71, scale=np.ones(6))
    logistic = LogisticRegression()
    tree = DecisionTreeClassifier(max_depth=3, random_state=1)
    three = [("a", logistic), ("b", tree), ("c", GaussianNB(var_smoothing=0.01))]
    forest = RandomForestClassifier(n_estimators=6, max_depth=4, random_state=1)
    numeric = [("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=3, random_state=1))]

    make.sklearn("bagging_trees", BaggingClassifier(
        DecisionTreeClassifier(max_depth=4), 8, random_state=1), table, "words")
    make.sklearn("bagging_some_features", BaggingClassifier(
        logistic, 5, max_features=0.7, random_state=1), table, "binary")
    make.sklearn("bagging_decisions", BaggingClassifier(LinearSVC(), 4, random_state=1),
                 table, "three", methods=["predict", "predict_proba"])
    make.sklearn("bagging_regressor", BaggingRegressor(n_estimators=6, random_state=1), table,
                 "number")
    make.sklearn("voting_soft", VotingClassifier(
        three, voting="soft", flatten_transform=False), table, "words")
    make.sklearn("voting_soft_weights", VotingClassifier(
        three, voting="soft", weights=np.array([3, 1, 2]), flatten_transform=False),
        table, "binary")
    make.sklearn("voting_hard", VotingClassifier(three, flatten_transform=False), table,
                 "words", methods=["predict"])
    make.sklearn("voting_hard_ties", VotingClassifier(
        three[:2], flatten_transform=False), table, "three",
                 methods=["predict"])
    make.sklearn("voting_regressor", VotingRegressor(
        numeric, weights=np.array([1, 2])), table, "number")
    make.sklearn("stacking_classifier", StackingClassifier(three, cv=3), table, "words")
    make.sklearn("stacking_binary", StackingClassifier(
        [("a", logistic), ("b", forest)], forest, cv=3), table, "two words")
    make.sklearn("stacking_passthrough", StackingClassifier(
        three[:2], passthrough=True, cv=3), table, "three")
    make.sklearn("stacking_regressor", StackingRegressor(numeric, cv=3), table, "number")
    for method in ["sigmoid", "isotonic"]:
        for target in ["binary", "words"]:
            make.sklearn(f"calibrated_{method}_{target}", CalibratedClassifierCV(
                tree, method=method, cv=3), table, target)
    make.sklearn("calibrated_linear_svc", CalibratedClassifierCV(LinearSVC(), cv=3), table,
                 "words")
    make.sklearn("calibrated_forest", CalibratedClassifierCV(forest, cv=2, ensemble=False),
                 table, "gaps")
    make.sklearn("one_vs_rest_trees", OneVsRestClassifier(tree), table, "words")
    make.sklearn("one_vs_rest_binary", OneVsRestClassifier(tree), table, "two words")
    make.sklearn("one_vs_rest_multi_label", OneVsRestClassifier(tree), table, "two labels")
    make.sklearn("one_vs_rest_svc", OneVsRestClassifier(SVC()), table, "three",
                 methods=["predict"])
    make.sklearn("one_vs_one", OneVsOneClassifier(logistic), table, "three", methods=DECISION)
    make.sklearn("one_vs_one_words", OneVsOneClassifier(logistic), table, "words",
                 broken="exported with labels of int64 that are declared as string")
    make.sklearn("output_code", OutputCodeClassifier(logistic, random_state=1), table,
                 "words", methods=["predict"])
    make.sklearn("classifier_chain", ClassifierChain(logistic), table, "two labels")
    make.sklearn("regressor_chain", RegressorChain(Ridge()), table, "two numbers")
    make.sklearn("multi_output_classifier", MultiOutputClassifier(logistic), table,
                 "two classes", methods=["predict"])
    make.sklearn("multi_output_no_zipmap", MultiOutputClassifier(logistic), table,
                 "two classes", methods=["predict"], options={"zipmap": False})
    make.sklearn("multi_output_regressor", MultiOutputRegressor(
        GradientBoostingRegressor(n_estimators=5, max_depth=2)), table, "two numbers")
    make.sklearn("grid_search", GridSearchCV(tree, {"max_depth": [2, 3]}, cv=2), table,
                 "words")
    make.sklearn("tuned_threshold", TunedThresholdClassifierCV(logistic, cv=3), table,
                 "binary")


# --- other libraries --------------------------------------------------------


def by_method(model, rows):
    """Labels or numbers, then probabilities if there are any."""
    found = [model.predict(rows)]
    return found + [model.predict_proba(rows)] if hasattr(model, "predict_proba") else found


def indexed(model, rows):
    """The same, with classes by their positions, since the saved files do not name them."""
    first, *rest = by_method(model, rows)
    if hasattr(model, "classes_") and first.ndim == 1:
        first = np.searchsorted(model.classes_, first)
    return [first, *rest]


def lightgbm(make):
    import lightgbm as lgb
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    def add(name, model, table, target, categorical=None, fit=None, **settings):
        conversion = settings.pop("conversion", {})

        def export():
            model.set_params(n_estimators=15, num_leaves=8, n_jobs=1, verbose=-1,
                             random_state=1, min_child_samples=5)
            more = {"categorical_feature": categorical} if categorical else {}
            model.fit(table.train, table.targets[target], **more, **(fit or {}))
            kind = [("X", FloatTensorType([None, table.train.shape[1]]))]
            return convert_lightgbm(model, initial_types=kind, **conversion)

        make.add(f"lightgbm_{name}", export, model, table, **settings)
        make.saved(f"lightgbm_{name}_saved", "model.txt",
                   lambda path: model.booster_.save_model(path),
                   lambda rows: indexed(model, rows), table, **settings)

    table, gaps, whole = numbers(81), numbers(82, missing=0.2), codes(83)
    whole = type(whole)(whole.train.astype(float), whole.test.astype(float), "float32",
                        whole.targets)
    edges = dict(wild=True, missing=True)
    add("binary", lgb.LGBMClassifier(), table, "binary", **edges)
    add("binary_words", lgb.LGBMClassifier(), gaps, "two words", **edges)
    add("binary_no_zipmap", lgb.LGBMClassifier(), table, "signs", conversion={"zipmap": False})
    add("multi_class", lgb.LGBMClassifier(), gaps, "words", **edges)
    add("one_vs_all", lgb.LGBMClassifier(objective="multiclassova"), table, "three")
    add("regressor", lgb.LGBMRegressor(), gaps, "number", **edges)
    add("regressor_split", lgb.LGBMRegressor(), table, "number", conversion={"split": 4})
    add("no_missing", lgb.LGBMRegressor(use_missing=False), table, "number")
    add("zero_as_missing", lgb.LGBMRegressor(zero_as_missing=True),
        numbers(84, missing=0.1), "number", missing=True)
    add("zero_as_missing_codes", lgb.LGBMRegressor(zero_as_missing=True), whole, "number")
    add("categorical", lgb.LGBMClassifier(min_data_per_group=5, cat_smooth=1), whole, "words",
        categorical=[0, 1, 2])
    add("poisson", lgb.LGBMRegressor(objective="poisson"), table, "count")
    add("gamma", lgb.LGBMRegressor(objective="gamma"), table, "positive")
    add("tweedie", lgb.LGBMRegressor(objective="tweedie"), table, "count")
    add("quantile", lgb.LGBMRegressor(objective="quantile"), table, "number")
    add("dart", lgb.LGBMClassifier(boosting_type="dart"), table, "three")
    add("random_forest", lgb.LGBMRegressor(
        boosting_type="rf", subsample=0.7, subsample_freq=1), table, "number")
    add("random_forest_binary", lgb.LGBMClassifier(
        boosting_type="rf", subsample=0.7, subsample_freq=1), table, "binary")
    add("linear_tree", lgb.LGBMRegressor(linear_tree=True), table, "number")
    add("ranker", lgb.LGBMRanker(), table, "grades", fit={"group": [30] * 10})


def xgboost(make):
    import xgboost as xgb
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    def add(name, model, table, target, fit=None, **settings):
        def export():
            model.set_params(n_estimators=12, max_depth=3, n_jobs=1, random_state=1)
            model.fit(table.train, table.targets[target], **(fit or {}))
            kind = [("X", FloatTensorType([None, table.train.shape[1]]))]
            return convert_xgboost(model, initial_types=kind)

        make.add(f"xgboost_{name}", export, model, table, **settings)
        for file in ["model.json", "model.ubj"]:
            # XGBoost itself refuses infinities.
            make.saved(f"xgboost_{name}_{file[6:]}_saved", file, model.save_model,
                       lambda rows: indexed(model, rows), table, **{**settings, "wild": False})

    table, gaps = numbers(91), numbers(92, missing=0.2)
    add("binary", xgb.XGBClassifier(), table, "binary", missing=True, wild=True)
    add("multi_class", xgb.XGBClassifier(), gaps, "three", missing=True, wild=True)
    add("regressor", xgb.XGBRegressor(), gaps, "number", missing=True, wild=True)
    add("base_score", xgb.XGBRegressor(base_score=2.5), table, "number")
    add("two_numbers", xgb.XGBRegressor(), table, "two numbers")
    add("two_numbers_vector_leaf", xgb.XGBRegressor(multi_strategy="multi_output_tree"), table,
        "two numbers")
    add("multi_label", xgb.XGBClassifier(), table, "two labels")
    add("poisson", xgb.XGBRegressor(objective="count:poisson"), table, "count")
    add("gamma", xgb.XGBRegressor(objective="reg:gamma"), table, "positive")
    add("tweedie", xgb.XGBRegressor(objective="reg:tweedie"), table, "count")
    add("logistic_regressor", xgb.XGBRegressor(objective="reg:logistic"), table, "binary")
    add("hinge", xgb.XGBClassifier(objective="binary:hinge"), table, "binary")
    add("dart", xgb.XGBRegressor(booster="dart", rate_drop=0.3), table, "number")
    add("linear", xgb.XGBRegressor(booster="gblinear", max_depth=None), table, "number")
    add("random_forest", xgb.XGBRFRegressor(), table, "number")
    add("random_forest_classifier", xgb.XGBRFClassifier(), table, "three")
    add("ranker", xgb.XGBRanker(), table, "grades", fit={"group": [30] * 10})


def catboost(make):
    from catboost import CatBoostClassifier, CatBoostRegressor

    def add(name, model, table, target, **settings):
        def export():
            model.set_params(iterations=12, depth=4, thread_count=1, random_seed=1,
                             allow_writing_files=False, verbose=False)
            model.fit(table.train, table.targets[target])
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "model.onnx"
                model.save_model(str(file), format="onnx")
                return onnx.load(str(file))

        make.add(f"catboost_{name}", export, model, table, **settings)
        make.saved(f"catboost_{name}_saved", "model.json",
                   lambda path: model.save_model(path, format="json"),
                   lambda rows: by_method(model, rows), table, **settings)

    table, gaps = numbers(101), numbers(102, missing=0.2)
    add("binary", CatBoostClassifier(), table, "binary", wild=True)
    add("binary_words", CatBoostClassifier(), gaps, "two words", missing=True)
    add("multi_class", CatBoostClassifier(), gaps, "three", missing=True)
    add("multi_class_words", CatBoostClassifier(), table, "words")
    add("regressor", CatBoostRegressor(), gaps, "number", missing=True, wild=True)
    add("regressor_two", CatBoostRegressor(loss_function="MultiRMSE"), table, "two numbers")
    add("poisson", CatBoostRegressor(loss_function="Poisson"), table, "count")
    add("multi_label", CatBoostClassifier(loss_function="MultiLogloss"), table, "two labels")


def cases(make):
    trees(make)
    boosting(make)
    ensembles(make)
    lightgbm(make)
    xgboost(make)
    catboost(make)
