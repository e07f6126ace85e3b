"""Parity with the reference programs, on their weights and their noise."""

from pathlib import Path

import numpy as np
import pytest
import torch
from formulas import propagation
from graphs import random_arcs, random_graph
from noises import GivenNoise
from numpy.typing import NDArray
from torch import Tensor, nn

from vgae.data.datasets import load_dataset
from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.model.decoders import CosineDecoder, Decoder, Factors, MLPDecoder
from vgae.model.encoders import EncoderInput
from vgae.model.kernels import choose_engine
from vgae.model.latents import Gaussian, Latent
from vgae.model.likelihoods import LIKELIHOODS, Bernoulli
from vgae.model.network import GraphAutoEncoder, Parts
from vgae.model.noise import CounterNoise, SequentialNoise
from vgae.model.objective import reconstruction
from vgae.model.settings import RATES, ModelSettings

GOLDEN = {
    "authors_vgae_cora": ("cora", ModelSettings()),
    "authors_vgae_cora_featureless": ("cora", ModelSettings(features="none")),
    "authors_gae_citeseer": ("citeseer", ModelSettings(latent="point")),
    "dgl_vgae_cora": ("cora", ModelSettings(bias=True)),
}
WEIGHTS = {"hidden": ("w0", "b0"), "mean": ("w_mean", "b1"), "log_std": ("w_log_std", "b2")}
DGL_WEIGHTS = {"hidden": "w0", "mean": "w1", "log_std": "w2"}

Golden = dict[str, NDArray[np.float32]]


def restored(name: str, folder: Path) -> tuple[GraphAutoEncoder, EncoderInput, Graph, Golden]:
    """The reference program's graph, and our model with its weights."""
    dataset, settings = GOLDEN[name]
    with np.load(folder / f"{name}.npz", allow_pickle=False) as archive:
        golden = {key: archive[key] for key in archive.files}
    whole = load_dataset(dataset)
    assert whole.n_nodes == int(golden["n"])
    graph = whole.with_edges(golden["train_edges"].astype(np.int64))
    assert graph.n_edges == len(golden["train_edges"])
    model = GraphAutoEncoder(settings, n_inputs=len(golden["w0"]), seed=0)
    encoder = propagation(model.encoder)
    with torch.no_grad():
        for output, parameter in encoder.weight.items():
            key = DGL_WEIGHTS[output] if settings.bias else WEIGHTS[output][0]
            parameter.copy_(torch.from_numpy(golden[key]))
        for output, parameter in encoder.bias.items():
            parameter.copy_(torch.from_numpy(golden[WEIGHTS[output][1]]))
    inputs = None if settings.features == "none" else graph.features
    return model, model.prepare(graph, inputs), graph, golden


