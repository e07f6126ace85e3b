"""What a run is asked: `vgae predict`, `recommend`, `embed` and `explain`."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.ipc
import pyarrow.parquet
import pytest
from command import Caller, refused

import vgae
from vgae.data.tables import open_table


def test_predict_by_id_in_order(call: Caller, run: Path, folder: Path) -> None:
    pairs = folder / "pairs.csv"
    pairs.write_text("source,target\nn3,n9\nn0,n1\n")
    result = call("predict", run, pairs, "--json")
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [(row["source"], row["target"]) for row in rows] == [("n3", "n9"), ("n0", "n1")]
    expected = vgae.load(run).predict_proba([("n3", "n9"), ("n0", "n1")])
    assert [row["probability"] for row in rows] == expected.tolist()
    table = call("predict", run, pairs).out.splitlines()
    assert table[0] == "source\ttarget\tprobability"
    for name in ("out.csv", "out.tsv", "out.parquet"):
        assert call("predict", run, pairs, "--out", name).status == 0
    with Path("out.csv").open() as handle:
        assert [float(row["probability"]) for row in csv.DictReader(handle)] == pytest.approx(
            expected
        )
    assert pyarrow.parquet.read_table("out.parquet").column("source").to_pylist() == ["n3", "n0"]


def test_a_pair_of_an_unknown_node_names_its_line(call: Caller, folder: Path, run: Path) -> None:
    (folder / "pairs.csv").write_text("n0,n1\nn0,zoe\n")
    line = refused(call, folder, "predict", run, "pairs.csv", "--out", "p.csv")
    said = "node 'zoe' is not in the graph"
    assert line == f"Error: pairs.csv, line 2: {said}"


def test_recommend_leaves_known_edges_out(call: Caller, run: Path, edges: Path) -> None:
    result = call("recommend", run, "--top", 50, "--json")
    rows = [json.loads(line) for line in result.out.splitlines()]
    known = {frozenset(line.split(",")) for line in edges.read_text().split()}
    assert len(rows) == 50
    assert not any(frozenset((row["source"], row["target"])) in known for row in rows)
    result = call("recommend", run, "--top", 2, "--node", "n7", "--node", "n8")
    assert [line.split("\t")[0] for line in result.out.splitlines()[1:]] == ["n7"] * 2 + ["n8"] * 2


def test_links_are_streamed_to_files_of_any_kind(
    call: Caller, run: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vgae.learning.fitted_scores.BATCH_ROWS", 16)
    model = vgae.load(run)
    expected = model.recommend(3, nodes=model.ids_)
    assert len(expected) == 3 * len(model.ids_)
    for suffix in ("parquet", "arrow", "csv.gz", "jsonl"):
        name = f"links.{suffix}"
        made = call("recommend", run, "--top", 3, "--per-node", "--out", name)
        assert made.status == 0, made.err
        assert "expected to be missing edges" not in made.err
        table = open_table(Path(name), header=True)
        source, target, probability = table.read([0, 1, 2])
        found = zip(source.to_pylist(), target.to_pylist(), strict=True)
        assert list(found) == [link[:2] for link in expected]
        np.testing.assert_allclose(
            table.numbers(2, probability), [link.probability for link in expected], rtol=1e-12
        )
    assert pyarrow.parquet.read_metadata("links.parquet").num_row_groups > 5
    printed = call("recommend", run, "--top", 3, "--per-node").out.splitlines()
    assert len(printed) == 1 + len(expected)
    both = refused(call, folder, "recommend", run, "--per-node", "--node", "n3")
    assert both.endswith("--per-node: makes no sense with --node, which names some")
    asked = folder / "pairs.csv"
    asked.write_text("".join(f"{a},{b}\n" for a, b, _ in expected))
    assert call("predict", run, asked, "--out", "asked.arrow").status == 0
    given = pyarrow.ipc.open_file("asked.arrow").read_all()
    assert given.column("source").to_pylist() == [link.source for link in expected]
    assert call("predict", run, asked, "--out", "asked.arrow").status == 2  # it is there


def test_embed_writes_means_and_deviations(call: Caller, run: Path) -> None:
    model = vgae.load(run)
    assert model.embedding_ is not None
    assert call("embed", run, "--out", "v.parquet").status == 0
    table = pyarrow.parquet.read_table("v.parquet")
    assert table.column_names[:2] == ["node", "z0"]
    np.testing.assert_array_equal(table.column("z0").to_numpy(), model.embedding_[:, 0])
    first = json.loads(call("embed", run, "--std", "--json").out.splitlines()[0])
    assert model.embedding_std_ is not None
    assert first["s0"] == pytest.approx(float(model.embedding_std_[0, 0]))
    assert call("embed", run).out.startswith("node\tz0\t")


# ---------------------------------------------------------------------- explain


@pytest.fixture
def karate_run(call: Caller, folder: Path) -> Path:
    assert folder
    done = call("fit", "karate", "--out", "run", "--steps", 20, "--quiet")
    assert done.status == 0, done.err
    return Path("run")


def test_explain_prints_what_the_model_says(call: Caller, karate_run: Path) -> None:
    model = vgae.load(karate_run)
    graph = vgae.load_dataset("karate")
    found = model.explain(0, 33, graph=graph)
    shown = json.loads(call("explain", karate_run, 0, 33, "--graph", "karate", "--json").out)
    assert shown["why"] == found.why
    assert shown["n_common_neighbors"] == found.n_common_neighbors == len(found.common_neighbors)
    assert sum(part["amount"] for part in shown["parts"]) == pytest.approx(shown["score"], abs=1e-4)
    effects = [edge["effect"] for edge in shown["edges"]]
    assert effects == sorted(effects, reverse=True)
    assert len(effects) == shown["n_edges_tried"]
    text = call("explain", karate_run, 0, 33, "--graph", "karate")
    assert text.out.startswith("0 - 33: ")
    assert "without the edge of\tand\tthe logit changes by" in text.out
    assert f"common neighbours ({found.n_common_neighbors})\tedges" in text.out


def test_explain_says_what_it_lacks(call: Caller, karate_run: Path) -> None:
    result = call("explain", karate_run, 0, 9)
    assert result.status == 0
    assert "does not keep edge weights; give the graph (--graph)" in " ".join(result.err.split())
    assert "without the edge" not in result.out


def test_explain_in_python_takes_what_as_graph_takes() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    model = vgae.GAE(steps=5).fit(edges)
    assert model.explain("a", "c", graph=edges) == model.explain("a", "c")
    with pytest.raises(vgae.InputError, match="unknown node 'x'|node 'x'"):
        model.explain("a", "x")


def test_explain_refuses(call: Caller, folder: Path, karate_run: Path) -> None:
    (folder / "other.csv").write_text("0,1\n1,2\n")
    assert "not the one of the fit" in refused(
        call, folder, "explain", karate_run, 0, 1, "--graph", "other.csv"
    )
    assert "77" in refused(call, folder, "explain", karate_run, 0, 77)
    assert "no such run folder" in refused(call, folder, "explain", "nowhere", 0, 1)
    assert "without --graph" in refused(call, folder, "explain", karate_run, 0, 1, "--directed")


def test_numbers_of_an_explanation_are_numbers(call: Caller, karate_run: Path) -> None:
    found = json.loads(call("explain", karate_run, 2, 9, "--json").out)
    assert np.isfinite([part["amount"] for part in found["parts"]]).all()
    assert isinstance(found["source"], int)


# --------------------------------------------------------- pairs that no edge can join

NO_PAIRS = [
    ("user:1", "user:2", "'user:1' and 'user:2' are of the types 'user' and 'user', which"),
    ("item:1", "item:1", "'item:1' - 'item:1' joins a node with itself, which no edge"),
]


@pytest.fixture
def two_sides(folder: Path) -> vgae.GAE:
    assert folder
    rows = [(f"user:{n}", f"item:{n * step % 7}") for n in range(8) for step in (1, 3, 5)]
    graph = vgae.data.graph.Graph.from_pairs(rows, kind="bipartite")
    graph = graph.with_types([name.partition(":")[0] for name in graph.ids])
    model = vgae.GAE(steps=2).fit(graph)
    model.save("two")
    return model


@pytest.mark.parametrize(("one", "other", "why"), NO_PAIRS)
def test_pairs_that_no_edge_can_join_are_not_explained(
    call: Caller, folder: Path, two_sides: vgae.GAE, one: str, other: str, why: str
) -> None:
    for model in (two_sides, vgae.LinkBaseline("als").fit(two_sides.split_)):
        with pytest.raises(vgae.InputError, match=f"^{why}"):
            model.explain(one, other)
    assert refused(call, folder, "explain", "two", one, other).startswith(f"Error: {why}")


def test_probabilities_of_pairs_that_no_edge_can_join_are_said_to_mean_nothing(
    call: Caller, folder: Path, two_sides: vgae.GAE, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = [("user:1", "item:2"), *((one, other) for one, other, _ in NO_PAIRS)]
    said = (
        "1 pair joins a node with itself, which no edge of a graph does: the probability means",
        "1 pair joins nodes of types that no edge joins: the probability means nothing",
    )
    for asked in (two_sides.predict_proba, two_sides.links, two_sides.link_batches):
        caplog.clear()
        asked(pairs)
        assert all(words in caplog.text for words in said)
    caplog.clear()
    two_sides.predict_proba([("item:2", "user:1")])
    assert not caplog.messages
    joined = two_sides.with_nodes(edges=[("user:new", "item:1"), ("user:new", "item:2")])
    joined.predict_proba([("user:new", "user:1")])
    assert said[1] in caplog.text
    (folder / "pairs.csv").write_text("".join(f"{a},{b}\n" for a, b in pairs))
    for out in ([], ["--out", "p.csv"]):
        result = call("predict", "two", "pairs.csv", *out)
        assert result.status == 0
        assert all(result.err.count(words) == 1 for words in said)


def test_a_known_edge_is_said_to_be_one(call: Caller, folder: Path) -> None:
    assert folder
    split = vgae.split_edges(vgae.load_dataset("karate"), seed=0)
    model = vgae.GAE(steps=2).fit(split)
    model.save("run")
    for (one, other), words in (
        (split.train.edges[0].tolist(), "the pair is a known edge: the probability is that of an"),
        (split.test.positives[0].tolist(), "the pair is a known edge, which was held out: "),
    ):
        found = model.explain(other, one)
        assert found.known
        assert found.notes[0].startswith(words)
        result = call("explain", "run", one, other)
        assert words in " ".join(result.err.split())
        assert json.loads(call("explain", "run", one, other, "--json").out)["known"] is True
    (link,) = model.recommend(1)
    assert not model.explain(*link[:2]).known


def test_recommend_says_why_no_link_is_left(call: Caller, folder: Path) -> None:
    (folder / "full.csv").write_text("a,b\nb,c\na,c\nc,d\n")
    made = call("fit", "full.csv", "--no-holdout", "--steps", 1, "--out", "run", "--quiet")
    assert made.status == 0
    for more in ((), ("--json",)):
        result = call("recommend", "run", "--node", "c", *more)
        said = "all pairs of these nodes that can be edges are known edges"
        assert said in " ".join(result.err.split())
    assert "that can be edges are known" not in call("recommend", "run").err
    (folder / "one.csv").write_text("a,b\n")
    one = call("fit", "one.csv", "--no-holdout", "--steps", 1, "--out", "one", "--quiet")
    assert one.status == 0
    result = call("recommend", "one", "--json")
    assert result.out == ""
    assert "all pairs that can be edges are known edges: there is nothing" in result.err


def test_explain_shortens_long_ids_for_people_alone(call: Caller, folder: Path) -> None:
    one, two, three = (letter * 300 for letter in "abc")
    (folder / "long.csv").write_text(f"source,target\n{one},{two}\n{two},{three}\n")
    made = call("fit", "long.csv", "--no-holdout", "--steps", 1, "--out", "run", "--quiet")
    assert made.status == 0, made.err
    said = call("explain", "run", one, three).out
    assert f"{'a' * 40}...\t{'c' * 40}...\t" in said
    assert not any(letter * 41 in said for letter in "abc")
    assert json.loads(call("explain", "run", one, three, "--json").out)["target"] == three


def test_ids_are_never_floats() -> None:
    model: Any = vgae.GAE(steps=1).fit([(0, 1), (1, 2)])
    questions: tuple[Callable[[], object], ...] = (
        lambda: model.explain(0.0, 2),
        lambda: model.explain(0, 2.0),
        lambda: model.vectors([1.0]),
        lambda: model.vectors(1.0),
        lambda: model.recommend(1, nodes=[1.0]),
        lambda: model.predict_proba([(0.0, 2.0)]),
    )
    for asked in questions:
        with pytest.raises(vgae.InputError, match="all strings or all integers"):
            asked()
    assert model.explain("0", 2).source == 0


def test_formats_of_graphs_hold_no_reasons(call: Caller, folder: Path) -> None:
    call("fit", "karate", "--preset", "fast", "--steps", 2, "--out", "run")
    given = ("run", "--reasons", "--out", "links.graphml")
    assert "holds no reasons (--reasons)" in refused(call, folder, "recommend", *given)
