"""Rows merged into a matrix, against the same counts taken one row at a time."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from vgae.data.adjacency import (
    MOST_NODES,
    Cleaning,
    check_inside,
    checked_csr,
    checked_weights,
    index_pairs,
    matrix_entries,
    normalized,
    pair_codes,
    places_of,
    simple_adjacency,
)
from vgae.ground.errors import InputError

ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 4)), max_size=40)


def merged_by_hand(
    rows: list[tuple[int, int, int]], *, directed: bool
) -> tuple[dict[tuple[int, int], float], Cleaning]:
    """Weights by arc, both ways where undirected, and what was dropped or merged."""
    arcs: dict[tuple[int, int], float] = defaultdict(float)
    n_loops = 0
    for a, b, weight in rows:
        if a == b:
            n_loops += 1
        else:
            arcs[a, b] += weight
    n_duplicates = len(rows) - n_loops - len(arcs)
    if directed:
        return dict(arcs), Cleaning(self_loops=n_loops, duplicates=n_duplicates)
    both = [arc for arc in arcs if arc[0] < arc[1] and arc[::-1] in arcs]
    kept = {arc: max(weight, arcs.get(arc[::-1], 0.0)) for arc, weight in arcs.items()}
    kept |= {(b, a): weight for (a, b), weight in kept.items()}
    n_conflicts = sum(arcs[arc] != arcs[arc[::-1]] for arc in both)
    return kept, Cleaning(n_loops, n_duplicates, len(both), conflicts=n_conflicts)


@pytest.mark.parametrize("directed", [False, True])
@given(rows=ROWS)
def test_rows_are_merged_and_every_one_is_counted(
    directed: bool, rows: list[tuple[int, int, int]]
) -> None:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    pairs, weights = table[:, :2], table[:, 2].astype(np.float64)
    found, cleaning = simple_adjacency(pairs, weights, 6, directed=directed)
    expected, counted = merged_by_hand(rows, directed=directed)
    assert found.has_canonical_format
    assert {arc: found[arc] for arc in zip(*found.nonzero(), strict=True)} == expected
    assert cleaning == counted
    n_edges = found.nnz if directed else found.nnz // 2
    assert n_edges + sum(cleaning.rows.values()) == len(rows)
    plain, same = simple_adjacency(pairs, None, 6, directed=directed)
    assert set(zip(*plain.nonzero(), strict=True)) == expected.keys()
    assert (plain.data == 1).all()
    assert same.rows == cleaning.rows
    assert same.conflicts == 0


def test_codes_of_the_largest_graph_fit_64_bits() -> None:
    last = MOST_NODES - 1
    pairs = np.array([[0, 1], [last, last - 1], [last - 1, last]], dtype=np.int32)
    codes = pair_codes(pairs, MOST_NODES)
    assert codes.tolist() == [1, (last - 1) * MOST_NODES + last, (last - 1) * MOST_NODES + last]
    assert pair_codes(pairs, MOST_NODES, directed=True)[1] == last * MOST_NODES + last - 1


@given(st.lists(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_places_are_those_of_the_list(codes: list[int], known: set[int]) -> None:
    ascending = sorted(known)
    expected = [ascending.index(code) if code in known else -1 for code in codes]
    found = places_of(np.array(codes, dtype=np.int64), np.array(ascending, dtype=np.int64))
    assert found.tolist() == expected


def test_a_matrix_with_both_entries_of_every_edge_merged_nothing() -> None:
    assert not Cleaning(reversed_duplicates=3).of_matrix(3)
    for kept in (
        Cleaning(reversed_duplicates=2),
        Cleaning(reversed_duplicates=3, conflicts=1),
        Cleaning(duplicates=1),
    ):
        assert kept.of_matrix(3) is kept


def test_all_counts_are_said() -> None:
    assert str(Cleaning(1, 2, 3, 4, 5, 6)) == (
        "dropped 4 rows without a node id, dropped 1 self loop, merged 2 duplicate rows, "
        "merged 3 reversed rows, kept the stronger weight of 5 edges whose two directions differ, "
        "of them 6 with opposite signs, where the negative one is kept if both are equally strong"
    )


def test_entries_are_added_and_stored_zeros_are_none() -> None:
    stored = sparse.coo_array(([1.0, 0.5, 0.0, 2.0], ([0, 0, 1, 1], [1, 1, 0, 1])), shape=(2, 2))
    pairs, values, n_repeated = matrix_entries(stored)
    assert dict(zip(map(tuple, pairs.tolist()), values.tolist(), strict=True)) == {
        (0, 1): 1.5,
        (1, 1): 2.0,
    }
    assert n_repeated == 1


def test_broken_index_arrays_are_refused_before_they_are_followed() -> None:
    broken = sparse.csr_array((3, 3))
    broken.data, broken.indices = np.ones(1), np.array([7])
    broken.indptr = np.array([0, 1, 1, 1])
    with pytest.raises(InputError, match="^features: not a valid sparse matrix"):
        checked_csr(broken, np.float32, "features")


def test_normalisation_is_the_formula() -> None:
    random = np.random.default_rng(0)
    pairs, weights = random.integers(9, size=(14, 2)), random.uniform(0.1, 5.0, 14)
    adjacency, _ = simple_adjacency(pairs, weights, 9, directed=False)
    with_loops = adjacency.toarray().astype(np.float64) + np.eye(9)
    scale = np.diag(with_loops.sum(axis=1) ** -0.5)
    result = normalized(adjacency)
    assert result.dtype == np.float32
    assert result.has_sorted_indices
    np.testing.assert_allclose(result.toarray(), scale @ with_loops @ scale, rtol=1e-6)


def test_errors_name_the_row_and_what_to_do() -> None:
    with pytest.raises(InputError, match=r"^links, line 1: \(4, 0\) is outside the 4 nodes 0 .. 3"):
        check_inside(np.array([[0, 3], [4, 0]]), 4, "links", row="line")
    with pytest.raises(InputError, match="^weights, row 1: nan is not .*; omit pairs that are not"):
        checked_weights([1.0, float("nan")], 2)
    with pytest.raises(InputError, match=r"^edges: shape \(2, 3\) is not .*; transpose it"):
        index_pairs(np.zeros((2, 3), dtype=int), "edges")
    assert index_pairs([], "edges").shape == (0, 2)
