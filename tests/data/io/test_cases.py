"""Small files of the kinds that people have, each with its right answer; see their README.

They lie beside the folder that VGAE_DATA names. `CHECKS` has one check for each file.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vgae.data.graph import Graph
from vgae.data.io import read_graph
from vgae.ground.errors import InputError

PAIRS = [(i, (7 * i + 3) % 40) for i in range(80)]
OF_EDITORS = {
    "nodelink.json", "d3.json", "dupkey.graphml", "duptitle.gexf", "gml_duplabel.gml",
    "maltego.graphml", "yed.graphml", "sym.mtx",
}  # fmt: skip
"""Files of graph editors, JSON and matrices, which test_editor_cases.py checks."""


@pytest.fixture
def cases() -> Path:
    data = os.environ.get("VGAE_DATA")
    folder = None if data is None else Path(data).parent / "cases"
    if folder is None or not folder.is_dir():
        pytest.skip("no folder of cases beside VGAE_DATA")
    return folder


class Case:
    """A file, and what is said while it is read."""

    def __init__(self, path: Path, log: pytest.LogCaptureFixture) -> None:
        self.path, self._log = path, log

    def graph(self, **options: Any) -> Graph:
        with self._log.at_level(logging.INFO, logger="vgae"):
            return read_graph(self.path, **options)

    def refused(self, said: str, **options: Any) -> None:
        with pytest.raises(InputError, match=said) as caught:
            read_graph(self.path, **options)
        assert str(caught.value).startswith(str(self.path))
        assert "\n" not in str(caught.value)

    def says(self, *texts: str) -> None:
        for text in texts:
            assert text in self._log.text

    def warns(self, text: str) -> None:
        warnings = [r.getMessage() for r in self._log.records if r.levelno == logging.WARNING]
        assert any(text in warning for warning in warnings), warnings


def rows(graph: Graph) -> int:
    """The rows that are accounted for."""
    cleaning = graph.cleaning
    return graph.n_edges + sum(
        (
            cleaning.self_loops,
            cleaning.duplicates,
            cleaning.reversed_duplicates,
            cleaning.incomplete,
        )
    )


def has_edges(graph: Graph, pairs: list[tuple[Any, Any]], *, nodes: set[Any] | None = None) -> None:
    """Exactly these pairs are edges, and their ends, with further nodes if any, the nodes."""
    wanted = {frozenset(pair) for pair in pairs if pair[0] != pair[1]}
    found = [frozenset(pair) for pair in graph.ids[graph.edges].tolist()]
    assert set(found) == wanted
    assert len(found) == len(wanted)
    assert set(graph.ids.tolist()) == ({end for pair in pairs for end in pair} | (nodes or set()))
    assert rows(graph) == len(pairs)


def named(source: str, target: str | None = None) -> list[tuple[Any, Any]]:
    return [(f"{source}{a}", f"{target or source}{b}") for a, b in PAIRS]


def check_sif(case: Case) -> None:
    graph = case.graph()
    has_edges(graph, [(f"g{a}", f"g{other}") for a, b in PAIRS for other in (b, (b + 1) % 40)])
    assert graph.n_nodes == 80


def check_arrows(case: Case) -> None:
    has_edges(case.graph(), named("n"))
    case.warns("arrows give edges a direction")
    assert case.graph(directed=True).n_edges == 80


def check_adjacency_list(case: Case) -> None:
    lines = [line.split() for line in case.path.read_text().splitlines()[1:]]
    pairs = [(int(line[0]), int(other)) for line in lines for other in line[1:]]
    assert len(pairs) == 3 * 40
    graph = case.graph()
    has_edges(graph, pairs)
    assert graph.n_nodes == 40


def _matrix(case: Case, names: bool) -> np.ndarray[Any, Any]:
    lines = [line.split(",") for line in case.path.read_text().splitlines()]
    if names:
        lines = [line[1:] for line in lines[1:]]
    return np.array(lines, dtype=float)


def check_matrix_with_names(case: Case) -> None:
    graph, wanted = case.graph(), _matrix(case, names=True)
    order = [graph.ids.tolist().index(f"city{i}") for i in range(12)]
    assert graph.n_nodes == 12
    np.testing.assert_array_equal(graph.adjacency.toarray()[np.ix_(order, order)], wanted)
    case.warns("read as an adjacency matrix")
    assert rows(graph) == wanted.sum() / 2


def check_matrix_without_names(case: Case) -> None:
    graph, wanted = case.graph(), _matrix(case, names=False)
    assert graph.ids.tolist() == list(range(12))
    np.testing.assert_array_equal(graph.adjacency.toarray(), wanted)
    case.warns("node ids are 0 to 11, as it has no names")
    assert case.graph(source=1, target=2).n_nodes == 2


def check_biogrid(case: Case) -> None:
    has_edges(case.graph(), [(5000 + a, 5000 + b) for a, b in PAIRS])
    case.warns("on offer as well: column 'Official Symbol Interactor A' to")
    by_symbol = case.graph(source="Official Symbol Interactor A", target=5)
    has_edges(by_symbol, named("G"))


def check_user_item(case: Case) -> None:
    graph = case.graph()
    has_edges(graph, named("u", "i"))
    assert (graph.n_nodes, graph.n_edges, graph.kind) == (120, 80, "bipartite")
    case.says("two kinds of nodes, by its column names")


def _ratings(separator: str) -> list[tuple[Any, Any]]:
    return [(f"source:{i % 40 + 1}", f"{separator}{(7 * i + 3) % 40 + 1}") for i in range(80)]


def check_ratings(case: Case) -> None:
    merged = case.graph()
    case.warns("both columns use the same numbers (40), and column 3 looks like ratings")
    assert (merged.n_nodes, rows(merged)) == (40, 80)
    graph = case.graph(bipartite=True)
    has_edges(graph, _ratings("target:"))
    assert (graph.kind, graph.type_names) == ("bipartite", ("source", "target"))


def check_konect(case: Case) -> None:
    has_edges(case.graph(), _ratings("target:"))
    assert case.graph().kind == "bipartite"
    case.warns("two kinds of nodes, with 40 ids in common: ids are written 'source:1', 'target:4'")
    assert case.graph(bipartite=False).n_nodes == 40


def check_excel(case: Case) -> None:
    has_edges(case.graph(), named("a"))
    case.says("not used: 3 empty columns", "left out 2 lines of delimiters only")


def check_utf16(case: Case) -> None:
    has_edges(case.graph(), named("é"))
    case.says("comma-separated, UTF-16")


def check_dictionaries(case: Case) -> None:
    graph = case.graph()
    has_edges(graph, PAIRS)
    assert graph.weights is not None
    wanted: dict[frozenset[int], float] = {}
    for i, pair in enumerate(PAIRS):
        wanted[frozenset(pair)] = wanted.get(frozenset(pair), 0.0) + i % 3 + 1
    for pair, weight in zip(graph.ids[graph.edges].tolist(), graph.weights.tolist(), strict=True):
        if tuple(pair) not in PAIRS or tuple(reversed(pair)) not in PAIRS:
            assert weight == wanted[frozenset(pair)]


def check_float_ids(case: Case) -> None:
    has_edges(case.graph(), [(f"{a}.0", f"{b}.0") for a, b in PAIRS])
    case.warns("ids look like integers written as floats, such as '0.0'")
    has_edges(case.graph(integer_ids=True), PAIRS)


def check_signed(case: Case) -> None:
    case.refused(
        r"line 2: column 'weight' holds -10, a negative weight; --signed \(signed=True\) reads a "
        "signed graph; otherwise remove such rows"
    )
    case.refused("line 12: column 'weight' holds 0, which has no sign; remove rows", signed=True)


def check_decimal_commas(case: Case) -> None:
    assert case.graph().weights is None
    graph = case.graph(weight="Gewicht")
    has_edges(graph, named("k"))
    assert graph.weights is not None
    weight = dict(zip(map(tuple, graph.ids[graph.edges].tolist()), graph.weights, strict=True))
    lines = [line.split(";") for line in case.path.read_text().splitlines()[1:]]
    assert lines[78] == ["k78", "k29", "3,25"]
    assert weight["k29", "k78"] == np.float32(3.25)
    case.warns("has decimal commas")


def check_thousands(case: Case) -> None:
    case.refused("line 2: column 'weight' holds '1,000', whose comma may group thousands")


def plain(prefix: str) -> Callable[[Case], None]:
    def check(case: Case) -> None:
        has_edges(case.graph(), named(prefix) if prefix else PAIRS)

    return check


def check_string(case: Case) -> None:
    has_edges(case.graph(), [(f"9606.ENSP{a:08}", f"9606.ENSP{b:08}") for a, b in PAIRS])


CHECKS: dict[str, Callable[[Case], None]] = {
    "cyto.sif": check_sif,
    "arrow.txt": check_arrows,
    "adj.adjlist": check_adjacency_list,
    "adjmatrix_header.csv": check_matrix_with_names,
    "adjmatrix_plain.csv": check_matrix_without_names,
    "biogrid.tab3.txt": check_biogrid,
    "useritem.csv": check_user_item,
    "u.data": check_ratings,
    "out.konect": check_konect,
    "excel_trailing.csv": check_excel,
    "utf16.csv": check_utf16,
    "nx_edgelist_space_dict.edgelist": check_dictionaries,
    "float_ids.csv": check_float_ids,
    "signed.csv": check_signed,
    "decimal_comma.csv": check_decimal_commas,
    "thousands.csv": check_thousands,
    "neo4j.csv": plain("p"),
    "string.txt.gz": check_string,
    "pandas_index.csv": plain("u"),
    "edges_with_types.csv": plain(""),
}


@pytest.mark.parametrize("name", CHECKS)
def test_each_case_is_read_right(name: str, cases: Path, caplog: pytest.LogCaptureFixture) -> None:
    CHECKS[name](Case(cases / name, caplog))


def test_every_case_has_a_check(cases: Path) -> None:
    files = {path.name for path in cases.iterdir()} - {"README.md"}
    assert files == CHECKS.keys() | OF_EDITORS
    listed = re.findall(r"[\w.]+\.[a-z0-9]+", "".join(_first_cells(cases / "README.md")))
    assert set(listed) == files


def _first_cells(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [line.split("|")[1] for line in lines if line.startswith("|")]
