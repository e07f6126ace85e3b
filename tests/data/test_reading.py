"""How a table of edges was understood, kept with the graph and said in one line."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from vgae.data.adjacency import Cleaning
from vgae.data.graph import Graph
from vgae.data.interop import as_graph
from vgae.data.io import read_graph
from vgae.data.reading import Column, Reading
from vgae.ground.errors import InputError


def put(folder: Path, content: str, name: str = "e.csv") -> Path:
    path = folder / name
    path.write_text(content)
    return path


def reading_of(graph: Graph) -> Reading:
    assert graph.reading is not None
    return graph.reading


MAILS = "id,sender,receiver,weight\n7,ann,bob,2\n9,bob,cid,1\n8,cid,cid,1\n"


def test_a_file_is_understood(tmp_path: Path) -> None:
    path = put(tmp_path, MAILS)
    assert reading_of(read_graph(path)) == Reading(
        where=str(path),
        about="comma-separated, 4 columns, with a header",
        delimiter=",",
        header=True,
        source=Column("sender", 2, "usual name"),
        target=Column("receiver", 3, "usual name"),
        weight=Column("weight", 4, "usual name"),
        unused=(Column("id", 1, "unused"),),
        first_edges=(("ann", "bob"), ("bob", "cid"), ("cid", "cid")),
        ids="text",
        cleaning=Cleaning(self_loops=1),
    )


def test_its_text_is_the_line_that_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vgae")
    for graph in (
        read_graph(put(tmp_path, MAILS)),
        read_graph(put(tmp_path, "1\t2\n2\t3\n", "e.tsv")),
        as_graph(pa.table({"from": [1], "to": [2], "when": [3]})),
    ):
        assert str(graph.reading) in caplog.messages
        assert reading_of(graph).where in str(graph.reading)


def test_what_the_caller_names_is_given(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, MAILS), source="receiver", target=2, weight="id")
    reading = reading_of(graph)
    ends = reading.source, reading.target
    assert [column.name for column in ends] == ["receiver", "sender"]
    assert {column.chosen for column in (*ends, reading.weight) if column} == {"given"}
    assert [column.name for column in reading.unused] == ["weight"]


@pytest.mark.parametrize(
    ("content", "chosen"),
    [
        ("a,b\nb,c\n", "only choice"),
        ("who,whom,weight\nann,bob,1\nbob,cid,2\n", "only choice"),
        ("from,x,to\nann,9,bob\n", "usual name"),
        ("ann,bob,9\nbob,cid,7\n", "guess"),
    ],
)
def test_only_a_guess_is_a_warning(
    tmp_path: Path, content: str, chosen: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vgae")
    reading = reading_of(read_graph(put(tmp_path, content), header=content.startswith(("w", "f"))))
    assert (reading.source.chosen, reading.target.chosen) == (chosen, chosen)
    assert reading.is_guess == (chosen == "guess")
    record = next(r for r in caplog.records if str(reading) in r.getMessage())
    assert (record.levelno == logging.WARNING) == reading.is_guess
    advice = "; a guess: --source and --target (source=, target=) name others"
    assert record.getMessage() == str(reading) + (advice if reading.is_guess else "")


def test_a_remark_and_the_columns_are_both_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = "".join(f"{i},n{7 * i % 40},n{(3 * i + 1) % 40}\n" for i in range(80))
    reading = reading_of(read_graph(put(tmp_path, rows)))
    assert (reading.source.number, reading.target.number) == (2, 3)
    assert reading.remarks == (
        "column 1 differs in every row and is taken for row numbers or times: not used",
    )
    advice = "--source and --target (source=, target=) name others"
    assert caplog.messages[:2] == [f"{reading.where}: {reading.remarks[0]}; {advice}", str(reading)]


def test_a_plain_script_sees_what_was_guessed(tmp_path: Path) -> None:
    """Nobody set up logging: Python prints warnings all the same."""
    put(tmp_path, "ann,bob,9\nbob,cid,7\n")
    program = "import vgae; vgae.read_graph('e.csv')"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        check=True,
    )
    assert answer.stdout == ""
    assert "edges run from column 1 to column 2 (first: 'ann' to 'bob'" in answer.stderr
    assert "a guess: --source and --target" in answer.stderr


def test_empty_and_many_columns_are_counted(tmp_path: Path) -> None:
    names = ",".join(f"x{i}" for i in range(12))
    cells = ",".join("5" for _ in range(12))
    path = put(tmp_path, f"from,to,{names},\na,b,{cells},\nb,c,{cells},\n")
    reading = reading_of(read_graph(path))
    assert len(reading.unused) == 13
    assert reading.unused[-1].chosen == "empty"
    assert str(reading).endswith("column 'x6', column 'x7', ..., 1 empty column")


def test_plain_values_go_through_json(tmp_path: Path) -> None:
    values = reading_of(read_graph(put(tmp_path, MAILS))).as_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["source"] == {"name": "sender", "number": 2, "chosen": "usual name"}
    assert values["cleaning"]["self_loops"] == 1


def test_types_of_ids_and_files(tmp_path: Path) -> None:
    integers = reading_of(read_graph(put(tmp_path, "1 2\n2 3\n", "e.txt")))
    assert (integers.ids, integers.header, integers.delimiter) == ("integers", False, " ")
    pyarrow.parquet.write_table(pa.table({"u": [1], "v": [2]}), tmp_path / "e.parquet")
    stored = reading_of(read_graph(tmp_path / "e.parquet"))
    assert (stored.delimiter, stored.header) == (None, True)
    assert stored.about == "Parquet, 2 columns"


def test_what_is_no_table_of_edges_has_none(tmp_path: Path) -> None:
    assert as_graph([("a", "b")]).reading is None
    assert Graph.from_edges([(0, 1)]).reading is None
    matrix = put(
        tmp_path, "".join(" ".join(map(str, row)) + "\n" for row in 1 - np.eye(4, dtype=int))
    )
    assert read_graph(matrix).reading is None


def test_it_goes_where_the_account_of_the_rows_goes(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, MAILS))
    for same in (graph.with_features(np.eye(3)), graph.with_labels([1, 2, 3]), replace(graph)):
        assert same.reading == graph.reading
    people = put(tmp_path, "node,age\nann,1\nbob,2\ncid,3\ndan,4\n", "n.csv")
    wider = read_graph(put(tmp_path, MAILS), features=people, isolated=True)
    assert wider.reading == graph.reading
    fewer = graph.with_edges(graph.edges[:1])
    assert (fewer.reading, fewer.cleaning) == (None, Cleaning())
    assert graph.with_reading(None).reading is None
    assert graph.fingerprint == graph.with_reading(None).fingerprint


def test_it_cannot_be_changed_nor_be_anything_else(tmp_path: Path) -> None:
    graph = read_graph(put(tmp_path, MAILS))
    with pytest.raises(FrozenInstanceError):
        reading_of(graph).where = "elsewhere"  # type: ignore[misc]
    with pytest.raises(InputError, match="reading must be a Reading or None"):
        replace(graph, reading="e.csv")  # type: ignore[arg-type]


def test_one_column_cannot_be_an_end_and_the_weight(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column 'sender' holds the weights, and is an end"):
        read_graph(put(tmp_path, MAILS), weight="sender")


def test_names_of_columns_cannot_steer_a_terminal(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "vgae"):
        as_graph(
            pa.table({"\x1b[31ma": ["x", "y"], "b\n": ["y", "z"], "\x9bc": [1, 2]}),
            features=pa.table({"id": ["x", "y", "z"], "\x1b[2J": [1, 2, 3], "\x1bt": list("uvw")}),
        )
    assert r"column '\x1b[31ma' to column 'b\n'" in caplog.text
    assert r"column '\x1b[2J'" in caplog.text
    assert not set("\x1b\x9b") & set(caplog.text)
