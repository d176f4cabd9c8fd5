"""Replies to one prompt are computed together as far as memory holds the longest row."""

from __future__ import annotations

import pytest

from local_rl.errors import TrainingError
from local_rl.finetune.fitting import replies_that_fit
from local_rl.finetune.rows import Reply, Row
from local_rl.policy.config import PolicyConfig, Precision
from local_rl.policy.header import Header

HEADER = Header(
    architecture="qwen2",
    layers=24,
    width=896,
    feed_forward=4864,
    heads=14,
    kv_heads=2,
    head_width=64,
    vocabulary=151936,
)
ROWS = [
    Row((0,) * 500, tuple(Reply((0,) * 300, given=0, weight=1.0) for _ in range(replies)), "task")
    for replies in (2, 8)
]


def fitting(free_bytes: int, wanted: int = 8) -> int:
    return replies_that_fit(
        ROWS, HEADER, PolicyConfig(), Precision.FP32, wanted=wanted, gpu=False, free_bytes=free_bytes
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
