"""Recommenders on a bipartite graph: the preset strong against ALS, neighbours and popularity.

    python benchmarks/bipartite.py [--runs 10] [--first 100] [--methods strong,als,...]

The graph is generated: 2,000 users, 1,500 items and about 60,000 edges, planted blocks, and both
activity and popularity follow a power law. Splits hold out 10 % of the edges as test and 5 % as
validation edges. `implicit ALS` and `als tuned` choose their settings by NDCG@10 of the validation
edges, among as many combinations; the others have their defaults. Prints a Markdown table: mean and
standard error in percent, and the seconds of a fit, those of the search included.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from vgae.data.graph import Graph
from vgae.data.split import HeldOut, Split, SplitSettings, split_edges
from vgae.learning.baselines import baseline
from vgae.learning.judge import link_scores
from vgae.learning.lists import user_ranks
from vgae.learning.scores import FactorScores, Scores
from vgae.people.estimators import make_model

METRICS = ("ndcg@10", "recall@20", "mrr_by_user", "auc", "auc_degree")
SIZES = (16, 32, 64)
REGULARIZATIONS = (10.0, 30.0)
CONFIDENCES = (3.0, 10.0)
Method = Callable[[Split, int], Scores]


def planted(
    n_users: int = 2000,
    n_items: int = 1500,
    n_edges: int = 60_000,
    *,
    n_blocks: int = 20,
    inside: float = 0.6,
    seed: int = 0,
) -> Graph:
    """Users and items in blocks; an edge stays inside a block with probability `inside`.

    Each user likes two blocks of items. Within what an edge can reach, activity and popularity
    decide: both are powers of ranks.
    """
    random = np.random.default_rng(seed)
    activity = random.permutation((1.0 + np.arange(n_users)) ** -0.4)
    popularity = random.permutation((1.0 + np.arange(n_items)) ** -0.6)
    likes = random.integers(n_blocks, size=(n_users, 2))
    block = random.integers(n_blocks, size=n_items)
    own = np.zeros((n_users, n_blocks))
    np.put_along_axis(own, likes, 1.0, axis=1)
    fit = own[:, block] * popularity
    chances = inside * fit / np.maximum(fit.sum(axis=1, keepdims=True), 1e-12)
    chances += (1.0 - inside) * popularity / popularity.sum()
    chances *= activity[:, None] / activity.sum()
    # Edges are distinct: each pair is there with 1 - exp(-rate), at the rate that gives n_edges.
    low, high = 1.0, 1e9
    while high > low * (1 + 1e-6):
        rate = np.sqrt(low * high)
        low, high = (rate, high) if -np.expm1(-rate * chances).sum() < n_edges else (low, rate)
    users, items = np.nonzero(random.random(chances.shape) < -np.expm1(-high * chances))
    return Graph.from_scipy(
        sparse.csr_array((np.ones(len(users)), (users, items)), shape=chances.shape),
        kind="bipartite",
        type_names=("user", "item"),
    )


def on_validation(split: Split) -> Split:
    """The split whose test edges are the validation edges of another."""
    view = split.training
    n_edges = len(view.validation.positives)
    settings = SplitSettings.of_sizes(view.known.n_edges, test=n_edges, negatives="given")
    return Split(
        view.known, view.train, HeldOut.nothing(), view.validation, settings, seed=split.seed
    )


def tuned(make: Callable[..., Method]) -> Method:
    """A method of the settings with the best NDCG@10 of the validation edges."""

    def fit(split: Split, seed: int) -> Scores:
        inner, best, chosen = on_validation(split), -1.0, None
        for size, regularization, confidence in itertools.product(
            SIZES, REGULARIZATIONS, CONFIDENCES
        ):
            scores = make(size, regularization, confidence)(split, seed)
            found = user_ranks(inner, scores).ndcg_at(10)
            if found > best:
                best, chosen = found, (scores, (size, regularization, confidence))
        if chosen is None:
            raise AssertionError("a grid has settings")
        print(f"#   chosen: {chosen[1]}, {100 * best:.2f} on validation edges", flush=True)
        return chosen[0]

    return fit


def als(size: int, regularization: float, confidence: float) -> Method:
    """Our ALS."""
    method = baseline("als", latent_dim=size, regularization=regularization, confidence=confidence)
    return lambda split, seed: method.fit(split.training, seed=seed)


def implicit_als(size: int, regularization: float, confidence: float) -> Method:
    """ALS of the package implicit, in which alpha is the confidence of an edge."""
    from implicit.cpu.als import AlternatingLeastSquares

    def fit(split: Split, seed: int) -> Scores:
        train = split.train
        users, items = (np.flatnonzero(train.node_types == side) for side in (0, 1))
        matrix = sparse.csr_matrix(train.adjacency[users][:, items])
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                size,
                regularization=regularization,
                alpha=1.0 + confidence,
                iterations=15,
                random_state=seed,
            )
            model.fit(matrix, show_progress=False)
        vectors = np.zeros((train.n_nodes, model.factors), np.float32)
        vectors[users], vectors[items] = model.user_factors, model.item_factors
        return FactorScores(vectors)

    return fit


def strong(split: Split, seed: int) -> Scores:
    """The preset strong."""
    scores: Scores = make_model("gae", preset="strong", seed=seed).fit(split.training).scores()
    return scores


def methods_of() -> dict[str, Method]:
    """From a split and a seed to scores, by label."""

    def named(name: str) -> Method:
        return lambda split, seed: baseline(name).fit(split.training, seed=seed)

    found: dict[str, Any] = {"strong": strong, "als": named("als"), "als tuned": tuned(als)}
    try:
        import implicit  # noqa: F401

        found["implicit ALS tuned"] = tuned(implicit_als)
    except ImportError:
        print("# implicit is not installed (extra compare)")
    return found | {name: named(name) for name in ("item-knn", "popularity")}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", default="")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    options = parser.parse_args()
    graph, chosen = planted(), list(filter(None, options.methods.split(",")))
    print(f"# {graph}", flush=True)
    rows: dict[str, list[dict[str, float | None]]] = {}
    for seed in range(options.first, options.first + options.runs):
        split = split_edges(graph, seed=seed, validation=0.05, test=0.1)
        for label, method in methods_of().items():
            if chosen and label not in chosen:
                continue
            started = time.perf_counter()
            scores = method(split, seed)
            seconds = time.perf_counter() - started
            row = link_scores(split, scores, METRICS)
            rows.setdefault(label, []).append(row | {"seconds": seconds})
            shown = " ".join(f"{name} {100 * (value or 0):.2f}" for name, value in row.items())
            print(f"# {seed} {label}: {shown}, {seconds:.1f} s", flush=True)
    print(f"\n| method | {' | '.join(METRICS)} | seconds |\n|---|{'---|' * (len(METRICS) + 1)}")
    for label, found in rows.items():
        cells = []
        for name in (*METRICS, "seconds"):
            values = np.array([row[name] for row in found], dtype=float)
            values *= 1 if name == "seconds" else 100
            error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
            cells.append(f"{values.mean():.2f} ± {error:.2f}")
        print(f"| {label} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