@pytest.mark.parametrize("name", sorted(GOLDEN))
@pytest.mark.usefixtures("data_folder")
def test_vectors_equal_the_reference_program(name: str, golden_folder: Path) -> None:
    model, inputs, _, golden = restored(name, golden_folder)
    latent = model.encode(inputs)
    np.testing.assert_allclose(latent.mean.detach(), golden["mean"], atol=1e-5, rtol=0)
    if isinstance(latent, Gaussian):
        np.testing.assert_allclose(latent.log_std.detach(), golden["log_std"], atol=1e-5, rtol=0)
    if "z" in golden:
        sample = latent.rsample(torch.from_numpy(golden["noise"]))
        np.testing.assert_allclose(sample.detach(), golden["z"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("engine", ["numba", "tiles", "reference"])
@pytest.mark.parametrize("name", [name for name in sorted(GOLDEN) if name.startswith("authors")])
@pytest.mark.usefixtures("data_folder")
def test_loss_and_gradients_equal_the_reference_program(
    name: str, engine: str, golden_folder: Path
) -> None:
    model, inputs, graph, golden = restored(name, golden_folder)
    targets = model.targets(graph)
    assert targets.pos_weight == pytest.approx(float(golden["pos_weight"]), rel=1e-12)
    assert targets.norm == pytest.approx(float(golden["norm"]), rel=1e-12)
    noise = torch.from_numpy(golden.get("noise", np.zeros_like(golden["mean"])))
    loss = model.loss(inputs, targets, noise=GivenNoise(noise), engine=choose_engine(engine))
    loss.total.backward()  # type: ignore[no-untyped-call]
    for term, value in {"loss": loss.total, **loss.terms}.items():
        if term in golden:
            assert value.item() == pytest.approx(float(golden[term]), rel=1e-5)
    for output, parameter in propagation(model.encoder).weight.items():
        expected = golden["grad_" + WEIGHTS[output][0]]
        assert parameter.grad is not None
        error = np.linalg.norm(parameter.grad.numpy() - expected)
        assert error <= 1e-4 * np.linalg.norm(expected)


@pytest.mark.usefixtures("data_folder")
def test_probabilities_equal_dgl(golden_folder: Path) -> None:
    model, inputs, _, golden = restored("dgl_vgae_cora", golden_folder)
    with torch.no_grad():
        sample = model.encode(inputs).rsample(torch.from_numpy(golden["noise"]))
        logits = model.pair_scores(sample, torch.from_numpy(golden["pairs"]))
    np.testing.assert_allclose(torch.sigmoid(logits), golden["probability"], atol=1e-5)


@pytest.mark.parametrize("latent", ["gaussian", "point"])
def test_encode_returns_a_distribution_and_stores_nothing(latent: str, ring: Graph) -> None:
    settings = ModelSettings.parse({"latent": latent})
    model = GraphAutoEncoder(settings, n_inputs=3, seed=0)
    before = set(vars(model)), set(vars(model.encoder))
    found = model.encode(model.prepare(ring, ring.features))
    assert isinstance(found, Latent)
    assert (set(vars(model)), set(vars(model.encoder))) == before


def test_the_plain_model_is_the_point_mass_case_of_the_same_code(ring: Graph) -> None:
    models = [
        GraphAutoEncoder(ModelSettings.parse({"latent": latent}), n_inputs=3, seed=7)
        for latent in ("gaussian", "point")
    ]
    variational, plain = (
        model.loss(
            model.prepare(ring, ring.features),
            model.targets(ring),
            noise=GivenNoise(torch.zeros(40, 16)),
            engine=choose_engine("auto"),
        ).terms
        for model in models
    )
    assert variational["reconstruction"].item() == plain["reconstruction"].item()
    assert plain["kl"].item() == 0.0
    assert variational["kl"].item() > 0.0


def test_kl_is_divided_like_the_paper() -> None:
    class Fixed(nn.Module):
        """The same distribution for every node: two coordinates of mean 2 and deviation 1."""

        def __init__(self) -> None:
            super().__init__()
            self.mean = nn.Parameter(torch.full((6, 2), 2.0))

        def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002
            return self.mean, torch.zeros(6, 2)

    graph = random_graph(6, 0.5, 0)
    settings = ModelSettings(encoder="own", latent_dim=2)
    model = GraphAutoEncoder(settings, n_inputs=1, seed=0, parts=Parts(encoder=Fixed()))
    prepared = model.prepare(graph, np.ones((6, 1), np.float32))
    loss = model.loss(
        prepared,
        model.targets(graph),
        noise=GivenNoise(torch.zeros(6, 2)),
        engine=choose_engine("auto"),
    )
    assert loss.terms["kl"].item() == pytest.approx(6 * 4.0 / 36)  # a divergence of 4 nats per node
    assert loss.total.item() == loss.terms["reconstruction"].item() + loss.terms["kl"].item()


# ------------------------------------------------------------------------ parts and weights


@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
@pytest.mark.parametrize("offset", ["none", "constant", "node"])
def test_a_node_is_a_positive_pair_with_itself_in_the_papers_model_alone(
    likelihood: str, offset: str, ring: Graph
) -> None:
    for objective in ("auto", "exact", "sampled"):
        given = {"likelihood": likelihood, "offset": offset, "objective": objective}
        settings = ModelSettings.parse(given)
        targets = GraphAutoEncoder(settings, n_inputs=40, seed=0).targets(ring)
        paper = likelihood == "bernoulli" and offset == "none" and objective != "sampled"
        assert targets.self_pairs == paper
        assert len(targets.positive.columns) == 80 + 40 * paper


def test_names_and_shapes_of_the_weights_that_files_hold() -> None:
    settings = ModelSettings(
        bias=True, unit_norm=True, decoder="cosine", offset="node", layers=3, latent_dim=4
    )
    arrays = GraphAutoEncoder(settings, n_inputs=5, n_nodes=7, seed=0).arrays()
    assert {name: array.shape for name, array in arrays.items()} == {
        "encoder.log_length": (),
        "encoder.weight.hidden": (5, 32),
        "encoder.weight.hidden2": (32, 32),
        "encoder.weight.mean": (32, 4),
        "encoder.weight.log_std": (32, 4),
        "encoder.bias.hidden": (32,),
        "encoder.bias.hidden2": (32,),
        "encoder.bias.mean": (4,),
        "encoder.bias.log_std": (4,),
        "decoder.log_scale": (),
        "offsets.value": (7,),
    }


def test_weights_of_another_model_are_refused() -> None:
    def model(**settings: object) -> GraphAutoEncoder:
        return GraphAutoEncoder(ModelSettings.parse(settings), n_inputs=5, seed=0)

    plain = model()
    for other in (model(bias=True), model(layers=3), model(latent_dim=8), model(offset="node")):
        with pytest.raises(InputError, match="weights do not fit the settings"):
            plain.load_arrays(other.arrays())
    wide = {name: array.astype(np.float64) for name, array in plain.arrays().items()}
    with pytest.raises(InputError, match="weights do not fit the settings"):
        plain.load_arrays(wide)


@pytest.mark.parametrize("name", ["encoder", "decoder", "likelihood"])
def test_a_part_of_ones_own_is_given_where_the_settings_ask_for_it(name: str) -> None:
    part: dict[str, object] = {
        "encoder": nn.Linear(1, 1),
        "decoder": CosineDecoder(),
        "likelihood": Bernoulli(),
    }
    parts = Parts(**{name: part[name]})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"^{name}: the settings ask for a part of your own"):
        GraphAutoEncoder(ModelSettings.parse({name: "own"}), n_inputs=3, seed=0)
    with pytest.raises(InputError, match=f"^{name}: "):
        GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=0, parts=parts)


