"""What a client and the server say to each other: the protocol of the WebSocket, and the routes beside it.

Routes, all below the server's base URL, all authenticated (`Authorization: token T`, or the login cookie
with its XSRF token) and authorised for the resource `mlagent`; refusals are `{"message": one sentence}`:

    GET    mlagent/status                    version, model, state of the engine, number of notebooks
    GET    mlagent/models                    ModelTable: the catalog, the one in use, the download under way
    POST   mlagent/models                    {"name"}: use that model; 409 where it cannot be used
    POST   mlagent/models/download           {"name"}: fetch it; progress is in GET mlagent/models
    DELETE mlagent/models/download           end the download
    GET    mlagent/adapters                  AdapterTable (learning.py): names, the one in use, what is known
    POST   mlagent/adapters                  {"name"}: use that adapter; null: the base model
    GET    mlagent/adapters/comparison?name= AdapterComparison (training_events.py) with the one in use
    POST   mlagent/adapters/promotion        {"name"}: promote it; 409 unless it is better than the active one
    DELETE mlagent/adapters/promotion        roll the last promotion back
    GET    mlagent/training                  TrainingStatus (training.py): the trainer's run
    POST   mlagent/training                  {"kind"}: start one
    POST   mlagent/training/pause            pause it after the update under way; DELETE: go on
    GET    mlagent/journal?path=NB.ipynb     the notebook's steps, newest first
    GET    mlagent/journal/NUMBER            {"plan", "code", "trial"} of one step
    GET    mlagent/search?path=NB.ipynb      the last search as a page; &form=json: as AIDE's journal
    GET    mlagent/notebook?path=NB.ipynb    upgrade to the WebSocket of that notebook's session

`path` is the notebook's path as the contents API has it. Messages on the WebSocket are JSON objects with a
`type`, the tag of a class below, next to the events of a session (events.py, autopilot.py). `id` pairs a
question with its answer; the client counts it. A conversation:

    server  room_state                       all there is to show, the events so far included
    client  hello {kernel_id}                the kernel (as the kernels API has it) that trials are copies of
    client  ask {cells, focus_cell_id, ...}  the cells as they stand; ends a request under way
    server  working, started, plan_delta, code_delta, proposal_ready, trial_started, trial_output,
            trial_finished, ..., then ranked or failed, then working
    client  accept {id, proposal_id, cells}  or reject {id, proposal_id, reason}
    server  accepted {id, acceptance, gain}  or done {id}, or problem {id, message, stale}; judged to everyone
            The client now puts `acceptance.source` after (or, with `anchor.replaces`, into) the cell
            `acceptance.anchor.cell_id`, if that cell's source still has `anchor.source_hash`, and runs it.
    client  ran {id, proposal_id}            where it ran without an error
    server  measured {id, matches, message}  the real result beside the tried one
    client  undo {proposal_id}               where the cell was taken out again

With `explore` a search begins: its events (search/events.py) come to every page, any page may send its
commands (search/commands.py), and `search_keep` has the page put a path into the notebook as a flight does.
With fly, the server sends `apply` for each step it keeps; the client puts it in, runs it, and answers
`applied` with the same id, or it is told to `retract` a cell. `engine_changed` and `training_changed` (a
TrainingStatus) come at any time. The session belongs to the server: closing the
WebSocket loses nothing but a flight. Fields may be added to messages; none is renamed or removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.engine.status import EngineStatus
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.kernel import CellRun
from jupyter_mlagent.notebook import Gain
from jupyter_mlagent.records import Cell, Direction, Metric, Operator, Record, Verdict
from jupyter_mlagent.search.commands import SearchCommand

Tell = Callable[[Record], None]
"""Sends one message to one page."""

# -- from the browser


class Hello(Record, tag="hello"):
    """Which kernel the notebook has now; sent first, and again whenever that changes."""

    kernel_id: str | None = None


class Rename(Record, tag="rename"):
    """The notebook has another path now; its session comes along."""

    path: str


class Ask(Record, tag="ask"):
    """Make proposals; a request under way for this notebook ends."""

    cells: tuple[Cell, ...]
    focus_cell_id: str | None = None
    hint: str = ""
    candidates: int | None = None
    operator: Operator | None = None
    allow_unguarded: bool = False


class Stop(Record, tag="stop"):
    """End the request or flight under way."""


class Accept(Record, tag="accept"):
    id: int
    proposal_id: str
    cells: tuple[Cell, ...]
    edited_source: str | None = None


class Ran(Record, tag="ran"):
    """An accepted cell has run in the notebook's kernel."""

    id: int
    proposal_id: str


