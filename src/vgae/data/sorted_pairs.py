"""Adjacency matrices from codes of pairs that arrive sorted, block by block.

A graph whose arrays fill the memory has no room for copies of them. What is held at a time is one
block of pairs and two numbers per node; the rest lies in files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import Cleaning, index_width, merged_codes
from vgae.data.mapped import ArrayWriter
from vgae.ground.errors import InputError

__all__ = ["Block", "write_adjacency"]

Block = tuple[NDArray[np.int64], NDArray[np.floating[Any]] | None]
"""Sorted codes of pairs, and their weights."""
ROWS = 2**22
"""Pairs that are placed at a time."""


def write_adjacency(
    writer: ArrayWriter,
    blocks: Iterable[Block],
    n_nodes: int,
    *,
    directed: bool,
    signed: bool,
    ids: Any = None,
    where: str = "",
) -> Cleaning:
    """Write the arrays indptr, indices and, if any, weights of an adjacency matrix.

    Parameters
    ----------
    writer
        Where they go.
    blocks
        Codes of pairs without self loops, ascending within and across blocks; and weights, shape
        (n_rows,), or None for all blocks. The code of the pair (i, j) is i * n_nodes + j; in an
        undirected graph, with i < j, twice that, plus 1 where the row had j first.
    n_nodes
        Number of nodes.
    directed, signed, ids
        As in `vgae.data.adjacency.simple_adjacency`, whose rules for merging hold.
    where
        What errors name first: the file that the pairs come from.

    Returns
    -------
    How many rows were merged.

    Raises
    ------
    InputError
        As in `vgae.data.adjacency.simple_adjacency`.

    Examples
    --------
    >>> import tempfile
    >>> writer = ArrayWriter(Path(tempfile.mkdtemp()))
    >>> codes = np.array([2 * (0 * 3 + 1), 2 * (0 * 3 + 1) + 1, 2 * (1 * 3 + 2)])
    >>> print(write_adjacency(writer, [(codes, None)], 3, directed=False, signed=False))
    merged 1 reversed row
    >>> [np.load(writer.folder / f"{name}.npy").tolist() for name in ("indptr", "indices")]
    [[0, 1, 3, 4], [1, 0, 2, 1]]
    """
    scratch = writer.folder / "pairs.tmp"
    weights_scratch = writer.folder / "weights.tmp"
    out_degrees, in_degrees = (np.zeros(n_nodes, dtype=np.int64) for _ in range(2))
    cleaning, n_pairs, weighted = Cleaning(), 0, False
    with scratch.open("wb") as codes_file, weights_scratch.open("wb") as weights_file:
        for codes, weights in _whole_groups(blocks, directed=directed):
            try:
                kept, values, counted = merged_codes(
                    codes, weights, n_nodes, directed=directed, signed=signed, ids=ids
                )
            except InputError as error:
                raise InputError(f"{where}: {error}" if where else str(error)) from None
            cleaning = _sum(cleaning, counted)
            sources, targets = np.divmod(kept, max(n_nodes, 1))
            out_degrees += np.bincount(sources, minlength=n_nodes)
            in_degrees += np.bincount(targets, minlength=n_nodes)
            n_pairs += len(kept)
            kept.tofile(codes_file)
            if values is not None:
                weighted = True
                values.tofile(weights_file)
    # Of an undirected graph, each pair is also an entry of its larger node, before the others:
    # pairs come by their smaller node, so that rows come out sorted.
    before = np.zeros(n_nodes, dtype=np.int64) if directed else in_degrees
    ends = np.cumsum(out_degrees + before)
    n_entries = int(ends[-1]) if n_nodes else 0
    width = index_width(n_entries, n_nodes)
    writer.put("indptr", np.concatenate([[0], ends]).astype(width))
    indices = writer.empty("indices", (n_entries,), width)
    data = writer.empty("weights", (n_entries,), np.float32) if weighted else None
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)[:n_nodes]
    backward, forward = starts.copy(), starts + before
    for kept, values in _stored(scratch, weights_scratch if weighted else None, n_pairs):
        sources, targets = np.divmod(kept, max(n_nodes, 1))
        _place(indices, data, forward, sources, targets, values)
        if not directed:
            order = np.argsort(targets, kind="stable")
            turned = None if values is None else values[order]
            _place(indices, data, backward, targets[order], sources[order], turned)
    scratch.unlink()
    weights_scratch.unlink()
    return cleaning


def _whole_groups(blocks: Iterable[Block], *, directed: bool) -> Iterator[Block]:
    """The same rows in blocks that no pair spans, so that each pair is merged in one of them."""
    rest: Block | None = None
    for codes, weights in blocks:
        if rest is not None and len(rest[0]):
            codes = np.concatenate([rest[0], codes])
            weights = None if weights is None else np.concatenate([rest[1], weights])
        if not len(codes):
            continue
        last = codes[-1] if directed else codes[-1] & ~1
        cut = int(np.searchsorted(codes, last))
        rest = codes[cut:], None if weights is None else weights[cut:]
        if cut:
            yield codes[:cut], None if weights is None else weights[:cut]
    if rest is not None:
        yield rest


def _sum(one: Cleaning, other: Cleaning) -> Cleaning:
    names = ("duplicates", "reversed_duplicates", "conflicts", "opposites")
    return replace(one, **{name: getattr(one, name) + getattr(other, name) for name in names})


def _stored(codes: Path, weights: Path | None, n_pairs: int) -> Iterator[Block]:
    """The merged pairs, block by block."""
    for start in range(0, n_pairs, ROWS):
        size = min(ROWS, n_pairs - start)
        values = None
        if weights is not None:
            values = np.fromfile(weights, np.float32, size, offset=4 * start)
        yield np.fromfile(codes, np.int64, size, offset=8 * start), values


def _place(
    indices: NDArray[Any],
    data: NDArray[np.float32] | None,
    cursor: NDArray[np.int64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[Any] | None,
) -> None:
    """Append entries to their rows, which ascend; `cursor` is where the next of each row goes."""
    if not len(rows):
        return
    starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 1))
    sizes = np.diff(starts, append=len(rows))
    places = np.repeat(cursor[rows[starts]] - starts, sizes) + np.arange(len(rows))
    indices[places] = columns
    if data is not None and values is not None:
        data[places] = values
    cursor[rows[starts]] += sizes