def test_what_is_no_part_is_refused() -> None:
    wrong: list[tuple[dict[str, object], str]] = [
        ({"encoder": nn.Linear}, "encoder: the class Linear is not a torch.nn.Module"),
        ({"encoder": 5}, "encoder: 5 is not a torch.nn.Module"),
        ({"decoder": nn.Linear(1, 1)}, "decoder: .* is not a vgae.model.decoders.Decoder"),
        ({"likelihood": Bernoulli}, "likelihood: the class Bernoulli is not a vgae"),
    ]
    for given, said in wrong:
        with pytest.raises(InputError, match=said):
            Parts(**given)  # type: ignore[arg-type]


def test_a_decoder_without_factors_cannot_sum_over_all_pairs(ring: Graph) -> None:
    settings = ModelSettings(decoder="own")
    parts = Parts(decoder=MLPDecoder(16, 4, torch.Generator()))
    model = GraphAutoEncoder(settings, n_inputs=40, seed=0, parts=parts)
    with pytest.raises(
        InputError, match="MLPDecoder: scores pairs one by one .*objective='sampled'"
    ):
        model.loss(
            model.prepare(ring, None),
            model.targets(ring),
            noise=CounterNoise(0, torch.device("cpu")),
            engine=choose_engine("auto"),
        )


