"""The catalog: complete entries, a default that fits, and names that lead to a file or a clear sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.engine import catalog
from jupyter_mlagent.engine.catalog import ModelSpec
from jupyter_mlagent.engine.memory import Memory
from jupyter_mlagent.errors import ModelError

GIGABYTE = 1_000_000_000


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLAGENT_MODELS", str(tmp_path))
    return tmp_path


def put(models: Path, model: ModelSpec, *, short_by: int = 0) -> None:
    """A file of the model's size (a hole: it takes no room)."""
    for part in model.part:
        with (models / part.file).open("wb") as stream:
            stream.write(catalog.GGUF_MAGIC)
            stream.truncate(part.bytes - short_by)


def memory(total: float, available: float | None = None, gpu: float = 0) -> Memory:
    return Memory(
        total_bytes=int(total * GIGABYTE),
        available_bytes=int((total if available is None else available) * GIGABYTE),
        gpu_bytes=int(gpu * GIGABYTE),
    )


@pytest.mark.parametrize("model", catalog.models(), ids=lambda model: model.name)
def test_every_entry_is_complete_and_consistent(model: ModelSpec) -> None:
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.repository)
    assert re.fullmatch(r"[0-9a-f]{40}", model.revision)
    assert model.licence == "Apache-2.0"
    assert model.default_context <= model.context_tokens
    assert model.memory_bytes() > model.memory_bytes(0) > model.bytes
    for part in model.part:
        assert re.fullmatch(r"[0-9a-f]{64}", part.sha256)
        assert part.file.endswith(".gguf") and part.bytes > 0
    for mirror in model.mirror:
        assert len(model.part) == 1
        assert (mirror.count - 1) * mirror.chunk_bytes < model.bytes <= mirror.count * mirror.chunk_bytes
        assert mirror.requirement(0) != mirror.requirement(1) or mirror.count == 1


def test_names_files_and_aliases_are_unique() -> None:
    names = [name for model in catalog.models() for name in (model.name, *model.aliases)]
    files = [part.file.lower() for model in catalog.models() for part in model.part]
    assert len(set(names)) == len(names)
    assert len(set(files)) == len(files)


@pytest.mark.parametrize(
    ("available", "expected"),
    [
        (memory(24), "qwen2.5-coder-1.5b"),
        (memory(8), "qwen2.5-coder-1.5b"),
        (memory(4), "qwen2.5-coder-0.5b"),
        (memory(24, available=1.5), "qwen2.5-coder-0.5b"),
        (memory(0.5), "qwen2.5-coder-0.5b"),
        (memory(64, gpu=24), "qwen2.5-coder-1.5b"),
    ],
)
def test_the_default_is_the_largest_that_fits(models: Path, available: Memory, expected: str) -> None:
    choice = catalog.default_model(available)
    assert choice.model.name == expected
    assert "GB" in choice.reason


def test_a_large_model_becomes_the_default_only_with_a_gpu_and_when_it_is_here(models: Path) -> None:
    put(models, catalog.find("qwen2.5-7b"))
    assert catalog.default_model(memory(64, gpu=8.5)).model.name == "qwen2.5-7b"
    assert catalog.default_model(memory(64, gpu=6)).model.name == "qwen2.5-coder-1.5b"
    put(models, catalog.find("qwen2.5-coder-7b"))
    assert catalog.default_model(memory(64, gpu=8.5)).model.name == "qwen2.5-coder-7b"


@given(total=st.floats(0.1, 512), share=st.floats(0, 1), gpu=st.floats(0, 200))
def test_the_default_never_fills_the_memory_unless_it_is_the_smallest(
    total: float, share: float, gpu: float
) -> None:
    free = memory(total, total * share, gpu)
    model = catalog.default_model(free).model
    smallest = min((m for m in catalog.models() if m.offered), key=ModelSpec.memory_bytes)
    assert model.offered
    fits = model.memory_bytes() <= min(free.total_bytes // 2, free.available_bytes)
    on_gpu = model.gpu_bytes > 0 and free.gpu_bytes >= model.gpu_bytes
    assert model is smallest or fits or on_gpu


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b"),
        ("QWEN2.5-Coder-0.5B", "qwen2.5-coder-0.5b"),
        ("0.5b", "qwen2.5-coder-0.5b"),
        ("smol", "smollm2-135m"),
        ("qwen2.5-7b", "qwen2.5-7b"),
        ("qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", "qwen2.5-coder-1.5b"),
    ],
)
def test_a_model_is_found_by_name_alias_beginning_or_file(models: Path, name: str, expected: str) -> None:
    put(models, catalog.find(name))
    found = catalog.resolve(name)
    assert found.name == expected
    assert found.spec is not None and found.sha256 == found.spec.part[0].sha256
    assert found.path.parent == models


