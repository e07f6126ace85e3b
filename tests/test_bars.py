"""Bars of quality and memory on real graphs: minutes, so left to `make test-slow`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

import vgae
from vgae.data.graph import Graph

pytestmark = pytest.mark.slow


def reached(graph: Graph, model: str, features: str) -> tuple[float, float]:
    """AUC and AP in percent: protocol T, ten runs, seed and split together."""
    result = vgae.evaluate(graph, [model], runs=10, seed=0, features=features)
    auc, precision = (result.metrics[model][name].mean for name in ("auc", "average_precision"))
    assert auc is not None
    assert precision is not None
    return 100 * auc, 100 * precision


@pytest.mark.parametrize(
    ("model", "features", "bar"),
    [
        ("gae", "raw", (91.0, 92.0)),
        ("vgae", "raw", (91.0, 92.0)),
        ("gae", "none", (84.0, 88.0)),
        ("vgae", "none", (84.0, 88.0)),
    ],
)
def test_quality_on_cora(cora: Graph, model: str, features: str, bar: tuple[float, float]) -> None:
    auc, precision = reached(cora, model, features)
    assert auc >= bar[0]
    assert precision >= bar[1]


@pytest.mark.parametrize(
    ("model", "features"), [("vgae", "raw"), ("vgae", "unit"), ("gae", "unit")]
)
def test_quality_on_citeseer(citeseer: Graph, model: str, features: str) -> None:
    auc, precision = reached(citeseer, model, features)
    assert auc >= 90.0
    assert precision >= 91.0


def test_memory_of_training_on_dblp(data_folder: Path, tmp_path: Path) -> None:
    assert data_folder
    path = str(tmp_path / "dblp.npz")
    assert measured("prepare", name="dblp", path=path)["nodes"] == 17_716
    measured("step", engine="numba", path=path)  # compiling has a memory of its own
    assert measured("epochs", implementation="numba", path=path, quick=True)["peak_mb"] < 150


def measured(task: str, **arguments: Any) -> Any:
    """What benchmarks/measure.py answers."""
    program = [sys.executable, str(ROOT / "benchmarks" / "measure.py"), task, json.dumps(arguments)]
    return json.loads(subprocess.run(program, capture_output=True, text=True, check=True).stdout)
