"""The graph of a file that lists its nodes and edges one by one, as graph editors write them."""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from math import isfinite, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vgae.data.adjacency import count
from vgae.data.ends import is_number
from vgae.data.graph import Graph
from vgae.data.io.id_columns import integers_or_text
from vgae.data.kinds import Kind
from vgae.ground.errors import InputError, shown

__all__ = ["Listing"]

logger = logging.getLogger("vgae.data.io")

MOST_NAMED = 8
"""Number of unused attributes that are named."""


class Listing:
    """Collects the nodes and edges of a file by their ids in it; every edge becomes a row.

    Parameters
    ----------
    path
        The file, for messages.
    places
        Names for the place of a node and of an edge in the file; {} stands for its number.
    signed
        Whether weights may be negative.

    Examples
    --------
    >>> listing = Listing(Path("graph.gml"))
    >>> listing.node("1", 2, label="ann")
    >>> listing.node("2", 3, label="bob")
    >>> listing.n_listed, listing.ids()
    (2, ['ann', 'bob'])
    >>> listing.not_used("node", "color")
    >>> listing.edge("1", "2", listing.weight("0.5", 4), 4, directed=False)
    >>> listing.graph("undirected").weights.tolist()
    [0.5]
    """

    def __init__(
        self,
        path: Path,
        *,
        places: tuple[str, str] = ("line {}", "line {}"),
        signed: bool = False,
    ) -> None:
        self.path, self._signed = path, signed
        self.node_place, self.edge_place = places
        self._places: dict[str, int] = {}
        self._unlisted: dict[str, None] = {}  # a set that keeps its order
        self._labels: dict[str, str] = {}
        self._ends, self._weights = array("q"), array("d")
        self._n_undirected = 0
        self._unused: Counter[tuple[str, str]] = Counter()

    @property
    def n_listed(self) -> int:
        """Number of nodes that have been listed."""
        return len(self._places) - len(self._unlisted)

    def node(self, key: str, place: int, label: str | None = None) -> None:
        """Add a node by its id in the file, with a label that replaces it if no two are the same.

        Raises
        ------
        InputError
            The id is empty, or another node has it.
        """
        if not key:
            raise InputError(
                f"{self.node_place.format(place)}: a node has an empty id; give it an id"
            )
        if key in self._unlisted:
            del self._unlisted[key]
        else:
            if key in self._places:
                raise InputError(
                    f"{self.node_place.format(place)}: a second node with the id {shown(key)}; "
                    "keep one"
                )
            self._places[key] = len(self._places)
        if label:
            self._labels[key] = label

    def edge(
        self,
        source: str,
        target: str,
        weight: float | None,
        place: int,
        *,
        directed: bool,
    ) -> None:
        """Add an edge between two nodes, which may be listed later, or not at all.

        Raises
        ------
        InputError
            The id of an end is empty.
        """
        for key in (source, target):
            index = self._places.get(key)
            if index is None:
                if not key:
                    raise InputError(
                        f"{self.edge_place.format(place)}: an end of this edge has an empty id; "
                        "give it a node's id"
                    )
                index = self._places[key] = len(self._places)
                self._unlisted[key] = None
            self._ends.append(index)
        self._weights.append(nan if weight is None else weight)
        self._n_undirected += not directed

    def weight(self, text: object, place: int) -> float:
        """The weight that a text in the file stands for.

        Raises
        ------
        InputError
            The text is not a positive, finite number; of a signed graph, a finite number but 0.
        """
        value = float(str(text)) if is_number(str(text)) else nan
        if not isfinite(value) or value == 0 or (value < 0 and not self._signed):
            where = self.edge_place.format(place)
            wanted = "finite number other than 0" if self._signed else "positive finite number"
            signed = "; --signed (signed=True) reads negative weights" if value < 0 else ""
            raise InputError(
                f"{where}: weight {shown(text)} is not a {wanted}; correct it, or remove this edge"
                f"{signed}"
            )
        return value

    def not_used(self, of: str, name: str) -> None:
        """Count an attribute that is not read; `graph` logs these."""
        self._unused[of, name] += 1

    def graph(self, kind: Kind) -> Graph:
        """The graph of all listed nodes and edges; what was guessed or not used is logged."""
        if self._unlisted:
            logger.warning(
                "%s: added %s that only edges name, such as %s",
                self.path,
                count(len(self._unlisted), "node"),
                shown(next(iter(self._unlisted))),
            )
        self._say_not_used()
        if kind == "directed" and self._n_undirected:
            logger.warning(
                "%s: %s undirected; read as running from source to target",
                self.path,
                f"{count(self._n_undirected, 'edge')} {_are(self._n_undirected)}",
            )
        return Graph.from_edges(
            np.asarray(self._ends).reshape(-1, 2),
            weights=self._all_weights(),
            ids=self.ids(),
            kind=kind,
        )

    def ids(self) -> list[str] | list[int]:
        """The node ids: labels if no two are the same; integers if all of them spell one."""
        names = list(self._places)
        if self._labels:
            labels = [self._labels.get(name, name) for name in names]
            repeated = next((label for label, n in Counter(labels).items() if n > 1), None)
            if repeated is None:
                names = labels
            else:
                logger.warning(
                    "%s: several nodes are labelled %s; the ids in the file are used for all nodes",
                    self.path,
                    shown(repeated),
                )
        return integers_or_text(names)

    def _all_weights(self) -> NDArray[np.float64] | None:
        weights = np.asarray(self._weights)
        bare = np.isnan(weights)
        if bare.all():
            return None
        n_bare = int(np.count_nonzero(bare))
        if n_bare:
            logger.warning(
                "%s: %s no weight; 1 is used",
                self.path,
                f"{count(n_bare, 'edge')} {'has' if n_bare == 1 else 'have'}",
            )
        return np.where(bare, 1.0, weights)

    def _say_not_used(self) -> None:
        named = [
            f"{shown(name)} of {count(times, of)}"
            for (of, name), times in self._unused.most_common(MOST_NAMED)
        ]
        n_more = len(self._unused) - len(named)
        if named:
            more = f" and {n_more:,} more" if n_more else ""
            logger.info("%s: not used: %s%s", self.path, ", ".join(named), more)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
