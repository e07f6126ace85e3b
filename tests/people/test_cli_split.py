"""`vgae split`, and `vgae evaluate` on its tables, on tables by hand, and against any negatives."""

import json
from pathlib import Path
from typing import Any

import pytest
from command import Caller, listing, refused

from vgae.data.datasets import load_dataset
from vgae.data.graph import Graph
from vgae.data.io import read_split
from vgae.data.split import Split, split_edges
from vgae.ground.errors import InputError
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


@pytest.mark.usefixtures("folder")
def test_fit_names_negatives_that_are_not_uniform(call: Caller) -> None:
    result = call("fit", "karate", "--out", "run", "--steps", 2, "--negatives", "two-hop")
    assert result.status == 0
    assert "(train / validation / test), two-hop negatives, seed 0" in result.err


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
