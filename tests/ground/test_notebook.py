"""Frames and HTML for notebooks, whatever text they hold."""

import re

import numpy as np
import pyarrow as pa
import pytest

import vgae
from vgae.data.graph import Graph
from vgae.ground.errors import InputError
from vgae.ground.notebook import bars, curve, data_frame, html_table, library, vector_frame

HOSTILE = "<script>alert('&')</script>\x1b[31m\u202e"


def test_html_shows_no_text_as_markup() -> None:
    made = html_table(HOSTILE, {HOSTILE: HOSTILE, "nothing": None})
    assert "<script" not in made
    assert made.count("&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;") == 3
    assert not set("\x1b\u202e") & set(made)
    assert "nothing" not in made


def test_a_graph_with_hostile_ids_is_shown_escaped() -> None:
    graph = Graph.from_pairs([(HOSTILE, "b"), ("b", HOSTILE)])
    shown = graph._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "merged 1 reversed row" in shown
    table = pa.table({HOSTILE: [1], "from": ["ann"], "to": ["bob"]})
    shown = vgae.as_graph(table)._repr_html_()
    assert "edges run from column &#x27;from&#x27; to column &#x27;to&#x27;" in shown
    assert "<script" not in shown
    assert len(Graph.from_edges([], n_nodes=100_000)._repr_html_()) < 2000


def test_frames_have_the_index_or_do_without() -> None:
    vectors = np.arange(6.0).reshape(3, 2)
    made = vector_frame(vectors, ["z0", "z1"], ["a", "b", "c"])
    assert (made.index.name, made.index.tolist()) == ("node", ["a", "b", "c"])
    polars = vector_frame(vectors, ["z0", "z1"], ["a", "b", "c"], kind="polars")
    assert polars.columns == ["z0", "z1"]
    np.testing.assert_array_equal(polars.to_numpy(), vectors)
    with pytest.raises(InputError, match="unknown kind of frame 'modin'"):
        data_frame({}, kind="modin")


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(InputError, match="no_such_room is not installed; pip install no-such"):
        library("no_such_room", "no-such")


def test_pictures_are_in_proportion_and_escape_their_words() -> None:
    made = bars(HOSTILE, {"one": 4, "none": 0, "two": 2})
    assert HOSTILE not in made
    heights = [float(found) for found in re.findall(r"v-([\d.]+)h", made)]
    assert heights == [36.0, 18.0]
    assert "one: 4, none: 0, two: 2" in made
    line = curve("loss", [3.0, 1.0, 2.0])
    rows = [float(found) for found in re.findall(r"[ML][\d.]+ ([\d.]+)", line)]
    assert rows == [1.0, 35.0, 18.0]
    assert "from 3 to 2" in line


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0]])
def test_pictures_of_little_are_drawn(values: list[float]) -> None:
    assert "nan" not in curve("loss", values).lower()
    assert "nan" not in bars("sizes", dict(zip("ab", values, strict=False))).lower()


def test_a_long_line_is_short_in_a_page() -> None:
    assert len(curve("loss", list(range(100_000)))) < 2500


def test_a_graph_shows_its_degrees(karate: Graph) -> None:
    shown = karate._repr_html_()
    assert "nodes by degree (0: 0, 1: 1, 2-3: 17, 4-7: 11, 8-15: 3, 16-31: 2)" in shown
    assert shown.count("<svg") == 1


def test_a_fitted_model_shows_its_loss(karate: Graph) -> None:
    model = vgae.VGAE(steps=3)
    assert "<svg" not in model._repr_html_()
    assert "loss by step (from" in model.fit(karate)._repr_html_()
    assert "nodes by degree" in Graph.from_edges([], n_nodes=2)._repr_html_()
