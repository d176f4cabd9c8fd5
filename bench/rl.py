"""Step-wise RL against its alternatives: the same model, lengths, G and rewards, in one run.

Updates an hour step-wise and episode-wise, each a whole update of the real thing (sampling, trials,
gradient); samples a second against TRL's GRPOTrainer with its own generation; a group's gradient with the
prompt computed once and computed for every reply; the gap between trainer and engine after an adapter went
from one to the other, beside the gap that quantization alone makes; how long the swap takes. On a GPU also
peak memory.

    python bench/rl.py [--model smollm2-135m] [--actions 4] [--episode-steps 10] [--tokens 48]
        [--rows episodes,trl,shared,adapter] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rl_parts import Row, round_trip, shared_prompt

from jupyter_mlagent import paths
from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.engine.open import open_engine
from local_rl.policy.config import PolicyConfig
from local_rl.policy.loading import Policy, load_policy
from local_rl.steps.background import Background
from local_rl.steps.collect import collect
from local_rl.steps.config import StepsConfig, Unit
from local_rl.steps.group import Group
from local_rl.steps.lab import Lab
from local_rl.steps.log import Log
from local_rl.steps.pool import Pool
from local_rl.steps.rollout import Rollouts
from local_rl.steps.serving import Serving

ROWS = "episodes,trl,shared,adapter"
EPISODES_RATIO = 20.0
TRL_RATIO_CPU, TRL_RATIO_GPU = 3.0, 1.5


@dataclass
class Measured:
    seconds: float
    """Of an update."""
    samples: float
    tokens: float
    """Sampled, in an update."""


class Bench:
    """One loaded policy; every measurement starts from the same adapter."""

    def __init__(self, options: argparse.Namespace, report: Callable[[Row], None]) -> None:
        self._options = options
        self._report = report
        self.config = StepsConfig(
            policy=PolicyConfig(model=options.model, rank=8, alpha=16),
            tasks=(options.task,),
            actions=options.actions,
            max_tokens=options.tokens,
            episode_steps=options.episode_steps,
            redraws=0,
            warmup=0,
            late_share=0.0,
            held_out_every=0,
            checkpoint_every=1_000_000,
            trial_seconds=20.0,
        )

    def run(self) -> None:
        rows = self._options.rows.split(",")
        if "episodes" in rows or "trl" in rows:
            steps = self._updates(replace(self.config, updates=1 + self._options.updates), skip=1)
        if "episodes" in rows:
            self._against_episodes(steps)
        if "trl" in rows:
            self._against_trl(steps)
        if "shared" in rows:
            self._report(shared_prompt(self.config))
        if "adapter" in rows:
            for found in round_trip(self.config, self._engine(self.config)):
                self._report(found)

    # -- whole updates

    def _updates(self, config: StepsConfig, skip: int) -> Measured:
        """Seconds and samples of an update, the first `skip` left out."""
        from local_rl.steps.hooks import StepHooks
        from local_rl.steps.trainer import StepTrainer

        with self._lab(config) as (policy, lab, background, folder):
            serving = Serving(policy, folder / "serving")
            began: list[float] = []
            sampled: list[int] = []

            def sample(update: int) -> list[Group]:
                began.append(time.perf_counter())
                background.run(lab.use(serving.adapter(update)))
                groups = background.run(lab.groups(update))
                sampled.append(sum(group.sampled_tokens for group in groups))
                return groups

            ended: list[float] = []
            trainer = StepTrainer(policy, config, sample, folder / "checkpoints")
            trainer.add_callback(StepHooks(lambda _update: ended.append(time.perf_counter()) is not None))
            trainer.train()
            seconds = ended[-1] - began[skip]
        count = len(began) - skip
        return Measured(seconds / count, config.batch, sum(sampled[skip:]) / count)

    @contextmanager
    def _lab(self, config: StepsConfig) -> Iterator[tuple[Policy, Lab, Background, Path]]:
        """With the task's state already there, which is prepared once for both ways."""
        with tempfile.TemporaryDirectory(prefix="bench-rl-") as place, Background() as background:
            pool = Pool(collect(config).states, config.pool)
            lab = Lab(config, self._engine(config), pool, Log(Path(place)))
            background.run(lab.open())
            try:
                background.run(lab.groups(10_000))
                yield load_policy(config.policy), lab, background, Path(place)
            finally:
                background.run(lab.close())

    def _engine(self, config: StepsConfig) -> Any:
        return open_engine(config.policy.model, context_tokens=2048 + 8 * config.max_tokens)

    def _against_episodes(self, steps: Measured) -> None:
        episodes = self._updates(replace(self.config, unit=Unit.EPISODE, updates=1), skip=0)
        self._report(
            Row(
                "updates an hour: step-wise / episode-wise",
                3600 / steps.seconds,
                3600 / episodes.seconds,
                "updates/h",
                EPISODES_RATIO,
                episodes.seconds / steps.seconds,
                note=f"{self.config.actions} trajectories of {self.config.episode_steps} steps",
            )
        )

    def _against_trl(self, ours: Measured) -> None:
        from local_rl.policy.stack import on_gpu

        theirs = self._trl()
        self._report(
            Row(
                "samples a second: ours / TRL's own generation",
                ours.samples / ours.seconds,
                theirs.samples / theirs.seconds,
                "samples/s",
                TRL_RATIO_GPU if on_gpu() else TRL_RATIO_CPU,
                ours.samples / ours.seconds / (theirs.samples / theirs.seconds),
                note=f"{ours.tokens:.0f} tokens sampled / {theirs.tokens:.0f}",
            )
        )

    def _trl(self) -> Measured:
        """TRL's GRPOTrainer as it comes, its rewards from the same trials in the same state."""
        import torch
        from datasets import Dataset
        from trl import GRPOTrainer

        from local_rl.steps.trl_config import grpo_config

        config = replace(self.config, updates=2)
        with self._lab(config) as (policy, lab, background, folder):
            (state,) = lab.pool.draw(0, 0)
            environment = lab.environment(state.state.task_id)
            (group,) = background.run(lab.groups(0))
            conversation = [{"role": said.role, "content": said.content} for said in group.messages]
            rendered = policy.tokenizer.apply_chat_template(
                conversation, tokenize=False, add_generation_prompt=True
            )
            prompt = f"{rendered}{group.prefill}"
            marks: list[tuple[float, int]] = []

            def executed(completions: list[str], completion_ids: list[list[int]], **_: Any) -> list[float]:
                replies = ScriptedEngine([group.prefill + text for text in completions])
                rollouts = Rollouts(replies, config.rollout)
                done = background.run(rollouts.group(environment, state.state, key="", seed=0))
                marks.append((time.perf_counter(), sum(len(ids) for ids in completion_ids)))
                return [action.reward for action in done.actions]

            settings = grpo_config(config, folder / "trl")
            settings.loss_type = "grpo"
            trainer = GRPOTrainer(
                model=policy.model,
                reward_funcs=[executed],
                args=settings,
                train_dataset=Dataset.from_dict({"prompt": [prompt] * 2}),
                processing_class=policy.tokenizer,
            )
            ended: list[float] = []
            step = trainer.training_step

            def timed(*arguments: Any) -> torch.Tensor:
                loss = step(*arguments)
                ended.append(time.perf_counter())
                return loss

            trainer.training_step = timed
            trainer.train()
        return Measured(ended[-1] - ended[-2], config.actions, float(marks[-1][1]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="smollm2-135m", help="a model of the catalog, or a GGUF file")
    parser.add_argument("--task", default="crash-survival", help="task whose starter is learned in")
    parser.add_argument("--actions", type=int, default=4, help="G, of every way")
    parser.add_argument("--tokens", type=int, default=48, help="longest reply, of every way")
    parser.add_argument("--updates", type=int, default=3, help="step-wise updates that are timed")
    parser.add_argument("--episode-steps", type=int, default=10, help="steps of a trajectory")
    parser.add_argument("--rows", default=ROWS, help="which rows, joined by commas")
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    return parser.parse_args()


def main() -> None:
    options = _options()
    from local_rl.policy.stack import load_unsloth, on_gpu

    def report(row: Row) -> None:
        facts = {**row.__dict__, "good": row.good}
        print(json.dumps(facts) if options.json else row.line(), flush=True)

    load_unsloth()
    if not options.json:
        print(f"{options.model}, G = {options.actions}, replies up to {options.tokens} tokens")
        print(f"{'':<44}{'value':>9}{'against':>9} {'':<11}{'ratio':>7}  wanted")
    Bench(options, report).run()
    if on_gpu():
        from rl_memory import measure_all

        for found in measure_all():
            report(Row(**found))
    elif not options.json:
        print("peak memory of 7B, 1.5B and 0.5B: left out, there is no GPU")


if __name__ == "__main__":
    os.environ.setdefault("MLAGENT_MODELS", str(paths.models_dir()))
    main()
