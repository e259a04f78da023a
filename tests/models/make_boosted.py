"""Make the models of boosted trees in tests/models/boosted/, their inputs and results.

Made with catboost==1.2.10, lightgbm==4.7.0, numpy==2.4.6, pandas==3.1.1 and
xgboost==3.2.0. The seeds are fixed, so the same packages give the same files. The
expected results are those of the libraries themselves for the same float32 values.
"""

import csv
import json
import re
from pathlib import Path

import catboost
import lightgbm
import numpy as np
import pandas as pd
import xgboost

HERE = Path(__file__).resolve().parent / "boosted"
TRAINING_ROWS = 400
ROWS = 40
NAMES = ["age", "income", "visits", "score"]
COLORS = ["blue", "green", "red", "yellow"]
SIZES = [10, 20, 40]

# The models of which contributions are stored.
EXPLAINED = [
    "lgb_regression",
    "lgb_zero_as_missing",
    "lgb_random_forest",
    "lgb_binary",
    "lgb_multiclass",
    "xgb_regression",
    "xgb_regression_ubj",
    "xgb_dart",
    "xgb_forest",
    "xgb_binary",
    "xgb_softprob",
    "cat_regression",
    "cat_lossguide",
    "cat_multiclass",
]


# --- data ---------------------------------------------------------------


def features(rng, rows, missing=0.0):
    values = np.round(rng.normal(size=(rows, 4)), 2).astype(np.float32)
    values[:, 3][rng.random(rows) < 0.4] = 0.0
    if missing:
        values[rng.random(values.shape) < missing] = np.nan
    return values


def signal(rng, values):
    z = np.nan_to_num(values)
    clean = z[:, 0] - 0.8 * z[:, 1] + 0.6 * z[:, 2] * z[:, 3] + (z[:, 3] == 0)
    return clean + rng.normal(scale=0.3, size=len(values))


def odd_rows(thresholds, infinite):
    """Rows of values that are likely to be treated in a way of their own."""
    rng = np.random.default_rng(5)
    values = features(rng, ROWS, missing=0.1)
    odd = [0.0, -0.0, np.nan, 1e-40, -1e-40, 1e-36, -1e-36, 1e-35, -1e-35, 3e38, -3e38]
    if infinite:
        odd += [np.inf, -np.inf]
    odd = np.array(odd + list(thresholds), dtype=np.float32)
    spots = rng.random(values.shape) < 0.4
    values[spots] = rng.choice(odd, size=spots.sum())
    return values


def categories(rng, rows):
    """Two numeric columns, and two of categories as whole numbers."""
    values = features(rng, rows)
    values[:, 2] = rng.integers(0, 3, rows)
    values[:, 3] = rng.integers(0, 40, rows)
    target = values[:, 0] + (values[:, 2] == 1) + 2.0 * np.isin(values[:, 3], [3, 4, 5, 17, 33])
    return values, target + rng.normal(scale=0.2, size=rows)


def odd_categories(odd):
    rng = np.random.default_rng(6)
    values, _ = categories(rng, ROWS)
    spots = rng.random((ROWS, 2)) < 0.3
    values[:, 2:][spots] = rng.choice(np.array(odd, dtype=np.float32), size=spots.sum())
    return values


def frame(rng, rows):
    """Columns with categories of pandas, of text and of numbers."""
    values = features(rng, rows)
    table = pd.DataFrame(values[:, :2], columns=["age", "income"])
    color, size = rng.choice(COLORS, rows), rng.choice(SIZES, rows)
    table["color"] = pd.Categorical(color, categories=COLORS)
    table["size"] = pd.Categorical(size, categories=SIZES)
    target = values[:, 0] + np.isin(color, ["blue", "red"]) - 1.5 * (size == 20)
    return table, target + rng.normal(scale=0.2, size=rows)


# --- writing ------------------------------------------------------------


def cell(value):
    """Text of one value; float32 values are written out exactly, as float64."""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else repr(float(value))
    return "" if value is None or value is pd.NA else str(value)


