"""Graph files that are not tables: matrices, arrays of pairs, and the formats of graph editors."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.adjacency import count
from vgae.data.dialects import byte_stream
from vgae.data.graph import FloatCSR, Graph
from vgae.data.ids import NodeId
from vgae.data.interop.exports import edge_columns, say_left_out, to_scipy
from vgae.data.io.arrays import check_rows, load_array, load_arrays, load_sparse
from vgae.data.io.editors import (
    EDITOR_FORMATS,
    MARKED_FORMATS,
    Content,
    Format,
    Stored,
    listed_format,
)
from vgae.data.io.json_graphs import PLACES, read_json, write_json
from vgae.data.kinds import SIDES, Kind
from vgae.data.tables import TABLE_SUFFIXES, inner_suffix, write_table
from vgae.data.text import EMPTY
from vgae.ground.errors import InputError, shown
from vgae.ground.files import check_file, file_errors, staged_file
from vgae.ground.limits import TooMuchDataError

__all__ = ["GRAPH_FORMATS", "MARKED_FORMATS", "read_format", "write_graph"]

logger = logging.getLogger("vgae.data.io")

COLUMN_NAMES = (("src", "dst"), ("source", "target"), ("row", "col"))
BLOCK_BYTES = 2**20
FEWEST_BYTES = 4
"""The least number of bytes of an entry in Matrix Market: two digits, a blank and a line end."""
SIZE_LINE = re.compile(rb"^[ \t]*\d+[ \t]+\d+[ \t]+\d+[ \t\r]*\n", re.MULTILINE)
NUMBERS = {
    "real": rb"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|(?i:nan|inf))",
    "integer": rb"[-+]?\d+",
}
"""Patterns for the values in Matrix Market, by the field that the header names."""
CSR_PARTS = ("data", "indices", "indptr", "shape")


def read_format(path: Path, *, kind: Kind) -> Graph:
    """Read a graph from a file in one of `GRAPH_FORMATS`.

    Raises
    ------
    InputError
        The file is missing or damaged, or does not hold a graph in this format.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "graph.npy")
    >>> np.save(path, np.array([[0, 1], [1, 2]]))
    >>> read_format(path, kind="undirected")
    Graph(3 nodes, 2 edges, no features)
    """
    form = GRAPH_FORMATS[inner_suffix(path)]
    with file_errors(path):
        stream, _ = byte_stream(path, memory_per_byte=form.memory_per_byte)
        with stream:
            first = stream.read(BLOCK_BYTES)
            if not first:
                raise InputError(f"{path}: {EMPTY}")
            blocks = chain([first], iter(lambda: stream.read(BLOCK_BYTES), b""))
            graph = _read(form, Stored(blocks, path), kind=kind)
    if graph.n_nodes == 0:
        raise InputError(f"{path}: holds no nodes; name a file that holds a graph")
    logger.info("%s: %s", path, form.name)
    return graph


def _read(form: Format, stored: Stored, *, kind: Kind) -> Graph:
    """The graph, or an error of one line that names the file."""
    try:
        return form.read(stored, kind)
    except (TooMuchDataError, OSError):
        raise
    except InputError as error:
        comma = "," if str(error).startswith("line ") else ":"
        raise InputError(f"{stored.path}{comma} {error}") from None
    except Exception as error:  # noqa: BLE001 - foreign readers may raise anything
        raise InputError(
            f"{stored.path}: cannot be read as {form.name} ({_reason(error)}); the file is damaged "
            "or cut short, or its suffix names another format"
        ) from None


def write_graph(
    graph: Graph, path: str | Path, *, links: Sequence[tuple[NodeId, NodeId, float]] = ()
) -> None:
    """Write a graph's nodes and edges in the format that the file's suffix names.

    Features and labels are not written. An edge list (.csv, .tsv, .parquet, .arrow, .npy) holds
    edges only: isolated nodes are left out, and their number is logged. Matrices (.mtx, .npz) hold
    no ids: they need a graph whose ids are 0, 1, 2, ...

    Parameters
    ----------
    graph
        The graph.
    path
        Ends in .csv, .tsv, .jsonl, .parquet, .arrow, .feather, .mtx, .npz, .npy, .graphml, .gexf,
        .gml or .net; text of tables also in .gz, .zst or .bz2 after that.
    links
        Recommended links with their probabilities, which are added as edges with the mark
        `recommended`. Only GraphML, GEXF and GML can hold such marks.

    Raises
    ------
    InputError
        The suffix is unknown, the format cannot hold this graph, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "graph.gexf"
    >>> write_graph(Graph.from_pairs([("a", "b")]), path)
    >>> read_format(path, kind="undirected").ids.tolist()
    ['a', 'b']
    """
    path = Path(path)
    suffix = inner_suffix(path)
    if links and suffix not in MARKED_FORMATS:
        raise InputError(
            f"{path}: this format cannot mark recommended links; use one of "
            f"{', '.join(MARKED_FORMATS)}"
        )
    if suffix in TABLE_SUFFIXES:
        say_left_out(graph, str(path), "isolated nodes")
        write_table(path, edge_columns(graph))
        return
    if suffix not in GRAPH_FORMATS:
        known = ", ".join((*TABLE_SUFFIXES, *GRAPH_FORMATS))
        raise InputError(f"{path}: cannot write '{path.suffix}'; use one of {known}")
    check_file(path)
    buffer = io.BytesIO()
    try:
        GRAPH_FORMATS[suffix].write(Content(graph, links, path), buffer)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # noqa: BLE001 - foreign writers may raise anything
        raise InputError(
            f"{path}: cannot be written ({_reason(error)}); use another format"
        ) from None
    with staged_file(path) as staged, file_errors(path):
        staged.write_bytes(buffer.getbuffer())


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


# -------------------------------------------------------------------- matrices


def _matrix(graph: Graph) -> FloatCSR:
    """The matrix of a graph: of a bipartite one, from one type of nodes to the other."""
    if not (graph.ids_are_rows or graph.ids.tolist() == _ids_of_sides(graph)):
        raise InputError(
            "a matrix holds no node ids, and those of the graph are not 0, 1, 2, ...; write an "
            "edge list or GraphML"
        )
    return to_scipy(graph)


def _ids_of_sides(graph: Graph) -> list[str]:
    """The ids that the nodes of a bipartite graph have when it is read from a matrix."""
    if graph.kind != "bipartite" or graph.node_types is None:
        return []
    made = np.empty(graph.n_nodes, dtype=object)
    for kind, side in enumerate(SIDES):
        members = np.flatnonzero(graph.node_types == kind)
        made[members] = [f"{side}:{place}" for place in range(len(members))]
    names: list[str] = made.tolist()
    return names


def _read_matrix_market(stored: Stored, kind: Kind) -> Graph:
    from scipy import io as scipy_io

    content = stored.whole() + b"\n"  # SciPy looks for the end of the last line
    n_rows, n_columns, n_entries, layout, field, symmetry = scipy_io.mminfo(io.BytesIO(content))
    if layout != "coordinate" or field == "complex":
        raise InputError(
            f"has the layout '{layout}' and the field '{field}'; write the layout 'coordinate' "
            "with real values"
        )
    check_rows(max(n_rows, n_columns), n_entries, "node")
    if n_entries * FEWEST_BYTES > len(content):
        raise InputError(f"declares {n_entries:,} entries, but holds fewer; the file is cut short")
    _check_entries(content, field)
    matrix = scipy_io.mmread(io.BytesIO(content))
    graph = _from_stored(matrix, kind=kind)
    if symmetry == "general" or kind == "directed":
        return graph
    # The file has one entry per edge; of its two in the matrix, one is on or below the diagonal.
    n_entries = int(np.count_nonzero(matrix.data[matrix.row >= matrix.col]))
    n_merged = n_entries - graph.n_edges - graph.cleaning.self_loops
    cleaning = replace(graph.cleaning, duplicates=n_merged, reversed_duplicates=0)
    return graph.with_cleaning(cleaning)


def _check_entries(content: bytes, field: str) -> None:
    """Refuse a line that is not an entry: SciPy ignores text after one, and can crash on it."""
    sizes = SIZE_LINE.search(content)
    value = rb"" if field == "pattern" else rb"[ \t]+" + NUMBERS.get(field, NUMBERS["real"])
    entry = rb"[ \t]*\d+[ \t]+\d+" + value + rb"[ \t\r]*$"
    start = sizes.end() if sizes else 0
    other = re.compile(rb"^(?!%|[ \t\r]*$|" + entry + rb").+", re.MULTILINE).search(content, start)
    if other:
        line = content.count(b"\n", 0, other.start()) + 1
        text = shown(other[0].decode("utf-8", "replace").strip())
        wanted = "row, column" if field == "pattern" else f"row, column, {field} value"
        raise InputError(f"line {line}: {text} is not an entry ({wanted}); correct this line")


def _write_matrix_market(content: Content, handle: io.BytesIO) -> None:
    from scipy import io as scipy_io

    graph = content.graph
    scipy_io.mmwrite(
        handle,
        _matrix(graph).tocoo(),
        field="pattern" if graph.weights is None else "real",
        precision=9,  # enough for a float32
        symmetry="general" if graph.kind in ("directed", "bipartite") else "symmetric",
    )


def _from_stored(matrix: Any, **options: Any) -> Graph:
    """The graph of a matrix; stored zeros, which are not edges, are logged.

    A matrix that is not square is a bipartite graph.
    """
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)  # broken indices could crash the conversion
    stored = sparse.coo_array(matrix)
    n_zeros = int(np.count_nonzero(stored.data == 0))
    if n_zeros:
        logger.warning("left out %s", count(n_zeros, "stored zero"))
    if stored.shape[0] != stored.shape[1] and options.get("kind") == "undirected":
        logger.info("%s rows and %s columns: two kinds of nodes", *stored.shape)
        options["kind"] = "bipartite"
    return Graph.from_scipy(stored, **options)


def _read_npz(stored: Stored, kind: Kind) -> Graph:
    """SciPy's sparse matrix, CSR pieces named adj_*, attr_* and labels, or pairs in arrays."""
    content = io.BytesIO(stored.whole())
    with load_arrays(content, stored.path) as archive:
        names = set(archive.files)
        if {"adj_data", "adj_indices", "adj_indptr", "adj_shape"} <= names:
            parts = {f"{of}_{part}" for of in ("adj", "attr") for part in CSR_PARTS}
            _say_what_is_not_used(names - parts - {"labels"})
            return _from_stored(
                _csr_pieces(archive, "adj"),
                features=_csr_pieces(archive, "attr") if "attr_data" in names else None,
                labels=archive["labels"] if "labels" in names else None,
                kind=kind,
            )
        for source, target in COLUMN_NAMES if "format" not in names else ():
            if {source, target} <= names:
                used = {source, target}
                return _from_columns(archive, used, archive[source], archive[target], kind=kind)
        for name, axis in (("edges", 1), ("edge_index", 0)):
            if name in names:
                columns = _columns(archive[name], axis)
                return _from_columns(archive, {name}, *columns, kind=kind)
    if "format" not in names:
        raise InputError(
            f"holds {', '.join(sorted(names)[:8]) or 'nothing'}; write a matrix with "
            "scipy.sparse.save_npz, arrays src and dst, or an array edges"
        )
    return _from_stored(load_sparse(content, stored.path), kind=kind)


