"""The pairs that can be edges, compared with a list of all pairs."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgae.data.pair_space import PairSpace

TYPE_PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=4)


def listed(space: PairSpace) -> set[tuple[int, int]]:
    """All pairs by definition, an unordered pair in ascending order."""
    found = set()
    types, joined = space.node_types, space.type_pairs
    for i, j in product(range(space.n_nodes), repeat=2):
        if i == j or (i > j and not space.ordered):
            continue
        if types is not None and joined is not None:
            ends = (int(types[i]), int(types[j]))
            allowed = {tuple(pair) for pair in joined.tolist()}
            if ends not in allowed and (space.ordered or ends[::-1] not in allowed):
                continue
        found.add((i, j))
    return found


@st.composite
def spaces(draw: st.DrawFn) -> PairSpace:
    n_nodes, ordered = draw(st.integers(0, 7)), draw(st.booleans())
    if draw(st.booleans()):
        return PairSpace(n_nodes, ordered)
    types = draw(st.lists(st.integers(0, 2), min_size=n_nodes, max_size=n_nodes))
    joined = np.array(draw(TYPE_PAIRS), dtype=np.int64).reshape(-1, 2)
    joined = np.unique(joined if ordered else np.sort(joined, axis=1), axis=0)
    return PairSpace(n_nodes, ordered, np.array(types, dtype=np.int64), joined)


@given(spaces(), st.integers(0, 2**32 - 1))
def test_every_answer_is_that_of_the_list(space: PairSpace, seed: int) -> None:
    pairs, n_nodes = listed(space), space.n_nodes
    random = np.random.default_rng(seed)
    assert space.n_pairs == len(pairs)
    codes = space.every_code()
    assert [*map(tuple, space.pairs_of(codes).tolist())] == sorted(pairs)
    every = np.array([*product(range(n_nodes), repeat=2)], dtype=np.int64).reshape(-1, 2)
    allowed = space.allows(every).reshape(n_nodes, n_nodes)
    assert [*map(tuple, np.argwhere(allowed if space.ordered else np.triu(allowed)).tolist())] == (
        sorted(pairs)
    )
    nodes = np.arange(n_nodes)
    assert space.targets(nodes).tolist() == allowed.sum(axis=1).tolist()
    mask = space.possible(nodes)
    possible = np.ones((n_nodes, n_nodes), bool) if mask is None else mask
    assert np.array_equal(possible & ~np.eye(n_nodes, dtype=bool), allowed)
    sources = random.random(n_nodes) < 0.5
    targets = random.random(n_nodes) < 0.5 if space.ordered else sources
    assert space.n_within(sources, targets) == sum(sources[i] and targets[j] for i, j in pairs)
    drawn = space.draw(9, random)
    assert len(drawn) == (9 if pairs else 0)
    assert space.allows(drawn).all()


@pytest.mark.parametrize("ordered", [False, True])
def test_pairs_are_drawn_alike(ordered: bool) -> None:
    types = np.array([0, 0, 0, 1, 2])
    space = PairSpace(5, ordered, types, np.array([[0, 0], [0, 1], [1, 2]]))
    drawn = space.codes(space.draw(20_000, np.random.default_rng(0)))
    numbers = np.array([np.count_nonzero(drawn == code) for code in space.every_code()])
    assert numbers.sum() == 20_000
    expected = 20_000 / space.n_pairs
    assert ((numbers - expected) ** 2 / expected).sum() < 4 * space.n_pairs
