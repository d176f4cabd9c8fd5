"""A model's name, a file or a URL: `open_engine` makes the engine for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlagent.engine.catalog import ModelFile, find
from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.engine.open import fitting_context, open_engine
from jupyter_mlagent.engine.openai import OpenAIEngine
from jupyter_mlagent.errors import EngineError, ModelError

GIB = 1 << 30


@pytest.fixture
def own_file(tmp_path) -> Path:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF" + bytes(1000))
    return path


async def test_a_path_makes_a_local_engine_that_has_not_started(own_file):
    engine = open_engine(str(own_file), context_tokens=1024)
    assert isinstance(engine, LlamaEngine)
    info = await engine.info()
    assert (info.model, info.context_tokens, info.worker_pid) == ("mine", 1024, None)


async def test_a_url_makes_an_endpoint_and_its_fragment_names_the_model():
    engine = open_engine("http://localhost:8000/v1#qwen", context_tokens=4096)
    assert isinstance(engine, OpenAIEngine)
    info = await engine.info()
    assert (info.model, info.context_tokens) == ("qwen", 4096)


@pytest.mark.parametrize("spec", ["no-such-model", "/nowhere/model.gguf"])
def test_what_is_not_there_is_an_error_at_once(spec):
    with pytest.raises(ModelError):
        open_engine(spec)


def test_the_context_shrinks_to_what_memory_holds():
    spec = find("qwen2.5-coder-1.5b")
    model = ModelFile(name=spec.name, path=Path("unused"), spec=spec)
    roomy, tight = fitting_context(model, 64 * GIB), fitting_context(model, spec.memory_bytes(4096))
    assert (roomy, tight) == (8192, 4096)
    with pytest.raises(EngineError, match="choose a smaller model"):
        fitting_context(model, GIB // 8)


def test_a_persons_own_file_is_judged_by_its_size(own_file):
    model = ModelFile(name="mine", path=own_file)
    assert fitting_context(model, 64 * GIB) == 8192
    assert fitting_context(model, 300 << 20) == 4096
