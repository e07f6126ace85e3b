"""The result of a fit: its checks, every combination of parts, and parts of one's own."""

import pickle
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations as sets_of
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.fitted import Fitted
from vgae.learning.fitting import fit
from vgae.learning.inductive import new_nodes
from vgae.learning.settings import FitSettings
from vgae.learning.store import load_fitted, save_fitted, staged_run
from vgae.model.decoders import DECODERS as DECODER_KINDS
from vgae.model.decoders import Decoder, Factors
from vgae.model.encoders import Encoder
from vgae.model.latents import LATENTS
from vgae.model.likelihoods import Likelihood
from vgae.model.network import Parts
from vgae.model.settings import DECODERS, ENCODERS, LIKELIHOODS, RATES, ModelSettings
from vgae.people.api import GAE, VGAE, load


@pytest.fixture
def split(ring: Graph) -> Split:
    return split_edges(ring, validation=0.1, test=0.1, seed=2)


@pytest.fixture
def fitted(split: Split) -> Fitted:
    return fit(split, FitSettings.of("vgae", steps=12, latent_dim=4, seed=1))


def kept(fitted: Fitted, folder: Path, parts: Parts | None = None) -> Fitted:
    """The same from its files."""
    with staged_run(folder, overwrite=False) as staged:
        save_fitted(fitted, staged)
    back = load_fitted(folder, parts)
    assert isinstance(back, Fitted)
    return back


def answers(fitted: Fitted) -> list[NDArray[Any]]:
    """Scores and probabilities, by pairs and by rows, and the best links."""
    scores, pairs = fitted.scores, [(0, 1), (2, 9), (5, 3)]
    best, found = scores.top(20, fitted.split.graph)
    partners = scores.partners(np.array([3]), 5, fitted.split.graph)
    probabilities = fitted.probabilities(scores.pairs(pairs))
    std = fitted.embedding_std
    return [
        *(fitted.embedding, np.zeros(0) if std is None else std),
        *(scores.pairs(pairs), scores.rows([0, 4]), probabilities, best, found, *partners),
    ]


