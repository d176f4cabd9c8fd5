"""What goes into the journal comes out whole, and what is deleted is gone."""

from __future__ import annotations

import io
import json

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.errors import JournalError
from jupyter_mlagent.journal import Journal, MalformedReply, Step, StepFilter, state_hash
from jupyter_mlagent.journal.codec import pack_floats, pack_ints, unpack_floats, unpack_ints
from jupyter_mlagent.records import Cell, State, Verdict


def lines(journal: Journal, wanted: StepFilter | None = None) -> list[dict]:
    stream = io.BytesIO()
    count = journal.export_jsonl(stream, wanted)
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(rows) == count
    return rows


class TestAStep:
    def test_comes_back_with_everything_needed_to_replay_it_and_to_train_on_it(self, journal, suggestion):
        record = suggestion()
        ids = journal.record_suggestion(record)
        assert set(ids) == {"r1-1", "r1-2"}
        step = journal.step(ids["r1-2"])
        assert step.state == record.state
        assert step.state_hash == state_hash(record.state)
        assert step.task == record.task
        assert step.request == record.request
        assert step.model == record.model
        assert step.sample == record.samples[1]
        assert step.proposal == record.candidates[1].proposal
        assert step.trial == record.candidates[1].trial
        assert (step.rank, step.reward, step.scored) == (2, 0.7, True)
        assert step.reward_config == record.reward_config
        assert (step.session_id, step.request_id, step.parent_step) == ("s1", "r1", None)
        assert step.verdict is None

    def test_survives_closing_and_opening(self, tmp_path, suggestion):
        path = tmp_path / "folder" / "journal.sqlite"
        with Journal.open(path) as journal:
            ids = journal.record_suggestion(suggestion())
            kept = journal.step(ids["r1-1"])
        with Journal.open(path) as journal:
            assert journal.step(ids["r1-1"]) == kept

    def test_a_half_recorded_request_leaves_nothing(self, journal, suggestion):
        record = suggestion()
        doubled = msgspec.structs.replace(record, candidates=record.candidates + record.candidates[:1])
        with pytest.raises(JournalError):
            journal.record_suggestion(doubled)
        assert journal.steps() == ()
        journal.record_suggestion(record)

    def test_images_of_a_trial_are_not_kept(self, journal, suggestion):
        record = suggestion()
        image = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 10**6}}
        (first, *rest) = record.candidates
        first = msgspec.structs.replace(first, trial=msgspec.structs.replace(first.trial, outputs=(image,)))
        ids = journal.record_suggestion(msgspec.structs.replace(record, candidates=(first, *rest)))
        assert journal.step(ids["r1-1"]).trial.outputs[0]["data"] == {"text/plain": "[image/png]"}

    def test_a_metric_that_is_not_a_number_is_kept_as_none(self, journal, suggestion):
        record = suggestion()
        (first, *rest) = record.candidates
        trial = msgspec.structs.replace(first.trial, metric_after=float("nan"))
        first = msgspec.structs.replace(first, trial=trial)
        ids = journal.record_suggestion(msgspec.structs.replace(record, candidates=(first, *rest)))
        assert journal.step(ids["r1-1"]).trial.metric_after is None
        assert journal.steps()[-1].metric_after is None

    def test_text_without_a_utf_8_form_is_refused_in_a_sentence(self, journal, suggestion):
        with pytest.raises(JournalError, match="cannot hold"):
            journal.record_suggestion(suggestion(codes=("s = '\ud83d'",)))
        assert journal.steps() == ()

    def test_an_unknown_number_is_named(self, journal):
        for ask in (
            journal.step,
            journal.mark_undone,
            lambda step: journal.record_verdict(step, Verdict.REJECTED),
        ):
            with pytest.raises(JournalError, match="no step 77"):
                ask(77)


class TestStates:
    def test_one_state_is_kept_once_and_found_by_its_hash(self, journal, suggestion):
        first, second = suggestion("r1"), suggestion("r2")
        journal.record_suggestion(first)
        journal.record_suggestion(second)
        hashes = {step.state_hash for step in journal.full_steps()}
        assert hashes == {state_hash(first.state)}
        assert journal.state(hashes.pop()) == first.state

    def test_the_hash_does_not_depend_on_the_order_of_keys_nor_on_images(self):
        outputs = {"output_type": "display_data", "data": {"text/plain": "x", "image/png": "AAAA"}}
        turned = {"data": {"text/plain": "x"}, "output_type": "display_data"}
        one, other = (
            State(notebook="n", cells=(Cell(id="c", kind="code", source="x", outputs=(output,)),))
            for output in (outputs, turned)
        )
        assert state_hash(one) == state_hash(other)

    def test_a_state_that_is_not_kept_is_said(self, journal):
        with pytest.raises(JournalError, match="no state"):
            journal.state("00")


