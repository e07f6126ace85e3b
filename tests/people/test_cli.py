"""The command line as a user meets it, in this process where that suffices."""

import csv
import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.ipc
import pyarrow.parquet
import pytest
from command import Caller, listing, refused
from graphs import random_arcs
from scipy import sparse

import vgae
from vgae.data.split import SplitSettings
from vgae.data.tables import open_table
from vgae.learning.judge import LINK_METRICS
from vgae.learning.reproduction import Experiment
from vgae.learning.results import DEFAULT_METHODS
from vgae.learning.settings import TrainSettings
from vgae.model.settings import ModelSettings

VGAE = str(Path(sys.executable).with_name("vgae"))


@pytest.fixture
def edges(folder: Path) -> Path:
    """Two rings over sixty nodes, with a self loop, a duplicate and a reversed row."""
    rows = [(f"n{i}", f"n{(i + step) % 60}") for i in range(60) for step in (1, 5)]
    rows += [("n0", "n0"), ("n0", "n1"), ("n1", "n0")]
    path = folder / "edges.csv"
    path.write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in rows))
    return path


@pytest.fixture
def run(call: Caller, edges: Path) -> Path:
    assert call("fit", edges, "--out", "run", "--steps", 8, "--quiet").status == 0
    return Path("run")


# -------------------------------------------------------------------- commands


def test_help_names_every_command_and_the_true_defaults(call: Caller) -> None:
    text = call("--help").out
    for command in (
        "fit",
        "inspect",
        "plan",
        "evaluate",
        "reproduce",
        "predict",
        "recommend",
        "embed",
        "datasets",
    ):
        assert re.search(rf"^  {command} ", text, re.MULTILINE)
    details = " ".join(call("fit", "--help").out.split())
    model, training, split = ModelSettings(), TrainSettings(), SplitSettings()
    assert (
        f"paper: hidden {model.hidden_dim}, latent {model.latent_dim}, "
        f"Adam {training.learning_rate}, {training.steps} steps, {model.features} features"
    ) in details
    assert f"validation; default {split.validation}" in details
    assert f"the test; default {split.test}" in details
    assert f"{split.negatives} (default)" in details
    for option in ("--version", "-V"):
        assert call(option).out == f"vgae {vgae.__version__}\n"


def test_help_is_fast_and_loads_nothing_heavy() -> None:
    # Beside what it is built with, as seconds alone say how busy a machine is.
    bare = [sys.executable, "-c", "import numpy, pydantic, rich.console, typer"]
    times: dict[str, list[float]] = {"help": [], "bare": []}
    for _ in range(4):
        for name, command in (("help", [VGAE, "--help"]), ("bare", bare)):
            started = time.perf_counter()
            answer = subprocess.run(command, capture_output=True, check=True)
            times[name].append(time.perf_counter() - started)
            assert (b"recommend" in answer.stdout) == (name == "help")
    assert min(times["help"]) < 3 * min(times["bare"])
    command = [sys.executable, "-X", "importtime", "-m", "vgae", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in told.splitlines()}
    assert "typer" in loaded
    assert not loaded & {"torch", "scipy", "sklearn", "numba", "pandas", "pyarrow", "matplotlib"}


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "vgae"]
    answer = subprocess.run([*command, "-V"], capture_output=True, text=True, check=True)
    assert answer.stdout == f"vgae {vgae.__version__}\n"
    wrong = subprocess.run([*command, "fit", "karate"], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stderr) == (2, "Error: Missing option '--out'; see --help\n")


def test_fit_reports_scores_on_stdout_and_the_rest_on_stderr(call: Caller, edges: Path) -> None:
    result = call("fit", edges, "--out", "deep/run", "--steps", 20)
    assert result.status == 0
    assert [line.split("\t")[0] for line in result.out.splitlines()] == [
        "held out [T, 85 / 5 / 10]",
        "validation",
        "test",
    ]
    for said in (
        "with a header",
        "dropped 1 self loop, merged 1 duplicate row, merged 1 reversed row",
        "60 nodes, 120 edges, no features",
        "step 20/20",
        "protocol T, split 85 / 5 / 10",
        "run folder: deep/run",
    ):
        assert said in result.err
    about = json.loads(Path("deep/run/run.json").read_text())
    assert about["graph"]["name"] == str(edges)


