"""Threads for llama.cpp: physical cores that are ours to use."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlagent.engine import threads


def topology(folder: Path, cores: list[tuple[int, int]]) -> Path:
    """A /sys/devices/system/cpu with one logical CPU for each (package, core)."""
    for cpu, (package, core) in enumerate(cores):
        entry = folder / f"cpu{cpu}" / "topology"
        entry.mkdir(parents=True)
        (entry / "physical_package_id").write_text(f"{package}\n")
        (entry / "core_id").write_text(f"{core}\n")
    return folder


def test_two_hardware_threads_of_one_core_count_once(tmp_path):
    system = topology(tmp_path, [(0, 0), (0, 1), (0, 0), (0, 1)])
    assert threads.physical_cores({0, 1, 2, 3}, system) == 2


def test_cores_of_the_same_number_in_two_sockets_are_two(tmp_path):
    assert threads.physical_cores({0, 1}, topology(tmp_path, [(0, 0), (1, 0)])) == 2


def test_only_the_cpus_of_our_affinity_count(tmp_path):
    system = topology(tmp_path, [(0, core) for core in range(8)])
    assert threads.physical_cores({2, 5}, system) == 2


@pytest.mark.parametrize(
    ("text", "cores"), [("150000 100000", 1), ("400000 100000", 4), ("20000 100000", 1), ("max 100000", None)]
)
def test_a_quota_grants_whole_cpus_and_at_least_one(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert threads.quota(tmp_path / "membership", tmp_path) == cores


def test_the_tightest_quota_above_this_process_counts(tmp_path):
    group = tmp_path / "user.slice" / "session.scope"
    group.mkdir(parents=True)
    (tmp_path / "membership").write_text("0::/user.slice/session.scope\n")
    (group / "cpu.max").write_text("max 100000")
    (group.parent / "cpu.max").write_text("300000 100000")
    assert threads.quota(tmp_path / "membership", tmp_path) == 3


def test_an_old_control_group_is_read_too(tmp_path):
    folder = tmp_path / "cpu"
    folder.mkdir()
    (folder / "cpu.cfs_quota_us").write_text("200000")
    (folder / "cpu.cfs_period_us").write_text("100000")
    assert threads.quota(tmp_path / "membership", tmp_path) == 2


def test_there_is_always_one():
    assert threads.usable_cores() >= 1
