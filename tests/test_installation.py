"""The package as users get it: built, checked, installed into a fresh environment and run.

`make test-wheel` runs the slow tests of this file.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", "__pycache__", ".hypothesis", "*.egg-info", "runs", "results"
)


def output(*command: str | Path, folder: Path, **variables: str) -> str:
    """What a command prints; its errors are shown where it fails."""
    answer = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=_environment() | variables
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


def _environment() -> dict[str, str]:
    """Nothing that would lead to this source tree or to what it has compiled."""
    ours = ("PYTHONPATH", "NUMBA_CACHE_DIR", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in ours}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution of a copy of the tree, and a wheel that was built from it."""
    pytest.importorskip("build", reason="build is missing: pip install -e '.[release]'")
    folder = tmp_path_factory.mktemp("dist")
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=NOT_SOURCE)
    output(sys.executable, "-m", "build", "--outdir", folder / "dist", tree, folder=folder)
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the commands of an environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    output(sys.executable, "-m", "venv", folder / "venv", folder=folder)
    commands = folder / "venv" / "bin"
    install: list[str | Path] = [
        commands / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
    ]
    output(*install, "-c", ROOT / "constraints.txt", wheel, folder=folder)
    return commands


@pytest.mark.slow
def test_wheel_and_source_distribution_pass_the_checks_of_the_index(dist: Path) -> None:
    pytest.importorskip("twine", reason="twine is missing: pip install -e '.[release]'")
    paths = sorted(dist.iterdir())
    assert [path.suffix for path in paths] == [".whl", ".gz"]
    said = output(sys.executable, "-m", "twine", "check", "--strict", *paths, folder=dist)
    assert said.count("PASSED") == 2


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_data_as_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        folders = {name.split("/")[0] for name in names}
        published = {
            Path(name).name: archive.read(name)
            for name in names
            if name.startswith("vgae/learning/published/")
        }
        assert not any(entry.external_attr >> 28 == 0o12 for entry in archive.infolist())  # links
    assert folders == {"vgae", f"vgae-{_metadata(wheel)['Version']}.dist-info"}
    assert "vgae/py.typed" in names
    assert {"vgae/model/presets/paper.toml", "vgae/model/presets/unit.toml"} <= set(names)
    sources = (ROOT / "benchmarks" / "reproduce").glob("*.toml")
    assert published == {path.name: path.read_bytes() for path in sources}
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        (licence,) = [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
        return Parser().parsestr(archive.read(name).decode())


@pytest.mark.slow
def test_the_metadata_are_those_of_the_project(wheel: Path) -> None:
    metadata = _metadata(wheel)
    assert (metadata["Name"], metadata["License-Expression"]) == ("vgae", "MIT")
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text()
    assert metadata.get_all("Classifier") == PROJECT["classifiers"]
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(needed) == sorted(PROJECT["dependencies"])


@pytest.mark.slow
def test_the_source_distribution_holds_what_the_wheel_is_made_of(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = {member.name.partition("/")[2]: member for member in archive.getmembers()}
    assert {"LICENSE", "README.md", "pyproject.toml", "src/vgae/py.typed"} <= members.keys()
    assert members["src/vgae/learning/published/cora.toml"].isreg()


@pytest.mark.slow
def test_an_installed_wheel_runs_outside_the_tree(installed: Path, tmp_path: Path) -> None:
    python, vgae = installed / "python", installed / "vgae"
    where = output(python, "-c", "import vgae; print(vgae.__file__)", folder=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert re.fullmatch(r"vgae \d+\.\d+\.\d+\S*\n", output(vgae, "--version", folder=tmp_path))
    assert re.match(r"(.*\n)?compiled \d+ loops in", output(vgae, "warm-up", folder=tmp_path))
    fitted = output(vgae, "fit", "karate", "--out", "run", "--steps", "20", folder=tmp_path)
    assert "run folder: run" in fitted
    assert "compiling" not in fitted
    links = output(vgae, "recommend", "run", "--top", "3", "--quiet", folder=tmp_path)
    assert links.startswith("source\ttarget\tprobability\n")
    assert len(links.splitlines()) == 4
    program = "from vgae.learning.reproduction import experiments; print(len(experiments()))"
    assert output(python, "-c", program, folder=tmp_path) == "3\n"


@pytest.mark.slow
def test_loops_are_kept_where_the_package_cannot_be_written_to(
    installed: Path, tmp_path: Path
) -> None:
    """A file in place of each folder of caches keeps even the superuser from writing there."""
    (package,) = installed.parent.glob("lib/python*/site-packages/vgae")
    for room in ("model/kernels", "learning/baselines"):
        shutil.rmtree(package / room / "__pycache__", ignore_errors=True)
        (package / room / "__pycache__").touch()
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "caches")}
    vgae = installed / "vgae"
    said = output(vgae, "warm-up", folder=tmp_path, **home)
    assert re.search(r"compiled \d+ loops in", said)
    assert str(tmp_path / "caches") in said
    assert "nothing to do" in output(vgae, "warm-up", folder=tmp_path, **home)
    fit = ("fit", "karate", "--out", "run", "--steps", "2")
    assert "compiling" not in output(vgae, *fit, folder=tmp_path, **home)


# ------------------------------------------------------------------- what needs no building


def test_what_a_user_installs_is_what_the_package_imports() -> None:
    """No package is required for tests, for other libraries' objects or for one baseline alone."""
    names = {"scikit-learn": "sklearn"}
    required = {
        names.get(name, name)
        for name in (re.split(r"[<>=;\[ ]", line)[0] for line in PROJECT["dependencies"])
    }
    imported = {
        name.split(".")[0]
        for path in (ROOT / "src").rglob("*.py")
        for name in _imports(ast.parse(path.read_text()))
    }
    assert required <= imported
    optional = {"anndata", "gensim", "igraph", "pandas", "polars", "torch_geometric", "triton"}
    assert not optional & required


def _imports(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return found


def test_every_extra_is_explained() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    for extra in PROJECT["optional-dependencies"]:
        assert f"| `{extra}` |" in page, extra


def test_the_demo_needs_no_extra() -> None:
    """`make demo` takes the small environment; what tests need comes later."""
    rules = (ROOT / "Makefile").read_text()
    assert "\ndemo: env\n" in rules
    recipe = rules.split("\n.venv/.ready: ")[1].split("\n\n")[0]
    assert "-e .\n" in recipe
    assert "[" not in recipe
    assert "vgae warm-up" in recipe
