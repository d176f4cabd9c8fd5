"""What is asked of the tables: lists, whole steps, trajectories, and what to delete with a step."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from jupyter_mlagent.engine.api import EngineInfo, GenerateRequest
from jupyter_mlagent.journal.codec import unpack, unpack_floats, unpack_ints
from jupyter_mlagent.journal.records import MalformedReply, Step, StepFilter, StepSummary, StepVerdict
from jupyter_mlagent.records import Operator, Proposal, Sample, State, Task, Trial, TrialStatus, Verdict
from jupyter_mlagent.reward.reward import RewardConfig

KEPT = (Verdict.ACCEPTED, Verdict.EDITED)

_SUMMARY = """
    SELECT steps.id, requests.created_at, requests.notebook, requests.session_id, requests.request_id,
           requests.parent_step, requests.operator, steps.rank, steps.plan, steps.status,
           steps.metric_before, steps.metric_after, steps.seconds, steps.reward, steps.scored,
           verdicts.verdict, verdicts.undone_at IS NOT NULL AS undone
    FROM steps
    JOIN requests ON requests.id = steps.request
    LEFT JOIN verdicts ON verdicts.step = steps.id
"""
_REQUEST = """
    requests.created_at, requests.session_id, requests.request_id, requests.package_version,
    requests.parent_step, requests.state_hash, requests.task, requests.prompt, requests.model,
    requests.operator, requests.reward_config, states.body AS state
