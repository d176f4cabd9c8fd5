"""A pipeline has one model, its last step, and steps that are estimators.

Small models put the notebook's model behind the one they were asked for, or before it, hand a pipeline the
members of an ensemble or the dictionary of a search, or a name that exists nowhere. scikit-learn refuses such
a pipeline before it is fitted; what is left out could only have failed.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection
from enum import Enum

from jupyter_mlagent.agent.arguments import class_name, taken_by
from jupyter_mlagent.agent.composition import are_members
from jupyter_mlagent.agent.import_table import is_importable
from jupyter_mlagent.agent.names import CellNames, names_of
from jupyter_mlagent.agent.source import Places, assigned, mended, parse_cell
from jupyter_mlagent.agent.static_check import ALWAYS_THERE
from jupyter_mlagent.reward.expressions import calls


class _Step(Enum):
    MODEL = "predicts and does not transform"
    TRANSFORMER = "transforms and does not predict"
    NEITHER = "no estimator"
    UNKNOWN = "anything"


def with_one_model(code: str, known_names: Collection[str]) -> str:
    """The cell with such steps left out; code that is not plain Python comes back as it is.

    `known_names` are the kernel's variables.
    """
    if "make_pipeline" not in code:
        return code
    return mended(code, lambda code, module: _with_one_step_less(code, module, known_names))


def _with_one_step_less(code: str, module: ast.Module, known_names: Collection[str]) -> str | None:
    """With one step less in the first pipeline that needs it; None where none does."""
    reader = _Reader(module, names_of(code), known_names)
    for place, call in enumerate(calls(module)):
        if not reader.is_pipeline(call) or len(call.args) < 2:
            continue
        dropped = _superfluous([reader.kind(step) for step in call.args])
        if dropped is None:
            continue
        changed = _without_argument(code, call, dropped)
        wanted = copy.deepcopy(module)
        del calls(wanted)[place].args[dropped]
        made = parse_cell(changed)
        return changed if made is not None and ast.dump(made) == ast.dump(wanted) else None
    return None


def _superfluous(kinds: list[_Step]) -> int | None:
    """The place of a step that cannot stand where it does; None where each can."""
    if _Step.NEITHER in kinds:
        return kinds.index(_Step.NEITHER)
    models = [place for place, kind in enumerate(kinds) if kind is _Step.MODEL]
    if not models:
        return None
    if models[0] < models[-1]:
        return models[0]
    behind = kinds[models[-1] + 1 :]
    return len(kinds) - 1 if behind and all(kind is _Step.TRANSFORMER for kind in behind) else None


class _Reader:
    """What the steps of a cell's pipelines are, as far as the cell itself shows it."""

    def __init__(self, module: ast.Module, own: CellNames, known_names: Collection[str]) -> None:
        self._own = own
        self._known = known_names
        self._made = assigned(module)
        self._plainly_bound = {
            target.id
            for node in module.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def is_pipeline(self, call: ast.Call) -> bool:
        return class_name(call) == "make_pipeline" and not self._own.defines("make_pipeline")

    def kind(self, step: ast.expr) -> _Step:
        match step:
            case ast.Starred(value=ast.Name(id=name)):
                made = self._values(name)
                return _Step.NEITHER if made and all(map(are_members, made)) else _Step.UNKNOWN
            case ast.Name(id=name):
                return self._kind_of_name(name)
            case ast.Call(func=ast.Attribute(value=inner, attr="fit" | "set_params")):
                return self.kind(inner)
            case ast.Call() if self.is_pipeline(step):
                return self.kind(step.args[-1]) if step.args else _Step.UNKNOWN
            case ast.Call() if class_name(step) == "make_column_transformer":
                return _Step.TRANSFORMER
            case ast.Call():
                return self._kind_of_class(step)
        return _Step.UNKNOWN

    def _kind_of_class(self, call: ast.Call) -> _Step:
        taken = taken_by(call, self._own)
        # What does both, as a clustering or an ensemble of members, can stand anywhere.
        if taken is None or taken.predicts == taken.transforms:
            return _Step.UNKNOWN
        return _Step.MODEL if taken.predicts else _Step.TRANSFORMER

    def _kind_of_name(self, name: str) -> _Step:
        made = self._values(name)
        if made:
            if all(isinstance(value, ast.Dict | ast.List | ast.Tuple) for value in made):
                return _Step.NEITHER
            kinds = {self.kind(value) for value in made if isinstance(value, ast.Call)}
            whole = all(isinstance(value, ast.Call) for value in made)
            return kinds.pop() if whole and len(kinds) == 1 else _Step.UNKNOWN
        # A function's own names are no reads from the notebook.
        from_outside = any(use.name == name for use in self._own.uses) and not self._own.star_imports
        somewhere = name in self._known or name in self._own.bound or name in ALWAYS_THERE
        return _Step.UNKNOWN if somewhere or not from_outside or is_importable(name) else _Step.NEITHER

    def _values(self, name: str) -> list[ast.expr]:
        """What the cell's top level binds the name to; nothing where it is bound in other ways, too, or to
        what is made of itself."""
        made = self._made.get(name, [])
        own = any(
            isinstance(node, ast.Name) and node.id == name for value in made for node in ast.walk(value)
        )
        return made if name in self._plainly_bound and not own else []


def _without_argument(code: str, call: ast.Call, dropped: int) -> str:
    places = Places(code)
    start, end = places.start(call.args[dropped]), places.end(call.args[dropped])
    if dropped + 1 < len(call.args):
        places.replace(start, places.start(call.args[dropped + 1]), "")
    else:
        places.replace(places.end(call.args[dropped - 1]), end, "")
    return places.text
