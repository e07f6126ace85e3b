"""Splits as folders of tables of node ids, ours or written by hand."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from vgae.data.adjacency import count
from vgae.data.graph import Graph
from vgae.data.io.edge_lists import pair_rows
from vgae.data.split import (
    POSITIVE,
    GivenPairs,
    Pairs,
    Protocol,
    Split,
    SplitSettings,
    held_out_parts,
    load_split,
)
from vgae.data.tables import COMPRESSED, TABLE_SUFFIXES, inner_suffix, write_table
from vgae.ground.config import Settings, strict_json
from vgae.ground.errors import InputError, newer_format
from vgae.ground.files import check_directory, file_errors, local_path, staged_directory

__all__ = ["check_split_folder", "read_split", "write_split"]

logger = logging.getLogger("vgae.data.io")

FORMAT_VERSION = 1
EDGES = ("train", "validation", "test")
NEGATIVES = {"validation": "validation_negatives", "test": "test_negatives"}
TABLES = (*EDGES, *NEGATIVES.values())
RECORD = "split.json"


class _Record(Settings):
    """How a folder's split was made."""

    format_version: int = Field(ge=1)
    settings: SplitSettings
    seed: int = Field(ge=0)
    fingerprint: str


def check_split_folder(path: Path, *, suffix: str = ".csv", overwrite: bool = False) -> None:
    """Refuse a place or a format that `write_split` would refuse, before any work.

    Parameters and errors are those of `write_split`.

    Examples
    --------
    >>> check_split_folder(Path("split"), suffix=".xlsx")
    Traceback (most recent call last):
    vgae.InputError: split: cannot write tables of '.xlsx'; use one of .csv, .tsv, ...
    """
    if suffix not in TABLE_SUFFIXES:
        raise InputError(
            f"{path}: cannot write tables of '{suffix}'; use one of {', '.join(TABLE_SUFFIXES)}"
        )
    check_directory(path, overwrite=overwrite, ours=_ours())


def write_split(
    split: Split, path: str | Path, *, suffix: str = ".csv", overwrite: bool = False
) -> None:
    """Write a split as a folder of tables of node ids, all or nothing.

    The tables are train, validation, test, validation_negatives and test_negatives, with the
    columns source and target; where held-out edges have negatives of their own, the column positive
    holds the row of the edge, counted from 0. A part without edges has no tables. split.json says
    how the split was made.

    Parameters
    ----------
    split
        The split.
    path
        The folder to make.
    suffix
        What the tables' names end in: one of those that `vgae.data.tables.write_table` knows.
    overwrite
        Whether an existing folder of this kind may be replaced.

    Raises
    ------
    InputError
        The folder exists and may not be replaced, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from vgae.data.split import split_edges
    >>> ring = Graph.from_pairs([(f"n{i}", f"n{(i + 1) % 40}") for i in range(40)])
    >>> folder = Path(tempfile.mkdtemp()) / "split"
    >>> write_split(split_edges(ring, seed=0), folder)
    >>> read_split(folder, ring).train.n_edges
    34
    """
    path = local_path(path)
    check_split_folder(path, suffix=suffix, overwrite=overwrite)
    ids = split.graph.ids
    with staged_directory(path, overwrite=overwrite, ours=_ours()) as staged:
        for name, (pairs, groups) in _tables(split).items():
            if len(pairs):
                columns = {"source": ids[pairs[:, 0]], "target": ids[pairs[:, 1]]}
                columns |= {} if groups is None else {POSITIVE: groups}
                write_table(staged / f"{name}{suffix}", columns)
        record = _Record(
            format_version=FORMAT_VERSION,
            settings=split.settings,
            seed=split.seed,
            fingerprint=split.graph.fingerprint,
        )
        with file_errors(path):
            text = json.dumps(record.model_dump(), indent=2) + "\n"
            (staged / RECORD).write_text(text, encoding="utf-8")


def read_split(
    path: str | Path, graph: Graph, *, protocol: Protocol | None = None, seed: int = 0
) -> Split:
    r"""Read a split from a folder of tables, or from an .npz file that `save_split` wrote.

    Only the test edges must be there. Without a table of training edges, all edges that are not
    held out are for training. Without negatives, one per held-out edge is drawn uniformly. What was
    missing is logged.

    Parameters
    ----------
    path
        The folder: tables called train, validation, test, validation_negatives and test_negatives,
        in any format that `pair_rows` reads, with a header or without; and, if `write_split` wrote
        it, split.json.
    graph
        The whole graph, held-out edges included.
    protocol
        See `vgae.data.split.SplitSettings`; by default that of split.json, otherwise "T".
    seed
        Seed of negatives that are drawn, where there is no split.json.

    Raises
    ------
    InputError
        A table cannot be read, a pair is in two parts or belongs in none, a negative is an edge, or
        it is a split of another graph. The error names the file and the row.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "test.csv").write_text("ann,bob\n")
    >>> graph = Graph.from_pairs([("ann", "bob"), ("bob", "cid")])
    >>> split = read_split(folder, graph)
    >>> split.train.n_edges, split.test.negatives.tolist()
    (1, [[0, 2]])
    """
    path = local_path(path)
    with file_errors(path):
        is_folder = path.is_dir()
    if not is_folder:
        split = load_split(path, graph)
        return split if protocol is None else _with(split, protocol=protocol)
    record = _read_record(path, graph)
    files = _find(path)
    given = {name: _read_pairs(file, graph, record) for name, file in files.items()}
    edges = {name: given[name] for name in EDGES if name in given}
    negatives = {part: given[name] for part, name in NEGATIVES.items() if name in given}
    seed = record.seed if record is not None else seed
    parts = held_out_parts(graph, edges, negatives, seed=seed)
    if "train" in edges:
        _check_complete(path, graph, edges)
    _say_what_is_missing(path, files, seed, validated=record is None)
    split = Split.of_parts(
        graph,
        **parts,
        protocol=protocol or "T",
        negatives="given" if negatives else "uniform",
        seed=seed,
    )
    if record is None:
        return split
    try:
        made = record.settings
        return _with(replace(split, settings=made), protocol=protocol or made.protocol)
    except InputError as error:
        what = str(error).removeprefix("split: ")
        raise InputError(
            f"{path / RECORD}: {what}; without this file, the tables alone are read"
        ) from None


