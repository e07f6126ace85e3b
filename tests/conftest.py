"""Graphs and folders that many tests share."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command import Caller
from hypothesis import settings

from vgae.data.datasets import load_dataset
from vgae.data.graph import Graph

# A separate program, whose library only `make test-slow` installs, and scripts that tests run.
collect_ignore = ["fuzz_tables.py", "days/researcher.py", "days/scientist.py"]


def pytest_collection_finish() -> None:
    """What is there before the first test stays: no search for garbage need pass it each time."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Libraries take what is frozen at the end for a leak."""
    gc.unfreeze()


# The same examples at every run: a check must not fail by chance. Random ones come with
# `pytest --hypothesis-profile=random`, which `make test-slow` uses, and are more: see number.py.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("random", deadline=None)
settings.load_profile("repeatable")


def _folder(variable: str) -> Path:
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{variable} does not name a folder: the files are not there")
    return Path(folder)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real graphs, where the machine has them."""
    return _folder("VGAE_DATA")


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    """What the reference programs computed, where the machine has it."""
    return _folder("VGAE_GOLDEN")


@pytest.fixture(scope="session")
def cora(data_folder: Path) -> Graph:
    assert data_folder
    return load_dataset("cora")


@pytest.fixture(scope="session")
def citeseer(data_folder: Path) -> Graph:
    assert data_folder
    return load_dataset("citeseer")


@pytest.fixture(scope="session")
def karate() -> Graph:
    return load_dataset("karate")


@pytest.fixture
def ring() -> Graph:
    """Forty nodes in a ring, with string ids and three features."""
    edges = [(i, (i + 1) % 40) for i in range(40)]
    features = np.random.default_rng(0).normal(size=(40, 3))
    return Graph.from_edges(edges, ids=[f"n{i:02}" for i in range(40)], features=features)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def every_warning() -> Iterator[None]:
    """Torch warns each time, and not only the first time in a process."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


@pytest.fixture(autouse=True)
def _package_logger() -> Iterator[None]:
    """The command line takes the package's logger over; give it back."""
    logger = logging.getLogger("vgae")
    before = logger.handlers, logger.propagate, logger.level
    yield
    logger.handlers, logger.propagate = before[0], before[1]
    logger.setLevel(before[2])  # which also clears what loggers remember of the level


def fresh_triton_engine() -> Any:
    """A copy of the module, whose kernel goes by TRITON_INTERPRET as it is now."""
    spec = importlib.util.find_spec("vgae.model.kernels.triton_engine")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module with an interpreted kernel, whatever imported triton before."""
    pytest.importorskip("triton", reason="triton, which the engine for GPUs needs, is missing")
    language: Any = importlib.import_module("triton.language")

    def row_sums(values: Any, axis: int) -> Any:
        return language.reduce(values, axis, language.standard._sum_combine)

    monkeypatch.setenv("TRITON_INTERPRET", "1")
    # The one function that the kernel takes from triton's library instead of its language: imported
    # without the variable, it is there to be compiled.
    monkeypatch.setattr(language, "sum", row_sums)
    return fresh_triton_engine()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The module with a kernel for a GPU."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    return fresh_triton_engine()
