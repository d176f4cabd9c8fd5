"""Given a task, then states are stepped through for real, come back exactly, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from jupyter_mlagent.errors import KernelError, MlagentError
from jupyter_mlagent.records import Proposal, TrialStatus
from local_rl.environment.environment import Environment, EnvSettings
from local_rl.environment.states import EnvState
from local_rl.tasks import hide
from local_rl.tasks.errors import InvalidSubmission
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.preparing import prepared

Make = Callable[[str], Proposal]
BETTER = "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit(X_train, y_train)"
DRAWN = (
    "from sklearn.linear_model import Ridge\nmodel = Ridge(1 + 5000 * random.random()).fit(X_train, y_train)"
)


async def test_reset_gives_the_notebook_as_it_ran(env: Environment) -> None:
    state = await env.reset()

    assert state.metric_value == pytest.approx(41, abs=10)
    assert "validation mae" in state.cells[2].outputs[0]["text"]
    assert {"X_val", "model"} <= {variable.name for variable in state.variables}
    assert (await env.reset()).hash == state.hash


async def test_a_step_gives_trial_reward_and_the_next_state(env: Environment, proposal: Make) -> None:
    state = await env.reset()

    step = await env.step(state, proposal(BETTER + "\nprint('done')"))

    assert step.trial.status is TrialStatus.OK
    assert step.trial.metric_after is not None and step.trial.metric_after < 3
    assert step.reward.value > 0.9
    assert step.next_state is not None
    assert step.next_state.metric_value == step.trial.metric_after
    assert step.next_state.parent == state.hash
    assert step.next_state.cells[-1].outputs[0]["text"] == "done\n"
    assert (await env.reset()).metric_value == state.metric_value


async def test_a_cell_that_raises_gives_no_next_state(env: Environment, proposal: Make) -> None:
    step = await env.step(await env.reset(), proposal("slope = 2\n1 / 0"))

    assert step.trial.status is TrialStatus.ERROR
    assert step.trial.error is not None and step.trial.error.name == "ZeroDivisionError"
    assert step.reward.value == 0
    assert step.next_state is None


async def test_states_grow_from_states_and_siblings_do_not_meet(env: Environment, proposal: Make) -> None:
    state = await env.reset()
    one, other = await asyncio.gather(
        env.step(state, proposal("left = 1\nopen('left.txt', 'w').write('x')")),
        env.step(state, proposal("right = 1\nopen('right.txt', 'w').write('x')")),
    )
    assert one.next_state is not None and other.next_state is not None

    look = "import os\nprint(sorted(n for n in globals() if n in ('left', 'right')), sorted(os.listdir('.')))"
    seen = [await env.step(found, proposal(look)) for found in (one.next_state, other.next_state)]

    assert [step.trial.outputs[0]["text"] for step in seen] == [
        "['left'] ['left.txt', 'public', 'submission.csv']\n",
        "['right'] ['public', 'right.txt', 'submission.csv']\n",
    ]


async def test_the_hash_is_of_task_and_sources(env: Environment, proposal: Make) -> None:
    state = await env.reset()
    one = (await env.step(state, proposal("slope = 2"))).next_state
    same = (await env.step(state, proposal("slope = 2"))).next_state
    other = (await env.step(state, proposal("slope = 3"))).next_state

    assert one is not None and same is not None and other is not None
    assert one.hash == same.hash
    assert len({state.hash, one.hash, other.hash}) == 3


async def test_a_stored_state_is_rebuilt_exactly_elsewhere(
    env: Environment, line_task: TaskFolder, proposal: Make
) -> None:
    drawn = (await env.step(await env.reset(), proposal("random.seed(3)\n" + DRAWN))).next_state
    assert drawn is not None
    onwards = (await env.step(drawn, proposal(DRAWN))).next_state
    assert onwards is not None
    stored = msgspec.json.encode(msgspec.structs.replace(onwards, metric_value=None, variables=()))

    async with Environment(line_task) as elsewhere:
        rebuilt = await elsewhere.rebuild(msgspec.json.decode(stored, type=EnvState))

    assert rebuilt.hash == onwards.hash
    assert rebuilt.metric_value == onwards.metric_value


async def test_a_state_of_a_task_that_changed_is_refused(env: Environment) -> None:
    state = await env.reset()
    with pytest.raises(MlagentError, match="another version"):
        await env.rebuild(msgspec.structs.replace(state, hash="0" * 64))


async def test_evicted_states_come_back_invisibly(line_task: TaskFolder, proposal: Make) -> None:
    async with Environment(line_task, EnvSettings(live_states=3)) as env:
        start = await env.reset()
        states = [(await env.step(start, proposal(f"slope = {slope}"))).next_state for slope in range(1, 8)]

        assert len(env.live) <= 4
        for slope, state in enumerate(states, start=1):
            assert state is not None
            step = await env.step(state, proposal("print(slope)"))
            assert step.trial.outputs[0]["text"] == f"{slope}\n"


async def test_a_lost_tree_is_replayed(env: Environment, proposal: Make) -> None:
    state = await env.reset()
    stepped = (await env.step(state, proposal("slope = 2"))).next_state
    assert stepped is not None
    node, _ = await env.live.ensure(stepped.sources)
    await env.live.tree_of(node).close()

    step = await env.step(stepped, proposal("print(slope)"))

    assert step.trial.outputs[0]["text"] == "2\n"
    assert env.live.replays == 2


async def test_the_grade_is_of_the_hidden_answers(env: Environment, proposal: Make) -> None:
    state = await env.reset()
    better = (await env.step(state, proposal(BETTER))).next_state
    assert better is not None

    assert await env.grade(state) > 20
    assert await env.grade(better) < 3


async def test_a_state_that_cannot_submit_says_so(env: Environment, proposal: Make) -> None:
    broken = (await env.step(await env.reset(), proposal("slope = 2\nopen = None"))).next_state
    assert broken is not None

    assert not await env.can_submit(broken)
    with pytest.raises(InvalidSubmission, match="TypeError"):
        await env.grade(broken)


async def test_a_notebook_that_does_not_run_is_told_in_a_sentence(line_task: TaskFolder) -> None:
    text = line_task.starter.read_text().replace("DummyRegressor()", "unknown")
    line_task.starter.write_text(text)
    async with Environment(line_task) as env:
        with pytest.raises(KernelError, match=r"Cell 2 .* NameError"):
            await env.reset()


@pytest.mark.skipif(not hide.available(), reason="this system cannot hide a folder")
async def test_no_step_reaches_the_answers(env: Environment, line_task: TaskFolder, proposal: Make) -> None:
    answers = prepared(line_task).private / "answers.csv"
    step = await env.step(await env.reset(), proposal(f"print(open({str(answers)!r}).read())"))

    assert step.trial.status is TrialStatus.ERROR
    assert step.trial.error is not None and step.trial.error.name == "FileNotFoundError"


async def test_many_steps_leave_no_process_and_no_file(
    line_task: TaskFolder, proposal: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    async with Environment(line_task, EnvSettings(live_states=6)) as env:
        state = start = await env.reset()
        for number in range(40):
            step = await env.step(state, proposal(f"x{number} = {number}"))
            assert step.trial.status is TrialStatus.OK
            state = step.next_state if step.next_state is not None and number % 4 else start

    assert list(place.iterdir()) == []
    assert [process for process in psutil.process_iter() if _environment_of(process) == str(place)] == []


def _environment_of(process: psutil.Process) -> str:
    try:
        return "" if process.pid == os.getpid() else process.environ().get("TMPDIR", "")
    except psutil.Error:
        return ""
