"""Every encoder against its definition: dense, in float64, with torch's own gradients."""

from typing import Any

import numpy as np
import pytest
import torch
from formulas import FORMULAS, by_definition, mixing, wide
from graphs import dense, graph_of, random_arcs, random_graph
from scipy import sparse

from vgae.data.graph import Graph
from vgae.model.encoders import ENCODERS, EncoderInput, Propagation
from vgae.model.settings import ENCODERS as NAMES
from vgae.model.settings import ModelSettings

SHAPES: list[dict[str, Any]] = [
    {"encoder": "gcn", "layers": 1},
    {"encoder": "gcn"},
    {"encoder": "gcn", "layers": 3},
    {"encoder": "gcn", "layers": 4, "residual": True},
    {"encoder": "linear", "layers": 1},
    {"encoder": "linear", "layers": 3},
    {"encoder": "appnp"},
    {"encoder": "appnp", "layers": 3, "teleport": 0.4},
    {"encoder": "appnp", "layers": 2, "teleport": 1.0},
    {"encoder": "sage", "layers": 1},
    {"encoder": "sage"},
    {"encoder": "sage", "layers": 4, "residual": True},
    {"encoder": "multi-hop", "latent_dim": 14},
    {"encoder": "multi-hop", "layers": 1, "latent_dim": 14},
    {"encoder": "directed", "layers": 1},
    {"encoder": "directed"},
    {"encoder": "directed", "layers": 4, "residual": True},
    {"encoder": "directed-multi-hop", "latent_dim": 28},
    {"encoder": "directed-multi-hop", "layers": 1, "latent_dim": 28},
    {"encoder": "signed", "layers": 1},
    {"encoder": "signed"},
    {"encoder": "signed", "layers": 4, "residual": True},
]
GRAPHS = {
    "plain": random_graph(12, 0.3, seed=1),
    "isolated nodes": random_graph(15, 0.07, seed=3),
    "no edges": Graph.from_edges([], n_nodes=4),
    "one node": Graph.from_edges([], n_nodes=1),
    "weights": Graph.from_edges(
        [(0, 1), (1, 2), (2, 3), (3, 0), (4, 1)], weights=[0.1, 5.0, 2.0, 1e3, 1.0]
    ),
    "arcs": random_arcs(13, 0.15, seed=1),
    "signs": graph_of("signed", 0, n_nodes=12, n_rows=30),
}
assert (GRAPHS["isolated nodes"].degrees == 0).any()


def some_inputs(kind: str, n_nodes: int, *, seed: int = 0) -> Any:
    """Inputs of nodes, one column of which is zero; None means that every node is its own."""
    values = np.random.default_rng(seed).normal(size=(n_nodes, 5)) * (np.arange(5) != 2)
    values = values.astype(np.float32)
    return {"dense": values, "sparse": sparse.csr_array(values), "none": None}[kind]


def encoder_of(n_inputs: int, *, seed: int = 0, **settings: Any) -> Propagation:
    """An encoder with outputs of width 4, and biases that are not zero where there are any."""
    parsed = ModelSettings.parse({"hidden_dim": 6, "latent_dim": 4, **settings})
    generator = torch.Generator().manual_seed(seed)
    made = ENCODERS[parsed.encoder](
        parsed, n_inputs, outputs=("mean", "log_std"), generator=generator
    )
    for parameter in made.bias.values():
        torch.nn.init.normal_(parameter, generator=generator)
    return made


def test_every_encoder_has_a_definition() -> None:
    assert set(FORMULAS) == set(ENCODERS) == set(NAMES)
    assert {settings["encoder"] for settings in SHAPES} == set(ENCODERS)
    assert all(kind.name == name for name, kind in ENCODERS.items())


