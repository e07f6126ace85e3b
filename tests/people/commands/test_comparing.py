"""What is compared: methods, also on tables of `vgae split`, a published table, and runs."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Caller, listing, refused
from graphs import random_arcs

import vgae
from vgae.data.datasets import load_dataset
from vgae.data.graph import Graph
from vgae.data.io import read_split
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
from vgae.learning.judge import LINK_METRICS
from vgae.learning.reproduction import Experiment
from vgae.learning.results import DEFAULT_METHODS
from vgae.people.api import evaluate, open_evaluation

MODELS = ("--models", "gae,katz,preferential-attachment", "--steps", 5)


def figures(text: str) -> dict[str, Any]:
    return {
        row["model"]: {name: summary["values"] for name, summary in row["metrics"].items()}
        for row in json.loads(text)["results"]
    }


@pytest.mark.parametrize("negatives", ["uniform", "degree", "two-hop"])
def test_a_split_scores_as_the_run_that_drew_it(call: Caller, folder: Path, negatives: str) -> None:
    how = ("--validation", 0.1, "--test", 0.2, "--protocol", "TV", "--negatives", negatives)
    made = call("split", "karate", "--out", "parts", "--seed", 6, *how)
    assert made.status == 0
    assert made.out.splitlines()[1:] == ["train\t56\t0", "validation\t7\t7", "test\t15\t15"]
    assert f"{negatives} negatives, seed 6; tables: parts" in made.err
    assert "next: vgae evaluate karate --split parts" in made.err
    assert listing(folder) == ["parts", *(f"parts/{name}" for name in (
        "split.json", "test.csv", "test_negatives.csv", "train.csv", "validation.csv",
        "validation_negatives.csv",
    ))]  # fmt: skip
    run = ("evaluate", "karate", *MODELS, "--runs", 1, "--seed", 6, "--json")
    drawn, given = call(*run, *how), call(*run, "--split", "parts")
    assert figures(drawn.out) == figures(given.out)
    found, other = json.loads(given.out), json.loads(drawn.out)
    assert found["given_split"] is True
    assert {k: v for k, v in found.items() if k != "given_split"} == {
        k: v for k, v in other.items() if k != "given_split"
    }
    assert (found["protocol"], found["negatives"]) == ("TV", negatives)


@pytest.mark.usefixtures("folder")
def test_runs_on_a_given_split_change_the_methods_seed_alone(call: Caller) -> None:
    assert call("split", "karate", "--out", "parts", "--format", "parquet", "--json").status == 0
    result = call("evaluate", "karate", *MODELS, "--runs", 3, "--split", "parts")
    assert "3 runs (only the method's seed changes)" in result.err
    assert "split 85 / 5 / 10 (train / validation / test), given" in result.err
    values = figures(
        call("evaluate", "karate", *MODELS, "--runs", 3, "--split", "parts", "--json").out
    )
    assert len(set(values["katz"]["full_average_precision"])) == 1
    assert len(set(values["gae"]["full_average_precision"])) > 1


def test_the_table_names_what_degrees_alone_reach(call: Caller) -> None:
    result = call("evaluate", "karate", *MODELS, "--runs", 1)
    header = result.out.splitlines()[0].split("\t")
    assert {"AUC deg.", "AP deg.", "AUC node", "P@100", "ECE"} < set(header)
    assert result.out.splitlines()[3].startswith("preferential-attachment (degrees alone)\t")
    found = evaluate(load_dataset("karate"), ["gae", "katz", "preferential-attachment"], runs=1,
                     steps=5)  # fmt: skip
    auc = {name: scores["auc"].mean for name, scores in found.metrics.items()}
    bar = auc["preferential-attachment"]
    assert bar is not None
    beaten = [name for name, mean in auc.items() if mean is not None and mean <= bar][:-1]
    assert found.beaten_by_degrees() == beaten
    said = f"has learned nothing else of this graph (here: {', '.join(beaten) or 'none'})"
    assert said in " ".join(result.err.split())
    assert "preferential-attachment (degrees alone)" in repr(found)


def test_the_default_methods_that_need_features_are_omitted_without_and_counted(
    karate: Graph, ring: Graph, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    quick: dict[str, Any] = {"runs": 1, "steps": 1, "metrics": "auc"}
    with caplog.at_level("INFO", "vgae"):
        found = evaluate(ring, **quick)
    assert tuple(found.results) == DEFAULT_METHODS
    assert "omitted" not in caplog.text
    with caplog.at_level("INFO", "vgae"):
        found = evaluate(karate, **quick)
    assert set(found.results) == set(DEFAULT_METHODS) - {"propagated-features"}
    said = "omitted for lack of node features: 1 of 8 default methods (propagated-features)"
    assert caplog.text.count(said) == 1
    result = call("evaluate", "karate", "--runs", 1, "--steps", 1, "--metrics", "auc")
    assert result.err.count(said) == 1
    named = call("evaluate", "karate", "--models", "gae,propagated-features", "--runs", 1)
    assert named.status == 2
    assert "propagated-features: learns from node features and the graph has none" in named.err


def test_degree_is_a_second_name_of_the_product_of_degrees(karate: Graph, call: Caller) -> None:
    found = evaluate(karate, ["degree", "preferential-attachment", "katz"], runs=2, metrics="auc")
    degree, product, katz = found.metrics.values()
    assert degree == product != katz
    assert found.results["degree"].kind == "preferential-attachment"
    result = call("evaluate", "karate", "--models", "degree,katz", "--runs", 1, "--metrics", "auc")
    assert result.out.splitlines()[1].startswith("degree (degrees alone)\t")


def test_metrics_of_any_k_can_be_asked_for(call: Caller) -> None:
    asked = "hits@3,precision@7,auc_two-hop"
    result = call("evaluate", "karate", *MODELS, "--runs", 1, "--metrics", asked, "--json")
    assert list(figures(result.out)["katz"]) == asked.split(",")


def test_tables_by_hand_are_evaluated(call: Caller, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "test.tsv").write_text("0\t1\n33\t32\n")
    rows = [(0, 9), (0, 14), (0, 15), (33, 1), (33, 3)]
    table = "\n".join(f"{a},{b},{int(a == 33)}" for a, b in rows)
    (folder / "mine" / "test_negatives.csv").write_text(f"source,target,positive\n{table}\n")
    result = call(
        "evaluate", "karate", *MODELS, "--runs", 1, "--split", "mine", "--protocol", "TV",
        "--metrics", "hits@1,hits@2,hits@3,mrr,auc_uniform", "--json",
    )  # fmt: skip
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert (found["negatives"], found["protocol"]) == ("given", "TV")
    assert found["proportions"]["test"] == pytest.approx(2 / 78)
    values = figures(result.out)["katz"]
    assert values["hits@2"] != [None]
    assert values["hits@3"] == [None]  # one edge has two negatives
    assert "mine: no validation edges" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("evaluate karate --split none", "none: no such file"),
        ("evaluate karate --split . ", ".: holds no table of test edges, such as test.csv"),
        ("evaluate karate --split mine", "mine/test.csv, line 2: ('0', '33') is not an edge"),
        ("evaluate karate --split mine --test 0.2", "--test: makes no sense with --split"),
        ("evaluate karate --split mine --negatives degree", "--negatives: makes no sense with"),
        ("evaluate karate --split mine --protocol X", "--protocol X: input should be 'T' or 'TV'"),
        ("evaluate karate --negatives degre", "--negatives degre: input should be 'uniform'"),
        ("evaluate karate --metrics hits@x", "metric hits@x: K must be a whole number from 1"),
        ("split karate --out mine", "mine: exists; add --overwrite"),
        ("split karate --out a --format xlsx", "a: cannot write tables of '.xlsx'"),
        ("split karate --out a --negatives given", "'given' are not drawn; use one of uniform"),
        ("split karate --out a --test 2", "--test 2: input should be less than 1"),
        ("split karate --out a --seed -1", "--seed -1: must be a whole number"),
        ("split nothing.csv --out a", "nothing.csv: no such file"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    call: Caller, folder: Path, arguments: str, said: str
) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "test.csv").write_text("0,1\n0,33\n")
    assert said.replace("('0', '33')", "(0, 33)") in refused(call, folder, *arguments.split())


def test_a_split_in_python_is_evaluated_too(karate: Graph, tmp_path: Path) -> None:
    split = split_edges(karate, seed=2, test=0.2)
    found = evaluate(split, ["katz"], runs=2, seed=5, keep=tmp_path / "runs")
    drawn = evaluate(karate, ["katz"], runs=1, seed=2, test=0.2)
    assert found.given_split
    for metric, summary in drawn.metrics["katz"].items():
        assert found.metrics["katz"][metric].values == summary.values * 2
    with pytest.raises(InputError, match="test: a given split has its own; omit it"):
        evaluate(split, ["katz"], test=0.3)
    nothing = Split.without_holdout(karate)
    with pytest.raises(InputError, match="an evaluation needs test pairs"):
        evaluate(nothing, ["katz"])
    known = Split.from_pairs(karate, test=[(0, 1)])
    with pytest.raises(InputError, match="early stopping needs validation pairs"):
        open_evaluation(known, ["gae"], patience=10)  # before any run


def test_a_model_learns_from_a_split_with_any_negatives(karate: Graph) -> None:
    """Early stopping looks at validation pairs of which each edge has several."""
    negatives = [[(0, 9), (0, 14)], [(33, 1), (33, 3), (33, 4)]]
    split = Split.from_pairs(
        karate, validation=[(0, 1), (33, 32)], validation_negatives=negatives, test=[(2, 3)]
    )
    found = evaluate(split, ["gae"], runs=1, steps=20, patience=10, metrics="auc")
    assert found.negatives == "given"
    view = split.training.as_split()
    assert view.validation.groups is split.validation.groups
    assert split_edges(karate, seed=0).training.as_split().settings.negatives == "given"
    assert Split.without_holdout(karate).training.as_split().settings.negatives == "uniform"


def test_kept_runs_of_one_split_are_not_taken_for_those_of_another(
    karate: Graph, tmp_path: Path
) -> None:
    splits = [split_edges(karate, seed=seed) for seed in (0, 1)]
    for split in (*splits, karate):
        work = open_evaluation(split, ["katz"], runs=1, metrics="auc", keep=tmp_path / "runs")
        assert work.n_taken_over == 0
        work.run()
    again = open_evaluation(splits[0], ["katz"], runs=1, metrics="auc", keep=tmp_path / "runs")
    assert again.n_taken_over == 1


def test_the_tables_of_a_file_carry_its_ids(call: Caller, folder: Path) -> None:
    edges = [(f"node {i}", f"node {(i + step) % 30}") for i in range(30) for step in (1, 2)]
    (folder / "edges.csv").write_text("\n".join(f"{a},{b}" for a, b in edges) + "\n")
    assert call("split", "edges.csv", "--out", "parts").status == 0
    text = (folder / "parts" / "test.csv").read_text()
    assert text.startswith('"source","target"\n"node ')
    graph = Graph.from_pairs(edges)
    assert read_split(folder / "parts", graph).train.n_edges == 60 - 3 - 6


# ------------------------------------------------------- any methods, any tasks


def test_evaluate_prints_the_object_of_the_contract(call: Caller, folder: Path) -> None:
    result = call(
        "evaluate", "karate", "--models", "vgae,gae", "--runs", 2, "--seed", 3, "--steps", 3,
        "--json",
    )  # fmt: skip
    found = json.loads(result.out)
    assert found["graph"] == "karate"
    assert found["protocol"] == "T"
    assert found["proportions"] == {"train": 0.85, "validation": 0.05, "test": 0.1}
    assert found["runs"] == 2
    assert (found["negatives"], found["given_split"]) == ("uniform", False)
    row = found["results"][1]
    assert (row["model"], row["kind"], row["preset"]) == ("gae", "gae", "paper")
    assert row["features"] is False
    assert len(row["metrics"]["auc"]["values"]) == 2
    assert row["metrics"]["hits@10"] == {
        "mean": None,
        "standard_error": None,
        "interval": None,
        "values": [None, None],
    }
    assert row["settings"]["latent_dim"] == 16
    assert found["comparisons"][0]["first"] == "gae"
    assert "run 4/4: gae, seed 4" in result.err
    table = call("evaluate", "karate", "--runs", 3, "--steps", 3, "--out", "scores.csv")
    assert listing(folder) == ["scores.csv"]
    assert table.out.splitlines()[0].startswith("model [T, 85 / 5 / 10]\tAUC\tAP\tHits@10")
    assert "±" in table.out.splitlines()[1]
    assert "protocol T, split 85 / 5 / 10" in table.err
    with Path("scores.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert rows[0]["protocol"] == "T"
    assert rows[0]["overrides"] == "steps=3"
    default = set(DEFAULT_METHODS) - {"propagated-features"}  # which needs features
    assert len(rows) == len(default) * len(LINK_METRICS)
    assert {row["model"] for row in rows} == default
    assert {row["negatives"] for row in rows} == {"uniform"}
    assert float(rows[0]["low"]) < float(rows[0]["mean"]) < float(rows[0]["high"])


def test_evaluate_makes_a_page_beside_its_table(call: Caller, folder: Path) -> None:
    options = ["--models", "gae,katz", "--runs", 2, "--steps", 2, "--mask", 0.5, "--metrics", "auc"]
    command = ["evaluate", "karate", *options, "--report", "page.html"]
    made = call(*command, "--json")
    assert made.status == 0, made.err
    assert "report: page.html" in made.err
    found = {row["model"]: row["objective"] for row in json.loads(made.out)["results"]}
    assert found == {"gae": "sampled", "katz": None}
    html = Path("page.html").read_text()
    assert f'<code id="command">vgae {" ".join(map(str, command))} --json</code>' in html
    assert "Differences to katz" in html
    assert "page.html: exists" in refused(call, folder, *command)
    for place, said in (
        ("page.pdf", "page.pdf: a page ends in .html"),
        ("nowhere/page.html", "there is no folder nowhere"),
    ):
        assert said in refused(call, folder, "evaluate", "karate", "--report", place)
    printed = call(*command, "--overwrite", "--out", "scores.csv")
    assert printed.status == 0, printed.err
    assert "gae: without features, preset paper, mask 0.5, steps 2, objective sampled" in (
        " ".join(printed.err.split())
    )
    with Path("scores.csv").open() as handle:
        assert [row["objective"] for row in csv.DictReader(handle)] == ["sampled", ""]


def test_evaluate_compares_any_methods_on_any_tasks(call: Caller) -> None:
    result = call(
        "evaluate", "karate", "--models", "gae,katz,spectral", "--runs", 3, "--steps", 3,
        "--latent-dim", 4, "--set", "katz.attenuation=0.9", "--set", "spectral.tie=1.0",
        "--tasks", "links,nodes,clusters", "--metrics", "full_average_precision,auc", "--compare",
    )  # fmt: skip
    assert result.status == 0
    lines = result.out.splitlines()
    assert lines[0] == "model [T, 85 / 5 / 10]\tfull AP\tAUC\tAccuracy\tNMI\tARI"
    assert [line.split("\t")[0] for line in lines[1:7:2]] == ["gae", "katz", "spectral"]
    assert [line.split("\t")[0] for line in lines[2:7:2]] == ["  95 % interval"] * 3
    assert lines[3].endswith("\t-\t-\t-")  # a heuristic has no embedding
    assert lines[7].split("\t") == [
        "difference", "metric", "mean", "95 % interval", "runs ahead",
    ]  # fmt: skip
    assert lines[8].startswith("katz - gae\tfull AP\t")
    for said in (
        "gae: without features, preset paper, latent_dim 4, steps 3",
        "katz: without features, attenuation 0.9",
        "spectral: without features, latent_dim 4, tie 1.0",
        "protocol T, split 85 / 5 / 10",
    ):
        assert said in result.err


def test_evaluate_asks_for_the_direction_of_arcs(call: Caller, folder: Path) -> None:
    arcs = random_arcs(40, 0.08, 0).edges
    rows = np.concatenate([arcs, arcs[::3, ::-1]])
    (folder / "arcs.csv").write_text("".join(f"{i},{j}\n" for i, j in rows))
    asked = (
        "evaluate", folder / "arcs.csv", "--models", "gae,degree", "--runs", 2, "--steps", 3,
        "--task", "general,biased,bidirectional", "--metrics", "auc,mrr,hits@3", "--test", 0.3,
    )  # fmt: skip
    result = call(*asked, "--directed")
    assert result.status == 0, result.err
    assert result.out.splitlines()[0].split("\t")[1:] == [
        "AUC", "MRR", "Hits@3", "AUC biased", "MRR biased", "Hits biased@3",
        "AUC bidir.", "MRR bidir.", "Hits bidirectional@3",
    ]  # fmt: skip
    assert refused(call, folder, *asked).endswith("read it with --directed (directed=True)")
    unknown = (*asked[:-6], "--task", "reverse")
    assert "unknown task 'reverse'" in refused(call, folder, *unknown)


def test_an_option_reaches_every_method_that_has_the_setting(call: Caller) -> None:
    result = call(
        "evaluate", "digits", "--models", "vgae,gae,spectral,vae,katz", "--runs", 2,
        "--latent-dim", 3, "--encoder", "linear", "--likelihood", "squared", "--steps", 1,
        "--set", "vae.epochs=1", "--metrics", "auc", "--json",
    )  # fmt: skip
    assert result.status == 0, result.err
    overrides = {row["model"]: row["overrides"] for row in json.loads(result.out)["results"]}
    encoder = {"latent_dim": 3, "encoder": "linear", "likelihood": "squared", "steps": 1}
    assert overrides == {
        "vgae": encoder,
        "gae": encoder,
        "spectral": {"latent_dim": 3},
        "vae": {"latent_dim": 3, "epochs": 1},
        "katz": {},
    }


def test_no_features_drops_them(call: Caller) -> None:
    options = ("--runs", 1, "--steps", 1, "--models", "gae", "--json")
    assert json.loads(call("evaluate", "digits", *options).out)["results"][0]["features"] is True
    result = call("evaluate", "digits", "--no-features", *options)
    assert json.loads(result.out)["results"][0]["features"] is False


def test_a_suffix_that_is_not_written_is_named(call: Caller, folder: Path) -> None:
    line = refused(call, folder, "evaluate", "karate", "--out", "scores.json")
    assert line.startswith("Error: scores.json: cannot write '.json'; use one of ")


# -------------------------------------------------------------------- reproduce


def test_reproduce_prints_and_keeps_the_table(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = Experiment.parse(
        {
            "dataset": "karate",
            "column": 1,
            "source": "nobody, nowhere",
            "split": {"validation": 0.1, "test": 0.2, "protocol": "T"},
            "cells": [
                {
                    "row": "KATZ",
                    "method": "katz",
                    "settings": {},
                    "needs_features": False,
                    "published": {"auc": 100.0, "average_precision": 1.0},
                    "seconds": 1.0,
                }
            ],
        }
    )
    monkeypatch.setattr("vgae.learning.reproduction.experiments", lambda _: [experiment])
    result = call("reproduce", "--runs", 2, "--out", "kept")
    assert result.status == 0
    header, row = (line.split("\t") for line in result.out.splitlines())
    assert header[:4] == ["data [T, 70 / 10 / 20]", "method", "AUC", "paper"]
    assert row[:2] == ["karate", "KATZ"]
    assert row[4].endswith("(below)")
    assert row[7].startswith("+")
    assert "karate KATZ, run 2/2: AUC" in result.err
    assert "0 s left" in result.err
    assert listing(folder / "kept") == [
        "karate-katz.json",
        "table.csv",
        "table.json",
        "table.md",
    ]
    again = call("reproduce", "--runs", 2, "--out", "kept", "--json")
    assert "run 1/2" not in again.err
    assert json.loads(again.out)[0]["auc_published"] == 100.0


# ---------------------------------------------------------------------- compare


@pytest.fixture
def run(call: Caller, folder: Path) -> Path:
    assert folder
    done = call("fit", "karate", "--out", "run", "--steps", 20, "--quiet")
    assert done.status == 0, done.err
    return Path("run")


def test_compare_shows_runs_side_by_side(call: Caller, run: Path) -> None:
    assert call("fit", "karate", "--out", "other", "--steps", 5, "--quiet").status == 0
    result = call("compare", run, "other")
    lines = [line.split("\t") for line in result.out.splitlines()]
    assert lines[0][:2] == ["test", "AUC"]
    assert [line[0] for line in lines[1:3]] == ["run", "other"]
    assert ["steps", "20", "5"] in lines
    assert any(line[0] == "other - run" for line in lines)
    found = json.loads(call("compare", run, "other", "--json").out)
    assert found["runs"] == ["run", "other"]
    assert found["same_pairs"] is True
    by_metric = {one["metric"]: one["amount"] for one in found["differences"]}
    one, other = (vgae.load(name).metrics_["test"]["auc"] for name in ("run", "other"))
    assert by_metric["auc"] == pytest.approx(other - one)


def test_compare_writes_a_page(call: Caller, run: Path) -> None:
    pytest.importorskip("jinja2", reason="Jinja2, which pages need, is missing")
    assert call("fit", "karate", "--out", "other", "--steps", 5, "--quiet").status == 0
    result = call("compare", run, "other", "--out", "page.html")
    assert result.status == 0, result.err
    assert "<h1>2 runs compared</h1>" in Path("page.html").read_text()
    assert "page: page.html" in result.err


def test_compare_says_where_pairs_differ(call: Caller, run: Path) -> None:
    assert call("fit", "karate", "--out", "other", "--steps", 5, "--seed", 1, "--quiet").status == 0
    result = call("compare", run, "other")
    assert "held out different pairs" in " ".join(result.err.split())
    assert "other - run" not in result.out


def test_compare_says_that_nothing_was_held_out(call: Caller, folder: Path) -> None:
    assert folder
    for graph, name in (("karate", "one"), ("lesmis", "two")):
        bare = ("fit", graph, "--no-holdout", "--steps", 1, "--out", name, "--quiet")
        assert call(*bare).status == 0
    result = call("compare", "one", "two", "--out", "page.html")
    said = "o run held test pairs out, so that there are no differences to tell; fit without "
    assert f"n{said}--no-holdout" in " ".join(result.err.split())
    assert "different pairs" not in result.err
    page = Path("page.html").read_text()
    assert f"N{said}--no-holdout" in page
    assert "different pairs" not in page


def test_compare_refuses(call: Caller, folder: Path, run: Path) -> None:
    assert "two or more" in refused(call, folder, "compare", run)
    assert "two or more" in refused(call, folder, "compare", run, run)
    assert "no such run" in refused(call, folder, "compare", run, "nowhere")
    assert "ends in .html" in refused(call, folder, "compare", run, "x", "--out", "page.txt")
    assert "without --out" in refused(call, folder, "compare", run, "x", "--overwrite")
