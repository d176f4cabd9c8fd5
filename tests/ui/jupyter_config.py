"""Configuration of the browser tests' Jupyter server: a scripted engine, real kernels, real trials."""

import importlib.util
import os
from pathlib import Path

_path = Path(__file__).parents[1] / "server" / "typing_engine.py"
_spec = importlib.util.spec_from_file_location("typing_engine", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


def _reply(plan, code):
    return f"PLAN: {plan}\n```python\n{code}\n```"


FOREST = """\
from sklearn.ensemble import RandomForestClassifier
import matplotlib.pyplot as plt

model = RandomForestClassifier(n_estimators=50, random_state=0).fit(X_train, y_train)
plt.figure(figsize=(3, 1.5)); plt.bar(range(4), model.feature_importances_); plt.show()
print("trained a forest")"""
WRITER = """\
from sklearn.neighbors import KNeighborsClassifier

model = KNeighborsClassifier(70).fit(X_train, y_train)
open("neighbours.txt", "w").write("3")"""
SCRIPT = """\
from IPython.display import HTML, display

display(HTML("<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>"))
model = model.fit(X_train, y_train)"""


class PretendTrials:
    """Real kernel, real metric; what a cell would do is scripted. For when forked trials cannot be had."""

    def __init__(self, manager):
        from jupyter_mlagent.server.kernels import ServerTrials

        self._real = ServerTrials(manager)
        self.process_of = self._real.process_of

    async def open(self, kernel_id):
        import msgspec

        from jupyter_mlagent.records import (
            FileEffect,
            Guard,
            SideEffects,
            Trial,
            TrialStatus,
            TryEngine,
            Variable,
        )
        from jupyter_mlagent.trial.api import MetricReading
        from jupyter_mlagent.trial.scripted import ScriptedTrials

        real = await self._real.open(kernel_id)
        link = real._trials._link
        ran = {"seconds": 0.21, "peak_memory_bytes": 31_000_000, "engine": TryEngine.FORK}
        ran |= {"guard": Guard.NAMESPACES, "status": TrialStatus.OK}
        image = {"output_type": "display_data", "metadata": {}, "data": {"image/png": PIXEL}}
        text = {"output_type": "stream", "name": "stdout", "text": "trained a forest\n"}
        wrote = SideEffects(files=(FileEffect(path="neighbours.txt", change="created", bytes=1),))
        script = {"output_type": "display_data", "metadata": {}, "data": {"text/html": HOSTILE}}

        class Trials(ScriptedTrials):
            async def probe(self):
                names = await link.evaluate("' '.join(dir())")
                self.variables = tuple(Variable(name=n, type="object", summary=n) for n in names.split())
                count = int(await link.evaluate("str(get_ipython().execution_count)"))
                return msgspec.structs.replace(await super().probe(), execution_count=count)

            async def read_metric(self, metric, limits):
                return MetricReading(value=float(await link.evaluate(f"str(float({metric.expression}))")))

            async def close(self):
                await real.close()

        after = {
            "RandomForest": Trial(metric_after=FOREST_ACCURACY, outputs=(image, text), **ran),
            "KNeighbors": Trial(metric_after=0.5, side_effects=wrote, **ran),
            "HTML": Trial(metric_after=DUMMY_ACCURACY, outputs=(script,), **ran),
        }
        return Trials(None, after)


FOREST_ACCURACY, DUMMY_ACCURACY = 0.9736842105263158, 0.23684210526315788
HOSTILE = "<script>window.hacked = true</script><img src=x onerror='window.hacked = true'>"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

c = get_config()  # noqa: F821
if "MLAGENT_TEST_ENGINE" in os.environ:
    c.MlagentApp.model = os.environ["MLAGENT_TEST_ENGINE"]
else:
    c.MlagentApp.engine_factory = lambda spec: _module.TypingEngine(
        [_reply("train a random forest", FOREST), _reply("try neighbours", WRITER), _reply("refit", SCRIPT)],
        completion="fit(X_train, y_train)",
        pause=float(os.environ.get("MLAGENT_TEST_PAUSE", "0.01")),
    )
if os.environ.get("MLAGENT_TEST_TRIALS") == "scripted":
    c.MlagentApp.trials_factory = PretendTrials
c.ServerApp.jpserver_extensions = {"jupyter_mlagent.server": True}
c.IdentityProvider.token = "the-token"
c.ServerApp.allow_root = True
c.ServerApp.open_browser = False
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