def test_fit_without_holdout_scores_nothing(call: Caller, edges: Path) -> None:
    result = call("fit", edges, "--out", "run", "--steps", 5, "--no-holdout", "--model", "gae")
    assert (result.status, result.out) == (0, "")
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["test"] is None
    assert metrics["proportions"]["train"] == 1.0
    with np.load("run/split.npz") as split:
        assert len(split["train_edges"]) == 120


def test_fit_takes_every_setting(call: Caller, edges: Path) -> None:
    options = (
        "--preset unit --hidden-dim 8 --latent-dim 4 --learning-rate 0.02 --class-weight none "
        "--bias --no-residual --validate-every 5 --device cpu --engine tiles "
        "--patience 20 --seed 3 --validation 0.1 --test 0.2 --protocol TV --json --quiet"
    ).split()
    result = call("fit", edges, "--out", "run", "--steps", 30, *options)
    assert result.status == 0
    assert result.err == ""
    assert json.loads(result.out)["protocol"] == "TV"
    settings = json.loads(Path("run/run.json").read_text())["settings"]
    network = ModelSettings(
        hidden_dim=8, latent_dim=4, class_weight="none", bias=True, features="unit"
    )
    training = TrainSettings(
        steps=30, learning_rate=0.02, patience=20, validate_every=5, engine="tiles"
    )
    assert settings["network"] == network.model_dump() | {"objective": "exact"}
    assert settings["training"] == training.model_dump()
    assert settings["seed"] == 3


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


def test_no_features_drops_them(call: Caller) -> None:
    options = ("--runs", 1, "--steps", 1, "--models", "gae", "--json")
    assert json.loads(call("evaluate", "digits", *options).out)["results"][0]["features"] is True
    result = call("evaluate", "digits", "--no-features", *options)
    assert json.loads(result.out)["results"][0]["features"] is False


def test_datasets_lists_all(call: Caller, folder: Path) -> None:
    rows = {row["name"]: row for row in json.loads(call("datasets", "--json").out)}
    assert set(rows) == {"digits", "karate", "lesmis", "cora", "citeseer", "pubmed"}
    assert rows["digits"]["cached"] is True
    for key in ("nodes", "edges", "features", "licence", "citation", "cached"):
        assert key in rows["cora"]
    assert "karate\t34\t78" in call("datasets").out
    assert call("datasets", "--out", "sets.parquet").status == 0
    assert listing(folder) == ["sets.parquet"]


# -------------------------------------------------------------- standard input


def piped(text: str | bytes, *arguments: object) -> subprocess.CompletedProcess[str]:
    content = text.encode() if isinstance(text, str) else text
    answer = subprocess.run([VGAE, *map(str, arguments)], input=content, capture_output=True)
    out, err = answer.stdout.decode(), answer.stderr.decode()
    return subprocess.CompletedProcess(answer.args, answer.returncode, out, err)


def test_a_graph_and_pairs_come_from_standard_input(
    call: Caller, folder: Path, edges: Path
) -> None:
    options = ("--out", "piped", "--steps", 3)
    answer = piped(gzip.compress(edges.read_bytes(), mtime=0), "fit", "-", *options)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.startswith("standard input: comma-separated, gzip, 2 columns, with a")
    assert "\nstandard input: 60 nodes, 120 edges, no features\n" in answer.stderr
    assert json.loads((folder / "piped/run.json").read_text())["graph"]["name"] == "standard input"
    assert call("fit", edges, "--out", "run", "--steps", 3, "--quiet").status == 0
    np.testing.assert_array_equal(vgae.load("piped").embedding_, vgae.load("run").embedding_)
    told = call("predict", "run", "-", "--json", "--quiet", stdin=b"n3,n9\nn0,n1\n").out
    rows = [json.loads(line) for line in told.splitlines()]
    assert [(row["source"], row["target"]) for row in rows] == [("n3", "n9"), ("n0", "n1")]


