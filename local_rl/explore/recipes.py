"""Cells composed of parts rather than written by a model: what to try where no larger model can be run.

A recipe is an estimator, perhaps an operation on the columns before it, perhaps something around it (an
ensemble, a calibration, a transform of the target), on the notebook's own preparation of the table or a
usual one. Its plan has the form of the catalogue's ideas and names every class with its arguments, so that
who reads the plan can write the cell. Nothing here says what is good: every cell is executed like any other,
and only what improved the metric is kept.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from jupyter_mlagent.agent.preparations import Preparation, after, prepared, vectorized
from jupyter_mlagent.agent.situation import Kind, Situation
from jupyter_mlagent.agent.wording import OUTLINE
from jupyter_mlagent.records import Task
from local_rl.environment.states import EnvState
from local_rl.explore import parts
from local_rl.explore.layout import laid_out
from local_rl.explore.parts import Part

ROUNDS = 10
"""Of turns; a state with so few different recipes gets what there are."""
ROWS, COLUMNS = 10_000, 20
"""Of a table whose size is not known."""
_ONE = ", in one make_pipeline"


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
        self._text = situation.table.text if situation.text else ""
        model = next((each for each in state.variables if each.name == situation.model), None)
        self._clonable = model is not None and model.type.startswith("sklearn.")
        estimators = parts.REGRESSORS if self._numbers else parts.CLASSIFIERS
        if self._text and not self._numbers:
            estimators = (*estimators, *parts.SPARSE_CLASSIFIERS)
        self._estimators = [part for part in estimators if self._suits(part)]

    def _suits(self, part: Part) -> bool:
        table = self._situation.table
        return (
            (table.rows or ROWS) <= part.most_rows
            and (table.columns or COLUMNS) <= part.most_columns
            and (part.probabilities or not self._situation.probabilities)
            and (part.sparse or not self._text)
        )

    def turns(self) -> list[Callable[[], Recipe]]:
        """One recipe of each family and of each kind of ensemble or wrapper, in random order."""
        families = sorted({part.family for part in self._estimators})
        turns: list[Callable[[], Recipe]] = [partial(self._single, family) for family in families]
        turns += [self._voting, self._stacking, self._operated, self._operated, self._searched]
        if self._clonable:
            turns += [self._joined, self._joined]
            # Bagging makes an array of the table, in which a preparation finds no columns.
            turns += [self._bagged] if self._situation.plain_numbers else []
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
        return self._piped(f"Fit {_a(source)}", source, scaled=part.scaled, trees=part.trees)

    def _operated(self) -> Recipe:
        """An operation on the columns before a simple model, or a selection of them before any."""
        suited = [part for part in parts.OPERATIONS if self._suits(part) or self._text]
        dense = [part for part in suited if not self._text or part.family == "feature selection"]
        operation = self._draw.choice(dense)
        simple = [part for part in self._estimators if part.family in ("linear", "svm", "discriminant")]
        any_part = operation.family in ("feature selection", "decomposition") or not simple
        part = self._draw.choice(self._estimators if any_part else simple)
        score = "f_regression" if self._numbers else "f_classif"
        middle = self._source(operation).replace("{score}", score)
        source = self._source(part)
        scaled = part.scaled or operation.scaled
        return self._piped(f"Add {middle} and fit {_a(source)}", source, middle, scaled=scaled)

    def _voting(self) -> Recipe:
        """The members share the preparation; each that wants it has a scaler of its own."""
        chosen = self._different(self._draw.choice((2, 3)))
        kind = "VotingRegressor" if self._numbers else "VotingClassifier"
        soft = "" if self._numbers else "voting='soft'"
        listed, members = self._members(chosen)
        source = f"{kind}([{listed}]{f', {soft}' if soft else ''})"
        trees = all(part.trees for part in chosen)
        return self._piped(f"Average {members} with {kind}({soft})", source, trees=trees)

    def _stacking(self) -> Recipe:
        chosen = self._different(2)
        kind, final = (
            ("StackingRegressor", "RidgeCV()")
            if self._numbers
            else ("StackingClassifier", "LogisticRegression(max_iter=1000)")
        )
        listed, members = self._members(chosen)
        plan = f"Stack {members} with {kind}(cv=3) on a {final}"
        source = f"{kind}([{listed}], final_estimator={final}, cv=3)"
        return self._piped(plan, source, trees=all(part.trees for part in chosen))

    def _members(self, chosen: list[Part]) -> tuple[str, str]:
        """Of an ensemble: as source, and as its plan tells them."""
        listed = ", ".join(f"('{self._name(part)}', {self._scaled(part)})" for part in chosen)
        return listed, _and([self._told(part) for part in chosen])

    def _joined(self) -> Recipe:
        """The model there is, averaged with another one."""
        part = self._different(1)[0]
        kind = "VotingRegressor" if self._numbers else "VotingClassifier"
        soft = "" if self._numbers else "voting='soft'"
        model = self._situation.model
        preparation = self._preparation(part.trees)
        pipe = self._pipe(preparation, part.source, scaled=part.scaled)
        plan = f"Average clone({model}) and {pipe} with {kind}({soft})"
        source = f"{kind}([('now', clone({model})), ('new', {pipe})]{f', {soft}' if soft else ''})"
        return self._cell(plan, source, preparation)

    def _bagged(self) -> Recipe:
        kind = "BaggingRegressor" if self._numbers else "BaggingClassifier"
        share = self._draw.choice((0.7, 0.8, 0.9))
        source = f"{kind}(clone({self._situation.model}), n_estimators=8, max_samples={share}, n_jobs=2)"
        return self._cell(f"Bag the current model with {source}", source)

    def _calibrated(self) -> Recipe:
        part = self._different(1)[0]
        method = self._draw.choice(("isotonic", "sigmoid"))
        plan = f"Calibrate {self._told(part)} with CalibratedClassifierCV(method='{method}', cv=4)"
        source = f"CalibratedClassifierCV({self._scaled(part)}, method='{method}', cv=4)"
        return self._piped(plan, source, trees=part.trees)

    def _threshold(self) -> Recipe:
        """The decision threshold that the metric likes best, by cross-validation."""
        part = self._different(1)[0]
        tree = ast.parse(self._expression, mode="eval").body
        scorer = "'balanced_accuracy'"
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            given = ", ".join(ast.unparse(keyword) for keyword in tree.keywords)
            scorer = f"make_scorer({tree.func.id}, {given})"
        options = f"scoring={scorer}, cv=3"
        plan = f"Choose the threshold of {self._told(part)} with TunedThresholdClassifierCV({options})"
        source = f"TunedThresholdClassifierCV({self._scaled(part)}, {options})"
        return self._piped(plan, source, trees=part.trees)

    def _transformed(self) -> Recipe:
        part = self._different(1)[0]
        if self._situation.skewed_error:
            how, what = "func=np.log1p, inverse_func=np.expm1", "the logarithm"
        else:
            how, what = (
                "transformer=QuantileTransformer(output_distribution='normal')",
                "a normal distribution",
            )
        plan = f"Fit {self._told(part)} on {what} of the target with TransformedTargetRegressor({how})"
        source = f"TransformedTargetRegressor({self._scaled(part)}, {how})"
        return self._piped(plan, source, trees=part.trees)

    def _searched(self) -> Recipe:
        """A small random search around a booster or, for texts, a linear model."""
        if self._text:
            source, grid = "LogisticRegression(max_iter=1000)", "{'C': [0.1, 0.3, 1, 3, 10]}"
            if self._numbers:
                source, grid = "Ridge()", "{'alpha': [0.1, 1, 10]}"
        else:
            source = f"HistGradientBoosting{'Regressor' if self._numbers else 'Classifier'}(max_iter=150)"
            grid = "{'learning_rate': [0.03, 0.06, 0.1], 'max_leaf_nodes': [7, 15, 31]}"
        plan = f"Search the parameters of a {source} with RandomizedSearchCV(n_iter=4, cv=3)"
        search = f"RandomizedSearchCV({source}, {grid}, n_iter=4, cv=3, random_state=0)"
        return self._piped(plan, search, trees=not self._text)

    def _different(self, count: int) -> list[Part]:
        """Estimators of different families, their arguments drawn."""
        probable = [part for part in self._estimators if part.probabilities]
        families = sorted({part.family for part in probable})
        chosen = [self._part(family, probable) for family in self._draw.sample(families, count)]
        return [replace(part, source=self._source(part, probable=True)) for part in chosen]

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

    def _scaled(self, part: Part) -> str:
        return f"make_pipeline(StandardScaler(), {part.source})" if self._scales(part) else part.source

    def _told(self, part: Part) -> str:
        return f"a scaled {part.source}" if self._scales(part) else _a(part.source)

    def _scales(self, part: Part) -> bool:
        """Texts stay as the vectorizer weighs them."""
        return part.scaled and not self._text

    def _preparation(self, trees: bool) -> Preparation | None:
        if self._text:
            return vectorized(self._text, self._source(self._draw.choice(parts.VECTORIZERS)))
        return prepared(self._situation, trees=trees)

    def _pipe(
        self, preparation: Preparation | None, source: str, middle: str = "", *, scaled: bool = False
    ) -> str:
        first = [preparation.name] if preparation is not None else []
        scale = ["StandardScaler()"] if scaled and not self._text else []
        steps = [*first, *scale, *([middle] if middle else []), source]
        return source if len(steps) == 1 else f"make_pipeline({', '.join(steps)})"

    def _piped(
        self, plan: str, source: str, middle: str = "", *, scaled: bool = False, trees: bool = False
    ) -> Recipe:
        """All of the model stands behind the preparation."""
        preparation = self._preparation(trees and not middle)
        pipe = self._pipe(preparation, source, middle, scaled=scaled)
        if scaled and not self._text:
            start = "Scale with StandardScaler, " if middle else "Scale with StandardScaler and "
            plan = f"{start}{plan[0].lower()}{plan[1:]}"
        if middle or (scaled and not self._text):
            plan = f"{plan}{_ONE}"
        if preparation is not None and preparation.vectorizer:
            plan = f"Use {preparation.vectorizer} for {self._text} and {plan[0].lower()}{plan[1:]}"
        return self._cell(after(plan, preparation), pipe, preparation)

    def _name(self, part: Part) -> str:
        return re.sub(r"(Classifier|Regressor|Regression)\b.*", "", part.source.partition("(")[0]).lower()

    def _cell(self, plan: str, model: str, preparation: Preparation | None = None) -> Recipe:
        """The whole cell, laid out as a person would write it."""
        situation = self._situation
        lines = [laid_out(situation.model, model), f"{situation.model}.fit({situation.fit_arguments})"]
        if self._expression and len(self._expression) <= OUTLINE:
            lines.append(f"print({self._expression})")
        opening = preparation.opening if preparation is not None else ""
        return Recipe(plan=plan, code=opening + "\n".join(lines))


def _a(source: str) -> str:
    """`a RandomForestClassifier(...)`, `an SVC()`."""
    return f"an {source}" if re.match(r"[AEIO]|SV|MLP|XG", source) else f"a {source}"


def _and(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
