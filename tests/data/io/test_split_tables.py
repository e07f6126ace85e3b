"""Splits as folders of tables: what is written is read back, and mistakes name file and row."""

import itertools
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vgae.data.graph import Graph
from vgae.data.io import read_split, write_split
from vgae.data.split import HeldOut, Split, save_split, split_edges
from vgae.data.tables import TABLE_SUFFIXES
from vgae.ground.errors import InputError

NAMES = ["ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal"]
GRAPH = Graph.from_pairs(list(itertools.pairwise(NAMES)))


def folder(path: Path, **tables: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, rows in tables.items():
        (path / f"{name}.csv").write_text(rows)
    return path


def assert_same(one: Split, other: Split) -> None:
    assert (one.settings, one.seed) == (other.settings, other.seed)
    assert one.train.fingerprint == other.train.fingerprint
    for ours, theirs in ((one.validation, other.validation), (one.test, other.test)):
        assert np.array_equal(ours.positives, theirs.positives)
        assert np.array_equal(ours.negatives, theirs.negatives)
        groups = [None if p.groups is None else p.groups.tolist() for p in (ours, theirs)]
        assert groups[0] == groups[1]


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_a_split_survives_its_tables(
    tmp_path: Path, karate: Graph, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    split = split_edges(karate, seed=4, test=0.2, protocol="TV", negatives="degree")
    write_split(split, tmp_path / "split", suffix=suffix)
    assert_same(read_split(tmp_path / "split", karate), split)
    assert read_split(tmp_path / "split", karate, protocol="T").settings.protocol == "T"
    assert not caplog.records  # there is nothing to remark on tables of ours


def test_negatives_of_each_positive_survive_their_table(tmp_path: Path) -> None:
    test = HeldOut([(1, 2), (5, 4)], [(1, 3), (4, 1), (1, 4)], [0, 1, 0])
    split = Split.of_parts(GRAPH, validation=HeldOut.nothing(), test=test)
    write_split(split, tmp_path / "split")
    assert sorted(item.name for item in (tmp_path / "split").iterdir()) == [
        "split.json", "test.csv", "test_negatives.csv", "train.csv"
    ]  # fmt: skip
    assert_same(read_split(tmp_path / "split", GRAPH), split)


def test_an_archive_of_a_split_is_read_too(tmp_path: Path, karate: Graph) -> None:
    split = split_edges(karate, seed=4)
    save_split(split, tmp_path / "split.npz")
    assert_same(read_split(tmp_path / "split.npz", karate), split)
    assert read_split(tmp_path / "split.npz", karate, protocol="TV").settings.protocol == "TV"


def test_tables_by_hand_with_and_without_a_header(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    by_hand = folder(tmp_path / "a", test="bob,cid\n", train="source,target\nann,bob\ncid,dan\n")
    with pytest.raises(InputError, match=r"a: the edge \('dan', 'eve'\) of the graph is in no tab"):
        read_split(by_hand, GRAPH)
    (by_hand / "train.csv").unlink()
    (by_hand / "notes.txt").write_text("mine")  # a folder of one's own may hold more
    split = read_split(by_hand, GRAPH, seed=5)
    assert split.train.n_edges == 6
    assert (len(split.test.negatives), split.settings.negatives) == (1, "uniform")
    assert not split.validation
    for said in (
        "a: no table of training edges; all that are not held out are",
        "a: no validation edges; all edges but the test edges are known",
        "a: no test_negatives; one per edge is drawn uniformly, with seed 5",
    ):
        assert said in caplog.text
    own = folder(
        tmp_path / "b",
        validation="ann,bob\n",
        test="b,a,weight\ncid,bob,3\nfay,eve,1\n".replace("b,a", "source,target"),
        validation_negatives="ann,cid\nann,dan\n",
        test_negatives="positive,target,source\n1,eve,hal\n0,bob,dan\n1,eve,gus\n",
    )
    split = read_split(own, GRAPH)
    assert split.settings.negatives == "given"
    assert GRAPH.ids[split.validation.negatives].tolist() == [["ann", "cid"], ["ann", "dan"]]
    assert split.test.groups is not None
    assert split.test.groups.tolist() == [1, 0, 1]
    assert GRAPH.ids[split.test.negatives[1]].tolist() == ["dan", "bob"]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"train": "ann,bob\n"}, "split: holds no table of test edges, such as test.csv"),
        (
            {"test": "ann,bob\n", "train": "bob,cid\nbob,ann\n"},
            "test.csv, line 1: ('ann', 'bob') is there already (split/train.csv, line 2)",
        ),
        (
            {"test": "source,target\nann,bob\nann,eve\n"},
            "test.csv, line 3: ('ann', 'eve') is not an edge of the graph",
        ),
        ({"test": "ann,bob\nann,zoe\n"}, "test.csv, line 2: node 'zoe' is not in the graph"),
        (
            {"test": "ann,bob\n", "test_negatives": "ann,eve\nbob,cid\n"},
            "test_negatives.csv, line 2: ('bob', 'cid') is an edge of the graph, and so no negati",
        ),
        (
            {"test": "ann,bob\n", "test_negatives": "source,target,positive\nann,eve,1\n"},
            "test_negatives.csv, line 2: positive 1 is no row of the 1 test edge",
        ),
        (
            {"test": "ann,bob\n", "test_negatives": "source,target,positive\nann,eve,0.5\n"},
            "test_negatives.csv, line 2: 0.5 is no row number",
        ),
        (
            {"test": "ann,bob\n", "validation_negatives": "ann,eve\n"},
            "validation negatives: there are no validation edges",
        ),
        ({"test": "source,target\n"}, "test.csv: has a header but no pairs"),
    ],
)
def test_a_mistake_names_its_file_and_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "split", **tables)
    with pytest.raises(InputError) as caught:
        read_split("split", GRAPH)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_tables_of_a_name_are_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "split", test="ann,bob\n")
    (path / "test.tsv").write_text("ann\tbob\n")
    with pytest.raises(InputError, match=r"holds both test.csv and test.tsv; keep one"):
        read_split(path, GRAPH)
    with pytest.raises(InputError, match="no such file"):
        read_split(tmp_path / "none", GRAPH)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("{", "is damaged; without it, the tables alone are read"),
        ('{"format_version": 99}', "newer"),
        ({"seed": -1}, "seed: input should be greater than or equal to 0"),
        ({"extra": 1}, "extra: extra inputs are not permitted"),
        ({"settings": {"test": 0.5}}, "not the 0.05 and 0.5 of the settings.*without this file"),
    ],
)
def test_records_that_say_nonsense_are_refused(tmp_path: Path, record: Any, said: str) -> None:
    path = tmp_path / "split"
    write_split(split_edges(GRAPH, seed=0, validation=0.0, test=0.2), path)
    file = path / "split.json"
    text = record if isinstance(record, str) else json.dumps(json.loads(file.read_text()) | record)
    file.write_text(text)
    with pytest.raises(InputError, match=f"split.json: .*{said}"):
        read_split(path, GRAPH)
    file.unlink()
    assert read_split(path, GRAPH).train.n_edges == 6


def test_a_split_of_another_graph_is_refused(tmp_path: Path) -> None:
    write_split(split_edges(GRAPH, seed=0, validation=0.0, test=0.2), tmp_path / "split")
    other = Graph.from_pairs([*itertools.pairwise(NAMES), ("ann", "hal")])
    with pytest.raises(InputError, match=r"split: the edge \('ann', 'hal'\) of the graph is in no"):
        read_split(tmp_path / "split", other)


def test_a_folder_is_replaced_only_when_told_and_only_if_it_is_a_split(tmp_path: Path) -> None:
    split, path = split_edges(GRAPH, seed=0, validation=0.0, test=0.2), tmp_path / "split"
    write_split(split, path, suffix=".parquet")
    with pytest.raises(InputError, match="exists; add --overwrite"):
        write_split(split, path)
    write_split(split, path, overwrite=True)
    assert not list(path.glob("*.parquet"))
    (path / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"holds another file, thesis.tex"):
        write_split(split, path, overwrite=True)
    with pytest.raises(InputError, match=r"cannot write tables of '.xlsx'; use one of .csv"):
        write_split(split, tmp_path / "other", suffix=".xlsx")
    assert not (tmp_path / "other").exists()
