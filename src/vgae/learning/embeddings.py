"""What embeddings and their posterior say of a fit: directions, divergence, spread, draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vgae.data.adjacency import doubling_bins
from vgae.ground.config import stream_seed

if TYPE_CHECKING:
    from vgae.model.network import GraphAutoEncoder

__all__ = [
    "ACTIVE_VARIANCE",
    "SpreadBin",
    "active_dimensions",
    "kl_by_dimension",
    "posterior_scores",
    "principal_components",
    "spread_by_degree",
]

ACTIVE_VARIANCE = 0.01
"""A latent dimension is active where posterior means vary more than this between nodes."""
AT_ONCE = 2**22
"""Elements of the draws that are held at once."""

Values = NDArray[np.float64]


class SpreadBin(NamedTuple):
    """Nodes of similar degrees, and the median of their mean posterior standard deviations.

    Examples
    --------
    >>> SpreadBin(lowest=2, highest=3, n_nodes=7, median=0.5).n_nodes
    7
    """

    lowest: int
    highest: int
    n_nodes: int
    median: float


def principal_components(vectors: NDArray[np.floating]) -> tuple[Values, Values]:
    """The two directions in which vectors differ most, and their shares of the variance.

    The sign of a direction is arbitrary; here its largest weight is positive, so that the same
    vectors always give the same map (Pearson, 1901).

    Parameters
    ----------
    vectors
        Shape (n_nodes, dim), dim at least 1.

    Returns
    -------
    Positions, shape (n_nodes, 2), whose second column is zero for vectors of one dimension; and the
    shares, shape (2,).

    Examples
    --------
    >>> positions, shares = principal_components(np.array([[3.0, 1.0], [-3.0, 1.0]]))
    >>> positions.round(6).tolist(), shares.tolist()
    ([[3.0, 0.0], [-3.0, 0.0]], [1.0, 0.0])
    """
    centred = np.asarray(vectors, np.float64)
    centred = centred - centred.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    variances, directions = np.maximum(variances[::-1][:2], 0.0), directions[:, ::-1][:, :2]
    strongest = directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])]
    positions = centred @ (directions * np.where(strongest < 0, -1.0, 1.0))
    total = float((centred**2).sum()) or 1.0
    missing = 2 - positions.shape[1]
    return (
        np.pad(positions, ((0, 0), (0, missing))),
        np.pad(variances / total, (0, missing)),
    )


def kl_by_dimension(mean: ArrayLike, std: ArrayLike) -> Values:
    """Mean KL divergence of the posterior from the standard normal prior, by latent dimension.

    In nats per node; the sum over the dimensions is the KL term per node (Kingma & Welling 2014,
    appendix B).

    Parameters
    ----------
    mean, std
        Posterior means and standard deviations, shape (n_nodes, latent_dim).

    Examples
    --------
    >>> kl_by_dimension([[0.0, 1.0]], [[1.0, 1.0]]).tolist()
    [0.0, 0.5]
    """
    means, deviations = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    with np.errstate(divide="ignore"):
        logs = np.log(deviations)
    # expm1 keeps the digits of deviations close to one.
    each = 0.5 * (means**2 + np.expm1(2 * logs) - 2 * logs)
    found: Values = each.mean(axis=0)
    return found


def active_dimensions(mean: ArrayLike) -> NDArray[np.bool]:
    """Which latent dimensions tell nodes apart: those whose posterior means vary.

    A dimension is active where the variance of its posterior means over the nodes exceeds 0.01
    (Burda, Grosse & Salakhutdinov 2016, section 5.2). Where none is, the posterior has collapsed.

    Parameters
    ----------
    mean
        Posterior means, shape (n_nodes, latent_dim).

    Examples
    --------
    >>> active_dimensions([[0.0, 1.0], [0.0, -1.0]]).tolist()
    [False, True]
    """
    found: NDArray[np.bool] = np.asarray(mean, np.float64).var(axis=0) > ACTIVE_VARIANCE
    return found


def posterior_scores(
    network: GraphAutoEncoder,
    mean: NDArray[np.floating],
    std: NDArray[np.floating],
    pairs: NDArray[np.int64],
    *,
    n_samples: int = 200,
    seed: int = 0,
) -> Values:
    """Scores of pairs for embeddings drawn from the posterior, shape (n_samples, n_pairs).

    Parameters
    ----------
    network
        The model.
    mean, std
        Posterior means and standard deviations, shape (n_nodes, latent_dim).
    pairs
        Node indices, shape (n_pairs, 2).
    n_samples
        Number of draws. All pairs of one draw share the embeddings of their nodes.
    seed
        Seed of the draws.

    Examples
    --------
    >>> from vgae.model.network import GraphAutoEncoder
    >>> from vgae.model.settings import ModelSettings
    >>> network = GraphAutoEncoder(ModelSettings(latent_dim=2), n_inputs=3, seed=0)
    >>> mean, pairs = np.eye(3, 2, dtype=np.float32), np.array([[0, 1], [0, 2]])
    >>> posterior_scores(network, mean, 0.1 * np.ones_like(mean), pairs, n_samples=5).shape
    (5, 2)
    """
    import torch  # here, since pages of reports are drawn without it

    from vgae.model.latents import Gaussian

    nodes, places = np.unique(pairs, return_inverse=True)
    local, n_nodes = torch.from_numpy(places.reshape(pairs.shape)), len(nodes)
    known = torch.from_numpy(mean[nodes]), torch.log(torch.from_numpy(std[nodes]))
    random = torch.Generator().manual_seed(stream_seed(seed, "posterior"))
    size, found = max(1, AT_ONCE // max(known[0].numel(), 1)), []
    with torch.no_grad():
        for start in range(0, n_samples, size):
            # The nodes of several draws stand below each other: one call scores them all.
            n = min(size, n_samples - start)
            latent = Gaussian(known[0].repeat(n, 1), known[1].repeat(n, 1))
            sample = latent.rsample(torch.randn(latent.mean.shape, generator=random))
            shifted = (local[None] + n_nodes * torch.arange(n)[:, None, None]).reshape(-1, 2)
            scores = network.decoder.pairs(network.linked(sample), shifted).reshape(n, -1)
            if network.offsets is not None:
                scores = scores + network.offsets.at(torch.from_numpy(pairs))
            found.append(scores.double().numpy())
    return np.concatenate(found)


def spread_by_degree(std: ArrayLike, degrees: ArrayLike) -> list[SpreadBin]:
    """How uncertain the embeddings of nodes are, by their degrees.

    Parameters
    ----------
    std
        Posterior standard deviations, shape (n_nodes, latent_dim).
    degrees
        Shape (n_nodes,).

    Returns
    -------
    Bins within which degrees at most double, by the lowest and highest degree in each.

    Examples
    --------
    >>> spread_by_degree([[0.5], [0.25], [0.75]], degrees=[1, 4, 6])
    [SpreadBin(lowest=1, highest=1, n_nodes=1, median=0.5), SpreadBin(lowest=4, highest=6, \
n_nodes=2, median=0.5)]
    """
    each, given = np.asarray(std, np.float64).mean(axis=1), np.asarray(degrees)
    bins = doubling_bins(given)
    found = []
    for place in np.unique(bins):
        inside: NDArray[Any] = given[bins == place]
        median = float(np.median(each[bins == place]))
        found.append(SpreadBin(int(inside.min()), int(inside.max()), len(inside), median))
    return found