def _csr_pieces(archive: Any, prefix: str) -> Any:
    data, indices, indptr, shape = (archive[f"{prefix}_{part}"] for part in CSR_PARTS)
    return sparse.csr_array((data, indices, indptr), shape=tuple(shape.tolist()))


def _from_columns(
    archive: Any, used: set[str], source: NDArray[Any], target: NDArray[Any], *, kind: Kind
) -> Graph:
    """The graph of two columns of node ids, or of node indices if the number of nodes is given."""
    found: dict[str, Any] = {}
    for meaning, names in (("n_nodes", ("n", "n_nodes")), ("weights", ("weight", "weights"))):
        name = next((name for name in names if name in archive.files), None)
        if name is not None:
            found[meaning] = archive[name]
            used = used | {name}
    _say_what_is_not_used(set(archive.files) - used)
    weights, size = found.get("weights"), found.get("n_nodes")
    if size is not None and (size.shape or size.dtype.kind not in "iu"):
        raise InputError("array n, the number of nodes, must hold one whole number")
    n_nodes = None if size is None else int(size)
    if source.shape != target.shape or source.ndim != 1:
        raise InputError(
            f"columns of shapes {source.shape} and {target.shape} are not pairs; write one source "
            "and one target per edge"
        )
    if n_nodes is None:
        return Graph.from_pairs((source, target), weights=weights, kind=kind)
    check_rows(n_nodes, len(source), "node")
    pairs = np.stack([source, target], axis=1)
    return Graph.from_edges(pairs, n_nodes=n_nodes, weights=weights, kind=kind)


