"""Which row of a table belongs to which node, for files and data frames alike."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attribute_tables import people
from scipy import sparse

from vgae.data.attributes import (
    NodeRows,
    attribute_columns,
    encode_later,
    with_attributes,
    with_matrix,
)
from vgae.data.graph import Graph
from vgae.data.tables import open_table
from vgae.ground.errors import InputError

PATH = Graph.from_pairs([("ann", "bob"), ("bob", "cid")])


def rows(ids: Any, **options: Any) -> NodeRows:
    names = np.array(ids, dtype=object if ids and isinstance(ids[0], str) else np.int64)
    return NodeRows(names, "t", "e", lambda row: f"t, row {row}", **options)


def test_rows_are_put_in_the_order_of_the_nodes() -> None:
    graph, order = rows(["cid", "ann", "bob"]).matched(PATH)
    assert graph is PATH
    assert order.tolist() == [1, 2, 0]


def test_digits_match_integer_ids() -> None:
    _, order = rows(["20", "10"]).matched(Graph.from_pairs([(10, 20)]))
    assert order.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["zed", "ann", "yan"], "t, row 0: node 'zed' is not in e (2 such rows); remove them, or "
         "keep them as nodes without edges with --isolated (isolated=True); look again"),
        (["ann", "bob", "cid", "zed"], "t, row 3: node 'zed' is not in e (1 such row); remove "
         "them, or keep them as nodes without edges with --isolated (isolated=True)"),
        (["ann", "bob", "cid", "bob"], "t, row 3: a second row for node 'bob'; keep one"),
        (["ann"], "t: no features for node 'bob' of e (2 such nodes); add a row for each"),
        ([], "t: no features for node 'ann' of e (3 such nodes); add a row for each"),
    ],
)  # fmt: skip
def test_rows_that_do_not_fit_are_named(ids: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        rows(ids, hint="; look again").matched(PATH)
    assert str(caught.value) == said


def test_isolated_nodes_join_in_order() -> None:
    graph = Graph.from_edges([(0, 1)], ids=["bob", "dan"], weights=[2.0], directed=True)
    wider, order = rows(["eve", "dan", "ann", "bob"], isolated=True).matched(graph)
    assert wider.ids.tolist() == ["ann", "bob", "dan", "eve"]
    assert order.tolist() == [2, 3, 1, 0]
    assert wider.edges.tolist() == [[1, 2]]
    assert wider.weights is not None
    assert wider.weights.tolist() == [2.0]
    assert wider.directed
    unsorted = Graph.from_edges([(0, 1)], ids=["dan", "bob"])
    wider, _ = rows(["bob", "ann", "dan"], isolated=True).matched(unsorted)
    assert wider.ids.tolist() == ["dan", "bob", "ann"]


def test_isolated_nodes_need_ids_of_the_same_type_and_no_labels() -> None:
    texts = Graph.from_pairs([("1", "x")])
    assert rows([1, 2], isolated=True)._joined(texts).ids.tolist() == ["1", "2", "x"]
    with pytest.raises(InputError, match="t: node id 'x' is text, but the graph's ids are int"):
        rows(["x"], isolated=True).matched(Graph.from_pairs([(1, 2)]))
    labelled = PATH.with_labels([0, 1, 0])
    with pytest.raises(InputError, match=r"'dan' would have no label; omit --isolated"):
        rows(["dan"], isolated=True).matched(labelled)
    assert rows(["ann", "bob", "cid"], isolated=True).matched(labelled)[0] is labelled


def test_ids_are_checked_before_the_cells(tmp_path: Path) -> None:
    table = people(tmp_path, "id,age\nann,31\nbob,old\nzed,7\n")
    options: dict[str, Any] = {"attributes": None, "standardize": False, "missing": "error"}
    with pytest.raises(InputError, match="node 'zed' is not in e"):
        with_attributes(PATH, rows(["ann", "bob", "zed"]), table, [1], **options)
    with pytest.raises(InputError, match="line 3: column 'age' holds 'old'"):
        with_attributes(PATH, rows(["ann", "bob", "cid"]), table, [1], **options)


def test_matrices_go_by_integer_ids() -> None:
    graph = Graph.from_edges([(0, 1)], ids=[1, 0])
    options: dict[str, Any] = {"where": "x.npy", "edges": "e", "isolated": False}
    for values in (np.array([[5.0], [6.0]]), sparse.csr_array(np.array([[5.0], [6.0]]))):
        features: Any = with_matrix(graph, values, **options).features
        dense = features.toarray() if sparse.issparse(features) else features
        assert dense.ravel().tolist() == [6, 5]
    with pytest.raises(InputError, match=r"x\.npy: rows without ids fit integer node ids only"):
        with_matrix(PATH, np.eye(3), **options)
    with pytest.raises(InputError, match=r"x\.npy: features, row 0, column 0: nan"):
        with_matrix(graph, np.array([[1.0], [np.nan]]), **options)


def test_columns_of_ids_and_row_numbers_are_no_attributes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = people(tmp_path, ",id,age\n0,ann,31\n")
    assert attribute_columns(table, 1) == [2]
    assert "column '' is taken for row numbers of a data frame: not used" in caplog.text
    assert attribute_columns(people(tmp_path, "a,b\n", header=False), None) == [0, 1]
    with pytest.raises(InputError, match="only one column"):
        attribute_columns(people(tmp_path, "id\nann\n"), 0)


def test_a_damaged_encoding_is_refused(tmp_path: Path) -> None:
    table = open_table(people(tmp_path, "id,age\nann,31\n").path, header=True)
    with pytest.raises(InputError, match=r"^attributes\.json: columns"):
        encode_later({"columns": [], "missing": "error"}, table, [1])