class TestVerdicts:
    def test_an_edit_keeps_what_the_person_made_of_it(self, journal, suggestion):
        step_id = journal.record_suggestion(suggestion())["r1-1"]
        journal.record_verdict(step_id, Verdict.EDITED, edited_source="model = Mine()", reason="shorter")
        verdict = journal.step(step_id).verdict
        assert (verdict.verdict, verdict.edited_source, verdict.reason, verdict.undone) == (
            Verdict.EDITED,
            "model = Mine()",
            "shorter",
            False,
        )

    def test_the_last_word_counts_but_silence_takes_no_word_back(self, journal, suggestion):
        step_id = journal.record_suggestion(suggestion())["r1-1"]
        for verdict, counts in [
            (Verdict.IGNORED, Verdict.IGNORED),
            (Verdict.REJECTED, Verdict.REJECTED),
            (Verdict.ACCEPTED, Verdict.ACCEPTED),
            (Verdict.IGNORED, Verdict.ACCEPTED),
        ]:
            journal.record_verdict(step_id, verdict)
            assert journal.step(step_id).verdict.verdict is counts

    def test_an_undone_step_stays_visible_but_is_never_trained_on(self, journal, suggestion):
        ids = journal.record_suggestion(suggestion(codes=("a", "b", "c", "d")))
        journal.record_verdict(ids["r1-1"], Verdict.ACCEPTED)
        journal.record_verdict(ids["r1-2"], Verdict.REJECTED)
        journal.record_verdict(ids["r1-3"], Verdict.IGNORED)
        journal.mark_undone(ids["r1-1"])
        assert journal.step(ids["r1-1"]).verdict.undone
        assert [step.id for step in journal.training_steps()] == [ids["r1-2"]]
        journal.record_verdict(ids["r1-1"], Verdict.ACCEPTED)
        assert [step.id for step in journal.training_steps()] == [ids["r1-1"], ids["r1-2"]]


class TestLists:
    def test_are_newest_first_and_can_be_narrowed(self, journal, suggestion):
        one = journal.record_suggestion(suggestion("r1", notebook="/a.ipynb", session_id="s1"))
        two = journal.record_suggestion(suggestion("r2", notebook="/b.ipynb", session_id="s2"))
        journal.record_verdict(two["r2-1"], Verdict.REJECTED)

        def ids(**fields: object) -> list[int]:
            return [step.id for step in journal.steps(StepFilter(**fields))]

        assert ids() == [two["r2-2"], two["r2-1"], one["r1-2"], one["r1-1"]]
        assert ids(notebook="/a.ipynb") == [one["r1-2"], one["r1-1"]]
        assert ids(session_id="s2") == [two["r2-2"], two["r2-1"]]
        assert ids(verdicts=(Verdict.REJECTED, Verdict.ACCEPTED)) == [two["r2-1"]]
        assert ids(limit=1) == [two["r2-2"]]
        assert ids(since="2000-01-01") == ids()
        assert ids(since="9999-01-01") == []

    def test_can_leave_out_what_is_no_evidence(self, journal, suggestion):
        record = suggestion()
        (first, *rest) = record.candidates
        first = msgspec.structs.replace(first, scored=False)
        ids = journal.record_suggestion(msgspec.structs.replace(record, candidates=(first, *rest)))
        assert [step.id for step in journal.steps(StepFilter(scored_only=True))] == [ids["r1-2"]]

    def test_trajectories_share_prefixes_and_end_in_kept_steps(self, journal, suggestion):
        def kept(request: str, parent: int | None) -> int:
            ids = journal.record_suggestion(suggestion(request, parent_step=parent))
            journal.record_verdict(ids[f"{request}-1"], Verdict.ACCEPTED)
            return ids[f"{request}-1"]

        root = kept("r1", None)
        left = kept("r2", root)
        leaf = kept("r3", left)
        right = kept("r4", root)
        undone = kept("r5", right)
        journal.mark_undone(undone)
        chains = [[step.id for step in chain] for chain in journal.trajectories("/home/me/book.ipynb")]
        assert chains == [[root, left, leaf], [root, right]]
        assert journal.trajectories("/elsewhere.ipynb") == ()