def same_bits(one: Any, other: Any) -> None:
    for a, b in zip(answers(one), answers(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


# -------------------------------------------------------------------------- its checks


def test_a_run_whose_parts_do_not_belong_together_is_never_made(fitted: Fitted) -> None:
    spoilt = fit(fitted.split, fitted.settings).network
    with torch.no_grad():
        next(iter(spoilt.parameters())).view(-1)[0] = torch.nan
    states = fitted.states
    assert states is not None
    assert fitted.embedding_std is not None
    changes: list[tuple[dict[str, Any], str]] = [
        ({"metrics": []}, "metrics"),
        ({"metrics": {**fitted.metrics, "protocol": "TV"}}, "differ from those of the split"),
        ({"metrics": {**fitted.metrics, "test": None}}, "test does not match the split"),
        ({"history": fitted.history[1:]}, "step 1 is missing"),
        (
            {"history": [*fitted.history[:-1], {"step": 12, "loss": "low"}]},
            "history, step 12: loss",
        ),
        ({"history": [{"step": 1, "loss": 1.0, "seconds": 1.0, "kl": "x"}]}, "history, step 1: kl"),
        ({"graph": {**fitted.graph, "n_nodes": 41}}, "has 41 nodes, but its split has 40"),
        ({"graph": {**fitted.graph, "n_edges": 41}}, "has 41 edges, but its split has 40"),
        ({"graph": {**fitted.graph, "fingerprint": "x"}}, "graph: fingerprint"),
        ({"embedding": fitted.embedding[1:]}, "embeddings: are not one per node"),
        ({"embedding": np.full_like(fitted.embedding, np.nan)}, "embedding: .*finite"),
        ({"embedding": np.full_like(fitted.embedding, 1e19)}, "inner products overflow"),
        ({"embedding_std": fitted.embedding_std[1:]}, "standard deviations: do not match"),
        ({"embedding_std": -fitted.embedding_std}, "standard deviations: do not match"),
        ({"network": spoilt}, r"encoder.weight.\w+: holds a value that is not a finite number"),
        (
            {"states": replace(states, degrees=np.full(40, np.inf))},
            "degrees: holds a value that is not a finite number",
        ),
        ({"feature_encoding": {"columns": []}}, "attributes"),
    ]
    for change, said in changes:
        with pytest.raises(InputError, match=said) as caught:
            replace(fitted, **change)
        assert "\n" not in str(caught.value)


def test_it_is_one_value_that_does_not_change(fitted: Fitted) -> None:
    with pytest.raises(AttributeError):
        fitted.engine = "other"  # type: ignore[misc]
    named = fitted.named("a\nring")
    assert named.graph["name"] == r"a\nring"
    assert "name" not in fitted.graph
    same_bits(named, fitted)


def test_its_history_has_the_named_terms(fitted: Fitted) -> None:
    for line in fitted.history:
        assert line.keys() >= {"step", "loss", "reconstruction", "kl", "seconds"}
        assert line["loss"] == pytest.approx(line["reconstruction"] + line["kl"])


@pytest.mark.parametrize("protocol", ["T", "TV"])
@pytest.mark.parametrize("members", [{"combiner": "logistic"}, {"ensemble": 2}])
def test_scores_that_a_fit_has_computed_are_those_it_would_compute(
    protocol: Any, members: dict[str, Any], karate: Graph
) -> None:
    split = split_edges(karate, seed=0, protocol=protocol)
    fitted = fit(split, FitSettings.of("gae", steps=3, folds=1, **members))
    assert "scores" in vars(fitted)
    again = replace(fitted)
    assert "scores" not in vars(again)
    every = np.arange(karate.n_nodes)
    np.testing.assert_array_equal(fitted.scores.rows(every), again.scores.rows(every))
    # What is told of a fit changes none of its scores; nodes do.
    assert fitted.named("club").scores is fitted.scores
    assert fitted.annotated(metrics=fitted.metrics).scores is fitted.scores


@pytest.mark.parametrize("preset", ["unit", "fast", "strong"])
def test_a_model_that_has_answered_travels_to_another_process(preset: str, karate: Graph) -> None:
    quick = {"steps": 2} if preset != "strong" else {"steps": 2, "ensemble": 1, "folds": 1}
    model = GAE.from_preset(preset, **quick).fit(karate)
    pairs = [(0, 33), (5, 20)]
    known = model.predict_proba(pairs)
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.predict_proba(pairs), known)


def test_new_nodes_follow_the_known_ones(fitted: Fitted) -> None:
    def joined(one: Fitted, names: list[str], edges: list[tuple[str, str]]) -> Fitted:
        new = new_nodes(
            one.split.graph, features=np.ones((len(names), 3)), edges=edges, weights=None,
            ids=names, n_features=one.n_features,
        )  # fmt: skip
        assert new.ids is not None
        return one.with_nodes(new, new.ids, *one.encode_new(new))

    first = joined(fitted, ["x", "y"], [("x", "n01"), ("y", "x")])
    both = joined(first, ["z"], [("z", "y"), ("z", "n03"), ("z", "n04")])
    assert both.ids.tolist() == [*fitted.ids.tolist(), "x", "y", "z"]
    assert both.graph == {**fitted.graph, "n_added_nodes": 3, "n_added_edges": 5}
    assert both.split.graph.n_edges == fitted.split.graph.n_edges + 5
    assert both.split.train.n_edges == fitted.split.train.n_edges + 5
    for part in ("validation", "test"):
        assert np.array_equal(
            getattr(both.split, part).positives, getattr(fitted.split, part).positives
        )
    np.testing.assert_array_equal(both.embedding[:40], fitted.embedding)
    np.testing.assert_array_equal(both.embedding[:42], first.embedding)
    assert both.embedding_std is not None
    assert both.embedding_std.shape == (43, 4)
    assert both.states is not None
    assert len(both.states.degrees) == 43
    assert both.metrics == fitted.metrics
    assert len(fitted.ids) == 40  # nothing happened to it
    pairs = [(0, 5), (3, 9)]
    np.testing.assert_array_equal(both.scores.pairs(pairs), fitted.scores.pairs(pairs))


# ------------------------------------------------------------------ every combination


DIM = 23
"""Classes of degrees, and three or five hops of equal width."""


def dim_of(encoder: str, decoder: str) -> int:
    """A width that suits the parts: of hops, twice as many, or an even one."""
    if encoder == "directed-multi-hop":
        return 2 * DIM
    halves = "directed" in (encoder, decoder.removesuffix("-inner")) or encoder == "signed"
    return DIM + halves


def suiting(graph: Graph, encoder: str, decoder: str) -> Graph:
    """The graph as it is; with signs for the encoder of signs, as arcs for decoders of arcs."""
    if encoder == "signed" and not DECODER_KINDS[decoder].ordered:
        signs = np.where(np.arange(graph.n_edges) % 3, 1.0, -1.0)
        made = Graph.from_edges(graph.edges, n_nodes=graph.n_nodes, weights=signs, kind="signed")
        return made if graph.features is None else made.with_features(graph.features)
    if not DECODER_KINDS[decoder].ordered:
        return graph
    made = Graph.from_edges(graph.edges, n_nodes=graph.n_nodes, directed=True)
    return made if graph.features is None else made.with_features(graph.features)


def combinations() -> Iterator[dict[str, Any]]:
    """Settings of all combinations of parts that are allowed, both models taking turns."""
    for number, (encoder, decoder, likelihood, offset) in enumerate(
        product(ENCODERS, DECODERS, LIKELIHOODS, ("none", "constant", "node"))
    ):
        chosen: dict[str, Any] = {"encoder": encoder, "decoder": decoder, "likelihood": likelihood}
        chosen |= {"offset": offset, "rate_link": ("relu", "square", "exp")[number % 3]}
        chosen["objective"] = "sampled" if decoder in ("mlp", "gravity") else "exact"
        chosen["latent_dim"] = dim_of(encoder, decoder)
        if chosen["rate_link"] == "relu" and likelihood in RATES and offset == "none":
            chosen["rate_link"] = "exp"  # rectified factors can make an edge impossible
        if encoder == "signed" and (DECODER_KINDS[decoder].ordered or likelihood == "poisson"):
            continue  # signs are neither arcs nor counts
        try:
            ModelSettings.parse(chosen)
        except InputError:
            continue
        yield chosen | {"class_weight": ("balanced", "none")[number % 2]}


COMBINATIONS = list(combinations())


def test_every_part_is_in_a_combination() -> None:
    for key, names in (("encoder", ENCODERS), ("decoder", DECODERS), ("likelihood", LIKELIHOODS)):
        assert {chosen[key] for chosen in COMBINATIONS} == set(names)
    assert len(COMBINATIONS) > 150


def two_by_two() -> list[dict[str, Any]]:
    """Fewer, in which every two parts meet that meet in any."""
    found, met = [], set[Any]()
    for chosen in COMBINATIONS:
        parts = [(key, chosen[key]) for key in ("encoder", "decoder", "likelihood", "offset")]
        pairs = set(sets_of(parts, 2))
        if not pairs <= met:
            found.append(chosen)
            met |= pairs
    return found


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(
    "every",
    [
        pytest.param(two_by_two(), id="two by two"),
        pytest.param(COMBINATIONS, id="all", marks=pytest.mark.slow),
    ],
)
def test_combinations_fit_and_answer_the_same_from_their_files(
    encoder: str, likelihood: str, every: list[dict[str, Any]], karate: Graph, tmp_path: Path
) -> None:
    parts = (encoder, likelihood)
    chosen = [one for one in every if (one["encoder"], one["likelihood"]) == parts]
    for number, one in enumerate(chosen):
        graph = suiting(karate, one["encoder"], one["decoder"])
        split = split_edges(graph, validation=0.1, test=0.1, seed=0)
        settings = FitSettings.of(("vgae", "gae")[number % 2], steps=3, **one)
        made = fit(split, settings)
        assert all(np.isfinite(line["loss"]) for line in made.history), one
        same_bits(kept(made, tmp_path / str(number)), made)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("offset", ["none", "constant", "node"])
def test_all_answers_are_the_scores_of_the_decoder(
    decoder: str, offset: str, karate: Graph
) -> None:
    """Pairs, rows, the best links and probabilities of people's questions cannot disagree."""
    sampled = "sampled" if decoder in ("mlp", "gravity") else "exact"
    encoders = {"hops": "multi-hop", "directed-hops": "directed-multi-hop"}
    encoder = encoders.get(decoder, "gcn")
    model = GAE(
        **{"encoder": encoder, "decoder": decoder, "latent_dim": dim_of(encoder, decoder)},
        **{"steps": 3, "offset": offset, "objective": sampled},
    ).fit(suiting(karate, encoder, decoder))
    network, made = model.network_, model.fitted_
    every = torch.cartesian_prod(torch.arange(34), torch.arange(34))
    every = every[every[:, 0] != every[:, 1]]
    with torch.no_grad():
        vectors = network.linked_mean(torch.from_numpy(made.embedding), None)
        expected = network.pair_scores(vectors, every).numpy()
    np.testing.assert_allclose(made.scores.pairs(every.numpy()), expected, rtol=1e-5, atol=1e-6)
    rows = made.scores.rows(np.arange(34))
    np.testing.assert_allclose(rows[every[:, 0], every[:, 1]], expected, rtol=1e-5, atol=1e-6)
    asked = [(int(a), int(b)) for a, b in every[:40]]
    np.testing.assert_allclose(
        model.predict_proba(asked), network.likelihood.probability(expected[:40]), rtol=1e-5
    )
    for link in model.recommend(10):
        (probability,) = model.predict_proba([(link.source, link.target)])
        assert link.probability == pytest.approx(probability, rel=1e-5)
    turned = made.scores.pairs(every.flip(1).numpy())
    alike = np.allclose(turned, made.scores.pairs(every.numpy()), rtol=1e-5, atol=1e-6)
    assert alike != network.decoder.ordered


@pytest.mark.parametrize("offset", ["constant", "node"])
def test_later_nodes_have_scores_with_every_offset(
    offset: str, karate: Graph, tmp_path: Path
) -> None:
    model = (
        GAE(steps=3, latent_dim=4, offset=offset).fit(karate).with_nodes(edges=[(99, 0), (99, 1)])
    )
    pairs = [(99, 5), (3, 99), (2, 8)]
    model.save(tmp_path / "run")
    np.testing.assert_array_equal(
        load(tmp_path / "run").predict_proba(pairs), model.predict_proba(pairs)
    )
    network = model.network_
    assert network.offsets is not None
    amount = network.offsets.value.detach().numpy()
    z = model.embedding_.astype(np.float64)
    later = amount.mean() if offset == "node" else 0.0
    ends = np.append(amount, later) if offset == "node" else np.full(35, amount / 2)
    place = {name: row for row, name in enumerate(model.ids_.tolist())}
    logits = np.array(
        [z[place[a]] @ z[place[b]] + ends[place[a]] + ends[place[b]] for a, b in pairs]
    )
    np.testing.assert_allclose(model.predict_proba(pairs), 1 / (1 + np.exp(-logits)), rtol=1e-5)


@pytest.mark.parametrize("latent", LATENTS)
@pytest.mark.parametrize("dropout", [{}, {"dropout": 0.3, "edge_dropout": 0.2}])
def test_the_embedding_is_that_of_the_mean_without_dropout(
    latent: str, dropout: dict[str, float], split: Split
) -> None:
    model = {"gaussian": "vgae", "point": "gae"}[latent]
    made = fit(split, FitSettings.of(model, steps=3, latent_dim=4, **dropout))
    again = made.network.encode(made.network.prepare(split.train, split.graph.features))
    np.testing.assert_array_equal(again.mean.detach(), made.embedding)


# ---------------------------------------------------------------------- of one's own


class Mean(nn.Module):
    """Linear layers on a node's inputs and the sum of its neighbours', with dropout."""

    def __init__(self, n_inputs: int = 3, width: int = 4, n_outputs: int = 2) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.weight = nn.Parameter(torch.randn(n_inputs, width * n_outputs, generator=generator))
        self.dropout, self.n_outputs = nn.Dropout(0.2), n_outputs

    def forward(self, x: Tensor, edge_index: Tensor) -> Any:
        source, target = edge_index
        x = self.dropout(x)
        heard = x + torch.zeros_like(x).index_add(0, target, x[source])
        parts = (heard @ self.weight / 4).chunk(self.n_outputs, dim=1)
        return parts if self.n_outputs > 1 else parts[0]


class Normalised(nn.Module):
    """A module with running statistics, which a run must keep too."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mean = nn.BatchNorm1d(3), Mean()

    def forward(self, x: Tensor, edge_index: Tensor) -> Any:
        return self.mean(self.norm(x), edge_index)


class Sharp(Decoder):
    """An inner product with a learned sharpness."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(1.5))

    @classmethod
    def made(cls, settings: ModelSettings, generator: torch.Generator) -> "Sharp":  # noqa: ARG003
        return cls()

    def factors(self, latent: Tensor) -> Factors:
        return Factors(latent * self.sharpness, latent)


class Differences(Sharp):
    """Scores of pairs that are no inner products."""

    def factors(self, latent: Tensor) -> None:  # type: ignore[override]  # noqa: ARG002
        return None

    def pairs(self, latent: Tensor, pairs: Tensor) -> Tensor:
        return -self.sharpness * (latent[pairs[:, 0]] - latent[pairs[:, 1]]).abs().sum(dim=1)


class Logistic(Likelihood):
    """The logistic likelihood, as somebody else would write it."""

    def nonedge(self, scores: Tensor) -> Tensor:
        return functional.softplus(scores)

    def edge(self, scores: Tensor, counts: Tensor | None) -> Tensor:  # noqa: ARG002
        return functional.softplus(-scores)

    def probability(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.asarray(scores, np.float64)))
        return probability


OWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "module": ({"encoder": Mean()}, {}),
    "module with statistics": ({"encoder": Normalised()}, {}),
    "decoder": ({"decoder": Sharp()}, {"offset": "node"}),
    "decoder of pairs": ({"decoder": Differences()}, {"objective": "sampled"}),
    "likelihood": ({"likelihood": Logistic()}, {}),
    "all": ({"encoder": Mean(), "decoder": Sharp(), "likelihood": Logistic()}, {}),
}


@pytest.mark.parametrize("kind", OWN)
def test_parts_of_ones_own_are_fitted_and_kept(kind: str, split: Split, tmp_path: Path) -> None:
    parts, settings = OWN[kind]
    model = VGAE(steps=8, latent_dim=4, **parts, **settings)
    before = torch.get_rng_state()
    kept_values = {
        name: {key: value.clone() for key, value in part.state_dict().items()}
        for name, part in parts.items()
        if isinstance(part, nn.Module)
    }
    model.fit(split)
    assert torch.equal(torch.get_rng_state(), before)
    for name, values in kept_values.items():  # people's modules are copied
        assert all(torch.equal(parts[name].state_dict()[key], values[key]) for key in values)
        assert all(parameter.grad is None for parameter in parts[name].parameters())
        assert parts[name].training
    again = VGAE(steps=8, latent_dim=4, **parts, **settings).fit(split)
    np.testing.assert_array_equal(again.embedding_, model.embedding_)
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]

    model.save(tmp_path / "run")
    fresh = {name: type(part)() for name, part in parts.items()}
    same_bits(load(tmp_path / "run", **fresh).fitted_, model.fitted_)
    back = load(tmp_path / "run", **fresh)
    assert back.metrics_ == model.metrics_
    back.save(tmp_path / "again")
    same_bits(load(tmp_path / "again", **fresh).fitted_, model.fitted_)
    if "encoder" in parts:
        np.testing.assert_array_equal(back.embed(split.train), model.embedding_)


