"""What kind of problem a notebook works on and where it stands; ideas and the reply's outline rest on it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from jupyter_mlagent.agent.families import FAMILIES, classify
from jupyter_mlagent.agent.names import names_of
from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.agent.table import Table, has_gaps, read_table
from jupyter_mlagent.records import Cell, State, Task, Variable
from jupyter_mlagent.reward.expressions import called_name, calls, names_read, parse_expression
from jupyter_mlagent.reward.roles import CLUSTER_SCORES, Roles


class Kind(StrEnum):
    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    CLUSTERING = "clustering"
    OTHER = "other"


@dataclass(frozen=True)
class Situation:
    kind: Kind = Kind.OTHER
    targets: tuple[str, ...] = ()
    """Names that a new cell is to rebind: the metric's model, or else its predictions."""
    fit_arguments: str = ""
    """Arguments of the notebook's training call as source, e.g. `X_train, y_train`."""
    trained_on: tuple[str, ...] = ()
    """Names that the training call reads."""
    cross_validated: bool = False
    """Whether the metric fits the model itself."""
    probabilities: bool = False
    """Whether the metric needs `predict_proba`."""
    text: bool = False
    """Whether the model itself is given texts."""
    sparse: bool = False
    """Whether the model is given the sparse matrix that a vectorizer made of texts."""
    vectorizer: str = ""
    """Variable whose `fit_transform` makes the training call's features of texts."""
    neural: bool = False
    """Whether the model is a network of torch or keras."""
    plain_numbers: bool = True
    """False where the training data has missing values or columns that are not numbers."""
    frames: bool = True
    """Whether the training data is a data frame, whose columns can be told apart."""
    skewed_error: bool = False
    """Whether the metric is an error of logarithms or ratios."""
    preparation: str = ""
    """Name of a variable that holds the notebook's own preprocessing (a ColumnTransformer)."""
    table: Table = field(default_factory=Table)
    families: frozenset[str] = frozenset()
    """Estimator families that the notebook's cells use already."""
    current: str = ""
    """Class name of the estimator that the model is now, where it is known."""

    @property
    def late(self) -> bool:
        """Whether a strong model is in place, so that simple ones are unlikely to beat it."""
        return any(FAMILIES[family].search(self.current or "-") for family in STRONG)

    @property
    def model(self) -> str:
        return self.targets[0] if self.targets else ""


_REGRESSION = re.compile(
    r"r2|mean_(?:squared|absolute)|rmse|rmsle|\bmse|\bmae|mape|median_absolute|max_error|pinball|rsquared"
)
_CLASSIFICATION = re.compile(
    r"accuracy|f1|fbeta|auc|log_loss|precision|recall|kappa|matthews|jaccard|brier|predict_proba|hamming|average_prec"
)
STRONG = ("boosting", "forest", "ensemble", "neural network")
"""Families of estimators that are hard to beat on tables."""

_SPARSE = re.compile(r"(?:csr|csc|coo)_(?:matrix|array)")
_RATIOS = re.compile(r"rmsle|log_error|percentage|mape|log1p")


def read_situation(state: State, task: Task, parts: Roles) -> Situation:
    """All that can be told from the cells, the variables and the metric; the defaults where nothing can."""
    expression = task.metric.expression if task.metric else ""
    tree = parse_expression(expression) if expression else None
    called = {called_name(call) or "" for call in calls(tree)} if tree is not None else set()
    variables = {variable.name: variable for variable in state.variables}
    fit = _training_call(state.cells, parts)
    data = names_read(ast.Tuple(elts=fit.args)) if fit is not None else [*parts.features, *parts.labels]
    trained_on = [variables[name] for name in data if name in variables]
    preparation = next(
        (name for name, found in variables.items() if _class_of(found) == "ColumnTransformer"), ""
    )
    return Situation(
        kind=_kind(
            expression, called, [variables[name] for name in parts.labels if name in variables], state
        ),
        targets=parts.models or parts.others,
        fit_arguments=", ".join(_arguments(fit)) if fit is not None else "",
        trained_on=tuple(data),
        cross_validated=bool(called & {"cross_val_score", "cross_val_predict", "cross_validate"}),
        probabilities=bool(re.search(r"predict_proba|log_loss|roc_auc|brier", expression)),
        text=_is_text(state, trained_on),
        sparse=any(_SPARSE.match(_class_of(variable)) for variable in trained_on),
        vectorizer=_vectorizer(fit, variables),
        neural=bool(
            re.search(r"\bimport (?:torch|keras|tensorflow)|from (?:torch|keras|tensorflow)", _sources(state))
        ),
        plain_numbers=not any(_is_mixed(variable) for variable in trained_on[:1]),
        frames=not trained_on or _class_of(trained_on[0]) == "DataFrame",
        skewed_error=bool(_RATIOS.search(expression)),
        preparation=preparation,
        table=read_table(state.cells, variables, data[0] if data else "", preparation),
        families=frozenset().union(
            *(classify(cell.source).families for cell in state.cells if cell.kind == "code")
        ),
        current=_current(variables.get((parts.models or ("",))[0]), state),
    )


