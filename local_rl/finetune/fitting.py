"""How many replies to one prompt are computed at once, by the rows that really are there."""

from __future__ import annotations

from collections.abc import Sequence

from local_rl.errors import TrainingError
from local_rl.finetune.rows import Row
from local_rl.policy.config import PolicyConfig, Precision
from local_rl.policy.header import Header
from local_rl.policy.memory import estimate


def replies_that_fit(
    rows: Sequence[Row],
    header: Header,
    config: PolicyConfig,
    precision: Precision,
    *,
    wanted: int,
    gpu: bool,
    free_bytes: int,
) -> int:
    """`wanted`, halved until the longest row fits into the memory that is free beside the loaded model.

    Raises TrainingError when not even one reply does.
    """
    count = wanted
    while True:
        longest = max(piece.tokens for row in rows for piece in row.pieces(count))
        needed = estimate(header, config, precision, row_tokens=longest, gpu=gpu)
        beside = needed.adapter + needed.activations + needed.logits
        if beside <= free_bytes:
            return count
        if count == 1:
            raise TrainingError(
                f"The longest example has {longest} tokens, which takes about {beside / 1e9:.1f} GB beside "
                f"the model, and {free_bytes / 1e9:.1f} GB are free: lower max_tokens, or take a smaller one."
            )
        count = max(1, count // 2)
