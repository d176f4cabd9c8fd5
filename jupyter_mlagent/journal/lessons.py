"""What earlier steps of this person's own journal teach: insights for other notebooks, predictions judged.

Nothing here leaves the machine, and only steps that ran, bettered their metric and were not turned down are
drawn on. What is drawn on is shown to the person, who can remove it for good.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from jupyter_mlagent.agent.prediction import Precedent
from jupyter_mlagent.agent.profile import Profile, likeness, profile_of
from jupyter_mlagent.journal.codec import unpack
from jupyter_mlagent.records import Metric, Prediction, Proposal, Record, State, Task

NOTEBOOKS = 60
"""Notebooks looked at, those worked on last."""
LEAST_LIKENESS = 0.55
"""Below it (see `agent/profile.py`) a notebook is too different to learn from."""
PRECEDENTS = 300
"""Steps that predictions draw on, the newest."""
PLAN_CHARACTERS = 90
BETTER = 0.5
"""A reward above it means that the metric got better."""


class Insight(Record):
    """The best step of one earlier notebook."""

    step: int
    """Its number in the journal, by which it is shown and removed."""
    notebook: str
    plan: str
    metric_before: float | None
    metric_after: float | None
    measure: str
    """The metric's functions."""
    told: str
    """What that notebook's task and data look like."""
    likeness: float
    """To the notebook that was asked for, in [0, 1]; 1 where none was."""

    @property
    def sentence(self) -> str:
        """One line for a prompt: what was done, on what data, and what it brought; no notebook's name."""
        before = "" if self.metric_before is None else f" from {self.metric_before:.4g}"
        plan = " ".join(self.plan.split()).rstrip(".")
        plan = plan if len(plan) <= PLAN_CHARACTERS else f"{plan[: PLAN_CHARACTERS - 1]}…"
        return f"{plan}: {self.measure or 'the metric'}{before} to {self.metric_after:.4g} ({self.told})"


_BEST = f"""
    SELECT steps.id, steps.plan, steps.metric_before, steps.metric_after, requests.notebook, requests.task,
           states.body AS state,
           row_number() OVER (
               PARTITION BY requests.notebook
               ORDER BY coalesce(verdicts.verdict IN ('accepted', 'accepted_after_edit'), 0) DESC,
                        steps.reward DESC, steps.id DESC
           ) AS place
    FROM steps
    JOIN requests ON requests.id = steps.request
    JOIN states ON states.hash = requests.state_hash
    LEFT JOIN verdicts ON verdicts.step = steps.id
    WHERE steps.status = 'ok' AND steps.scored AND steps.reward > {BETTER} AND steps.metric_after IS NOT NULL
      AND coalesce(verdicts.verdict, '') != 'rejected' AND verdicts.undone_at IS NULL
      AND steps.id NOT IN (SELECT step FROM removed_insights)
"""  # noqa: S608 - a constant of this module


def insights(
    connection: sqlite3.Connection, notebook: str | None = None, like: Profile | None = None
) -> tuple[Insight, ...]:
    """The best step of each notebook but `notebook`, the most alike first; without `like` newest first."""
    rows = connection.execute(
        f"SELECT * FROM ({_BEST}) WHERE place = 1 AND (? IS NULL OR notebook != ?) "  # noqa: S608
        "ORDER BY id DESC LIMIT ?",
        (notebook, notebook, NOTEBOOKS),
    )
    found = [_insight(row, like) for row in rows]
    if like is None:
        return tuple(found)
    near = [insight for insight in found if insight.likeness >= LEAST_LIKENESS]
    return tuple(sorted(near, key=lambda insight: (-insight.likeness, -insight.step)))


def _insight(row: sqlite3.Row, like: Profile | None) -> Insight:
    profile = profile_of(unpack(row["state"], State), msgspec.json.decode(row["task"], type=Task))
    return Insight(
        step=row["id"],
        notebook=row["notebook"],
        plan=row["plan"],
        metric_before=row["metric_before"],
        metric_after=row["metric_after"],
        measure=profile.measure,
        told=profile.told,
        likeness=1.0 if like is None else likeness(profile, like),
    )


def told(found: tuple[Insight, ...]) -> str:
    """One sentence for the person: what is drawn on, from where, and how to remove it."""
    parts = [f"{each.step} ({Path(each.notebook).stem}: {each.plan.strip().rstrip('.')})" for each in found]
    return (
        f"From your earlier notebooks the model is told of step {' and '.join(parts)}; "
        "`mlagent journal insights remove ID` takes one out for good, --no-insights leaves all out."
    )


def precedents(connection: sqlite3.Connection, notebook: str, metric: Metric) -> tuple[Precedent, ...]:
    """Steps that predictions may draw on: of this notebook by the same metric, of others by the same
    direction, where only the relative change counts."""
    rows = connection.execute(
        "SELECT steps.proposal, steps.status, steps.metric_before, steps.metric_after, steps.predicted, "
        "requests.notebook, requests.task FROM steps JOIN requests ON requests.id = steps.request "
        "WHERE steps.scored ORDER BY steps.id DESC LIMIT ?",
        (PRECEDENTS,),
    )
    found = []
    for row in rows:
        measured = msgspec.json.decode(row["task"], type=Task).metric
        if measured is None or measured.direction is not metric.direction:
            continue
        found.append(
            Precedent(
                code=unpack(row["proposal"], Proposal).code,
                metric_before=row["metric_before"],
                metric_after=row["metric_after"] if row["status"] == "ok" else None,
                same_task=row["notebook"] == notebook and measured.expression == metric.expression,
                predicted=row["predicted"],
            )
        )
    return tuple(found)


def predictions(
    connection: sqlite3.Connection, notebook: str | None
) -> tuple[tuple[Prediction, float | None], ...]:
    """What was predicted beside what was measured (None: the cell failed), oldest first."""
    rows = connection.execute(
        "SELECT steps.* FROM steps JOIN requests ON requests.id = steps.request "
        "WHERE steps.predicted IS NOT NULL AND steps.scored AND (? IS NULL OR requests.notebook = ?) "
        "ORDER BY steps.id",
        (notebook, notebook),
    )
    return tuple(
        (
            Prediction(
                metric=row["predicted"],
                low=row["predicted_low"],
                high=row["predicted_high"],
                works=row["predicted_works"],
                neighbours=row["predicted_neighbours"],
            ),
            row["metric_after"] if row["status"] == "ok" else None,
        )
        for row in rows
    )