@pytest.mark.filterwarnings("default")
def test_a_stack_of_pytorch_geometric_is_an_encoder(split: Split, tmp_path: Path) -> None:
    geometric = pytest.importorskip("torch_geometric.nn", reason="PyTorch Geometric is missing")

    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = geometric.SAGEConv(3, 8)
            self.mean, self.log_std = geometric.SAGEConv(8, 4), geometric.SAGEConv(8, 4)

        def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
            hidden = self.first(x, edge_index).relu()
            return self.mean(hidden, edge_index), self.log_std(hidden, edge_index)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # as people seed their own layers
        stack = Stack()
    model = VGAE(encoder=stack, steps=10, latent_dim=4).fit(split)
    network = model.network_
    prepared = network.prepare(split.train, split.graph.features)
    with torch.no_grad():
        mean, _ = network.encoder.module.eval()(prepared.x, prepared.edge_index)  # type: ignore[union-attr]
    np.testing.assert_array_equal(model.embedding_, mean)
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]
    model.save(tmp_path / "run")
    same_bits(load(tmp_path / "run", encoder=Stack()).fitted_, model.fitted_)
    both = GAE(encoder=geometric.SAGEConv(3, 4), steps=3, latent_dim=4).fit(split)
    assert both.embedding_.shape == (40, 4)


