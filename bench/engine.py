"""The engine against a bare llama.cpp loop and against its own limits, in one run.

    python bench/engine.py [--model qwen2.5-coder-0.5b] [--rounds 5] [--json]

Every comparison alternates its two sides and reports the median over the rounds, as other programs on the
machine come and go. Rates count sampled tokens from the end of the prompt to the end of the last reply, seen
by the client for the engine and inside the loop for the bare one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jupyter_mlagent.engine.api import (
    GenerateDone,
    GenerateRequest,
    PromptRead,
    SamplingOptions,
    TextDelta,
)
from jupyter_mlagent.engine.catalog import resolve
from jupyter_mlagent.engine.link import worker_environment
from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.engine.status import EngineState
from jupyter_mlagent.engine.threads import usable_cores
from jupyter_mlagent.records import ChatMessage

ROOT = Path(__file__).parents[1]
CONTEXT = 8192
SHORT = "".join(f"def add_{number}(value):\n    return value + {number}\n\n\n" for number in range(6))
"""Goes on for ever: a reply that ended would leave the batch, and the bare loop's do not."""
TOKENS = 48
GROUP = 8


@dataclass
class Row:
    """`value` against `against` (a peer or a limit); good when `ratio` is on the right side of `wanted`."""

    what: str
    value: float
    against: float
    unit: str
    wanted: str

    @property
    def ratio(self) -> float:
        return self.value / self.against

    @property
    def good(self) -> bool:
        sign, _, bound = self.wanted.partition(" ")
        return self.ratio >= float(bound) if sign == ">=" else self.ratio <= float(bound)

    def line(self) -> str:
        verdict = "ok" if self.good else "MISSED"
        return (
            f"{self.what:<58}{self.value:>9.3f}{self.against:>9.3f} {self.unit:<9}"
            f"{self.ratio:>7.3f}  {self.wanted:<8}{verdict}"
        )


class Bare:
    """The bare loop's process."""

    def __init__(self, model: Path, threads: int, environment: dict[str, str]) -> None:
        command = [sys.executable, str(ROOT / "bench/bare_llama.py"), str(model), str(CONTEXT), str(threads)]
        self._threads = threads
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout and self._process.stdout.readline().strip() == "ready"

    def rate(self, replies: int = 1, threads: int | None = None, prompt: str = SHORT) -> float:
        assert self._process.stdin and self._process.stdout
        request = {
            "prompt": prompt,
            "replies": replies,
            "tokens": TOKENS,
            "threads": threads or self._threads,
        }
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return float(answer["tokens"] / answer["sample_seconds"])

    def close(self) -> None:
        self._process.communicate()


def raw(n: int = 1) -> GenerateRequest:
    options = SamplingOptions(max_tokens=TOKENS, seed=1)
    return GenerateRequest(raw_prompt=SHORT, n=n, options=options, cache_key="rate")


async def rate(engine: LlamaEngine, n: int = 1) -> float:
    read = 0.0
    async for event in engine.generate(raw(n)):
        if isinstance(event, PromptRead):
            read = time.perf_counter()
        if isinstance(event, GenerateDone):
            assert event.sampled_tokens == n * TOKENS, "a reply ended early: another prompt is needed"
            return event.sampled_tokens / (time.perf_counter() - read)
    raise AssertionError("a request ends with GenerateDone")