class TestExport:
    def test_every_line_is_complete_in_itself_and_malformed_replies_are_there(self, journal, suggestion):
        record = suggestion()
        ids = journal.record_suggestion(record)
        journal.record_verdict(ids["r1-1"], Verdict.ACCEPTED)
        rows = lines(journal)
        assert [row["type"] for row in rows] == ["step", "step", "malformed"]
        step = msgspec.convert(rows[0], Step)
        assert step == journal.step(ids["r1-1"])
        malformed = msgspec.convert(rows[2], MalformedReply)
        assert malformed.sample == record.samples[-1]
        assert (malformed.reward, malformed.state) == (0.0, record.state)

    def test_is_narrowed_as_lists_are(self, journal, suggestion):
        ids = journal.record_suggestion(suggestion())
        journal.record_verdict(ids["r1-2"], Verdict.REJECTED)
        rows = lines(journal, StepFilter(verdicts=(Verdict.REJECTED,)))
        assert [row["id"] for row in rows] == [ids["r1-2"]]

    def test_of_an_empty_journal_is_empty(self, journal):
        assert lines(journal) == []


class TestDeleting:
    def test_a_deleted_step_takes_its_reply_and_verdict_along(self, journal, suggestion):
        ids = journal.record_suggestion(suggestion())
        journal.record_verdict(ids["r1-1"], Verdict.ACCEPTED)
        assert journal.delete([ids["r1-1"], 999]) == 1
        assert [step.id for step in journal.steps()] == [ids["r1-2"]]
        assert [row["sample"]["proposal_id"] for row in lines(journal)] == ["r1-2", None]

    def test_with_the_last_step_of_a_request_all_of_it_goes_also_from_the_disk(self, journal, suggestion):
        secret = "secret_of_mine"
        ids = journal.record_suggestion(suggestion(codes=(secret, secret + "2"), notebook="/secret.ipynb"))
        assert secret.encode() in on_disk(journal)
        journal.delete(list(ids.values()))
        assert lines(journal) == []
        assert secret.encode() not in on_disk(journal)
        assert b"/secret.ipynb" not in on_disk(journal)

    def test_a_state_that_another_request_needs_stays(self, journal, suggestion):
        first = journal.record_suggestion(suggestion("r1"))
        second = journal.record_suggestion(suggestion("r2"))
        journal.delete(list(first.values()))
        assert journal.step(second["r2-1"]).state == suggestion().state

    def test_a_step_whose_parent_is_deleted_begins_a_trajectory(self, journal, suggestion):
        parent = journal.record_suggestion(suggestion("r1"))["r1-1"]
        child = journal.record_suggestion(suggestion("r2", parent_step=parent))["r2-1"]
        journal.delete([parent])
        assert journal.step(child).parent_step is None
        # A session may not have heard of it.
        late = journal.record_suggestion(suggestion("r3", parent_step=parent))["r3-1"]
        assert journal.step(late).parent_step is None

    def test_a_number_is_never_used_again(self, journal, suggestion):
        old = journal.record_suggestion(suggestion("r1")).values()
        journal.delete(list(old))
        assert min(journal.record_suggestion(suggestion("r2")).values()) > max(old)

    def test_a_notebook_goes_as_a_whole(self, journal, suggestion):
        journal.record_suggestion(suggestion("r1", notebook="/a.ipynb"))
        journal.record_suggestion(suggestion("r2", notebook="/b.ipynb"))
        assert journal.delete_notebook("/a.ipynb") == 2
        assert {step.notebook for step in journal.steps()} == {"/b.ipynb"}
        assert journal.delete_notebook(None) == 2
        assert lines(journal) == []

    def test_the_space_is_given_back(self, journal, suggestion):
        text = "".join(map(chr, np.random.default_rng(0).integers(33, 1000, 200_000)))
        ids = journal.record_suggestion(suggestion(codes=(text,)))
        full = len(on_disk(journal))
        journal.delete(list(ids.values()))
        journal.vacuum()
        assert len(on_disk(journal)) < full / 2


def on_disk(journal: Journal) -> bytes:
    return b"".join(file.read_bytes() for file in journal.path.parent.iterdir())


@settings(deadline=None)
@given(st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_token_ids_come_back_as_they_were(values):
    assert unpack_ints(pack_ints(values)) == tuple(values)


@settings(deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False)))
def test_log_probabilities_come_back_in_single_precision(values):
    assert unpack_floats(pack_floats(values)) == tuple(values)