def test_attributes_and_new_nodes_come_from_standard_input(
    call: Caller, folder: Path, edges: Path
) -> None:
    ages = "id,age\n" + "".join(f"n{i},{i % 7}\n" for i in range(60))
    options = ("--out", "run", "--steps", 2, "--quiet")
    answer = call("fit", edges, "--features", "-", *options, stdin=ages.encode())
    assert answer.status == 0, answer.err
    new = ("--new-nodes", "-", "--node", "zoe", "--top", 2)
    assert call("recommend", "run", *new, stdin=b"id,age\nzoe,3\n").out.count("zoe\t") == 2
    answer = call("recommend", "run", *new, stdin=b"id,age\nn1,3\n")
    assert answer.err.splitlines()[-1].startswith("Error: standard input: ")
    missing = ages.replace("n7,0", "n7,").encode()
    answer = call("inspect", edges, "--features", "-", stdin=missing)
    assert "Error: standard input, line 9: column 'age' is empty" in answer.err
    (folder / "pairs.csv").write_text("n0,n1\n")
    answer = call("predict", "run", "-", "--new-nodes", "-", stdin=b"id,age\nzoe,3\n")
    assert "only one input can come from standard input" in answer.err


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"", (), "standard input: is empty"),
        (b"a,b\nb,c,d\n", (), "standard input, line 2: 3 columns where the first row has 2"),
        (b"PAR1....PAR1", (), "standard input: is Parquet, and only delimited text is read"),
        (b"ARROW1..", (), "standard input: is Arrow, and only delimited text"),
        (b"\x93NUMPY..", (), "standard input: is NumPy's .npy, and only"),
        (b"%%MatrixMarket matrix", (), "standard input: is Matrix Market, and only"),
        (b"<graphml>", (), "standard input: is XML"),
        (b"a,b\n" * 999, ("--max-bytes", "1kB"), "standard input: holds more than 1 kB"),
        (
            gzip.compress(b"a,b\n" * 999, mtime=0),
            ("--max-bytes", "1kB"),
            "standard input: holds more than",
        ),
    ],
)
def test_standard_input_that_cannot_be_read(
    call: Caller, folder: Path, content: bytes, options: tuple[str, ...], said: str
) -> None:
    answer = call("inspect", "-", *options, stdin=content)
    assert answer.status == 2
    assert answer.err.splitlines()[-1].startswith(f"Error: {said}")
    assert answer.out == ""
    assert listing(folder) == []


# ------------------------------------------------------------------- hints


def test_commands_are_suggested_as_a_shell_takes_them(call: Caller, folder: Path) -> None:
    (folder / "my folder").mkdir()
    err = call("fit", "karate", "--out", "my folder/run 1", "--steps", 2).err
    suggested = err.splitlines()[-1].removeprefix("next: vgae ")
    assert suggested == "recommend 'my folder/run 1' --top 10"
    assert len(call(*shlex.split(suggested)).out.splitlines()) == 11


def test_the_node_that_was_meant_is_suggested(call: Caller, folder: Path, run: Path) -> None:
    line = refused(call, folder, "recommend", run, "--node", "N7")
    assert line == "Error: node 'N7' is not in the graph: did you mean 'n7'?"
    (folder / "pairs.csv").write_text("n1,n2\nn1,N8\n")
    line = refused(call, folder, "predict", run, "pairs.csv")
    assert line.endswith("line 2: node 'N8' is not in the graph: did you mean 'n8'?")
    assert "did you mean" not in refused(call, folder, "recommend", run, "--node", "n77")
    assert call("fit", "karate", "--out", "numbers", "--steps", 1).status == 0
    line = refused(call, folder, "recommend", "numbers", "--node", "007")
    assert line.endswith("did you mean 7?")


def test_the_file_that_was_meant_is_suggested(call: Caller, folder: Path, run: Path) -> None:
    line = refused(call, folder, "fit", "egdes.csv", "--out", "new")
    assert line.endswith("egdes.csv: no such file or folder; did you mean 'edges.csv'?")
    line = refused(call, folder, "embed", f"{run}s")
    assert line.endswith("no such run folder; did you mean 'run'?")


# -------------------------------------------------------------------- overwrite


