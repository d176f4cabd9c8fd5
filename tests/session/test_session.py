"""The session: what it proposes, what it takes, what it refuses. A scripted engine and scripted trials."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import msgspec
import pytest

from jupyter_mlagent import events
from jupyter_mlagent.acceptance import StaleProposalError
from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.engine import api
from jupyter_mlagent.engine.api import EngineInfo, GenerateRequest
from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.errors import MetricError, MlagentError
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.records import (
    Cell,
    Direction,
    Operator,
    Sample,
    Trial,
    TrialError,
    TrialStatus,
    Variable,
    Verdict,
    source_hash,
)
from jupyter_mlagent.session import Session
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.trial.scripted import ScriptedTrials

METRIC = "accuracy_score(y_val, model.predict(X_val))"
VARIABLES = tuple(
    Variable(name=name, type="object", summary=name)
    for name in ("model", "X_train", "y_train", "X_val", "y_val", "accuracy_score")
)
CELLS = (
    Cell(id="load", kind="code", source="X_train, X_val, y_train, y_val = load()", execution_count=1),
    Cell(
        id="score",
        kind="code",
        source=f"model = Weak().fit(X_train, y_train)\nprint({METRIC})",
        outputs=({"output_type": "stream", "name": "stdout", "text": "0.5\n"},),
        execution_count=2,
    ),
)


def reply(plan: str, code: str) -> str:
    return f"{PREFILL} {plan}\n{code}\n```"


FOREST = """\
from sklearn.ensemble import RandomForestClassifier
model = RandomForestClassifier().fit(X_train, y_train)"""
TREE = """\
from sklearn.tree import DecisionTreeClassifier
model = DecisionTreeClassifier().fit(X_train, y_train)"""


def make_session(replies: list[str], trials: ScriptedTrials, journal: Journal | None = None) -> Session:
    session = Session(
        "nb.ipynb",
        engine=ScriptedEngine(replies=replies),
        trials=trials,
        journal=journal,
        settings=SessionSettings(candidates=len(replies)),
    )
    session.set_metric(CELLS, METRIC, Direction.MAXIMIZE)
    return session


async def collect(session: Session, **wishes: object) -> list[events.SuggestEvent]:
    return [event async for event in session.suggest(CELLS, **wishes)]  # type: ignore[arg-type]


def only(stream: list[events.SuggestEvent], kind: type[events.Ranked]) -> events.Ranked:
    (found,) = [event for event in stream if isinstance(event, kind)]
    return found


async def test_candidates_are_ranked_by_what_their_trials_measured() -> None:
    trials = ScriptedTrials(0.5, {"RandomForest": 0.9, "DecisionTree": 0.7}, VARIABLES)
    session = make_session([reply("a tree", TREE), reply("a forest", FOREST)], trials)

    stream = await collect(session)

    ranked = only(stream, events.Ranked)
    assert [item.proposal.plan for item in ranked.candidates] == ["a forest", "a tree"]
    assert [item.trial.metric_after for item in ranked.candidates] == [0.9, 0.7]
    assert ranked.candidates[0].reward > ranked.candidates[1].reward > 0.5
    assert stream[-1] is ranked


async def test_the_plan_is_heard_before_the_code_and_the_code_before_its_trial() -> None:
    session = make_session([reply("a forest", FOREST)], ScriptedTrials(0.5, variables=VARIABLES))

    kinds = [type(event) for event in await collect(session)]

    order = [
        events.Started,
        events.PlanDelta,
        events.CodeDelta,
        events.ProposalReady,
        events.TrialStarted,
        events.TrialOutput,
        events.TrialFinished,
        events.Ranked,
    ]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)


class GuidedEngine(ScriptedEngine):
    """Starts each reply with what the request gives it, and then writes a forest."""

    async def start(self) -> EngineInfo:
        return msgspec.structs.replace(await super().start(), prefills=True)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[api.GenerateEvent]:
        yield api.PromptRead(prompt_tokens=1, cached_tokens=0, seconds=0.0)
        for index, start in enumerate(request.prefills):
            text = f"{request.prefill}{start}\n# {index}\n{FOREST}\n```"
            for piece in (text[:30], text[30:]):
                yield api.TextDelta(index=index, text=piece)
            yield api.ReplyDone(index=index, sample=Sample(text=text))


async def test_a_plan_that_the_reply_is_given_is_heard_before_the_prompt_is_read() -> None:
    session = make_session([""] * 4, ScriptedTrials(0.5, {"Forest": 0.9}, VARIABLES))
    session.engine = GuidedEngine()

    stream = await collect(session)

    kinds = [type(event) for event in stream]
    ahead = [
        event.index for event in stream[: kinds.index(events.PromptRead)] if type(event) is events.PlanDelta
    ]
    assert ahead == [0, 1, 2]
    ready = next(event for event in stream if isinstance(event, events.ProposalReady))
    heard = [e.text for e in stream if isinstance(e, events.PlanDelta) and e.index == ready.index]
    assert "".join(heard) == ready.proposal.plan


async def test_every_event_survives_the_way_to_a_front_end() -> None:
    session = make_session([reply("a forest", FOREST), "nonsense"], ScriptedTrials(0.5, variables=VARIABLES))

    for event in await collect(session):
        assert events.decode(events.encode(event)) == event


async def test_malformed_and_duplicate_replies_are_dropped_and_said() -> None:
    commented = f"# the same, with a comment\n{FOREST}"
    replies = [reply("a forest", FOREST), reply("again", commented), "I cannot help with that."]
    session = make_session(replies, ScriptedTrials(0.5, variables=VARIABLES))

    ranked = only(await collect(session), events.Ranked)

    assert len(ranked.candidates) == 1
    assert len(ranked.dropped) == 2


async def test_a_cell_that_cannot_run_is_not_tried() -> None:
    trials = ScriptedTrials(0.5, variables=VARIABLES)
    session = make_session([reply("undefined", "model = Forest().fit(X_train, y_train)")], trials)

    (candidate,) = only(await collect(session), events.Ranked).candidates

    assert trials.tried == []
    assert candidate.trial.status is TrialStatus.ERROR
    assert "Forest" in candidate.trial.reason
    assert candidate.reward == 0


async def test_a_cell_that_raised_leads_to_a_repair_in_its_place() -> None:
    failing = Cell(
        id="bad",
        kind="code",
        source="model = Weak().fit(X_train)",
        outputs=(
            {"output_type": "error", "ename": "TypeError", "evalue": "y", "traceback": ["TypeError: y"]},
        ),
    )
    session = make_session([reply("fit with y", FOREST)], ScriptedTrials(None, variables=VARIABLES))

    stream = [event async for event in session.suggest((*CELLS, failing))]

    (candidate,) = only(stream, events.Ranked).candidates
    assert candidate.proposal.operator is Operator.DEBUG
    assert candidate.proposal.anchor.cell_id == "bad"
    assert candidate.proposal.anchor.replaces


async def test_accepting_hands_back_exactly_what_was_tried() -> None:
    trials = ScriptedTrials(0.5, {"RandomForest": 0.9}, VARIABLES)
    session = make_session([reply("a forest", FOREST)], trials)
    (candidate,) = only(await collect(session), events.Ranked).candidates

    acceptance = session.accept(candidate.proposal.id, CELLS)

    assert acceptance.tried
    assert acceptance.source == trials.tried[0]
    assert source_hash(acceptance.source) == candidate.proposal.source_hash
    assert acceptance.anchor.cell_id == "score"


async def test_a_real_result_that_differs_from_the_tried_one_is_said() -> None:
    trials = ScriptedTrials(0.5, {"RandomForest": 0.9}, VARIABLES)
    session = make_session([reply("a forest", FOREST)], trials)
    (candidate,) = only(await collect(session), events.Ranked).candidates
    acceptance = session.accept(candidate.proposal.id, CELLS)
    trials.metric, trials.execution_count = 0.8, 2

    outcome = await session.confirm(acceptance)

    assert not outcome.matches
    assert "0.8" in outcome.message and "0.9" in outcome.message


async def test_a_proposal_for_an_edited_cell_is_stale() -> None:
    session = make_session([reply("a forest", FOREST)], ScriptedTrials(0.5, variables=VARIABLES))
    (candidate,) = only(await collect(session), events.Ranked).candidates
    edited = (CELLS[0], Cell(id="score", kind="code", source="model = None"))

    with pytest.raises(StaleProposalError, match="edited"):
        session.accept(candidate.proposal.id, edited)
    with pytest.raises(StaleProposalError, match="gone"):
        session.accept(candidate.proposal.id, CELLS[:1])


async def test_stopping_ends_the_trial_and_leaves_the_session_usable() -> None:
    trials = ScriptedTrials(0.5, variables=VARIABLES)
    trials.hang = asyncio.Event()
    session = make_session([reply("a forest", FOREST)], trials)

    async with contextlib.aclosing(session.suggest(CELLS)) as stream:
        async for event in stream:
            if isinstance(event, events.TrialStarted):
                break

    assert trials.cancelled == 1
    trials.hang = None
    assert only(await collect(session), events.Ranked).candidates


async def test_verdicts_reach_the_journal(tmp_path) -> None:  # type: ignore[no-untyped-def]
    journal = Journal.open(tmp_path / "journal.sqlite")
    trials = ScriptedTrials(0.5, {"RandomForest": 0.9, "DecisionTree": 0.7}, VARIABLES)
    session = make_session([reply("a tree", TREE), reply("a forest", FOREST)], trials, journal)
    best, other = only(await collect(session), events.Ranked).candidates

    session.accept(best.proposal.id, CELLS, edited_source=FOREST + "\n# mine")

    kept = {step.proposal.id: step.verdict for step in journal.full_steps()}
    assert kept[best.proposal.id] is not None and kept[other.proposal.id] is not None
    assert kept[best.proposal.id].verdict is Verdict.EDITED
    assert kept[best.proposal.id].edited_source == FOREST + "\n# mine"
    assert kept[other.proposal.id].verdict is Verdict.IGNORED


async def test_an_error_trial_ranks_last_and_earns_nothing() -> None:
    broken = Trial(status=TrialStatus.ERROR, error=TrialError(name="ValueError", value="no"))
    trials = ScriptedTrials(0.5, {"RandomForest": broken, "DecisionTree": 0.4}, VARIABLES)
    session = make_session([reply("a forest", FOREST), reply("a tree", TREE)], trials)

    ranked = only(await collect(session), events.Ranked)

    assert [item.proposal.plan for item in ranked.candidates] == ["a tree", "a forest"]
    assert ranked.candidates[1].reward == 0


def test_a_metric_that_any_cell_could_set_is_refused() -> None:
    session = make_session([], ScriptedTrials())
    with pytest.raises(MetricError, match="any cell could set"):
        session.set_metric(CELLS, "best_score", Direction.MAXIMIZE)


def test_an_unknown_proposal_is_a_sentence() -> None:
    session = make_session([], ScriptedTrials())
    with pytest.raises(MlagentError, match="ask for suggestions again"):
        session.accept("nobody", CELLS)
