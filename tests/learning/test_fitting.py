"""What a fit does besides training: offsets are settled, and probabilities calibrated."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graphs import random_arcs, random_graph
from numpy.typing import NDArray
from torch import Tensor

from vgae import GAE, VGAE, load
from vgae.data.graph import Graph
from vgae.data.split import Split, TrainingView, split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines import baseline
from vgae.learning.baselines.propagation import RandomProjection
from vgae.learning.fitting import fit, fit_baseline, untrained
from vgae.learning.judge import link_scores
from vgae.learning.scores import ModelScores, Scores
from vgae.learning.settings import FitSettings
from vgae.model.kernels import PairSum, choose_engine
from vgae.people.estimators import make_model

PLAIN: dict[str, dict[str, Any]] = {
    "constant": {"offset": "constant"},
    "node": {"offset": "node"},
    "distance": {"decoder": "distance"},
    "rates": {"likelihood": "bernoulli-poisson"},
    "exponential rates": {"likelihood": "bernoulli-poisson", "rate_link": "exp"},
    "counts": {"likelihood": "poisson"},
}
SIZES = ((12, 0.4), (30, 0.1), (30, 0.5), (60, 0.05), (60, 0.2), (90, 0.04), (120, 0.03))


@pytest.mark.parametrize("name", PLAIN)
def test_probabilities_sum_to_the_number_of_edges(name: str) -> None:
    for seed, (n_nodes, density) in enumerate(SIZES):
        graph = random_graph(n_nodes, density, seed)
        for kind in (GAE, VGAE):
            model = kind(class_weight="none", steps=40, seed=seed, **PLAIN[name]).fit(graph)
            probabilities = model.fitted_.probabilities(model.scores().rows(np.arange(n_nodes)))
            found = np.triu(probabilities, k=1).sum()
            assert found == pytest.approx(graph.n_edges, rel=2e-3)
            assert model.expected_edges_ == pytest.approx(found, rel=1e-4)


def test_without_an_offset_or_with_weighted_classes_nothing_is_settled(ring: Graph) -> None:
    for settings in ({"class_weight": "none"}, {"offset": "constant"}):
        model = GAE(steps=5, **settings).fit(ring)
        assert model.expected_edges_ > 2 * ring.n_edges


def test_settling_changes_no_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_edges(random_graph(60, 0.2, 0), seed=0)
    settings = FitSettings.of("gae", offset="node", class_weight="none", steps=30)
    settled = fit(split, settings)
    monkeypatch.setattr("vgae.learning.fitting._settle", lambda *_: None)
    as_trained = fit(split, settings)
    names = ("auc", "average_precision", "mrr", "full_average_precision")
    assert link_scores(split, settled.scores, names) == pytest.approx(
        link_scores(split, as_trained.scores, names)
    )
    assert settled.expected_edges != pytest.approx(as_trained.expected_edges, rel=1e-3)


class EngineOfGPU:
    """What takes no factors but those that are on a GPU."""

    name = "triton"

    def unavailable(self, device: torch.device, dim: int) -> str | None:  # noqa: ARG002
        return None

    def sweep(self, left: Tensor, right: Tensor | None) -> PairSum:  # noqa: ARG002
        raise AssertionError(f"the factors are on {left.device.type}")


@pytest.mark.parametrize("likelihood", ["bernoulli", "bernoulli-poisson"])
def test_scores_are_settled_on_the_cpu_wherever_the_model_was_trained(
    likelihood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = Split.without_holdout(random_graph(30, 0.2, 0))
    how = {"offset": "constant", "class_weight": "none", "steps": 20, "likelihood": likelihood}
    expected = fit(split, FitSettings.of("gae", **how))
    place = torch.device("cpu"), EngineOfGPU()
    monkeypatch.setattr("vgae.learning.fitting.choose_place", lambda *_: place)
    found = fit(split, FitSettings.of("gae", **how))
    assert found.engine == "triton"
    assert found.expected_edges == expected.expected_edges
    assert found.expected_edges == pytest.approx(split.train.n_edges, rel=2e-3)


def test_a_network_starts_with_the_inputs_that_the_settings_ask_for(ring: Graph) -> None:
    network, scaling, inputs = untrained(ring, FitSettings.of("gae", structure="svd", seed=1))
    assert inputs is not None
    assert inputs.shape == (40, network.encoder.weight["hidden"].shape[0])  # type: ignore[index]
    assert scaling.use == "raw"
    assert untrained(ring, FitSettings.of("gae", features="none"))[2] is None


# ---------------------------------------------------------------------- calibration


@pytest.fixture(scope="module")
def split() -> Split:
    return split_edges(random_graph(80, 0.2, 1), validation=0.1, test=0.1, seed=0)


def test_probabilities_are_those_of_the_calibrator_and_rank_as_before(split: Split) -> None:
    model = VGAE(steps=30).fit(split)
    pairs = np.array(np.triu_indices(80, k=1)).T
    raw = model.predict_proba(pairs, calibrated=False)
    frequencies = model.predict_proba(pairs)
    scores = model.scores().pairs(pairs)
    assert model.calibrator_ is not None
    np.testing.assert_array_equal(frequencies, model.calibrator_.probabilities(scores))
    order = np.argsort(scores, kind="stable")
    assert (np.diff(frequencies[order])[np.diff(scores[order]) > 0] > 0).all()
    assert raw.mean() > 0.4
    known = split.train.adjacency
    is_open = np.array([known[a, b] == 0 for a, b in pairs])
    assert frequencies[is_open].sum() == pytest.approx(len(split.validation.positives), rel=0.02)
    links = model.recommend(3)
    assert [link.probability for link in links] == [
        model.predict_proba([(link.source, link.target)])[0] for link in links
    ]


def test_the_test_pairs_have_no_part_in_the_calibration(split: Split) -> None:
    whole = fit(split, FitSettings.of("gae", steps=10))
    view: TrainingView = split.training
    blind = fit(view.as_split(), FitSettings.of("gae", steps=10))
    assert whole.calibrator == blind.calibrator
    assert blind.metrics["calibration"] is None
    assert whole.metrics["calibration"]["actual"] == len(split.test.positives)


def test_without_validation_edges_probabilities_are_the_model_s_own(ring: Graph) -> None:
    model = GAE(steps=5).fit(ring)
    assert model.calibrator_ is None
    assert model.fitted_.meaning.startswith("uncalibrated")
    pairs = [("n00", "n07"), ("n03", "n04")]
    raw = model.predict_proba(pairs, calibrated=False)
    np.testing.assert_array_equal(model.predict_proba(pairs), raw)


def test_a_loaded_run_is_calibrated_as_it_was(split: Split, tmp_path: Path) -> None:
    model = GAE(steps=10).fit(split)
    model.save(tmp_path / "run")
    back = load(tmp_path / "run")
    assert back.calibrator_ == model.calibrator_
    assert back.recommend(5) == model.recommend(5)
    assert back.fitted_.expected_precision(5) == model.fitted_.expected_precision(5)
    assert "about one in five" in back.fitted_.meaning
    (tmp_path / "run" / "calibrator.json").write_text("{}")
    with pytest.raises(ValueError, match=r"calibrator.json: is damaged"):
        load(tmp_path / "run")


def test_probabilities_are_summed_by_any_engine_alike(split: Split) -> None:
    fitted = fit(split, FitSettings.of("gae", steps=10, offset="constant"))
    assert isinstance(fitted.scores, ModelScores)
    factors = fitted.scores.factors
    assert factors is not None
    sums = [
        fitted.network.likelihood.expected_edges(*factors, choose_engine(name))
        for name in ("numba", "tiles", "reference")
    ]
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-5)


# ---------------------------------------------------------------------------- arcs

ARCS: dict[str, dict[str, Any]] = {
    "directed": {"encoder": "directed", "decoder": "directed-inner", "offset": "constant"},
    "per node": {"decoder": "directed-inner", "offset": "node"},
    "gravity": {"decoder": "gravity-squared"},
    "rates": {"decoder": "directed-inner", "likelihood": "bernoulli-poisson", "rate_link": "exp"},
}


@pytest.mark.parametrize("name", ARCS)
def test_probabilities_of_arcs_sum_to_their_number(name: str) -> None:
    for seed, (n_nodes, density) in enumerate(SIZES[:4]):
        graph = random_arcs(n_nodes, density, seed)
        model = GAE(class_weight="none", steps=40, seed=seed, **ARCS[name]).fit(graph)
        probabilities = model.fitted_.probabilities(model.scores().rows(np.arange(n_nodes)))
        found = probabilities.sum() - np.trace(probabilities)
        assert found == pytest.approx(graph.n_edges, rel=2e-3)
        assert model.expected_edges_ == pytest.approx(found, rel=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        *ARCS.values(),
        {"decoder": "gravity", "objective": "sampled"},
        {"decoder": "directed-inner", "combiner": "logistic", "ensemble": 2, "mask": 0.3}
        | {"objective": "sampled"},
    ],
    ids=str,
)
def test_a_model_of_arcs_answers_as_before_once_it_is_loaded(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    split = split_edges(random_arcs(60, 0.08, 0), seed=0, validation=0.1, test=0.1)
    model = GAE(steps=4, **settings).fit(split)
    model.save(tmp_path / "run")
    back = load(tmp_path / "run")
    pairs = np.argwhere(~np.eye(60, dtype=bool))
    found = model.scores().pairs(pairs)
    np.testing.assert_allclose(back.scores().pairs(pairs), found, rtol=1e-5, atol=1e-5)
    table = np.zeros((60, 60))
    table[tuple(pairs.T)] = found
    assert not np.allclose(table, table.T)
    links = model.recommend(k=5)
    assert all(split.graph.places([(link.source, link.target)])[0] < 0 for link in links)
    with pytest.raises(InputError, match="cannot place new nodes"):
        model.with_nodes(edges=[(0, 99)])
    np.testing.assert_array_equal(back.embed(split.train), model.embedding_)


def test_the_strong_preset_takes_a_directed_graph() -> None:
    features = (np.random.default_rng(0).random((60, 20)) < 0.2).astype(np.float32)
    graph = random_arcs(60, 0.08, 0).with_features(features)
    model = make_model("gae", preset="strong", latent_dim=68, steps=3, seed=0)
    fitted = model.fit(split_edges(graph, seed=0, validation=0.1, test=0.1)).fitted_
    network = fitted.settings.network
    assert (network.encoder, network.decoder) == ("directed-multi-hop", "directed-hops")
    assert fitted.combiner is not None
    assert "the reverse arc" in fitted.combiner.shares()


def test_a_fit_scores_its_held_out_pairs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_edges(random_graph(60, 0.2, seed=0), validation=0.1, test=0.1, seed=0)
    held_out = [split.validation.positives, split.validation.negatives]
    held_out += [split.test.positives, split.test.negatives]
    asked: list[int] = []
    original = RandomProjection._fit

    def counted(self: Any, training: Graph, messages: Graph, seed: int) -> Scores:
        scores = original(self, training, messages, seed)
        pairs = scores._pairs

        def counting(wanted: NDArray[np.int64]) -> NDArray[np.floating]:
            asked.extend(number for number, part in enumerate(held_out) if wanted is part)
            return pairs(wanted)

        monkeypatch.setattr(scores, "_pairs", counting)
        return scores

    monkeypatch.setattr(RandomProjection, "_fit", counted)
    fit_baseline(split, baseline("random-projection"))
    assert asked == [0, 1, 2, 3]
