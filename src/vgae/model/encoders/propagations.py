"""The encoders that come with the package: four ways to pass messages along edges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from vgae.data.graph import FloatCSR, Graph
from vgae.model.encoders.base import Propagation, of_rows

__all__ = ["APPNPEncoder", "GraphConvolutionEncoder", "LinearEncoder", "SAGEEncoder"]


@final
class GraphConvolutionEncoder(Propagation):
    """Graph convolutions; all outputs share all layers but the last (Kipf & Welling 2016, sec. 1).

    H = ReLU(A X W + b), output = A H W_output + b_output, with A the normalised adjacency; with
    more layers, more such H. Without features X is the identity and A X W is A W: no identity
    matrix is stored. With `residual`, a hidden layer adds the one before it.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> encoder = GraphConvolutionEncoder(
    ...     ModelSettings(layers=3), 2, outputs=("mean",), generator=torch.Generator()
    ... )
    >>> {name: tuple(weight.shape) for name, weight in encoder.weight.items()}
    {'hidden': (2, 32), 'hidden2': (32, 32), 'mean': (32, 16)}
    >>> encoder.ahead, encoder.shapes(5)["hidden"], encoder.first_weight.shape
    (1, (5, 32), torch.Size([2, 32]))
    >>> state = encoder.messages(2, torch.zeros(4, 32))
    >>> encoder.update(2, state, state, state).shape
    torch.Size([4, 16])
    """

    name: ClassVar[str] = "gcn"

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, int]]:
        """See `Propagation.shapes`."""
        hidden = self.settings.hidden_dim
        names = [_hidden(level) for level in range(self.n_rounds - 1)]
        widths = [n_inputs, *(hidden for _ in names)]
        found = {name: (width, hidden) for name, width in zip(names, widths, strict=False)}
        return found | dict.fromkeys(self.outputs, (widths[-1], self.settings.latent_dim))

    @property
    def ahead(self) -> int:
        """See `Propagation.ahead`."""
        return 1

    @property
    def first_weight(self) -> Tensor:
        """See `Propagation.first_weight`."""
        weight: Tensor = self.weight["hidden"] if self.n_rounds > 1 else self._output_weight()
        return weight

    def messages(self, level: int, state: Tensor) -> Tensor:
        """See `Propagation.messages`: the state times the layer's weight, but for the first."""
        if level == 0:
            return state
        if level == self.n_rounds - 1:
            return state @ self._output_weight()
        sent: Tensor = state @ self.weight[_hidden(level)]
        return sent

    def update(self, level: int, received: Tensor, state: Tensor, first: Tensor) -> Tensor:  # noqa: ARG002
        """See `Propagation.update`."""
        if level == self.n_rounds - 1:
            return received
        activated = torch.relu(self._with_bias(_hidden(level), received))
        return activated + state if self.settings.residual and level else activated


def _hidden(level: int) -> str:
    return "hidden" if level == 0 else f"hidden{level + 1}"


@final
class LinearEncoder(Propagation):
    """A^k X W: propagated inputs times one matrix (Salha, Hennequin & Vazirgiannis 2019).

    With inputs, the product A^k X is formed once, and a step is one dense product.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> encoder = LinearEncoder(
    ...     ModelSettings(layers=2), 3, outputs=("mean",), generator=torch.Generator()
    ... )
    >>> features = np.eye(3, dtype=np.float32)
    >>> encoder.prepare(Graph.from_edges([(0, 1), (1, 2)]), features).propagated
    2
    >>> encoder.shapes(3), encoder.ahead, encoder.first_weight.shape
    ({'mean': (3, 16)}, 2, torch.Size([3, 16]))
    >>> encoder.update(0, torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(1, 1)).tolist()
    [[1.0]]
    """

    name: ClassVar[str] = "linear"

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, int]]:
        """See `Propagation.shapes`."""
        return dict.fromkeys(self.outputs, (n_inputs, self.settings.latent_dim))

    @property
    def ahead(self) -> int:
        """See `Propagation.ahead`."""
        return self.n_rounds

    @property
    def first_weight(self) -> Tensor:
        """See `Propagation.first_weight`."""
        return self._output_weight()

    def update(self, level: int, received: Tensor, state: Tensor, first: Tensor) -> Tensor:  # noqa: ARG002
        """See `Propagation.update`: what was received."""
        return received


