"""What an update amounted to, joined from the pieces that it was computed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jupyter_mlagent.records import Record
from local_rl.steps.group import Group
from local_rl.steps.loss import Gap, LossNumbers
from local_rl.steps.rows import all_actions


class Piece(Record):
    """Some replies of one prompt, computed at once."""

    loss: LossNumbers
    gap: Gap
    entropy: float
    """Summed over the sampled tokens."""
    replies: int


class UpdateNumbers(Record):
    """What one update amounted to."""

    update: int
    loss: float
    kl: float
    clipped: float
    entropy: float
    gap: Gap
    reward: float
    deviation: float
    valid: float
    tokens: int


def update_numbers(update: int, pieces: Sequence[Piece], groups: Sequence[Group]) -> UpdateNumbers:
    tokens = sum(piece.loss.tokens for piece in pieces)
    replies = sum(piece.replies for piece in pieces)

    def mean(value: Callable[[Piece], float]) -> float:
        return sum(value(piece) * piece.loss.tokens for piece in pieces) / max(1, tokens)

    actions = all_actions(groups)
    rewards = [action.reward for action in actions if action.scored]
    return UpdateNumbers(
        update=update,
        loss=sum(piece.loss.loss * piece.replies for piece in pieces) / max(1, replies),
        kl=mean(lambda piece: piece.loss.kl),
        clipped=mean(lambda piece: piece.loss.clipped),
        entropy=sum(piece.entropy for piece in pieces) / max(1, tokens),
        gap=Gap(
            difference=mean(lambda piece: piece.gap.difference),
            effective=mean(lambda piece: piece.gap.effective),
            truncated=mean(lambda piece: piece.gap.truncated),
        ),
        reward=sum(rewards) / len(rewards) if rewards else 0.0,
        deviation=sum(group.deviation for group in groups) / max(1, len(groups)),
        valid=sum(action.valid for action in actions) / max(1, len(actions)),
        tokens=tokens,
    )
