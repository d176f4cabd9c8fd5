"""Phase 2 from its config to an adapter in the engine, in small, with nothing replaced: a real model in the
engine and in training, real trials, a pause, and the rest after it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlagent import paths
from jupyter_mlagent.engine.api import GenerateRequest, ReplyDone, SamplingOptions
from jupyter_mlagent.engine.catalog import resolve
from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.errors import ModelError
from jupyter_mlagent.records import ChatMessage
from jupyter_mlagent.training_events import (
    CheckpointSaved,
    HeldOutScored,
    TrainingEvent,
    TrainingKind,
    TrainingProgress,
)
from local_rl.policy.config import PolicyConfig
from local_rl.policy.export import export_adapter
from local_rl.policy.header import read_header
from local_rl.policy.loading import load_policy
from local_rl.steps.config import StepsConfig
from local_rl.steps.log import Log
from local_rl.steps.recipe import RECIPE
from local_rl.tasks.folder import TaskFolder
from local_rl.training.folder import Facts, RunFolder
from local_rl.training.options import to_toml
from local_rl.training.run import Paused, Run, Wanted

MODEL = "smollm2-135m"
pytestmark = [pytest.mark.rl, pytest.mark.model]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, training_stack: Any) -> Path:
    """A home of its own with this machine's models and training weights."""
    try:
        resolve(MODEL)
    except ModelError as error:
        pytest.skip(str(error))
    models, weights = paths.models_dir(), paths.cache_dir() / "weights"
    monkeypatch.setenv("MLAGENT_MODELS", str(models))
    made = tmp_path / "home"
    (made / "cache").mkdir(parents=True)
    weights.mkdir(parents=True, exist_ok=True)
    (made / "cache" / "weights").symlink_to(weights)
    return made


def _run(folder: Path, config: StepsConfig, told: list[TrainingEvent]) -> Run:
    run = RunFolder(folder)
    if not folder.exists():
        facts = Facts(
            kind=TrainingKind.STEPS, created="", base_model=MODEL, base_sha256="", data_fingerprint=""
        )
        run.create(to_toml(config), facts)
    return Run(run, told.append)


@pytest.fixture
def held_out(line_task: TaskFolder, tmp_path: Path) -> Path:
    """The same under another name."""
    folder = tmp_path / "other-line"
    shutil.copytree(line_task.path, folder)
    spec = folder / "task.toml"
    spec.write_text(spec.read_text().replace('id = "line"', 'id = "other-line"'))
    return folder


def test_a_run_pauses_goes_on_and_makes_an_adapter_that_the_engine_takes(
    home: Path, line_task: TaskFolder, held_out: Path, tmp_path: Path
) -> None:
    config = StepsConfig(
        policy=PolicyConfig(model=MODEL, rank=4, alpha=8),
        tasks=(str(line_task.path),),
        updates=2,
        actions=3,
        max_tokens=32,
        redraws=0,
        warmup=0,
        checkpoint_every=1,
        held_out=(str(held_out),),
        held_out_every=2,
        held_out_actions=2,
        trial_seconds=20,
    )
    plan = RECIPE.plan(config)
    assert plan.updates == 2
    assert "1 starter" in plan.lines[0]

    told: list[TrainingEvent] = []
    first = _run(tmp_path / "run", config, told)
    first.ask(Wanted.PAUSE)
    with pytest.raises(Paused, match="update 1"):
        RECIPE.train(config, first)
    assert [event.update for event in told if isinstance(event, CheckpointSaved)][:1] == [1]

    first.ask(Wanted.GO_ON)
    again = _run(tmp_path / "run", config, told)
    learned = RECIPE.train(config, again)

    assert [event.update for event in told if isinstance(event, TrainingProgress)] == [1, 2]
    log = Log(tmp_path / "run")
    assert [line.update for line in log.groups()] == [0, 1]
    updates = log.updates()
    assert [found.update for found in updates] == [1, 2]
    for found in updates:
        assert found.tokens > 0
        assert found.gap.difference < 0.5  # Q4 served against half precision trained
        assert found.gap.effective > 0.5
    assert updates[0].kl == pytest.approx(0, abs=1e-4)
    scored = [event for event in told if isinstance(event, HeldOutScored)]
    assert [event.update for event in scored] == [0, 2]
    assert {event.active_score for event in scored} == {scored[0].score}
    assert learned.steps == 6
    assert (learned.peft / "adapter_model.safetensors").is_file()


async def test_log_probabilities_after_the_round_trip_are_the_trainers(home: Path, tmp_path: Path) -> None:
    """Train's adapter -> GGUF -> engine: what the engine says of its own tokens, the trainer says too."""
    import torch
    from trl.trainer.utils import add_fused_lm_head

    from local_rl.steps.packing import packed_log_probabilities

    policy = load_policy(PolicyConfig(model=MODEL, rank=4, alpha=8))
    for name, parameter in policy.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    add_fused_lm_head(policy.model.get_base_model(), outputs=("log_probs", "entropy"))
    policy.save_adapter(tmp_path / "peft")
    gguf = tmp_path / "adapter.gguf"
    export_adapter(tmp_path / "peft", gguf, header=read_header(policy.base.path))
    messages = (ChatMessage(role="user", content="Fit a ridge regression to X_train and y_train."),)
    request = GenerateRequest(
        messages=messages,
        prefill="```python\n",
        n=3,
        options=SamplingOptions(max_tokens=24, temperature=1.0, top_p=1.0, top_k=0, seed=3),
    )

    async def gap(adapter: Path | None) -> float:
        """Mean difference of log-probabilities: an engine with this adapter, and the trainer's model."""
        engine = LlamaEngine(policy.base.path, context_tokens=1024)
        try:
            await engine.load_adapter(adapter)
            events = [event async for event in engine.generate(request)]
        finally:
            await engine.close()
        samples = [event.sample for event in events if isinstance(event, ReplyDone)]
        with torch.no_grad():
            found, _ = packed_log_probabilities(
                policy.model,
                policy.tokens.prompt(messages, request.prefill),
                [list(sample.token_ids) for sample in samples],
            )
        differences = [
            abs(float(found[row, place]) - logprob)
            for row, sample in enumerate(samples)
            for place, logprob in enumerate(sample.logprobs)
        ]
        return sum(differences) / len(differences)

    with_adapter = await gap(gguf)
    with policy.model.disable_adapter():
        quantization = await gap(None)
    assert with_adapter < 2 * quantization + 0.02