def write_csv(name, header, rows):
    with open(HERE / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([cell(value) for value in row] for row in rows)


def write_input(name, header, rows):
    """The columns in another order: where a model has names, it finds them."""
    named = header[0] != "x0"
    order = list(range(len(header)))[:: -1 if named else 1]
    write_csv(f"{name}.input.csv", [header[i] for i in order], [[row[i] for i in order] for row in rows])


def write_values(name, results):
    results = np.asarray(results)
    if results.ndim == 1:
        results = results[:, None]
    several = results.shape[1] > 1
    header = [f"prediction_{i}" for i in range(results.shape[1])] if several else ["prediction"]
    write_csv(f"{name}.expected.csv", ["row", *header], [[i, *row] for i, row in enumerate(results)])


def write_classes(name, probabilities, classes):
    """The class of the largest probability, and all of them; one column is of the second class."""
    probabilities = np.asarray(probabilities)
    if probabilities.ndim == 1:
        one = probabilities.dtype.type(1)
        probabilities = np.stack([one - probabilities, probabilities], axis=1)
    header = ["row", "prediction", *(f"probability_{c}" for c in classes)]
    best = probabilities.argmax(axis=1)
    rows = [[i, classes[b], *row] for i, (b, row) in enumerate(zip(best, probabilities))]
    write_csv(f"{name}.expected.csv", header, rows)


def write_contributions(name, contributions, features, scores=None):
    """What the library's own SHAP gives: [rows, features + 1], or [rows, scores, features + 1]."""
    contributions = np.asarray(contributions)
    if scores is None:
        contributions, scores = contributions[:, None, :], [""]
    header = ["row"]
    for score in scores:
        score = f"_{score}" if score != "" else ""
        header += [f"contribution{score}_{feature}" for feature in features] + [f"expected_value{score}"]
    rows = contributions.reshape(len(contributions), -1)
    write_csv(f"{name}.contributions.csv", header, [[i, *row] for i, row in enumerate(rows)])


def unnamed(width=4):
    return [f"x{i}" for i in range(width)]


# --- LightGBM -----------------------------------------------------------

SMALL = {"num_leaves": 6, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1, "deterministic": True, "seed": 1}


def lgb_train(name, params, values, target, rounds=4, names=None, categorical="auto", group=None):
    data = lightgbm.Dataset(
        values, target, feature_name=names or "auto", categorical_feature=categorical, group=group
    )
    booster = lightgbm.train({**SMALL, **params}, data, num_boost_round=rounds)
    booster.save_model(HERE / f"{name}.txt")
    return booster


def thresholds_of(booster):
    text = booster.model_to_string()
    numbers = {x for line in re.findall(r"^threshold=(.*)$", text, re.M) for x in line.split()}
    return [float(x) for x in sorted(numbers)]


def lgb_plain(name, params, target, missing=0.0, names=None, classes=None, rounds=4, group=None):
    rng = np.random.default_rng(1)
    values = features(rng, TRAINING_ROWS, missing)
    booster = lgb_train(name, params, values, target(signal(rng, values)), rounds, names, group=group)
    rows = odd_rows(thresholds_of(booster), infinite=True)
    write_input(name, names or unnamed(), rows)
    results = booster.predict(rows.astype(np.float64))
    if name in EXPLAINED:
        lgb_contributions(name, booster, rows.astype(np.float64), names or unnamed(), classes)
    if classes:
        write_classes(name, results, classes)
    else:
        write_values(name, results)


def lgb_contributions(name, booster, rows, features, classes=None):
    contributions = booster.predict(rows, pred_contrib=True)
    if "average_output" in booster.model_to_string():
        # LightGBM explains the sum, of which the prediction is the mean.
        contributions = contributions / booster.current_iteration()
    if booster.num_model_per_iteration() > 1:
        contributions = contributions.reshape(len(rows), len(classes), -1)
        write_contributions(name, contributions, features, classes)
    else:
        write_contributions(name, contributions, features)


def cut(parts):
    def of(score):
        return np.searchsorted(np.quantile(score, np.arange(1, parts) / parts), score)

    return of


def make_lightgbm():
    same = lambda score: score
    positive = lambda score: np.round(np.exp(score / 2))
    share = lambda score: 1 / (1 + np.exp(-score))
    lgb_plain("lgb_regression", {"objective": "regression"}, same, 0.1, NAMES)
    lgb_plain("lgb_regression_sqrt", {"objective": "regression", "reg_sqrt": True}, same)
    lgb_plain("lgb_zero_as_missing", {"zero_as_missing": True}, same, rounds=8)
    forest = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7, "feature_fraction": 0.7}
    lgb_plain("lgb_random_forest", forest, same, 0.1)
    lgb_plain("lgb_poisson", {"objective": "poisson"}, positive, 0.1)
    lgb_plain("lgb_cross_entropy", {"objective": "cross_entropy"}, share)
    lgb_plain("lgb_cross_entropy_lambda", {"objective": "cross_entropy_lambda"}, share)
    lgb_plain("lgb_lambdarank", {"objective": "lambdarank"}, cut(4), group=[20] * 20)
    lgb_plain("lgb_binary", {"objective": "binary", "sigmoid": 1.5}, cut(2), 0.1, NAMES, [0, 1])
    lgb_plain("lgb_multiclass", {"objective": "multiclass", "num_class": 3}, cut(3), 0.1, classes=[0, 1, 2], rounds=3)
    ova = {"objective": "multiclassova", "num_class": 3, "sigmoid": 0.8}
    lgb_plain("lgb_multiclassova", ova, cut(3), classes=[0, 1, 2], rounds=3)

    name = "lgb_categorical"
    values, target = categories(np.random.default_rng(2), TRAINING_ROWS)
    params = {"min_data_per_group": 5, "cat_smooth": 1}
    booster = lgb_train(name, params, values, target, categorical=[2, 3])
    rows = odd_categories([-1, -0.5, -0.0, 2.7, 99, 1e10, 3e38, np.inf, -np.inf, np.nan])
    write_input(name, unnamed(), rows)
    write_values(name, booster.predict(rows.astype(np.float64)))
    lgb_contributions(name, booster, rows.astype(np.float64), unnamed())

    name = "lgb_pandas_categories"
    table, target = frame(np.random.default_rng(3), TRAINING_ROWS)
    booster = lgb_train(name, params, table, target)
    write_pandas(name, booster.predict)


