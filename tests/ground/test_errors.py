"""The errors that people see: one line each, and no other traceback before it."""

import ast
import re
import sysconfig
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import vgae
from vgae.ground.errors import (
    InputError,
    NotFittedError,
    VgaeError,
    nearest,
    not_among,
    unknown_name,
)


def test_every_error_is_a_vgae_error() -> None:
    assert issubclass(InputError, VgaeError)
    assert issubclass(InputError, ValueError)
    assert issubclass(NotFittedError, VgaeError)


def test_unknown_name_names_the_nearest() -> None:
    assert "did you mean 'citeseer'?" in str(unknown_name("dataset", "citeser", ["citeseer", "x"]))


def test_unknown_name_far_from_all_only_lists() -> None:
    line = str(unknown_name("dataset", "zzzzzz", ["cora", "karate"]))
    assert "did you mean" not in line
    assert "cora, karate" in line


def test_what_a_choice_can_be_is_said_with_the_nearest() -> None:
    assert not_among("T", ["TV"]) == "input should be 'TV'; did you mean 'TV'?"
    assert not_among("x", ["gcn", "sage"]) == "input should be 'gcn' or 'sage'"
    assert not_among(None, ["a", "b", "c"]) == "input should be 'a', 'b' or 'c'"


def test_a_name_that_differs_by_case_and_blanks_alone_comes_first() -> None:
    assert nearest("Hidden Dim", ["hidden_dim", "hiddendim"]) == "hiddendim"
    assert nearest("ANN", ["anna", "ann"]) == "ann"


def test_the_bar_for_alikeness_can_be_set() -> None:
    assert nearest("none.csv", ["node.csv"], cutoff=0.75) == "node.csv"
    assert nearest("none.csv", ["edges.csv"], cutoff=0.75) is None


def test_names_without_end_are_compared_in_part() -> None:
    assert nearest("name 7", (f"name {number}" for number in count())) == "name 7"


PARTS: dict[str, bytes | str] = {
    "folder/": "",
    "letters.csv": "a,b\nb,c\n",
    "weights.csv": "source,target,weight\na,b,much\n",
    "latin.csv": b"caf\xe9,b\n" * 3,
    "wide.csv": b"\xff\xfea",
    "edges.parquet": b"PAR1 nothing PAR1",
    "edges.arrow": b"ARROW1",
    "graph.json": '{"nodes": [}',
    "graph.graphml": "<graphml><graph>",
    "graph.gml": "graph [ node [",
    "lines.jsonl": '{"a": 1}\nno\n',
    "matrix.npz": b"PK nothing",
    "matrix.mtx": "%%MatrixMarket nothing",
}
MISTAKES: dict[str, Callable[[], Any]] = {
    **{
        f"a damaged {name}": lambda name=name: vgae.read_graph(name)  # type: ignore[misc]
        for name in PARTS
        if name != "letters.csv"
    },
    "no such file": lambda: vgae.read_graph("nix.csv"),
    "a file as a folder": lambda: vgae.read_graph("letters.csv/edges.csv"),
    "no features file": lambda: vgae.read_graph("letters.csv", features="nix.csv"),
    "no such data set": lambda: vgae.load_dataset("karat"),
    "no such run": lambda: vgae.load("nix"),
    "a file as a run": lambda: vgae.load("letters.csv"),
    "no such split": lambda: vgae.load_split("nix", vgae.as_graph([("a", "b")])),
    "a place that is taken": lambda: vgae.GAE(steps=0).fit([("a", "b")]).save("letters.csv"),
    "no graph": lambda: vgae.as_graph(7),
    "nodes of tuples": lambda: vgae.as_graph(networkx.grid_graph((2, 2))),
    "mixed ids": lambda: vgae.as_graph([("a", 1)]),
    "a large id": lambda: vgae.as_graph([(2**70, 1)]),
    "ids that cannot be written": lambda: vgae.as_graph([("\ud800", "b")]),
    "a mixed column": lambda: vgae.as_graph(pd.DataFrame({"a": [1, "x"], "b": [2, 3]})),
    "a matrix that is not square": lambda: vgae.Graph.from_scipy(sparse.csr_array((2, 3))),
    "weights of text": lambda: vgae.Graph.from_edges([(0, 1)], weights=["much"]),
    "rows of three": lambda: vgae.Graph.from_edges([(0, 1), (1, 2, 3)]),
    "a wrong setting": lambda: vgae.VGAE(steps=-1),
    "an unknown parameter": lambda: vgae.VGAE().set_params(latent=3),
    "an unknown device": lambda: vgae.VGAE(device="cuda:99").fit([("a", "b")]),
    "features that are not finite": lambda: vgae.Graph.from_edges([(0, 0)], features=[[np.nan]]),
    "a model that is not fitted": lambda: vgae.VGAE().embedding_,
    "an unknown node": lambda: vgae.GAE(steps=0).fit([("a", "b")]).vectors("c"),
    "a split of nothing": lambda: vgae.split_edges(vgae.as_graph([("a", "b")]), seed=0, test=0.9),
    "an unknown method": lambda: vgae.evaluate([("a", "b")], ["vgea"]),
    "a suffix": lambda: vgae.write_graph(vgae.as_graph([("a", "b")]), "graph.xyz"),
}  # fmt: skip


@pytest.fixture(params=MISTAKES)
def mistake(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> VgaeError:
    monkeypatch.chdir(tmp_path)
    for name, content in PARTS.items():
        if name.endswith("/"):
            Path(name).mkdir()
        else:
            Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(VgaeError) as caught:
        MISTAKES[request.param]()
    return caught.value


def test_a_mistake_has_a_short_traceback(mistake: VgaeError) -> None:
    shown = "".join(traceback.format_exception(mistake))
    assert shown.count("Traceback (most recent call last)") == 1
    assert "direct cause" not in shown
    assert "During handling" not in shown
    files = re.findall(r'File "(.*?)", line', shown)
    libraries = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    assert not [file for file in files if file.startswith(tuple(libraries))]
    assert shown.splitlines()[-1].startswith("vgae.")
    assert len(str(mistake).splitlines()) == 1


def test_ipython_shows_the_readers_own_code_alone(mistake: VgaeError) -> None:
    shown = mistake._render_traceback_()
    assert shown[0] == "Traceback (most recent call last):"
    assert shown[-1] == f"{type(mistake).__name__}: {mistake}"
    files = {line.split('"')[1] for line in shown if line.startswith("  File ")}
    assert files == {__file__}


def test_what_led_to_an_error_stays_reachable() -> None:
    with pytest.raises(InputError) as caught:
        vgae.read_graph("nix.csv")
    assert isinstance(caught.value.__context__, FileNotFoundError)


def test_no_room_chains_its_errors() -> None:
    for source in Path(vgae.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Raise) and node.cause is not None:
                assert ast.unparse(node.cause) == "None", f"{source}:{node.lineno}"
