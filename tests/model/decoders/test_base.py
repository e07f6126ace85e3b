"""One contract for all decoders, with and without offsets."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import vgae.model.decoders
from vgae.model.decoders import (
    DECODERS,
    Decoder,
    Factors,
    Offsets,
    base,
)
from vgae.model.settings import DECODERS as NAMES
from vgae.model.settings import ModelSettings, Offset

N_NODES = 9
DIMS = {"directed-inner": 12, "directed-hops": 22}
"""Widths of the embedding; 11 unless a decoder needs another."""
PAIRS_ONLY = ("mlp", "gravity")


def inner(_: Any, a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=1)


def cosine(decoder: Any, a: Tensor, b: Tensor) -> Any:
    lengths = a.norm(dim=1) * b.norm(dim=1)
    return decoder.log_scale.double().exp() * (a * b).sum(dim=1) / lengths.clamp(min=1e-300)


def distance(_: Any, a: Tensor, b: Tensor) -> Tensor:
    return -((a - b) ** 2).sum(dim=1)


def bilinear_diagonal(decoder: Any, a: Tensor, b: Tensor) -> Any:
    return (decoder.weight.double() * a * b).sum(dim=1)


def hops(decoder: Any, a: Tensor, b: Tensor) -> Any:
    weight, offset = (part.double() for part in decoder.weights())
    return (a[:, :3] * b[:, :3]) @ weight + (a[:, 3:] + b[:, 3:]) @ offset


def directed_inner(_: Any, a: Tensor, b: Tensor) -> Tensor:
    return (a[:, :6] * b[:, 6:]).sum(dim=1)


def gravity(decoder: Any, a: Tensor, b: Tensor) -> Any:
    squares = ((a[:, :-1] - b[:, :-1]) ** 2).sum(dim=1)
    return b[:, -1] - decoder.log_weight.double().exp() * torch.log(squares + 0.01)


def gravity_squared(decoder: Any, a: Tensor, b: Tensor) -> Any:
    squares = ((a[:, :-1] - b[:, :-1]) ** 2).sum(dim=1)
    return b[:, -1] - decoder.log_weight.double().exp() * squares


def directed_hops(decoder: Any, a: Tensor, b: Tensor) -> Any:
    weight, offset = (part.double() for part in decoder.weights())
    source, target = a[:, :11], b[:, 11:]
    return (
        (source[:, :3] * target[:, :3]) @ weight
        + source[:, 3:] @ offset[0]
        + target[:, 3:] @ offset[1]
    )


def mlp(decoder: Any, a: Tensor, b: Tensor) -> Any:
    hidden = (a * b) @ decoder.hidden.double() + decoder.hidden_bias.double()
    return torch.relu(hidden) @ decoder.output.double()


FORMULAS: dict[str, Callable[[Any, Tensor, Tensor], Tensor]] = {
    "inner": inner,
    "cosine": cosine,
    "distance": distance,
    "bilinear-diagonal": bilinear_diagonal,
    "hops": hops,
    "mlp": mlp,
    "directed-inner": directed_inner,
    "gravity": gravity,
    "gravity-squared": gravity_squared,
    "directed-hops": directed_hops,
}
"""The score of two embeddings, in float64, by the decoder's name."""


def made(name: str, *, seed: int = 0) -> Decoder:
    """A decoder whose parameters are not those of the start."""
    generator = torch.Generator().manual_seed(seed)
    settings = ModelSettings.parse(
        {
            "decoder": name,
            "encoder": {"hops": "multi-hop", "directed-hops": "directed-multi-hop"}.get(
                name, "gcn"
            ),
            "latent_dim": DIMS.get(name, 11),
            "hidden_dim": 6,
            "objective": "sampled",
        }
    )
    decoder = DECODERS[name].made(settings, generator)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) / 2)
    return decoder


def embedding(scale: float = 1.0, *, name: str = "inner", n_nodes: int = N_NODES) -> Tensor:
    shape = (n_nodes, DIMS.get(name, 11))
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(1))


ALL_PAIRS = torch.cartesian_prod(torch.arange(N_NODES), torch.arange(N_NODES))


def expected(name: str, decoder: Decoder, latent: Tensor, pairs: Tensor) -> Tensor:
    first, second = (latent.double()[pairs[:, side]] for side in (0, 1))
    return FORMULAS[name](decoder, first, second)


def test_every_decoder_is_in_the_contract() -> None:
    assert set(FORMULAS) == set(DECODERS) == set(NAMES)
    assert all(kind.name == name for name, kind in DECODERS.items())
    public = {name for name in vgae.model.decoders.__all__ if name.endswith("Decoder")}
    assert public == {"Decoder", *(kind.__name__ for kind in DECODERS.values())}


