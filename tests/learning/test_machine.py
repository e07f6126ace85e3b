"""Rates that are measured are rates of this machine, within reason."""

from __future__ import annotations

import numpy as np
import pytest

from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.learning import machine as module
from vgae.learning.machine import gpu_machine, measure_machine
from vgae.model.rates import KINDS


def test_what_is_asked_for_is_measured_and_nothing_else() -> None:
    machine = measure_machine(kinds=("number", "link"), most_reach=1e5)
    assert set(machine.rates.seconds) == {"number", "link", "link_product"}
    assert len(machine.rates.seconds["number"]) == 1
    assert 1e-12 < machine.rates.of("number", 0.0) < 1e-6
    assert machine.measured
    assert machine.memory_bytes is None


def test_all_kinds_can_be_measured() -> None:
    machine = measure_machine()
    assert set(machine.rates.seconds) == set(KINDS)
    found = {kind: machine.rates.of(kind, 1e6) for kind in KINDS}
    assert all(0 <= seconds < 1e-3 for kind, seconds in found.items() if kind != "step")
    # A logistic edge takes more than a multiplication of its score.
    assert found["logistic_edge"] + 16 * found["logistic_product"] > found["product"]


@pytest.mark.parametrize(
    "graph",
    [
        Graph.from_edges([], n_nodes=0),
        Graph.from_edges([], n_nodes=1),
        Graph.from_edges([(0, 1)]),
        Graph.from_edges(np.random.default_rng(0).integers(500, size=(4000, 2)), n_nodes=500),
    ],
)
def test_rows_of_any_graph_can_be_timed(graph: Graph) -> None:
    machine = measure_machine(kinds=("link", "edge"), most_reach=0, graph=graph)
    for kind, product in (("link", "link_product"), ("edge", "edge_product")):
        assert 0 < machine.rates.of(kind, 0.0) + 16 * machine.rates.of(product, 0.0) < 1e-2


@pytest.mark.parametrize(
    ("resident", "held", "libraries"),
    [(4e8, 0.0, 4e8), (4e8, 1e8, 3e8), (3e9, 0.0, 4.3e8), (3e9, 2.7e9, 3e8), (None, 0.0, 4.3e8)],
)
def test_memory_that_a_new_process_would_not_hold_is_left_out(
    resident: float | None, held: float, libraries: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "resident_bytes", lambda: resident)
    found = measure_machine(kinds=(), held_bytes=held).library_bytes
    assert found == pytest.approx(libraries)


def test_unknown_gpus_and_engines_are_refused() -> None:
    with pytest.raises(InputError, match="unknown GPU 'h10': did you mean 'h100'"):
        gpu_machine("h10")
    with pytest.raises(InputError, match="unknown engine 'tile'"):
        measure_machine(kinds=("pair",), engine="tile")
