"""Which tried steps become examples: those that execution confirmed, balanced over families and tasks.

The rule, in this order:
1. What was malformed, raised, could not be tried, or followed the held-out labels is thrown away.
2. Of equal programs in one state the first stays.
3. A step is kept when it improved the metric.
4. A family that improved fewer than `rare` times on a task is filled up to that number with its best valid
   steps that came near the state's value (reward at least `near`), so that no family dies out.
5. Of one state at most `per_state` steps of a family stay, and over all at most the share `most` of the
   kept steps are of one family: those with the highest reward, tasks taking turns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from jupyter_mlagent.agent.dedupe import normalised_key
from jupyter_mlagent.records import Record, TrialStatus
from local_rl.explore.config import KeepConfig
from local_rl.explore.diversity import family_of
from local_rl.explore.records import Tried

NEUTRAL = 0.5
DUPLICATE = "the same program again"
WORSE = "did not improve the metric"
MANY_STATE = "enough of its family in this state"
MANY_ALL = "enough of its family over all"
KEPT, KEPT_RARE = "kept: improved the metric", "kept: of a rare family, near the value before"


class Kept(Record):
    row: Tried
    family: str
    rare: bool = False
    """Kept for its family, not for what it improved."""


class Selection(Record):
    kept: tuple[Kept, ...]
    counts: dict[str, dict[str, int]]
    """Task -> what became of its steps -> how many."""

    @property
    def families(self) -> dict[str, int]:
        return dict(Counter(item.family for item in self.kept).most_common())


def select(rows: Iterable[Tried], rule: KeepConfig | None = None) -> Selection:
    """Apply the rule; every row is counted once."""
    rule = rule or KeepConfig()
    counts: dict[str, Counter[str]] = {}
    seen: set[tuple[str, str]] = set()
    valid: list[Kept] = []
    for row in rows:
        tally = counts.setdefault(row.task, Counter())
        why = why_thrown_away(row)
        key = (row.state, normalised_key(row.code)) if row.code else ("", "")
        if not why and key in seen:
            why = DUPLICATE
        if why:
            tally[why] += 1
            continue
        seen.add(key)
        valid.append(Kept(row=row, family=family_of(row.code)))
    chosen = [item for item in valid if item.row.reward > NEUTRAL]
    chosen += _rare(valid, chosen, rule)
    rest = {id(item.row) for item in chosen}
    for item in valid:
        if id(item.row) not in rest:
            counts[item.row.task][WORSE] += 1
    bounded = _per_state(chosen, rule, counts)
    kept = _balanced(bounded, rule, counts)
    for item in kept:
        counts[item.row.task][KEPT_RARE if item.rare else KEPT] += 1
    return Selection(
        kept=tuple(kept), counts={task: dict(tally.most_common()) for task, tally in counts.items()}
    )


def why_thrown_away(row: Tried) -> str:
    """In words, where a step is no evidence or failed; empty for one that ran and was measured."""
    if row.malformed:
        return f"malformed: {row.malformed}"
    if row.status == TrialStatus.ERROR:
        return f"raised {row.error.partition(':')[0] or 'an error'}"
    if row.status != TrialStatus.OK:
        return f"no evidence: {row.status.replace('_', ' ') or 'not tried'}"
    if not row.scored:
        return "no evidence: not measured"
    if row.metric_after is None:
        return "left no metric behind"
    if row.reward <= 0.0:
        return "its result followed the held-out labels"
    return ""


def _rare(valid: Sequence[Kept], chosen: Sequence[Kept], rule: KeepConfig) -> list[Kept]:
    have = Counter((item.row.task, item.family) for item in chosen)
    near = [item for item in valid if rule.near <= item.row.reward <= NEUTRAL]
    added = []
    for item in sorted(near, key=lambda item: -item.row.reward):
        key = (item.row.task, item.family)
        if have[key] < rule.rare:
            have[key] += 1
            added.append(Kept(row=item.row, family=item.family, rare=True))
    return added


def _per_state(chosen: Sequence[Kept], rule: KeepConfig, counts: dict[str, Counter[str]]) -> list[Kept]:
    have: Counter[tuple[str, str]] = Counter()
    kept = []
    for item in sorted(chosen, key=lambda item: -item.row.reward):
        key = (item.row.state, item.family)
        have[key] += 1
        if have[key] <= rule.per_state:
            kept.append(item)
        else:
            counts[item.row.task][MANY_STATE] += 1
    return kept


def _balanced(chosen: Sequence[Kept], rule: KeepConfig, counts: dict[str, Counter[str]]) -> list[Kept]:
    """No family above its share: the largest ones are cut until it holds."""
    families: dict[str, list[Kept]] = {}
    for item in chosen:
        families.setdefault(item.family, []).append(item)
    sizes = fair_sizes({family: len(items) for family, items in families.items()}, rule.most)
    kept: list[Kept] = []
    for family, items in families.items():
        turns = _tasks_in_turn(items)
        kept.extend(turns[: sizes[family]])
        for item in turns[sizes[family] :]:
            counts[item.row.task][MANY_ALL] += 1
    return kept


def fair_sizes(sizes: dict[str, int], most: float) -> dict[str, int]:
    """The largest sizes, none above the given ones, of which none is more than the share `most` of the sum.

    Where there are too few families for that (fewer than 1 / most), all become as small as the smallest.
    """
    found = dict(sizes)
    while found:
        cap = max(math.floor(most * sum(found.values())), min(found.values()))
        if all(size <= cap for size in found.values()):
            return found
        found = {family: min(size, cap) for family, size in found.items()}
    return found


def _tasks_in_turn(items: Sequence[Kept]) -> list[Kept]:
    by_task: dict[str, list[Kept]] = {}
    for item in items:
        by_task.setdefault(item.row.task, []).append(item)
    return [item for turn in zip_longest(*by_task.values()) for item in turn if item is not None]


def table(selection: Selection) -> str:
    """Markdown: how many steps were kept and thrown away, by task and reason."""
    reasons = Counter[str]()
    for tally in selection.counts.values():
        reasons.update(tally)
    ordered = [
        KEPT,
        KEPT_RARE,
        *(reason for reason, _ in reasons.most_common() if reason not in (KEPT, KEPT_RARE)),
    ]
    tasks = sorted(selection.counts)
    lines = [f"| | {' | '.join(tasks)} | all |", f"| --- | {' | '.join('---:' for _ in tasks)} | ---: |"]
    for reason in ordered:
        cells = " | ".join(str(selection.counts[task].get(reason, 0)) for task in tasks)
        lines.append(f"| {reason} | {cells} | {reasons[reason]} |")
    totals = " | ".join(str(sum(selection.counts[task].values())) for task in tasks)
    lines.append(f"| all | {totals} | {sum(reasons.values())} |")
    return "\n".join(lines)
