"""Loops are compiled together, once per installation, whoever needs the first of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llvmlite
import numba
import pytest
from llvmlite import binding

import vgae
from vgae.model.kernels import first_use as module
from vgae.model.kernels.compiled import loops
from vgae.model.kernels.first_use import MODULES, compile_all, compile_once, folders, is_compiled

ONE_STEP = """
import logging, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
import vgae
vgae.GAE(steps=1).fit([("a", "b"), ("b", "c")])
"""
EVERYTHING = """
import logging, sys
logging.basicConfig(format="%(message)s", stream=sys.stdout)
import numpy as np
import vgae
from vgae.learning.baselines import BASELINES
from vgae.learning.baselines.walks import random_walks
from vgae.model.kernels.first_use import compile_all

links = [(i, (i + step) % 20) for i in range(20) for step in (1, 3)]
features, weights = np.eye(20, 4, dtype=np.float32), np.ones(len(links))
plain = vgae.Graph.from_edges(links)
rich = vgae.Graph.from_edges(links, features=features, weights=weights)
model = vgae.VGAE(steps=2).fit(rich)
model.recommend(1), model.recommend(1, nodes=3)
vgae.GAE(steps=2).fit(plain).recommend(1)
own = {name: {"latent_dim": 4} for name in ("spectral", "sdne", "vae")}
for name, method in BASELINES.items():
    # Loops of deepwalk follow, as gensim may be missing; some are for other kinds of graphs.
    if name != "deepwalk" and rich.kind in method.takes():
        vgae.evaluate(rich, [name], runs=1, settings={name: own.get(name, {})})
for graph in (plain, rich):
    random_walks(graph, np.arange(20), length=4, p=0.5, seed=0)
assert compile_all() == 0
"""


def said(program: str, cache: Path) -> str:
    """What a fresh process says, with compiled code in a folder that is given."""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def kept(cache: Path) -> set[str]:
    return {path.name for path in cache.rglob("*.nb*")}


@pytest.mark.slow
def test_what_runs_first_compiles_all_that_later_runs_need(tmp_path: Path) -> None:
    assert said(ONE_STEP, tmp_path) == (
        "compiling loops for this CPU, once after installation: up to twenty seconds\n"
    )
    before = kept(tmp_path)
    assert len(before) >= 2 * len(MODULES)
    assert said(EVERYTHING, tmp_path) == ""
    assert kept(tmp_path) == before


def test_every_module_with_loops_is_named() -> None:
    package = Path(vgae.__file__).parent
    with_loops = {
        ".".join(["vgae", *path.relative_to(package).with_suffix("").parts])
        for path in package.rglob("*.py")
        if "\n@compiled(" in path.read_text()
    }
    assert set(MODULES) == with_loops


def test_every_loop_is_rehearsed() -> None:
    compile_all()
    assert {loop.__module__ for loop in loops} == set(MODULES)
    assert [loop.__name__ for loop in loops if not loop.signatures] == []


def test_what_is_kept_counts_only_for_the_same_code_and_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compile_all()
    assert is_compiled()
    assert all(any(folder.glob("*.nbi")) for folder in folders())
    for room, name in ((numba, "__version__"), (llvmlite, "__version__")):
        with monkeypatch.context() as patch:
            patch.setattr(room, name, "0")
            assert not is_compiled()
    with monkeypatch.context() as patch:
        patch.setattr(binding, "get_host_cpu_name", lambda: "another")
        assert not is_compiled()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda _: b"changed")
        assert not is_compiled()
    assert is_compiled()


@pytest.fixture
def new(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens in a process that has not looked yet, after an installation."""
    events: list[str] = []
    monkeypatch.setattr(module, "_looked", False)
    monkeypatch.setattr(module, "is_compiled", lambda: False)
    monkeypatch.setattr(module, "compile_all", lambda: events.append("compiled"))
    return events


def test_a_display_is_shown_while_loops_are_compiled(
    new: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def working(words: str) -> Iterator[None]:
        new.append(words.partition(",")[0])
        yield
        new.append("shown")

    compile_once(working)
    compile_once(working)
    assert new == ["compiling loops for this CPU", "compiled", "shown"]
    assert caplog.text == ""


def test_where_nothing_can_be_kept_it_is_said(
    new: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "folders", list)
    compile_once()
    assert new == ["compiled"]
    assert "as no folder can be written to keep them" in caplog.text
