"""Where the public names of the usual libraries are imported from: one table, name -> import statement.

Small models know the classes well and their modules badly (`from sklearn.preprocessing import
SimpleImputer`), so missing and misplaced imports are mended from here. Names as of scikit-learn 1.9.
"""

from __future__ import annotations

_MODULES = {
    "sklearn.base": ("BaseEstimator ClassifierMixin RegressorMixin TransformerMixin clone"),
    "sklearn.calibration": ("CalibratedClassifierCV CalibrationDisplay calibration_curve"),
    "sklearn.cluster": (
        "AffinityPropagation AgglomerativeClustering Birch BisectingKMeans DBSCAN FeatureAgglomeration "
        "HDBSCAN KMeans MeanShift MiniBatchKMeans OPTICS SpectralBiclustering SpectralClustering "
        "SpectralCoclustering affinity_propagation cluster_optics_dbscan cluster_optics_xi "
        "compute_optics_graph dbscan estimate_bandwidth get_bin_seeds k_means kmeans_plusplus "
        "linkage_tree mean_shift spectral_clustering ward_tree"
    ),
    "sklearn.compose": (
        "ColumnTransformer TransformedTargetRegressor make_column_selector make_column_transformer"
    ),
    "sklearn.covariance": (
        "EllipticEnvelope EmpiricalCovariance GraphicalLasso GraphicalLassoCV LedoitWolf MinCovDet OAS "
        "ShrunkCovariance empirical_covariance fast_mcd graphical_lasso ledoit_wolf ledoit_wolf_shrinkage "
        "log_likelihood oas shrunk_covariance"
    ),
    "sklearn.cross_decomposition": ("CCA PLSCanonical PLSRegression PLSSVD"),
    "sklearn.decomposition": (
        "DictionaryLearning FactorAnalysis FastICA IncrementalPCA KernelPCA LatentDirichletAllocation "
        "MiniBatchDictionaryLearning MiniBatchNMF MiniBatchSparsePCA NMF PCA SparseCoder SparsePCA "
        "TruncatedSVD dict_learning dict_learning_online fastica non_negative_factorization "
        "randomized_svd sparse_encode"
    ),
    "sklearn.discriminant_analysis": ("LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis"),
    "sklearn.ensemble": (
        "AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor BaseEnsemble "
        "ExtraTreesClassifier ExtraTreesRegressor GradientBoostingClassifier GradientBoostingRegressor "
        "HistGradientBoostingClassifier HistGradientBoostingRegressor IsolationForest "
        "RandomForestClassifier RandomForestRegressor RandomTreesEmbedding StackingClassifier "
        "StackingRegressor VotingClassifier VotingRegressor"
    ),
    "sklearn.feature_extraction": ("DictVectorizer FeatureHasher grid_to_graph img_to_graph"),
    "sklearn.feature_extraction.text": (
        "CountVectorizer ENGLISH_STOP_WORDS HashingVectorizer TfidfTransformer TfidfVectorizer "
        "strip_accents_ascii strip_accents_unicode strip_tags"
    ),
    "sklearn.feature_selection": (
        "GenericUnivariateSelect RFE RFECV SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest "
        "SelectPercentile SelectorMixin SequentialFeatureSelector VarianceThreshold chi2 f_classif "
        "f_oneway f_regression mutual_info_classif mutual_info_regression r_regression"
    ),
    "sklearn.gaussian_process": ("GaussianProcessClassifier GaussianProcessRegressor"),
    "sklearn.impute": ("KNNImputer MissingIndicator SimpleImputer"),
    "sklearn.inspection": ("partial_dependence permutation_importance"),
    "sklearn.isotonic": ("IsotonicRegression check_increasing isotonic_regression"),
    "sklearn.kernel_approximation": (
        "AdditiveChi2Sampler Nystroem PolynomialCountSketch RBFSampler SkewedChi2Sampler"
    ),
    "sklearn.linear_model": (
        "ARDRegression BayesianRidge ElasticNet ElasticNetCV GammaRegressor HuberRegressor Lars LarsCV "
        "Lasso LassoCV LassoLars LassoLarsCV LassoLarsIC LinearRegression LogisticRegression "
        "LogisticRegressionCV MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV "
        "OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV PassiveAggressiveClassifier "
        "PassiveAggressiveRegressor Perceptron PoissonRegressor QuantileRegressor RANSACRegressor Ridge "
        "RidgeCV RidgeClassifier RidgeClassifierCV SGDClassifier SGDOneClassSVM SGDRegressor "
        "TheilSenRegressor TweedieRegressor enet_path lars_path lars_path_gram lasso_path orthogonal_mp "
        "orthogonal_mp_gram ridge_regression"
    ),
    "sklearn.manifold": (
        "ClassicalMDS Isomap LocallyLinearEmbedding MDS SpectralEmbedding TSNE locally_linear_embedding "
        "smacof spectral_embedding trustworthiness"
    ),
    "sklearn.metrics": (
        "ConfusionMatrixDisplay DetCurveDisplay DistanceMetric PrecisionRecallDisplay "
        "PredictionErrorDisplay RocCurveDisplay accuracy_score adjusted_mutual_info_score "
        "adjusted_rand_score auc average_precision_score balanced_accuracy_score brier_score_loss "
        "calinski_harabasz_score check_scoring class_likelihood_ratios classification_report "
        "cohen_kappa_score completeness_score confusion_matrix confusion_matrix_at_thresholds "
        "consensus_score coverage_error d2_absolute_error_score d2_brier_score d2_log_loss_score "
        "d2_pinball_score d2_tweedie_score davies_bouldin_score dcg_score det_curve euclidean_distances "
        "explained_variance_score f1_score fbeta_score fowlkes_mallows_score get_scorer get_scorer_names "
        "hamming_loss hinge_loss homogeneity_completeness_v_measure homogeneity_score jaccard_score "
        "label_ranking_average_precision_score label_ranking_loss log_loss make_scorer matthews_corrcoef "
        "max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance "
        "mean_pinball_loss mean_poisson_deviance mean_squared_error mean_squared_log_error "
        "mean_tweedie_deviance median_absolute_error metric_at_thresholds multilabel_confusion_matrix "
        "mutual_info_score nan_euclidean_distances ndcg_score normalized_mutual_info_score "
        "pair_confusion_matrix pairwise_distances pairwise_distances_argmin pairwise_distances_argmin_min "
        "pairwise_distances_chunked pairwise_kernels precision_recall_curve "
        "precision_recall_fscore_support precision_score r2_score rand_score recall_score roc_auc_score "
        "roc_curve root_mean_squared_error root_mean_squared_log_error silhouette_samples "
        "silhouette_score top_k_accuracy_score v_measure_score zero_one_loss"
    ),
    "sklearn.mixture": ("BayesianGaussianMixture GaussianMixture"),
    "sklearn.model_selection": (
        "BaseCrossValidator BaseShuffleSplit FixedThresholdClassifier GridSearchCV GroupKFold "
        "GroupShuffleSplit KFold LearningCurveDisplay LeaveOneGroupOut LeaveOneOut LeavePGroupsOut "
        "LeavePOut ParameterGrid ParameterSampler PredefinedSplit RandomizedSearchCV RepeatedKFold "
        "RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit "
        "TimeSeriesSplit TunedThresholdClassifierCV ValidationCurveDisplay check_cv cross_val_predict "
        "cross_val_score cross_validate learning_curve permutation_test_score train_test_split "
        "validation_curve"
    ),
    "sklearn.multiclass": ("OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier"),
    "sklearn.multioutput": ("ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain"),
    "sklearn.naive_bayes": ("BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB"),
    "sklearn.neighbors": (
        "BallTree KDTree KNeighborsClassifier KNeighborsRegressor KNeighborsTransformer KernelDensity "
        "LocalOutlierFactor NearestCentroid NearestNeighbors NeighborhoodComponentsAnalysis "
        "RadiusNeighborsClassifier RadiusNeighborsRegressor RadiusNeighborsTransformer VALID_METRICS "
        "VALID_METRICS_SPARSE kneighbors_graph radius_neighbors_graph sort_graph_by_row_values"
    ),
    "sklearn.neural_network": ("BernoulliRBM MLPClassifier MLPRegressor"),
    "sklearn.pipeline": ("FeatureUnion Pipeline make_pipeline make_union"),
    "sklearn.preprocessing": (
        "Binarizer FunctionTransformer KBinsDiscretizer KernelCenterer LabelBinarizer LabelEncoder "
        "MaxAbsScaler MinMaxScaler MultiLabelBinarizer Normalizer OneHotEncoder OrdinalEncoder "
        "PolynomialFeatures PowerTransformer QuantileTransformer RobustScaler SplineTransformer "
        "StandardScaler TargetEncoder add_dummy_feature binarize label_binarize maxabs_scale minmax_scale "
        "normalize power_transform quantile_transform robust_scale scale"
    ),
    "sklearn.random_projection": (
        "GaussianRandomProjection SparseRandomProjection johnson_lindenstrauss_min_dim"
    ),
    "sklearn.semi_supervised": ("LabelPropagation LabelSpreading SelfTrainingClassifier"),
    "sklearn.svm": ("LinearSVC LinearSVR NuSVC NuSVR OneClassSVM SVC SVR l1_min_c"),
    "sklearn.tree": (
        "BaseDecisionTree DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier "
        "ExtraTreeRegressor export_graphviz export_text plot_tree"
    ),
    "sklearn.utils": ("Bunch resample shuffle"),
    "scipy.stats": ("loguniform randint uniform"),
    "xgboost": ("XGBClassifier XGBRegressor"),
    "lightgbm": ("LGBMClassifier LGBMRegressor"),
    "catboost": ("CatBoostClassifier CatBoostRegressor"),
    "collections": ("Counter defaultdict"),
}

