"""Maps and colours: the same for the same vectors, right in small and degenerate cases."""

import random

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from vgae.ground.errors import InputError
from vgae.people.html import layout


def blocks(n_blocks: int, size: int) -> sparse.csr_array:
    """Cliques, each joined to the next by one edge."""
    dense = np.kron(np.eye(n_blocks), np.ones((size, size)) - np.eye(size))
    for block in range(n_blocks - 1):
        a, b = block * size, (block + 1) * size
        dense[a, b] = dense[b, a] = 1
    return sparse.csr_array(dense)


def test_components_are_those_of_scikit_learn_with_a_sign_of_their_own() -> None:
    vectors = np.random.default_rng(0).normal(size=(200, 5)) * [3, 2, 1, 0.5, 0.1]
    positions, shares = layout.principal_components(vectors)
    reference = PCA(2).fit(vectors)
    np.testing.assert_allclose(np.abs(positions), np.abs(reference.transform(vectors)), atol=1e-9)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_)
    flipped, _ = layout.principal_components(vectors.astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(flipped, positions, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 1), (2, 2)])
def test_small_embeddings_have_a_place(shape: tuple[int, int]) -> None:
    for vectors in (np.ones(shape), np.arange(float(np.prod(shape))).reshape(shape)):
        positions, words = layout.projected(vectors, "pca")
        assert positions.shape == (shape[0], 2)
        assert np.isfinite(positions).all()
        assert "principal components" in words
        assert layout.scaled(positions).dtype == np.uint16


def test_both_directions_keep_the_same_unit() -> None:
    positions = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 5.0]])
    found = layout.scaled(positions).astype(float)
    assert (found[1, 0] - found[0, 0]) / (found[2, 1] - found[0, 1]) == pytest.approx(2, rel=1e-3)


def test_tsne_is_repeatable_and_keeps_neighbours() -> None:
    pytest.importorskip("openTSNE", reason="openTSNE, of the extra map, is not installed")
    noise = np.random.default_rng(0).normal(size=(60, 4))
    vectors = np.repeat(np.eye(4)[:3], 20, axis=0) * 30 + noise
    first, words = layout.projected(vectors, "tsne", seed=3)
    np.testing.assert_array_equal(first, layout.projected(vectors, "tsne", seed=3)[0])
    assert words.startswith("t-SNE")
    centres = first.reshape(3, 20, 2).mean(axis=1)
    own = np.linalg.norm(first[:, None] - centres[None], axis=2).argmin(axis=1)
    assert (own == np.repeat([0, 1, 2], 20)).mean() > 0.95
    with pytest.raises(InputError, match="needs 10 nodes"):
        layout.projected(np.eye(3), "tsne")


def test_communities_are_found_and_leave_random_numbers_alone() -> None:
    before = random.getstate()
    found = layout.communities(blocks(4, 6))
    assert found is not None
    assert random.getstate() == before
    assert [len(set(part)) for part in found.reshape(4, 6)] == [1] * 4
    assert len(set(found)) == 4
    np.testing.assert_array_equal(found, layout.communities(blocks(4, 6)))


def test_networkx_takes_over_where_igraph_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, package: str | None = None) -> None:
        raise InputError(f"{name} is not installed; pip install {package}")

    monkeypatch.setattr(layout, "library", missing)
    found = layout.communities(blocks(3, 6))
    assert found is not None
    assert [len(set(part)) for part in found.reshape(3, 6)] == [1] * 3
    monkeypatch.setattr(layout, "MOST_EDGES_NETWORKX", 5)
    assert layout.communities(blocks(3, 6)) is None
    with pytest.raises(InputError, match=r"openTSNE is not installed; pip install vgae\[map\]"):
        layout.projected(np.eye(12), "tsne")


def test_a_graph_without_edges_has_communities_of_one() -> None:
    found = layout.communities(sparse.csr_array((3, 3)))
    assert found is not None
    assert len(set(found.tolist())) == 3


def test_rare_names_count_as_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MOST_NAMES", 2)
    codes = np.array([0, 1, 1, 2, 2, 2, 3, -1])
    found = layout.coloured_by_name("label", codes, ["a", "b", "c", "d"])
    assert found.names == ("c", "b", "2 smaller ones")
    assert found.codes.tolist() == [2, 1, 1, 0, 0, 0, 2, layout.NO_NAME]


def test_no_name_at_all_and_no_spread() -> None:
    assert layout.coloured_by_name("label", np.array([-1, -1]), ["x"]).names == ()
    same = layout.coloured_by_number("degree", np.array([3, 3]), logarithmic=True)
    assert (same.low, same.high, same.codes.tolist()) == (3.0, 3.0, [0, 0])
