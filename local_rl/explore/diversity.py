"""How varied the proposals of one state are, and how many of them work: what an exploration keeps alive.

Fine-tuning on what improved most collapses onto two estimator families; then reinforcement learning has
nothing to explore and a search no branches. So diversity is measured over many samples of one state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from jupyter_mlagent.agent.dedupe import normalised_key
from jupyter_mlagent.agent.families import classify
from jupyter_mlagent.records import Record, TrialStatus

NO_MODEL = "no model"
SAMPLES = 32
"""Of one state, for the report: families in 32 samples of one state."""


class Sampled(Record):
    """One reply for a state, and whether its cell ran."""

    code: str = ""
    """Empty when it was malformed."""
    status: str = ""
    reward: float = 0.0


class Diversity(Record):
    """Of the samples of one state."""

    samples: int
    families: dict[str, int]
    """Estimator families of the cells that ran to their end, with how many cells name each."""
    operations: dict[str, int]
    programs: int
    """Distinct cells that ran, but for names, imports and what they print."""
    valid: float
    """Share of the samples whose cell ran to its end."""
    improving: float
    mean_reward: float


def family_of(code: str) -> str:
    """What a cell counts as: its outermost kind of model, or the operation where it fits none."""
    kinds = classify(code)
    for wrapper in ("ensemble", "bagging"):
        if wrapper in kinds.families:
            return wrapper
    named = [name for name in kinds.estimators if classify(f"{name}()").families]
    if named:
        return next(iter(classify(f"{named[-1]}()").families))
    operations = sorted(kinds.operations - {"model"})
    return operations[0] if operations else NO_MODEL


def diversity(samples: Sequence[Sampled], neutral: float = 0.5) -> Diversity:
    """Only what ran counts as variety: a cell that raises is none."""
    ran = [sample for sample in samples if sample.code and sample.status == TrialStatus.OK]
    families: Counter[str] = Counter()
    operations: Counter[str] = Counter()
    for sample in ran:
        kinds = classify(sample.code)
        families.update(kinds.families)
        operations.update(kinds.operations - {"model"})
    count = len(samples)
    return Diversity(
        samples=count,
        families=dict(families.most_common()),
        operations=dict(operations.most_common()),
        programs=len({normalised_key(sample.code, keep=()) for sample in ran}),
        valid=len(ran) / count if count else 0.0,
        improving=sum(sample.reward > neutral for sample in samples) / count if count else 0.0,
        mean_reward=sum(sample.reward for sample in samples) / count if count else 0.0,
    )


def sentence(found: Diversity) -> str:
    """`7 families and 21 programs in 32 samples of one state; 94% valid, 31% improving.`"""
    families = _count(len(found.families), "family", "families")
    programs = _count(found.programs, "program", "programs")
    return (
        f"{families} and {programs} in {found.samples} samples of one state; "
        f"{found.valid:.0%} valid, {found.improving:.0%} improving."
    )


def per_state(samples: Iterable[tuple[str, Sampled]]) -> dict[str, Diversity]:
    """By the key that each sample comes with, e.g. the state's hash."""
    grouped: dict[str, list[Sampled]] = {}
    for key, sample in samples:
        grouped.setdefault(key, []).append(sample)
    return {key: diversity(group) for key, group in grouped.items()}


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