@pytest.mark.parametrize(
    "arguments",
    [
        "predict run pairs.csv --out made.csv",
        "recommend run --out made.parquet",
        "recommend run --out made.gexf",
        "embed run --out made.npz",
        "embed run --out made.w2v",
        "embed run --out made.projector",
        "datasets --out made.jsonl",
        "evaluate karate --models katz --runs 1 --out made.csv",
    ],
)
def test_a_table_is_replaced_when_told_so_alone(
    call: Caller,
    folder: Path,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
) -> None:
    (folder / "pairs.csv").write_text("n0,n1\n")
    assert run.is_dir()
    words = arguments.split()
    assert call(*words).status == 0
    made = folder / words[-1]
    times = [item.stat().st_mtime_ns for item in (made, *made.glob("*"))]

    def worked(*_: object, **__: object) -> None:
        raise AssertionError("work began")

    with monkeypatch.context() as patch:
        for function in ("people.api.load", "people.api.evaluate", "data.datasets.is_cached"):
            patch.setattr(f"vgae.{function}", worked)
        line = refused(call, folder, *words)
    assert line.startswith(f"Error: {words[-1]}: exists; add --overwrite")
    assert [item.stat().st_mtime_ns for item in (made, *made.glob("*"))] == times
    assert call(*words, "--overwrite").status == 0
    assert made.stat().st_mtime_ns > times[0]


def test_what_prints_and_what_writes_are_not_mixed(call: Caller, folder: Path, run: Path) -> None:
    for command in (f"recommend {run}", f"embed {run}", "datasets"):
        line = refused(call, folder, *command.split(), "--json", "--out", "x.csv")
        assert line == "Error: --json prints and --out writes: name one of them"
        line = refused(call, folder, *command.split(), "--overwrite")
        assert line == "Error: --overwrite: makes no sense without --out"


# ------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "input.csv: no such file"),
        (b"", "input.csv: is empty"),
        (b"a\nb\n", "input.csv: only one column"),
        (b"a,b\nb,c\nc,d,e\n", "input.csv, line 3: 3 columns where the first row has 2"),
        (
            b"source,target,weight\na,b,1\nb,c,nan\n",
            "input.csv, line 3: column 'weight' holds 'nan'",
        ),
        (
            b"source,target,weight\na,b,1\nb,c,inf\n",
            "input.csv, line 3: column 'weight' holds 'inf'",
        ),
        (b"a,b\nb,\xff\n", "input.csv, line 2: is not UTF-8 text"),
        (b"a,a\nb,b\nc,c\n", "0 edges"),
        (b"a,b\nb,c\n", "2 edges: too few to hold out 0.05"),
    ],
)
def test_bad_edge_lists(call: Caller, folder: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (folder / "input.csv").write_bytes(content)
    assert said in refused(call, folder, "fit", "input.csv", "--out", "runs/new")


OTHERS = "".join(f"n{node},1\n" for node in range(1, 60))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("node,x\nn0,1\nzoe,2\n", "features.csv, line 3: node 'zoe' is not in"),
        ("node,x\nn0,1\n", "features.csv: no features for node 'n1'"),
        (f"node,x\nn0,nan\n{OTHERS}", "features.csv, line 2: column 'x' holds 'nan', not a finite"),
        (f"node,x\nn0,inf\n{OTHERS}", "features.csv, line 2: column 'x' holds 'inf', not a finite"),
    ],
)
def test_bad_features(call: Caller, folder: Path, edges: Path, rows: str, said: str) -> None:
    (folder / "features.csv").write_text(rows)
    line = refused(call, folder, "fit", edges, "--features", "features.csv", "--out", "new")
    assert said in line


