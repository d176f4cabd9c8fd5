"""A desk with a script in place of kernel and model: what happens is decided by the test, and at its pace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from jupyter_mlagent.engine.api import (
    EngineInfo,
    GenerateDone,
    GenerateEvent,
    GenerateRequest,
    PromptRead,
    ReplyDone,
    TextDelta,
)
from jupyter_mlagent.errors import EngineError, KernelError
from jupyter_mlagent.kernel import DIED, CellRun
from jupyter_mlagent.notebook import NotebookFile, open_notebook
from jupyter_mlagent.records import ChatMessage, Sample, TrialError, Variable
from jupyter_mlagent.session import Session
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.trial.scripted import ScriptedTrials
from jupyter_mlagent.workbench import Workbench

METRIC = "accuracy_score(y_val, model.predict(X_val))"
FOREST = """\
from sklearn.ensemble import RandomForestClassifier
model = RandomForestClassifier(n_estimators=300, random_state=0).fit(X_train, y_train)"""
TREE = """\
from sklearn.tree import DecisionTreeClassifier
model = DecisionTreeClassifier(max_depth=6, random_state=0).fit(X_train, y_train)"""
BROKEN = "model = undefined_name.fit(X_train, y_train)"
GAINS = {"RandomForest": 0.9532, "DecisionTree": 0.9123}


def reply(plan: str, code: str) -> str:
    return f"PLAN: {plan}\n```python\n{code}\n```"


REPLIES = (
    reply("Replace the single split by a deeper decision tree.", TREE),
    reply("Average many trees with a random forest of 300.", FOREST),
    reply("Fit whatever is there.", BROKEN),
    "I am sorry, I cannot help with that.",
)
VARIABLES = tuple(
    Variable(name=name, type="object", summary=name)
    for name in ("model", "X_train", "y_train", "X_val", "y_val", "accuracy_score")
)


class TypingEngine:
    """Types its replies a few characters at a time; `gate` (when set) is waited for before each reply."""

    def __init__(self, replies: Sequence[str] = REPLIES, failure: str = "") -> None:
        self.replies = list(replies)
        self.failure = failure
        self.gate: asyncio.Event | None = None
        self.free_requests = 0
        """So many requests pass the gate."""
        self.hints: list[str] = []
        self.cancelled = 0
        self.closed = False

    async def start(self) -> EngineInfo:
        if self.failure:
            raise EngineError(self.failure)
        return EngineInfo(model="scripted-1b", context_tokens=8192)

    async def info(self) -> EngineInfo:
        return await self.start()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateEvent]:
        self.hints.append("\n".join(message.content for message in request.messages))
        finished = False
        try:
            yield PromptRead(prompt_tokens=400, cached_tokens=100, seconds=0.0)
            for index in range(request.n):
                text = self.replies[index % len(self.replies)].removeprefix(request.prefill)
                yield TextDelta(index=index, text=request.prefill)
                for start in range(0, len(text), 16):
                    if start and self.gate is not None and len(self.hints) > self.free_requests:
                        await self.gate.wait()
                    yield TextDelta(index=index, text=text[start : start + 16])
                    await asyncio.sleep(0)
                yield ReplyDone(index=index, sample=Sample(text=request.prefill + text))
            yield GenerateDone(
                prompt_tokens=400,
                cached_tokens=100,
                sampled_tokens=60,
                prompt_seconds=0.0,
                sample_seconds=0.0,
            )
            finished = True
        finally:
            self.cancelled += not finished

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(len(message.content) for message in messages) // 3

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0] for _ in texts]

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        return await self.start()

    async def close(self) -> None:
        self.closed = True


class ScriptedKernel:
    """Runs nothing: `raises` lists sources that fail, `dies` sources that end it, `hang` holds every cell."""

    def __init__(self, trials: ScriptedTrials) -> None:
        self.trials = trials
        self.ran: list[str] = []
        self.live_outputs: tuple[dict[str, Any], ...] = ()
        self.hang: asyncio.Event | None = None
        self.dies: set[str] = set()
        self.interrupted = 0
        self.restarted = 0

    async def run_cell(self, source: str) -> CellRun:
        self.ran.append(source)
        if source in self.dies:
            raise KernelError(DIED)
        if self.hang is not None:
            await self.hang.wait()
        self.trials.execution_count += 1
        self.trials.metric = next(
            (gain for word, gain in GAINS.items() if word in source), self.trials.metric
        )
        count = len(self.ran)
        if "1 / 0" in source:
            error = {
                "ename": "ZeroDivisionError",
                "evalue": "division by zero",
                "traceback": ["ZeroDivisionError"],
            }
            return CellRun(
                outputs=({"output_type": "error", **error},),
                execution_count=count,
                seconds=0.1,
                error=TrialError(name="ZeroDivisionError", value="division by zero"),
            )
        text = f"ran cell {count}\n" if "print" in source else ""
        outputs = ({"output_type": "stream", "name": "stdout", "text": text},) if text else ()
        return CellRun(outputs=outputs, execution_count=count, seconds=0.1)

    async def interrupt(self) -> None:
        self.interrupted += 1
        if self.hang is not None:
            self.hang.set()

    async def restart(self) -> None:
        self.restarted += 1

    pid: int | None = None
    alive = True

    async def is_alive(self) -> bool:
        return self.alive

    async def link_client(self) -> None:
        return None


class ScriptedCore:
    """`failure` is why there is no kernel; `model_failure` why there is no model."""

    def __init__(
        self, replies: Sequence[str] = REPLIES, *, failure: str = "", model_failure: str = ""
    ) -> None:
        self.engine = TypingEngine(replies, model_failure)
        self.trials = ScriptedTrials(0.8889, dict(GAINS), VARIABLES)
        self.kernel = ScriptedKernel(self.trials)
        self.failure = failure
        self.hold: asyncio.Event | None = None
        """While set and not released the kernel is starting."""
        self.closed = 0

    on_disk = True

    async def open_notebook(self, path: Path) -> NotebookFile:
        return open_notebook(path)

    async def open_engine(self) -> TypingEngine:
        return self.engine

    @contextlib.asynccontextmanager
    async def open_workbench(
        self, notebook: NotebookFile, engine: Any, hear: Any
    ) -> AsyncIterator[Workbench]:
        if self.hold is not None:
            await self.hold.wait()
        if self.failure:
            raise KernelError(self.failure)
        session = Session(
            "nb.ipynb",
            engine=engine,
            trials=self.trials,
            settings=SessionSettings(candidates=len(self.engine.replies)),
        )
        try:
            yield Workbench(notebook, self.kernel, session)  # type: ignore[arg-type]
        finally:
            self.closed += 1


def small_notebook() -> Any:
    """Markdown, a table, a score: what the tests move through."""
    split = new_code_cell(
        "X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)\nprint(X_train.shape)",
        outputs=[new_output("stream", name="stdout", text="(398, 30)\n")],
        execution_count=1,
        id="split",
    )
    score = new_code_cell(
        f"model = Stump().fit(X_train, y_train)\nprint({METRIC})",
        outputs=[new_output("stream", name="stdout", text="0.8889\n")],
        execution_count=2,
        id="score",
    )
    intro = new_markdown_cell("# Benign or malignant?\n\nCan the *diagnosis* be read from `X`?", id="intro")
    last = new_markdown_cell("That is all.", id="end")
    return new_notebook(cells=[intro, split, score, last])


def write_notebook(folder: Path, node: Any = None, name: str = "cells.ipynb") -> Path:
    path = folder / name
    nbformat.write(node if node is not None else small_notebook(), path)
    return path


Condition = Callable[[], bool]


MOST_TURNS = 2_000


async def until(pilot: Any, condition: Condition) -> None:
    """Let the app work until the condition holds; a condition that never will ends the test."""
    for _ in range(MOST_TURNS):
        if condition():
            return
        await pilot.pause()
    raise AssertionError("what was waited for did not happen")
