"""Parts of recipes: estimators by family, and operations, with ranges for what they are given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """`{name}` in a source is drawn from `choices`."""

    family: str
    source: str
    choices: tuple[tuple[str, tuple[object, ...]], ...] = ()
    scaled: bool = False
    """Whether it wants columns of one scale."""
    sparse: bool = False
    """Whether it takes a sparse matrix, as vectorizers of texts make them."""
    most_rows: int = 1_000_000
    most_columns: int = 1_000
    probabilities: bool = True

    @property
    def trees(self) -> bool:
        return self.family in ("boosting", "forest", "bagging")


def _of(**choices: tuple[object, ...]) -> tuple[tuple[str, tuple[object, ...]], ...]:
    return tuple(choices.items())


_RATES = (0.03, 0.05, 0.08, 0.1)
_LEAVES = (1, 2, 3, 5, 10)
_TREES = (200, 300, 400)

CLASSIFIERS = (
    Part(
        "boosting",
        "HistGradientBoostingClassifier(learning_rate={rate}, max_iter={rounds}, max_leaf_nodes={leaves}, "
        "l2_regularization={l2})",
        _of(rate=_RATES, rounds=(150, 250, 400), leaves=(7, 15, 31), l2=(0.0, 1.0, 5.0)),
    ),
    Part(
        "boosting",
        "GradientBoostingClassifier(n_estimators={rounds}, learning_rate={rate}, max_depth={depth}, "
        "subsample=0.8)",
        _of(rounds=(100, 150, 200), rate=(0.05, 0.1), depth=(2, 3, 4)),
        most_rows=8_000,
    ),
    Part(
        "forest",
        "RandomForestClassifier(n_estimators={trees}, min_samples_leaf={leaf}, n_jobs=2)",
        _of(trees=_TREES, leaf=_LEAVES),
        sparse=True,
    ),
    Part(
        "forest",
        "ExtraTreesClassifier(n_estimators={trees}, min_samples_leaf={leaf}, n_jobs=2)",
        _of(trees=_TREES, leaf=_LEAVES),
        sparse=True,
    ),
    Part(
        "forest",
        "RandomForestClassifier(n_estimators={trees}, class_weight='balanced_subsample', "
        "min_samples_leaf={leaf}, n_jobs=2)",
        _of(trees=_TREES, leaf=(2, 5, 10, 20)),
        sparse=True,
    ),
    Part(
        "linear",
        "LogisticRegression(C={c}, max_iter=2000)",
        _of(c=(0.03, 0.1, 0.3, 1, 3, 10)),
        scaled=True,
        sparse=True,
    ),
    Part(
        "linear",
        "LogisticRegression(C={c}, class_weight='balanced', max_iter=2000)",
        _of(c=(0.03, 0.1, 1, 10)),
        scaled=True,
        sparse=True,
    ),
    Part(
        "svm",
        "SVC(C={c}, gamma='scale'{probability})",
        _of(c=(1, 3, 10, 30)),
        scaled=True,
        sparse=True,
        most_rows=6_000,
    ),
    Part(
        "svm",
        "LinearSVC(C={c})",
        _of(c=(0.03, 0.1, 0.5)),
        scaled=True,
        sparse=True,
        probabilities=False,
    ),
    Part(
        "neighbours",
        "KNeighborsClassifier({k}, weights='distance')",
        _of(k=(3, 5, 10, 20, 40)),
        scaled=True,
        sparse=True,
    ),
    Part(
        "neural network",
        "MLPClassifier(hidden_layer_sizes=({width}, {half}), alpha={alpha}, early_stopping=True, "
        "max_iter=200, random_state=0)",
        _of(width=(64, 128), half=(32, 64), alpha=(0.0001, 0.01, 1.0)),
        scaled=True,
    ),
    Part("naive bayes", "GaussianNB(var_smoothing={smooth})", _of(smooth=(1e-9, 1e-6, 0.01))),
    Part("discriminant", "LinearDiscriminantAnalysis(solver='lsqr', shrinkage='auto')", scaled=True),
    Part(
        "discriminant",
        "QuadraticDiscriminantAnalysis(reg_param={reg})",
        _of(reg=(0.1, 0.3, 0.6)),
        scaled=True,
    ),
    Part(
        "bagging",
        "BaggingClassifier(DecisionTreeClassifier(min_samples_leaf={leaf}), n_estimators=100, "
        "max_features={share}, n_jobs=2)",
        _of(leaf=(1, 3, 5), share=(0.5, 0.7, 1.0)),
    ),
)
REGRESSORS = (
    Part(
        "boosting",
        "HistGradientBoostingRegressor({loss}learning_rate={rate}, max_iter={rounds}, "
        "max_leaf_nodes={leaves}, l2_regularization={l2})",
        _of(rate=_RATES, rounds=(150, 250, 400), leaves=(7, 15, 31), l2=(0.0, 1.0, 5.0)),
    ),
    Part(
        "boosting",
        "GradientBoostingRegressor({loss}n_estimators={rounds}, learning_rate={rate}, max_depth={depth}, "
        "subsample=0.8)",
        _of(rounds=(150, 200, 300), rate=(0.05, 0.1), depth=(3, 4, 5)),
        most_rows=8_000,
    ),
    Part(
        "forest",
        "RandomForestRegressor(n_estimators={trees}, min_samples_leaf={leaf}, max_features={share}, "
        "n_jobs=2)",
        _of(trees=(100, 200), leaf=(1, 2, 3, 5), share=(0.3, 0.5, 1.0)),
        sparse=True,
        most_rows=15_000,
    ),
    Part(
        "forest",
        "ExtraTreesRegressor(n_estimators={trees}, min_samples_leaf={leaf}, n_jobs=2)",
        _of(trees=(100, 200, 300), leaf=(1, 2, 3, 5)),
        sparse=True,
        most_rows=15_000,
    ),
    Part("linear", "RidgeCV(alphas=[0.1, 1, 10, 100])", scaled=True, sparse=True),
    Part(
        "linear",
        "ElasticNet(alpha={alpha}, l1_ratio={ratio})",
        _of(alpha=(0.001, 0.01, 0.1), ratio=(0.2, 0.5, 0.9)),
        scaled=True,
        sparse=True,
    ),
    Part("linear", "LassoCV(cv=3)", scaled=True),
    Part("linear", "HuberRegressor(alpha={alpha}, max_iter=500)", _of(alpha=(0.001, 0.1)), scaled=True),
    Part(
        "svm",
        "TransformedTargetRegressor(SVR(C={c}, epsilon={e}), transformer=StandardScaler())",
        _of(c=(1, 3, 10), e=(0.05, 0.1)),
        scaled=True,
        sparse=True,
        most_rows=6_000,
    ),
    Part(
        "neighbours",
        "KNeighborsRegressor({k}, weights='distance')",
        _of(k=(5, 10, 20, 40)),
        scaled=True,
        sparse=True,
    ),
    Part(
        "neural network",
        "TransformedTargetRegressor(MLPRegressor(hidden_layer_sizes=({width}, {half}), alpha={alpha}, "
        "early_stopping=True, "
        "random_state=0), transformer=StandardScaler())",
        _of(width=(64, 128), half=(32, 64), alpha=(0.0001, 0.01, 1.0)),
        scaled=True,
    ),
    Part(
        "bagging",
        "BaggingRegressor(DecisionTreeRegressor(min_samples_leaf={leaf}), n_estimators=60, "
        "max_features={share}, n_jobs=2)",
        _of(leaf=(1, 3, 5), share=(0.5, 0.7, 1.0)),
    ),
)
SPARSE_CLASSIFIERS = (
    Part("naive bayes", "MultinomialNB(alpha={alpha})", _of(alpha=(0.1, 0.3, 1.0)), sparse=True),
    Part("naive bayes", "ComplementNB(alpha={alpha})", _of(alpha=(0.1, 0.3, 1.0)), sparse=True),
)
"""Beside `CLASSIFIERS` that take sparse matrices."""

VECTORIZERS = (
    Part("features", "TfidfVectorizer(sublinear_tf=True, min_df={rare})", _of(rare=(1, 2, 3))),
    Part(
        "features",
        "TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df={rare})",
        _of(rare=(1, 2, 3)),
    ),
    Part(
        "features",
        "TfidfVectorizer(analyzer='char_wb', ngram_range=(2, {long}), min_df=2, max_features=40000)",
        _of(long=(4, 5)),
    ),
    Part("features", "CountVectorizer(binary=True, min_df={rare})", _of(rare=(1, 2, 3))),
)
OPERATIONS = (
    Part("features", "PolynomialFeatures(2, interaction_only=True)", scaled=True, most_columns=15),
    Part("features", "PolynomialFeatures(2)", scaled=True, most_columns=12),
    Part("features", "SplineTransformer(n_knots={knots})", _of(knots=(4, 6, 8)), most_columns=60),
    Part(
        "features",
        "Nystroem(gamma={gamma}, n_components={size}, random_state=0)",
        _of(gamma=(0.01, 0.03, 0.1), size=(200, 300)),
        scaled=True,
    ),
    Part(
        "features",
        "KBinsDiscretizer(n_bins={bins}, encode='onehot-dense')",
        _of(bins=(6, 10, 20)),
        most_columns=60,
    ),
    Part("preprocessing", "QuantileTransformer(output_distribution='normal')", most_columns=200),
    Part("preprocessing", "PowerTransformer()", most_columns=100),
    Part("decomposition", "PCA({share})", _of(share=(0.9, 0.95, 0.99)), scaled=True),
    Part("feature selection", "SelectPercentile({score}, percentile={share})", _of(share=(30, 50, 70))),
)
"""What may stand between the prepared columns and an estimator."""