def test_features_with_infinite_values_in_matrices(call: Caller, folder: Path) -> None:
    (folder / "e.csv").write_text("0,1\n1,2\n")
    values = np.ones((3, 2))
    values[1, 1] = np.inf
    np.save("x.npy", values)
    sparse.save_npz("x.npz", sparse.csr_array(values))
    for name in ("x.npy", "x.npz"):
        line = refused(call, folder, "fit", "e.csv", "--features", name, "--out", "new")
        assert f"{name}: features, row 1, column 1: inf" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("fit coar --out new", "unknown dataset 'coar': did you mean 'cora'?"),
        ("fit karate --model vgea --out new", "unknown model 'vgea': did you mean 'vgae'?"),
        ("fit karate --preset papper --out new", "did you mean 'paper'?"),
        ("fit karate --objective x --out new", "--objective x: input should be 'auto', 'exact'"),
        ("fit karate --learning-rate -1 --out new", "--learning-rate -1: input should be greater"),
        ("fit karate --seed -1 --out new", "--seed -1: input should be greater than or equal to 0"),
        ("fit karate --top -1 --out new", "--top -1: must be 0 or more"),
        ("fit karate --no-holdout --test 0.2 --out new", "--test"),
        ("fit karate --no-holdout --patience 30 --out new", "early stopping needs validation"),
        ("fit karate --patience 3 --out new", "--patience 3 is less than validate_every 10"),
        ("fit karate --learning-rate 1e38 --out new", "--learning-rate 1e+38: input should be"),
        ("evaluate karate --out nowhere/scores.csv", "there is no folder nowhere"),
        ("fit none.csv --protocol tv --out new", "--protocol tv: input should be 'T' or 'TV'"),
        ("fit karate --isolated --out new", "is a data set"),
        ("fit edges.csv --features a.csv --no-features --out new", "exclude each other"),
        ("evaluate karate --models gae,vgea --runs 1", "unknown method 'vgea'"),
        ("evaluate karate --models , --runs 1", "at least one"),
        ("evaluate karate --models gae,vae --runs 1", "vae: learns from node features"),
        ("evaluate karate --metrics acu", "unknown metric 'acu': did you mean 'auc'?"),
        ("evaluate karate --tasks node", "unknown task 'node': did you mean 'nodes'?"),
        ("evaluate edges.csv --tasks clusters", "the graph's nodes have no labels"),
        ("evaluate karate --models katz --steps 3", "--steps 3: katz has no such setting"),
        ("evaluate karate --models katz --set katz", "must read METHOD.SETTING=VALUE"),
        ("evaluate karate --models katz --set katz.attenuation=nan", "katz: attenuation: "),
        ("evaluate karate --models deepwalk --set deepwalk.p=1e9", "deepwalk: p: "),
        (
            "evaluate karate --models katz --set katz.attenuation=0.1 --set katz.attenuation=0.2",
            "--set katz.attenuation: is given twice",
        ),
        ("evaluate karate --models katz --set katz.x=1", "unknown setting of katz 'x'"),
        ("reproduce --only corra", "unknown experiment 'corra': did you mean 'cora'?"),
        ("reproduce --runs 0", "--runs 0: must be a whole number"),
        ("reproduce --out edges.csv", "edges.csv"),
        ("evaluate karate --out scores.xlsx", "cannot write '.xlsx'"),
        ("recommend nowhere", "nowhere: no such run folder"),
        ("recommend run --top 0", "--top 0: must be 1 or more"),
        ("recommend run --node zoe", "node 'zoe' is not in the graph"),
        ("recommend run --out nowhere/x.csv", "there is no folder nowhere"),
        ("predict run none.csv", "none.csv: no such file"),
        ("embed run --out v.json", "cannot write '.json'"),
        ("embed gae --std", "has no posterior"),
    ],
)
def test_bad_arguments(
    call: Caller, folder: Path, run: Path, edges: Path, arguments: str, said: str
) -> None:
    assert run.is_dir()
    if "gae" in arguments.split():
        call("fit", edges, "--model", "gae", "--steps", 1, "--out", "gae", "--quiet")
    assert said in refused(call, folder, *arguments.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("evaluate GRAPH --models vgea", "unknown method 'vgea': did you mean 'vgae'?"),
        ("evaluate GRAPH --preset papper", "did you mean 'paper'?"),
        ("evaluate GRAPH --metrics acu", "unknown metric 'acu'"),
        ("evaluate GRAPH --tasks node", "unknown task 'node'"),
        ("evaluate GRAPH --test 0", "--test 0: an evaluation needs test pairs"),
        ("evaluate GRAPH --test 2", "--test 2: input should be less than 1"),
        ("evaluate GRAPH --runs 0", "--runs 0: must be a whole number"),
        ("evaluate GRAPH --seed -1", "--seed -1: must be a whole number"),
        ("evaluate GRAPH --steps -1", "--steps -1: input should be greater"),
        ("evaluate GRAPH --engine fast", "fast"),
        ("evaluate GRAPH --device tpu", "--device tpu: must be cpu"),
        ("evaluate GRAPH --patience 30 --validation 0", "early stopping needs validation pairs"),
        ("evaluate GRAPH --models katz --set katz.x=1", "unknown setting of katz 'x'"),
        ("evaluate GRAPH --models katz --set vgae.steps=1", "not among the methods"),
        ("evaluate GRAPH --out nowhere/x.csv", "there is no folder nowhere"),
        ("evaluate GRAPH --out x.xlsx", "cannot write '.xlsx'"),
        ("fit GRAPH --out new --model vgea", "unknown model 'vgea'"),
        ("fit GRAPH --out new --preset papper", "did you mean 'paper'?"),
        ("fit GRAPH --out new --seed -1", "seed"),
        ("fit GRAPH --out new --test 2", "--test 2: input should be less than 1"),
        ("fit GRAPH --out new --protocol tv", "protocol"),
        ("fit GRAPH --out new --engine fast", "fast"),
        ("fit GRAPH --out new --device tpu", "--device tpu: must be cpu"),
        ("fit GRAPH --out new --encoder sge", "--encoder sge: input should be 'gcn', 'linear', "),
        ("fit GRAPH --out new --encoder sge", "did you mean 'sage'?"),
        ("fit GRAPH --out new --encoder gat", "'directed', 'directed-multi-hop' or 'signed'"),
        ("fit GRAPH --out new --encoder own", "own: encoders of your own are for Python"),
        ("fit GRAPH --out new --offset nod", "'constant' or 'node'; did you mean 'node'?"),
        ("fit GRAPH --out new --scale-features units", "did you mean 'unit'?"),
        ("fit GRAPH --out new --decoder mlp --objective exact", "mlp scores pairs one by one"),
        ("fit GRAPH --out new --mask 0.5 --objective exact", "sample pairs (--objective sampled)"),
        (
            "fit GRAPH --out new --decoder cosine --likelihood poisson",
            "--decoder cosine can give negative scores, and poisson needs rates: use inner",
        ),
        ("fit GRAPH --out new --layers 0", "--layers 0: input should be greater"),
        ("fit GRAPH --out new --dropout 1", "--dropout 1: input should be less than 1"),
        ("evaluate GRAPH --likelihood poissn", "'gaussian'; did you mean 'poisson'?"),
        ("evaluate GRAPH --likelihood own", "--likelihood own: likelihoods of your own"),
        ("evaluate GRAPH --decoder mlp --objective exact", "--decoder mlp scores pairs one by one"),
        ("evaluate GRAPH --models katz,gae --set gae.decoder=own", "gae.decoder own: decoders of"),
        ("evaluate GRAPH --models katz --encoder sage", "--encoder sage: katz has no such"),
        ("fit GRAPH --out new --top -1", "--top -1"),
        ("fit GRAPH --out new --patience 5", "raise it, or look more often (--validate-every)"),
        ("fit GRAPH --out new --patience 30 --no-holdout", "early stopping needs validation"),
        ("fit GRAPH --out pipe", "exists and is not a folder"),
        ("fit GRAPH --out pipe/new", "a part of this path is a file, not a folder"),
        ("fit GRAPH --out new --missing mean", "need a feature file"),
        ("fit GRAPH --out new --features GRAPH --missing median", "did you mean 'mean'?"),
        ("fit GRAPH --out new --features GRAPH --attribute a=txt", "column 'a': unknown kind"),
        ("inspect GRAPH --features GRAPH --missing median", "did you mean 'mean'?"),
        ("inspect GRAPH --features GRAPH --no-features", "exclude each other"),
        ("inspect GRAPH --attribute age", "must read COLUMN=KIND"),
        ("predict RUN GRAPH --out nowhere/x.csv", "there is no folder nowhere"),
        ("evaluate GRAPH --report nowhere/x.html", "there is no folder nowhere"),
        ("predict RUN GRAPH --out x.xlsx", "cannot write '.xlsx'"),
        ("recommend RUN --top 0", "--top 0: must be 1 or more"),
        ("recommend RUN --out x.xlsx", "cannot write '.xlsx'"),
        ("embed RUN --out nowhere/x.csv", "there is no folder nowhere"),
        ("reproduce --only corra", "unknown experiment 'corra'"),
        ("reproduce --runs 0", "--runs 0: must be a whole number"),
        ("reproduce --out pipe", "pipe"),
    ],
)
def test_nothing_is_read_before_all_else_is_checked(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, said: str
) -> None:
    def read(*_: object, **__: object) -> None:
        raise AssertionError("a file was read")

    readers = (
        *("data.io.read_edges", "data.io.read_format", "data.io.pair_rows"),
        "learning.store._read_record",
        "learning.reproduction.load_dataset",
    )
    for reader in readers:
        monkeypatch.setattr(f"vgae.{reader}", read)
    (folder / "pipe").touch()
    named = {"GRAPH": "big.csv", "RUN": "run"}
    (folder / "big.csv").touch()
    assert said in refused(call, folder, *(named.get(word, word) for word in arguments.split()))


