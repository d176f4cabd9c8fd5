"""The estimate of a training's peak memory: it grows with what costs memory, and refuses with its numbers.

By it, replies to one prompt are computed together as far as memory holds the longest row.
"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_rl.errors import TrainingError
from local_rl.finetune.fitting import replies_that_fit
from local_rl.finetune.rows import Reply, Row
from local_rl.policy.config import PolicyConfig, Precision
from local_rl.policy.header import Header
from local_rl.policy.memory import Estimate, estimate, refuse_unless_fits

SMALL = Header(
    architecture="qwen2",
    layers=24,
    width=896,
    feed_forward=4864,
    heads=14,
    kv_heads=2,
    head_width=64,
    vocabulary=151936,
)
LARGE = msgspec.structs.replace(
    SMALL, layers=28, width=3584, feed_forward=18944, heads=28, kv_heads=4, head_width=128, vocabulary=152064
)
ROWS = [
    Row((0,) * 500, tuple(Reply((0,) * 300, given=0, weight=1.0) for _ in range(replies)), "task")
    for replies in (2, 8)
]


def needed(header: Header = SMALL, precision: Precision = Precision.FP32, **fields: object) -> Estimate:
    return estimate(header, PolicyConfig(), precision, **({"row_tokens": 1024, "gpu": False} | fields))


@given(tokens=st.integers(1, 8192), more=st.integers(1, 4096))
def test_longer_rows_need_more(tokens: int, more: int) -> None:
    assert needed(row_tokens=tokens).total < needed(row_tokens=tokens + more).total


def test_each_part_answers_to_its_cause() -> None:
    plain = needed()
    assert needed(precision=Precision.NF4).weights < needed(precision=Precision.BF16).weights < plain.weights
    assert needed(LARGE).total > plain.total
    assert needed(frozen_copies=1).adapter > plain.adapter
    assert needed(gpu=True).activations < plain.activations
    assert plain.weights == pytest.approx(4 * 494_000_000, rel=0.01)


def test_too_much_is_refused_with_the_numbers_and_what_to_change() -> None:
    refuse_unless_fits(needed(), 64 << 30, "this machine")
    with pytest.raises(TrainingError, match=r"about \d+\.\d GB.*this machine has 1.0 GB.*max_tokens") as no:
        refuse_unless_fits(needed(), 1_000_000_000, "this machine")
    assert "\n" not in str(no.value)


def fitting(free_bytes: int, wanted: int = 8) -> int:
    return replies_that_fit(
        ROWS, SMALL, PolicyConfig(), Precision.FP32, wanted=wanted, gpu=False, free_bytes=free_bytes
    )


def test_all_of_them_where_there_is_room() -> None:
    assert fitting(64 << 30) == 8
    assert fitting(64 << 30, wanted=3) == 3


def test_fewer_where_there_is_less() -> None:
    counts = [fitting(gigabytes << 30) for gigabytes in (4, 6, 8, 12)]
    assert counts == sorted(counts)
    assert 1 <= counts[0] < counts[-1] == 8


def test_no_room_for_one_is_said_with_its_numbers() -> None:
    with pytest.raises(
        TrainingError, match=r"longest example has \d+ tokens.*0\.1 GB are free: lower max_tokens"
    ):
        fitting(100_000_000)
