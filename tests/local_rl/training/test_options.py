"""A config dataclass as TOML and as flags: nothing is lost on the way, and what is wrong is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from local_rl.errors import TrainingError
from local_rl.training.options import command_of, from_toml, options, to_toml, with_flags
from local_rl.training.recipe import available, recipe_of


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    rank: int = field(default=4, metadata={"help": "Of the inner one."})
    seed: int = field(default=0, metadata={"help": "Inner seed."})


@dataclass(frozen=True)
class Config:
    inner: Inner = field(default_factory=Inner, metadata={"help": "A table."})
    name: str = field(default="a", metadata={"help": "A name."})
    rate: float = field(default=1e-4, metadata={"help": "A rate."})
    colour: Colour = field(default=Colour.RED, metadata={"help": "A colour."})
    tasks: tuple[str, ...] = field(default=(), metadata={"help": "Some tasks."})
    wide: bool = field(default=True, metadata={"help": "Whether it is wide."})
    seed: int = field(default=1, metadata={"help": "Outer seed."})


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
CONFIGS = st.builds(
    Config,
    inner=st.builds(Inner, rank=st.integers(-9, 99), seed=st.integers(0, 9)),
    name=TEXT,
    rate=st.floats(allow_nan=False, allow_infinity=False),
    colour=st.sampled_from(Colour),
    tasks=st.lists(TEXT, max_size=3).map(tuple),
    wide=st.booleans(),
    seed=st.integers(),
)


@given(config=CONFIGS)
def test_toml_gives_back_what_was_written(config: Config) -> None:
    assert from_toml(Config, to_toml(config), "it") == config


def test_a_part_of_the_fields_is_enough() -> None:
    assert from_toml(Config, "seed = 5\n[inner]\nrank = 8", "it") == Config(inner=Inner(rank=8), seed=5)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rnak = 3", "rnak"),
        ("[inner]\nrnak = 3", "inner.rnak"),
        ("seed = 'many'", "seed"),
        ("colour = 'green'", "colour"),
        ("seed = ", "no TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(TrainingError, match=named) as refusal:
        from_toml(Config, text, "run.toml")
    assert "run.toml" in str(refusal.value)


def test_flags_win_over_the_config_and_names_that_occur_twice_tell_their_table() -> None:
    seen: list[Config] = []

    def body(given: dict[str, object], *, dry: bool) -> None:
        """Do it."""
        assert dry
        seen.append(with_flags(Config(name="from file"), given))

    app = typer.Typer()
    app.command()(command_of(Config, body, {"dry": (bool, False)}))
    flags = ["--rank", "16", "--inner-seed", "3", "--no-wide", "--tasks", "x", "--tasks", "y", "--dry"]
    result = CliRunner().invoke(app, [*flags, "--colour", "blue"])
    assert result.exit_code == 0, result.output
    assert seen == [
        Config(
            inner=Inner(rank=16, seed=3), name="from file", colour=Colour.BLUE, tasks=("x", "y"), wide=False
        )
    ]


@pytest.mark.parametrize("kind", available())
def test_every_setting_of_every_kind_of_training_is_explained(kind: object) -> None:
    config_type = recipe_of(kind).config_type  # type: ignore[arg-type]
    found = options(config_type)
    assert found
    assert all(option.help.strip() for option in found)
    assert len({option.flag for option in found}) == len(found)
    assert from_toml(config_type, to_toml(config_type()), "it") == config_type()
