"""`LinkBaseline`: parameters, fit, answers, files; and what it has not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone

import vgae
from vgae.data.graph import Graph
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError, NotFittedError
from vgae.learning.baselines import BASELINES, baseline
from vgae.people.api import LinkBaseline, make_estimator


@pytest.fixture
def split(karate: Graph) -> Split:
    return split_edges(karate, validation=0.1, test=0.1, seed=0)


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_every_baseline_has_its_settings_as_parameters(name: str) -> None:
    model = LinkBaseline(name, seed=3)
    assert model.get_params() == {"name": name, **baseline(name).model_dump(), "seed": 3}
    assert model.baseline == baseline(name)
    copied = clone(model)
    assert copied is not model
    assert copied.get_params() == model.get_params()
    assert repr(copied) == f"LinkBaseline(name={name!r}, seed=3)"
    assert make_estimator(name, seed=3).get_params() == model.get_params()


def test_settings_are_checked_at_once() -> None:
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: LinkBaseline("kats"), "unknown baseline 'kats': did you mean 'katz'"),
        (lambda: LinkBaseline("katz", steps=5), "steps: katz has no such setting"),
        (lambda: LinkBaseline("katz", attenuation=2.0), "katz: attenuation: "),
        (lambda: LinkBaseline("katz", seed=-1), "seed"),
        (lambda: make_estimator("katz", preset="unit"), "preset: katz has no presets"),
        (lambda: make_estimator("vgea"), "unknown model 'vgea': did you mean 'vgae'"),
        (lambda: LinkBaseline("katz").set_params(attenuation=-1.0), "katz: attenuation: "),
        (lambda: LinkBaseline("katz").set_params(latent_dim=2), "unknown parameter 'latent_dim'"),
    ]
    for make, said in refused:
        with pytest.raises(InputError, match=said):
            make()
    model = LinkBaseline("katz").set_params(attenuation=0.2)
    assert model.baseline.model_dump() == {"attenuation": 0.2}


def test_it_answers_as_a_model_does(split: Split, tmp_path: Path) -> None:
    model = LinkBaseline("resource-allocation").fit(split)
    pairs = [(0, 9), (1, 33)]
    known = {tuple(edge) for edge in split.graph.edges.tolist()}
    links = model.recommend(5)
    assert len(links) == 5
    assert not any(tuple(sorted(link[:2])) in known for link in links)
    assert [link.probability for link in links] == sorted(
        (link.probability for link in links), reverse=True
    )
    assert [link.source for link in model.recommend(2, nodes=[0, 33])] == [0, 0, 33, 33]
    assert 0 <= model.score(split.test.positives) <= 1
    rows = model.fitted_.scores.pairs(pairs)
    np.testing.assert_array_equal(model.predict_proba(pairs), model.fitted_.probabilities(rows))
    np.testing.assert_array_equal(
        model.predict_proba(pairs, calibrated=False), model.fitted_.uncalibrated(rows)
    )
    assert 0 < model.metrics_["calibration"]["ece"] < 1
    model.save(tmp_path / "run")
    back = vgae.load(tmp_path / "run")
    assert isinstance(back, LinkBaseline)
    assert back.recommend(5) == links
    assert repr(back) == repr(model)
    assert back.metrics_ == model.metrics_
    np.testing.assert_array_equal(back.predict_proba(pairs), model.predict_proba(pairs))
    with pytest.raises(InputError, match="was not fitted with encoder of your own"):
        vgae.load(tmp_path / "run", encoder=torch.nn.Identity())


def test_a_method_without_an_embedding_says_so(split: Split) -> None:
    model = LinkBaseline("resource-allocation").fit(split)
    assert model.embedding_ is None
    for ask in (
        lambda: model.vectors([0]),
        model.embedding_frame,
        model.get_feature_names_out,
        lambda: model.fit_transform(split),
    ):
        with pytest.raises(InputError, match="resource-allocation: .* has no embedding"):
            ask()
    spectral = LinkBaseline("spectral", latent_dim=3)
    assert spectral.fit_transform(split).shape == (34, 3)
    assert spectral.vectors([33, 0]).shape == (2, 3)
    assert list(spectral.embedding_frame().columns) == ["spectral0", "spectral1", "spectral2"]


def test_it_shows_itself(split: Split) -> None:
    model = LinkBaseline("katz", attenuation=0.2)
    assert model._repr_html_().count("LinkBaseline, not fitted") == 1
    with pytest.raises(NotFittedError):
        model.recommend(1)
    model.fit(split)
    auc = model.metrics_["test"]["auc"]
    plain = "LinkBaseline(name='katz', attenuation=0.2)"
    assert repr(model) == f"{plain} fitted to 34 nodes, 78 edges; test AUC {auc:.3f}"
    assert "34 nodes, 78 edges" in model._repr_html_()
    assert repr(model.set_params(seed=4)).endswith("; parameters changed since")


def test_the_seed_decides_what_is_random(split: Split) -> None:
    graph = split.graph.with_features(np.random.default_rng(0).random((34, 4)))
    first, second, third = (
        LinkBaseline("vae", epochs=1, latent_dim=2, seed=seed).fit(graph).embedding_
        for seed in (1, 1, 2)
    )
    assert first is not None
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_it_takes_part_in_an_evaluation(karate: Graph) -> None:
    mine = {"mine": LinkBaseline("katz", attenuation=0.2)}
    theirs = {"katz": {"attenuation": 0.2}}
    own = vgae.evaluate(karate, mine, runs=1, metrics="auc")
    by_name = vgae.evaluate(karate, ["katz"], runs=1, metrics="auc", settings=theirs)
    assert own.metrics["mine"]["auc"].values == by_name.metrics["katz"]["auc"].values
    assert own.results["mine"].overrides == {"attenuation": 0.2}
