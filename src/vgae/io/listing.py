"""Nodes and edges one after the other, as graph editors and web pages list them, made a graph."""

from __future__ import annotations

import logging
from array import array
from collections import Counter
from math import isfinite, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vgae.adjacency import count
from vgae.ends import is_number
from vgae.errors import InputError, shown
from vgae.graph import Graph
from vgae.ids import canonical_int

__all__ = ["Listing"]

logger = logging.getLogger("vgae.io")

MOST_NAMED = 8
"""Attributes that are named when they are not used."""


class Listing:
    """Collects the nodes and edges of a file by their ids there; every edge becomes a row.

    Parameters
    ----------
    path
        The file, for what is said of it.
    places
        How a node's and an edge's place in the file is called, {} standing for its number.
    """

    def __init__(self, path: Path, *, places: tuple[str, str] = ("line {}", "line {}")) -> None:
        self.path = path
        self.node_place, self.edge_place = places
        self._places: dict[str, int] = {}
        self._unlisted: dict[str, None] = {}  # a set that keeps its order
        self._labels: dict[str, str] = {}
        self._ends, self._weights = array("q"), array("d")
        self._n_undirected = 0
        self._unused: Counter[tuple[str, str]] = Counter()

    @property
    def n_listed(self) -> int:
        """Number of nodes that were listed so far."""
        return len(self._places) - len(self._unlisted)

    def node(self, key: str, place: int, label: str | None = None) -> None:
        """A node by its id in the file, and the label that it goes by if all labels are different.

        Raises
        ------
        InputError
            It has no id, or there is such a node already.
        """
        if not key:
            raise InputError(f"{self.node_place.format(place)}: a node without an id")
        if key in self._unlisted:
            del self._unlisted[key]
        else:
            if key in self._places:
                raise InputError(
                    f"{self.node_place.format(place)}: a second node with the id {shown(key)}"
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
        """An edge between two nodes, which may be listed later, or not at all.

        Raises
        ------
        InputError
            One of them is named by an empty text.
        """
        for key in (source, target):
            index = self._places.get(key)
            if index is None:
                if not key:
                    raise InputError(f"{self.edge_place.format(place)}: names a node by no text")
                index = self._places[key] = len(self._places)
                self._unlisted[key] = None
            self._ends.append(index)
        self._weights.append(nan if weight is None else weight)
        self._n_undirected += not directed

    def weight(self, text: object, place: int) -> float:
        """A weight from its text in the file.

        Raises
        ------
        InputError
            It is no positive, finite number.
        """
        value = float(str(text)) if is_number(str(text)) else nan
        if not (isfinite(value) and value > 0):
            where = self.edge_place.format(place)
            raise InputError(f"{where}: weight {shown(text)} is not a positive finite number")
        return value

    def not_used(self, of: str, name: str) -> None:
        """Count an attribute that is left where it is, to be said in the end."""
        self._unused[of, name] += 1

    def graph(self, *, directed: bool) -> Graph:
        """The graph of all that was listed; what was not used or not plain is said."""
        if self._unlisted:
            logger.warning(
                "%s: %s only, such as %s; taken as %s",
                self.path,
                f"{count(len(self._unlisted), 'node')} {_are(len(self._unlisted))} named by edges",
                shown(next(iter(self._unlisted))),
                "it is" if len(self._unlisted) == 1 else "they are",
            )
        self._say_not_used()
        if directed and self._n_undirected:
            logger.warning(
                "%s: %s undirected; taken to run from source to target",
                self.path,
                f"{count(self._n_undirected, 'edge')} {_are(self._n_undirected)}",
            )
        return Graph.from_edges(
            np.asarray(self._ends).reshape(-1, 2),
            weights=self._all_weights(),
            ids=self.ids(),
            directed=directed,
        )

    def ids(self) -> list[str] | list[int]:
        """Integers if all of them spell one, otherwise text; labels if all are different."""
        names = list(self._places)
        if self._labels:
            labels = [self._labels.get(name, name) for name in names]
            repeated = next((label for label, n in Counter(labels).items() if n > 1), None)
            if repeated is None:
                names = labels
            else:
                logger.warning(
                    "%s: several nodes are called %s; all go by their number in the file instead",
                    self.path,
                    shown(repeated),
                )
        numbers = [canonical_int(name) for name in names]
        return numbers if all(isinstance(number, int) for number in numbers) else names

    def _all_weights(self) -> NDArray[np.float64] | None:
        weights = np.asarray(self._weights)
        bare = np.isnan(weights)
        if bare.all():
            return None
        n_bare = int(np.count_nonzero(bare))
        if n_bare:
            logger.warning(
                "%s: %s no weight; taken as 1",
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
