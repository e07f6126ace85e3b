"""A first day of a researcher: a new method among the known ones, on the same splits."""

from typing import Any

import numpy as np
from scipy.sparse.linalg import svds

import vgae
from vgae.data.split import TrainingView


def factors(view: TrainingView, seed: int) -> Any:
    """Embed nodes by a truncated SVD of the training adjacency."""
    left, sizes, _ = svds(view.train.adjacency, k=4, rng=np.random.default_rng(seed))
    return left * np.sqrt(sizes)


def degrees(view: TrainingView, seed: int) -> Any:
    """Score a pair by the product of its degrees, which needs no seed."""
    assert seed >= 0
    return lambda pairs: view.train.degrees[pairs].prod(axis=1)


graph = vgae.load_dataset("karate")
methods: dict[str, Any] = {
    "factors": factors,
    "degrees": degrees,
    "wide": vgae.VGAE(latent_dim=32, steps=20),
    "narrow": vgae.VGAE(latent_dim=4, steps=20),
    "preferential-attachment": "preferential-attachment",
}
result = vgae.evaluate(graph, methods, runs=3, keep="runs/karate")
print(result)

# A method that is written down twice scores twice the same: both see the same splits.
assert result.metrics["degrees"] == result.metrics["preferential-attachment"]
difference = result.compare("wide", "narrow", metric="auc")
print(f"wide - narrow: {difference.difference.mean:+.3f}, ahead in {difference.wins} of 3 runs")

# The figures go into a paper as a table, and every run into an appendix.
frame = result.to_frame()
print(frame.pivot(index="method", columns="metric", values="mean").round(3).to_string())
assert len(result.to_frame(per_run=True)) == 3 * len(frame)

# A split of one's own leaks nothing: what a method gets holds no test pair.
split = vgae.split_edges(graph, seed=1, test=0.2)
model = vgae.GAE(steps=20).fit(split)
held_out = {tuple(pair) for pair in split.test.positives.tolist()}
assert held_out.isdisjoint(map(tuple, split.training.train.edges.tolist()))
print(f"test AUC on a split of one's own: {model.metrics_['test']['auc']:.3f}")