@pytest.mark.parametrize("inputs", ["dense", "sparse", "none"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_outputs_and_gradients_are_the_definition(shape: dict[str, Any], inputs: str) -> None:
    for bias in (False, True):
        for kind, graph in GRAPHS.items():
            if graph.kind == "signed" and shape["encoder"] != "signed":
                continue
            n_nodes = graph.n_nodes
            x = some_inputs(inputs, n_nodes)
            encoder = encoder_of(n_nodes if x is None else 5, bias=bias, **shape)
            weights = wide(encoder)
            mix = mixing(torch.tensor(dense(graph)), encoder.name)
            matrix = np.eye(n_nodes) if x is None else sparse.csr_array(x).toarray()
            found = encoder(encoder.prepare(graph, x))
            assert set(found) == {"mean", "log_std"}
            ours, theirs = torch.zeros(()), torch.zeros(())
            width = encoder.settings.latent_dim
            slope = torch.randn(n_nodes, width, generator=torch.Generator().manual_seed(7))
            for sign, output in ((1.0, "mean"), (0.3, "log_std")):
                expected = by_definition(
                    encoder.settings, weights, mix, torch.tensor(matrix).double(), output
                )
                assert found[output].shape == (n_nodes, width)
                torch.testing.assert_close(
                    found[output].double(), expected, rtol=2e-5, atol=2e-6, msg=f"{kind}: {output}"
                )
                ours = ours + sign * (found[output] * slope).sum()
                theirs = theirs + sign * (expected * slope).sum()
            ours.backward()  # type: ignore[no-untyped-call]
            theirs.backward()  # type: ignore[no-untyped-call]
            for name, parameter in encoder.named_parameters():
                gradient = weights[name].grad
                assert parameter.grad is not None, f"{kind}: nothing reaches {name}"
                assert gradient is not None
                torch.testing.assert_close(
                    parameter.grad.double(), gradient, rtol=2e-4, atol=2e-5, msg=f"{kind}: {name}"
                )


@pytest.mark.parametrize("inputs", ["dense", "sparse", "none"])
@pytest.mark.parametrize("name", ENCODERS)
def test_a_gradient_reaches_every_weight(name: str, inputs: str) -> None:
    graph = GRAPHS["plain"]
    for unit_norm in (False, True):
        encoder = encoder_of(
            12 if inputs == "none" else 5,
            encoder=name,
            bias=True,
            unit_norm=unit_norm,
            layers=3,
            latent_dim={"multi-hop": 16, "directed-multi-hop": 32}.get(name, 4),
        )
        found = encoder(encoder.prepare(graph, some_inputs(inputs, 12)))
        (found["mean"][:, :3].sum() + found["log_std"].exp().sum()).backward()
        for weight, parameter in encoder.named_parameters():
            assert parameter.grad is not None, weight
            assert torch.isfinite(parameter.grad).all(), weight
            assert (parameter.grad != 0).any(), weight


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ({"encoder": "gcn", "layers": 1}, {"mean": (5, 4)}),
        ({"encoder": "gcn"}, {"hidden": (5, 6), "mean": (6, 4)}),
        (
            {"encoder": "gcn", "layers": 4},
            {"hidden": (5, 6), "hidden2": (6, 6), "hidden3": (6, 6), "mean": (6, 4)},
        ),
        ({"encoder": "linear"}, {"mean": (5, 4)}),
        ({"encoder": "appnp"}, {"hidden": (5, 6), "mean": (6, 4)}),
        (
            {"encoder": "multi-hop", "latent_dim": 14},
            {"projection": (5, 2), "log_std": (2, 14)},
        ),
        (
            {"encoder": "directed"},
            {
                **{"hidden_source": (5, 6), "hidden_target": (5, 6)},
                **{"mean_source": (6, 2), "mean_target": (6, 2)},
            },
        ),
        (
            {"encoder": "directed-multi-hop", "latent_dim": 28},
            {"source": (5, 2), "target": (5, 2), "log_std": (4, 28)},
        ),
        ({"encoder": "sage", "layers": 1}, {"mean": (5, 4), "mean_self": (5, 4)}),
        (
            {"encoder": "sage", "layers": 3},
            {
                **{"hidden": (5, 6), "hidden_self": (5, 6)},
                **{"hidden2": (6, 6), "hidden2_self": (6, 6)},
                **{"mean": (6, 4), "mean_self": (6, 4)},
            },
        ),
    ],
)
def test_weights_have_the_names_that_files_hold(
    shape: dict[str, Any], names: dict[str, tuple[int, int]]
) -> None:
    encoder = encoder_of(5, bias=True, **shape)
    both = names | {
        name.replace("mean", "log_std"): size for name, size in names.items() if "mean" in name
    }
    assert {name: tuple(weight.shape) for name, weight in encoder.weight.items()} == both
    biased = {name: (size[1],) for name, size in both.items() if not name.endswith("_self")}
    for name in ("projection", "source", "target"):
        biased.pop(name, None)
    assert {name: tuple(bias.shape) for name, bias in encoder.bias.items()} == biased
    assert not encoder_of(5, **shape).bias


@pytest.mark.parametrize("inputs", ["dense", "sparse"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_products_formed_ahead_are_those_of_the_steps(shape: dict[str, Any], inputs: str) -> None:
    graph, x = GRAPHS["plain"], some_inputs(inputs, 12)
    encoder = encoder_of(5, **shape)
    once = EncoderInput.from_matrices(encoder.adjacency(graph), x, ahead=encoder.ahead)
    in_steps = EncoderInput.from_matrices(encoder.adjacency(graph), x)
    assert in_steps.propagated == 0
    assert once.propagated <= encoder.ahead
    if inputs == "dense":
        assert (
            once.propagated
            == encoder.ahead
            == {"gcn": 1, "linear": encoder.n_rounds}.get(encoder.name, 0)
        )
    for name, expected in encoder(in_steps).items():
        torch.testing.assert_close(encoder(once)[name], expected, rtol=1e-5, atol=1e-6)
    assert encoder.prepare(graph, x).propagated == once.propagated
    if encoder.ahead:  # each message can be left out only where there are messages
        leaving = encoder_of(5, edge_dropout=0.5, **shape)
        assert leaving.prepare(graph, x).propagated == 0
