import numpy as np

from vgae.scores import VectorScores


def test_pairs_and_rows_agree_in_both_directions() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(30, 4)).astype(np.float32)
    scores = VectorScores(vectors)
    pairs = random.integers(30, size=(100, 2))
    expected = vectors.astype(np.float64) @ vectors.T
    found = scores.pairs(pairs)
    np.testing.assert_allclose(found, expected[pairs[:, 0], pairs[:, 1]], rtol=1e-5, atol=1e-6)
    assert np.array_equal(found, scores.pairs(pairs[:, ::-1].copy()))
    np.testing.assert_allclose(
        scores.rows(np.array([3, 7])), expected[[3, 7]], rtol=1e-5, atol=1e-6
    )
    assert scores.n_nodes == 30
    assert np.array_equal(scores.vectors, vectors)


def test_no_pairs_have_no_scores() -> None:
    scores = VectorScores(np.ones((3, 2), dtype=np.float32))
    assert scores.pairs(np.empty((0, 2), dtype=np.int64)).shape == (0,)
