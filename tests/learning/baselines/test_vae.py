import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse

import vgae.learning.baselines.vae
from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines.vae import LIKELIHOODS, Vae, VaeLoss, VaeNetwork, vae_loss
from vgae.learning.metrics import link_metrics
from vgae.model.latents import Gaussian

quick = Vae(latent_dim=3, hidden_dim=8, epochs=3, batch_size=16)


def ring_with(features: object) -> Graph:
    return Graph.from_edges([(i, (i + 1) % 40) for i in range(40)], features=features)


def binary_features() -> NDArray[np.float32]:
    return (np.random.default_rng(0).random((40, 6)) < 0.3).astype(np.float32)


def fitted(graph: Graph, *, seed: int = 0, **changes: object) -> NDArray[np.float32]:
    vectors = quick.model_copy(update=changes).fit(graph, seed=seed).vectors
    assert vectors is not None
    return vectors


def softplus(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.logaddexp(0.0, values)


@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
def test_terms_are_those_of_the_evidence_bound(likelihood: str) -> None:
    generator = torch.Generator().manual_seed(0)
    network = VaeNetwork(6, hidden_dim=5, latent_dim=3, generator=generator).double()
    for parameter in network.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator).double()
    x = binary_features()[:9].astype(np.float64)
    noise = np.random.default_rng(1).normal(size=(9, 3))
    loss = vae_loss(network, torch.from_numpy(x), torch.from_numpy(noise), likelihood)

    w, b, v, c = (
        [parameter.detach().numpy() for parameter in parameters]
        for part in (network.encoder, network.decoder)
        for parameters in (part.weights, part.biases)
    )
    mean, log_std = np.split(np.maximum(x @ w[0] + b[0], 0) @ w[1] + b[1], 2, axis=1)
    z = mean + np.exp(log_std) * noise
    outputs = np.maximum(z @ v[0] + c[0], 0) @ v[1] + c[1]
    if likelihood == "bernoulli":
        surprise = x * softplus(-outputs) + (1 - x) * softplus(outputs)
    else:
        surprise = 0.5 * (x - outputs) ** 2 + 0.5 * math.log(2 * math.pi)
    kl = 0.5 * (mean**2 + np.exp(log_std) ** 2 - 1 - 2 * log_std)
    assert loss.reconstruction.item() == pytest.approx(surprise.sum() / 9, rel=1e-12)
    assert loss.kl.item() == pytest.approx(kl.sum() / 9, rel=1e-12)
    assert loss.total.item() == pytest.approx((surprise.sum() + kl.sum()) / 9, rel=1e-12)


@pytest.mark.parametrize(
    ("likelihood", "expected"),
    [("bernoulli", [0.0, 1e4, 1e4, 0.0]), ("gaussian", [0.5 * 9999.0**2, 0.5 * 10001.0**2] * 2)],
)
def test_extreme_outputs_are_finite_and_right(likelihood: str, expected: list[float]) -> None:
    outputs = torch.tensor([[1e4], [-1e4], [1e4], [-1e4]], requires_grad=True)
    features = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
    if likelihood == "gaussian":
        expected = [*expected[:2], 0.5 * 1e8, 0.5 * 1e8]
    surprise = LIKELIHOODS[likelihood](features, outputs)
    np.testing.assert_allclose(surprise.detach().numpy(), expected, rtol=1e-6)
    surprise.sum().backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    assert bool(outputs.grad.isfinite().all())


def test_divergence_is_the_shared_one() -> None:
    network = VaeNetwork(6, 5, 3, torch.Generator().manual_seed(0))
    assert type(network.encode(torch.ones(2, 6))) is Gaussian


def test_sparse_and_dense_features_give_the_same_vectors() -> None:
    dense = binary_features()
    first, second = (fitted(ring_with(kind)) for kind in (dense, sparse.csr_array(dense)))
    assert np.array_equal(first, second)


