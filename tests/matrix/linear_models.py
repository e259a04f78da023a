"""Linear models, support vector machines, naive Bayes, neighbours, networks."""

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.gaussian_process import (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
)
from sklearn.gaussian_process.kernels import RBF, DotProduct, WhiteKernel
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNeighborsTransformer,
    LocalOutlierFactor,
    NearestNeighbors,
    NeighborhoodComponentsAnalysis,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import (
    SVC,
    SVR,
    LinearSVC,
    LinearSVR,
    NuSVC,
    NuSVR,
    OneClassSVM,
)

from tables import codes, doubles, numbers

DECISION = ["predict", "decision_function"]
# What a missing or infinite value comes to is for onnxruntime to say: scikit-learn refuses them.
EDGES = dict(wild=True, missing=True)


def linear(make):
    table = numbers(1, scale=np.ones(6))
    wide = doubles(2)
    ints = numbers(3, ints=True)
    logistic = lambda **more: LogisticRegression(max_iter=300, **more)  # noqa: E731

    make.sklearn("logistic_binary", logistic(), table, "binary", **EDGES)
    make.sklearn("logistic_signs_columns", logistic(), table, "signs",
                 options={"zipmap": "columns"})
    make.sklearn("logistic_words", logistic(), table, "words", **EDGES)
    make.sklearn("logistic_gaps_no_zipmap", logistic(), table, "gaps",
                 options={"zipmap": False}, **EDGES)
    make.sklearn("logistic_words_raw", logistic(), table, "words",
                 methods=DECISION, options={"raw_scores": True, "zipmap": False})
    make.sklearn("logistic_binary_raw", logistic(), table, "binary",
                 methods=DECISION, options={"raw_scores": True, "zipmap": False})
    make.sklearn("logistic_float64", logistic(), wide, "binary")
    make.sklearn("logistic_float64_tensor", logistic(), wide, "binary",
                 options={"zipmap": False})
    make.sklearn("logistic_words_float64", logistic(), wide, "words",
                 options={"zipmap": False})
    make.sklearn("logistic_int64", logistic(), ints, "three")
    make.sklearn("logistic_cv", LogisticRegressionCV(Cs=3, max_iter=300), table, "words")
    make.sklearn("logistic_one_vs_rest", OneVsRestClassifier(logistic()), table, "words",
                 **EDGES)
    make.sklearn("logistic_multi_label", OneVsRestClassifier(logistic()), table,
                 "two labels")
    make.sklearn("logistic_opset_12", logistic(), table, "words", opset=12)
    make.sklearn("logistic_output_class", logistic(), table, "words",
                 options={"zipmap": False, "output_class_labels": True})
    make.sklearn("ridge_classifier", RidgeClassifier(), table, "words", methods=DECISION)
    make.sklearn("perceptron", Perceptron(), table, "words", methods=DECISION)
    for loss in ["hinge", "log_loss", "modified_huber"]:
        model = lambda: SGDClassifier(loss=loss, random_state=1)  # noqa: E731
        methods = DECISION if loss == "hinge" else None
        make.sklearn(f"sgd_{loss}_binary", model(), table, "two words", methods=methods)
        make.sklearn(f"sgd_{loss}_words", model(), table, "words", methods=methods)
    make.sklearn("sgd_hinge_raw", SGDClassifier(random_state=1), table, "words",
                 methods=DECISION, options={"raw_scores": True})
    make.sklearn("linear_svc_binary", LinearSVC(), table, "binary", methods=DECISION)
    make.sklearn("linear_svc_words", LinearSVC(), table, "words", methods=DECISION, **EDGES)
    make.sklearn("linear_svc_raw", LinearSVC(), table, "words", methods=DECISION,
                 options={"raw_scores": True})
    make.sklearn("sgd_one_class", SGDOneClassSVM(random_state=1), table,
                 methods=DECISION)

    for model in [LinearRegression(), Lasso(alpha=0.05), ElasticNet(alpha=0.05),
                  BayesianRidge(), LinearSVR(), SGDRegressor(random_state=1),
                  QuantileRegressor(), RANSACRegressor(random_state=1)]:
        make.sklearn(type(model).__name__.lower(), model, table, "number")
    make.sklearn("ridge_two_numbers", Ridge(), table, "two numbers", **EDGES)
    make.sklearn("ridge_float64", Ridge(), wide, "number")
    make.sklearn("ridge_int64", Ridge(), ints, "number")
    make.sklearn("poisson", PoissonRegressor(), table, "count", **EDGES)
    make.sklearn("gamma", GammaRegressor(), table, "positive")
    make.sklearn("tweedie", TweedieRegressor(power=1.5), table, "positive")
    make.sklearn("pls", PLSRegression(2), table, "two numbers")
    make.sklearn("lda_binary", LinearDiscriminantAnalysis(), table, "binary")
    make.sklearn("lda_words", LinearDiscriminantAnalysis(), table, "words", **EDGES)
    make.sklearn("qda_binary", QuadraticDiscriminantAnalysis(reg_param=0.1), table, "binary")
    make.sklearn("qda_words", QuadraticDiscriminantAnalysis(reg_param=0.1), table, "words")