def _write_npz(content: Content, handle: io.BytesIO) -> None:
    sparse.save_npz(handle, _matrix(content.graph))


def _say_what_is_not_used(names: set[str]) -> None:
    if names:
        logger.warning("arrays not used: %s", ", ".join(sorted(names)))


def _columns(pairs: NDArray[Any], ends_axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The two columns of an array whose axis `ends_axis` runs over the two ends of an edge."""
    if pairs.ndim != 2 or pairs.shape[ends_axis] != 2:
        wanted = "(n_edges, 2)" if ends_axis else "(2, n_edges)"
        raise InputError(f"shape {pairs.shape} is not {wanted}; write one pair per edge")
    source, target = pairs.T if ends_axis else pairs
    return source, target


def _read_npy(stored: Stored, kind: Kind) -> Graph:
    pairs = load_array(io.BytesIO(stored.whole()))
    return Graph.from_pairs(_columns(pairs, 1), kind=kind)


def _write_npy(content: Content, handle: io.BytesIO) -> None:
    graph = content.graph
    if graph.weights is not None:
        raise InputError("an array of pairs cannot hold weights; write .csv or .parquet")
    say_left_out(graph, str(content.path), "isolated nodes")
    pairs = graph.ids[graph.edges]
    np.save(handle, pairs.astype(str) if pairs.dtype == object else pairs, allow_pickle=False)


GRAPH_FORMATS: dict[str, Format] = {
    ".mtx": Format("Matrix Market", _read_matrix_market, _write_matrix_market, 20),
    ".npz": Format("NumPy or SciPy .npz", _read_npz, _write_npz, 20),
    ".npy": Format("NumPy pairs", _read_npy, _write_npy, 20),
    **EDITOR_FORMATS,
    ".json": listed_format("JSON", read_json, write_json, 16, places=PLACES),
}
"""Formats by suffix."""
