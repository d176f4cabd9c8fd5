"""What is learned from a person: their verdicts, the edits as the better answer, never what was undone."""

from __future__ import annotations

import dataclasses

import pytest

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Verdict
from local_rl.examples import Source
from local_rl.verdicts.config import VerdictsConfig
from local_rl.verdicts.labels import labelled, tokenized
from local_rl.verdicts.recipe import RECIPE, chosen_rows
from local_rl.verdicts.rows import examples, imitated, verdict_rows


class Words:
    """One token a word."""

    def prompt(self, messages, prefill=""):
        return [1 for message in messages for _ in message.content.split()]

    def reply(self, text):
        return [2 for _ in text.split()]


def test_every_verdict_is_a_row_but_what_was_undone(journal, kept) -> None:
    rows = verdict_rows(journal)
    assert [row.verdict for row in rows] == [
        Verdict.ACCEPTED,
        Verdict.EDITED,
        Verdict.EDITED,
        Verdict.REJECTED,
    ]
    assert kept["model = Undone()"] not in {row.id for row in rows}
    assert {row.reward for row in rows} == {0.7}
    assert rows[0].joined > rows[1].joined > rows[3].joined


def test_a_row_can_be_taken_away(journal, kept) -> None:
    forest = kept["model = Forest()"]
    assert forest not in {row.id for row in verdict_rows(journal, without={forest})}


def test_an_edit_that_changed_nothing_is_an_acceptance(journal, kept) -> None:
    forest = kept["model = Forest()"]
    journal.record_verdict(forest, Verdict.EDITED, edited_source="model = Forest()")
    row = next(row for row in verdict_rows(journal) if row.id == forest)
    assert (row.verdict, row.edited) == (Verdict.ACCEPTED, "")


def test_the_edit_is_the_better_answer_and_its_proposal_the_worse(journal, kept) -> None:
    replies = [(item.row.id, item.good, item.reply) for item in labelled(verdict_rows(journal))]
    boost, grid = kept["model = Boost()"], kept["model = Grid()"]
    assert (boost, True, " Plan 1.\nmodel = Boost(depth=3)\n```") in replies
    assert (boost, False, " Plan 1.\nmodel = Boost()\n```") in replies
    assert [good for number, good, _ in replies if number == grid] == [False]
    assert [good for number, good, _ in replies if number == kept["model = Forest()"]] == [True]


def test_replies_are_never_cut(journal, kept) -> None:
    made, too_long = tokenized(labelled(verdict_rows(journal)), Words(), max_tokens=8)
    assert too_long == 1 and len(made) == 5
    assert all(len(reply.prompt) + len(reply.reply) <= 8 for reply in made)


def test_only_what_was_kept_is_imitated_in_the_first_phase(journal, kept) -> None:
    found = imitated()
    assert [example.source for example in found] == [Source.ACCEPTED, Source.EDITED, Source.EDITED]
    assert found[1].reply.endswith("model = Boost(depth=3)\n```")
    rejected = examples(verdict_rows(journal))[-1]
    assert rejected.source is Source.REJECTED and rejected.step_id == str(kept["model = Grid()"])


def test_the_plan_shows_every_row_before_anything_is_learned(journal, kept) -> None:
    plan = RECIPE.plan(VerdictsConfig())
    assert plan.examples == 4 and plan.updates == 4
    assert any("rejected" in line and "reward 0.70" in line and "Plan 3" in line for line in plan.lines)
    assert plan.lines[-1].startswith("4 verdicts: 2 accepted after an edit")
    less = RECIPE.plan(VerdictsConfig(without=(kept["model = Grid()"],)))
    assert less.examples == 3 and less.data_fingerprint != plan.data_fingerprint


def test_without_a_journal_there_is_one_sentence(home) -> None:
    with pytest.raises(MlagentError, match=r"There is no journal at .* yet"):
        chosen_rows(VerdictsConfig())
    assert imitated() == []


def test_an_empty_journal_and_unknown_numbers_are_said(journal, kept) -> None:
    with pytest.raises(MlagentError, match=r"no verdict of /home/me/other\.ipynb yet"):
        chosen_rows(VerdictsConfig(notebook="/home/me/other.ipynb"))
    with pytest.raises(MlagentError, match="no verdict 999 to leave out"):
        chosen_rows(VerdictsConfig(without=(999,)))
    everything = tuple(row.id for row in verdict_rows(journal))
    with pytest.raises(MlagentError, match="Of 4 verdicts 0 are left"):
        chosen_rows(VerdictsConfig(without=everything))


@pytest.mark.parametrize(
    ("field", "value"), [("at_once", 1), ("epochs", 0), ("beta", 0.0), ("batch", 3), ("learning_rate", -1.0)]
)
def test_what_cannot_be_is_named(field, value) -> None:
    with pytest.raises(MlagentError, match=field):
        dataclasses.replace(VerdictsConfig(), **{field: value}).check()