@pytest.mark.parametrize("name", DECODERS)
def test_scores_of_pairs_are_the_formula(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "CHUNK_NUMBERS", 7)
    decoder, latent = made(name), embedding(name=name)
    found = decoder.pairs(latent, ALL_PAIRS)
    assert found.dtype == torch.float32
    torch.testing.assert_close(
        found.double(), expected(name, decoder, latent, ALL_PAIRS), rtol=1e-5, atol=1e-5
    )
    turned = decoder.pairs(latent, ALL_PAIRS.flip(1))
    assert torch.allclose(found, turned, rtol=1e-6, atol=1e-6) != decoder.ordered


@pytest.mark.parametrize("name", DECODERS)
def test_factors_are_the_scores_of_all_pairs(name: str) -> None:
    decoder, latent = made(name), embedding(name=name)
    factors = decoder.factors(latent)
    if name in PAIRS_ONLY:
        assert factors is None
        return
    assert factors is not None
    scores = decoder.pairs(latent, ALL_PAIRS).reshape(N_NODES, N_NODES)
    torch.testing.assert_close(by_hand(factors), scores, rtol=1e-5, atol=1e-5)
    left, right = factors.joined()
    torch.testing.assert_close(left @ (left if right is None else right).T, scores)


def by_hand(factors: Factors) -> Tensor:
    """left_i . right_j + offset_i + right_offset_j + constant for all pairs."""
    scores = factors.left @ (factors.left if factors.right is None else factors.right).T
    if factors.offset is not None:
        other = factors.offset if factors.right_offset is None else factors.right_offset
        scores = scores + factors.offset[:, None] + other[None, :]
    return scores if factors.constant is None else scores + factors.constant


@pytest.mark.parametrize(
    ("right", "offset", "constant", "ordered"), list(product([False, True], repeat=4)), ids=str
)
def test_joined_factors_hold_offsets_and_constant(
    right: bool, offset: bool, constant: bool, ordered: bool
) -> None:
    vectors = embedding()
    factors = Factors(
        vectors,
        vectors * torch.linspace(-1.0, 2.0, 11) if right else None,
        torch.arange(float(N_NODES)) if offset else None,
        torch.tensor(-0.7) if constant else None,
        torch.linspace(2.0, 5.0, N_NODES) if offset and ordered else None,
    )
    left, other = factors.joined()
    assert (other is None) == (not (right or offset or constant))
    torch.testing.assert_close(left @ (left if other is None else other).T, by_hand(factors))
    assert left.shape[1] == 11 + (2 if offset else int(constant))


@pytest.mark.parametrize("name", DECODERS)
def test_extreme_and_zero_vectors_have_finite_scores_and_gradients(name: str) -> None:
    decoder = made(name)
    for scale in (0.0, 1e-15, 1e4):
        latent = embedding(scale, name=name)
        latent[3] = 0.0
        latent.requires_grad_()
        scores = decoder.pairs(latent, ALL_PAIRS)
        largest = (latent.detach() ** 2).sum(dim=1).max().item()
        # float32 knows the square of a length to 6e-8 of itself; distances are differences of them.
        torch.testing.assert_close(
            scores.double(),
            expected(name, decoder, latent, ALL_PAIRS),
            rtol=1e-5,
            atol=4e-7 * largest + 1e-6,
        )
        scores.sum().backward()  # type: ignore[no-untyped-call]
        assert latent.grad is not None
        assert torch.isfinite(latent.grad).all()
        if scale == 0.0:
            assert latent.grad.abs().max() < 1e3


@pytest.mark.parametrize("name", DECODERS)
def test_no_pairs_and_pairs_outside(name: str) -> None:
    decoder, latent = made(name), embedding(name=name)
    assert decoder.pairs(latent, torch.empty((0, 2), dtype=torch.long)).shape == (0,)
    with pytest.raises(IndexError):
        decoder.pairs(latent, torch.tensor([[0, N_NODES]]))


@pytest.mark.parametrize("name", DECODERS)
def test_gradients_are_exact(name: str) -> None:
    decoder = made(name).double()
    latent = embedding(name=name).double().requires_grad_()
    pairs = torch.tensor([[0, 1], [1, 0], [2, 2], [8, 3]])
    parameters = tuple(decoder.parameters())

    def scores(latent: Tensor, *_: Tensor) -> Tensor:
        return decoder.pairs(latent, pairs)

    assert torch.autograd.gradcheck(scores, (latent, *parameters))