def write_pandas(name, predict):
    """Some values are missing, or not among the categories."""
    rng = np.random.default_rng(4)
    table, _ = frame(rng, ROWS)
    color, size = table["color"].astype(object), table["size"].astype(object)
    color[::7], size[::5] = None, None
    known = table.assign(
        color=pd.Categorical(color, categories=COLORS), size=pd.Categorical(size, categories=SIZES)
    )
    # The library knows nothing of other categories than that they are missing.
    color[3], size[4] = "black", 30
    size = size.astype(object).where(size.notna(), None)
    known.loc[3, "color"], known.loc[4, "size"] = np.nan, np.nan
    write_values(name, predict(known))
    rows = zip(table["age"], table["income"], color, size)
    write_input(name, list(table.columns), [list(row) for row in rows])


# --- XGBoost ------------------------------------------------------------

TREE = {"max_depth": 3, "nthread": 1, "seed": 1, "tree_method": "hist"}


def xgb_rows(booster):
    numbers = re.findall(r"<([-0-9.eE+]+)\]", "".join(booster.get_dump()))
    return odd_rows(sorted({float(x) for x in numbers}), infinite=False)


def xgb_data(values, target=None, names=None, **more):
    return xgboost.DMatrix(values, target, feature_names=names, **more)


def xgb_plain(
    name, params, target, missing=0.0, names=None, classes=None, rounds=4, bounds=None, extension="json", group=None
):
    rng = np.random.default_rng(1)
    values = features(rng, TRAINING_ROWS, missing)
    data = xgb_data(values, target(signal(rng, values)), names)
    if bounds is not None:
        data.set_float_info("label_lower_bound", data.get_label())
        data.set_float_info("label_upper_bound", data.get_label() * bounds)
    if group:
        data.set_group(group)
    booster = xgboost.train({**TREE, **params}, data, rounds)
    booster.save_model(HERE / f"{name}.{extension}")
    rows = xgb_rows(booster)
    write_input(name, names or unnamed(), rows)
    raw = booster.predict(xgb_data(rows, names=names), output_margin=classes == "softmax")
    if name in EXPLAINED:
        contributions = booster.predict(xgb_data(rows, names=names), pred_contribs=True)
        scores = classes if contributions.ndim == 3 else None
        write_contributions(name, contributions, names or unnamed(), scores)
    if classes == "softmax":
        # The library gives the class alone; the probabilities are made as for multi:softprob.
        powers = np.exp(raw - raw.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        assert (probabilities.argmax(axis=1) == booster.predict(xgb_data(rows, names=names))).all()
        write_classes(name, probabilities, [0, 1, 2])
    elif classes == "hinge":
        write_values(name, raw.astype(np.int64))
    elif classes:
        write_classes(name, raw, classes)
    else:
        write_values(name, raw)


def make_xgboost():
    same = lambda score: score
    positive = lambda score: np.exp(score / 2)
    xgb_plain("xgb_regression", {"objective": "reg:squarederror"}, same, 0.1, NAMES)
    xgb_plain("xgb_regression_ubj", {"objective": "reg:squarederror"}, same, 0.1, NAMES, extension="ubj")
    dart = {"booster": "dart", "rate_drop": 0.5, "one_drop": 1}
    xgb_plain("xgb_dart", dart, same, 0.1)
    xgb_plain("xgb_forest", {"num_parallel_tree": 3, "subsample": 0.6}, same, 0.1, rounds=2)
    quantiles = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}
    xgb_plain("xgb_quantiles", quantiles, same, 0.1, rounds=3)
    xgb_plain("xgb_gamma", {"objective": "reg:gamma"}, positive, 0.1)
    xgb_plain("xgb_aft", {"objective": "survival:aft"}, positive, 0.1, bounds=1.5)
    xgb_plain("xgb_rank", {"objective": "rank:ndcg"}, cut(4), 0.1, group=[20] * 20)
    xgb_plain("xgb_logistic", {"objective": "reg:logistic"}, lambda s: 1 / (1 + np.exp(-s)))
    xgb_plain("xgb_binary", {"objective": "binary:logistic"}, cut(2), 0.1, NAMES, [0, 1])
    xgb_plain("xgb_hinge", {"objective": "binary:hinge"}, cut(2), 0.1, classes="hinge")
    multi = {"objective": "multi:softprob", "num_class": 3}
    xgb_plain("xgb_softprob", multi, cut(3), 0.1, classes=[0, 1, 2], rounds=3)
    multi = {"objective": "multi:softmax", "num_class": 3}
    xgb_plain("xgb_softmax_ubj", multi, cut(3), 0.1, classes="softmax", extension="ubj", rounds=2)

    two = lambda score: np.stack([score, -2 * score + 1], axis=1)
    xgb_plain("xgb_two_outputs", {"objective": "reg:squarederror"}, two, 0.1, rounds=3)
    vector = {"multi_strategy": "multi_output_tree"}
    xgb_plain("xgb_vector_leaves", {"objective": "reg:squarederror", **vector}, two, 0.1, rounds=3)

    name = "xgb_early_stopping"
    rng = np.random.default_rng(1)
    values = features(rng, TRAINING_ROWS)
    target = signal(rng, values)
    data, other = xgb_data(values[:200], target[:200]), xgb_data(values[200:], -target[200:])
    booster = xgboost.train(
        TREE, data, 6, evals=[(other, "other")], early_stopping_rounds=3, verbose_eval=False
    )
    assert booster.best_iteration + 1 < booster.num_boosted_rounds()
    booster.save_model(HERE / f"{name}.json")
    rows = xgb_rows(booster)
    write_input(name, unnamed(), rows)
    write_values(name, booster.predict(xgb_data(rows), iteration_range=(0, booster.best_iteration + 1)))

    name = "xgb_categorical"
    values, target = categories(np.random.default_rng(2), TRAINING_ROWS)
    kinds = {"feature_types": ["q", "q", "c", "c"], "enable_categorical": True}
    params = {**TREE, "max_cat_to_onehot": 4}
    booster = xgboost.train(params, xgb_data(values, target, **kinds), 4)
    booster.save_model(HERE / f"{name}.json")
    rows = odd_categories([-0.0, 2.7, 99, 5000, np.nan])
    write_input(name, unnamed(), rows)
    write_values(name, booster.predict(xgb_data(rows, **kinds)))
    write_contributions(name, booster.predict(xgb_data(rows, **kinds), pred_contribs=True), unnamed())

    name = "xgb_pandas_categories"
    table, target = frame(np.random.default_rng(3), TRAINING_ROWS)
    params = {**TREE, "max_cat_to_onehot": 1}
    booster = xgboost.train(params, xgboost.DMatrix(table, target, enable_categorical=True), 4)
    booster.save_model(HERE / f"{name}.json")
    write_pandas(name, lambda t: booster.predict(xgboost.DMatrix(t, enable_categorical=True)))