def test_same_seed_same_vectors() -> None:
    graph = ring_with(binary_features())
    before = torch.get_rng_state()
    first, again, other = (fitted(graph, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_divergence_counts_in_full_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def record(_: object, batch_loss: Any, *__: object, **___: object) -> None:
        seen.extend(batch_loss(np.arange(3), done).item() for done in (0.0, 0.1, 0.4, 0.9))

    fixed = VaeLoss(reconstruction=torch.tensor(10.0), kl=torch.tensor(1.0))
    monkeypatch.setattr(vgae.learning.baselines.vae, "vae_loss", lambda *_: fixed)
    monkeypatch.setattr(vgae.learning.baselines.vae, "train_in_batches", record)
    for warm_up in (0.0, 0.4):
        quick.model_copy(update={"warm_up": warm_up}).fit(ring_with(binary_features()))
    np.testing.assert_allclose(seen, [11.0, 11.0, 11.0, 11.0, 10.0, 10.25, 11.0, 11.0])


def test_decoder_begins_at_the_mean_of_the_features() -> None:
    features = binary_features()
    features[:, 0], features[:, 1] = 0.0, 1.0
    rate = (features.sum(axis=0) + 1) / 42
    for likelihood, expected in (
        ("bernoulli", np.log(rate / (1 - rate))),
        ("gaussian", features.mean(axis=0)),
    ):
        for kind in (features, sparse.csr_array(features)):
            found = vgae.learning.baselines.vae._typical_output(kind, likelihood)
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_edges_are_never_looked_at() -> None:
    graph = ring_with(binary_features())
    other = Graph.from_edges([[0, 20], [3, 9]], features=graph.features)
    assert np.array_equal(fitted(graph), fitted(other))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(
    ("values", "chosen"), [((0.0, 1.0), "bernoulli"), ((0.0, 0.5), "gaussian")]
)
def test_auto_chooses_by_the_features(
    kind: type[sparse.csr_array], values: tuple[float, float], chosen: str
) -> None:
    features = np.where(binary_features() > 0, values[1], values[0])
    graph = ring_with(kind(features))
    by_name = {name: fitted(graph, feature_likelihood=name) for name in ("auto", *LIKELIHOODS)}
    same = [name for name in LIKELIHOODS if np.array_equal(by_name[name], by_name["auto"])]
    assert same == [chosen]


def test_missing_features_are_refused() -> None:
    with pytest.raises(InputError, match="vae: learns from node features"):
        quick.fit(Graph.from_edges([[0, 1]]))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("outside", [-0.1, 1.1])
def test_bernoulli_refuses_features_outside_its_range(
    kind: type[sparse.csr_array], outside: float
) -> None:
    features = binary_features()
    features[7, 2] = outside
    graph = ring_with(kind(features))
    with pytest.raises(InputError, match="features from 0 to 1"):
        fitted(graph, feature_likelihood="bernoulli")
    assert np.isfinite(fitted(graph)).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 3.5])
def test_constant_features_are_finite(value: float) -> None:
    assert np.isfinite(fitted(ring_with(np.full((40, 2), value)))).all()


def test_features_too_large_are_an_error() -> None:
    with pytest.raises(InputError, match="inputs of moderate size"):
        quick.fit(ring_with(np.full((40, 2), 1e30)))


@pytest.mark.parametrize("key", ["latent_dim", "hidden_dim", "batch_size", "learning_rate"])
def test_settings_are_checked(key: str) -> None:
    with pytest.raises(InputError, match=key):
        Vae.parse({key: 0})


def test_learns_which_nodes_are_alike() -> None:
    random = np.random.default_rng(0)
    topic = np.arange(200) % 4
    words = random.random((200, 40)) < np.where(np.arange(40) % 4 == topic[:, None], 0.6, 0.05)
    source, target = np.triu_indices(200, k=1)
    graph = Graph.from_edges([[0, 1]], n_nodes=200, features=words.astype(np.float32))
    scores = Vae(latent_dim=4, hidden_dim=32, epochs=60, batch_size=50).fit(graph)
    found = scores.pairs(np.stack([source, target], axis=1))
    alike = topic[source] == topic[target]
    auc = link_metrics(found[alike], found[~alike])["auc"]
    assert auc is not None
    assert auc > 0.9


def test_cora_is_ranked_above_chance(cora: Graph) -> None:
    split = split_edges(cora, seed=0)
    scores = Vae(epochs=20, learning_rate=0.01).fit(split.train)
    found = link_metrics(scores.pairs(split.test.positives), scores.pairs(split.test.negatives))
    assert found["auc"] is not None
    assert found["auc"] > 0.7
