"""The catalogue of ideas for a next step: generic, by kind of problem, each a plan that names its classes.

Small models write what their plan names: a plan that names a concrete class is carried out, where "improve
the result" ends in a printed confusion matrix.
"""

from __future__ import annotations

from jupyter_mlagent.agent.idea import Idea
from jupyter_mlagent.agent.situation import Kind, Situation
from jupyter_mlagent.agent.text_ideas import text_ideas


def _probabilities(situation: Situation) -> bool:
    return situation.probabilities


def _ratios(situation: Situation) -> bool:
    return situation.skewed_error


def _late(situation: Situation) -> bool:
    return situation.late and bool(situation.model)


def _small(situation: Situation) -> bool:
    """Whether kernel machines finish within a few seconds."""
    return situation.table.rows <= 6_000


def _small_labels_only(situation: Situation) -> bool:
    return _small(situation) and not situation.probabilities


def _small_probabilities(situation: Situation) -> bool:
    return _small(situation) and situation.probabilities


_SCALED = "Scale with StandardScaler and fit "
_PIPELINE = ", in one make_pipeline"
_FILLED = "Fill the missing values with SimpleImputer(strategy='median') and fit "

_MEMBERS_OF_CLASSES = """\
members = [
    ("boosting", HistGradientBoostingClassifier()),
    ("trees", ExtraTreesClassifier(n_estimators=300, n_jobs=2)),
    ("linear", make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))),
]
"""
_MEMBERS_OF_NUMBERS = """\
members = [
    ("boosting", HistGradientBoostingRegressor()),
    ("trees", ExtraTreesRegressor(n_estimators=200, n_jobs=2)),
    ("linear", make_pipeline(StandardScaler(), RidgeCV())),
]
"""
_SPACE = """\
space = {{
    "learning_rate": [0.03, 0.06, 0.1, 0.2],
    "max_leaf_nodes": [7, 15, 31, 63],
    "l2_regularization": [0.0, 1.0, 10.0],
}}
"""
_JOINED = """\
members = [
    ("now", clone({model})),
    ("trees", {start}ExtraTreesKIND(n_estimators=300, n_jobs=2){end}),
]
"""

_CLASSIFIERS = (
    Idea("boosting", 3.0, "Fit a HistGradientBoostingClassifier(learning_rate=0.06, max_iter=300)"),
    Idea("forest", 2.0, "Fit an ExtraTreesClassifier(n_estimators=400, n_jobs=2)"),
    Idea("forest", 1.5, "Fit a RandomForestClassifier(n_estimators=400, n_jobs=2)"),
    Idea("svm", 2.5, f"{_SCALED}an SVC(C=10){_PIPELINE}", _small_labels_only),
    # `probability=True` is deprecated since scikit-learn 1.9.
    Idea(
        "svm",
        2.5,
        f"{_SCALED}a CalibratedClassifierCV(SVC(C=10), ensemble=False){_PIPELINE}",
        _small_probabilities,
    ),
    Idea("linear", 1.5, f"{_SCALED}a LogisticRegression(max_iter=2000){_PIPELINE}"),
    Idea("neighbours", 0.7, f"{_SCALED}a KNeighborsClassifier(5, weights='distance'){_PIPELINE}"),
    Idea("neural network", 1.0, f"{_SCALED}an MLPClassifier((64, 32), max_iter=500){_PIPELINE}"),
    Idea(
        "ensembling",
        2.0,
        "Average a HistGradientBoostingClassifier, an ExtraTreesClassifier and a scaled LogisticRegression: "
        "VotingClassifier(members, voting='soft')",
        opening=_MEMBERS_OF_CLASSES,
    ),
    Idea(
        "ensembling",
        1.0,
        "Stack a HistGradientBoostingClassifier, an ExtraTreesClassifier and a scaled LogisticRegression: "
        "StackingClassifier(members, final_estimator=LogisticRegression(), cv=3)",
        draft=False,
        opening=_MEMBERS_OF_CLASSES,
    ),
    Idea(
        "features",
        0.7,
        "Scale with StandardScaler, add PolynomialFeatures(2) and fit a LogisticRegression(C=0.1)"
        f"{_PIPELINE}",
        draft=False,
    ),
    Idea(
        "preprocessing",
        0.3,
        f"Use QuantileTransformer(output_distribution='normal') before a LogisticRegression{_PIPELINE}",
        draft=False,
    ),
    Idea(
        "tuning",
        2.0,
        "Fit a HistGradientBoostingClassifier(learning_rate=0.03, max_iter=600, max_leaf_nodes=15, "
        "l2_regularization=1.0)",
        _late,
        draft=False,
    ),
    Idea(
        "ensembling",
        2.0,
        "Average the current model and an ExtraTreesClassifier: VotingClassifier(members, voting='soft')",
        _late,
        draft=False,
        opening=_JOINED.replace("KIND", "Classifier"),
    ),
    Idea(
        "calibration",
        1.5,
        "Calibrate the current model with CalibratedClassifierCV(method='isotonic', cv=5)",
        _probabilities,
        draft=False,
    ),
)
_REGRESSORS = (
    Idea("boosting", 3.0, "Fit a HistGradientBoostingRegressor(learning_rate=0.05, max_iter=300)"),
    Idea(
        "boosting",
        1.5,
        "Fit a GradientBoostingRegressor(n_estimators=300, learning_rate=0.05, subsample=0.8)",
    ),
    Idea("forest", 2.0, "Fit an ExtraTreesRegressor(n_estimators=300, n_jobs=2)"),
    Idea("forest", 1.5, "Fit a RandomForestRegressor(n_estimators=300, min_samples_leaf=2, n_jobs=2)"),
    Idea("linear", 1.5, f"{_SCALED}a RidgeCV(alphas=[0.1, 1, 10, 100]){_PIPELINE}"),
    Idea(
        "svm",
        1.5,
        "Scale with StandardScaler and fit a TransformedTargetRegressor(SVR(C=3), "
        f"transformer=StandardScaler()){_PIPELINE}",
        _small,
    ),
    Idea(
        "features", 1.5, f"Scale with StandardScaler, add PolynomialFeatures(2) and fit a RidgeCV{_PIPELINE}"
    ),
    Idea("features", 0.7, f"Use SplineTransformer(n_knots=6) and a RidgeCV{_PIPELINE}", draft=False),
    Idea(
        "ensembling",
        2.0,
        "Average a HistGradientBoostingRegressor, an ExtraTreesRegressor and a scaled RidgeCV: "
        "VotingRegressor(members)",
        opening=_MEMBERS_OF_NUMBERS,
    ),
    Idea(
        "ensembling",
        1.0,
        "Stack a HistGradientBoostingRegressor, an ExtraTreesRegressor and a scaled RidgeCV: "
        "StackingRegressor(members, final_estimator=RidgeCV(), cv=3)",
        draft=False,
        opening=_MEMBERS_OF_NUMBERS,
    ),
    Idea(
        "tuning",
        2.0,
        "Fit a HistGradientBoostingRegressor(learning_rate=0.03, max_iter=600, max_leaf_nodes=15, "
        "l2_regularization=1.0)",
        _late,
        draft=False,
    ),
    Idea(
        "ensembling",
        2.0,
        "Average the current model and an ExtraTreesRegressor: VotingRegressor(members)",
        _late,
        draft=False,
        opening=_JOINED.replace("KIND", "Regressor"),
    ),
    Idea(
        "target transform",
        2.0,
        "Fit on the logarithm of the target: TransformedTargetRegressor(HistGradientBoostingRegressor(), "
        "func=np.log1p, inverse_func=np.expm1)",
        _ratios,
        draft=False,
    ),
    Idea("neighbours", 0.5, f"{_SCALED}a KNeighborsRegressor(10, weights='distance'){_PIPELINE}"),
)
_BOOSTED = ("a HistGradientBoostingClassifier()", "a HistGradientBoostingRegressor()")
_GROWN = (
    "a RandomForestClassifier(n_estimators=300, n_jobs=2)",
    "a RandomForestRegressor(n_estimators=300, n_jobs=2)",
)
_FITTED = ("a LogisticRegression(max_iter=2000)", "a RidgeCV()")


