"""The repository's folder `kernels` is not taken for the package of that name which others import."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEEN = """
import bitsandbytes, transformers
from transformers.utils import import_utils
available = getattr(import_utils, "is_kernels_available", lambda: None)()
print(available, hasattr(transformers, "AutoModelForCausalLM"), hasattr(bitsandbytes.nn, "Linear4bit"))
"""


def seen_from(place: Path) -> str:
    """With the working directory on the path, as in a notebook or an interactive Python there."""
    result = subprocess.run(
        [sys.executable, "-c", SEEN], cwd=place, capture_output=True, text=True, check=True
    )
    return result.stdout


@pytest.mark.rl
def test_transformers_and_bitsandbytes_see_the_same_here_as_elsewhere(tmp_path: Path) -> None:
    for package in ("transformers", "bitsandbytes"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed; `make rl` installs it.")
    assert seen_from(ROOT) == seen_from(tmp_path)


def test_no_package_of_ours_has_a_name_that_others_use() -> None:
    for name in ("kernels", "tui"):
        spec = find_spec(name)
        assert spec is None or spec.origin is None or not Path(spec.origin).is_relative_to(ROOT)