def _sources(state: State) -> str:
    return "\n".join(cell.source for cell in state.cells if cell.kind == "code")


def _kind(expression: str, called: set[str], labels: Sequence[Variable], state: State) -> Kind:
    if called & CLUSTER_SCORES or re.search(r"inertia_|labels_", expression):
        return Kind.CLUSTERING
    if _CLASSIFICATION.search(expression):
        return Kind.CLASSIFICATION
    if _REGRESSION.search(expression):
        return Kind.REGRESSION
    if any(re.search(r"\{|\bclasses\b", variable.summary) for variable in labels):
        return Kind.CLASSIFICATION
    used = re.findall(
        r"(Classifier|Regressor|LogisticRegression|Ridge|Lasso|LinearRegression)\b", _sources(state)
    )
    if not used:
        return Kind.OTHER
    return Kind.CLASSIFICATION if used[-1] in ("Classifier", "LogisticRegression") else Kind.REGRESSION


def _training_call(cells: Sequence[Cell], parts: Roles) -> ast.Call | None:
    """The last `.fit(X, y)` that does not read the metric's labels, in a cell that ran if there is one."""
    latest = [cell for cell in reversed(cells) if cell.kind == "code"]
    for cell in sorted(latest, key=lambda cell: cell.errored):
        module = parse_cell(cell.source)
        fits = [call for call in calls(module) if called_name(call) == "fit"] if module is not None else []
        fits.sort(key=lambda call: (call.lineno, call.col_offset), reverse=True)
        for wanted in (2, 1):
            for call in fits:
                data = [argument for argument in call.args if not isinstance(argument, ast.Starred)]
                if len(data) >= wanted and not {*parts.labels} & {*names_read(ast.Tuple(elts=data))}:
                    return ast.Call(func=call.func, args=data[:2], keywords=[])
    return None


def _arguments(call: ast.Call) -> list[str]:
    return [ast.unparse(argument) for argument in call.args]


def _is_text(state: State, trained_on: Sequence[Variable]) -> bool:
    if any(re.match(r"list of \d+: \[?'", variable.summary) for variable in trained_on):
        return True
    if trained_on and _class_of(trained_on[0]) == "ndarray":
        return False  # whatever vectorizer made it
    return any(re.search(r"(?:Tfidf|Count|Hashing)Vectorizer", cell.source) for cell in state.cells)


def _vectorizer(fit: ast.Call | None, variables: Mapping[str, Variable]) -> str:
    """`vec` of `model.fit(vec.fit_transform(texts), labels)`."""
    for call in calls(fit) if fit is not None else ():
        match call.func:
            case ast.Attribute(value=ast.Name(id=name), attr="fit_transform"):
                if name in variables and variables[name].type.endswith("Vectorizer"):
                    return name
    return ""


def _class_of(variable: Variable) -> str:
    """`pandas.DataFrame` -> `DataFrame`."""
    return variable.type.rpartition(".")[2]


def _is_mixed(variable: Variable) -> bool:
    words = re.search(r"\b(?:str|object|category|string|datetime64\S*)\b", variable.summary)
    return has_gaps(variable.summary) or bool(words)


def _current(variable: Variable | None, state: State) -> str:
    """`Pipeline(steps=[..., ('svc', SVC(C=10))]), fitted` -> `SVC`, and of an ensemble its own class.

    Where the summary does not show it, what the cell that last bound the variable fits.
    """
    if variable is None:
        return ""
    names: list[str] = re.findall(r"\b[A-Z]\w+", f"{_class_of(variable)} {variable.summary}")
    known = [name for name in names if any(pattern.search(name) for pattern in FAMILIES.values())]
    if known:
        return known[0]
    binding = (
        cell
        for cell in reversed(state.cells)
        if cell.kind == "code" and not cell.errored and variable.name in names_of(cell.source).bound
    )
    cell = next(binding, None)
    return next(iter(classify(cell.source).estimators), "") if cell is not None else ""
