"""A packed group against the plain computation: one row for each reply, softmax over all logits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_rl.steps.packing import IGNORED, pack

PROMPT = [5, 9, 2, 44, 17, 3, 90]
REPLIES = [[7, 8, 9, 10], [21], [60, 61, 62, 63, 64, 65], [7, 8]]


@given(
    st.lists(st.integers(0, 96), min_size=1, max_size=9),
    st.lists(st.lists(st.integers(0, 96), max_size=6), max_size=5),
)
def test_every_reply_token_is_predicted_once_from_the_place_before_it(
    prompt: list[int], replies: list[list[int]]
) -> None:
    row = pack(prompt, replies)
    assert len(row.tokens) == len(row.positions) == len(row.segments) == len(row.labels)
    for reply, (start, end) in zip(replies, row.spans(), strict=True):
        assert row.labels[start:end] == reply
        assert row.tokens[start:end] == ([prompt[-1], *reply[:-1]] if reply else [])
        first = len(prompt) - 1
        assert row.positions[start:end] == list(range(first, first + len(reply)))
    scored = sum(label != IGNORED for label in row.labels)
    assert scored == sum(len(reply) for reply in replies)


@pytest.mark.rl
def test_a_token_sees_the_prompt_and_its_own_reply_only(training_stack: Any) -> None:
    import torch

    from local_rl.steps.packing import visible

    row = pack(PROMPT[:3], [[1, 2], [3]])
    seen = visible(torch.tensor(row.segments))
    expected = [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0, 1, 0],
        [1, 1, 0, 0, 0, 1, 1],
    ]
    assert seen.int().tolist() == expected


def _plain(model: Any) -> tuple[Any, Any]:
    """(G, T) log-probabilities and entropies, each reply by itself, from the whole logits."""
    import torch

    longest = max(len(reply) for reply in REPLIES)
    rows, entropies = [], []
    for reply in REPLIES:
        logits = model(input_ids=torch.tensor([PROMPT + reply])).logits[0, len(PROMPT) - 1 : -1]
        logs = logits.log_softmax(-1)
        found = logs.gather(1, torch.tensor(reply).unsqueeze(1)).squeeze(1)
        wide = (0, longest - len(reply))
        rows.append(torch.nn.functional.pad(found, wide))
        entropies.append(torch.nn.functional.pad(-(logs.exp() * logs).sum(-1), wide))
    return torch.stack(rows), torch.stack(entropies)


def _gradients(model: Any, values: Any) -> Any:
    import torch

    model.zero_grad()
    weights = torch.arange(values.numel(), dtype=values.dtype).reshape(values.shape).sin()
    (values * weights).sum().backward()
    return torch.cat([found.grad.flatten() for found in model.parameters() if found.grad is not None])


@pytest.mark.rl
@pytest.mark.parametrize("way", ["packed_log_probabilities", "separate_log_probabilities"])
def test_log_probabilities_entropies_and_gradients_are_those_of_separate_rows(tiny: Any, way: str) -> None:
    import torch

    from local_rl.steps import packing

    wanted, wanted_entropy = _plain(tiny)
    wanted_gradient = _gradients(tiny, wanted)
    found, entropy = getattr(packing, way)(tiny, PROMPT, REPLIES)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(entropy, wanted_entropy.detach(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(_gradients(tiny, found), wanted_gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.rl
def test_a_reply_does_not_see_its_siblings(tiny: Any) -> None:
    import torch

    from local_rl.steps.packing import packed_log_probabilities

    alone, _ = packed_log_probabilities(tiny, PROMPT, REPLIES[:1])
    others = [REPLIES[0], [1, 1, 1], [2, 2]]
    together, _ = packed_log_probabilities(tiny, PROMPT, others)
    torch.testing.assert_close(together[0, :4], alone[0, :4], atol=1e-6, rtol=1e-5)
