"""Graphs of all kinds through the command line: inspected, fitted, joined by new nodes, written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import networkx
import numpy as np
import pytest
from command import Caller, listing, refused

import vgae

ROWS = [(f"n{i}", f"n{(i + step) % 40}") for i in range(40) for step in (1, 5)]


@pytest.fixture
def edges(folder: Path) -> Path:
    """Two rings over forty nodes."""
    path = folder / "edges.csv"
    path.write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in ROWS))
    return path


@pytest.fixture
def nodes(folder: Path) -> Path:
    """Their attributes: a number, a colour, a few words, and a gap."""
    path = folder / "nodes.csv"
    colours, words = ["red", "green"], ["old maps of towns", "boats and maps", "chess in the park"]
    lines = [f"n{i},{i if i != 7 else ''},{colours[i % 2]},{words[i % 3]}\n" for i in range(40)]
    path.write_text("id,age,colour,about\n" + "".join(lines))
    return path


# --------------------------------------------------------------------- inspect


def test_inspect_tells_a_person_and_a_program(call: Caller, edges: Path, nodes: Path) -> None:
    options = ("--features", nodes, "--standardize", "--missing", "mean")
    result = call("inspect", edges, *options)
    assert result.status == 0
    rows = dict(line.split("\t") for line in result.out.splitlines())
    assert rows["nodes"] == "40 (0 without an edge)"
    assert rows["rows"] == "80 = 80 edges"
    assert rows["held out"] == "4 edges for validation, 8 for the test"
    assert "comma-separated, 2 columns, with a header; edges run from column 'source'" in result.err
    assert "(first: 'n0' to 'n1', 'n0' to 'n5', 'n1' to 'n2')" in result.err
    assert "column 'age': 1 of 40 cells missing, taken as the mean" in result.err
    found = json.loads(call("inspect", edges, *options, "--json", "--quiet").out)
    assert found["graph"] == str(edges)
    assert found["n_edges"] == 80
    assert found["plan"]["steps"] == 200


def test_inspect_shows_edges_as_understood_and_offers_what_changes_them(
    call: Caller, folder: Path
) -> None:
    path = folder / "u.data"
    path.write_text("".join(f"{i % 9 + 1}\t{i % 7 + 1}\t{i % 5 + 1}\t88{i}\n" for i in range(60)))
    result = call("inspect", path, "--json")
    assert "column 1 to column 2 (first: '1' to '1', '2' to '2', '3' to '3')" in result.err
    assert "give --bipartite" in result.err
    found = json.loads(result.out)
    assert (found["n_nodes"], found["rows"]) == (9, 60)
    found = json.loads(call("inspect", path, "--json", "--bipartite").out)
    assert (found["n_nodes"], found["n_edges"], found["rows"]) == (16, 60, 60)
    assert "two kinds" not in call("inspect", path, "--no-bipartite").err
    path.write_text("0.0,1.0\n1.0,2.0\n")
    assert "--integer-ids" in call("inspect", path).err
    assert call("inspect", path, "--integer-ids").status == 0


def test_predictions_know_users_and_items_by_the_names_of_columns(
    call: Caller, folder: Path
) -> None:
    path = folder / "ratings.csv"
    rows = "".join(f"{i % 9},{i % 7}\n" for i in range(40))
    path.write_text("user_id,item_id\n" + rows)
    assert call("fit", path, "--steps", 1, "--out", folder / "run").status == 0
    (folder / "pairs.csv").write_text("item_id,user_id\n1,8\n")
    out = call("predict", folder / "run", folder / "pairs.csv").out
    assert out.splitlines()[1].split()[:2] == ["user_id:8", "item_id:1"]


def test_inspect_of_a_data_set(call: Caller) -> None:
    assert "labels\t2: " in call("inspect", "karate").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("inspect none.csv", "none.csv: no such file or folder"),
        ("inspect coar", "unknown data set 'coar': did you mean 'cora'?"),
        ("inspect edges.csv --delimiter ;", "only one column (semicolon-separated"),
        ("inspect edges.csv --delimiter ;;", "must be one ASCII character"),
        ("inspect edges.csv --quote ab", "must be one ASCII character"),
        ("inspect edges.csv --source sauce", "unknown column 'sauce': did you mean 'source'?"),
        ("inspect edges.csv --attribute age=number", "need a feature file"),
        ("inspect edges.csv --features nodes.csv --attribute age", "must read COLUMN=KIND"),
        (
            "inspect edges.csv --features nodes.csv --attribute age=text --attribute age=tfidf",
            "--attribute age: is given twice",
        ),
        ("inspect edges.csv --features nodes.csv", "line 9: column 'age' is empty"),
        ("inspect edges.csv --features nodes.csv --missing median", "did you mean 'mean'?"),
        ("inspect https://example.org/e.csv", "https://example.org/e.csv: is an address"),
        ("inspect karate --drop-incomplete", "karate is a data set"),
        ("inspect .", ".: a folder without manifest.json"),
    ],
)
def test_bad_input_of_inspect(
    call: Caller, folder: Path, edges: Path, nodes: Path, arguments: str, said: str
) -> None:
    assert edges.is_file()
    assert nodes.is_file()
    assert said in refused(call, folder, *arguments.split())


# ------------------------------------------------------------------ new nodes


@pytest.fixture
def run(call: Caller, edges: Path, nodes: Path) -> Path:
    options = ("--features", nodes, "--missing", "zero", "--attribute", "age=standard")
    result = call("fit", edges, *options, "--out", "run", "--steps", 10, "--top", 3)
    assert result.status == 0
    assert result.out.count("\n") == 3 + 4  # held-out scores, then the links
    assert result.out.splitlines()[3] == "source\ttarget\tprobability"
    return Path("run")


def test_new_nodes_join_a_run(call: Caller, folder: Path, run: Path) -> None:
    (folder / "new.csv").write_text("about,id,colour,age\nold boats,zoe,red,30\nmaps,yan,blue,\n")
    (folder / "links.csv").write_text("zoe,n3\nzoe,yan\n")
    new = ("--new-nodes", "new.csv", "--new-edges", "links.csv")
    result = call("recommend", run, "--node", "zoe", "--top", 50, *new, "--json")
    assert result.status == 0
    links = [json.loads(line) for line in result.out.splitlines()]
    assert len(links) == 39  # all but the two known ones, and itself
    assert not {"n3", "yan"} & {link["target"] for link in links}
    (folder / "pairs.csv").write_text("zoe,n0\nn1,n9\n")
    result = call("predict", run, "pairs.csv", *new, "--json")
    both = [json.loads(line)["probability"] for line in result.out.splitlines()]
    old = vgae.load(run).predict_proba([("n1", "n9")])
    assert both[1] == old[0]
    assert call("embed", run, *new, "--out", "v.npz").status == 0
    with np.load("v.npz") as archive:
        assert archive["ids"][-2:].tolist() == ["zoe", "yan"]
        np.testing.assert_array_equal(archive["vectors"][:-2], vgae.load(run).embedding_)
    assert call("recommend", run, "--node", "zoe", "--new-nodes", "new.csv").status == 0


@pytest.mark.parametrize(
    ("new", "links", "said"),
    [
        (None, "zoe,n3\n", "the model was fitted with"),
        ("id,age\nzoe,3\n", None, "new.csv: "),
        ("id,age,colour,about\nn3,3,red,old\n", None, "n3"),
        (
            "id,age,colour,about\nzoe,old,red,old\n",
            None,
            "new.csv, line 2: column 'age' holds 'old'",
        ),
        ("id,age,colour,about\nzoe,3,red,old\n", "zoe,nobody\n", "node 'nobody' is neither"),
        ("id,age,colour,about\nzoe,3,red,old\n", "n1,n9\n", "both in the graph"),
        ("id,age,colour,about\nzoe,3,red,old\n", "zoe\n", "links.csv: only one column"),
    ],
)
def test_new_nodes_that_cannot_join(
    call: Caller, folder: Path, run: Path, new: str | None, links: str | None, said: str
) -> None:
    arguments: list[object] = ["recommend", run]
    if new is not None:
        (folder / "new.csv").write_text(new)
        arguments += ["--new-nodes", "new.csv"]
    if links is not None:
        (folder / "links.csv").write_text(links)
        arguments += ["--new-edges", "links.csv"]
    assert said in refused(call, folder, *arguments)


def test_numbers_of_a_matrix_can_be_joined_by_a_table(call: Caller, folder: Path) -> None:
    (folder / "e.csv").write_text("".join(f"{i},{(i + 1) % 30}\n" for i in range(30)))
    np.save("x.npy", np.random.default_rng(0).normal(size=(30, 2)))
    options = ("--steps", 3, "--quiet", "--out", "run")
    assert call("fit", "e.csv", "--features", "x.npy", *options).status == 0
    (folder / "new.csv").write_text("id,a,b\n99,0.5,-1\n")
    result = call("recommend", "run", "--node", 99, "--top", 2, "--new-nodes", "new.csv")
    assert [line.split("\t")[0] for line in result.out.splitlines()[1:]] == ["99", "99"]


def test_nodes_without_features_are_placed_by_their_links(call: Caller, edges: Path) -> None:
    assert call("fit", edges, "--out", "run", "--steps", 3, "--quiet").status == 0
    Path("links.csv").write_text("zoe,n3\nzoe,n4\n")
    result = call("recommend", "run", "--node", "zoe", "--top", 2, "--new-edges", "links.csv")
    assert result.out.count("zoe\t") == 2
    Path("links.csv").write_text("zoe,yan\n")
    line = refused(call, Path(), "recommend", "run", "--new-edges", "links.csv")
    assert "'zoe'" in line
    assert "no link to a known node" in line


# ------------------------------------------------------------------------ out


@pytest.mark.parametrize("suffix", [".gexf", ".graphml", ".gml"])
def test_the_graph_with_its_recommended_links(call: Caller, run: Path, suffix: str) -> None:
    assert call("recommend", run, "--top", 5, "--out", f"links{suffix}").status == 0
    readers = {".gexf": networkx.read_gexf, ".graphml": networkx.read_graphml}
    found = readers.get(suffix, networkx.read_gml)(f"links{suffix}")
    marked = [data for *_, data in found.edges(data=True) if data["recommended"] in (True, 1)]
    assert found.number_of_edges() == 80 + 5
    assert len(marked) == 5
    assert all(0 < data["probability"] < 1 for data in marked)


@pytest.mark.parametrize("name", ["v.w2v", "v.projector", "v.jsonl", "v.arrow", "v.csv.gz"])
def test_vectors_for_other_programs(call: Caller, folder: Path, run: Path, name: str) -> None:
    before = set(listing(folder))
    assert call("embed", run, "--out", name).status == 0
    assert {Path(made).parts[0] for made in set(listing(folder)) - before} == {name}


def test_links_as_json_lines(call: Caller, run: Path) -> None:
    assert call("recommend", run, "--top", 4, "--out", "links.jsonl").status == 0
    rows = [json.loads(line) for line in Path("links.jsonl").read_text().splitlines()]
    assert len(rows) == 4
    assert set(rows[0]) == {"source", "target", "probability"}


# --------------------------------------------------------------- real graphs


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("routes.dat", ("--source", 3, "--target", 5), "(first: 'AER' to 'KZN', 'ASF'"),
        ("wiki-Vote.txt", (), "left out 4 comment lines"),
    ],
)
def test_a_messy_file_becomes_links_with_one_command(
    call: Caller, folder: Path, data_folder: Path, name: str, options: tuple[object, ...], said: str
) -> None:
    assert folder.is_dir()
    path = data_folder / "messy" / name
    result = call("fit", path, *options, "--out", "run", "--steps", 5, "--top", 10)
    assert result.status == 0
    assert said in result.err
    links = [line.split("\t") for line in result.out.splitlines()[-10:]]
    known = vgae.load("run").split_.graph
    for source, target, probability in links:
        a, b = known.index([source, target])
        assert known.adjacency[a, b] == 0
        assert 0.0 < float(probability) <= 1


# --------------------------------------------------------------------- datasets


def test_datasets_lists_all(call: Caller, folder: Path) -> None:
    rows = {row["name"]: row for row in json.loads(call("datasets", "--json").out)}
    assert set(rows) == {"digits", "karate", "lesmis", "cora", "citeseer", "pubmed"}
    assert rows["digits"]["cached"] is True
    for key in ("nodes", "edges", "features", "licence", "citation", "cached"):
        assert key in rows["cora"]
    assert "karate\t34\t78" in call("datasets").out
    assert call("datasets", "--out", "sets.parquet").status == 0
    assert listing(folder) == ["sets.parquet"]


def test_what_is_suggested_reads_the_graph_in_the_same_way(call: Caller, folder: Path) -> None:
    rows = "".join(f"a{i},a{(i * 3 + 1) % 60},{(-1) ** i}\n" for i in range(60))
    (folder / "edges.csv").write_text(f"source,target,weight\n{rows}")
    made = call("split", "edges.csv", "--signed", "--out", "parts")
    assert made.err.splitlines()[-1] == "next: vgae evaluate edges.csv --signed --split parts"


def test_a_split_that_holds_nothing_out_is_refused(call: Caller, folder: Path) -> None:
    given = ("karate", "--test", 0, "--validation", 0, "--out", "parts")
    assert "nothing would be held out" in refused(call, folder, "split", *given)


def test_a_closed_standard_output_is_no_fault() -> None:
    command = f"{sys.executable} -m vgae datasets >&-"
    ended = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
