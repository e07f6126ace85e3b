"""Which parts go together, and what the defaults depend on."""

from itertools import product
from typing import Any

import pytest

from vgae.ground.errors import InputError
from vgae.model.decoders import DECODERS
from vgae.model.encoders import ENCODERS
from vgae.model.likelihoods import LIKELIHOODS
from vgae.model.settings import DECODERS as DECODER_NAMES
from vgae.model.settings import ENCODERS as ENCODER_NAMES
from vgae.model.settings import LIKELIHOODS as LIKELIHOOD_NAMES
from vgae.model.settings import MOST_NUMBERS, N_DEGREE_CLASSES, OWN, ModelSettings


def test_names_are_those_of_the_registries() -> None:
    for names, registry in (
        (ENCODER_NAMES, ENCODERS),
        (DECODER_NAMES, DECODERS),
        (LIKELIHOOD_NAMES, LIKELIHOODS),
    ):
        assert names == tuple(registry)
        assert OWN not in names


def test_the_defaults_are_the_papers_model() -> None:
    settings = ModelSettings()
    assert (settings.encoder, settings.decoder, settings.likelihood_used) == (
        "gcn",
        "inner",
        "bernoulli",
    )
    assert (settings.layers_used, settings.offset_used, settings.objective) == (2, "none", "auto")
    assert (settings.hidden_dim, settings.latent_dim, settings.class_weight_used) == (
        32,
        16,
        "balanced",
    )
    assert (settings.bias, settings.residual, settings.unit_norm) == (False, False, False)
    assert settings.dropout == settings.edge_dropout == 0.0


@pytest.mark.parametrize(
    ("given", "offset"),
    [
        ({}, "none"),
        ({"decoder": "cosine"}, "none"),
        ({"decoder": "distance"}, "constant"),
        ({"likelihood": "bernoulli-poisson"}, "constant"),
        ({"likelihood": "poisson"}, "constant"),
        ({"likelihood": "squared"}, "constant"),
        ({"likelihood": "own"}, "none"),
        ({"decoder": "own"}, "none"),
        ({"likelihood": "poisson", "offset": "none"}, "none"),
        ({"offset": "node"}, "node"),
        ({"decoder": "directed-inner"}, "none"),
        ({"decoder": "gravity", "objective": "sampled"}, "constant"),
        ({"decoder": "gravity-squared"}, "constant"),
    ],
)
def test_the_default_offset_is_that_of_the_parts(given: dict[str, Any], offset: str) -> None:
    assert ModelSettings.parse(given).offset_used == offset


def test_the_default_number_of_layers_is_that_of_the_encoder() -> None:
    expected = dict.fromkeys(ENCODERS, 2) | {"appnp": 10}
    for encoder, layers in expected.items():
        dim = 28 if encoder == "directed-multi-hop" else 14
        given = {"encoder": encoder, "latent_dim": dim}
        assert ModelSettings.parse(given).layers_used == layers
        assert ModelSettings.parse(given | {"layers": 5}).layers_used == 5


