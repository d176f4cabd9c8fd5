"""Give what draws random numbers a seed, so that a step that was kept gives its number again.

Only constructors (and `train_test_split`) that are random unless told otherwise; one that has a seed, or
takes its arguments from elsewhere (`**params`), stays as it is.
"""

from __future__ import annotations

import ast
import re

from jupyter_mlagent.agent.source import cell_magic, parse_cell
from jupyter_mlagent.reward.expressions import called_name, calls

_RANDOM = re.compile(
    r"(ExtraTree|ExtraTrees|DecisionTree|RandomForest|GradientBoosting|HistGradientBoosting|AdaBoost|Bagging"
    r"|MLP|SGD|Perceptron|PassiveAggressive|XGB|XGBRF|LGBM|CatBoost)(Classifier|Regressor)?"
    r"|LinearSV[CR]|RANSACRegressor|TheilSenRegressor|NeighborhoodComponentsAnalysis|BernoulliRBM"
    r"|(MiniBatch|Bisecting)?KMeans|(Bayesian)?GaussianMixture|LatentDirichletAllocation|IsolationForest"
    r"|PCA|TruncatedSVD|FastICA|NMF|TSNE|Nystroem|RBFSampler|QuantileTransformer|KBinsDiscretizer|TargetEncoder"
    r"|RandomTreesEmbedding|(Gaussian|Sparse)RandomProjection|IterativeImputer|RandomizedSearchCV"
    r"|train_test_split|(Stratified|Group)?ShuffleSplit|Repeated(Stratified)?KFold"
)
_RANDOM_WHEN = {
    "KFold": "shuffle",
    "StratifiedKFold": "shuffle",
    "StratifiedGroupKFold": "shuffle",
    "SVC": "probability",
    "NuSVC": "probability",
}
"""Random, and able to take a seed, only with this argument."""
_SEEDS = frozenset({"random_state", "random_seed", "seed"})
_SEED = "random_state=0"


def with_seeds(code: str) -> str:
    """The cell with `random_state=0` wherever it is missing; code that is not plain Python is returned as it
    is.
    """
    module = parse_cell(code)
    if module is None or cell_magic(code) is not None:
        return code
    for call in sorted(
        calls(module), key=lambda found: (found.end_lineno, found.end_col_offset), reverse=True
    ):
        if _wants_seed(call):
            code = _inserted(code, call)
    return code


def _wants_seed(call: ast.Call) -> bool:
    name = called_name(call) or ""
    given = {keyword.arg for keyword in call.keywords}
    if None in given or given & _SEEDS or any(isinstance(value, ast.Starred) for value in call.args):
        return False
    return _RANDOM_WHEN.get(name) in given if name in _RANDOM_WHEN else _RANDOM.fullmatch(name) is not None


def _inserted(code: str, call: ast.Call) -> str:
    """The code with the seed as the call's last argument; unchanged where that would say something else."""
    lines = code.encode().split(b"\n")
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if given:
        last = max(given, key=lambda value: (value.end_lineno or 0, value.end_col_offset or 0))
        row, column, text = last.end_lineno, last.end_col_offset, f", {_SEED}"
    else:
        row, column, text = call.end_lineno, (call.end_col_offset or 1) - 1, _SEED
    if row is None or column is None or row > len(lines):
        return code
    line = lines[row - 1]
    lines[row - 1] = line[:column] + text.encode() + line[column:]
    changed = b"\n".join(lines).decode(errors="replace")
    before, after = parse_cell(code), parse_cell(changed)
    if before is None or after is None or _dump_without_seed(after) != _dump_without_seed(before):
        return code
    return changed


def _dump_without_seed(module: ast.Module) -> str:
    seed = ast.dump(ast.keyword("random_state", ast.Constant(0)))
    return ast.dump(module).replace(f", {seed}", "").replace(seed, "")
