"""Where nodes stand on a map, and what their colours can mean."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from vgae.ground.errors import InputError
from vgae.ground.notebook import library
from vgae.learning.embeddings import principal_components
from vgae.people.html.values import Colouring

__all__ = [
    "NO_NAME",
    "coloured_by_name",
    "coloured_by_number",
    "communities",
    "components",
    "projected",
    "scaled",
]

NO_NAME = 65_535
"""The code of a node without a name."""
MOST_NAMES = 1000
"""Names that a colouring lists; nodes of rarer ones count as one group."""
MOST_EDGES_NETWORKX = 20_000
"""Beyond, communities need igraph: NetworkX would take minutes."""
FEWEST_TSNE = 10

Positions = NDArray[np.float64]


def projected(vectors: NDArray[np.floating], how: str, *, seed: int = 0) -> tuple[Positions, str]:
    """Vectors in the plane, and how in words.

    Parameters
    ----------
    vectors
        Shape (n_nodes, dim).
    how
        "pca" or "tsne" (Poličar, Stražar & Zupan, 2024; van der Maaten & Hinton, 2008).
    seed
        Seed of t-SNE, which starts from the principal components.

    Raises
    ------
    InputError
        openTSNE is not installed, or there are too few nodes for it.

    Examples
    --------
    >>> projected(np.eye(3), "pca")[1]
    'the first two principal components, 100 % of the variance'
    """
    positions, shares = principal_components(vectors)
    if how == "pca":
        share = f"{100 * shares.sum():.0f} % of the variance"
        return positions, f"the first two principal components, {share}"
    made = library("openTSNE", "vgae[map]")
    if len(vectors) < FEWEST_TSNE:
        raise InputError(f"projection tsne: needs {FEWEST_TSNE} nodes or more; use pca")
    spread = positions[:, 0].std() or 1.0
    found = made.TSNE(
        initialization=positions / spread * 1e-4,
        perplexity=min(30.0, (len(vectors) - 1) / 3),
        random_state=seed,
        n_jobs=-1,
    ).fit(np.asarray(vectors, np.float64))
    words = "t-SNE, where near nodes are alike and distances mean little"
    return np.asarray(found, np.float64), words


def scaled(positions: Positions) -> NDArray[np.uint16]:
    """Positions as whole numbers from 0 to 65,535, in the middle and in equal units.

    Examples
    --------
    >>> scaled(np.array([[0.0, 0.0], [2.0, 1.0]])).tolist()
    [[0, 16384], [65535, 49151]]
    """
    low, high = positions.min(axis=0), positions.max(axis=0)
    span = float((high - low).max()) or 1.0
    middle = (low + high) / 2
    whole = np.rint((positions - middle) / span * 65_535 + 32_767.5)
    found: NDArray[np.uint16] = whole.clip(0, 65_535).astype(np.uint16)
    return found


def communities(adjacency: Any, *, seed: int = 0) -> NDArray[np.int64] | None:
    """Communities by modularity: igraph's Leiden, or NetworkX's Louvain where igraph is missing.

    Parameters
    ----------
    adjacency
        Symmetric, shape (n_nodes, n_nodes). Weights are ignored.
    seed
        Seed of the search.

    Returns
    -------
    A number per node, shape (n_nodes,); None where igraph is missing and the graph too large for
    NetworkX (Traag, Waltman & van Eck, 2019; Blondel et al., 2008).

    Examples
    --------
    >>> two = sparse.csr_array(np.kron(np.eye(2), np.ones((3, 3)) - np.eye(3)))
    >>> found = communities(two)
    >>> len(set(found[:3])), len(set(found[3:])), len(set(found))
    (1, 1, 2)
    """
    upper = sparse.triu(adjacency, 1).tocoo()
    edges = np.stack([upper.row, upper.col], axis=1)
    n_nodes = adjacency.shape[0]
    try:
        igraph = library("igraph")
    except InputError:
        return _louvain(n_nodes, edges, seed)
    graph = igraph.Graph(n=n_nodes, edges=edges)
    igraph.set_random_number_generator(python_random.Random(seed))  # noqa: S311 - no secret
    try:
        found = graph.community_leiden(objective_function="modularity", n_iterations=4)
    finally:
        igraph.set_random_number_generator(python_random)
    return np.array(found.membership, np.int64)


def _louvain(n_nodes: int, edges: NDArray[np.int64], seed: int) -> NDArray[np.int64] | None:
    if len(edges) > MOST_EDGES_NETWORKX:
        return None
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(range(n_nodes))
    graph.add_edges_from(edges.tolist())
    found = np.zeros(n_nodes, np.int64)
    for number, members in enumerate(networkx.community.louvain_communities(graph, seed=seed)):
        found[list(members)] = number
    return found


def components(adjacency: Any) -> NDArray[np.int64]:
    """The connected component of each node, by number.

    Examples
    --------
    >>> components(sparse.csr_array(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]]))).tolist()
    [0, 0, 1]
    """
    _, found = csgraph.connected_components(adjacency, directed=False)
    return np.asarray(found, np.int64)


def coloured_by_name(
    title: str, codes: NDArray[np.integer[Any]], names: list[str] | None = None
) -> Colouring:
    """A colouring by names, the most frequent first.

    Parameters
    ----------
    title
        What it is.
    codes
        Place of each node's name, shape (n_nodes,); -1 for none.
    names
        The names; by default the groups are numbered from 1, the largest first.

    Examples
    --------
    >>> made = coloured_by_name("label", np.array([0, 1, 1, -1]), ["x", "y"])
    >>> made.names, made.codes.tolist()
    (('y', 'x'), [1, 0, 0, 65535])
    >>> coloured_by_name("component", np.array([0, 1, 1])).names
    ('1', '2')
    """
    present = codes >= 0
    sizes = np.bincount(codes[present])
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    places = np.full(len(sizes) + 1, NO_NAME)  # the last is that of -1
    places[order] = np.minimum(np.arange(len(order)), MOST_NAMES)
    given = [str(place + 1) for place in range(len(order))]
    if names is not None:
        given = [names[place] for place in order]
    if len(given) > MOST_NAMES:
        given = [*given[:MOST_NAMES], f"{len(given) - MOST_NAMES:,} smaller ones"]
    return Colouring(title, places[codes].astype(np.uint16), tuple(given))


def coloured_by_number(title: str, values: NDArray[Any], *, logarithmic: bool = False) -> Colouring:
    """A colouring by a number.

    Examples
    --------
    >>> made = coloured_by_number("degree", np.array([0, 1, 3]), logarithmic=True)
    >>> made.codes.tolist(), made.high
    ([0, 32768, 65535], 3.0)
    """
    given = np.asarray(values, np.float64)
    low, high = float(given.min()), float(given.max())
    if logarithmic:
        given = np.log1p(given)
    span = float(given.max() - given.min()) or 1.0
    codes = np.rint((given - given.min()) / span * 65_535).astype(np.uint16)
    return Colouring(title, codes, None, low, high, logarithmic)