_WHOLE = {
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns",
    "xgb": "import xgboost as xgb",
    "lgb": "import lightgbm as lgb",
    "sm": "import statsmodels.api as sm",
    "smf": "import statsmodels.formula.api as smf",
    "torch": "import torch",
    "nn": "from torch import nn",
    "math": "import math",
    "itertools": "import itertools",
    "random": "import random",
}
_EXPERIMENTAL = {
    "IterativeImputer": ("sklearn.impute", "enable_iterative_imputer"),
    "HalvingGridSearchCV": ("sklearn.model_selection", "enable_halving_search_cv"),
    "HalvingRandomSearchCV": ("sklearn.model_selection", "enable_halving_search_cv"),
}

HOME: dict[str, str] = {
    **{name: module for module, names in _MODULES.items() for name in names.split()},
    **{name: module for name, (module, _) in _EXPERIMENTAL.items()},
}
"""Name -> the module that it is imported from."""


def import_lines(names: set[str]) -> list[str]:
    """Import statements for the names that the table knows, one a module, in alphabetical order."""
    lines = {_WHOLE[name] for name in names if name in _WHOLE}
    lines |= {
        f"from sklearn.experimental import {_EXPERIMENTAL[n][1]}  # noqa" for n in names if n in _EXPERIMENTAL
    }
    by_module: dict[str, list[str]] = {}
    for name in sorted(names):
        if name in HOME:
            by_module.setdefault(HOME[name], []).append(name)
    from_lines = [f"from {module} import {', '.join(listed)}" for module, listed in by_module.items()]
    return [*sorted(lines), *sorted(from_lines)]


def is_importable(name: str) -> bool:
    return name in HOME or name in _WHOLE