@final
class APPNPEncoder(Propagation):
    """Personalised PageRank of a projection (Gasteiger, Bojchevski & Guennemann 2019, eq. 4).

    H = ReLU(X W + b) W_output; each round is Z <- (1 - teleport) A Z + teleport H.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> encoder = APPNPEncoder(
    ...     ModelSettings(encoder="appnp"), 3, outputs=("mean",), generator=torch.Generator()
    ... )
    >>> encoder.n_rounds, encoder.first_weight.shape, encoder.shapes(3)["mean"]
    (10, torch.Size([3, 32]), (32, 16))
    >>> sent = encoder.messages(0, torch.zeros(2, 32))
    >>> encoder.update(0, sent, torch.zeros(2, 32), torch.zeros(2, 32)).shape
    torch.Size([2, 16])
    """

    name: ClassVar[str] = "appnp"

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, int]]:
        """See `Propagation.shapes`."""
        hidden = self.settings.hidden_dim
        outputs = dict.fromkeys(self.outputs, (hidden, self.settings.latent_dim))
        return {"hidden": (n_inputs, hidden), **outputs}

    @property
    def first_weight(self) -> Tensor:
        """See `Propagation.first_weight`."""
        weight: Tensor = self.weight["hidden"]
        return weight

    def messages(self, level: int, state: Tensor) -> Tensor:
        """See `Propagation.messages`."""
        return self._prediction(state) if level == 0 else state

    def update(self, level: int, received: Tensor, state: Tensor, first: Tensor) -> Tensor:  # noqa: ARG002
        """See `Propagation.update`."""
        teleport = self.settings.teleport
        return (1.0 - teleport) * received + teleport * self._prediction(first)

    def _prediction(self, first: Tensor) -> Tensor:
        return torch.relu(self._with_bias("hidden", first)) @ self._output_weight()


@final
class SAGEEncoder(Propagation):
    """Means of neighbours next to the node itself (Hamilton, Ying & Leskovec 2017, GraphSAGE-mean).

    H <- ReLU(H W_self + mean of neighbours' H W + b); the last layer has no ReLU. The mean is
    weighted by edge weights, and zero for a node without neighbours.

    Examples
    --------
    >>> from vgae.model.settings import ModelSettings
    >>> encoder = SAGEEncoder(
    ...     ModelSettings(hidden_dim=4), 3, outputs=("mean",), generator=torch.Generator()
    ... )
    >>> encoder.adjacency(Graph.from_edges([(0, 1), (1, 2)])).toarray().tolist()
    [[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]
    >>> encoder.first_weight.shape, encoder.biased(encoder.shapes(3))
    (torch.Size([3, 8]), ['hidden', 'mean'])
    >>> sent = encoder.messages(0, torch.ones(2, 8))
    >>> encoder.update(0, sent, torch.ones(2, 8), torch.ones(2, 8)).shape
    torch.Size([2, 4])
    >>> weights = np.array([[2.0, 2.0, 0.0]])
    >>> encoder.normalised(weights, np.array([1.0, 1.0, 4.0])).toarray().tolist()
    [[0.5, 0.5, 0.0]]
    """

    name: ClassVar[str] = "sage"
    self_loops: ClassVar[bool] = False
    symmetric: ClassVar[bool] = False

    def shapes(self, n_inputs: int) -> dict[str, tuple[int, int]]:
        """See `Propagation.shapes`."""
        hidden, latent = self.settings.hidden_dim, self.settings.latent_dim
        found: dict[str, tuple[int, int]] = {}
        for level in range(self.n_rounds):
            width = n_inputs if level == 0 else hidden
            names = self.outputs if level == self.n_rounds - 1 else (_hidden(level),)
            out = latent if level == self.n_rounds - 1 else hidden
            for name in names:
                found[name] = found[f"{name}_self"] = (width, out)
        return found

    def biased(self, names: Iterable[str]) -> list[str]:
        """See `Propagation.biased`: one bias for both weights of a layer."""
        return [name for name in names if not name.endswith("_self")]

    @property
    def first_weight(self) -> Tensor:
        """See `Propagation.first_weight`: the neighbours' weight next to the node's own."""
        return self._both(0)

    def adjacency(self, graph: Graph) -> FloatCSR:
        """See `Propagation.adjacency`: rows that sum to one."""
        weights = sparse.csr_array(graph.adjacency.astype(np.float64))
        return self.normalised(weights, weights.sum(axis=1)).astype(np.float32)

    def normalised(
        self, adjacency: FloatCSR, degrees: NDArray[np.float64], first: int | None = None
    ) -> FloatCSR:
        """See `Propagation.normalised`: rows that sum to one."""
        own = of_rows(degrees, adjacency, first)
        return sparse.csr_array(
            sparse.diags_array(1.0 / np.where(own > 0, own, 1.0)) @ sparse.csr_array(adjacency)
        )

    def messages(self, level: int, state: Tensor) -> Tensor:
        """See `Propagation.messages`."""
        both = state if level == 0 else state @ self._both(level)
        return both[:, : both.shape[1] // 2].contiguous()

    def update(self, level: int, received: Tensor, state: Tensor, first: Tensor) -> Tensor:  # noqa: ARG002
        """See `Propagation.update`."""
        both = state if level == 0 else state @ self._both(level)
        values = received + both[:, both.shape[1] // 2 :]
        if level == self.n_rounds - 1:
            return values
        activated = torch.relu(self._with_bias(_hidden(level), values))
        same = self.settings.residual and level and activated.shape == state.shape
        return activated + state if same else activated

    def _both(self, level: int) -> Tensor:
        """The weights of the neighbours, followed by those of the node itself."""
        names = self.outputs if level == self.n_rounds - 1 else (_hidden(level),)
        return torch.cat(
            [self.weight[f"{name}{suffix}"] for suffix in ("", "_self") for name in names], dim=1
        )