class Reject(Record, tag="reject"):
    id: int
    proposal_id: str
    reason: str = ""


class Undo(Record, tag="undo"):
    """An accepted cell was taken out of the notebook again."""

    proposal_id: str


class FindMetrics(Record, tag="find_metrics"):
    id: int
    cells: tuple[Cell, ...]


class SetMetric(Record, tag="set_metric"):
    """Take the person's expression; None: the best one found in the cells."""

    id: int
    cells: tuple[Cell, ...]
    expression: str | None = None
    direction: Direction | None = None


class Fly(Record, tag="fly"):
    """Start the autopilot; this connection applies its steps."""

    cells: tuple[Cell, ...]
    steps: int = 5
    seconds: float | None = None
    candidates: int = 4
    allow_unguarded: bool = False


class Explore(Record, tag="explore"):
    """Start a search over the notebook: a tree of steps, tried beside the notebook's kernel."""

    cells: tuple[Cell, ...]
    steps: int | None = 30
    seconds: float | None = None
    candidates: int = 2
    """Children that one expansion asks for."""
    workers: int = 1
    allow_unguarded: bool = False


class SearchKeep(Record, tag="search_keep"):
    """Put the path to a node into the notebook and run it; this connection applies its steps."""

    node: int
    cells: tuple[Cell, ...]
    """The notebook as it stands now."""


class Applied(Record, tag="applied"):
    """The answer to `Apply`: the cell stands in the notebook and has run."""

    id: int
    cell_id: str
    run: CellRun
    cells: tuple[Cell, ...]
    problem: str = ""
    """Why it could not be put in or run, as one sentence."""


class Complete(Record, tag="complete"):
    """Fill in the middle of one cell."""

    id: int
    prefix: str
    suffix: str


class CancelCompletion(Record, tag="cancel_completion"):
    id: int


FromBrowser = (
    Hello
    | Rename
    | Ask
    | Stop
    | Accept
    | Ran
    | Reject
    | Undo
    | FindMetrics
    | SetMetric
    | Fly
    | Explore
    | SearchKeep
    | SearchCommand
    | Applied
    | Complete
    | CancelCompletion
)

# -- to the browser


class RoomState(Record, tag="room_state"):
    """All a page needs to show the notebook's session again: the events since the last request began."""

    metric: Metric | None
    working: bool
    flying: bool
    events: tuple[Any, ...]
    engine: EngineStatus
    journal_problem: str = ""
    searching: bool = False
    search: tuple[Any, ...] = ()
    """The events that show the last search again (search/events.py)."""


class EngineChanged(Record, tag="engine_changed"):
    engine: EngineStatus


class MetricChanged(Record, tag="metric_changed"):
    metric: Metric | None
    value: float | None = None


class Working(Record, tag="working"):
    """Whether a request, a flight or a search is under way."""

    working: bool
    flying: bool
    searching: bool = False


class Accepted(Record, tag="accepted"):
    """To whoever accepted: insert this and run it."""

    id: int
    acceptance: Acceptance
    gain: Gain


class Judged(Record, tag="judged"):
    """To everyone who looks at the notebook: a proposal got its verdict."""

    proposal_id: str
    verdict: Verdict


class Measured(Record, tag="measured"):
    """How the real run compares with the trial."""

    id: int
    proposal_id: str
    metric_after: float | None
    matches: bool
    message: str


class Done(Record, tag="done"):
    id: int


class FoundMetric(Record):
    expression: str
    direction: Direction | None
    origin: str


class FoundMetrics(Record, tag="found_metrics"):
    id: int
    metrics: tuple[FoundMetric, ...]


class Apply(Record, tag="apply"):
    """The autopilot kept a step: insert it, run it and answer `Applied` with the same id."""

    id: int
    acceptance: Acceptance
    gain: Gain


class Retract(Record, tag="retract"):
    """Take a cell of the autopilot out again."""

    cell_id: str


class Completion(Record, tag="completion"):
    """The text so far; `done` with the last one."""

    id: int
    text: str
    done: bool


class Problem(Record, tag="problem"):
    """One sentence for the person; `id` of the question it answers, if any."""

    message: str
    id: int | None = None
    stale: bool = False
    """The proposal no longer fits its cell."""


def read(data: str | bytes) -> FromBrowser:
    """Raises MlagentError for what is no message."""
    try:
        message: FromBrowser = msgspec.json.decode(data, type=FromBrowser)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MlagentError(f"The page sent a message that is not understood ({error}).") from None
    return message


def write(message: Record) -> str:
    return msgspec.json.encode(message).decode()
