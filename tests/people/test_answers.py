"""A model with new nodes answers as any other, from memory and from its folder."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from run_folders import seal

import vgae
from vgae.data.graph import Graph
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.store import FORMAT_VERSION
from vgae.people.api import GAE, VGAE, LinkModel, load

EDGES = [("x", "n01"), ("n05", "x"), ("y", "x"), ("y", "n30")]
ROWS = np.random.default_rng(5).normal(size=(2, 3))


@pytest.fixture(params=["features", "no features"])
def model(request: pytest.FixtureRequest, ring: Graph) -> LinkModel:
    graph = ring if request.param == "features" else ring.with_features(None)
    return VGAE(steps=8, latent_dim=4).fit(split_edges(graph, validation=0.1, test=0.1, seed=2))


def joined(model: Any) -> Any:
    return model.with_nodes(ROWS if model.graph_["n_features"] else None, EDGES, ids=["x", "y"])


def test_vectors_by_id(model: LinkModel) -> None:
    found = joined(model).vectors(["y", "n03", "y"])
    np.testing.assert_array_equal(found, joined(model).embedding_[[41, 3, 41]])
    with pytest.raises(InputError, match="node 'x' is not in the graph"):
        model.vectors(["x"])


def test_a_single_id_is_one_node(model: LinkModel) -> None:
    np.testing.assert_array_equal(model.vectors("n03"), model.vectors(["n03"]))
    assert model.recommend(2, nodes="n03") == model.recommend(2, nodes=["n03"])
    with pytest.raises(InputError, match="node 'ann' is not in the graph"):
        model.vectors("ann")
    numbers = GAE(steps=1).fit([(10, 20), (20, 30)])
    np.testing.assert_array_equal(numbers.vectors(20), numbers.vectors([20]))


def test_given_links_are_known_and_old_answers_stay(model: LinkModel) -> None:
    made = joined(model)
    for node, partners in (("x", {"n01", "n05", "y"}), ("y", {"x", "n30"})):
        links = made.recommend(100, nodes=[node])
        assert len(links) == 41 - len(partners)
        assert not partners & {link.target for link in links}
    old = [("n00", "n07"), ("n03", "n04")]
    np.testing.assert_array_equal(made.predict_proba(old), model.predict_proba(old))
    logit = made.embedding_[41].astype(np.float64) @ made.embedding_[7]
    own = made.predict_proba([("y", "n07")], calibrated=False)
    assert own[0] == pytest.approx(1 / (1 + np.exp(-logit)))
    assert "x" in {link.target for link in made.recommend(100, nodes="n20")}
    assert made.metrics_ == model.metrics_
    assert len(model.ids_) == 40


def test_the_folder_keeps_new_nodes(model: LinkModel, tmp_path: Path) -> None:
    made = joined(model)
    made.save(tmp_path / "run")
    back = load(tmp_path / "run")
    np.testing.assert_array_equal(back.embedding_, made.embedding_)
    np.testing.assert_array_equal(back.embedding_std_, made.embedding_std_)
    assert back.recommend(50) == made.recommend(50)
    assert back.graph_ == made.graph_
    rows = ROWS[:1] if model.graph_["n_features"] else None
    for more in ([("z", "n07")], [("z", "x"), ("z", "n01")]):
        expected = made.embed_new(rows, more, ids=["z"])
        np.testing.assert_array_equal(back.embed_new(rows, more, ids=["z"]), expected)


def test_a_loaded_model_takes_graphs_and_new_nodes(model: LinkModel, tmp_path: Path) -> None:
    model.save(tmp_path / "run")
    back = load(tmp_path / "run")
    messages = model.split_.message_graph()
    np.testing.assert_array_equal(back.embed(messages), model.embedding_)
    np.testing.assert_array_equal(joined(back).embedding_, joined(model).embedding_)
    joined(back).save(tmp_path / "more")
    assert load(tmp_path / "more").recommend(9) == joined(model).recommend(9)


def test_own_weights_are_stored_once(model: LinkModel, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    model.save(tmp_path / "run")
    names = {"hidden", "degrees"} | ({"inputs"} if model.graph_["n_features"] else set())
    assert load_file(tmp_path / "run" / "states.safetensors").keys() == names


def test_runs_of_format_1_answer_all_but_new_nodes(model: LinkModel, tmp_path: Path) -> None:
    model.save(tmp_path / "run")
    record = tmp_path / "run" / "run.json"
    about = json.loads(record.read_text())
    assert about["format_version"] == FORMAT_VERSION
    del about["files"]["states.safetensors"], about["checksum"]
    network = about["settings"]["network"]
    for name in ("class_weight", "sampling", "batch_nodes", "batch_edges"):
        del network[name]
    network |= {"objective": "paper", "pairs": "all"}
    seal(tmp_path / "run", about | {"format_version": 2})
    with pytest.raises(InputError, match="its files are not those of a run"):
        load(tmp_path / "run")
    seal(tmp_path / "run", about | {"format_version": 1})
    (tmp_path / "run" / "states.safetensors").unlink()
    back = load(tmp_path / "run")
    assert back.recommend(5) == model.recommend(5)
    messages = model.split_.message_graph()
    np.testing.assert_array_equal(back.embed(messages), model.embedding_)
    with pytest.raises(InputError, match="stored by an earlier version.*fit again"):
        joined(back)
    back.save(tmp_path / "again")  # without states as well
    assert load(tmp_path / "again").recommend(5) == model.recommend(5)


def test_a_new_link_moves_its_node_towards_its_neighbours(karate: Graph) -> None:
    model = GAE(steps=100).fit(karate)
    made = model.with_nodes(edges=[("99", "0"), ("99", "1"), ("3", "99")])
    near, far = made.predict_proba([(99, 2), (99, 33)])
    assert near > far


def test_pairs_come_as_frames_and_columns(ring: Graph) -> None:
    model = GAE(steps=3).fit(ring)
    pairs = [("n03", "n01"), ("n07", "n20")]
    expected = model.predict_proba(pairs)
    source, target = ([pair[side] for pair in pairs] for side in (0, 1))
    frame = pd.DataFrame({"noted": [0.5, 0.1], "to": target, "from": source})
    for given in (
        frame, pl.from_pandas(frame), pa.Table.from_pandas(frame), pd.DataFrame(pairs),
        (frame["from"], frame["to"]), (pl.Series(source), np.array(target)),
    ):  # fmt: skip
        np.testing.assert_array_equal(model.predict_proba(given), expected)
    frame["probability"] = model.predict_proba(frame.sample(frac=1, random_state=3).sort_index())
    assert frame["probability"].tolist() == expected.tolist()
    with pytest.raises(InputError, match="DataFrame: 1 column; two are needed"):
        model.predict_proba(frame[["to"]])
    with pytest.raises(InputError, match=r"DataFrame, row 1: column 'to' is missing"):
        model.predict_proba(frame.assign(to=["n01", None]))
    with pytest.raises(InputError, match="Graph holds no pairs of node ids"):
        model.predict_proba(ring)
    assert model.embed_new(
        np.ones((1, 3)), pd.DataFrame({"from": ["x"], "to": ["n01"]}), ids=["x"]
    ).shape == (1, 16)


def test_two_kinds_of_nodes_are_told_apart_as_in_the_graph() -> None:
    ratings = pd.DataFrame({"user": [1, 2, 3, 1], "item": [1, 2, 3, 2], "stars": [5, 4, 3, 2]})
    model = GAE(steps=3).fit(ratings)
    assert model.ids_.tolist() == [f"{kind}{i}" for kind in ("item:", "user:") for i in (1, 2, 3)]
    expected = model.predict_proba([("user:1", "item:3"), ("user:2", "item:1")])
    asked = pd.DataFrame({"user": [1, 2], "item": [3, 1]})
    np.testing.assert_array_equal(model.predict_proba(asked), expected)


def test_results_as_frames(karate: Graph) -> None:
    split = split_edges(karate, validation=0.1, test=0.1, seed=0)
    model = VGAE(steps=12, validate_every=5, latent_dim=4).fit(split)
    vectors = model.embedding_frame()
    np.testing.assert_array_equal(vectors.to_numpy(), model.embedding_)
    assert vectors.index.name == "node"
    np.testing.assert_array_equal(vectors.loc[[33, 0]].to_numpy(), model.vectors([33, 0]))
    steps = model.history_frame()
    assert steps.index.tolist() == list(range(1, 13))
    assert steps["loss"].tolist() == [step["loss"] for step in model.history_]
    assert steps["validation_auc"].dropna().index.tolist() == [5, 10, 12]
    assert steps.loc[12, "validation_auc"] == model.metrics_["validation"]["auc"]
    for nodes in (None, [5, 7]):
        links = model.recommend(4, nodes=nodes, as_frame=True)
        assert list(links.itertuples(index=False, name=None)) == model.recommend(4, nodes=nodes)
        assert links.dtypes["source"] == np.int64
    full = GAE(steps=1).fit([("a", "b")])
    assert full.recommend(4, as_frame=True).shape == (0, 3)
    assert GAE(steps=0).fit([("a", "b")]).history_frame().empty


@pytest.mark.parametrize("nodes", [None, ["n03", "n20"], "n07"])
def test_links_as_arrays_and_arrow_are_those_of_the_list(model: LinkModel, nodes: Any) -> None:
    expected = model.recommend(4, nodes=nodes)
    table = model.recommend(4, nodes=nodes, as_frame="arrow")
    assert [tuple(row.values()) for row in table.to_pylist()] == expected
    assert table.schema.types == [pa.string(), pa.string(), pa.float64()]
    arrays = model.recommend(4, nodes=nodes, as_frame="arrays")
    assert list(zip(*(column.tolist() for column in arrays.values()), strict=True)) == expected
    pairs = tuple(np.array(column) for column in list(zip(*expected, strict=True))[:2])
    reader = model.link_batches(pairs)
    assert [tuple(row.values()) for row in reader.read_all().to_pylist()] == model.links(pairs)
    frame = pl.from_arrow(model.recommend_batches(4, nodes=nodes))
    assert isinstance(frame, pl.DataFrame)
    assert frame.rows() == expected


def test_links_of_signs_and_weights_come_in_batches_too() -> None:
    pairs = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]
    signed = Graph.from_pairs(pairs, weights=[1, -1, 1, -1], kind="signed")
    counted = vgae.as_graph(pairs, weight_means="count")
    for graph, name in ((signed, "p_positive"), (counted, "expected_weight")):
        fitted = GAE(steps=2).fit(graph)
        table = fitted.recommend(3, as_frame="arrow")
        assert table.column_names == ["source", "target", "probability", name]
        assert [tuple(row.values()) for row in table.to_pylist()] == fitted.recommend(3)


def test_what_batches_refuse_is_refused_at_once(model: LinkModel) -> None:
    with pytest.raises(InputError, match="k = 0: must be a whole number"):
        model.recommend_batches(0)
    with pytest.raises(InputError, match="node 'ann' is not in the graph"):
        model.recommend_batches(1, nodes="ann")
    with pytest.raises(InputError, match="node 'ann' is not in the graph"):
        model.link_batches([("ann", "n03")])
    with pytest.raises(InputError, match="unknown kind of frame 'arow': did you mean 'arrow'"):
        model.recommend(1, as_frame="arow")  # type: ignore[call-overload]
    assert model.recommend(2, nodes=[]) == []
    assert model.recommend(2, nodes=[], as_frame="arrow").num_rows == 0


def test_a_map_is_a_page_and_a_picture(model: LinkModel) -> None:
    bundle = joined(model).map()._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/html"].startswith("<iframe")
    with pytest.raises(InputError, match="has no embedding to draw"):
        vgae.LinkBaseline("katz").fit([("a", "b"), ("b", "c")]).map()


def test_without_matplotlib_a_map_is_a_page(
    model: LinkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vgae.people.answers.find_spec", lambda _: None)
    made = model.map()
    assert made.picture is None
    assert "The map needs JavaScript" in made.page.html


def test_a_graphs_edges_can_be_scored(karate: Graph) -> None:
    split = split_edges(karate, seed=0, test=0.3)
    model = GAE(steps=20).fit(split.train)
    held_out = karate.with_edges(split.test.positives)
    expected = model.score(karate.ids[held_out.edges])
    for given in (
        held_out, vgae.to_networkx(held_out), vgae.to_scipy(held_out), vgae.to_pandas(held_out),
        vgae.to_igraph(held_out),
    ):  # fmt: skip
        assert model.score(given) == expected
    with pytest.raises(InputError, match="node '99' is not in the graph"):
        model.score(vgae.as_graph([(99, 1)]))
    with pytest.raises(InputError, match="Split holds no pairs of node ids"):
        model.score(split)


def test_without_pandas_frames_are_refused_in_one_line() -> None:
    program = """
import sys, vgae
from vgae.people.cli import _NoPandas
sys.meta_path.insert(0, _NoPandas)
model = vgae.GAE(steps=1).fit([("a", "b"), ("b", "c")])
for ask in (
    model.embedding_frame, model.history_frame, lambda: model.recommend(as_frame=True),
    lambda: model.set_output(transform="pandas").transform([("a", "b")]),
):
    try:
        ask()
    except vgae.InputError as error:
        print(error)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.splitlines() == ["pandas is not installed; pip install pandas"] * 4
