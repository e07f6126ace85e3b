"""Several processes learn what one learns, with a share of the graph each."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from together import begun, ended, in_threads

from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
from vgae.ground.launch import Launch
from vgae.learning.checkpoints import Checkpoints
from vgae.learning.fitting import fit
from vgae.learning.rank_training import Part, check_ranks, train_in_ranks
from vgae.learning.settings import FitSettings
from vgae.learning.train import Interrupt, StepRecord, Terminated
from vgae.model.ranks import Ranks

LIKELIHOODS = ("bernoulli", "bernoulli-poisson", "poisson", "squared", "gaussian")


def made(n_nodes: int = 120, n_edges: int = 500) -> Graph:
    """A graph with hubs, counts as weights, and dense features."""
    random = np.random.default_rng(0)
    ends = (n_nodes * random.random((n_edges, 2)) ** 2).astype(np.int64)
    ends = np.unique(np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1), axis=0)
    weights = random.integers(1, 5, size=len(ends)).astype(np.float32)
    features = random.random((n_nodes, 12)).astype(np.float32)
    return Graph.from_edges(ends, n_nodes=n_nodes, weights=weights, features=features)


def settings_of(model: str, **changes: Any) -> FitSettings:
    given = {"noise": "counter", "steps": 20, "hidden_dim": 8, "latent_dim": 4, "seed": 3}
    return FitSettings.of(model, **(given | changes))


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    f"{model} {likelihood}": (
        model,
        {"likelihood": likelihood, "rate_link": "square" if model == "vgae" else "exp"},
    )
    for model in ("vgae", "gae")
    for likelihood in LIKELIHOODS
}
MORE: dict[str, tuple[str, dict[str, Any]]] = {
    "sage": ("vgae", {"encoder": "sage", "features": "none", "offset": "node"}),
    "appnp": ("vgae", {"encoder": "appnp", "dropout": 0.2, "edge_dropout": 0.2}),
    "linear": ("vgae", {"encoder": "linear", "features": "standard", "decoder": "cosine"}),
    "distance": ("gae", {"decoder": "distance", "offset": "constant", "structure": "svd"}),
    "bilinear": ("gae", {"decoder": "bilinear-diagonal", "class_weight": "none", "bias": True}),
    "patience": ("vgae", {"steps": 50, "patience": 10, "validate_every": 5, "learning_rate": 0.1}),
    "deep": ("gae", {"layers": 4, "residual": True, "weight_decay": 0.01, "unit_norm": True}),
}


def losses(history: list[Mapping[str, Any]]) -> NDArray[np.float64]:
    return np.array([[r["loss"], r["reconstruction"], r["kl"]] for r in history])


def in_one_process(split: Split, settings: FitSettings) -> list[Mapping[str, Any]]:
    return list(fit(split, settings).history)


def same(found: list[Mapping[str, Any]], expected: list[Mapping[str, Any]]) -> None:
    assert len(found) == len(expected) > 0
    np.testing.assert_allclose(losses(found), losses(expected), rtol=1e-4, atol=1e-7)
    for one, other in zip(found, expected, strict=True):
        assert ("validation" in one) == ("validation" in other)


# --------------------------------------------------------------------- the same losses

FITTING = """
import json, sys
sys.path[:0] = {paths!r}
from learning.test_rank_training import CASES, made, settings_of
from vgae.data.split import Split
from vgae.ground.launch import Launch
from vgae.learning.rank_training import Part, train_in_ranks
from vgae.model.ranks import Ranks

ranks = Ranks.joined(Launch.here())
ranks.connect("cpu")
split = Split.without_holdout(made())
for name in {names!r}:
    model, changes = CASES[name]
    settings = settings_of(model, steps=50, **changes)
    finished = train_in_ranks(lambda: split, settings, ranks)
    history = [record.as_dict() for record in finished._first_history]
    weights = sum(float(abs(array).sum()) for array in finished._finished[0].values())
    n_bytes = Part.of(split, settings, ranks).n_bytes
    print(json.dumps([name, history, weights, n_bytes]))
