"""Learning from verdicts with a small model: what was liked becomes likelier against what was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.training_events import TrainingKind, TrainingProgress
from local_rl.policy.config import PolicyConfig
from local_rl.training.folder import Facts, RunFolder
from local_rl.training.run import Run
from local_rl.verdicts.config import VerdictsConfig
from local_rl.verdicts.labels import labelled
from local_rl.verdicts.recipe import ADAPTER, learn
from local_rl.verdicts.rows import verdict_rows

pytestmark = [pytest.mark.rl, pytest.mark.model]

POLICY = PolicyConfig(model="smollm2-135m", rank=4, alpha=8, max_tokens=512)
CONFIG = VerdictsConfig(policy=POLICY, epochs=3, batch=2, at_once=2, learning_rate=1e-3)


@pytest.fixture
def policy(training_stack: Any) -> Any:
    """One of its own: the trainer adds a copy of the adapter to it."""
    from jupyter_mlagent.engine.catalog import resolve
    from jupyter_mlagent.errors import ModelError
    from local_rl.policy.loading import load_policy

    try:
        resolve(POLICY.model)
    except ModelError as error:
        pytest.skip(str(error))
    return load_policy(POLICY)


def log_probability(policy: Any, item: Any) -> float:
    """Of a reply, straight from the logits."""
    import torch

    prompt = policy.tokens.prompt(item.row.messages, PREFILL)
    reply = policy.tokens.reply(item.reply)
    with torch.no_grad():
        logits = policy.model(input_ids=torch.tensor([[*prompt, *reply]])).logits[0, len(prompt) - 1 : -1]
    return float(torch.log_softmax(logits.float(), -1)[range(len(reply)), reply].sum())


def test_likes_gain_on_dislikes_and_an_adapter_is_left(policy, journal, kept, tmp_path: Path) -> None:
    rows = verdict_rows(journal)
    replies = labelled(rows)
    before = [log_probability(policy, item) for item in replies]
    folder = RunFolder(tmp_path / "run")
    folder.create(
        "",
        Facts(kind=TrainingKind.VERDICTS, created="", base_model="m", base_sha256="0", data_fingerprint="d"),
    )
    told: list[Any] = []
    learned = learn(policy, rows, CONFIG, Run(folder, told.append))
    after = [log_probability(policy, item) for item in replies]
    gains = [now - then for now, then in zip(after, before, strict=True)]
    liked = [gain for gain, item in zip(gains, replies, strict=True) if item.good]
    disliked = [gain for gain, item in zip(gains, replies, strict=True) if not item.good]
    assert sum(liked) / len(liked) > sum(disliked) / len(disliked)
    assert learned.steps == 4 and (folder.path / ADAPTER / "adapter_model.safetensors").is_file()
    losses = [event.loss for event in told if isinstance(event, TrainingProgress)]
    assert len(losses) == 9 and sum(losses[-3:]) < sum(losses[:3])