@pytest.mark.parametrize("link", ["square", "exp"])
@pytest.mark.parametrize("likelihood", ["bernoulli-poisson", "poisson"])
def test_expected_rates_take_the_noise_out_of_the_sum_over_all_pairs(
    link: str, likelihood: str
) -> None:
    """With the closed form the loss is the mean of that of samples, and has less noise."""
    settings = ModelSettings.parse(
        {"likelihood": likelihood, "rate_link": link, "latent_dim": 2, "offset": "constant"}
    )
    graph = random_graph(12, 0.3, 0)
    model = GraphAutoEncoder(settings, n_inputs=12, density=0.3, seed=0)
    prepared, targets, noise = (
        model.prepare(graph, None),
        model.targets(graph),
        SequentialNoise(0, torch.device("cpu")),
    )
    engine, closed, sampled = choose_engine("auto"), [], []
    with torch.no_grad():
        latent = model.encode(prepared)
        for _ in range(200):
            state = noise.state()
            loss = model.loss(prepared, targets, noise=noise, engine=engine)
            closed.append(loss.terms["reconstruction"].item())
            noise.restore(state)
            factors = model.factors(model.linked(latent.draw(noise)[0]))
            assert factors is not None
            found = reconstruction(model.likelihood, factors.joined(), targets, engine=engine)
            sampled.append(found.item())
    difference = np.subtract(closed, sampled)
    assert abs(difference.mean()) <= 4 * difference.std() / np.sqrt(len(difference))
    assert np.std(closed) < np.std(sampled)


@pytest.mark.parametrize("offset", ["constant", "node"])
@pytest.mark.parametrize("decoder", ["inner", "bilinear-diagonal", "distance"])
def test_multiplied_odds_raise_all_scores_alike(decoder: str, offset: str) -> None:
    """Logits rise by one number, rates are multiplied by one: the ranking stays."""
    for likelihood in ("bernoulli", "bernoulli-poisson"):
        if likelihood in RATES and decoder != "inner":
            continue  # its scores could be negative
        settings = ModelSettings.parse(
            {"decoder": decoder, "offset": offset, "likelihood": likelihood, "latent_dim": 3}
        )
        model = GraphAutoEncoder(settings, n_inputs=8, density=0.2, seed=0)
        mean = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
        pairs = torch.combinations(torch.arange(8))
        with torch.no_grad():
            before = model.pair_scores(model.linked_mean(mean, None), pairs)
            model.multiply_odds(1.7)
            after = model.pair_scores(model.linked_mean(mean, None), pairs)
        expected = 1.7 * before if likelihood in RATES else before + np.log(1.7)
        torch.testing.assert_close(after, expected, rtol=1e-5, atol=1e-5)
    plain = GraphAutoEncoder(ModelSettings(), n_inputs=3, seed=0)
    kept = {name: value.copy() for name, value in plain.arrays().items()}
    plain.multiply_odds(1.7)
    assert all(np.array_equal(value, kept[name]) for name, value in plain.arrays().items())


# ---------------------------------------------------------------------------- arcs

ARC_MODELS: dict[str, dict[str, object]] = {
    "directed": {"encoder": "directed", "decoder": "directed-inner"},
    "directed gcn": {"decoder": "directed-inner", "offset": "node"},
    "gravity": {"decoder": "gravity", "objective": "sampled"},
    "gravity squared": {"decoder": "gravity-squared"},
    "hops": {"encoder": "directed-multi-hop", "decoder": "directed-hops", "latent_dim": 28},
    "rates": {
        **{"encoder": "directed", "decoder": "directed-inner"},
        **{"likelihood": "bernoulli-poisson", "rate_link": "exp"},
    },
}


@pytest.mark.parametrize("name", ARC_MODELS)
@pytest.mark.parametrize("latent", ["gaussian", "point"])
def test_the_loss_of_arcs_reaches_every_weight(name: str, latent: str) -> None:
    graph = random_arcs(14, 0.2, seed=0)
    settings = ModelSettings.parse({"latent_dim": 6, "latent": latent} | ARC_MODELS[name])
    model = GraphAutoEncoder(settings, n_inputs=14, density=0.2, seed=0)
    targets = model.targets(graph)
    assert targets.ordered
    assert not targets.self_pairs
    noise = CounterNoise(0, torch.device("cpu"))
    loss = model.loss(
        model.prepare(graph, None), targets, noise=noise, engine=choose_engine("auto")
    )
    loss.total.backward()  # type: ignore[no-untyped-call]
    for weight, parameter in model.named_parameters():
        assert parameter.grad is not None, weight
        assert torch.isfinite(parameter.grad).all(), weight
        assert parameter.grad.any(), weight
    vectors = torch.randn(14, settings.latent_dim, generator=torch.Generator().manual_seed(0))
    pairs = torch.tensor([[0, 1], [1, 0]])
    one, other = model.pair_scores(model.linked(vectors), pairs).tolist()
    assert one != other


