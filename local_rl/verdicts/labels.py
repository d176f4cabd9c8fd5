"""Verdicts as labelled replies: what to say more often, what less often. Pure functions.

An edit is a preference pair, what the person made of a proposal over the proposal itself; unpaired, its two
sides are one reply of each label to the same prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.records import Verdict
from local_rl.policy.tokens import Tokens
from local_rl.verdicts.rows import VerdictRow


@dataclass(frozen=True)
class Labelled:
    row: VerdictRow
    reply: str
    good: bool


@dataclass(frozen=True)
class Tokenized:
    prompt: list[int]
    reply: list[int]
    good: bool


def labelled(rows: Iterable[VerdictRow]) -> list[Labelled]:
    found = []
    for row in rows:
        if row.better:
            found.append(Labelled(row, row.better, good=True))
        if row.verdict is not Verdict.ACCEPTED:
            found.append(Labelled(row, row.reply, good=False))
    return found


def tokenized(replies: Iterable[Labelled], tokens: Tokens, max_tokens: int) -> tuple[list[Tokenized], int]:
    """In the engine's own tokens; how many were left out for being longer than `max_tokens`.

    Never cut: a trainer would cut from the right, so that a prompt without its reply would be learned.
    """
    made, too_long = [], 0
    for item in replies:
        prompt = tokens.prompt(item.row.messages, PREFILL)
        reply = tokens.reply(item.reply)
        if len(prompt) + len(reply) > max_tokens:
            too_long += 1
        else:
            made.append(Tokenized(prompt, reply, item.good))
    return made, too_long