def notebook() -> list[str]:
    """Cells of the examples with their printed outputs, about 2,000 tokens."""
    cells: list[str] = []
    for path in sorted((ROOT / "examples").glob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            printed = "".join("".join(output.get("text", "")) for output in cell.get("outputs", []))
            source = "".join(cell["source"])
            cells.append(f"# {cell['cell_type']}\n{source}\n{printed}")
    return cells


async def long_prompt(engine: LlamaEngine, last: str) -> GenerateRequest:
    """A notebook of about 2,000 tokens whose last cell is `last`."""
    cells = notebook() * 4
    while True:
        text = "Improve this notebook.\n\n" + "\n\n".join([*cells, last])
        messages = (ChatMessage(role="user", content=text + "\n\nPropose the next cell."),)
        if await engine.count_tokens(messages) <= 2048:
            options = SamplingOptions(max_tokens=8, seed=1)
            return GenerateRequest(messages=messages, options=options, cache_key="notebook")
        cells.pop(0)


async def first_token(engine: LlamaEngine, request: GenerateRequest) -> float:
    started = time.perf_counter()
    seconds = 0.0
    async for event in engine.generate(request):
        if isinstance(event, TextDelta) and not seconds:
            seconds = time.perf_counter() - started
    return seconds


Measure = Callable[[], Awaitable[float]]


async def alternate(rounds: int, *sides: Measure) -> list[list[float]]:
    """Every side once a round, so that a busy moment falls on all of them; one list for each side."""
    taken = [[await side() for side in sides] for _ in range(rounds)]
    return [list(side) for side in zip(*taken, strict=True)]


def pair(values: list[float], peers: list[float]) -> tuple[float, float]:
    """The median value, and the peer's number that stands in the median ratio to it."""
    value = statistics.median(values)
    return value, value / statistics.median(one / other for one, other in zip(values, peers, strict=True))


async def rates(engine: LlamaEngine, bare: Bare, rounds: int) -> list[Row]:
    def bare_rate(replies: int = 1, threads: int | None = None) -> Measure:
        return lambda: asyncio.to_thread(bare.rate, replies, threads)

    await rate(engine), await bare_rate()()
    single, bare_single, group, bare_group = await alternate(
        rounds, lambda: rate(engine), bare_rate(), lambda: rate(engine, GROUP), bare_rate(GROUP)
    )
    unit = "tokens/s"
    rows = [
        Row("single stream / bare loop", *pair(single, bare_single), unit, ">= 0.95"),
        Row(f"{GROUP} replies / bare loop with {GROUP}", *pair(group, bare_group), unit, ">= 0.95"),
        Row(f"{GROUP} replies / single stream", *pair(group, single), unit, ">= 3"),
        Row(f"  the bare loop's own gain from {GROUP}", *pair(bare_group, bare_single), unit, ">= 1"),
    ]
    cores = usable_cores()
    others = {4: "llama.cpp's 4", max((os.cpu_count() or 2) // 2, 1): "half of the CPUs"}
    for threads, label in others.items():
        if threads != cores:
            ours, theirs = await alternate(rounds, bare_rate(1, cores), bare_rate(1, threads))
            rows.append(Row(f"{cores} threads (ours) / {label}", *pair(ours, theirs), unit, ">= 0.95"))
    return rows


async def prefix(engine: LlamaEngine, rounds: int) -> Row:
    before = await long_prompt(engine, "model = LogisticRegression()\nmodel.fit(X_train, y_train)")
    after = await long_prompt(engine, "model = RandomForestClassifier(300)\nmodel.fit(X_train, y_train)")

    async def cold() -> float:
        await engine.load_adapter(None)
        return await first_token(engine, before)

    async def changed() -> float:
        return await first_token(engine, after)

    cold_times, changed_times = await alternate(rounds, cold, changed)
    return Row("first token, last cell changed / cold", *pair(changed_times, cold_times), "s", "<= 0.2")


async def start(path: Path, rounds: int) -> Row:
    async def seconds() -> float:
        engine = LlamaEngine(path, context_tokens=CONTEXT)
        started = time.perf_counter()
        await engine.start()
        elapsed = time.perf_counter() - started
        await engine.close()
        return elapsed

    return Row(
        "start of the worker, weights in the page cache",
        statistics.median([await seconds() for _ in range(rounds)]),
        3.0,
        "s",
        "<= 1",
    )


async def swap(engine: LlamaEngine, path: Path, rounds: int) -> Row:
    times = []
    with tempfile.TemporaryDirectory() as folder:
        adapters = [random_adapter(path, Path(folder) / f"{seed}.gguf", seed) for seed in range(2)]
        for turn in range(rounds):
            started = time.perf_counter()
            await engine.load_adapter(adapters[turn % 2])
            times.append(time.perf_counter() - started)
        await engine.load_adapter(None)
    return Row("swap of an adapter (rank 16, all projections)", statistics.median(times), 1.0, "s", "<= 1")


def random_adapter(model: Path, path: Path, seed: int, rank: int = 16) -> Path:
    import gguf
    import numpy as np

    reader, rng = gguf.GGUFReader(model), np.random.default_rng(seed)
    field = reader.get_field("general.architecture")
    writer = gguf.GGUFWriter(path, field.contents())
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for tensor in reader.tensors:
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2 and tensor.name.endswith("weight"):
            inputs, outputs = int(tensor.shape[0]), int(tensor.shape[1])
            for suffix, shape in (("lora_a", (rank, inputs)), ("lora_b", (outputs, rank))):
                matrix = rng.normal(0, 0.01, shape).astype(np.float32)
                writer.add_tensor(f"{tensor.name}.{suffix}", matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


async def cancel(engine: LlamaEngine, rounds: int) -> Row:
    """From closing the stream in the middle of the prompt until the worker is free."""
    request = await long_prompt(engine, "pass")
    times = []
    for _ in range(rounds):
        await engine.load_adapter(None)
        reading = asyncio.create_task(anext(engine.generate(request)))
        await asyncio.sleep(0.2)
        free = asyncio.Event()
        unwatch = engine.watch(lambda status, free=free: status.state is EngineState.READY and free.set())
        free.clear()
        started = time.perf_counter()
        reading.cancel()
        await free.wait()
        times.append(time.perf_counter() - started)
        unwatch()
    return Row("cancel in mid-prompt until the worker is free", statistics.median(times), 0.5, "s", "<= 1")


async def beside(path: Path, rounds: int) -> Row:
    """Two workers' rates beside a program that keeps every core busy: ours, and one that spins as usual."""
    ours = LlamaEngine(path, context_tokens=1024)
    usual = Bare(path, usable_cores(), dict(os.environ))
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)
    ]
    try:
        await ours.start()
        sides = await alternate(rounds, lambda: rate(ours), lambda: asyncio.to_thread(usual.rate))
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
        await ours.close()
        usual.close()
    return Row("single stream / bare loop, on a busy machine", *pair(*sides), "tokens/s", ">= 1")


async def measure(path: Path, rounds: int, report: Callable[[Row], None]) -> None:
    report(await start(path, rounds))
    engine = LlamaEngine(path, context_tokens=CONTEXT)
    await engine.start()
    bare = Bare(path, usable_cores(), worker_environment())
    for row in await rates(engine, bare, rounds):
        report(row)
    bare.close()
    report(await prefix(engine, max(1, rounds // 2)))
    report(await swap(engine, path, rounds))
    report(await cancel(engine, max(1, rounds // 2)))
    await engine.close()
    report(await beside(path, max(1, rounds // 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help="catalog name or path to a .gguf file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object per row")
    options = parser.parse_args()
    model = resolve(options.model)

    def report(row: Row) -> None:
        facts: dict[str, Any] = {**asdict(row), "ratio": row.ratio, "good": row.good}
        print(json.dumps(facts) if options.json else row.line(), flush=True)

    if not options.json:
        print(f"{model.path.name}, {usable_cores()} threads, medians of {options.rounds} rounds")
        print(f"{'':<58}{'value':>9}{'against':>9} {'':<9}{'ratio':>7}  wanted")
    asyncio.run(measure(model.path, options.rounds, report))


if __name__ == "__main__":
    main()