def _with_gaps(position: int) -> tuple[Idea, ...]:
    """For arrays with missing values."""
    return (
        Idea("boosting", 2.0, f"Fit {_BOOSTED[position]}"),
        Idea("forest", 2.0, f"{_FILLED}{_GROWN[position]}{_PIPELINE}"),
        Idea("linear", 1.5, f"{_FILLED}{_FITTED[position]}{_PIPELINE}"),
    )


_CLUSTERERS = (
    Idea("tuning", 3.0, "Try KMeans with 2 to 10 clusters and keep the one with the best silhouette_score"),
    Idea("preprocessing", 1.5, f"Scale the data with StandardScaler before KMeans{_PIPELINE}"),
    Idea("clustering", 1.0, "Fit a GaussianMixture and compare 2 to 10 components"),
    Idea("decomposition", 1.0, f"Reduce the data with PCA before KMeans{_PIPELINE}"),
)
_NETWORKS = (
    Idea("tuning", 2.0, "Train for more epochs with Adam and a lower learning rate"),
    Idea("neural network", 2.0, "Add a hidden layer and dropout to the network"),
    Idea("preprocessing", 1.0, "Standardize the inputs before training"),
    Idea("regularization", 1.0, "Use batch normalization and weight decay"),
)
_TUNING = (
    Idea(
        "tuning",
        1.5,
        "Search the parameters of a booster: "
        "RandomizedSearchCV(HistGradientBoosting{kind}(max_iter=150), space, n_iter=4, cv=3)",
        draft=False,
        opening=_SPACE,
    ),
    Idea(
        "tuning",
        1.0,
        "Search for better hyper-parameters of {current} with RandomizedSearchCV(n_iter=8, cv=3, n_jobs=2)",
        _late,
        draft=False,
    ),
)

_BY_KIND: dict[Kind, tuple[Idea, ...]] = {
    Kind.CLASSIFICATION: (*_CLASSIFIERS, *_TUNING),
    Kind.REGRESSION: (*_REGRESSORS, *_TUNING),
    Kind.CLUSTERING: _CLUSTERERS,
}
_POSITION = {Kind.CLASSIFICATION: 0, Kind.REGRESSION: 1}


def suited_ideas(situation: Situation) -> list[Idea]:
    """The ideas that can work in a situation; empty for kinds of problems without a catalogue."""
    if situation.neural:
        return list(_NETWORKS)
    if situation.text or situation.sparse:
        return text_ideas(situation)
    if situation.plain_numbers or situation.preparation or situation.frames:
        return [idea for idea in _BY_KIND.get(situation.kind, ()) if idea.suits(situation)]
    return list(_with_gaps(_POSITION[situation.kind])) if situation.kind in _POSITION else []
