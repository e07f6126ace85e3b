"""The command line as a user meets it, in this process where that suffices."""

import gzip
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command import Caller, listing, refused
from scipy import sparse

import vgae
from vgae.data.split import SplitSettings
from vgae.learning.settings import TrainSettings
from vgae.model.settings import ModelSettings

VGAE = str(Path(sys.executable).with_name("vgae"))


# ------------------------------------------------------------------ the program


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
        ("fit coar --out new", "unknown data set 'coar': did you mean 'cora'?"),
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


# --------------------------------------------------------------- whole process


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


def test_what_means_little_is_said(call: Caller, folder: Path, run: Path) -> None:
    (folder / "karate").write_text("a,b\nb,c\n")
    result = call("fit", "karate", "--steps", 0, "--out", "new", "--json")
    assert "karate is the data set; ./karate is the file of that name" in result.err
    assert "nothing was learned" in result.err
    assert "percent" not in result.err
    (folder / "loops.csv").write_text("n0,n0\nn0,n1\n")
    for out in ([], ["--out", "p.csv"]):
        said = call("predict", run, "loops.csv", *out).err
        assert said.count("1 pair joins a node with itself") == 1
