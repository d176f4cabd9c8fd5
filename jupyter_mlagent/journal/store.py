"""Keeping steps and verdicts, and deleting what the person does not want kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from jupyter_mlagent.agent.prediction import Precedent
from jupyter_mlagent.agent.profile import Profile
from jupyter_mlagent.errors import JournalError
from jupyter_mlagent.journal import inserts, lessons, queries
from jupyter_mlagent.journal.codec import unpack
from jupyter_mlagent.journal.database import Database
from jupyter_mlagent.journal.lessons import Insight
from jupyter_mlagent.journal.records import (
    MalformedReply,
    Step,
    StepFilter,
    StepSummary,
    SuggestionRecord,
)
from jupyter_mlagent.records import Metric, Prediction, State, Verdict


class Journal:
    """One SQLite file a user. Several threads and several processes may use it at once.

    Every method raises JournalError with one sentence when the file cannot serve it; whoever calls goes on
    without a journal then. A step is kept once its method has returned, also through a crash right after.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path | None = None) -> Journal:
        """The journal at `path`, made when missing; None: the person's own."""
        if path is None:
            from jupyter_mlagent.paths import journal_path

            path = journal_path()
        return cls(Database(path))

    @property
    def path(self) -> Path:
        return self._database.path

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # -- keeping

    def record_suggestion(self, record: SuggestionRecord) -> dict[str, int]:
        """Keep a request with its samples and candidates, in one transaction; proposal id -> step id."""
        with self._database.writing() as connection:
            return inserts.insert_suggestion(connection, record)

    def record_verdict(
        self, step_id: int, verdict: Verdict, edited_source: str | None = None, reason: str = ""
    ) -> None:
        """Keep what the person said; a later verdict replaces it, but silence never replaces words."""
        with self._database.writing() as connection:
            _require_step(connection, step_id)
            inserts.insert_verdict(connection, step_id, verdict, edited_source, reason)

    def mark_undone(self, step_id: int) -> None:
        """An accepted step was taken back: it stays visible but is never learned from."""
        with self._database.writing() as connection:
            _require_step(connection, step_id)
            inserts.mark_undone(connection, step_id)

    def remove_insight(self, step_id: int) -> None:
        """This step is never drawn on in another notebook again; it stays in the journal."""
        with self._database.writing() as connection:
            _require_step(connection, step_id)
            inserts.remove_insight(connection, step_id)

    # -- looking

    def steps(self, wanted: StepFilter | None = None) -> tuple[StepSummary, ...]:
        """Newest first."""
        with self._database.reading() as connection:
            return queries.summaries(connection, wanted or StepFilter())

    def step(self, step_id: int) -> Step:
        """Everything about one step; JournalError when there is none of that number."""
        with self._database.reading() as connection:
            found = queries.full_step(connection, step_id)
        if found is None:
            raise JournalError(f"The journal has no step {step_id}.")
        return found

    def state(self, wanted_hash: str) -> State:
        """The state of that hash (see `state_hash`); JournalError when it is not kept."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT body FROM states WHERE hash = ?", (wanted_hash,)).fetchone()
            if row is None:
                raise JournalError(f"The journal has no state {wanted_hash}.")
            return unpack(row["body"], State)

    def full_steps(self, wanted: StepFilter | None = None) -> Iterator[Step]:
        """Oldest first, one at a time: a journal may be larger than memory."""
        for summary in reversed(self.steps(wanted)):
            with self._database.reading() as connection:
                found = queries.full_step(connection, summary.id)
            # Deleted by another program since the list was made.
            if found is not None:
                yield found

    def malformed_replies(self, notebook: str | None = None) -> Iterator[MalformedReply]:
        """Sampled replies that were no proposals, oldest first."""
        with self._database.reading() as connection:
            numbers = queries.malformed_samples(connection, notebook)
        for number in numbers:
            with self._database.reading() as connection:
                found = queries.malformed_reply(connection, number)
            if found is not None:
                yield found

    def insights(self, notebook: str | None = None, like: Profile | None = None) -> tuple[Insight, ...]:
        """The best step of each other notebook, the most alike first; without `like` all, newest first."""
        with self._database.reading() as connection:
            return lessons.insights(connection, notebook, like)

    def precedents(self, notebook: str, metric: Metric) -> tuple[Precedent, ...]:
        """Tried cells that predictions for this notebook may draw on, newest first."""
        with self._database.reading() as connection:
            return lessons.precedents(connection, notebook, metric)

    def predictions(self, notebook: str | None = None) -> tuple[tuple[Prediction, float | None], ...]:
        """What was predicted of steps beside what they measured (None: they failed), oldest first."""
        with self._database.reading() as connection:
            return lessons.predictions(connection, notebook)

    def training_steps(self, notebook: str | None = None) -> Iterator[Step]:
        """Steps a person judged (accepted, edited or rejected) and did not take back, oldest first."""
        return self.full_steps(StepFilter(notebook=notebook, verdicts=inserts.SAID, include_undone=False))

    def trajectories(self, notebook: str) -> tuple[tuple[StepSummary, ...], ...]:
        """Chains of steps, first one to last kept one; they share prefixes and so form a tree."""
        with self._database.reading() as connection:
            return queries.trajectories(queries.summaries(connection, StepFilter(notebook=notebook)))

    def export_jsonl(self, stream: BinaryIO, wanted: StepFilter | None = None) -> int:
        """Write steps, one JSON object a line, each complete in itself; returns how many.

        Malformed replies (`"type": "malformed"`) follow the steps (`"type": "step"`) when the filter asks for
        nothing but a notebook.
        """
        wanted = wanted or StepFilter()
        lines: Iterable[Step | MalformedReply] = self.full_steps(wanted)
        count = _write_lines(stream, lines)
        if wanted == StepFilter(notebook=wanted.notebook):
            count += _write_lines(stream, self.malformed_replies(wanted.notebook))
        return count

    def rename_notebook(self, old: str, new: str) -> None:
        """The steps of a notebook go on under its new name."""
        with self._database.writing() as connection:
            queries.rename_requests(connection, old, new)

    # -- deleting

    def delete(self, step_ids: Sequence[int]) -> int:
        """Delete steps with everything kept of them alone; returns how many there were.

        A request whose last step goes takes its prompt, its malformed replies and its state along.
        """
        with self._database.writing() as connection:
            count = queries.delete_steps(connection, step_ids)
        self._database.flush_log()
        return count

    def delete_notebook(self, notebook: str | None) -> int:
        """Delete all that was kept of a notebook (None: of every notebook); returns the number of steps."""
        with self._database.writing() as connection:
            count = queries.delete_requests(connection, notebook)
        self._database.flush_log()
        return count

    def vacuum(self) -> None:
        """Give the space of deleted steps back to the disk."""
        self._database.compact()


def _require_step(connection: sqlite3.Connection, step_id: int) -> None:
    if inserts.existing_step(connection, step_id) is None:
        raise JournalError(f"The journal has no step {step_id}; it may have been deleted.")


def _write_lines(stream: BinaryIO, records: Iterable[Step | MalformedReply]) -> int:
    count = 0
    for record in records:
        stream.write(msgspec.json.encode(record) + b"\n")
        count += 1
    return count
