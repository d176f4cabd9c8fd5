"""How much memory a model may use: the machine's, or its container's limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlagent.engine import memory


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_the_limits_of_all_groups_above_count(tmp_path: Path) -> None:
    root = write(
        tmp_path / "cgroup",
        {
            "memory.max": "max\n",
            "user/memory.max": "8000\n",
            "user/memory.current": "1000\n",
            "user/session/memory.max": "max\n",
        },
    )
    membership = write(tmp_path, {"self": "0::/user/session\n"}) / "self"
    assert memory.cgroup_limits(membership, root) == [(8000, 1000)]


def test_a_container_that_sees_only_its_own_root_finds_its_limit(tmp_path: Path) -> None:
    root = write(tmp_path / "cgroup", {"memory.max": "4000\n", "memory.current": "500\n"})
    membership = write(tmp_path, {"self": "0::/docker/0123abcd\n"}) / "self"
    assert memory.cgroup_limits(membership, root) == [(4000, 500)]


def test_the_first_version_of_control_groups_is_read_too(tmp_path: Path) -> None:
    root = write(
        tmp_path / "cgroup",
        {
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/job/memory.limit_in_bytes": "6000\n",
            "memory/job/memory.usage_in_bytes": "700\n",
        },
    )
    membership = write(tmp_path, {"self": "5:cpu:/job\n4:memory:/job\n"}) / "self"
    assert memory.cgroup_limits(membership, root) == [(6000, 700)]


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert memory.cgroup_limits(tmp_path / "absent", tmp_path) == []


def test_a_containers_limit_stands_in_for_the_machines_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "cgroup_limits", lambda: [(3_000_000, 1_000_000), (5_000_000, 4_500_000)])
    read = memory.read_memory()
    assert (read.total_bytes, read.available_bytes) == (3_000_000, 500_000)


@pytest.mark.parametrize(("answer", "expected"), [("24576\n8188\n", 24576 << 20), ("", 0), ("[N/A]\n", 0)])
def test_the_largest_nvidia_gpu_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, expected: int
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{answer}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert memory.gpu_memory("cuda") == expected


def test_a_gpu_counts_only_if_llama_cpp_was_built_for_it() -> None:
    assert memory.gpu_memory("cpu") == 0
