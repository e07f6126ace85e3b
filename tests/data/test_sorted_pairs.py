from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from number import examples

from vgae import InputError
from vgae.data import sorted_pairs
from vgae.data.adjacency import directed_codes, simple_adjacency
from vgae.data.mapped import ArrayWriter


@given(
    rows=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40),
    cut=st.integers(1, 9),
    directed=st.booleans(),
    weighted=st.booleans(),
)
@settings(max_examples=examples(150), deadline=None)
def test_blocks_give_the_matrix_that_all_rows_at_once_give(
    rows: list[tuple[int, int]],
    cut: int,
    directed: bool,
    weighted: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
    weights = np.arange(1.0, len(pairs) + 1) if weighted and len(pairs) else None
    expected, cleaning = simple_adjacency(pairs, weights, 7, directed=directed)
    kept = pairs[:, 0] != pairs[:, 1]
    codes = directed_codes(pairs[kept][:, 0], pairs[kept][:, 1], 7, directed=directed)
    order = np.argsort(codes, kind="stable")
    values = None if weights is None else weights[kept][order]
    blocks = [
        (codes[order][start : start + cut], None if values is None else values[start : start + cut])
        for start in range(0, len(codes), cut)
    ]
    writer = ArrayWriter(tmp_path_factory.mktemp("arrays"))
    old, sorted_pairs.ROWS = sorted_pairs.ROWS, 5
    try:
        found = sorted_pairs.write_adjacency(writer, blocks, 7, directed=directed, signed=False)
    finally:
        sorted_pairs.ROWS = old
    parts = {name: np.load(writer.folder / f"{name}.npy") for name in writer.names}
    assert np.array_equal(parts["indptr"], expected.indptr)
    assert np.array_equal(parts["indices"], expected.indices)
    if "weights" in parts:
        assert np.array_equal(parts["weights"], expected.data)
    else:
        assert (expected.data == 1).all()
    assert (found.duplicates, found.reversed_duplicates, found.conflicts) == (
        cleaning.duplicates,
        cleaning.reversed_duplicates,
        cleaning.conflicts,
    )
    assert not list(writer.folder.glob("*.tmp"))


def test_signs_that_cancel_are_refused(tmp_path: Path) -> None:
    blocks = [(np.array([2, 2]), np.array([1.0, -1.0]))]
    with pytest.raises(InputError, match="add up to 0"):
        sorted_pairs.write_adjacency(ArrayWriter(tmp_path), blocks, 3, directed=False, signed=True)


def test_opposite_signs_are_counted_in_every_block(tmp_path: Path) -> None:
    blocks = [(np.array([2, 3]), np.array([1.0, -1.0])), (np.array([4, 5]), np.array([-1.0, 2.0]))]
    writer = ArrayWriter(tmp_path)
    found = sorted_pairs.write_adjacency(writer, blocks, 3, directed=False, signed=True)
    assert (found.conflicts, found.opposites) == (2, 2)
    assert np.load(tmp_path / "weights.npy").tolist() == [-1, 2, -1, 2]


def test_a_graph_without_nodes(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path)
    sorted_pairs.write_adjacency(writer, [], 0, directed=False, signed=False)
    assert np.load(tmp_path / "indptr.npy").tolist() == [0]
