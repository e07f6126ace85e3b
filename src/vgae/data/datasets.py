"""Named graphs: address, checksum, licence and citation; the only module that uses the network."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vgae.data.graph import Graph
from vgae.data.interop import from_networkx
from vgae.data.split import NodeSplit
from vgae.ground.errors import InputError, unknown_name
from vgae.ground.files import file_errors

__all__ = [
    "DATASETS",
    "DEFAULT_DATASET",
    "Dataset",
    "is_cached",
    "load_dataset",
    "public_node_split",
]

logger = logging.getLogger(__name__)

DEFAULT_DATASET = "digits"

PLANETOID_ADDRESS = (
    "https://raw.githubusercontent.com/kimiyoung/planetoid/"
    "af6abf468a772cc055bec88c52e4d6f51b7c37e3/data/"
)
PLANETOID_PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
PLANETOID_CHECKSUMS = {
    "cora": (
        "23cfa55d91c6f624233f5eb7b6e3f141f1bd2b2ae39608a63cf5d084bb27baab",
        "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a",
        "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543",
        "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1",
        "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad",
        "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71",
        "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d",
        "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
    ),
    "citeseer": (
        "d20de19150741e555de0ed037195630fc194114ebc7fd72ced62810148aa22f6",
        "539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21",
        "2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668",
        "8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924",
        "55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce",
        "f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95",
        "d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7",
        "2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4",
    ),
    "pubmed": (
        "fbe9cb5c47200d1b7769a26e579be3b7130b556831f9d850e77c4c74f2599b33",
        "4eb5f5d0f30f26497eb0ac6ac9719d09c67e284f1ed0385c93f3ef27a671da3d",
        "git-blob:3b86bccf08111c37c632a9dd8ab63db25ea76361",
        "e6c807633307a07ed659249006536a147c7999c797f11a2560752990181b41b3",
        "ee2e0d4819d9fbcc403689c3bf2e49face401b605932f093bc58ab6461130fdd",
        "0c37bbe3b5014ec365e9d393cf4791925e5ed94fb194305d74f064a8d7b50f0e",
        "5b89f0036ca22909471f1e6558eb42fa06e0c730a577bde5b058b40638f81dc9",
        "b101d421688bbaecbd82e8a18f1e282378d6830f3a37666f28ebc47f844341b5",
    ),
}
"""SHA-256 of each part, in the order of `PLANETOID_PARTS`, or its Git blob id."""


@dataclass(frozen=True)
class Dataset:
    """A named graph, with its terms of use and its source.

    Attributes
    ----------
    name, about
        The name, and one line that says what the nodes and edges are.
    n_nodes, n_edges, n_features
        Sizes after cleaning.
    licence, citation
        Terms of use, and the source to cite.
    load
        Function that makes the graph; its argument says whether to load features.

    Examples
    --------
    >>> DATASETS["karate"].about, DATASETS["karate"].n_nodes
    ('friendships in a karate club', 34)
    """

    name: str
    about: str
    n_nodes: int
    n_edges: int
    n_features: int
    licence: str
    citation: str
    load: Callable[[bool], Graph]


def load_dataset(name: str, *, features: bool = True, require_features: bool = False) -> Graph:
    """Load a named graph; if it is not part of the installation, download and verify it once.

    The Planetoid files are read from the folder that the environment variable VGAE_DATA names
    (`planetoid/ind.NAME.*` in it), from the user's cache, or from the network, in this order.

    Parameters
    ----------
    name
        One of `DATASETS`.
    features
        Whether to load node features.
    require_features
        Whether it is an error if Pubmed's features are not available. Otherwise the graph is
        loaded without them and a warning says so.

    Raises
    ------
    InputError
        The name is unknown, or a file is not available or has the wrong checksum.

    Examples
    --------
    >>> load_dataset("karate")
    Graph(34 nodes, 78 edges, weighted, no features)
    """
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    try:
        graph = DATASETS[name].load(features)
    except InputError as error:
        if name != "pubmed" or not features or require_features:
            raise
        graph = DATASETS[name].load(False)
        logger.warning("pubmed: loaded without features, which are not available: %s", error)
    if graph.cleaning:
        logger.warning("%s: %s", name, graph.cleaning)
    return graph


def public_node_split(name: str) -> NodeSplit | None:
    """Load the training and test nodes published with a data set, or None if there are none.

    Raises
    ------
    InputError
        A file is not available or has the wrong checksum.

    Examples
    --------
    >>> print(public_node_split("karate"))
    None
    """
    if name not in PLANETOID_CHECKSUMS:
        return None
    first, test = (_read_planetoid(_fetch(name, part), part) for part in ("y", "test.index"))
    return NodeSplit(np.arange(len(first)), np.sort(test))


def is_cached(name: str) -> bool:
    """Whether a data set can be loaded completely without the network.

    Examples
    --------
    >>> is_cached("karate")
    True
    """
    if name not in PLANETOID_CHECKSUMS:
        return True
    return all(_local_file(name, part) is not None for part in PLANETOID_PARTS)


# ------------------------------------------------------------- installed graphs


def _digits(features: bool) -> Graph:
    from sklearn.datasets import load_digits
    from sklearn.neighbors import kneighbors_graph

    digits = load_digits()
    nearest = sparse.csr_array(kneighbors_graph(digits.data, n_neighbors=10))
    return Graph.from_scipy(
        (nearest + nearest.T) > 0,
        features=digits.data / 16.0 if features else None,  # pixels from 0 to 1
        labels=digits.target,
    )


def _karate(_features: bool) -> Graph:
    import networkx

    club = networkx.karate_club_graph()
    graph = from_networkx(club)
    return graph.with_labels(np.array([club.nodes[node]["club"] for node in club.nodes]))


def _lesmis(_features: bool) -> Graph:
    import networkx

    return from_networkx(networkx.les_miserables_graph())


# ------------------------------------------------------------------- planetoid


def _planetoid(name: str) -> Callable[[bool], Graph]:
    def load(features: bool) -> Graph:
        parts = {
            part: _read_planetoid(_fetch(name, part), part)
            for part in PLANETOID_PARTS
            if part not in ("x", "tx", "allx", "y")
        }
        if features:
            parts |= {p: _read_planetoid(_fetch(name, p), p) for p in ("tx", "allx")}
        return _planetoid_graph(parts)

    return load


def _planetoid_graph(parts: dict[str, Any]) -> Graph:
    """Put the parts of a Planetoid data set in order (Yang et al. 2016).

    The files hold the test nodes in shuffled order, and `test.index` holds the row of each. Nodes
    without an entry in any file (Citeseer has 15) get zero features and the label -1.
    """
    neighbours: dict[int, list[int]] = parts["graph"]
    n_nodes = len(neighbours)
    degrees = [len(neighbours[node]) for node in range(n_nodes)]
    arcs = np.stack(
        [
            np.repeat(np.arange(n_nodes), degrees),
            np.concatenate([np.array(neighbours[node], np.int64) for node in range(n_nodes)]),
        ],
        axis=1,
    )
    test = parts["test.index"]
    labels = np.full(n_nodes, -1)
    for rows, one_hot in ((np.arange(len(parts["ally"])), parts["ally"]), (test, parts["ty"])):
        labels[rows] = np.where(one_hot.any(axis=1), one_hot.argmax(axis=1), -1)
    features = None
    if "allx" in parts:
        stacked = sparse.coo_array(sparse.vstack([parts["allx"], parts["tx"]]))
        row_of = np.concatenate([np.arange(parts["allx"].shape[0]), test])
        features = sparse.csr_array(
            (stacked.data, (row_of[stacked.row], stacked.col)),
            shape=(n_nodes, stacked.shape[1]),
        )
    # Each edge is in the lists of both ends; a self loop is twice in the list of its node.
    edges = arcs[arcs[:, 0] < arcs[:, 1]]
    loops = arcs[arcs[:, 0] == arcs[:, 1]][::2]
    return Graph.from_edges(
        np.concatenate([edges, loops]),
        n_nodes=n_nodes,
        features=features,
        labels=labels,
    )


def _fetch(name: str, part: str) -> Path:
    """Return a verified local copy of one file, downloading it if necessary."""
    local = _local_file(name, part)
    checksum = _checksum(name, part)
    if local is None:
        import pooch

        file_name = f"ind.{name}.{part}"
        logger.info("downloading %s%s", PLANETOID_ADDRESS, file_name)
        pooch_logger = pooch.get_logger()  # logs the same line, and has no option to be quiet
        level = pooch_logger.level
        pooch_logger.setLevel(logging.ERROR)
        try:
            pooch.retrieve(
                PLANETOID_ADDRESS + file_name,
                known_hash=None,  # the downloader checks ours before the file gets its name
                fname=file_name,
                path=_cache(),
                downloader=_VerifyingDownload(checksum),
            )
        except InputError:
            raise
        except Exception as error:  # noqa: BLE001
            raise InputError(
                f"{file_name}: cannot be downloaded ({type(error).__name__}); check the network, "
                "or set VGAE_DATA to a folder that holds planetoid/"
            ) from None
        finally:
            pooch_logger.setLevel(level)
        local = _cache() / file_name
    with file_errors(local):
        _verify(local, checksum)
    return local


class _VerifyingDownload:
    """Downloader for pooch that refuses a file before it gets its final name."""

    def __init__(self, checksum: str) -> None:
        self.checksum = checksum

    def __call__(self, url: str, output_file: Any, pooch: Any) -> None:
        from pooch import HTTPDownloader

        HTTPDownloader(timeout=30)(url, output_file, pooch)
        path = Path(getattr(output_file, "name", output_file))
        if hasattr(output_file, "flush"):
            output_file.flush()
        _verify(path, self.checksum)


def _local_file(name: str, part: str) -> Path | None:
    file_name = f"ind.{name}.{part}"
    places = [_cache() / file_name]
    if folder := os.environ.get("VGAE_DATA"):
        places.insert(0, Path(folder) / "planetoid" / file_name)
    return next((place for place in places if place.is_file()), None)


def _cache() -> Path:
    import pooch

    return Path(pooch.os_cache("vgae"))


def _checksum(name: str, part: str) -> str:
    return PLANETOID_CHECKSUMS[name][PLANETOID_PARTS.index(part)]


def _verify(path: Path, checksum: str) -> None:
    content = path.read_bytes()
    if checksum.startswith("git-blob:"):
        header = f"blob {len(content)}\0".encode()
        found = "git-blob:" + hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
    else:
        found = hashlib.sha256(content).hexdigest()
    if found != checksum:
        raise InputError(f"{path}: checksum {found} is not {checksum}; remove the file and retry")


# ------------------------------------------------- pickles, behind an allow-list


class _MatrixParts:
    """Stands in for SciPy's matrix class in a pickle: holds its parts and does nothing."""


