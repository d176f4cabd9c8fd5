"""A group as one row: the prompt once, then every reply, each seeing the prompt and itself.

    tokens     p1 .. p(n-1)   pn a1 a2 ..   pn b1 b2 ..   ...
    positions  0  .. n-2      n-1 n  n+1    n-1 n  n+1

The prompt's last token stands before every reply, since it is what a reply's first token is predicted from.
Log-probabilities and gradients are those of G separate rows, but the prompt is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

IGNORED = -100
"""A label that is not scored."""


@dataclass(frozen=True)
class Packed:
    """One row, as lists; `labels[i]` is what token i predicts."""

    tokens: list[int]
    positions: list[int]
    segments: list[int]
    """0 for the prompt, i + 1 for reply i."""
    labels: list[int]
    lengths: list[int]
    """Of the replies, in tokens."""

    def spans(self) -> list[tuple[int, int]]:
        """Where the predictions of each reply stand in the row."""
        spans, start = [], len(self.tokens) - sum(self.lengths) - sum(1 for size in self.lengths if size)
        for size in self.lengths:
            spans.append((start, start + size))
            start += size + 1 if size else 0
        return spans


def pack(prompt: Sequence[int], replies: Sequence[Sequence[int]]) -> Packed:
    """The prompt has at least one token; an empty reply takes no place."""
    shared = list(prompt[:-1])
    tokens, positions = shared.copy(), list(range(len(shared)))
    segments, labels = [0] * len(shared), [IGNORED] * len(shared)
    for place, reply in enumerate(replies, start=1):
        if not reply:
            continue
        row = [prompt[-1], *reply]
        tokens += row
        positions += range(len(shared), len(shared) + len(row))
        segments += [place] * len(row)
        labels += [*reply, IGNORED]
    return Packed(tokens, positions, segments, labels, [len(reply) for reply in replies])


def visible(segments: Tensor) -> Tensor:
    """(L,) -> (L, L) booleans: what each token (row) sees: earlier ones of the prompt and of its segment."""
    import torch

    earlier = torch.ones(len(segments), len(segments), dtype=torch.bool, device=segments.device).tril()
    own = segments.unsqueeze(1) == segments.unsqueeze(0)
    prompt = (segments == 0).unsqueeze(0)
    return earlier & (own | prompt)


def packed_log_probabilities(
    model: Any, prompt: Sequence[int], replies: Sequence[Sequence[int]]
) -> tuple[Tensor, Tensor]:
    """(G, T) log-probabilities of the replies' tokens and their entropies, 0 where a reply is over.

    `model` has TRL's fused head (`add_fused_lm_head`), which projects only what is scored.
    """
    import torch

    device = next(model.parameters()).device
    row = pack(prompt, replies)
    segments = torch.tensor(row.segments, device=device)
    output = model(
        input_ids=torch.tensor([row.tokens], device=device),
        attention_mask=visible(segments)[None, None],
        position_ids=torch.tensor([row.positions], device=device),
        shift_labels=torch.tensor([row.labels], device=device),
        fused_lm_head=True,
    )
    longest = max(row.lengths, default=0)
    return (
        _rows(output.log_probs[0], row, longest),
        _rows(output.entropy[0].detach(), row, longest),
    )


def separate_log_probabilities(
    model: Any, prompt: Sequence[int], replies: Sequence[Sequence[int]]
) -> tuple[Tensor, Tensor]:
    """The same, with the prompt computed once for each reply: the way to check and to compare with."""
    import torch

    parts = [packed_log_probabilities(model, prompt, [reply]) for reply in replies]
    longest = max((len(reply) for reply in replies), default=0)
    padded = [
        tuple(torch.nn.functional.pad(values, (0, longest - values.shape[1])) for values in part)
        for part in parts
    ]
    return torch.cat([part[0] for part in padded]), torch.cat([part[1] for part in padded])


def _rows(values: Tensor, row: Packed, longest: int) -> Tensor:
    """Values along the packed row -> (G, T)."""
    import torch

    pieces = [
        torch.nn.functional.pad(values[start:end], (0, longest - (end - start))) for start, end in row.spans()
    ]
    return torch.stack(pieces) if pieces else values.new_zeros((0, 0))
