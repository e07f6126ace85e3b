"""Parity with the reference programs, on their weights and their noise."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vgae.data.datasets import load_dataset
from vgae.data.graph import Graph
from vgae.model.encoders import EncoderInput
from vgae.model.kernels import choose_engine
from vgae.model.latents import Gaussian, Latent
from vgae.model.network import GraphAutoEncoder
from vgae.model.objective import Targets
from vgae.model.settings import ModelSettings

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
    with torch.no_grad():
        for output, parameter in model.encoder.weight.items():
            key = DGL_WEIGHTS[output] if settings.bias else WEIGHTS[output][0]
            parameter.copy_(torch.from_numpy(golden[key]))
        for output, parameter in model.encoder.bias.items():
            parameter.copy_(torch.from_numpy(golden[WEIGHTS[output][1]]))
    return model, EncoderInput.from_graph(graph, settings.features), graph, golden


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
    targets = Targets.from_graph(graph, "paper")
    assert targets.pos_weight == pytest.approx(float(golden["pos_weight"]), rel=1e-12)
    assert targets.norm == pytest.approx(float(golden["norm"]), rel=1e-12)
    noise = torch.from_numpy(golden.get("noise", np.zeros_like(golden["mean"])))
    loss = model.loss(inputs, targets, noise=noise, engine=choose_engine(engine))
    loss.total.backward()  # type: ignore[no-untyped-call]
    for term in ("total", "reconstruction", "kl"):
        expected = golden.get("loss" if term == "total" else term)
        if expected is not None:
            found = getattr(loss, term).item()
            assert found == pytest.approx(float(expected), rel=1e-5)
    for output, parameter in model.encoder.weight.items():
        expected = golden["grad_" + WEIGHTS[output][0]]
        assert parameter.grad is not None
        error = np.linalg.norm(parameter.grad.numpy() - expected)
        assert error <= 1e-4 * np.linalg.norm(expected)


@pytest.mark.usefixtures("data_folder")
def test_probabilities_equal_dgl(golden_folder: Path) -> None:
    model, inputs, _, golden = restored("dgl_vgae_cora", golden_folder)
    with torch.no_grad():
        sample = model.encode(inputs).rsample(torch.from_numpy(golden["noise"]))
        logits = model.decoder.logits(sample, torch.from_numpy(golden["pairs"]))
    np.testing.assert_allclose(torch.sigmoid(logits), golden["probability"], atol=1e-5)


@pytest.mark.parametrize("latent", ["gaussian", "point"])
def test_encode_returns_a_distribution_and_stores_nothing(latent: str, ring: Graph) -> None:
    settings = ModelSettings.parse({"latent": latent})
    model = GraphAutoEncoder(settings, n_inputs=3, seed=0)
    before = set(vars(model)), set(vars(model.encoder))
    found = model.encode(EncoderInput.from_graph(ring))
    assert isinstance(found, Latent)
    assert (set(vars(model)), set(vars(model.encoder))) == before


def test_the_plain_model_is_the_point_mass_case_of_the_same_code(ring: Graph) -> None:
    inputs = EncoderInput.from_graph(ring)
    targets = Targets.from_graph(ring, "paper")
    models = [
        GraphAutoEncoder(ModelSettings.parse({"latent": latent}), n_inputs=3, seed=7)
        for latent in ("gaussian", "point")
    ]
    noise = torch.zeros(40, 16)
    variational, plain = (
        model.loss(inputs, targets, noise=noise, engine=choose_engine("auto")) for model in models
    )
    assert variational.reconstruction.item() == plain.reconstruction.item()
    assert plain.kl.item() == 0.0
    assert variational.kl.item() > 0.0