# ------------------------------------------------------------------------ reading


def _find(path: Path) -> dict[str, Path]:
    """The tables of a folder by name; the folder holds test edges and no table twice."""
    found: dict[str, Path] = {}
    with file_errors(path):
        files = sorted(item for item in path.iterdir() if item.is_file())
    for file in files:
        name = file.name.removesuffix(file.suffix if file.suffix in COMPRESSED else "")
        name = name.removesuffix(inner_suffix(file)) if inner_suffix(file) else name
        if name not in TABLES or file.name == RECORD:
            continue
        if name in found:
            raise InputError(f"{path}: holds both {found[name].name} and {file.name}; keep one")
        found[name] = file
    if "test" not in found:
        raise InputError(
            f"{path}: holds no table of test edges, such as test.csv (two columns of node ids)"
        )
    return found


def _read_pairs(file: Path, graph: Graph, record: _Record | None) -> GivenPairs:
    by_hand = record is None
    rows, table = pair_rows(file, graph, header=None if by_hand else True, logged=by_hand)
    groups = None
    positive = table.column_called(POSITIVE)
    if positive is not None and file.name.partition(".")[0] in NEGATIVES.values():
        numbers = table.numbers(positive, table.read([positive])[0])
        broken = np.flatnonzero(numbers != np.floor(numbers))
        if broken.size:
            row = int(broken[0])
            raise InputError(f"{table.place(row)}: {numbers[row]:g} is no row number")
        groups = numbers.astype(np.int64)
    return GivenPairs(rows, table.place, groups)


def _read_record(path: Path, graph: Graph) -> _Record | None:
    file = path / RECORD
    with file_errors(file):
        if not file.exists():
            return None
        content = file.read_bytes()
    try:
        about = strict_json(content)
        newer = about["format_version"] > FORMAT_VERSION
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{file}: is damaged; without it, the tables alone are read") from None
    if newer:
        raise newer_format(file, about["format_version"], FORMAT_VERSION)
    record = _Record.parse(about, where=str(file))
    if record.fingerprint != graph.fingerprint:
        logger.info(
            "%s: was made from this graph with other features, weights or edges; the tables are "
            "checked against the graph",
            path,
        )
    return record


def _check_complete(path: Path, graph: Graph, edges: dict[str, GivenPairs]) -> None:
    """Refuse edges of the graph that are in no table, once there is one of training edges."""
    held = np.zeros(graph.n_edges, dtype=bool)
    for part in edges.values():
        held[graph.places(part.rows)] = True
    n_lacking = int(np.count_nonzero(~held))
    if n_lacking:
        first = tuple(graph.ids[graph.edges[np.flatnonzero(~held)[0]]].tolist())
        raise InputError(
            f"{path}: the edge {first} of the graph is in no table ({count(n_lacking, 'such edge')}"
            "); without a table of training edges, all that are not held out are for training"
        )


def _say_what_is_missing(path: Path, files: dict[str, Path], seed: int, *, validated: bool) -> None:
    if "train" not in files:
        logger.info("%s: no table of training edges; all that are not held out are", path)
    if validated and "validation" not in files:
        logger.info("%s: no validation edges; all edges but the test edges are known", path)
    lacking = [n for part, n in NEGATIVES.items() if part in files and n not in files]
    if lacking:
        logger.info(
            "%s: no %s; one per edge is drawn uniformly, with seed %d",
            path,
            " and no ".join(lacking),
            seed,
        )


def _with(split: Split, *, protocol: Protocol) -> Split:
    settings = SplitSettings.parse(
        split.settings.model_dump() | {"protocol": protocol}, where="split"
    )
    return replace(split, settings=settings)


# ------------------------------------------------------------------------ writing


def _tables(split: Split) -> dict[str, tuple[Pairs, Any]]:
    tables: dict[str, tuple[Pairs, Any]] = {"train": (split.train.edges, None)}
    for name, part in (("validation", split.validation), ("test", split.test)):
        tables[name] = part.positives, None
        tables[NEGATIVES[name]] = part.negatives, part.groups
    return tables


def _ours() -> list[str]:
    return [RECORD, *(f"{name}{suffix}" for name in TABLES for suffix in TABLE_SUFFIXES)]