# --- CatBoost -----------------------------------------------------------


def cat_save(model, path):
    model.save_model(path, format="json")
    saved = json.loads(path.read_text(encoding="utf-8"))
    # What differs from run to run, and what nobody reads.
    for key in ["model_guid", "train_finish_time", "output_options", "training"]:
        saved["model_info"].pop(key, None)
    path.write_text(json.dumps(saved, separators=(",", ":")) + "\n", encoding="utf-8")
    return saved


CAT = {"iterations": 4, "depth": 3, "random_seed": 1, "thread_count": 1, "verbose": 0, "allow_writing_files": False}


def cat_plain(name, kind, params, target, missing=0.0, names=None, classes=None, probability=False):
    rng = np.random.default_rng(1)
    values = features(rng, TRAINING_ROWS, missing)
    model = kind(**CAT, border_count=16, **params)
    table = pd.DataFrame(values, columns=names) if names else values
    model.fit(table, target(signal(rng, values)))
    saved = cat_save(model, HERE / f"{name}.json")
    borders = [b for f in saved["features_info"]["float_features"] for b in f["borders"]]
    rows = odd_rows(borders, infinite=True)
    if not missing:
        rows = np.nan_to_num(rows, nan=1.5, posinf=np.inf, neginf=-np.inf)
    write_input(name, names or unnamed(), rows)
    table = pd.DataFrame(rows, columns=names) if names else rows
    if name in EXPLAINED:
        # As the file says it: a model that was just trained may not know the weights of its leaves.
        loaded = catboost.CatBoost().load_model(HERE / f"{name}.json", format="json")
        contributions = loaded.get_feature_importance(catboost.Pool(table), type="ShapValues")
        write_contributions(name, contributions, names or unnamed(), classes if contributions.ndim == 3 else None)
    if classes:
        write_classes(name, model.predict(table, prediction_type="Probability"), classes)
    else:
        write_values(name, model.predict(table))