def _allowed() -> dict[tuple[str, str], Any]:
    from numpy._core.multiarray import _reconstruct

    return {
        ("scipy.sparse.csr", "csr_matrix"): _MatrixParts,
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("collections", "defaultdict"): defaultdict,
        ("__builtin__", "list"): list,
    }


class _AllowListUnpickler(pickle.Unpickler):
    """Builds arrays, lists and dictionaries, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = _allowed()
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed here")
        return allowed[module, name]


def _read_planetoid(path: Path, part: str) -> Any:
    if part == "test.index":
        rows: NDArray[np.int64] = np.loadtxt(path, dtype=np.int64)
        return rows
    with file_errors(path), path.open("rb") as handle:
        try:
            content = _AllowListUnpickler(handle, encoding="latin1").load()
        except (pickle.UnpicklingError, EOFError, ValueError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from None
    if isinstance(content, _MatrixParts):
        state = content.__dict__
        return sparse.csr_array(
            (state["data"], state["indices"], state["indptr"]), shape=state["_shape"]
        )
    return content


PLANETOID_CITATION = (
    "Sen et al., Collective Classification in Network Data, AI Magazine 2008; "
    "Yang et al., Revisiting Semi-Supervised Learning with Graph Embeddings, ICML 2016"
)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "digits",
            "10-nearest-neighbour graph of handwritten digits, pixels as features",
            1797,
            12340,
            64,
            "CC BY 4.0",
            "Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI 1998",
            _digits,
        ),
        Dataset(
            "karate",
            "friendships in a karate club",
            34,
            78,
            0,
            "BSD-3-Clause (NetworkX)",
            "Zachary, An Information Flow Model for Conflict and Fission in Small Groups, 1977",
            _karate,
        ),
        Dataset(
            "lesmis",
            "characters of Les Miserables that appear together",
            77,
            254,
            0,
            "BSD-3-Clause (NetworkX)",
            "Knuth, The Stanford GraphBase, 1993",
            _lesmis,
        ),
        Dataset(
            "cora",
            "citations between machine-learning papers, words as features",
            2708,
            5278,
            1433,
            "MIT (Planetoid)",
            PLANETOID_CITATION,
            _planetoid("cora"),
        ),
        Dataset(
            "citeseer",
            "citations between computer-science papers, words as features",
            3327,
            4552,
            3703,
            "MIT (Planetoid)",
            PLANETOID_CITATION,
            _planetoid("citeseer"),
        ),
        Dataset(
            "pubmed",
            "citations between papers on diabetes, word weights as features",
            19717,
            44324,
            500,
            "MIT (Planetoid)",
            PLANETOID_CITATION,
            _planetoid("pubmed"),
        ),
    )
}
"""The data sets by name, installed ones first."""