def test_a_likelihood_of_ones_own_learns_what_the_built_in_learns(split: Split) -> None:
    own, ours = (
        GAE(steps=20, latent_dim=4, likelihood=likelihood, offset="constant").fit(split)
        for likelihood in (Logistic(), "bernoulli")
    )
    np.testing.assert_allclose(own.embedding_, ours.embedding_, rtol=1e-2, atol=1e-3)


def test_an_encoder_of_ones_own_prepares_its_graph(karate: Graph, tmp_path: Path) -> None:
    class Prepared:
        def __init__(self, degrees: Tensor) -> None:
            self.degrees = degrees

        def to(self, device: torch.device) -> "Prepared":
            return Prepared(self.degrees.to(device))

    class ByDegree(Encoder):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 4))

        def prepare(self, graph: Graph, inputs: Any) -> Prepared:
            assert inputs is None
            return Prepared(torch.tensor(graph.degrees, dtype=torch.float32)[:, None].log1p())

        def forward(self, prepared: Prepared, noise: Any = None) -> dict[str, Tensor]:  # noqa: ARG002
            return {"mean": prepared.degrees @ self.weight}

    model = GAE(encoder=ByDegree(), steps=3, latent_dim=4).fit(karate)
    expected = np.log1p(karate.degrees)[:, None] * model.network_.arrays()["encoder.weight"]
    np.testing.assert_allclose(model.embedding_, expected, rtol=1e-5)
    model.save(tmp_path / "run")
    same_bits(load(tmp_path / "run", encoder=ByDegree()).fitted_, model.fitted_)
    with pytest.raises(InputError, match="encoder own: cannot place new nodes; fit again"):
        model.embed_new(edges=[(99, 0)])


