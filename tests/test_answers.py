"""A model with new nodes answers as any other, from memory and from its folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from run_folders import seal

from vgae.api import GAE, VGAE, LinkModel, load
from vgae.errors import InputError
from vgae.graph import Graph
from vgae.split import split_edges

EDGES = [("x", "n01"), ("n05", "x"), ("y", "x"), ("y", "n30")]
ROWS = np.random.default_rng(5).normal(size=(2, 3))


@pytest.fixture(params=["features", "no features"])
def model(request: pytest.FixtureRequest, ring: Graph) -> LinkModel:
    graph = ring if request.param == "features" else ring.with_features(None)
    return VGAE(steps=8, latent_dim=4).fit(split_edges(graph, validation=0.1, test=0.1, seed=2))


def joined(model: LinkModel) -> LinkModel:
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
    assert made.predict_proba([("y", "n07")])[0] == pytest.approx(1 / (1 + np.exp(-logit)))
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
    assert about["format_version"] == 3
    del about["files"]["states.safetensors"], about["checksum"]
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
