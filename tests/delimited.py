"""Delimited text that tests write, and its cells as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vgae.data.graph import Graph
from vgae.data.io import pair_rows
from vgae.data.tables import open_table


def written(folder: Path, content: bytes | str, name: str = "t.csv") -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def cells(path: Path, **options: Any) -> list[list[str]]:
    """The rows below the header, as they are read."""
    table = open_table(path, **options)
    columns = [column.to_pylist() for column in table.read(range(table.n_columns))]
    return [list(row) for row in zip(*columns, strict=True)]


def id_pairs(path: Path, graph: Graph) -> list[list[Any]]:
    """The node ids of the pairs in a table."""
    rows, _ = pair_rows(path, graph)
    found: list[list[Any]] = graph.ids[rows].tolist()
    return found