ranks.leave()
"""


@pytest.mark.parametrize(
    ("sizes", "names"),
    [
        ((2,), ("vgae bernoulli-poisson", "gae bernoulli")),
        pytest.param((1, 2, 3), tuple(CASES), marks=pytest.mark.slow),
    ],
    ids=["two likelihoods", "every likelihood"],
)
def test_processes_of_gloo_have_the_losses_of_one(
    sizes: tuple[int, ...], names: tuple[str, ...]
) -> None:
    """With and without distributions, 50 steps; `in_threads` tries the other likelihoods."""
    split = Split.without_holdout(made())
    cases = {name: settings_of(CASES[name][0], steps=50, **CASES[name][1]) for name in names}
    expected = {name: in_one_process(split, settings) for name, settings in cases.items()}
    program = FITTING.format(paths=[str(Path(__file__).parents[1])], names=names)
    whole = max(Part.of(split, settings, alone()).n_bytes for settings in cases.values())
    held: dict[int, int] = {}
    for size in sizes:
        answers = ended(begun(size, ("-c", program)))
        assert [status for status, _, _ in answers] == [0] * size, answers[0][2]
        told = [[json.loads(line) for line in out.splitlines()] for _, out, _ in answers]
        for name, history, _, n_bytes in told[0]:
            same(history, expected[name])
            held[size] = max(n_bytes, held.get(size, 0))
        for other in told[1:]:  # all processes know the same losses and weights, to the bit
            for mine, theirs in zip(told[0], other, strict=True):
                assert losses(mine[1]).tolist() == losses(theirs[1]).tolist()
                assert mine[2] == theirs[2]
    assert all(whole / n_bytes > {1: 0.99, 2: 1.5, 3: 2.0}[size] for size, n_bytes in held.items())


@pytest.mark.parametrize("name", sorted(MORE | CASES))
def test_every_part_and_option_has_the_losses_of_one(name: str) -> None:
    model, changes = (MORE | CASES)[name]
    split = split_edges(made(), seed=1)
    settings = settings_of(model, **changes)
    expected = in_one_process(split, settings)

    def work(ranks: Ranks) -> list[Mapping[str, Any]]:
        finished = train_in_ranks(lambda: split, settings, ranks)
        return list(fit(split, settings, checkpoints=finished).history)

    for size in (1, 3):
        for found in in_threads(size, work):
            same(found, expected)


@pytest.mark.parametrize("features", ["sparse", "none"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson"])
def test_users_and_items_have_the_losses_of_one(likelihood: str, features: str) -> None:
    graph = made()
    edges = graph.edges[(graph.edges[:, 0] < 40) & (graph.edges[:, 1] >= 40)]
    sides = np.array(["user"] * 40 + ["item"] * 80)
    graph = Graph.from_edges(edges, n_nodes=120).with_types(sides)
    if features == "sparse":
        graph = graph.with_features(sparse.csr_array(np.eye(120, 30, dtype=np.float32)))
    split = Split.without_holdout(graph)
    settings = settings_of("vgae", likelihood=likelihood, rate_link="exp", steps=20)
    expected = in_one_process(split, settings)

    def work(ranks: Ranks) -> list[Mapping[str, Any]]:
        finished = train_in_ranks(lambda: split, settings, ranks)
        return [record.as_dict() for record in finished._first_history]

    for found in in_threads(2, work):
        same(found, expected)


# ------------------------------------------------------------------------ memory


def test_what_a_process_holds_of_the_graph_falls_with_their_number() -> None:
    split = Split.without_holdout(made(2000, 8000))
    settings = settings_of("vgae")

    def held(ranks: Ranks) -> int:
        return Part.of(split, settings, ranks).n_bytes

    whole = in_threads(1, held)[0]
    for size in (2, 4):
        assert max(in_threads(size, held)) < 1.3 * whole / size


# ------------------------------------------------------------------- checkpoints


def alone() -> Ranks:
    return Ranks(Launch(0, 1, 0, 1))


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 3), (2, 0)])
def test_another_number_of_processes_goes_on(tmp_path: Path, before: int, after: int) -> None:
    """0 stands for a fit without ranks."""
    split = split_edges(made(), seed=1)
    settings = settings_of("vgae", steps=20)
    expected = in_one_process(split, settings)
    path = tmp_path / "fit.checkpoint"

    def stopped(ranks: Ranks) -> int:
        interrupt, seen = Interrupt(), []

        def see(record: StepRecord) -> None:
            seen.append(record.step)
            # Any of them may be told to end: all end after the same step.
            if record.step == 7 and ranks.rank == ranks.size - 1:
                interrupt.terminated = True

        with pytest.raises(Terminated):
            train_in_ranks(
                lambda: split, settings, ranks,
                callbacks=[see], interrupt=interrupt, checkpoints=Checkpoints(path, 1e9),
            )  # fmt: skip
        return seen[-1]

    steps = in_threads(before, stopped)
    assert len(set(steps)) == 1
    assert steps[0] == 8  # what one is told after step 7, all know with the next

    def resumed(ranks: Ranks) -> list[Mapping[str, Any]]:
        kept = Checkpoints.resumed(path)
        finished = train_in_ranks(lambda: split, settings, ranks, checkpoints=kept)
        return [record.as_dict() for record in finished._first_history]

    if after:
        for found in in_threads(after, resumed):
            same(found, expected)
    else:
        same(list(fit(split, settings, checkpoints=Checkpoints.resumed(path)).history), expected)


def test_another_graph_is_refused_by_its_checkpoint(tmp_path: Path) -> None:
    settings, path = settings_of("gae", steps=3), tmp_path / "fit.checkpoint"
    kept = Checkpoints(path, 0.0)
    train_in_ranks(lambda: Split.without_holdout(made()), settings, alone(), checkpoints=kept)
    other = Split.without_holdout(made(100))
    with pytest.raises(InputError, match="is a checkpoint of another graph"):
        train_in_ranks(lambda: other, settings, alone(), checkpoints=Checkpoints.resumed(path))


def test_processes_with_different_graphs_are_refused() -> None:
    def work(ranks: Ranks) -> str:
        split = Split.without_holdout(made(120 + ranks.rank // 2))
        with pytest.raises(InputError) as caught:
            train_in_ranks(lambda: split, settings_of("gae"), ranks)
        return str(caught.value)

    assert all("rank 2: has another graph" in line for line in in_threads(3, work))


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"noise": "sequential"}, "noise sequential"),
        ({"ensemble": 2}, "ensembles and combiners"),
        ({"combiner": "logistic"}, "ensembles and combiners"),
        ({"encoder": "multi-hop", "decoder": "hops", "latent_dim": 17}, "encoder multi-hop"),
        ({"objective": "sampled"}, "objective sampled"),
        ({"mask": 0.5}, "objective sampled"),
        ({"decoder": "mlp"}, "objective sampled"),
    ],
)
def test_what_several_processes_cannot_do_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=f"^{words}"):
        check_ranks(settings_of("gae", **changes))


def test_directed_graphs_and_patience_without_validation_are_refused() -> None:
    directed = Split.without_holdout(Graph.from_edges([(0, 1), (1, 2)], directed=True))
    with pytest.raises(InputError, match="several processes"):
        train_in_ranks(lambda: directed, settings_of("gae"), alone())
    split = Split.without_holdout(made())
    with pytest.raises(InputError, match="patience"):
        train_in_ranks(lambda: split, settings_of("gae", patience=10), alone())


def test_a_loss_that_is_not_finite_is_refused_by_all() -> None:
    features = np.full((120, 2), 1e30, np.float32)
    split = Split.without_holdout(made().with_features(features))
    settings = settings_of("vgae")

    def work(ranks: Ranks) -> str:
        with pytest.raises(InputError) as caught:
            train_in_ranks(lambda: split, settings, ranks)
        return str(caught.value)

    lines = in_threads(2, work)
    assert lines[0] == lines[1]
    assert "the loss is" in lines[0]


def test_metrics_that_are_not_defined_are_none_in_all() -> None:
    split = split_edges(made(), seed=1)
    settings = settings_of("vgae", stop_metric="hits@9999")

    def work(ranks: Ranks) -> float | None:
        return Part.of(split, settings, ranks).judged("hits@9999")["hits@9999"]

    found = in_threads(2, work)
    assert found[0] is None or not math.isnan(found[0])
    assert found[0] == found[1]