def test_a_run_says_what_it_needs(split: Split, tmp_path: Path) -> None:
    run = tmp_path / "run"
    VGAE(encoder=Mean(), decoder=Sharp(), steps=2, latent_dim=4).fit(split).save(run)
    GAE(steps=2).fit(split).save(tmp_path / "plain")
    refusals: list[tuple[Path, dict[str, Any], str]] = [
        (run, {}, r"fitted with encoder Mean, .*: load\(path, encoder=Mean\(...\)\)"),
        (run, {"encoder": Mean()}, r"fitted with decoder Sharp, .*load\(path, decoder=Sharp"),
        (run, {"encoder": Mean(), "decoder": Sharp(), "likelihood": Logistic()},
         "was not fitted with likelihood of your own"),
        (run, {"encoder": Mean, "decoder": Sharp()}, "encoder: the class Mean is not"),
        (run, {"encoder": Mean(), "decoder": nn.Linear(1, 1)}, "decoder: .* is not a vgae"),
        (run, {"encoder": Mean(n_inputs=5), "decoder": Sharp()}, "weights do not fit|shape"),
        (run, {"encoder": nn.Linear(3, 8), "decoder": Sharp()}, "weights do not fit|Linear was"),
        (tmp_path / "plain", {"encoder": Mean()}, "was not fitted with encoder of your own"),
    ]  # fmt: skip
    for path, given, said in refusals:
        with pytest.raises(InputError, match=said) as caught:
            load(path, **given)
        assert "\n" not in str(caught.value)


