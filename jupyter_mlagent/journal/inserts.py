"""What is put into the tables; each function runs inside its caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime

from jupyter_mlagent import __version__
from jupyter_mlagent.journal.codec import pack, pack_floats, pack_ints
from jupyter_mlagent.journal.records import (
    SuggestionRecord,
    canonical_json,
    slim_state,
    slim_trial,
    state_hash,
)
from jupyter_mlagent.records import Candidate, Sample, State, Verdict

SAID = (Verdict.ACCEPTED, Verdict.EDITED, Verdict.REJECTED)
"""Verdicts that a person gave; ignoring is none."""


def insert_suggestion(connection: sqlite3.Connection, record: SuggestionRecord) -> dict[str, int]:
    """Proposal id -> step id."""
    request = _insert_request(connection, record)
    for position, sample in enumerate(record.samples):
        _insert_sample(connection, request, position, sample)
    return {
        candidate.proposal.id: _insert_step(connection, request, candidate) for candidate in record.candidates
    }


def insert_verdict(
    connection: sqlite3.Connection, step_id: int, verdict: Verdict, edited_source: str | None, reason: str
) -> None:
    """The last verdict counts, but silence never replaces words."""
    if verdict is Verdict.IGNORED and _verdict_of(connection, step_id) in SAID:
        return
    connection.execute(
        "INSERT OR REPLACE INTO verdicts (step, verdict, edited_source, reason, decided_at) "
        "VALUES (?, ?, ?, ?, ?)",
        (step_id, verdict.value, edited_source, reason, _now()),
    )


def mark_undone(connection: sqlite3.Connection, step_id: int) -> None:
    connection.execute(
        "UPDATE verdicts SET undone_at = ? WHERE step = ? AND undone_at IS NULL", (_now(), step_id)
    )


def remove_insight(connection: sqlite3.Connection, step_id: int) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO removed_insights (step, removed_at) VALUES (?, ?)", (step_id, _now())
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _insert_state(connection: sqlite3.Connection, state: State) -> str:
    slim = slim_state(state)
    name = state_hash(slim)
    connection.execute(
        "INSERT OR IGNORE INTO states (hash, notebook, body) VALUES (?, ?, ?)",
        (name, slim.notebook, pack(slim)),
    )
    return name


def _insert_request(connection: sqlite3.Connection, record: SuggestionRecord) -> int:
    values = {
        "request_id": record.request_id,
        "session_id": record.session_id,
        "notebook": record.state.notebook,
        "created_at": _now(),
        "package_version": __version__,
        "state_hash": _insert_state(connection, record.state),
        "parent_step": existing_step(connection, record.parent_step),
        "operator": record.operator.value,
        "task": canonical_json(record.task),
        "prompt": pack(record.request),
        "model": canonical_json(record.model),
        "model_sha256": record.model.model_sha256,
        "adapter": record.model.adapter,
        "reward_version": record.reward_config.version,
        "reward_config": canonical_json(record.reward_config),
    }
    return _insert(connection, "requests", values)


def _insert_sample(connection: sqlite3.Connection, request: int, position: int, sample: Sample) -> None:
    values = {
        "request": request,
        "position": position,
        "proposal_id": sample.proposal_id,
        "text": sample.text,
        "token_ids": pack_ints(sample.token_ids),
        "logprobs": pack_floats(sample.logprobs),
        "finish_reason": sample.finish_reason,
        "malformed": sample.malformed,
    }
    _insert(connection, "samples", values)


def _insert_step(connection: sqlite3.Connection, request: int, candidate: Candidate) -> int:
    trial = slim_trial(candidate.trial)
    said = candidate.proposal.predicted
    values = {
        "request": request,
        "proposal_id": candidate.proposal.id,
        "rank": candidate.rank,
        "plan": candidate.proposal.plan,
        "proposal": pack(candidate.proposal),
        "trial": pack(trial),
        "status": trial.status.value,
        "metric_before": trial.metric_before,
        "metric_after": trial.metric_after,
        "seconds": trial.seconds,
        "reward": candidate.reward,
        "scored": candidate.scored,
        "predicted": said and said.metric,
        "predicted_low": said and said.low,
        "predicted_high": said and said.high,
        "predicted_works": said and said.works,
        "predicted_neighbours": said and said.neighbours,
    }
    return _insert(connection, "steps", values)


def _insert(connection: sqlite3.Connection, table: str, values: Mapping[str, object]) -> int:
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = connection.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 - names from this module only
        tuple(values.values()),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def existing_step(connection: sqlite3.Connection, step_id: int | None) -> int | None:
    """The parent, unless the person deleted it meanwhile: the trajectory then starts anew."""
    row = connection.execute("SELECT id FROM steps WHERE id = ?", (step_id,)).fetchone()
    return None if row is None else int(row["id"])


def _verdict_of(connection: sqlite3.Connection, step_id: int) -> Verdict | None:
    row = connection.execute("SELECT verdict FROM verdicts WHERE step = ?", (step_id,)).fetchone()
    return None if row is None else Verdict(row["verdict"])
