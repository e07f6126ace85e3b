"""Files of all formats but text, whole and damaged: read whole, or refused in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from any_format import (
    LISTED,
    MATRICES,
    WRITERS,
    Drawn,
    damages,
    drawn_graphs,
    faulty_files,
    matrix,
    plain_rows,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from number import examples
from reading_worker import Reader

from vgae.data.graph import Graph

SUFFIXES = st.sampled_from(list(WRITERS))


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def _content(graph: Graph) -> tuple[list[str], dict[Any, float]]:
    """Ids, and edges by the ids of their ends with their weights; ids as text."""
    return _as_texts(
        {
            "ids": graph.ids.tolist(),
            "edges": graph.ids[graph.edges].tolist(),
            "weights": None if graph.weights is None else graph.weights.tolist(),
        },
        directed=graph.directed,
    )


def _as_texts(found: dict[str, Any], *, directed: bool) -> tuple[list[str], dict[Any, float]]:
    pairs = [tuple(map(str, pair)) for pair in found["edges"]]
    keys = pairs if directed else [tuple(sorted(pair)) for pair in pairs]
    return list(map(str, found["ids"])), dict(
        zip(keys, found["weights"] or [1.0] * len(pairs), strict=True)
    )


def _check_whole(reader: Reader, files: Path, suffix: str, drawn: Drawn) -> None:
    """A file that is not damaged gives its graph, and every row is accounted for."""
    if suffix == ".net":
        drawn = drawn._replace(ids=[name.replace('"', "'") for name in drawn.ids])
    if suffix == ".npy":
        drawn = drawn._replace(weights=None)
    path = files / f"graph{suffix}"
    path.write_bytes(WRITERS[suffix](drawn))
    found = reader.read(path, directed=drawn.directed)
    assert "edges" in found, found
    if suffix in MATRICES:
        wanted = Graph.from_scipy(matrix(drawn), directed=drawn.directed)
        assert _as_texts(found, directed=drawn.directed) == _content(wanted)
        return
    ids, edges = _as_texts(found, directed=drawn.directed)
    wanted_ids, wanted_edges = _content(drawn.graph(all_nodes=suffix in LISTED))
    assert edges == wanted_edges
    assert sorted(ids) == sorted(wanted_ids)
    assert found["rows"] == len(drawn.rows)


def _check_damaged(
    reader: Reader, files: Path, suffix: str, content: bytes, *, directed: bool
) -> None:
    """A damaged file is refused in one line that names it, or all of its rows are read."""
    path = files / f"graph{suffix}"
    path.write_bytes(content)
    found = reader.read(path, directed=directed)
    assert "fault" not in found, (suffix, content, found["fault"])
    if "refused" in found:
        assert str(path) in found["refused"], found
        assert "\n" not in found["refused"], found
        return
    n_rows = plain_rows(suffix, content)
    assert n_rows is None or n_rows == found["rows"], (suffix, content, found)


def _check_faulty(reader: Reader, files: Path, suffix: str, content: bytes) -> None:
    """A file with a fault that makes another graph of it is refused in one line."""
    path = files / f"graph{suffix}"
    path.write_bytes(content)
    found = reader.read(path)
    assert "refused" in found, (suffix, content, found)
    assert str(path) in found["refused"], found
    assert "\n" not in found["refused"], found


whole = given(drawn=drawn_graphs(), suffix=SUFFIXES)
damaged = given(drawn=drawn_graphs(), suffix=SUFFIXES, data=st.data())
quiet = {"suppress_health_check": list(HealthCheck)}


@settings(max_examples=examples(500), **quiet)  # type: ignore[arg-type]
@whole
def test_what_is_written_is_read(reader: Reader, files: Path, drawn: Drawn, suffix: str) -> None:
    _check_whole(reader, files, suffix, drawn)


@settings(max_examples=examples(800), **quiet)  # type: ignore[arg-type]
@damaged
def test_damaged_files_are_read_or_refused(
    reader: Reader, files: Path, drawn: Drawn, suffix: str, data: st.DataObject
) -> None:
    content = data.draw(damages(WRITERS[suffix](drawn)))
    _check_damaged(reader, files, suffix, content, directed=drawn.directed)


@settings(max_examples=examples(200), **quiet)  # type: ignore[arg-type]
@given(file=faulty_files())
def test_faulty_files_are_refused(reader: Reader, files: Path, file: tuple[str, bytes]) -> None:
    _check_faulty(reader, files, *file)


@pytest.mark.slow
@settings(max_examples=3_000, derandomize=False, **quiet)  # type: ignore[arg-type]
@given(file=faulty_files())
def test_faulty_files_are_refused_at_length(
    reader: Reader, files: Path, file: tuple[str, bytes]
) -> None:
    _check_faulty(reader, files, *file)


@pytest.mark.slow
@settings(max_examples=5_000, derandomize=False, **quiet)  # type: ignore[arg-type]
@whole
def test_what_is_written_is_read_at_length(
    reader: Reader, files: Path, drawn: Drawn, suffix: str
) -> None:
    _check_whole(reader, files, suffix, drawn)


@pytest.mark.slow
@settings(max_examples=12_000, derandomize=False, **quiet)  # type: ignore[arg-type]
@damaged
def test_damaged_files_are_read_or_refused_at_length(
    reader: Reader, files: Path, drawn: Drawn, suffix: str, data: st.DataObject
) -> None:
    content = data.draw(damages(WRITERS[suffix](drawn)))
    _check_damaged(reader, files, suffix, content, directed=drawn.directed)
