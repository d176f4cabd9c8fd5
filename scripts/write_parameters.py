"""Writes what scikit-learn's classes are constructed with and good for, for `agent/arguments.py`."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from sklearn.utils import all_estimators

KINDS = {
    "positional": inspect.Parameter.POSITIONAL_OR_KEYWORD,
    "keyword": inspect.Parameter.KEYWORD_ONLY,
}

found = {}
for name, estimator in all_estimators():
    parameters = list(inspect.signature(estimator.__init__).parameters.values())[1:]
    if all(parameter.kind in KINDS.values() for parameter in parameters):
        found[name] = {key: [p.name for p in parameters if p.kind is kind] for key, kind in KINDS.items()}
        found[name] |= {
            does: True
            for does, method in (("predicts", "predict"), ("transforms", "transform"))
            if hasattr(estimator, method)
        }

lines = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
target = Path(__file__).parents[1] / "jupyter_mlagent" / "agent" / "sklearn_parameters.json"
target.write_text("{\n" + ",\n".join(lines) + "\n}\n")
