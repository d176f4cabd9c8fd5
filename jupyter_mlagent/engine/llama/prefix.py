"""Evaluated prompts that later requests start from.

The context holds one prompt at a time, in sequence 0; those of other notebooks are kept outside it as saved
states, the least recently used dropped first. One prompt at a time keeps the KV cells in one order whatever
was asked before, which makes a request's logits, and so its replies, independent of the cache.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jupyter_mlagent.engine.llama.context import Context

WORTH_KEEPING_TOKENS = 64
"""Shorter prompts are evaluated again faster than they are copied."""

BLOCK = 64
"""Prefixes are reused in whole blocks, and what follows the last whole one is evaluated by itself (`chunks`):
a token then always meets the same matrix and attention kernels, which differ below 64 rows and round
differently. Cached or not, a prompt's logits are the same bits."""


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the longest common start."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def reusable(cached: Sequence[int], prompt: Sequence[int]) -> int:
    """Tokens of `prompt` that need no evaluation given `cached`; at least the last one always does."""
    return min(common_prefix(cached, prompt), len(prompt) - 1) // BLOCK * BLOCK


def chunks(start: int, end: int, largest: int) -> Iterator[range]:
    """The positions from `start` (a whole block) to `end`, as they are to be decoded together."""
    whole = (end - 1) // BLOCK * BLOCK
    for position in range(start, whole, largest):
        yield range(position, min(position + largest, whole))
    yield range(whole, end)


@dataclass(frozen=True)
class SavedPrompt:
    tokens: list[int]
    state: bytes


class PrefixCache:
    """What of a prompt is evaluated already, in the context or in a saved state."""

    def __init__(self, context: Context, budget_bytes: int) -> None:
        self._context = context
        self._budget = budget_bytes
        self._saved: OrderedDict[str, SavedPrompt] = OrderedDict()
        self._key = ""
        self._tokens: list[int] = []

    @property
    def saved_bytes(self) -> int:
        return sum(len(saved.state) for saved in self._saved.values())

    def forget(self) -> None:
        """Drop everything, e.g. because an adapter changed what the tokens evaluate to."""
        self._saved.clear()
        self._tokens = []
        self._context.clear()

    def enter(self, key: str, prompt: Sequence[int]) -> int:
        """Bring the longest known prefix of `prompt` into sequence 0; its length in tokens."""
        live = reusable(self._tokens, prompt)
        source, length = max(
            ((saved, reusable(saved.tokens, prompt)) for saved in self._saved.values()),
            key=lambda candidate: candidate[1],
            default=(None, 0),
        )
        if key != self._key:
            self._save()
            self._key = key
        self._saved.pop(key, None)
        if source is None or length <= live:
            length = live
        elif not self._context.restore_sequence(0, source.state):
            length = 0
        self._context.cut_sequence(0, length)
        self._tokens = list(prompt[:length])
        return length

    def extend(self, tokens: Sequence[int]) -> None:
        """Note that `tokens` were evaluated after what sequence 0 held."""
        self._tokens.extend(tokens)

    def settle(self) -> None:
        """Make sequence 0 hold what was noted and no more, e.g. after an aborted decode."""
        self._context.cut_sequence(0, len(self._tokens))

    def _save(self) -> None:
        if len(self._tokens) < WORTH_KEEPING_TOKENS or self._budget <= 0:
            return
        saved = SavedPrompt(self._tokens, self._context.save_sequence(0))
        self._saved[self._key] = saved
        self._saved.move_to_end(self._key)
        while self._saved and self.saved_bytes > self._budget:
            self._saved.popitem(last=False)
