"""Wheel and source distribution: what is in them, and that the wheel works where nothing else of ours is."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "textual", "llama_cpp", "transformers", "numpy", "httpx", "rich", "IPython"}


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, the wheel made from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    return next(distributions.glob("*.whl"))


@pytest.fixture(scope="session")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="session")
def clean_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel installed; dependencies are borrowed from the one the tests run in."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    # Only the folder itself: the editable installation of this checkout hangs on .pth files inside it.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_a_checkout_whose_extension_is_built_gives_a_wheel_too(tmp_path: Path) -> None:
    """`pip install .` after `make lab`."""
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    checkout = tmp_path / "checkout"
    for name in filter(None, files):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    built = checkout / "jupyter_mlagent" / "labextension"
    (built / "static").mkdir(parents=True)
    for name in ("package.json", "install.json", "static/style.js"):
        (built / name).write_text("{}")

    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    done = subprocess.run([*command, str(checkout)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        names = [name for name in archive.namelist() if "labextensions/jupyter-mlagent/" in name]
    assert sorted(name.rpartition("jupyter-mlagent/")[2] for name in names) == [
        "install.json",
        "package.json",
        "static/style.js",
    ]


def run(command: list[str | Path], home: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env=environment | {"MLAGENT_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_our_packages_and_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    tops = {top for top in tops if not top.endswith((".dist-info", ".data"))}  # the latter: Jupyter's folders
    ours = {"jupyter_mlagent", "mlagent_kernel", "mlagent_tui"}
    assert ours <= tops <= ours | {"local_rl"}
    parts = {part for name in names for part in name.split("/")}
    assert parts.isdisjoint({"node_modules", ".yarn", "tests", "bench", "lab", "__pycache__"})
    assert not [name for name in names if name.endswith((".gguf", ".ts", ".tsx"))]
    assert not [part for part in parts if part.startswith("test_")]


def test_the_wheel_holds_the_data_that_the_code_reads(names: set[str]) -> None:
    data = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "jupyter_mlagent").rglob("*")
        if path.suffix in {".toml", ".sql", ".json", ".gbnf"} and "lab" not in path.relative_to(ROOT).parts[1]
    ]
    assert "jupyter_mlagent/engine/catalog.toml" in data
    assert set(data) | {"jupyter_mlagent/py.typed"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_source_distribution_is_small_and_can_set_itself_up(distributions: Path) -> None:
    archive = next(distributions.glob("*.tar.gz"))
    assert archive.stat().st_size < 20_000_000
    with tarfile.open(archive) as tar:
        held = {name.partition("/")[2] for name in tar.getnames()}
    assert {"Makefile", "pyproject.toml", "scripts/make_venv.sh", "LICENSE"} <= held
    assert not [name for name in held if "node_modules" in name or ".yarn/" in name]


def test_the_installed_command_runs(clean_python: Path, tmp_path: Path) -> None:
    said = run([clean_python.with_name("mlagent"), "--help"], tmp_path)
    for command in ("suggest", "run", "demo", "doctor", "models", "journal"):
        assert command in said


def test_the_installed_catalog_is_read(clean_python: Path, tmp_path: Path) -> None:
    answer = json.loads(run([clean_python.with_name("mlagent"), "models", "list", "--json"], tmp_path))
    assert {"qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"} <= {model["name"] for model in answer["models"]}
    assert answer["folder"] == str(tmp_path / "models")


@pytest.mark.parametrize(
    "module",
    ["jupyter_mlagent", "jupyter_mlagent.records", "jupyter_mlagent.errors", "jupyter_mlagent.cli.app"],
)
def test_importing_it_loads_nothing_heavy(clean_python: Path, tmp_path: Path, module: str) -> None:
    code = f"import sys, json, {module} as m; print(json.dumps([m.__file__, sorted(sys.modules)]))"
    file, loaded = json.loads(run([clean_python, "-c", code], tmp_path))
    assert Path(file).is_relative_to(clean_python.parents[1])
    # Typer draws its help with rich when it finds it; that is not ours to defer.
    allowed = {"rich"} if module.endswith("cli.app") else set()
    assert {name.split(".")[0] for name in loaded} & (HEAVY - allowed) == set()


def imports_of(folder: Path) -> set[str]:
    """Top-level modules that the code below `folder` imports, wherever in a file."""
    found = set()
    for path in folder.rglob("*.py"):
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"jupyter_mlagent", "mlagent_kernel"}


def brought_by(requirements: Iterable[str], extra: str = "") -> set[str]:
    """Distributions that installing these requirements brings, as far as they are installed here."""
    found: set[str] = set()
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        found.add(name)
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found |= brought_by([need for need in needs if "extra ==" not in need])
    return found


def test_whatever_the_agent_imports_comes_with_it(wheel: Path) -> None:
    declared = importlib.metadata.Distribution.at(_unpacked_metadata(wheel)).requires or []
    brought = brought_by(declared) | brought_by([need for need in declared if "lab" in need], extra="lab")
    owners = importlib.metadata.packages_distributions()
    missing = {
        module
        for module in imports_of(ROOT / "jupyter_mlagent")
        if not {canonicalize_name(owner) for owner in owners.get(module, [])} & brought
    }
    assert missing == set()


def test_what_runs_in_a_kernel_needs_only_python_and_ipython() -> None:
    # Libraries that a person's kernel happens to hold are looked up in sys.modules.
    # IPython stands on traitlets and brings it.
    assert imports_of(ROOT / "kernels" / "mlagent_kernel") <= {"IPython", "traitlets"}


def _unpacked_metadata(wheel: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        info = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        archive.extract(info, wheel.parent)
    return wheel.parent / Path(info).parent


def test_the_wheel_carries_the_example_that_the_demo_opens_and_the_journals_migrations(
    names: set[str],
) -> None:
    assert {
        "jupyter_mlagent/examples/breast_cancer.ipynb",
        "jupyter_mlagent/journal/migrations/0001_steps.sql",
    } <= names
