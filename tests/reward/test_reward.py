"""The reward of a step, case by case, and the ranking made from it."""

from __future__ import annotations

import math

import pytest

from jupyter_mlagent.records import (
    Anchor,
    Direction,
    Operator,
    Proposal,
    Trial,
    TrialError,
    TrialStatus,
    Verdict,
    source_hash,
)
from jupyter_mlagent.reward.reward import (
    RewardConfig,
    alpha_for,
    rank,
    relative_gain,
    step_reward,
    trial_reward,
)

CONFIG = RewardConfig()
UP, DOWN = Direction.MAXIMIZE, Direction.MINIMIZE


def ran(before: float | None, after: float | None, **fields: object) -> Trial:
    return Trial(status=TrialStatus.OK, metric_before=before, metric_after=after, **fields)  # type: ignore[arg-type]


def proposal(name: str) -> Proposal:
    return Proposal(
        id=name,
        operator=Operator.IMPROVE,
        plan=name,
        code=name,
        source_hash=source_hash(name),
        anchor=Anchor(cell_id="c", source_hash="h"),
    )


class TestWhatEarnsNothing:
    def test_a_malformed_reply(self):
        reward = trial_reward(None, UP, CONFIG)
        assert (reward.value, reward.scored) == (0.0, True)

    def test_a_cell_that_raises_and_the_reason_names_the_exception(self):
        trial = Trial(status=TrialStatus.ERROR, error=TrialError(name="KeyError", value="'x'"))
        reward = trial_reward(trial, UP, CONFIG)
        assert (reward.value, reward.scored) == (0.0, True)
        assert "KeyError" in reward.reason

    def test_a_result_that_followed_the_held_labels_is_scored_unlike_other_blocked_trials(self):
        trial = Trial(status=TrialStatus.BLOCKED, cheated=True, metric_before=0.5, metric_after=1.0)
        reward = trial_reward(trial, UP, CONFIG)
        assert (reward.value, reward.scored) == (0.0, True)

    def test_a_cheat_is_never_paid_whatever_its_status(self):
        assert trial_reward(ran(0.5, 1.0, cheated=True), UP, CONFIG).value == 0.0

    @pytest.mark.parametrize("after", [None, math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("direction", [UP, DOWN])
    def test_a_step_after_which_the_metric_can_no_longer_be_read(self, after, direction):
        reward = trial_reward(ran(0.7, after), direction, CONFIG)
        assert (reward.value, reward.scored) == (0.0, True)


class TestWhatIsNeutral:
    def test_a_step_that_changes_nothing(self):
        reward = trial_reward(ran(0.7, 0.7), UP, CONFIG)
        assert (reward.value, reward.scored) == (0.5, True)
        assert reward.reason == "no effect on the metric"

    @pytest.mark.parametrize(
        "status",
        [TrialStatus.TIMEOUT, TrialStatus.OUT_OF_MEMORY, TrialStatus.BLOCKED, TrialStatus.NOT_TRIED],
    )
    def test_a_corner_case_is_flagged_as_no_evidence(self, status):
        reward = trial_reward(Trial(status=status, metric_before=0.7), UP, CONFIG)
        assert (reward.value, reward.scored) == (0.5, False)

    def test_a_metric_that_cannot_be_read_before_nor_after(self):
        assert trial_reward(ran(None, math.nan), UP, CONFIG).value == 0.5

    def test_a_step_that_runs_in_a_notebook_without_a_metric(self):
        reward = trial_reward(ran(None, None), None, CONFIG)
        assert (reward.value, reward.scored) == (0.5, True)


class TestWhatIsMeasured:
    def test_ten_percent_better_earns_nine_tenths_by_default(self):
        assert trial_reward(ran(0.5, 0.55), UP, CONFIG).value == pytest.approx(0.9)
        assert trial_reward(ran(10.0, 9.0), DOWN, CONFIG).value == pytest.approx(0.9)

    def test_the_task_s_own_reference_earns_nine_tenths(self):
        config = RewardConfig.for_reference(before=58.1, reference=51.3, direction=DOWN)
        assert trial_reward(ran(58.1, 51.3), DOWN, config).value == pytest.approx(0.9)

    def test_a_reference_that_is_no_improvement_is_refused(self):
        with pytest.raises(ValueError, match="reference gain"):
            RewardConfig.for_reference(before=0.8, reference=0.7, direction=UP)

    @pytest.mark.parametrize("gain", [0.0, -1.0, math.nan, math.inf, 5e-324])
    def test_a_reference_gain_that_cannot_be_divided_by_is_refused(self, gain):
        with pytest.raises(ValueError, match="reference gain"):
            alpha_for(gain)

    def test_from_a_metric_of_exactly_zero_any_change_counts_in_full(self):
        assert trial_reward(ran(0.0, 0.01), UP, CONFIG).value == pytest.approx(1.0)
        assert trial_reward(ran(0.0, 0.01), DOWN, CONFIG).value == pytest.approx(0.0, abs=1e-12)
        assert trial_reward(ran(0.0, 0.0), UP, CONFIG).value == 0.5

    def test_a_negative_metric_improves_upwards(self):
        assert relative_gain(-2.0, -1.0, UP, CONFIG) == pytest.approx(0.5)
        assert relative_gain(-2.0, -1.0, DOWN, CONFIG) == pytest.approx(-0.5)

    def test_the_worst_measured_step_still_beats_an_error(self):
        assert trial_reward(ran(1.0, -1e300), UP, CONFIG).value > CONFIG.error

    @pytest.mark.parametrize("before", [None, math.nan, math.inf])
    def test_a_step_that_makes_the_metric_readable_is_an_improvement(self, before):
        assert trial_reward(ran(before, 0.1), UP, CONFIG).value == CONFIG.first_metric


class TestTheVerdict:
    MEASURED = trial_reward(ran(0.5, 0.55), UP, CONFIG)

    def test_it_is_a_term_with_its_own_weight(self):
        joined = step_reward(self.MEASURED, Verdict.REJECTED, CONFIG)
        assert joined.value == pytest.approx(0.9 / 1.5)
        assert step_reward(self.MEASURED, Verdict.ACCEPTED, CONFIG).value == pytest.approx(1.4 / 1.5)

    def test_accepted_beats_edited_beats_rejected(self):
        values = [
            step_reward(self.MEASURED, verdict, CONFIG).value
            for verdict in (Verdict.REJECTED, Verdict.EDITED, Verdict.ACCEPTED)
        ]
        assert values == sorted(set(values))

    @pytest.mark.parametrize("verdict", [None, Verdict.IGNORED])
    def test_silence_says_nothing(self, verdict):
        assert step_reward(self.MEASURED, verdict, CONFIG) == self.MEASURED

    def test_an_undone_step_counts_as_if_nothing_had_been_said(self):
        assert step_reward(self.MEASURED, Verdict.ACCEPTED, CONFIG, undone=True) == self.MEASURED

    def test_beside_a_trial_that_is_no_evidence_the_verdict_speaks_alone(self):
        timeout = trial_reward(Trial(status=TrialStatus.TIMEOUT), UP, CONFIG)
        joined = step_reward(timeout, Verdict.REJECTED, CONFIG)
        assert (joined.value, joined.scored) == (0.0, True)


class TestRanking:
    def names(self, tried: dict[str, Trial], direction: Direction | None = UP) -> list[str]:
        ranked = rank([(proposal(name), trial) for name, trial in tried.items()], direction, CONFIG)
        assert [candidate.rank for candidate in ranked] == list(range(1, len(tried) + 1))
        return [candidate.proposal.id for candidate in ranked]

    def test_best_first_then_the_untried_then_errors(self):
        assert self.names(
            {
                "error": Trial(status=TrialStatus.ERROR),
                "cheat": Trial(status=TrialStatus.BLOCKED, cheated=True),
                "timeout": Trial(status=TrialStatus.TIMEOUT),
                "worse": ran(0.5, 0.4),
                "best": ran(0.5, 0.6),
                "same": ran(0.5, 0.5),
            }
        ) == ["best", "same", "worse", "timeout", "error", "cheat"]

    def test_of_equal_worth_the_faster_comes_first(self):
        tried = {"slow": ran(0.5, 0.6, seconds=9.0), "fast": ran(0.5, 0.6, seconds=1.0)}
        assert self.names(tried) == ["fast", "slow"]

    def test_where_the_reward_saturates_the_metric_decides(self):
        assert self.names({"good": ran(1e-3, 50.0), "better": ran(1e-3, 60.0)}) == ["better", "good"]
        assert self.names({"bad": ran(1e-3, 60.0), "less bad": ran(1e-3, 50.0)}, DOWN) == ["less bad", "bad"]

    def test_without_a_metric_the_faster_of_those_that_ran(self):
        tried = {
            "error": Trial(status=TrialStatus.ERROR, seconds=0.1),
            "slow": ran(None, None, seconds=2.0),
            "fast": ran(None, None, seconds=1.0),
        }
        assert self.names(tried, None) == ["fast", "slow", "error"]

    def test_of_nothing_is_nothing(self):
        assert rank([], UP, CONFIG) == ()
