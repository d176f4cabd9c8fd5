"""Given a local Ray cluster, then the environment steps there as it does here. Skipped without Ray."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jupyter_mlagent.records import Proposal, TrialStatus
from local_rl.environment.cluster import ClusterEnvironment
from local_rl.environment.environment import Environment, EnvSettings
from local_rl.tasks.folder import TaskFolder

pytest.importorskip("ray")
BETTER = "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(X_train, y_train)"


async def test_states_step_on_a_cluster_and_come_home(
    line_task: TaskFolder, proposal: Callable[[str], Proposal]
) -> None:
    name = str(line_task.path)
    async with ClusterEnvironment(
        [name], EnvSettings(live_states=4), workers=2, cores_per_worker=0.5
    ) as away:
        starts = await away.reset([name, name])
        assert starts[0].hash == starts[1].hash
        steps = await away.step(starts, [proposal(BETTER), proposal("1 / 0")])
        assert [step.trial.status for step in steps] == [TrialStatus.OK, TrialStatus.ERROR]
        better = steps[0].next_state
        assert better is not None
        scores = await away.grade([starts[0], better])

    assert scores[0] is not None and scores[1] is not None and scores[1] < scores[0]
    async with Environment(line_task) as home:
        rebuilt = await home.rebuild(better)
        assert rebuilt.hash == better.hash
        assert await home.grade(rebuilt) == pytest.approx(scores[1])
