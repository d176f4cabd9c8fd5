"""Cells composed of parts rather than written by a model: what to try where no larger model can be run.

A recipe is a preparation of the columns, perhaps an operation on them, an estimator, and perhaps something
around it (an ensemble, a calibration, a transform of the target). Nothing here says what is good: every cell
is executed like any other, and only what improved the metric is kept.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jupyter_mlagent.agent.situation import Kind, Situation
from jupyter_mlagent.agent.wording import OUTLINE
from jupyter_mlagent.records import Task
from local_rl.environment.states import EnvState
from local_rl.explore import parts
from local_rl.explore.layout import laid_out
from local_rl.explore.parts import Part
from local_rl.explore.table import read_table

ROUNDS = 10
"""Of turns; a state with so few different recipes gets what there are."""
_CALENDAR = """\
def with_calendar(table):
    date = pd.to_datetime(table["{date}"])
    return table.drop(columns="{date}").assign(
        weekday=date.dt.dayofweek, month=date.dt.month, day=date.dt.dayofyear, year=date.dt.year
    )

"""


@dataclass(frozen=True)
class Recipe:
    plan: str
    """A sentence without its full stop, which names the classes."""
    code: str
    """Without imports: `agent/repair.py` completes them, as it does for any reply."""


def recipes(state: EnvState, task: Task, situation: Situation, *, count: int, seed: int) -> list[Recipe]:
    """`count` different ones at most, drawn so that every family has its turn before any has a second.

    Empty for situations that it has no parts for: no `fit`, or neither classes nor numbers to predict.
    """
    if situation.kind not in (Kind.CLASSIFICATION, Kind.REGRESSION) or not situation.fit_arguments:
        return []
    kitchen = Kitchen(state, task, situation, random.Random(seed))
    made: dict[str, Recipe] = {}
    for _ in range(ROUNDS):
        for turn in kitchen.turns():
            recipe = turn()
            made.setdefault(recipe.code, recipe)
            if len(made) >= count:
                return list(made.values())
    return list(made.values())


class Kitchen:
    """Draws recipes for one state."""

    def __init__(self, state: EnvState, task: Task, situation: Situation, generator: random.Random) -> None:
        self._draw = generator
        self._situation = situation
        self._expression = task.metric.expression if task.metric else ""
        self._numbers = situation.kind is Kind.REGRESSION
        self.table = read_table(state, situation)
        model = next((each for each in state.variables if each.name == situation.model), None)
        self._clonable = model is not None and model.type.startswith("sklearn.")
        estimators = parts.REGRESSORS if self._numbers else parts.CLASSIFIERS
        if self.table.text and not self._numbers:
            estimators = (*estimators, *parts.SPARSE_CLASSIFIERS)
        self._defined: dict[str, str] = {}
        """Preparations that the cell makes first, by name."""
        self._estimators = [part for part in estimators if self._suits(part)]

    def _suits(self, part: Part) -> bool:
        return (
            self.table.rows <= part.most_rows
            and self.table.columns <= part.most_columns
            and (part.probabilities or not self._situation.probabilities)
            and (part.sparse or not self.table.text)
        )

    def turns(self) -> list[Callable[[], Recipe]]:
        """One recipe of each family and of each kind of ensemble or wrapper, in random order."""
        families = sorted({part.family for part in self._estimators})
        turns: list[Callable[[], Recipe]] = [partial(self._single, family) for family in families]
        turns += [self._voting, self._stacking, self._operated, self._operated, self._searched]
        if self._clonable:
            turns += [self._joined, self._joined, self._bagged]
        if self._numbers:
            turns += [self._transformed]
        elif self._situation.probabilities:
            turns += [self._calibrated]
        elif "pos_label" in self._expression:
            turns += [self._threshold, self._threshold]
        self._draw.shuffle(turns)
        return turns

    def _single(self, family: str) -> Recipe:
        part = self._part(family)
        source = self._source(part)
        return self._cell(f"{self._how(part)}fit {_a(source)}", self._pipe(part, source))

    def _operated(self) -> Recipe:
        """An operation on the columns before a simple model, or a selection of them before any."""
        suited = [part for part in parts.OPERATIONS if self._suits(part) or self.table.text]
        dense = [part for part in suited if not self.table.text or part.family == "feature selection"]
        operation = self._draw.choice(dense)
        simple = [part for part in self._estimators if part.family in ("linear", "svm", "discriminant")]
        any_part = operation.family in ("feature selection", "decomposition") or not simple
        part = self._draw.choice(self._estimators if any_part else simple)
        score = "f_regression" if self._numbers else "f_classif"
        middle = self._source(operation).replace("{score}", score)
        source = self._source(part)
        plan = f"{self._how(operation if operation.scaled else part)}use {middle} before {_a(source)}"
        return self._cell(plan, self._pipe(part if part.scaled else operation, source, middle))

    def _voting(self) -> Recipe:
        chosen = self._different(self._draw.choice((2, 3)))
        named = [(self._name(source), pipe) for source, pipe in chosen]
        listed = ", ".join(f'("{name}", {pipe})' for name, pipe in named)
        kind = "VotingRegressor" if self._numbers else "VotingClassifier"
        soft = "" if self._numbers else ', voting="soft"'
        plan = f"Average {_and([_a(source) for source, _ in chosen])} with {kind}"
        return self._cell(plan, f"{kind}([{listed}]{soft})")

    def _stacking(self) -> Recipe:
        chosen = self._different(2)
        listed = ", ".join(f'("{self._name(source)}", {pipe})' for source, pipe in chosen)
        kind, final = (
            ("StackingRegressor", "RidgeCV()")
            if self._numbers
            else ("StackingClassifier", "LogisticRegression(max_iter=1000)")
        )
        plan = f"Stack {_and([_a(source) for source, _ in chosen])} with {kind} on a {final}"
        return self._cell(plan, f"{kind}([{listed}], final_estimator={final}, cv=3)")

    def _joined(self) -> Recipe:
        """The model there is, averaged with another one."""
        source, pipe = self._different(1)[0]
        kind = "VotingRegressor" if self._numbers else "VotingClassifier"
        soft = "" if self._numbers else ', voting="soft"'
        model = self._situation.model
        now = self._situation.current or "the current model"
        weights = self._draw.choice(("", ", weights=[2, 1]"))
        code = f'{kind}([("now", clone({model})), ("new", {pipe})]{soft}{weights})'
        return self._cell(f"Average {now} with {_a(source)} in a {kind}", code)

    def _bagged(self) -> Recipe:
        kind = "BaggingRegressor" if self._numbers else "BaggingClassifier"
        share = self._draw.choice((0.7, 0.8, 0.9))
        model, now = self._situation.model, self._situation.current or "the current model"
        code = f"{kind}(clone({model}), n_estimators=8, max_samples={share}, n_jobs=2)"
        return self._cell(f"Bag {now} with {kind}(n_estimators=8, max_samples={share})", code)

    def _calibrated(self) -> Recipe:
        source, pipe = self._different(1)[0]
        method = self._draw.choice(("isotonic", "sigmoid"))
        plan = f"Calibrate {_a(source)} with CalibratedClassifierCV(method='{method}', cv=4)"
        return self._cell(plan, f'CalibratedClassifierCV({pipe}, method="{method}", cv=4)')

    def _threshold(self) -> Recipe:
        """The decision threshold that the metric likes best, by cross-validation."""
        source, pipe = self._different(1)[0]
        tree = ast.parse(self._expression, mode="eval").body
        scorer = "'balanced_accuracy'"
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            given = ", ".join(ast.unparse(keyword) for keyword in tree.keywords)
            scorer = f"make_scorer({tree.func.id}, {given})"
        plan = f"Choose the decision threshold of {_a(source)} with TunedThresholdClassifierCV"
        return self._cell(plan, f"TunedThresholdClassifierCV({pipe}, scoring={scorer}, cv=3)")

    def _transformed(self) -> Recipe:
        source, pipe = self._different(1)[0]
        if self._situation.skewed_error:
            how, what = "func=np.log1p, inverse_func=np.expm1", "on the logarithm of the target"
        else:
            what = "on a normal distribution of the target"
            how = 'transformer=QuantileTransformer(output_distribution="normal")'
        plan = f"Fit {_a(source)} {what} with TransformedTargetRegressor"
        return self._cell(plan, f"TransformedTargetRegressor({pipe}, {how})")

    def _searched(self) -> Recipe:
        """A small random search around a booster or, for texts, a linear model."""
        if self.table.text:
            part = Part("linear", "LogisticRegression(max_iter=1000)", scaled=True, sparse=True)
            grid = "{'logisticregression__C': [0.1, 0.3, 1, 3, 10]}"
            if self._numbers:
                part, grid = (
                    Part("linear", "Ridge()", scaled=True, sparse=True),
                    "{'ridge__alpha': [0.1, 1, 10]}",
                )
        else:
            name = "HistGradientBoostingRegressor" if self._numbers else "HistGradientBoostingClassifier"
            part = Part("boosting", f"{name}(max_iter=150)")
            step = f"{name.lower()}__" if self.table.mixed else ""
            grid = (
                f"{{'{step}learning_rate': [0.03, 0.06, 0.1], '{step}max_leaf_nodes': [7, 15, 31], "
                f"'{step}min_samples_leaf': [10, 20, 50]}}"
            )
        pipe = self._pipe(part, part.source)
        plan = f"Search the parameters of a {part.source} with RandomizedSearchCV(n_iter=4, cv=3)"
        return self._cell(plan, f"RandomizedSearchCV({pipe}, {grid}, n_iter=4, cv=3, random_state=0)")

    def _different(self, count: int) -> list[tuple[str, str]]:
        """Sources of estimators of different families, each with its pipeline."""
        probable = [part for part in self._estimators if part.probabilities]
        families = sorted({part.family for part in probable})
        chosen = [self._part(family, probable) for family in self._draw.sample(families, count)]
        sources = [(part, self._source(part, probable=True)) for part in chosen]
        return [(source, self._pipe(part, source)) for part, source in sources]

    def _part(self, family: str, among: list[Part] | None = None) -> Part:
        return self._draw.choice([part for part in among or self._estimators if part.family == family])

    def _source(self, part: Part, *, probable: bool = False) -> str:
        """`probable`: it has to give probabilities, whatever the metric reads."""
        filled = part.source
        for name, values in part.choices:
            filled = filled.replace(f"{{{name}}}", str(self._draw.choice(values)))
        absolute = 'loss="absolute_error", ' if "absolute_error" in self._expression else ""
        probability = ", probability=True" if probable or self._situation.probabilities else ""
        return filled.replace("{loss}", absolute).replace("{probability}", probability)

    def _how(self, part: Part) -> str:
        """What a plan says of the preparation."""
        if self.table.text:
            return f"Vectorize {self.table.text} and "
        steps = ["encode the words and fill the gaps"] if self.table.mixed else []
        steps += ["take the calendar from the date"] if self.table.date else []
        steps += ["scale with StandardScaler"] if part.scaled else []
        if not steps:
            return ""
        text = f"{', '.join(steps)} and "
        return text[0].upper() + text[1:]

    def _pipe(self, part: Part, source: str, middle: str = "") -> str:
        scale = ["StandardScaler()"] if part.scaled and not self.table.mixed and not self.table.text else []
        before = [self._prepare(part.scaled)] if self.table.mixed or self.table.text else []
        if self.table.date:
            before = ["FunctionTransformer(with_calendar)", *before]
        steps = [*before, *scale, *([middle] if middle else []), source]
        return source if len(steps) == 1 else f"make_pipeline({', '.join(steps)})"

    def _prepare(self, scaled: bool) -> str:
        """Name of a column transformer for the words and the gaps, of one of a few kinds."""
        name = "words" if self.table.text else "scaled_columns" if scaled else "columns"
        if name in self._defined:
            return name
        others = "make_column_selector(dtype_exclude='number')"
        if self.table.text:
            vectorizer = self._source(self._draw.choice(parts.VECTORIZERS))
            encoder = "OneHotEncoder(handle_unknown='ignore', min_frequency=5)"
            rest = self._draw.choice(("", f", ({encoder}, {others})"))
            self._defined[name] = f"make_column_transformer(({vectorizer}, '{self.table.text}'){rest})"
            return name
        encoders = ["OneHotEncoder(handle_unknown='ignore', min_frequency=5, sparse_output=False)"]
        if not scaled:
            encoders.append("OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1)")
        encoders.append("TargetEncoder()")
        filled = "SimpleImputer(strategy='median')"
        filled = f"make_pipeline({filled}, StandardScaler())" if scaled else filled
        encoder = self._draw.choices(encoders, weights=[2, *[1] * (len(encoders) - 1)])[0]
        self._defined[name] = f"make_column_transformer(({encoder}, {others}), remainder={filled})"
        return name

    def _name(self, source: str) -> str:
        return re.sub(r"(Classifier|Regressor|Regression)\b.*", "", source.partition("(")[0]).lower()

    def _cell(self, plan: str, model: str) -> Recipe:
        """The whole cell, laid out as a person would write it."""
        situation, defined = self._situation, self._defined
        self._defined = {}
        lines = _CALENDAR.format(date=self.table.date).splitlines() if self.table.date else []
        lines += [laid_out(name, source) for name, source in defined.items()]
        lines.append(laid_out(situation.model, model))
        lines.append(f"{situation.model}.fit({situation.fit_arguments})")
        if self._expression and len(self._expression) <= OUTLINE:
            lines.append(f"print({self._expression})")
        return Recipe(plan=plan[0].upper() + plan[1:], code="\n".join(lines))


def _a(source: str) -> str:
    """`a RandomForestClassifier(...)`, `an SVC()`."""
    return f"an {source}" if re.match(r"[AEIO]|SV|MLP|XG", source) else f"a {source}"


def _and(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