def support_vectors(make):
    table = numbers(11)
    scaled = numbers(12, scale=np.ones(6))
    cancels = dict(tolerance=1e-3, reason="onnxruntime sums large terms of opposite signs in "
                   "float32, and is as far from scikit-learn")
    for kernel in ["linear", "poly", "rbf", "sigmoid"]:
        for target in ["two words", "three"]:
            name = f"svc_{kernel}_{target.split()[0]}"
            make.sklearn(name, SVC(kernel=kernel), scaled, target, methods=DECISION,
                         **cancels)
    make.sklearn("svc_probability_binary", SVC(probability=True, random_state=1),
                 scaled, "two words")
    make.sklearn("svc_probability_words", SVC(probability=True, random_state=1),
                 scaled, "words")
    make.sklearn("svc_poly_probability_gaps",
                 make_pipeline(StandardScaler(), SVC(
                     kernel="poly", degree=2, coef0=1, probability=True, random_state=1)),
                 table, "gaps")
    make.sklearn("svc_one_vs_one", SVC(decision_function_shape="ovo"), scaled, "three",
                 methods=DECISION)
    make.sklearn("svc_break_ties", SVC(break_ties=True), scaled, "three",
                 methods=DECISION)
    make.sklearn("svc_float64", SVC(), doubles(13), "binary", methods=DECISION)
    make.sklearn("svc_float64_tensor", SVC(), doubles(13), "binary", methods=DECISION,
                 options={"zipmap": False})
    make.sklearn("nu_svc_words", NuSVC(nu=0.3), scaled, "words", methods=DECISION,
                 **cancels)
    make.sklearn("nu_svc_probability", NuSVC(nu=0.3, probability=True, random_state=1),
                 scaled, "binary")
    for kernel in ["linear", "poly", "rbf", "sigmoid"]:
        make.sklearn(f"svr_{kernel}", SVR(kernel=kernel), scaled, "number", **cancels)
    make.sklearn("nu_svr", NuSVR(), scaled, "number")
    make.sklearn("one_class_svm", OneClassSVM(nu=0.2), scaled, methods=DECISION)


def bayes(make):
    table = numbers(21, scale=np.ones(6))
    counts = numbers(22, ints=True, positive=True)
    whole = codes(23)
    make.sklearn("gaussian_nb_binary", GaussianNB(var_smoothing=1e-2), table, "binary")
    make.sklearn("gaussian_nb_words", GaussianNB(var_smoothing=1e-2), table, "words")
    make.sklearn("bernoulli_nb", BernoulliNB(binarize=0.1), table, "words")
    make.sklearn("multinomial_nb", MultinomialNB(), numbers(24, positive=True), "three")
    make.sklearn("multinomial_nb_int64", MultinomialNB(), counts, "words")
    make.sklearn("complement_nb", ComplementNB(), numbers(24, positive=True), "words")
    make.sklearn("categorical_nb", CategoricalNB(min_categories=6), whole, "words")


