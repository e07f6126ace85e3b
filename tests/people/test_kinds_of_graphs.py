"""Every command on every kind of graph: it works, or one line says what does."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import Caller
from graphs import KINDS_OF_GRAPHS, graph_of

from vgae import VGAE, LinkBaseline, split_edges
from vgae.data.graph import Graph
from vgae.ground.errors import InputError

COMMANDS = (
    "inspect",
    "split",
    "fit",
    "fit a baseline",
    "evaluate",
    "recommend",
    "predict",
    "embed",
)


def files(kind: str, folder: Path) -> list[str]:
    """A table of edges of this kind, and the options that say so."""
    graph = graph_of(kind, 0, n_nodes=40, n_rows=260)
    edges = graph.from_first_type(graph.edges)
    weights = np.ones(len(edges)) if graph.weights is None else graph.weights
    rows = [f"n{i},n{j},{w}" for (i, j), w in zip(edges.tolist(), weights, strict=True)]
    (folder / "edges.csv").write_text("source,target,weight\n" + "\n".join(rows) + "\n")
    options = ["edges.csv"]
    if graph.node_types is not None and kind != "bipartite":
        types = [f"n{node},t{kind}" for node, kind in enumerate(graph.node_types.tolist())]
        (folder / "types.csv").write_text("node,type\n" + "\n".join(types) + "\n")
        options += ["--types", "types.csv"]
    flags = {"directed": "--directed", "bipartite": "--bipartite", "signed": "--signed"}
    return [*options, *([flags[graph.kind]] if graph.kind in flags else [])]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", KINDS_OF_GRAPHS)
def test_each_command_works_or_says_what_does(
    call: Caller, folder: Path, kind: str, command: str
) -> None:
    graph = files(kind, folder)
    methods = "balance,gae" if kind == "signed" else "katz,popularity"
    baseline = ("fit", *graph, "--model", methods.partition(",")[0], "--out", "run", "--quiet")
    model = ("fit", *graph, "--steps", 2, "--out", "run", "--quiet")
    (folder / "pairs.csv").write_text("n0,n1\nn2,n3\n")
    line: tuple[object, ...] = {
        "inspect": ("inspect", *graph, "--json"),
        "split": ("split", *graph, "--out", "parts", "--json"),
        "fit": model,
        "fit a baseline": baseline,
        "evaluate": ("evaluate", *graph, "--models", methods, "--runs", 2, "--json"),
        "recommend": ("recommend", "run", "--top", 5, "--json"),
        "predict": ("predict", "run", "pairs.csv", "--json"),
        "embed": ("embed", "run", "--json"),
    }[command]
    if command in ("recommend", "predict", "embed"):
        made = call(*(model if command == "embed" else baseline))
        assert made.status == 0, made.err
    result = call(*line)
    assert result.status == 0, result.err
    assert result.out or command.startswith("fit")
    if command in ("recommend", "predict"):
        rows = [json.loads(row) for row in result.out.splitlines()]
        assert all(("p_positive" in row) == (kind == "signed") for row in rows)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("fit GRAPH --model katz", "katz: takes undirected, bipartite and directed graphs, and"),
        ("fit GRAPH --preset strong", "combiner logistic: its evidence reads no signs"),
        ("fit GRAPH --encoder linear", "--encoder linear: reads no signs of edges"),
        ("fit GRAPH --structure svd", "structure svd: takes undirected and bipartite graphs"),
        ("fit GRAPH --decoder gravity-squared", "decoder gravity-squared: scores arcs"),
        (
            "fit karate --encoder signed",
            "--encoder signed: reads the signs of edges, and the graph",
        ),
        ("fit karate --preset signs", "encoder signed: reads the signs of edges, and the graph is"),
        ("fit karate --model balance", "balance: takes signed graphs, and this one is undirected"),
    ],
)
def test_what_does_not_suit_signs_is_one_line(
    call: Caller, folder: Path, line: str, said: str
) -> None:
    graph = files("signed", folder)
    words = [one for word in line.split() for one in (graph if word == "GRAPH" else [word])]
    result = call(*words, "--out", "run", "--quiet")
    assert result.status == 2
    errors = [text for text in result.err.splitlines() if text.startswith("Error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert not (folder / "run").exists()


def test_a_signed_graph_is_evaluated_by_methods_that_read_signs(call: Caller, folder: Path) -> None:
    graph = files("signed", folder)
    asked = ("--runs", 1, "--steps", 2, "--keep", "kept", "--json")
    found = json.loads(call("evaluate", *graph, *asked).out)
    assert [one["model"] for one in found["results"]] == ["vgae", "gae", "balance"]
    for one in found["results"]:
        for metric in ("sign_auc", "sign_f1_macro"):
            assert 0.0 <= one["metrics"][metric]["mean"] <= 1.0
    result = call("evaluate", "karate", "--models", "katz", "--metrics", "sign_auc")
    assert result.status == 2
    assert "metric sign_auc: takes signed graphs, and this one is undirected" in result.err


@pytest.mark.parametrize("kind", KINDS_OF_GRAPHS)
def test_inspect_reports_the_kind(call: Caller, folder: Path, kind: str) -> None:
    graph = files(kind, folder)
    found = json.loads(call("inspect", *graph, "--json").out)
    assert found["kind"] == graph_of(kind, 0).kind
    assert (found["types"] is not None) == (kind not in ("directed", "signed"))
    assert (found["signs"] is not None) == (kind == "signed")
    shown = call("inspect", *graph).out
    assert f"({found['kind']})" in shown
    assert ("edges by type" in shown) == (found["types"] is not None)
    if kind == "signed":
        assert sum(found["signs"].values()) == found["n_edges"]


def test_recommend_gives_ordered_pairs_of_a_directed_graph() -> None:
    graph = graph_of("directed", 0)
    model = LinkBaseline("popularity").fit(graph)
    links = model.recommend(1000)
    assert len(links) == 24 * 23 - graph.n_edges
    pairs = np.array([[link.source, link.target] for link in links])
    assert (graph.places(pairs) < 0).all()
    upwards = pairs[:, 0] < pairs[:, 1]
    assert 0 < upwards.sum() < len(pairs)
    own = model.recommend(3, nodes=5)
    assert {link.source for link in own} == {5}
    popular = np.bincount(graph.edges[:, 1], minlength=24)
    open_ = [j for j in range(24) if j != 5 and graph.places([(5, j)])[0] < 0]
    assert popular[int(own[0].target)] == max(popular[open_])


def test_recommend_gives_items_to_a_user_with_or_without_prefix() -> None:
    random = np.random.default_rng(0)
    pairs = [(f"user:{u}", f"item:{i}") for u, i in random.integers(20, size=(120, 2)).tolist()]
    pairs += [(f"user:{u}", f"item:{u + 20}") for u in range(20)]
    types = {name: name.partition(":")[0] for pair in pairs for name in pair}
    graph = Graph.from_pairs(pairs)
    graph = graph.with_types([types[name] for name in graph.ids.tolist()], bipartite=True)
    assert graph.type_names == ("item", "user")
    model = VGAE(steps=3).fit(graph)
    links = model.recommend(500)
    assert all(str(link.source).startswith("item:") for link in links)
    assert all(str(link.target).startswith("user:") for link in links)
    own = model.recommend(5, nodes="user:3")
    assert {link.source for link in own} == {"user:3"}
    assert all(str(link.target).startswith("item:") for link in own)
    assert model.recommend(5, nodes="33") == model.recommend(5, nodes="item:33")
    with pytest.raises(InputError, match="'3' may be node 'item:3' or 'user:3'; give one of them"):
        model.recommend(5, nodes="3")
    with pytest.raises(InputError, match="'99'"):
        model.recommend(5, nodes="99")


def test_new_nodes_join_the_side_that_their_links_tell() -> None:
    pairs = [(f"u{i % 9}", f"i{i * i % 11}") for i in range(60)]
    graph = Graph.from_pairs(pairs, kind="bipartite")
    model = VGAE(steps=3).fit(split_edges(graph, seed=0))
    made = model.with_nodes(edges=[("new", "i0"), ("new", "i1")])
    whole = made.split_.graph
    assert whole.kind == "bipartite"
    assert whole.node_types is not None
    assert whole.node_types[-1] == graph.node_types[graph.index(["u0"])[0]]  # type: ignore[index]
    assert all(str(link.target).startswith("i") for link in made.recommend(3, nodes="new"))


def test_a_run_folder_keeps_the_kind(folder: Path) -> None:
    from vgae import load

    graph = graph_of("bipartite", 0, 40, 260)
    model = VGAE(steps=2).fit(split_edges(graph, seed=0))
    model.save("run")
    back = load("run")
    assert folder.is_dir()
    assert back.graph_["kind"] == "bipartite"
    assert back.recommend(7) == model.recommend(7)
    assert back.calibrator_ == model.calibrator_


def test_a_split_by_time_from_the_command_line(call: Caller, folder: Path) -> None:
    rows = [f"n{i % 30},n{(i * 7 + 1) % 31},{i // 2}" for i in range(90)]
    (folder / "e.csv").write_text("source,target,at\n" + "\n".join(rows) + "\n")
    found = json.loads(call("split", "e.csv", "--time", "at", "--out", "parts", "--json").out)
    assert found["order"] == "time"
    assert set(found["parts"]["test"]) == {"edges", "negatives", "reversed", "tied"}
    plain = json.loads(call("split", "e.csv", "--out", "other", "--json").out)
    assert plain["order"] == "random"
    result = call("evaluate", "e.csv", "--time", "at", "--models", "katz", "--runs", 2, "--json")
    assert result.status == 0, result.err
    shown = json.loads(call("inspect", "e.csv", "--time", "at", "--json").out)
    assert shown["times"] == [0.0, 43.0]