def test_an_ambiguous_beginning_names_the_candidates() -> None:
    with pytest.raises(ModelError, match=r"fits several models: .*coder-1\.5b.*coder-0\.5b.*coder-7b; write"):
        catalog.find("qwen2.5-coder")


@pytest.mark.parametrize("name", ["gpt-9", "", "  "])
def test_an_unknown_name_lists_what_there_is(name: str) -> None:
    with pytest.raises(ModelError, match="the catalog has qwen2") as caught:
        catalog.resolve(name)
    assert all(model.name in str(caught.value) for model in catalog.models())


def test_a_known_model_that_is_absent_says_how_to_fetch_it(models: Path) -> None:
    with pytest.raises(ModelError, match=r"fetch it with: mlagent models pull qwen2\.5-coder-0\.5b$"):
        catalog.resolve("0.5b")


def test_a_model_of_the_wrong_size_is_damaged_and_not_used(models: Path) -> None:
    put(models, catalog.find("0.5b"), short_by=1)
    with pytest.raises(ModelError, match=r"is damaged \(491400063 bytes instead of 491400064\)"):
        catalog.resolve("0.5b")


def test_a_split_model_needs_all_its_parts(models: Path) -> None:
    model = catalog.find("qwen2.5-7b")
    put(models, model)
    assert catalog.resolve(model.name).path.name.endswith("-00001-of-00002.gguf")
    (models / model.part[1].file).unlink()
    assert not model.present
    with pytest.raises(ModelError, match="not on this machine yet"):
        catalog.resolve(model.name)


def test_without_a_name_another_model_that_is_here_stands_in_for_an_absent_default(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "read_memory", lambda: memory(24))
    with pytest.raises(ModelError, match=r"models pull qwen2\.5-coder-1\.5b"):
        catalog.resolve()
    put(models, catalog.find("smollm2-135m"))  # for tests only: never taken unasked
    with pytest.raises(ModelError, match=r"models pull qwen2\.5-coder-1\.5b"):
        catalog.resolve()
    put(models, catalog.find("0.5b"))
    assert catalog.resolve().name == "qwen2.5-coder-0.5b"


def test_a_persons_own_gguf_is_taken_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own model.gguf"
    own.write_bytes(catalog.GGUF_MAGIC + b"\x03\0\0\0")
    found = catalog.resolve(str(own))
    assert (found.name, found.path, found.spec, found.sha256) == ("own model", own, None, None)
    monkeypatch.chdir(tmp_path)
    assert catalog.resolve("own model.gguf").path == own
    monkeypatch.setenv("HOME", str(tmp_path))
    assert catalog.resolve("~/own model.gguf").path == own


def test_a_catalog_file_elsewhere_brings_its_special_tokens_but_no_verified_hash(tmp_path: Path) -> None:
    put(tmp_path, catalog.find("0.5b"))
    found = catalog.resolve(str(tmp_path / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"))
    assert found.spec is catalog.find("0.5b")
    assert found.sha256 is None


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, r"There is no file .*model\.gguf"),
        (lambda path: path.mkdir(), r"model\.gguf cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b""), "is not a GGUF model"),
        (lambda path: path.write_bytes(b"PK\x03\x04 something else"), "is not a GGUF model"),
    ],
)
def test_a_path_that_is_no_model_is_told_in_one_sentence(tmp_path: Path, make: object, sentence: str) -> None:
    path = tmp_path / "model.gguf"
    make(path)  # type: ignore[operator]
    with pytest.raises(ModelError, match=sentence):
        catalog.resolve(str(path))