def test_a_directed_graph_is_shown_and_fitted(call: Caller, folder: Path) -> None:
    (folder / "e.csv").write_text("source,target\na,b\nb,a\nb,c\n")
    (folder / "arrows.txt").write_text("a -> b\nb -> a\n")
    assert "edges\t2 (undirected)" in call("inspect", "e.csv").out
    shown = call("inspect", "e.csv", "--directed").out
    assert "edges\t3 (directed)" in shown
    assert "preset\tpaper" in shown
    assert json.loads(call("inspect", "e.csv", "--directed", "--json").out)["plan"]["steps"] == 200
    assert "--directed (directed=True) keeps it" in call("inspect", "arrows.txt").err
    assert "edges\t2 (directed)" in call("inspect", "arrows.txt", "--directed").out
    rows = [f"{i},{(i + step) % 40}" for i in range(40) for step in (1, 3)]
    (folder / "ring.csv").write_text("source,target\n" + "\n".join(rows))
    asked = ("fit", "ring.csv", "--directed", "--out", "new", "--steps", 3)
    said = refused(call, folder, *asked, "--decoder", "cosine")
    assert "decoder cosine: scores a pair the same in both directions" in said
    assert said.endswith("(--undirected, directed=False)")
    result = call(*asked)
    assert result.status == 0, result.err
    assert "the graph is directed: encoder directed and decoder directed-inner" in result.err
    assert call("recommend", "new", "--top", 3).out.count("\n") == 4
    methods = ("--models", "gae,katz,degree", "--steps", 3, "--runs", 2, "--json")
    result = call("evaluate", "ring.csv", "--directed", *methods)
    assert result.status == 0, result.err


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