def make_catboost():
    regressor, classifier = catboost.CatBoostRegressor, catboost.CatBoostClassifier
    same = lambda score: score
    cat_plain("cat_regression", regressor, {}, same, 0.1, NAMES)
    cat_plain("cat_lossguide", regressor, {"grow_policy": "Lossguide", "max_leaves": 6}, same, 0.1)
    cat_plain("cat_nan_max", regressor, {"nan_mode": "Max"}, same, 0.1)
    cat_plain("cat_poisson", regressor, {"loss_function": "Poisson"}, lambda s: np.round(np.exp(s / 2)))
    cat_plain("cat_binary", classifier, {}, cut(2), 0.1, NAMES, [0, 1])
    texts = lambda score: np.array(["high", "low", "middle"])[cut(3)(score)]
    multi = {"loss_function": "MultiClass"}
    cat_plain("cat_multiclass", classifier, multi, texts, 0.1, classes=["high", "low", "middle"])
    two = lambda score: np.stack([score, -2 * score + 1], axis=1)
    cat_plain("cat_two_outputs", regressor, {"loss_function": "MultiRMSE"}, two)

    name = "cat_one_hot"
    table, target = frame(np.random.default_rng(3), TRAINING_ROWS)
    table = table.astype({"color": str, "size": str})
    model = regressor(**{**CAT, "iterations": 12}, one_hot_max_size=9, cat_features=["color", "size"])
    model.fit(table, target)
    cat_save(model, HERE / f"{name}.json")
    table, _ = frame(np.random.default_rng(4), ROWS)
    table = table.astype({"color": str, "size": str})
    table.loc[::7, "color"] = "a color of which nobody has ever heard in all these years"
    table.loc[::5, "size"] = ""
    write_input(name, list(table.columns), table.values.tolist())
    write_values(name, model.predict(table))


def main():
    HERE.mkdir(exist_ok=True)
    make_lightgbm()
    make_xgboost()
    make_catboost()


if __name__ == "__main__":
    main()