def test_a_decoder_and_a_graph_of_different_kinds_are_refused_in_one_line() -> None:
    arcs, edges = random_arcs(5, 0.4, seed=0), random_graph(5, 0.4, seed=0)
    symmetric = GraphAutoEncoder(ModelSettings(), n_inputs=5, seed=0)
    ordered = GraphAutoEncoder(
        ModelSettings(encoder="directed", decoder="directed-inner"), n_inputs=5, seed=0
    )
    said = "decoder inner: scores a pair the same in both .* directed-inner .*--undirected"
    with pytest.raises(InputError, match=said):
        symmetric.prepare(arcs, None)
    with pytest.raises(InputError, match="directed-inner: scores arcs, .* --directed"):
        ordered.prepare(edges, None)
    own = GraphAutoEncoder(
        ModelSettings(decoder="own"), n_inputs=5, seed=0, parts=Parts(decoder=CosineDecoder())
    )
    with pytest.raises(InputError, match="decoder CosineDecoder: scores a pair the same"):
        own.prepare(arcs, None)


def test_an_own_decoder_of_arcs_may_have_equal_factors() -> None:
    """Its gradient is that of sources and of targets: the arcs are not a symmetric pattern."""

    class Plain(Decoder):
        ordered = True

        def factors(self, latent: Tensor) -> Factors:
            return Factors(latent)

    graph = random_arcs(6, 0.3, seed=1)
    settings = ModelSettings(decoder="own", latent="point", latent_dim=3)
    model = GraphAutoEncoder(settings, n_inputs=6, seed=0, parts=Parts(decoder=Plain())).double()
    targets = model.targets(graph)
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(6, 3, generator=generator, dtype=torch.float64, requires_grad=True)

    def loss(vectors: Tensor) -> Tensor:
        factors = model.factors(vectors)
        assert factors is not None
        return reconstruction(Bernoulli(), factors.joined(), targets, engine=choose_engine("tiles"))

    assert torch.autograd.gradcheck(loss, latent)


def test_multiplied_odds_of_arcs_raise_all_scores_alike() -> None:
    settings = ModelSettings(decoder="directed-inner", offset="node", latent_dim=4)
    model = GraphAutoEncoder(settings, n_inputs=8, density=0.2, seed=0)
    assert model.arrays()["offsets.value"].shape == (2, 8)
    mean, pairs = torch.ones(8, 4), torch.tensor([[0, 1], [1, 0]])
    with torch.no_grad():
        before = model.pair_scores(mean, pairs)
        model.multiply_odds(1.7)
        after = model.pair_scores(mean, pairs)
    torch.testing.assert_close(after, before + np.log(1.7))


def test_factors_that_are_none_at_times_are_asked_for_and_not_presumed(ring: Graph) -> None:
    class PerNode(Decoder):
        """Takes as many nodes as it has weights, and passes on what another decoder has."""

        def __init__(self, inner: Decoder) -> None:
            super().__init__()
            self.inner, self.weight = inner, nn.Parameter(torch.ones(40, 1))

        def factors(self, latent: Tensor) -> Factors | None:
            return self.inner.factors(latent * self.weight)

        def pairs(self, latent: Tensor, pairs: Tensor) -> Tensor:
            return self.inner.pairs(latent * self.weight, pairs)

    settings = ModelSettings(decoder="own", objective="sampled")
    for inner, expected in (
        (MLPDecoder(16, 4, torch.Generator()), False),
        (CosineDecoder(), True),
    ):
        parts = Parts(decoder=PerNode(inner))
        model = GraphAutoEncoder(settings, n_inputs=40, seed=0, parts=parts)
        assert model.has_factors(40) == expected
        given = model.prepare(ring, None), model.targets(ring)
        noise = CounterNoise(0, torch.device("cpu"))
        noise.begin(1)
        loss = model.loss(*given, noise=noise, engine=choose_engine("auto"))
        assert torch.isfinite(loss.total)
