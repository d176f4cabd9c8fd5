"""Writes the JSON schemas of what the command line answers with --json; a test sees that they are current."""

from __future__ import annotations

import json
from pathlib import Path

from jupyter_mlagent.answers import schemas

for name, schema in schemas().items():
    target = Path(__file__).parents[1] / "docs" / "schemas" / name
    target.write_text(json.dumps(schema, indent=2) + "\n")
