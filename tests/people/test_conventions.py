"""scikit-learn's tools find what they ask estimators for."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import sklearn.exceptions
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError, NotFittedError
from vgae.people.api import GAE, MODELS, VGAE, LinkModel, make_model
from vgae.people.pipeline import NodeVectors


@pytest.mark.parametrize("name", sorted(MODELS))
def test_parameters_are_kept_as_given_and_cloned(name: str) -> None:
    rate = np.float64(0.02)
    model = make_model(name, latent_dim=4, learning_rate=rate, patience=None)
    assert model.get_params()["learning_rate"] is rate
    copied: LinkModel = clone(model)
    assert copied is not model
    assert copied.get_params() == model.get_params()
    assert copied.settings == model.settings
    assert type(model)(**model.get_params()).settings == model.settings


def test_every_parameter_is_a_setting() -> None:
    model = VGAE()
    settings = model.settings
    assert model.get_params() == settings.parameters()
    assert VGAE(**settings.parameters()).settings == settings


def test_parameters_change_all_or_none() -> None:
    model = VGAE(seed=3)
    assert model.set_params(latent_dim=4, features="unit") is model
    assert (model.latent_dim, model.settings.network.features, model.seed) == (4, "unit", 3)
    with pytest.raises(InputError, match="unknown parameter 'latent_dims': did you mean 'latent"):
        model.set_params(latent_dims=5)
    for wrong in ({"steps": -1}, {"seed": None}, {"engine": "warp"}, {"steps__x": 1}):
        with pytest.raises(InputError, match="|".join(("steps", "seed", "engine"))):
            model.set_params(hidden_dim=7, **wrong)
    assert model.get_params() == VGAE(seed=3, latent_dim=4, features="unit").get_params()


def test_a_fitted_model_stays_what_it_is(karate: Graph, tmp_path: Any) -> None:
    from vgae import load

    model = VGAE(steps=3, latent_dim=4).fit(karate)
    fitted = model.settings_
    model.set_params(latent_dim=8, features="unit", seed=9)
    assert model.settings_ == fitted != model.settings
    np.testing.assert_array_equal(model.embed(karate), model.embedding_)
    model.save(tmp_path / "run")
    assert load(tmp_path / "run").settings == fitted
    assert model.fit(karate).embedding_.shape == (34, 8)


def test_what_departs_from_the_defaults_is_shown() -> None:
    assert repr(VGAE()) == "VGAE()"
    assert repr(GAE(steps=5, patience=None, features="unit")) == "GAE(features='unit', steps=5)"


def test_a_fitted_model_shows_what_it_was_fitted_to(karate: Graph) -> None:
    model = VGAE(latent_dim=4, steps=5)
    plain = repr(model)
    assert repr(model.fit(karate)) == f"{plain} fitted to 34 nodes, 78 edges"
    model.fit(split_edges(karate, seed=0, validation=0.1, test=0.1))
    auc = model.metrics_["test"]["auc"]
    assert repr(model) == f"{plain} fitted to 34 nodes, 78 edges; test AUC {auc:.3f}"
    more = model.with_nodes(edges=[(99, 0)])
    assert repr(more).startswith(f"{plain} fitted to 34 nodes, 78 edges, with 1 new node; test")
    assert repr(clone(model)) == plain
    assert repr(model.set_params(steps=6)).endswith("; parameters changed since")
    shown = str(Pipeline([("vectors", model), ("classes", LogisticRegression())]))
    assert "fitted to 34 nodes" in shown


def test_models_show_themselves_in_html(karate: Graph) -> None:
    assert "VGAE, not fitted" in VGAE()._repr_html_()
    model = VGAE(features="unit", steps=5)
    assert "features=&#x27;unit&#x27;, steps=5" in model._repr_html_()
    shown = model.fit(split_edges(karate, seed=0, validation=0.1, test=0.1))._repr_html_()
    assert f"AUC {model.metrics_['test']['auc']:.3f}" in shown
    assert "34 nodes, 78 edges" in shown
    assert "34 x 16" in shown
    pipe = Pipeline([("vectors", model), ("classes", LogisticRegression())])
    assert "fitted to 34 nodes" in pipe._repr_html_()


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_output_is_a_frame_where_it_is_asked_for(kind: Any, karate: Graph) -> None:
    model = GAE(latent_dim=3, steps=2)
    plain = model.fit_transform(karate)
    assert isinstance(plain, np.ndarray)
    assert model.set_output(transform=kind) is model
    for made in (model.fit_transform(karate), model.transform(karate)):
        assert type(made).__module__.partition(".")[0] == kind
        assert list(made.columns) == ["gae0", "gae1", "gae2"]
        np.testing.assert_array_equal(made.to_numpy(), plain)
        if kind == "pandas":
            assert made.index.tolist() == karate.ids.tolist()
    assert type(clone(model).fit_transform(karate)) is type(made)
    model.set_output(transform=None)  # changes nothing
    assert type(model.transform(karate)) is type(made)
    assert isinstance(model.set_output(transform="default").transform(karate), np.ndarray)
    with pytest.raises(InputError, match="unknown output 'panda': did you mean 'pandas'"):
        model.set_output(transform="panda")  # type: ignore[arg-type]


def test_a_frame_is_a_copy(karate: Graph) -> None:
    model = GAE(steps=1).fit(karate)
    before = model.embedding_.copy()
    for frame in (model.embedding_frame(), model.set_output(transform="pandas").transform(karate)):
        frame.iloc[:, :] = 7.0
    np.testing.assert_array_equal(model.embedding_, before)


def test_scikit_learns_own_ways_to_ask_for_frames(karate: Graph) -> None:
    vectors = NodeVectors(karate, model=GAE(latent_dim=2, steps=1))
    pipe = Pipeline([("vectors", vectors)]).set_output(transform="pandas")
    for one in (pipe, clone(pipe)):
        frame = one.fit_transform([3, 1])
        assert frame.index.tolist() == [3, 1]
        assert frame.columns.tolist() == ["gae0", "gae1"]
    model = GAE(steps=1).fit(karate)
    with sklearn.config_context(transform_output="pandas"):
        assert model.transform(karate).index.tolist() == karate.ids.tolist()
    assert isinstance(model.transform(karate), np.ndarray)


def test_fitted_or_not_is_seen(karate: Graph) -> None:
    model = GAE(steps=1)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(model)
    with pytest.raises(sklearn.exceptions.NotFittedError, match="this GAE is not fitted") as caught:
        model.transform(karate)
    assert isinstance(caught.value, NotFittedError)
    assert not hasattr(model, "embedding_")
    check_is_fitted(model.fit(karate))
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(clone(model))


def test_a_slip_of_the_pen_is_not_a_missing_fit(karate: Graph) -> None:
    model = GAE(steps=1)
    fitted = GAE(steps=1).fit(karate)
    for one in (model, fitted):
        for name, meant in (("embeddings_", "embedding_"), ("transfrom", "transform")):
            with pytest.raises(AttributeError, match=f"'{name}'; did you mean '{meant}'") as caught:
                getattr(one, name)
            assert not isinstance(caught.value, NotFittedError)
    for name in ("embedding_", "metrics_", "network_", "engine_", "split_", "states_"):
        with pytest.raises(NotFittedError, match="call fit first"):
            getattr(model, name)
        assert hasattr(fitted, name)
    with pytest.raises(AttributeError, match="no attribute '_repr_png_'$"):
        _ = model._repr_png_
    shown = {name for name in (*vars(fitted), *dir(GAE)) if name.endswith("_")}
    assert {name for name in shown if not name.startswith("_")} == GAE._learned()
    vectors = NodeVectors(karate, model=GAE(steps=1))
    with pytest.raises(NotFittedError):
        _ = vectors.model_
    with pytest.raises(AttributeError, match="'models_'; did you mean 'model_'"):
        vectors.models_  # noqa: B018


def test_fitting_does_not_load_what_it_does_not_need() -> None:
    program = (
        "import sys, vgae; from vgae.ground.errors import NotFittedError\n"
        "model = vgae.VGAE(steps=1)\n"
        "try: model.embedding_\n"
        "except NotFittedError as error: assert type(error) is NotFittedError\n"
        "model.fit([('a', 'b'), ('b', 'c')]).get_params(); repr(model); model._repr_html_()\n"
        "print({'sklearn', 'scipy.stats'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.strip() == "set()", answer.stderr