def test_patience_goes_with_how_often_is_looked(call: Caller, folder: Path) -> None:
    options = ("--steps", 12, "--validate-every", 2, "--patience", 5, "--quiet")
    assert call("fit", "karate", "--out", "run", *options).status == 0
    lines = (folder / "run" / "history.jsonl").read_text().splitlines()
    looked = [step for step, line in enumerate(lines, start=1) if "validation" in json.loads(line)]
    assert looked[:2] == [2, 4]


def test_a_pair_of_an_unknown_node_names_its_line(call: Caller, folder: Path, run: Path) -> None:
    (folder / "pairs.csv").write_text("n0,n1\nn0,zoe\n")
    line = refused(call, folder, "predict", run, "pairs.csv", "--out", "p.csv")
    said = "node 'zoe' is not in the graph"
    assert line == f"Error: pairs.csv, line 2: {said}"


def test_an_existing_folder_needs_overwrite(call: Caller, folder: Path, run: Path) -> None:
    before = (run / "run.json").read_text()
    assert "add --overwrite" in refused(call, folder, "fit", "karate", "--out", run)
    (folder / "thesis").mkdir()
    (folder / "thesis" / "chapter.tex").touch()
    line = refused(call, folder, "fit", "karate", "--out", "thesis", "--overwrite")
    assert "holds another file, chapter.tex" in line
    line = refused(call, folder, "fit", "karate", "--out", "edges.csv")
    assert "exists and is not a folder" in line
    assert (run / "run.json").read_text() == before
    assert call("fit", "karate", "--out", run, "--steps", 1, "--overwrite").status == 0
    assert (run / "run.json").read_text() != before


