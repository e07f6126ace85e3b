"""Terms and scores of a pattern's pairs against a dense float64 evaluation of their definition."""

from typing import Any, get_args

import numpy as np
import pytest
import torch
from graphs import dense, graphs, random_arcs, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from number import examples
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

import vgae.model.kernels.edges as module
from vgae.data.graph import Graph
from vgae.model.kernels import (
    PairPattern,
    PairSum,
    PairTerm,
    pair_scores,
    pair_terms,
    with_gradients,
)
from vgae.model.kernels.pairs import TermKind

Dense = NDArray[np.float64]
KINDS: tuple[TermKind, ...] = get_args(TermKind)
WAYS = ("compiled", "torch")


def pattern_of(mask: NDArray[Any]) -> PairPattern:
    matrix = sparse.csr_array(mask != 0)
    matrix.sort_indices()
    return PairPattern(torch.from_numpy(matrix.indptr), torch.from_numpy(matrix.indices))


def of_graph(graph: Graph, *, selves: bool = True) -> Dense:
    return (dense(graph) > 0) + np.eye(graph.n_nodes) * selves


def terms(
    way: str, left: Tensor, right: Tensor | None, pattern: PairPattern, term: PairTerm
) -> PairSum:
    with pytest.MonkeyPatch.context() as patch:
        if way == "torch":
            patch.setattr(module, "CHUNK_PAIRS", 1000)
            for name in ("pull_logistic", "pull_in_lanes"):
                patch.setattr(module, name, module._pull_with_torch)
        return pair_terms(left, right, pattern, term)