"""


def summaries(connection: sqlite3.Connection, wanted: StepFilter) -> tuple[StepSummary, ...]:
    """Newest first."""
    conditions, values = _conditions(wanted)
    limit = -1 if wanted.limit is None else wanted.limit
    query = f"{_SUMMARY} WHERE {conditions} ORDER BY steps.id DESC LIMIT ?"
    return tuple(_summary(row) for row in connection.execute(query, (*values, limit)))


def _conditions(wanted: StepFilter) -> tuple[str, list[Any]]:
    """SQL with placeholders, and their values."""
    parts: list[tuple[str, list[Any]]] = [("1", [])]
    if wanted.notebook is not None:
        parts.append(("requests.notebook = ?", [wanted.notebook]))
    if wanted.session_id is not None:
        parts.append(("requests.session_id = ?", [wanted.session_id]))
    if wanted.verdicts:
        marks = ", ".join("?" * len(wanted.verdicts))
        parts.append((f"verdicts.verdict IN ({marks})", [verdict.value for verdict in wanted.verdicts]))
    if not wanted.include_undone:
        parts.append(("verdicts.undone_at IS NULL", []))
    if wanted.scored_only:
        parts.append(("steps.scored", []))
    if wanted.since is not None:
        parts.append(("requests.created_at >= ?", [wanted.since]))
    return " AND ".join(text for text, _ in parts), [value for _, values in parts for value in values]


def _summary(row: sqlite3.Row) -> StepSummary:
    return StepSummary(
        id=row["id"],
        created_at=row["created_at"],
        notebook=row["notebook"],
        session_id=row["session_id"],
        request_id=row["request_id"],
        parent_step=row["parent_step"],
        operator=Operator(row["operator"]),
        rank=row["rank"],
        plan=row["plan"],
        status=TrialStatus(row["status"]),
        metric_before=row["metric_before"],
        metric_after=row["metric_after"],
        seconds=row["seconds"],
        reward=row["reward"],
        scored=bool(row["scored"]),
        verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
        undone=bool(row["undone"]),
    )


def full_step(connection: sqlite3.Connection, step_id: int) -> Step | None:
    row = connection.execute(
        f"SELECT steps.*, {_REQUEST}, verdicts.verdict, verdicts.edited_source, verdicts.reason, "  # noqa: S608
        "verdicts.decided_at, verdicts.undone_at FROM steps "
        "JOIN requests ON requests.id = steps.request JOIN states ON states.hash = requests.state_hash "
        "LEFT JOIN verdicts ON verdicts.step = steps.id WHERE steps.id = ?",
        (step_id,),
    ).fetchone()
    if row is None:
        return None
    sample = connection.execute(
        "SELECT * FROM samples WHERE request = ? AND proposal_id = ?", (row["request"], row["proposal_id"])
    ).fetchone()
    return Step(
        id=row["id"],
        sample=None if sample is None else _sample(sample),
        proposal=unpack(row["proposal"], Proposal),
        trial=unpack(row["trial"], Trial),
        rank=row["rank"],
        reward=row["reward"],
        scored=bool(row["scored"]),
        verdict=_verdict(row),
        **_request(row),
    )


def _request(row: sqlite3.Row) -> dict[str, Any]:
    """The fields that a step and a malformed reply take from their request."""
    return {
        "created_at": row["created_at"],
        "session_id": row["session_id"],
        "request_id": row["request_id"],
        "package_version": row["package_version"],
        "parent_step": row["parent_step"],
        "state_hash": row["state_hash"],
        "state": unpack(row["state"], State),
        "task": msgspec.json.decode(row["task"], type=Task),
        "request": unpack(row["prompt"], GenerateRequest),
        "model": msgspec.json.decode(row["model"], type=EngineInfo),
        "reward_config": msgspec.json.decode(row["reward_config"], type=RewardConfig),
    }


def _sample(row: sqlite3.Row) -> Sample:
    return Sample(
        text=row["text"],
        token_ids=unpack_ints(row["token_ids"]),
        logprobs=unpack_floats(row["logprobs"]),
        finish_reason=row["finish_reason"],
        proposal_id=row["proposal_id"],
        malformed=row["malformed"],
    )


def _verdict(row: sqlite3.Row) -> StepVerdict | None:
    if row["verdict"] is None:
        return None
    return StepVerdict(
        verdict=Verdict(row["verdict"]),
        decided_at=row["decided_at"],
        edited_source=row["edited_source"],
        reason=row["reason"],
        undone=row["undone_at"] is not None,
    )


def malformed_samples(connection: sqlite3.Connection, notebook: str | None) -> list[int]:
    """Row numbers, oldest first."""
    rows = connection.execute(
        "SELECT samples.id FROM samples JOIN requests ON requests.id = samples.request "
        "WHERE samples.proposal_id IS NULL AND (? IS NULL OR requests.notebook = ?) ORDER BY samples.id",
        (notebook, notebook),
    )
    return [row["id"] for row in rows]


def malformed_reply(connection: sqlite3.Connection, number: int) -> MalformedReply | None:
    row = connection.execute(
        f"SELECT samples.*, {_REQUEST} FROM samples JOIN requests ON requests.id = samples.request "  # noqa: S608
        "JOIN states ON states.hash = requests.state_hash WHERE samples.id = ?",
        (number,),
    ).fetchone()
    if row is None:
        return None
    request = _request(row)
    return MalformedReply(
        sample=_sample(row),
        operator=Operator(row["operator"]),
        reward=request["reward_config"].error,
        **request,
    )


def trajectories(steps: Sequence[StepSummary]) -> tuple[tuple[StepSummary, ...], ...]:
    """Chains from a first step to a kept one that no other kept step follows, oldest first."""
    by_id = {step.id: step for step in steps}
    kept = [step for step in by_id.values() if step.verdict in KEPT and not step.undone]
    followed = {step.parent_step for step in kept}
    leaves = sorted(step.id for step in kept if step.id not in followed)
    return tuple(_chain(by_id, leaf) for leaf in leaves)


def _chain(by_id: dict[int, StepSummary], leaf: int) -> tuple[StepSummary, ...]:
    chain: list[StepSummary] = []
    step = by_id.get(leaf)
    while step is not None:
        chain.append(step)
        step = None if step.parent_step is None else by_id.get(step.parent_step)
    return tuple(reversed(chain))


def delete_steps(connection: sqlite3.Connection, step_ids: Sequence[int]) -> int:
    count = 0
    for step_id in step_ids:
        row = connection.execute("SELECT request, proposal_id FROM steps WHERE id = ?", (step_id,)).fetchone()
        if row is None:
            continue
        connection.execute("DELETE FROM samples WHERE request = ? AND proposal_id = ?", tuple(row))
        connection.execute("DELETE FROM steps WHERE id = ?", (step_id,))
        connection.execute(
            "DELETE FROM requests WHERE id = ? AND id NOT IN (SELECT request FROM steps)", (row["request"],)
        )
        count += 1
    _delete_lone_states(connection)
    return count


def delete_requests(connection: sqlite3.Connection, notebook: str | None) -> int:
    rows = connection.execute(
        "SELECT count(*) FROM steps JOIN requests ON requests.id = steps.request "
        "WHERE ? IS NULL OR requests.notebook = ?",
        (notebook, notebook),
    )
    count = int(rows.fetchone()[0])
    connection.execute("DELETE FROM requests WHERE ? IS NULL OR notebook = ?", (notebook, notebook))
    _delete_lone_states(connection)
    return count


def rename_requests(connection: sqlite3.Connection, old: str, new: str) -> None:
    connection.execute("UPDATE requests SET notebook = ? WHERE notebook = ?", (new, old))
    connection.execute("UPDATE states SET notebook = ? WHERE notebook = ?", (new, old))


def _delete_lone_states(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM states WHERE hash NOT IN (SELECT state_hash FROM requests)")
