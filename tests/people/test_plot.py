"""Displays: what they hold is what was measured, and any axes take them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vgae
from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.people import completion, plot
from vgae.people.api import make_estimator

pytest.importorskip("matplotlib", reason="matplotlib, which pictures need, is missing")


@pytest.fixture(scope="module")
def model() -> Any:
    graph = vgae.load_dataset("karate")
    split = vgae.split_edges(graph, validation=0.1, test=0.2, seed=0)
    return vgae.VGAE(steps=20, validate_every=5).fit(split)


@pytest.mark.parametrize("kind", plot.DISPLAYS)
@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_every_display_is_written_twice_alike(
    model: Any, kind: str, suffix: str, tmp_path: Path
) -> None:
    contents = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}{suffix}"
        plot.save_picture(plot.figure_of(plot.DISPLAYS[kind].of(model)), path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert len(contents[0]) > 2000
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert contents[0].startswith(starts[suffix])


def test_names_to_complete_are_those_of_the_displays() -> None:
    assert tuple(plot.DISPLAYS) == completion.PLOTS


def test_axes_of_ones_own_are_drawn_on(model: Any) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots(1, 2)
    display = plot.RocDisplay.of(model).plot(axes[1], color="black", label="mine")
    assert display.ax_ is axes[1]
    assert display.figure_ is axes[1].figure
    assert not axes[0].lines
    assert axes[1].lines[-1].get_color() == "black"
    assert axes[1].get_legend().get_texts()[0].get_text() == "mine"


def test_without_axes_pyplot_makes_some(model: Any) -> None:
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    display = plot.DegreeDisplay.of(model).plot()
    assert display.figure_ in [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")


def test_curves_are_those_of_the_metrics(model: Any) -> None:
    from sklearn.metrics import roc_auc_score

    test = model.metrics_["test"]
    roc = plot.RocDisplay.of(model)
    assert roc.area == pytest.approx(test["auc"])
    widths = np.diff(roc.curve.x)
    area = (widths * (roc.curve.y[1:] + roc.curve.y[:-1]) / 2).sum()
    assert area == pytest.approx(test["auc"])
    _, edges, others = plot.held_out_scores(model.fitted_)
    labels = np.repeat([1, 0], [len(edges), len(others)])
    assert roc_auc_score(labels, np.concatenate([edges, others])) == pytest.approx(roc.area)
    display = plot.PrecisionRecallDisplay.of(model)
    assert display.average == pytest.approx(test["average_precision"])
    assert display.share == 0.5


def test_reliability_is_that_of_all_held_out_pairs(model: Any) -> None:
    bins = plot.ReliabilityDisplay.of(model).bins
    test = model.split_.test
    assert sum(one.n_pairs for one in bins) == len(test.positives) + len(test.negatives)
    assert sum(one.observed * one.n_pairs for one in bins) == pytest.approx(len(test.positives))
    assert all(one.low - 1e-12 <= one.observed <= one.high + 1e-12 for one in bins)


def test_a_map_keeps_distances_of_a_plane() -> None:
    model = make_estimator("gae", steps=5, latent_dim=2).fit(vgae.load_dataset("karate"))
    display = plot.MapDisplay.of(model)
    assert model.embedding_ is not None
    first = np.linalg.norm(model.embedding_[:, None] - model.embedding_[None], axis=2)
    second = np.linalg.norm(display.points[:, None] - display.points[None], axis=2)
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert sum(display.shares) == pytest.approx(1.0)
    assert display.shares[0] >= display.shares[1]
    assert sorted(display.names) == ["Mr. Hi", "Officer"]
    labels = vgae.load_dataset("karate").labels
    assert labels is not None
    assert display.labels is not None
    assert [display.names[code] for code in display.labels] == labels.tolist()


def test_a_map_of_one_dimension_and_of_many_labels() -> None:
    graph = Graph.from_edges([(i, (i + 1) % 24) for i in range(24)])
    labelled = graph.with_labels(np.arange(24) % 12)
    model = make_estimator("gae", steps=2, latent_dim=1).fit(labelled)
    display = plot.MapDisplay.of(model)
    assert not display.points[:, 1].any()
    assert display.labels is not None
    assert len(display.names) == len(plot.COLORS)
    assert (display.labels == -1).sum() == 8
    texts = plot.figure_of(display).axes[0].get_legend().get_texts()
    assert texts[0].get_text() == "others"


def test_degrees_count_every_node() -> None:
    graph = Graph.from_edges([(0, 1), (1, 2), (1, 3)], n_nodes=6)
    display = plot.DegreeDisplay.of_graph(graph)
    assert (display.degrees.tolist(), display.n_nodes.tolist()) == ([1, 3], [3, 1])
    assert display.n_isolated == 2
    empty = plot.DegreeDisplay.of_graph(Graph.from_edges([], n_nodes=1))
    assert "1 nodes without" in plot.figure_of(empty).axes[0].get_title()


def test_training_has_terms_and_validation(model: Any) -> None:
    curves = plot.TrainingDisplay.of(model).curves
    assert list(curves.losses) == ["loss", "reconstruction", "kl"]
    assert len(curves.steps) == 20
    assert curves.validated.tolist() == [5, 10, 15, 20]
    total = curves.losses["reconstruction"] + curves.losses["kl"]
    np.testing.assert_allclose(curves.losses["loss"], total, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("roc", "nothing was held out"),
        ("pr", "nothing was held out"),
        ("reliability", "not calibrated"),
        ("training", "no training steps"),
        ("map", "no embedding"),
    ],
)
def test_what_cannot_be_drawn_is_said(kind: str, words: str) -> None:
    model = vgae.LinkBaseline("katz").fit(vgae.load_dataset("karate"))
    with pytest.raises(InputError, match=words):
        plot.DISPLAYS[kind].of(model)


def test_importing_the_package_imports_no_pictures() -> None:
    program = (
        "import sys, vgae; assert 'vgae.people.plot' not in sys.modules;"
        "assert vgae.plot.RocDisplay; assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ["$\\frac{", "_hidden", "$", "a$b$c", "<b>", "\x1b[31m", "___"])
def test_labels_of_any_text_are_drawn_and_named(name: str) -> None:
    display = plot.MapDisplay(np.eye(3, 2), np.array([0, 0, 1]), (name, "plain"), (0.7, 0.3))
    assert plot.png_of(display).startswith(b"\x89PNG")
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert len(shown) == 2


@pytest.mark.parametrize("kind", plot.DISPLAYS)
def test_what_is_not_fitted_is_refused_in_one_line(kind: str) -> None:
    with pytest.raises(vgae.NotFittedError, match="this VGAE is not fitted yet; call fit first"):
        plot.DISPLAYS[kind].of(vgae.VGAE())
    for given, name in ((Graph.from_edges([(0, 1)]), "Graph"), ("run", "str")):
        with pytest.raises(InputError, match=f"^{name}: is no fitted method; fit one to the graph"):
            plot.DISPLAYS[kind].of(given)


def test_a_picture_is_saved_by_a_name_that_is_text(model: Any, tmp_path: Path) -> None:
    figure = plot.figure_of(plot.DegreeDisplay.of(model))
    plot.save_picture(figure, str(tmp_path / "degrees.png"))
    assert (tmp_path / "degrees.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="cannot write '.jpeg'; use one of .png, .svg, .pdf"):
        plot.save_picture(figure, tmp_path / "degrees.jpeg")