def test_a_place_that_cannot_be_written_is_found_before_training(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", read_only)
    assert "read-only file system" in refused(call, folder, "fit", "karate", "--out", "new")


def test_usage_errors_are_one_line_too(call: Caller, folder: Path) -> None:
    assert "Missing option '--out'; see --help" in refused(call, folder, "fit", "karate")
    assert "No such command 'fly'" in refused(call, folder, "fly")
    line = refused(call, folder, "fit", "karate", "--steps", "many", "--out", "x")
    assert "Invalid value for '--steps'" in line
    assert call().out == call("--help").out


def test_our_own_fault_is_status_one(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("vgae.people.api.make_estimator", broken)
    result = call("fit", "karate", "--out", "new", "--quiet")
    assert result.status == 1
    assert "RuntimeError: a bug" in result.err
    assert "please report it" in result.err
    assert listing(folder) == []
    monkeypatch.setenv("VGAE_TRACEBACK", "1")
    assert "Traceback" in call("fit", "karate", "--out", "new", "--quiet").err


@pytest.mark.parametrize("error", [OSError("a bug"), PermissionError(13, "Permission denied")])
def test_what_fails_in_training_is_no_damaged_file(
    call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("vgae.learning.fitting.train", broken)
    result = call("fit", "karate", "--out", "new", "--quiet")
    assert result.status == 1
    assert f"{type(error).__name__}: {error} - this is a fault of vgae" in result.err
    assert "damaged" not in result.err
    assert listing(folder) == []


# --------------------------------------------------------------- whole process


def test_ctrl_c_keeps_what_was_learned(call: Caller, folder: Path) -> None:
    assert call("fit", "karate", "--steps", 1, "--out", "first").status == 0  # compiles the loops
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [VGAE, "fit", "karate", "--steps", "1000000", "--out", "run"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    while not list(folder.glob(".run.*.partial")):  # made when all is read and training begins
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted after step" in err
    assert err.splitlines()[-1] == "Error: interrupted"
    assert "test" in out
    assert "Traceback" not in err
    about = json.loads((folder / "run" / "run.json").read_text())
    assert about["interrupted"] is True
    assert len(vgae.load(folder / "run").history_) > 0
    assert sorted(item.name for item in folder.iterdir()) == ["first", "run"]


def test_a_closed_pipe_is_no_error(call: Caller, folder: Path) -> None:
    graph = [f"{i},{i + 1}" for i in range(20_000)]
    (folder / "long.csv").write_text("\n".join(graph))
    fitted = call("fit", "long.csv", "--steps", 0, "--out", "run", "--quiet", "--no-holdout")
    assert fitted.status == 0
    command = f"set -o pipefail; {VGAE} embed run | head -n 1"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert answer.stdout.startswith("node\tz0")
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_reader_of_remarks_that_leaves_does_not_cost_the_run(folder: Path) -> None:
    command = f"{VGAE} fit karate --steps 100 --out run 2>&1 >/dev/null | head -n 1"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert answer.stdout.startswith("karate: 34 nodes")
    assert (folder / "run" / "run.json").is_file()


def test_a_full_disk_behind_standard_output_is_one_line(folder: Path, run: Path) -> None:
    assert folder.is_dir()
    answer = subprocess.run(
        ["bash", "-c", f"{VGAE} embed {run} > /dev/full"], capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert answer.stderr == "Error: standard output: no space left on device\n"


def test_a_terminal_without_special_letters_costs_no_results() -> None:
    command = [VGAE, "evaluate", "karate", "--runs", "2", "--steps", "1", "--quiet"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    answer = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert answer.returncode == 0
    assert r"\xb1" in answer.stdout


def test_results_do_not_lie_in_the_run_that_they_come_from(
    call: Caller, folder: Path, run: Path
) -> None:
    for command, name in (("recommend", "links.csv"), ("embed", "embeddings.parquet")):
        line = refused(call, folder, command, run, "--out", run / name, "--overwrite")
        assert "lies in the run folder" in line
    assert vgae.load(run).interrupted_ is False


def test_what_means_little_is_said(call: Caller, folder: Path, run: Path) -> None:
    (folder / "karate").write_text("a,b\nb,c\n")
    result = call("fit", "karate", "--steps", 0, "--out", "new", "--json")
    assert "karate is the data set; ./karate is the file of that name" in result.err
    assert "nothing was learned" in result.err
    assert "percent" not in result.err
    (folder / "loops.csv").write_text("n0,n0\nn0,n1\n")
    assert "1 pair joins a node with itself" in call("predict", run, "loops.csv").err


def test_a_suffix_that_is_not_written_is_named(call: Caller, folder: Path) -> None:
    line = refused(call, folder, "evaluate", "karate", "--out", "scores.json")
    assert line.startswith("Error: scores.json: cannot write '.json'; use one of ")


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
