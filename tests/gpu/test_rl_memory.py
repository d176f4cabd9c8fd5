"""Step-wise RL on a GPU: its memory, and that a packed group is computed as separate rows are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.gpu
BENCH = Path(__file__).parents[2] / "bench" / "rl_memory.py"
SIZES = ("0.5B", "1.5B", "7B")


@pytest.fixture(scope="module")
def rl_memory() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rl_memory", BENCH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("size", SIZES)
def test_an_update_of_eight_replies_stays_within_its_memory(rl_memory: ModuleType, size: str) -> None:
    assert rl_memory.measure_apart(size) <= rl_memory.LIMITS[size]


def test_a_packed_group_is_computed_as_separate_rows_are() -> None:
    """Unsloth's fast attention on a GPU must take our mask; where it does not, training shares no prompt."""
    import torch
    from trl.trainer.utils import add_fused_lm_head

    from jupyter_mlagent.engine.catalog import resolve
    from jupyter_mlagent.errors import ModelError
    from local_rl.policy.config import PolicyConfig
    from local_rl.policy.loading import load_policy
    from local_rl.policy.sharing import shares_prompts
    from local_rl.steps.packing import packed_log_probabilities, separate_log_probabilities

    try:
        resolve("smollm2-135m")
    except ModelError as error:
        pytest.skip(str(error))
    policy = load_policy(PolicyConfig(model="smollm2-135m", rank=4, alpha=8))
    add_fused_lm_head(policy.model.get_base_model(), outputs=("log_probs", "entropy"))
    if not shares_prompts(policy):
        pytest.skip("this attention takes no mask of ours, so prompts are not shared")
    prompt = policy.tokens.opening("import numpy as np\nvalues = np.arange(10)\n")
    replies = [policy.tokens.reply(text) for text in ("print(values.sum())", "values[::-1]", "x = 3")]
    with torch.no_grad():
        packed, _ = packed_log_probabilities(policy.model, prompt, replies)
        separate, _ = separate_log_probabilities(policy.model, prompt, replies)
    assert (packed - separate).abs().mean().item() < 0.05
