"""Where files live: the system's folders, or all of them below one."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_mlagent import paths


def test_one_variable_puts_everything_below_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path))
    monkeypatch.delenv("MLAGENT_MODELS", raising=False)
    for folder in (
        paths.data_dir(),
        paths.cache_dir(),
        paths.config_dir(),
        paths.models_dir(),
        paths.adapters_dir(),
        paths.journal_path(),
    ):
        assert folder.is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_models_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLAGENT_MODELS", str(tmp_path / "disk"))
    assert paths.models_dir() == tmp_path / "disk"
    assert paths.journal_path() == tmp_path / "home" / "journal.sqlite"


def test_a_folder_is_absolute_wherever_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLAGENT_HOME", "relative")
    assert paths.data_dir() == tmp_path / "relative"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MLAGENT_HOME", "~/below home")
    assert paths.data_dir() == tmp_path / "below home"


@pytest.mark.parametrize("empty", ["", "  "])
def test_without_it_the_systems_own_folders_are_used(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setenv("MLAGENT_HOME", empty)
    monkeypatch.delenv("MLAGENT_MODELS", raising=False)
    assert paths.data_dir().name == "mlagent"
    assert paths.models_dir() == paths.data_dir() / "models"
    assert paths.data_dir() != paths.cache_dir()
