"""Examples as rows of tokens: the replies to one prompt together, so that the prompt is computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from local_rl.examples import Example, Source
from local_rl.policy.tokens import Tokens
from local_rl.steps.packing import IGNORED, Packed, pack


@dataclass(frozen=True)
class Reply:
    tokens: tuple[int, ...]
    given: int
    """The first so many are given, not learned."""
    weight: float


@dataclass(frozen=True)
class Row:
    """One prompt with some of its replies."""

    prompt: tuple[int, ...]
    replies: tuple[Reply, ...]
    origin: str
    """Task and steps, for whoever has to find a bad example."""

    @property
    def learned(self) -> int:
        """Tokens that are learned."""
        return sum(len(reply.tokens) - reply.given for reply in self.replies)

    @property
    def tokens(self) -> int:
        """Tokens that are computed."""
        return len(self.prompt) - 1 + sum(len(reply.tokens) + 1 for reply in self.replies)

    def pieces(self, most: int) -> list[Row]:
        """Rows with at most `most` replies each; together they learn the same."""
        return [
            Row(self.prompt, self.replies[start : start + most], self.origin)
            for start in range(0, len(self.replies), most)
        ]

    def packed(self) -> tuple[Packed, list[float]]:
        """As one row for the model, and the weight of each prediction's loss (0 where none is learned)."""
        packed = pack(self.prompt, [reply.tokens for reply in self.replies])
        weights = [0.0] * len(packed.labels)
        labels = list(packed.labels)
        for reply, (start, end) in zip(self.replies, packed.spans(), strict=True):
            labels[start : start + reply.given] = [IGNORED] * reply.given
            weights[start + reply.given : end] = [reply.weight] * (end - start - reply.given)
        return Packed(packed.tokens, packed.positions, packed.segments, labels, packed.lengths), weights


@dataclass(frozen=True)
class Rows:
    rows: tuple[Row, ...]
    learned_from: int
    """Examples."""
    too_long: int
    """Left out, since prompt and reply are longer than a policy's `max_tokens`."""
    not_imitated: int
    """Left out, since nobody wants them again: rejected, or without weight."""


def make_rows(examples: Iterable[Example], tokens: Tokens, *, max_tokens: int, replies_per_row: int) -> Rows:
    """Rows in the order in which their prompts first appear."""
    groups: dict[object, list[Example]] = {}
    not_imitated = 0
    for example in examples:
        if example.source is Source.REJECTED or example.weight <= 0:
            not_imitated += 1
        else:
            groups.setdefault(example.prompt_key, []).append(example)
    rows: list[Row] = []
    used = too_long = 0
    for group in groups.values():
        prompt = tuple(tokens.prompt(group[0].messages, group[0].prefill))
        fitting = []
        for example in group:
            reply = _reply(example, tokens)
            if len(prompt) + len(reply.tokens) > max_tokens:
                too_long += 1
            else:
                fitting.append((example, reply))
        used += len(fitting)
        for start in range(0, len(fitting), replies_per_row):
            part = fitting[start : start + replies_per_row]
            rows.append(
                Row(prompt, tuple(reply for _, reply in part), _origin([example for example, _ in part]))
            )
    return Rows(tuple(rows), used, too_long, not_imitated)


def fingerprint(examples: Iterable[Example]) -> str:
    """SHA-256 over everything that is learned from, in its order."""
    import msgspec

    digest = hashlib.sha256()
    for example in examples:
        digest.update(msgspec.json.encode(example))
    return digest.hexdigest()


def _reply(example: Example, tokens: Tokens) -> Reply:
    given = tokens.opening(example.opening)
    return Reply((*given, *tokens.reply(example.reply)), len(given), example.weight)


def _origin(examples: Sequence[Example]) -> str:
    steps = ", ".join(example.step_id for example in examples if example.step_id)
    return f"{examples[0].task}{f' (steps {steps})' if steps else ''}"