def sides_of(
    kind: TermKind, n_nodes: int, dim: int, largest: float, seed: int, *, offsets: bool
) -> tuple[Tensor, Tensor | None]:
    """Factors whose scores are symmetric and at most `largest`, and positive where they must be."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(n_nodes, dim))
    if kind in ("rate", "count"):
        vectors = np.abs(vectors) + 1e-3
    vectors *= np.sqrt(largest / (vectors**2).sum(axis=1).max(initial=1e-300))
    if not offsets:
        return torch.tensor(vectors, dtype=torch.float32), None
    own, one = largest * random.random((n_nodes, 1)), np.ones((n_nodes, 1))
    left, right = (np.hstack([vectors, *pair]) for pair in ((own, one), (one, own)))
    return torch.tensor(left, dtype=torch.float32), torch.tensor(right, dtype=torch.float32)


def targets_of(kind: TermKind, mask: Dense, seed: int) -> Dense:
    """A dense array of targets, some of them 0."""
    random = np.random.default_rng(seed)
    drawn = np.triu(random.poisson(2.0, size=mask.shape) * (0.37 if kind == "square" else 1.0))
    return np.asarray((drawn + np.triu(drawn, 1).T).astype(np.float32).astype(np.float64))


def dense_terms(
    left: Dense, right: Dense, mask: Dense, kind: TermKind, w: float, a: Dense
) -> tuple[float, float, Dense, Dense]:
    """The total, the sum of magnitudes, and the gradient by either factor."""
    s = left @ right.T
    s[mask == 0] = 1.0
    if kind == "logistic":
        value = w * np.logaddexp(0, -s) - np.logaddexp(0, s)
        slope = -w * np.exp(-np.logaddexp(0, s)) - np.exp(-np.logaddexp(0, -s))
    elif kind == "rate":
        value = -w * np.log(-np.expm1(-s)) - s
        slope = -w * np.exp(-s) / -np.expm1(-s) - 1
    elif kind == "count":
        value, slope = w * (s - a * np.log(s)) - s, w * (1 - a / s) - 1
    else:
        value, slope = w * (a - s) ** 2 - s**2, 2 * w * (s - a) - 2 * s
    value, slope = mask * value, mask * slope
    return value.sum(), np.abs(value).sum(), slope @ right, slope.T @ left


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=examples(25))
@given(
    graph=graphs(max_nodes=300),
    largest=st.sampled_from([1e-12, 1e-3, 1.0, 30.0, 1e4]),
    dim=st.sampled_from([1, 5, 8, 13, 40, 65]),
    pos_weight=st.sampled_from([0.5, 1.0, 700.0]),
    offsets=st.booleans(),
    selves=st.booleans(),
    given_targets=st.booleans(),
    seed=st.integers(0, 99),
)
def test_value_and_gradient_are_the_formula(
    way: str,
    kind: TermKind,
    graph: Graph,
    largest: float,
    dim: int,
    pos_weight: float,
    offsets: bool,
    selves: bool,
    given_targets: bool,
    seed: int,
) -> None:
    left, right = sides_of(kind, graph.n_nodes, dim, largest, seed, offsets=offsets)
    mask, targets, given = of_graph(graph, selves=selves), np.ones((graph.n_nodes,) * 2), None
    if given_targets and kind in ("count", "square"):
        targets = targets_of(kind, mask, seed)
        given = torch.tensor(targets[mask > 0], dtype=torch.float32)
    wide, others = left.double().numpy(), (left if right is None else right).double().numpy()
    value, most, by_left, by_right = dense_terms(wide, others, mask, kind, pos_weight, targets)
    found = terms(way, left, right, pattern_of(mask), PairTerm(kind, pos_weight, given))
    assert found.total.dtype == torch.float64
    most += 1e-8 * pos_weight * mask.sum()  # the two parts of a term may cancel
    assert found.total.item() == pytest.approx(value, rel=1e-6, abs=1e-6 * most)
    assert (found.grad_right is None) == (right is None)
    expected = [by_left + by_right] if right is None else [by_left, by_right]
    for gradient, exact in zip(found[1:], expected, strict=False):
        assert isinstance(gradient, Tensor)
        scale = np.linalg.norm(exact) + np.linalg.norm(wide) + np.linalg.norm(others)
        assert np.linalg.norm(gradient.double().numpy() - exact) <= 1e-5 * scale


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offsets", [False, True])
def test_gradient_is_the_derivative(kind: TermKind, offsets: bool) -> None:
    mask = of_graph(random_graph(7, 0.4, 0))
    given = targets_of(kind, mask, 0)[mask > 0] if kind in ("count", "square") else None
    term = PairTerm(kind, 5.0, None if given is None else torch.from_numpy(given))
    left, right = sides_of(kind, 7, 3, 2.0, 0, offsets=offsets)
    factor = left.double().requires_grad_()

    def total(left: Tensor) -> Tensor:
        if right is None:
            found = pair_terms(left, None, pattern_of(mask), term)
            return with_gradients(found.total, (left, found.grad_left))
        # The offset is in the last column but one of `left`, and in the last of `right`.
        others = torch.cat([left[:, :-2], left[:, -1:], left[:, -2:-1]], dim=1)
        found = pair_terms(left, others, pattern_of(mask), term)
        assert found.grad_right is not None
        return with_gradients(found.total, (left, found.grad_left), (others, found.grad_right))

    assert torch.autograd.gradcheck(total, (factor,))


PAIR = PairPattern(torch.tensor([0, 1, 2]), torch.tensor([1, 0]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "score", "value", "slope"),
    [
        ("logistic", 1e4, -1e4, -1.0),
        ("logistic", -1e4, 3e4, -3.0),
        ("square", 1e4, 3 * (1 - 1e4) ** 2 - 1e8, 6 * (1e4 - 1) - 2e4),
        ("square", -1e4, 3 * (1 + 1e4) ** 2 - 1e8, 6 * (-1e4 - 1) + 2e4),
        ("rate", 1e-12, -3 * np.log(1e-12), -3e12),
        ("rate", 1e-30, -3 * np.log(1e-30), -3e30),
        ("rate", 1e4, -1e4, -1.0),
        ("count", 1e-12, 3 * (1e-12 - np.log(1e-12)), -3e12),
        ("count", 1e4, 3 * (1e4 - np.log(1e4)) - 1e4, 2.0 - 3e-4),
    ],
)
def test_extreme_scores_stay_finite_and_exact(
    way: str, kind: TermKind, score: float, value: float, slope: float
) -> None:
    root = np.sqrt(abs(score))
    factor = torch.tensor([[root], [np.sign(score) * root]], dtype=torch.float32)
    found = terms(way, factor, None, PAIR, PairTerm(kind, 3.0))
    assert found.total.item() == pytest.approx(2 * value, rel=1e-6)
    exact = 2 * slope * np.array([np.sign(score) * root, root])
    np.testing.assert_allclose(found.grad_left.ravel(), exact, rtol=2e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("kind", "largest"), [("rate", 1e-12), ("count", 1e-12), ("count", 1e12)])
def test_products_of_many_scores_stay_in_range(way: str, kind: TermKind, largest: float) -> None:
    mask = np.ones((150, 150)) - np.eye(150)
    left, _ = sides_of(kind, 150, 2, largest, 0, offsets=False)
    wide = left.double().numpy()
    value = dense_terms(wide, wide, mask, kind, 2.0, np.ones_like(mask))[0]
    found = terms(way, left, None, pattern_of(mask), PairTerm(kind, 2.0))
    assert found.total.item() == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["rate", "count"])
@pytest.mark.parametrize("bad", [0, 3, 40])
@pytest.mark.parametrize("score", [0.0, -1.0])
def test_a_score_that_is_not_positive_makes_the_total_infinite(
    way: str, kind: TermKind, bad: int, score: float
) -> None:
    mask = np.zeros((50, 50))
    mask[0, 1:] = mask[1:, 0] = 1
    factor = torch.ones(50, 3)
    factor[bad + 1] = score
    for targets in (None, torch.zeros(98)) if kind == "count" else (None,):
        found = terms(way, factor, None, pattern_of(mask), PairTerm(kind, 2.0, targets))
        assert found.total.item() == np.inf


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_nodes_no_pairs_and_one_node(way: str, kind: TermKind) -> None:
    term = PairTerm(kind, 2.0)
    for n_nodes in (0, 1, 3):
        pattern = pattern_of(np.zeros((n_nodes, n_nodes)))
        for right in (None, torch.ones(n_nodes, 3)):
            found = terms(way, torch.ones(n_nodes, 3), right, pattern, term)
            assert found.total.item() == 0.0
            assert torch.equal(found.grad_left, torch.zeros(n_nodes, 3))
    itself = pattern_of(np.ones((1, 1)))
    found = terms(way, torch.ones(1, 1), None, itself, term)
    one = np.ones((1, 1))
    value, _, by_left, by_right = dense_terms(one, one, one, kind, 2.0, one)
    assert found.total.item() == pytest.approx(value)
    assert found.grad_left.item() == pytest.approx((by_left + by_right).item())


def test_scores_that_are_no_numbers_are_not_hidden() -> None:
    factor = torch.tensor([[torch.nan], [1.0]])
    for kind in KINDS:
        for way in WAYS:
            assert np.isnan(terms(way, factor, None, PAIR, PairTerm(kind, 2.0)).total.item())


def test_what_does_not_go_together_is_refused() -> None:
    pattern, term = PairPattern(torch.tensor([0, 1, 1]), torch.tensor([0])), PairTerm("rate", 1.0)
    with pytest.raises(ValueError, match="3 vectors, but pairs of 2 nodes"):
        pair_terms(torch.zeros(3, 2), None, pattern, term)
    with pytest.raises(ValueError, match=r"factors of shapes \(2, 2\) and \(2, 3\)"):
        pair_terms(torch.zeros(2, 2), torch.zeros(2, 3), pattern, term)
    with pytest.raises(ValueError, match=r"torch.float32 and torch.float64"):
        pair_scores(torch.zeros(2, 2), torch.zeros(2, 2).double(), pattern)
    with pytest.raises(ValueError, match=r"targets of shape \(2,\) for 1 pairs"):
        targets = PairTerm("count", 1.0, torch.ones(2))
        pair_terms(torch.zeros(2, 2), None, pattern, targets)


# ---------------------------------------------------------------------- scores


@settings(deadline=None, max_examples=examples(25))
@given(
    graphs(max_nodes=100),
    st.sampled_from([1, 5, 8, 13, 40, 65]),
    st.booleans(),
    st.sampled_from([torch.float32, torch.float64]),
    st.integers(0, 99),
)
def test_scores_and_their_gradient_are_those_of_the_dense_product(
    graph: Graph, dim: int, symmetric: bool, dtype: torch.dtype, seed: int
) -> None:
    mask = of_graph(graph, selves=seed % 2 == 0)
    random = np.random.default_rng(seed)
    sides = [torch.tensor(random.normal(size=(graph.n_nodes, dim))) for _ in range(2)]
    weights = torch.tensor(random.normal(size=(mask > 0).sum()))  # not the same for (j, i)

    def through(scores: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        loss = (scores * weights.to(scores.dtype) + scores**2).sum()
        return scores.detach(), *torch.autograd.grad(loss, parts)

    exact = [side.requires_grad_() for side in sides[: 1 if symmetric else 2]]
    expected = through((exact[0] @ exact[-1].T)[torch.tensor(mask > 0)], *exact)
    ours = [side.detach().to(dtype).requires_grad_() for side in exact]
    found = through(pair_scores(ours[0], None if symmetric else ours[1], pattern_of(mask)), *ours)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        most = 1.0 + (other.abs().max().item() if other.numel() else 0.0)
        digits = 2e-5 if dtype == torch.float32 else 1e-12
        torch.testing.assert_close(one.double(), other, rtol=digits, atol=digits * most)


@pytest.mark.parametrize("symmetric", [True, False])
def test_the_gradient_of_scores_is_the_derivative(symmetric: bool) -> None:
    pattern = pattern_of(of_graph(random_graph(6, 0.5, 0)))
    sides = tuple(
        torch.randn(6, 3, generator=torch.Generator().manual_seed(seed)).double().requires_grad_()
        for seed in range(1 if symmetric else 2)
    )
    assert torch.autograd.gradcheck(
        lambda *parts: pair_scores(parts[0], None if symmetric else parts[1], pattern), sides
    )
    if not symmetric:  # a gradient that nobody asks for is not computed
        scores = pair_scores(sides[0].detach(), sides[1], pattern)
        assert torch.autograd.grad(scores.sum(), sides[1])[0].shape == (6, 3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=examples(20))
@given(
    n_nodes=st.integers(1, 200),
    density=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    dim=st.sampled_from([1, 8, 13]),
    pos_weight=st.sampled_from([0.5, 1.0, 700.0]),
    seed=st.integers(0, 99),
)
def test_value_and_gradients_of_arcs_are_the_formula(
    way: str, kind: TermKind, n_nodes: int, density: float, dim: int, pos_weight: float, seed: int
) -> None:
    """Neither the pattern nor the scores are symmetric."""
    random = np.random.default_rng(seed)
    sides = [random.normal(size=(n_nodes, dim)) for _ in range(2)]
    if kind in ("rate", "count"):
        sides = [np.abs(side) + 1e-3 for side in sides]
    left, right = (torch.tensor(side, dtype=torch.float32) for side in sides)
    mask = of_graph(random_arcs(n_nodes, density, seed), selves=False)
    targets, given_targets = np.ones(mask.shape), None
    if kind in ("count", "square"):
        targets = random.poisson(2.0, size=mask.shape).astype(np.float64)
        given_targets = torch.tensor(targets[mask > 0], dtype=torch.float32)
    wide, others = left.double().numpy(), right.double().numpy()
    value, most, *gradients = dense_terms(wide, others, mask, kind, pos_weight, targets)
    pattern = pattern_of(mask)
    found = terms(way, left, right, pattern, PairTerm(kind, pos_weight, given_targets))
    most += 1e-8 * pos_weight * mask.sum()
    assert found.total.item() == pytest.approx(value, rel=1e-6, abs=1e-6 * most)
    for gradient, exact in zip(found[1:], gradients, strict=True):
        assert isinstance(gradient, Tensor)
        scale = np.linalg.norm(exact) + np.linalg.norm(wide) + np.linalg.norm(others)
        assert np.linalg.norm(gradient.double().numpy() - exact) <= 1e-5 * scale
    left.requires_grad_()
    right.requires_grad_()
    slope = torch.tensor(random.normal(size=len(pattern.columns)), dtype=torch.float32)
    scores = pair_scores(left, right, pattern)
    np.testing.assert_allclose(scores.detach(), (wide @ others.T)[mask > 0], rtol=1e-5, atol=1e-5)
    (scores * slope).sum().backward()  # type: ignore[no-untyped-call]
    table = np.zeros(mask.shape)
    table[mask > 0] = slope.numpy()
    for side, exact in ((left, table @ others), (right, table.T @ wide)):
        assert side.grad is not None
        np.testing.assert_allclose(side.grad, exact, rtol=1e-4, atol=1e-4)
