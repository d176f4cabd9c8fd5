"""Pictures: in full resolution where the terminal can, in half blocks elsewhere."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from mlagent_tui.notebook import images
from mlagent_tui.notebook.graphics import PLACEHOLDER, Graphics, commands, has_graphics, marks

PUBLISHED = {0: 0x305, 1: 0x30D, 4: 0x312, 16: 0x35B, 29: 0x36F, 30: 0x483, 35: 0x592, 85: 0x730, 99: 0x74A}
"""Some numbers of the protocol's own table."""


@pytest.fixture
def sent():
    out: list[str] = []
    images.draw_with(Graphics(out.append))
    yield out
    images.draw_with(None)


def encoded(width: int = 640, height: int = 480) -> str:
    file = io.BytesIO()
    Image.effect_noise((width, height), 80).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_numbers_have_the_marks_of_the_protocol() -> None:
    assert {number: ord(marks()[number]) for number in PUBLISHED} == PUBLISHED


@pytest.mark.parametrize(
    ("environment", "can"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-ghostty"}, True),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, True),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}, False),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm-256color"}, False),
    ],
)
def test_only_terminals_that_draw_it_get_it(environment, can) -> None:
    assert has_graphics(environment) is can


def test_a_picture_is_sent_whole_and_once(sent) -> None:
    image = encoded()
    first = images.picture(image, 80)
    images.picture.cache_clear()
    images.picture(image, 80)
    assert all(len(command) < 4200 for command in sent)
    data = "".join(re.fullmatch("\x1b_G[^;]*;(.*)\x1b\\\\", command)[1] for command in sent)
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (640, 480)
    assert ["m=1" in command for command in sent] == [True] * (len(sent) - 1) + [False]
    columns, rows = (int(re.search(f"{key}=(\\d+)", sent[0])[1]) for key in "cr")
    assert (len(first), first[0].cell_length) == (rows, columns)


def test_a_row_that_is_cut_keeps_the_place_of_every_cell(sent) -> None:
    rows = images.picture(encoded(), 80)
    (cell,) = rows[2].crop(5, 6)
    assert cell.text == PLACEHOLDER + marks()[2] + marks()[5]


def test_the_number_is_the_colour() -> None:
    out: list[str] = []
    rows = Graphics(out.append).place(b"png", 3, 2)
    number = int(re.search(r"i=(\d+)", out[0])[1])
    colour = next(iter(rows[0])).style.color.triplet
    assert number == (colour.red << 16) + (colour.green << 8) + colour.blue
    assert commands(b"png", number, 3, 2) == out


def test_elsewhere_pictures_are_half_blocks() -> None:
    rows = images.picture(encoded(64, 48), 40)
    assert {segment.text for row in rows for segment in row} == {images.HALF_BLOCK}
