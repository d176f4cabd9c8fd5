"""Configuration of the browser tests' Jupyter server: a scripted engine, real kernels, real trials."""

import importlib.util
import os
from pathlib import Path


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "server" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_module = _load("typing_engine")


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

display(HTML("<b>shown</b><img src=x onerror='window.hacked = true'>"))
display(HTML("<script>window.hacked = true</script>"))
model = model.fit(X_train, y_train)"""

c = get_config()  # noqa: F821
if "MLAGENT_TEST_ENGINE" in os.environ:
    c.MlagentApp.model = os.environ["MLAGENT_TEST_ENGINE"]
else:
    c.MlagentApp.engine_factory = lambda spec: _module.TypingEngine(
        [_reply("train a random forest", FOREST), _reply("try neighbours", WRITER), _reply("refit", SCRIPT)],
        completion="fit(X_train, y_train)",
        pause=float(os.environ.get("MLAGENT_TEST_PAUSE", "0.01")),
    )
c.MlagentApp.trainer_factory = lambda: _load("notebook_trainer").NotebookTrainer(
    Path(os.environ["MLAGENT_HOME"]) / "adapters"
)
c.ServerApp.jpserver_extensions = {"jupyter_mlagent.server": True}
c.IdentityProvider.token = "the-token"
c.ServerApp.allow_root = True
c.ServerApp.open_browser = False
c.JupyterNotebookApp.expose_app_in_browser = True
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