@pytest.mark.parametrize(("decoder", "likelihood"), [*product(DECODERS, LIKELIHOODS)])
def test_what_cannot_go_together_names_what_can(decoder: str, likelihood: str) -> None:
    given = {"decoder": decoder, "likelihood": likelihood, "latent_dim": 14}
    given |= {"encoder": "multi-hop"} if decoder == "hops" else {}
    if decoder == "directed-hops":
        given |= {"encoder": "directed-multi-hop", "latent_dim": 28}
    positive = ("inner", "bilinear-diagonal", "directed-inner")
    negative = decoder not in positive and likelihood in ("bernoulli-poisson", "poisson")
    for objective in ("exact", "sampled"):
        if negative:
            said = (
                f"decoder {decoder} can give negative scores, and {likelihood} needs rates: "
                "use inner"
            )
        elif decoder in ("mlp", "gravity") and objective == "exact":
            other = {"mlp": "inner, ", "gravity": "gravity-squared"}[decoder]
            said = f"decoder {decoder} scores pairs one by one .*: use {other}.*, or sample pairs"
        else:
            assert ModelSettings.parse(given | {"objective": objective}).decoder == decoder
            continue
        with pytest.raises(InputError, match=said) as caught:
            ModelSettings.parse(given | {"objective": objective})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"encoder": "gnc"}, "encoder: input should be .*gcn"),
        ({"likelihood": "bernouli"}, "likelihood: .*bernoulli"),
        ({"offset": "both"}, "offset: "),
        ({"layers": 0}, "layers: "),
        ({"layers": 65}, "layers: "),
        ({"dropout": 1.0}, "dropout: "),
        ({"edge_dropout": -0.1}, "edge_dropout: "),
        ({"teleport": 0.0}, "teleport: "),
        ({"latent_dim": 0}, "latent_dim: "),
        ({"structure_dim": 2**17}, "structure_dim: "),
        ({"hidden": 3}, "hidden: "),
    ],
)
def test_bad_settings_are_one_clear_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        ModelSettings.parse(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"decoder": "hops"}, "weighs the hops of the encoder multi-hop"),
        ({"decoder": "directed-hops"}, "weighs the hops of the encoder directed-multi-hop"),
        ({"encoder": "directed-multi-hop", "latent_dim": 30}, "twice, .* 3 hops .*: use 28"),
        ({"encoder": "directed", "latent_dim": 5}, "latent_dim 5 is odd, .*: use 6"),
        ({"decoder": "directed-inner", "latent_dim": 5}, "latent_dim 5 is odd, .*: use 6"),
        ({"decoder": "gravity-squared", "latent_dim": 1}, "the mass of a node, .* at least 2"),
        ({"encoder": "multi-hop"}, "latent_dim 16 does not suit .*: use 14"),
        ({"encoder": "multi-hop", "layers": 4, "latent_dim": 9}, "use 13"),
        ({"mask": 0.3, "objective": "exact"}, "sample pairs"),
        ({"objective": "elbo"}, "is class_weight none now"),
        ({"pairs": "all"}, "is objective now, exact or sampled"),
        ({"decoder": "mlp", "sampling": "nodes"}, "sampling is pairs"),
    ],
)
def test_parts_say_what_width_and_pairs_they_need(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ModelSettings.parse(given)


def test_the_number_of_hops_depends_on_whether_nodes_have_inputs() -> None:
    settings = ModelSettings.parse({"encoder": "multi-hop", "latent_dim": 68})
    assert settings.on(3, n_nodes=9).n_hops == 3
    assert settings.on(0, n_nodes=9).n_hops == 5
    assert settings.model_copy(update={"layers": 1}).on(0, n_nodes=9).n_hops == 2
    assert ModelSettings().on(0, n_nodes=10**9) == ModelSettings()


@pytest.mark.parametrize("n_features", [0, 7])
def test_hops_of_large_graphs_are_narrower(n_features: int) -> None:
    settings = ModelSettings.parse({"encoder": "multi-hop", "latent_dim": 1508})
    for n_nodes, capped in ((2_000, False), (80_000, True), (10**9, True)):
        found = settings.on(n_features, n_nodes=n_nodes)
        width = (found.latent_dim - N_DEGREE_CLASSES) // found.n_hops
        assert width == max(1, min(1500 // found.n_hops, MOST_NUMBERS // found.n_hops // n_nodes))
        assert (width < 1500 // found.n_hops) == capped
        assert found.on(n_features, n_nodes=n_nodes) == found


def test_on_a_directed_graph_parts_become_those_of_sources_and_targets() -> None:
    hops = {"encoder": "multi-hop", "decoder": "hops", "latent_dim": 1508}
    found = ModelSettings.parse(hops).on(3, n_nodes=9, directed=True)
    assert (found.encoder, found.decoder) == ("directed-multi-hop", "directed-hops")
    assert (found.n_hops, found.hop_width, found.latent_dim) == (3, 250, 1516)
    assert ModelSettings.parse(hops).on(0, n_nodes=9, directed=True).n_hops == 3
    assert found.on(3, n_nodes=9, directed=True) == found
    narrow = ModelSettings.parse(hops | {"latent_dim": 11}).on(3, n_nodes=9, directed=True)
    assert narrow.hop_width == 1
    large = ModelSettings.parse(hops).on(3, n_nodes=50_000, directed=True)
    assert large.hop_width == MOST_NUMBERS // 150_000 // 2
    other = ModelSettings.parse(hops | {"decoder": "inner"})
    assert other.on(3, n_nodes=9, directed=True) == other
    plain = ModelSettings().on(0, n_nodes=9, directed=True)
    assert (plain.encoder, plain.decoder, plain.latent_dim) == ("directed", "directed-inner", 16)
    with pytest.raises(InputError, match="latent_dim 5 is odd"):
        ModelSettings(latent_dim=5).on(0, n_nodes=9, directed=True)


@pytest.mark.parametrize(
    ("given", "meaning", "expected"),
    [
        ({}, "propagation", (None, None, None)),
        ({}, "confidence", (None, None, None)),
        ({}, "count", ("poisson", "none", "node")),
        ({}, "value", ("gaussian", "none", "node")),
        ({"offset": "constant"}, "count", ("poisson", "none", "constant")),
        (
            {"likelihood": "poisson", "class_weight": "balanced"},
            "count",
            ("poisson", "balanced", "node"),
        ),
        ({"likelihood": "own"}, "count", ("own", None, None)),
    ],
)
def test_meanings_of_weights_fill_in_defaults(
    given: dict[str, Any], meaning: str, expected: tuple[str | None, ...]
) -> None:
    made = ModelSettings.parse(given).for_weights(meaning)
    assert (made.likelihood, made.class_weight, made.offset) == expected


def test_what_contradicts_a_meaning_is_one_line() -> None:
    for given, meaning in [
        ({"likelihood": "squared"}, "value"),
        ({"likelihood": "gaussian"}, "count"),
        ({"likelihood": "gaussian"}, "confidence"),
        ({"likelihood": "own"}, "confidence"),
        ({"decoder": "cosine"}, "count"),
    ]:
        with pytest.raises(InputError, match="read the graph with --weight-means propag") as caught:
            ModelSettings.parse(given).for_weights(meaning)
        assert "\n" not in str(caught.value)


def test_a_likelihood_says_what_weights_mean_to_it() -> None:
    assert ModelSettings(likelihood="poisson").weights_mean("propagation") == "count"
    assert ModelSettings().weights_mean("confidence") == "confidence"


def test_pairs_are_sampled_as_asked_or_where_a_decoder_has_no_factors() -> None:
    for sampling, has_factors, expected in (
        (None, True, False),
        (None, False, True),
        ("nodes", True, False),
        ("nodes", False, False),
        ("pairs", True, True),
        ("pairs", False, True),
    ):
        for objective in ("sampled", "exact"):
            settings = ModelSettings.parse({"objective": objective, "sampling": sampling})
            found = settings.samples_pairs(has_factors=has_factors)
            assert found == (expected and objective == "sampled")
