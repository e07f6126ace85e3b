"""Files in and out: graphs, node features, pairs of nodes, splits, embeddings."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vgae.data.attributes import check_choices
from vgae.data.graph import Graph
from vgae.data.io.cells import CELLS_SUFFIX, Cells, check_cells, read_cells, write_cells
from vgae.data.io.edge_lists import pair_rows, read_edges, read_new_edges
from vgae.data.io.features import read_new_features, with_features_from
from vgae.data.io.formats import GRAPH_FORMATS, MARKED_FORMATS, read_format, write_graph
from vgae.data.io.importing import TAKES, import_edges, is_larger
from vgae.data.io.node_types import with_types_from
from vgae.data.io.split_tables import check_split_folder, read_split, write_split
from vgae.data.io.standard_input import STANDARD_INPUT, input_file
from vgae.data.io.vectors import (
    check_vectors,
    check_vectors_output,
    vector_columns,
    write_vectors,
)
from vgae.data.kinds import Kind, WeightMeans, check_signs, graph_kind
from vgae.data.tables import inner_suffix
from vgae.ground.errors import InputError
from vgae.ground.files import local_path
from vgae.ground.limits import most_bytes

__all__ = [
    "MARKED_FORMATS",
    "STANDARD_INPUT",
    "check_cells",
    "check_split_folder",
    "check_vectors",
    "check_vectors_output",
    "import_graph",
    "input_file",
    "pair_rows",
    "read_graph",
    "read_new_edges",
    "read_new_features",
    "read_split",
    "vector_columns",
    "write_cells",
    "write_graph",
    "write_split",
    "write_vectors",
]

logger = logging.getLogger(__name__)


def read_graph(
    path: str | Path,
    *,
    features: str | Path | None = None,
    source: str | int | None = None,
    target: str | int | None = None,
    weight: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    comment: str | None = None,
    drop_incomplete: bool = False,
    isolated: bool = False,
    time: str | int | None = None,
    directed: bool = False,
    bipartite: bool | None = None,
    signed: bool = False,
    types: str | Path | None = None,
    weight_means: WeightMeans | None = None,
    integer_ids: bool = False,
    attributes: Mapping[str, str] | None = None,
    standardize: bool = False,
    missing: str = "error",
    features_header: bool | None = None,
    connectivities: str | None = None,
    neighbors: int | None = None,
    coordinates: str | None = None,
    sections: str | None = None,
    cell_features: str | None = None,
    max_bytes: int | str | None = None,
) -> Graph:
    r"""Read a graph from a file, with optional node features from another.

    What was understood, dropped and merged goes to the `vgae` logger and is kept in
    `graph.reading` and `graph.cleaning`. Guesses are warnings, which Python prints where nobody has
    set up logging.

    Parameters
    ----------
    path
        One edge per row in CSV, TSV or other delimited text, plain or compressed, Parquet or Arrow;
        an adjacency matrix in such text; Cytoscape's .sif, NetworkX's .adjlist or .edgelist; a
        Matrix Market, SciPy .npz, NumPy .npy, GraphML, GEXF, GML or Pajek file; or nodes and links
        in JSON, as NetworkX and D3 write them; AnnData's .h5ad with single cells; or a folder that
        `Graph.save` or `vgae import` made.
    features
        CSV, Parquet or Arrow with node ids in the column called node or id, in one called like an
        id (user_id, name, ...), or in the first one, and attributes in the others; or .npy or
        SciPy .npz, whose row i belongs to integer id i.
    source, target
        Columns of the two ends, by name or by number from 1. By default those with usual names
        (source and target, sender and receiver, ...), otherwise a guess by what columns hold.
    weight
        Column of the edge weights; by default one called weight, if there is one.
    header
        Whether the first row names the columns; by default detected.
    delimiter
        One character; by default detected. A blank stands for any run of blanks.
    quote
        The character around cells that hold a delimiter; by default '"'. "none" switches it off.
    comment
        What comment lines begin with; by default "# ", "% " and "%%". "none" switches it off.
    drop_incomplete
        Whether rows without a node id are dropped and counted; by default they are an error.
    isolated
        Whether nodes that are only in `features` join the graph as nodes without edges; by
        default they are an error.
    time
        Column of the times of edges, numbers or dates; by default none. Of an edge in several rows
        the earliest counts. Edges with times are split by time, see `vgae.split_edges`.
    directed
        Whether an edge has a direction.
    bipartite
        Whether the two columns hold nodes of two types, such as users and items, with edges between
        the two types only. Ids that are in both columns are then two nodes: every id is prefixed
        with the name of its column, as in "user_id:1" and "item_id:1" ("source:1" and "target:1"
        without a header). By default true where the names of the columns (user and item, ...) or a
        first line "% bip" say so, or a matrix is not square. Other files need `types` for this.
    signed
        Whether weights may be negative, and their signs are what edges mean.
    types
        A file with a column of node ids and one of types, or the name of a column of `features`.
        Only types that some edge joins are taken to be joined by edges.
    weight_means
        What weights mean: "propagation" (the default), "count", "value" or "confidence"; see
        `Graph`.
    integer_ids
        Whether ids such as "3.0", integers that became floats, are read as integers.
    attributes, standardize, missing
        How columns of `features` become numbers; see `vgae.data.attributes.fit_encoding`, whose
        `kinds` are the `attributes`.
    features_header
        Whether the first row of a table of `features` names its columns; by default detected.
    connectivities, neighbors, coordinates, sections, cell_features
        What of a .h5ad file becomes the graph; see `vgae.data.io.cells.Cells`. By default the edges
        are obsp["connectivities"] and the features X.
    max_bytes
        How much data a file may hold once it is unpacked: a number of bytes, or a text such as
        "2GB". By default a compressed file may hold 100 times its own size (50 MB in any case),
        and what is parsed as a whole must fit into the memory that is free.

    Returns
    -------
    A graph whose nodes are sorted by id where the file is a table, and in the order of the file
    otherwise. Ids are integers if all of them are, otherwise strings.

    Raises
    ------
    InputError
        The file cannot be read as a graph; the line names the place.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "edges.csv"
    >>> _ = path.write_text("from,to\nann,bob\nbob,cid\n")
    >>> graph = read_graph(path)
    >>> graph
    Graph(3 nodes, 2 edges, no features)
    >>> graph.reading.source.name, graph.reading.target.name, graph.reading.is_guess
    ('from', 'to', False)
    """
    path = _checked_path(path, "path", "vgae.as_graph(data)")
    kind = graph_kind(directed=directed, bipartite=bipartite, signed=signed)
    if features is not None:
        features = _checked_path(
            features, "features", "vgae.as_graph(vgae.read_graph(path), features=...)"
        )
        check_choices(attributes or {}, missing, where=str(features))
    elif attributes or standardize or isolated or missing != "error" or features_header is not None:
        raise InputError(
            "--attribute, --standardize, --missing, --isolated and --features-header need a "
            "feature file (--features)"
        )
    columns: dict[str, Any] = {
        "source": source,
        "target": target,
        "weight": weight,
        "header": header,
        "delimiter": delimiter,
        "quote": quote,
        "comment": comment,
        "time": time,
    }
    of_cells: dict[str, Any] = {
        "connectivities": connectivities,
        "neighbors": neighbors,
        "coordinates": coordinates,
        "sections": sections,
        "cell_features": cell_features,
    }
    suffix = inner_suffix(path)
    for name, value in of_cells.items() if suffix != CELLS_SUFFIX else ():
        if value is not None:
            raise InputError(f"{path}: --{name.replace('_', '-')} is for files of cells (.h5ad)")
    if path.is_dir():
        set_options = {name: value for name, value in columns.items() if value is not None}
        flags = {
            "drop-incomplete": drop_incomplete,
            "integer-ids": integer_ids,
            "directed": directed,
            "signed": signed,
            "bipartite": bipartite is not None,
            "max-bytes": max_bytes is not None,
        }
        for name in (*set_options, *(name for name, is_set in flags.items() if is_set)):
            raise InputError(f"{path}: --{name} makes no sense with a folder, which says it itself")
        graph = Graph.open(path)
    elif suffix in GRAPH_FORMATS or suffix == CELLS_SUFFIX:
        for name, value in columns.items():
            if value is not None:
                raise InputError(f"{path}: --{name} makes no sense with a {suffix} file")
        for name, is_set in (
            ("drop-incomplete", drop_incomplete),
            ("integer-ids", integer_ids),
        ):
            if is_set:
                raise InputError(f"{path}: --{name} makes no sense with a {suffix} file")
        with most_bytes(max_bytes):
            if suffix == CELLS_SUFFIX:
                graph = read_cells(path, kind=kind, cells=Cells(**of_cells))
            else:
                graph = _of_format(path, kind, bipartite=bipartite, has_types=types is not None)
    else:
        with most_bytes(max_bytes):
            graph = read_edges(
                path,
                drop_incomplete=drop_incomplete,
                kind="undirected" if kind == "bipartite" else kind,
                # With types, it is they that tell the two sides.
                bipartite=None if bipartite and types is not None else bipartite,
                integer_ids=integer_ids,
                **columns,
            )
    if features is not None:
        with most_bytes(max_bytes):
            graph = with_features_from(
                graph,
                features,
                edges=path,
                isolated=isolated,
                header=features_header,
                integer_ids=integer_ids,
                attributes=attributes,
                standardize=standardize,
                missing=missing,
            )
    if types is not None:
        with most_bytes(max_bytes):
            graph = with_types_from(
                graph,
                types,
                features=None if features is None else Path(features),
                bipartite=kind == "bipartite",
                integer_ids=integer_ids,
            )
    check_signs(graph, str(path))
    if weight_means is not None:
        try:
            graph = graph.with_weight_means(weight_means)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    if graph.cleaning:
        logger.warning("%s: %s", path, graph.cleaning)
    return graph


def import_graph(
    path: str | Path,
    folder: str | Path,
    *,
    memory: int | str | None = None,
    overwrite: bool = False,
    **reading: Any,
) -> Graph:
    r"""Read a graph and write it to a folder, from which `fit` and all others map it.

    A table that is larger than the memory is sorted on disk by DuckDB (the extra `large`).

    Parameters
    ----------
    path
        A file as in `read_graph`.
    folder
        The folder to make.
    memory
        How much memory the import may take: bytes, or a text such as "4GB". A table of edges
        that would take more is sorted on disk. By default half of the memory that is free.
    overwrite
        Whether a folder with another graph may be replaced.
    **reading
        Options of `read_graph`.

    Returns
    -------
    The graph, mapped from the folder.

    Raises
    ------
    InputError
        As in `read_graph` and `Graph.save`; or a table that is larger than the memory comes
        with an option that an import in blocks does not take.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp())
    >>> _ = (place / "edges.csv").write_text("ann,bob\nbob,cid\n")
    >>> import_graph(place / "edges.csv", place / "graph")
    Graph(3 nodes, 2 edges, no features)
    """
    path, folder = _checked_path(path, "path", "Graph.save"), Path(folder)
    if not is_larger(path, memory):
        read_graph(path, **reading).save(folder, overwrite=overwrite)
        return Graph.open(folder)
    asked = inspect.signature(read_graph)
    asked.bind(path, **reading)  # as a call: an option that there is not is a mistake in a program
    usual = {name: parameter.default for name, parameter in asked.parameters.items()}
    given = {name: value for name, value in reading.items() if value not in (usual[name], {})}
    for name in given:
        if name not in (*TAKES, "max_bytes"):
            option = "attribute" if name == "attributes" else name.replace("_", "-")
            raise InputError(
                f"{path}: is larger than the memory that the import may take, and --{option} "
                f"({name}=) needs all of it at once; give more with --memory (memory=)"
            )
    with most_bytes(given.pop("max_bytes", None)):
        import_edges(path, folder, memory=memory, overwrite=overwrite, **given)
    graph = Graph.open(folder)
    if graph.cleaning:
        logger.warning("%s: %s", path, graph.cleaning)
    return graph


def _of_format(path: Path, kind: Kind, *, bipartite: bool | None, has_types: bool) -> Graph:
    """The graph of a file in another format than a table."""
    graph = read_format(path, kind="undirected" if kind == "bipartite" else kind)
    if graph.kind == "bipartite" and bipartite is False:
        raise InputError(
            f"{path}: a matrix that is not square has two kinds of nodes; omit --no-bipartite "
            "(bipartite=False)"
        )
    if kind == "bipartite" and graph.kind != "bipartite" and not has_types:
        raise InputError(
            f"{path}: does not say which nodes are on which side of a bipartite graph; give the "
            "type of each node (--types, types=)"
        )
    return graph


def _checked_path(path: Any, name: str, otherwise: str) -> Path:
    """A path that names a file, not an object, which goes elsewhere."""
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(
            f"{name}: {type(path).__name__} is no path of a file; objects go to {otherwise}"
        )
    return local_path(path if isinstance(path, (str, Path)) else Path(path))