def neighbours(make):
    table = numbers(31)
    whole = numbers(32, ints=True)
    make.sklearn("knn_classifier", KNeighborsClassifier(), table, "words")
    make.sklearn("knn_classifier_distance", KNeighborsClassifier(weights="distance"),
                 table, "three")
    make.sklearn("knn_classifier_binary_3", KNeighborsClassifier(3), table, "binary")
    make.sklearn("knn_classifier_manhattan", KNeighborsClassifier(p=1), table, "words")
    make.sklearn("knn_classifier_minkowski", KNeighborsClassifier(p=3), table, "words")
    make.sklearn("knn_classifier_even_ties", KNeighborsClassifier(4), whole, "three",
                 probe=False)
    make.sklearn("knn_regressor", KNeighborsRegressor(), table, "number")
    make.sklearn("knn_regressor_distance", KNeighborsRegressor(weights="distance"),
                 table, "number")
    make.sklearn("knn_regressor_two", KNeighborsRegressor(), table, "two numbers")
    make.sklearn("knn_regressor_cosine", KNeighborsRegressor(metric="cosine"), table,
                 "number", probe=False)
    make.sklearn("knn_optimised", KNeighborsRegressor(), table, "number",
                 options={"optim": "cdist"})
    make.sklearn("knn_multi_output", KNeighborsClassifier(), table, "two classes",
                 methods=["predict"])
    make.sklearn("knn_transformer", KNeighborsTransformer(n_neighbors=3), table,
                 methods=[None])
    make.sklearn("nearest_neighbours", NearestNeighbors(n_neighbors=3, radius=None), table,
                 native=lambda test: [None])
    make.sklearn("radius_classifier", RadiusNeighborsClassifier(
        40.0, outlier_label="most_frequent"), table, "three", probe=False)
    make.sklearn("radius_regressor", RadiusNeighborsRegressor(40.0), table, "number",
                 probe=False)
    make.sklearn("nca", NeighborhoodComponentsAnalysis(2, random_state=1, max_iter=5),
                 table, "three")
    make.sklearn("local_outlier_factor", LocalOutlierFactor(20, novelty=True), table,
                 methods=DECISION)


def others(make):
    table = numbers(41, scale=np.ones(6))
    relu = dict(hidden_layer_sizes=(8, 6), max_iter=40, random_state=1)
    make.sklearn("mlp_classifier_binary", MLPClassifier(**relu), table, "two words",
                 **EDGES)
    make.sklearn("mlp_classifier_words", MLPClassifier(activation="tanh", **relu), table,
                 "words", **EDGES)
    make.sklearn("mlp_classifier_multi_label", MLPClassifier(**relu), table, "two labels")
    make.sklearn("mlp_classifier_float64", MLPClassifier(**relu), doubles(42), "three")
    make.sklearn("mlp_classifier_float64_tensor", MLPClassifier(**relu), doubles(42), "three",
                 options={"zipmap": False})
    make.sklearn("mlp_regressor", MLPRegressor(activation="logistic", **relu), table,
                 "number", **EDGES)
    make.sklearn("mlp_regressor_two", MLPRegressor(activation="identity", **relu), table,
                 "two numbers", **EDGES)

    kernel = RBF(1.5) + WhiteKernel(0.1)
    exact = dict(reason="sums over all training rows in float32", tolerance=1e-3)
    make.sklearn("gp_regressor", GaussianProcessRegressor(kernel, optimizer=None), table,
                 "number", **exact)
    make.sklearn("gp_regressor_float64", GaussianProcessRegressor(kernel, optimizer=None),
                 doubles(43), "number")
    make.sklearn("gp_regressor_dot", GaussianProcessRegressor(
        DotProduct() + WhiteKernel(0.5), optimizer=None), table, "number", **exact)
    make.sklearn("gp_regressor_std", GaussianProcessRegressor(kernel, optimizer=None),
                 table, "number", options={"return_std": True}, **exact)
    make.sklearn("gp_classifier", GaussianProcessClassifier(1.0 * RBF(2.0), optimizer=None),
                 table, "binary", **exact)
    make.sklearn("gp_classifier_three", GaussianProcessClassifier(
        1.0 * RBF(2.0), optimizer=None), table, "three", **exact)

    grouping = ["predict", "transform"]
    make.sklearn("kmeans", KMeans(4, n_init=2, random_state=1), table, methods=grouping)
    make.sklearn("mini_batch_kmeans", MiniBatchKMeans(3, n_init=2, random_state=1), table,
                 methods=grouping)
    for covariance in ["full", "tied", "diag", "spherical"]:
        model = GaussianMixture(3, covariance_type=covariance, reg_covar=0.01, random_state=1)
        make.sklearn(f"gaussian_mixture_{covariance}", model, table)
    make.sklearn("gaussian_mixture_score", GaussianMixture(2, reg_covar=0.01, random_state=1),
                 table, options={"score_samples": True},
                 methods=["predict", "predict_proba", "score_samples"])
    make.sklearn("bayesian_mixture", BayesianGaussianMixture(
        n_components=3, reg_covar=0.01, random_state=1), table)


def cases(make):
    linear(make)
    support_vectors(make)
    bayes(make)
    neighbours(make)
    others(make)
