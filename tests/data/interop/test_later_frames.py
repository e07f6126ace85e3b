"""New nodes that come in data frames: their ids, and the weights of their links."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from foreign import library

from vgae import VGAE
from vgae.data.interop import as_graph, later_features
from vgae.ground.errors import InputError

PAIRS = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
PEOPLE = pa.table({"id": ["a", "b", "c", "d"], "age": [1, 2, 3, 4], "pay": [4, 2, 2, 1]})
LINKS = {"source": ["new", "new"], "target": ["a", "c"]}


@pytest.fixture(scope="module")
def model() -> Any:
    return VGAE(steps=3).fit(PAIRS)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_weights_of_links_in_a_frame_are_used(model: Any, kind: str) -> None:
    make = pa.table if kind == "pyarrow" else library(kind).DataFrame
    frame = make(LINKS | {"weight": [5, 1]})
    given = model.embed_new(edges=make(LINKS), weights=[5, 1])
    assert np.array_equal(model.embed_new(edges=frame), given)
    assert not np.array_equal(model.embed_new(edges=make(LINKS)), given)
    joined = model.with_nodes(edges=frame)
    assert np.array_equal(joined.vectors("new")[0], given[0])
    with pytest.raises(InputError, match="weights: edges has a column of weights; give one"):
        model.with_nodes(edges=frame, weights=[5, 1])
    with pytest.raises(InputError, match="weight is not|positive"):
        model.with_nodes(edges=make(LINKS | {"weight": [5, -1]}))
    with pytest.raises(InputError, match="column 'weight' holds .*, not numbers"):
        model.with_nodes(edges=make(LINKS | {"weight": ["x", "y"]}))


def test_given_ids_and_those_of_the_frame_are_the_same() -> None:
    encoding = as_graph(PAIRS, features=PEOPLE).feature_encoding
    later: dict[str, list[Any]] = {"id": ["x", "y"], "age": [7, 8], "pay": [1, 2]}
    for frame in (pa.table(later), library("pandas").DataFrame(later).set_index("id")):
        for ids, ages in ((["x", "y"], [7, 8]), (["y", "x"], [8, 7])):
            features, found = later_features(frame, ids, encoding)
            assert (features[:, 0].tolist(), found) == (ages, ids)
        for ids in (["x", "z"], ["x"], ["x", "x"], ["x", "y", "z"]):
            with pytest.raises(
                InputError, match="^ids: not those that features has in .* omit ids"
            ):
                later_features(frame, ids, encoding)
    bare = pa.table({"age": [7, 8], "pay": [1, 2]})
    assert later_features(bare, ["p", "q"], encoding)[0][:, 0].tolist() == [7, 8]
    assert later_features(bare, ["p", "q"], None)[0].tolist() == [[7, 1], [8, 2]]
    fitted = VGAE(steps=2).fit(PAIRS, features=PEOPLE)
    with pytest.raises(InputError, match="ids: not those that features has in column 'id'"):
        fitted.with_nodes(pa.table(later), ids=["p", "q"])


def test_recommended_links_come_in_the_frame_that_is_asked_for(model: Any) -> None:
    columns = ["source", "target", "probability"]
    for as_frame, kind in ((True, "pandas"), ("pandas", "pandas"), ("polars", "polars")):
        frame = model.recommend(2, as_frame=as_frame)
        assert isinstance(frame, library(kind).DataFrame)
        assert list(frame.columns) == columns
    for wrong in ("dask", 7, None):
        with pytest.raises(InputError, match="unknown kind of frame"):
            model.recommend(2, as_frame=wrong)
