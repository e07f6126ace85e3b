import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign import dgl, library, rich_graph
from graphs import graphs
from hypothesis import given
from places import DOCS
from scipy import sparse

import vgae
from vgae.data.graph import Graph
from vgae.data.interop import as_graph
from vgae.ground.errors import InputError

PAGE = DOCS / "interop.md"

LIBRARIES = {
    "SciPy": ("to_scipy", "scipy"),
    "NetworkX": ("to_networkx", "networkx"),
    "igraph": ("to_igraph", "igraph"),
    "pandas": ("to_pandas", "pandas"),
    "Polars": ("to_polars", "polars"),
    "PyArrow": ("to_arrow", "pyarrow"),
    "PyTorch Geometric": ("to_pyg", "torch_geometric"),
    "DGL": ("to_dgl", "dgl"),
    "AnnData": ("to_anndata", "anndata"),
}
EDGE_LISTS = ("to_pandas", "to_polars", "to_arrow")
every_library = pytest.mark.parametrize(("name", "module"), LIBRARIES.values(), ids=LIBRARIES)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sees to it that a library can be imported."""

    def see_to(module: str) -> None:
        if module == "dgl":
            monkeypatch.setitem(sys.modules, "dgl", dgl())
        else:
            library(module)

    return see_to


def there_and_back(graph: Graph, name: str) -> Graph:
    """The graph as it comes back from another library."""
    return as_graph(getattr(vgae, name)(graph), directed=graph.directed)


def kept(graph: Graph, name: str) -> list[str]:
    """What a format keeps of a graph, as the page has it."""
    back = there_and_back(graph, name)
    arrows = rich_graph(directed=True)
    n_linked = len(np.unique(graph.edges))
    labels = None if back.labels is None else back.labels.tolist()
    facts = [
        back.ids.tolist() in (graph.ids.tolist(), graph.ids[:n_linked].tolist()),
        back.weights is not None and back.weights.tolist() == graph.weights.tolist(),  # type: ignore[union-attr]
        back.n_features > 0
        and np.array_equal(np.asarray(back.features), np.asarray(graph.features)),
        graph.labels is not None and labels == graph.labels.tolist(),
        back.n_nodes == graph.n_nodes,
        there_and_back(arrows, name).edges.tolist() == arrows.edges.tolist(),
    ]
    return ["yes" if fact else "no" for fact in facts]


@pytest.mark.parametrize("row", LIBRARIES)
def test_the_page_says_what_every_library_keeps(row: str, there: Callable[[str], None]) -> None:
    name, module = LIBRARIES[row]
    there(module)
    (line,) = re.findall(rf"^\| {row} .*\| `{name}` \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    said = [cell.strip() for cell in line.split("|")]
    wanted = kept(rich_graph(), name)
    assert [cell.split()[0] for cell in said] == wanted


@every_library
def test_what_a_library_keeps_comes_back_as_it_was(
    name: str, module: str, there: Callable[[str], None]
) -> None:
    there(module)
    graph = rich_graph()
    if name != "to_pyg":
        graph = graph.with_labels(None)
        if name != "to_anndata":
            graph = graph.with_features(None)
    if name in EDGE_LISTS:
        graph = Graph.from_edges(graph.edges, weights=graph.weights, ids=graph.ids[:4])
    if name in ("to_scipy", "to_dgl"):
        graph = Graph.from_edges(graph.edges, weights=graph.weights, n_nodes=5)
    back = there_and_back(graph, name)
    assert back.fingerprint == graph.fingerprint
    assert not back.cleaning


@every_library
def test_integer_ids_come_back(name: str, module: str, there: Callable[[str], None]) -> None:
    there(module)
    graph = Graph.from_pairs([(30, 10), (30, 20)])
    back = there_and_back(graph, name)
    assert back.edges.tolist() == graph.edges.tolist()
    wanted: list[Any] = [10, 20, 30]
    if name == "to_anndata":
        wanted = ["10", "20", "30"]
    if name in ("to_scipy", "to_dgl"):
        wanted = [0, 1, 2]
    assert back.ids.tolist() == wanted


@given(graph=graphs(max_nodes=40))
def test_any_graph_comes_back_from_the_libraries_that_keep_its_nodes(graph: Graph) -> None:
    for row in ("SciPy", "NetworkX", "igraph", "PyTorch Geometric"):
        name, module = LIBRARIES[row]
        library(module)
        assert there_and_back(graph, name).fingerprint == graph.fingerprint


def test_edge_lists_say_which_nodes_they_lose(caplog: pytest.LogCaptureFixture) -> None:
    library("pandas")
    with caplog.at_level(logging.INFO, logger="vgae"):
        vgae.to_pandas(rich_graph())
        vgae.to_networkx(rich_graph())
    assert caplog.messages == [
        "pandas: left out 1 node without edges, 2 features, labels",
        "NetworkX: left out 2 features, labels",
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@every_library
def test_what_goes_out_is_ones_own(name: str, module: str, there: Callable[[str], None]) -> None:
    """Writing to it does not reach the graph."""
    there(module)
    graph = rich_graph()
    before = graph.fingerprint
    made: Any = getattr(vgae, name)(graph)
    if name == "to_scipy":
        made.data[:] = 7.0
    elif name == "to_anndata":
        made.X[:] = 7.0
        made.obsp["connectivities"].data[:] = 7.0
    elif name == "to_pyg":
        made.x[:], made.edge_weight[:], made.y[:] = 7.0, 7.0, 7
    elif name == "to_dgl":
        made.ndata["feat"][:], made.edata["weight"][:] = 7.0, 7.0
    elif name == "to_pandas":
        made.loc[:, "weight"] = 7.0
    assert graph.fingerprint == before
    assert graph.labels is not None
    assert graph.labels.tolist() == [0, 0, 1, 1, 2]


def test_sparse_features_stay_sparse_where_that_can_be(there: Callable[[str], None]) -> None:
    graph = rich_graph().with_features(sparse.csr_array(np.eye(5)[:, :3]))
    for name, module in LIBRARIES.values():
        if name in ("to_pyg", "to_anndata"):
            there(module)
            assert there_and_back(graph, name).fingerprint == graph.fingerprint
    there("dgl")
    dense = there_and_back(graph, "to_dgl").features
    assert isinstance(dense, np.ndarray)
    assert dense.tolist() == np.eye(5)[:, :3].tolist()


def test_text_goes_to_tensor_libraries_as_lists_or_not_at_all(
    there: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    graph = Graph.from_edges([(0, 1)], ids=["a", "b"], labels=["red", "blue"])
    there("torch_geometric")
    made = vgae.to_pyg(graph)
    assert (made.node_ids, made.y) == (["a", "b"], ["red", "blue"])
    assert as_graph(made).labels.tolist() == ["red", "blue"]  # type: ignore[union-attr]
    there("dgl")
    with caplog.at_level(logging.INFO, logger="vgae"):
        assert vgae.to_dgl(graph).ndata == {}
    assert caplog.messages == ["DGL: left out node ids, labels"]


@pytest.mark.parametrize("row", [row for row in LIBRARIES if row not in ("SciPy", "PyArrow")])
def test_a_missing_library_is_one_line(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, module = LIBRARIES[row]
    graph = rich_graph()
    monkeypatch.setitem(sys.modules, module, None)
    package = {"torch_geometric": "torch-geometric"}.get(module, module)
    with pytest.raises(InputError, match=f"^{module} is not installed; pip install {package}$"):
        getattr(vgae, name)(graph)


def test_a_broken_library_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dgl.py").write_text("import no_such_backend_of_dgl\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "dgl", raising=False)
    with pytest.raises(ModuleNotFoundError, match="no_such_backend_of_dgl"):
        vgae.to_dgl(rich_graph())