@pytest.mark.parametrize("name", DECODERS)
def test_parameters_come_from_the_generator_alone(name: str) -> None:
    before = torch.get_rng_state()
    first, same, other = (made(name, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for one, again, another in zip(
        first.parameters(), same.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(one, again)
        assert not torch.equal(one, another)


def test_a_decoder_of_ones_own_has_factors_or_pairs() -> None:
    class Neither(Decoder):
        @classmethod
        def made(cls, settings: ModelSettings, generator: torch.Generator) -> Decoder:  # noqa: ARG003
            return cls()

    with pytest.raises(NotImplementedError, match="Neither must implement pairs or factors"):
        Neither().pairs(embedding(), ALL_PAIRS)


# --------------------------------------------------------------------------- offsets


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("kind", ["constant", "node"])
@pytest.mark.parametrize("name", [name for name in DECODERS if name not in PAIRS_ONLY])
def test_offsets_are_the_same_for_pairs_and_for_all_pairs(
    name: str, kind: Any, positive: bool
) -> None:
    decoder, latent = made(name), embedding(name=name)
    ordered = decoder.ordered
    offsets = Offsets(kind, n_nodes=N_NODES, initial=0.3, positive=positive, ordered=ordered)
    pairs, factors = decoder.pairs(latent, ALL_PAIRS), decoder.factors(latent)
    assert factors is not None
    # At first, every pair gets the initial sum.
    torch.testing.assert_close(offsets.at(ALL_PAIRS), torch.full((N_NODES**2,), 0.3))
    with torch.no_grad():
        offsets.value.add_(torch.randn(offsets.value.shape, generator=torch.Generator()))
    amount = offsets.value.exp() if positive else offsets.value
    first, second = amount if ordered and kind == "node" else (amount, amount)
    both = amount if kind == "constant" else first[ALL_PAIRS[:, 0]] + second[ALL_PAIRS[:, 1]]
    torch.testing.assert_close(offsets.at(ALL_PAIRS), both.expand(len(ALL_PAIRS)))
    left, right = offsets.added_to(factors).joined()
    # A positive constant needs no second matrix where the decoder has none.
    one_matrix = positive and kind == "constant" and factors.right is None
    assert (right is None) == one_matrix
    right = left if right is None else right
    torch.testing.assert_close((left @ right.T).flatten(), pairs + both, rtol=1e-5, atol=1e-5)
    (left @ right.T).sum().backward()  # type: ignore[no-untyped-call]
    assert offsets.value.grad is not None
    assert (offsets.value.grad != 0).all()


def test_later_nodes_have_the_mean_of_the_offsets() -> None:
    for positive in (False, True):
        offsets = Offsets("node", n_nodes=3, initial=0.5, positive=positive)
        with torch.no_grad():
            offsets.value.copy_(torch.tensor([0.0, 1.0, -2.0]))
        amount = offsets.value.exp() if positive else offsets.value
        every = torch.cat([amount, amount.mean().expand(2)])
        factors = offsets.added_to(Factors(torch.zeros(5, 2)))
        assert factors.offset is not None
        torch.testing.assert_close(factors.offset, every)
        pairs = torch.cartesian_prod(torch.arange(5), torch.arange(5))
        torch.testing.assert_close(offsets.at(pairs), every[pairs].sum(dim=1))
        alone = torch.tensor([[4, 4], [0, 3]])  # node 4 without the others
        torch.testing.assert_close(offsets.at(alone), every[alone].sum(dim=1))
        assert offsets.at(torch.empty((0, 2), dtype=torch.long)).shape == (0,)


def test_later_nodes_have_the_mean_of_sources_as_sources_and_of_targets_as_targets() -> None:
    offsets = Offsets("node", n_nodes=2, initial=0.0, positive=False, ordered=True)
    with torch.no_grad():
        offsets.value.copy_(torch.tensor([[1.0, 3.0], [10.0, 30.0]]))
    pairs = torch.tensor([[0, 1], [1, 0], [2, 0], [0, 2], [2, 3]])
    assert offsets.at(pairs).tolist() == [31.0, 13.0, 12.0, 21.0, 22.0]
    left, right = offsets.added_to(Factors(torch.zeros(4, 1), torch.zeros(4, 1))).joined()
    assert right is not None
    assert (left @ right.T)[tuple(pairs.T)].tolist() == [31.0, 13.0, 12.0, 21.0, 22.0]


def test_offsets_of_rates_stay_positive() -> None:
    kinds: tuple[Offset, ...] = ("constant", "node")
    for kind in kinds:
        offsets = Offsets(kind, n_nodes=3, initial=1e-6, positive=True)
        np.testing.assert_allclose(offsets.at(ALL_PAIRS[:3]).detach(), 1e-6, rtol=1e-4)
        with torch.no_grad():
            offsets.value.sub_(50.0)
        assert (offsets.at(ALL_PAIRS[:3]) > 0).all()
