"""What only a search has is not asked of a model that is none: `pipeline.best_estimator_` is the pipeline.

Small models end a cell as they saw cells with a grid search end, also where they made no search.
"""

from __future__ import annotations

import ast

from jupyter_mlagent.agent.arguments import class_name, taken_by
from jupyter_mlagent.agent.names import CellNames, names_of
from jupyter_mlagent.agent.source import Places, assigned, mended


def with_own_attributes(code: str) -> str:
    """The cell with such an attribute left out; code that is not plain Python comes back as it is."""
    return mended(code, _with_one_less) if ".best_estimator_" in code else code


def _with_one_less(code: str, module: ast.Module) -> str | None:
    found = _first(module, code)
    if found is None:
        return None
    places = Places(code)
    places.replace(places.end(found.value), places.end(found), "")
    return places.text


def _first(module: ast.Module, code: str) -> ast.Attribute | None:
    own = names_of(code)
    made = assigned(module)
    for node in ast.walk(module):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr="best_estimator_") if name in made:
                if all(_is_no_search(value, own) for value in made[name]):
                    return node
    return None


def _is_no_search(value: ast.expr, own: CellNames) -> bool:
    match value:
        case ast.Call(func=ast.Attribute(value=inner, attr="fit" | "set_params")):
            return _is_no_search(inner, own)
        case ast.Call():
            name = class_name(value)
            known = taken_by(value, own) is not None or (name == "make_pipeline" and not own.defines(name))
            return known and not name.endswith("SearchCV")
    return False