def test_a_part_of_another_class_is_refused_by_its_name(split: Split, tmp_path: Path) -> None:
    """Weights of the same names and shapes do not make it the part of the fit."""

    class Other(Mean):
        pass

    VGAE(encoder=Mean(), steps=2, latent_dim=4).fit(split).save(tmp_path / "run")
    with pytest.raises(InputError, match="fitted with encoder Mean, and Other was given"):
        load(tmp_path / "run", encoder=Other())


def test_what_a_module_cannot_do_is_one_clear_line(ring: Graph, karate: Graph) -> None:
    class Wide(Mean):
        def forward(self, x: Tensor, edge_index: Tensor) -> Any:
            return torch.cat(super().forward(x, edge_index), dim=1)

    class Fails(Mean):
        def forward(self, x: Tensor, edge_index: Tensor) -> Any:  # noqa: ARG002
            raise ValueError("a bug of one's own")

    cases: list[tuple[Any, Graph, str]] = [
        (Mean(), karate, "encoder Mean: takes inputs of the nodes and the graph has none"),
        (Mean(n_outputs=1), ring, r"encoder Mean: returned 1 value; .* return \(mean, log_std\)"),
        (Mean(width=5), ring, r"encoder Mean: mean has shape \(40, 5\), not \(40, 4\)"),
        (Wide(), ring, "encoder Wide: returned 1 value"),
    ]
    for module, graph, said in cases:
        with pytest.raises(InputError, match=said) as caught:
            VGAE(encoder=module, steps=2, latent_dim=4).fit(graph)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="a bug of one's own"):  # theirs, with its traceback
        VGAE(encoder=Fails(), steps=2).fit(ring)


def test_there_must_be_something_to_learn(ring: Graph) -> None:
    class Given(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:  # noqa: ARG002
            return x

    with pytest.raises(InputError, match="no weights to train"):
        GAE(encoder=Given(), steps=2, latent_dim=3).fit(ring)
    learned = GAE(encoder=Given(), steps=2, latent_dim=3, decoder="cosine").fit(ring)
    np.testing.assert_array_equal(learned.embedding_, ring.features)


@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name != "signed"])
def test_weighted_dimensions_of_rates_are_trained_to_the_end(encoder: str, karate: Graph) -> None:
    model = VGAE(
        encoder=encoder, likelihood="bernoulli-poisson", decoder="bilinear-diagonal",
        steps=200, learning_rate=0.05, latent_dim=dim_of(encoder, "inner"),
    ).fit(suiting(karate, encoder, "inner"))  # fmt: skip
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]


def test_without_an_offset_rectified_rates_say_what_to_do(karate: Graph) -> None:
    for sampling in ("nodes", "pairs"):
        given = {"objective": "exact" if sampling == "nodes" else "sampled", "sampling": sampling}
        model = GAE(likelihood="bernoulli-poisson", offset="none", steps=50, latent_dim=2, **given)
        with pytest.raises(InputError, match="the rate of an edge is zero.*--offset constant"):
            model.fit(karate)
