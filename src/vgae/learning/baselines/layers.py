"""Shared by the neural baselines: a multilayer perceptron, and its training in batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vgae.ground.errors import InputError
from vgae.learning.optimizer import Adam
from vgae.learning.scores import blocks
from vgae.model.kernels import SparseMatrix

__all__ = ["MultilayerPerceptron", "train_in_batches"]


@final
class MultilayerPerceptron(nn.Module):
    """Affine layers with a ReLU after each but the last.

    Parameters
    ----------
    widths
        Widths of the input, of each hidden layer and of the output.
    generator
        Source of the Glorot-uniform weights (Glorot & Bengio 2010, eq. 16); biases begin at zero.
        Global random state is not used.

    Examples
    --------
    >>> network = MultilayerPerceptron([5, 3, 2], torch.Generator().manual_seed(0))
    >>> network(torch.zeros(1, 5)).tolist()
    [[0.0, 0.0]]
    >>> network.forward(torch.zeros(3, 5)).shape
    torch.Size([3, 2])
    """

    def __init__(self, widths: Sequence[int], generator: torch.Generator) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            nn.init.xavier_uniform_(torch.empty(shape), generator=generator)
            for shape in pairwise(widths)
        )
        self.biases = nn.ParameterList(torch.zeros(width) for width in widths[1:])

    def forward(self, inputs: Tensor | SparseMatrix) -> Tensor:
        """Outputs, shape (n_rows, last width)."""
        first, *others = zip(self.weights, self.biases, strict=True)
        values: Tensor = inputs @ first[0] + first[1]
        for weight, bias in others:
            values = torch.relu(values) @ weight + bias
        return values


def train_in_batches(
    network: nn.Module,
    batch_loss: Callable[[NDArray[np.int64], float], Tensor],
    n_nodes: int,
    *,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    generator: torch.Generator,
) -> None:
    """Train a network in place with Adam, over all nodes in a new order each epoch.

    Parameters
    ----------
    network
        The network; its parameters change.
    batch_loss
        Loss of a batch of nodes, given their indices, shape (n_rows,), and the share of the
        training that is done, from 0 to below 1.
    n_nodes
        Number of nodes.
    learning_rate
        Adam's step size.
    epochs
        Number of passes over the nodes.
    batch_size
        Nodes per step; the last step of an epoch may have fewer.
    generator
        Source of the order.

    Raises
    ------
    InputError
        The loss or a weight is no longer finite.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> network, inputs = MultilayerPerceptron([2, 1], generator), torch.eye(2)
    >>> def batch_loss(rows, done):
    ...     return (network(inputs[rows]) - 1.0).square().sum()
    >>> train_in_batches(network, batch_loss, 2, learning_rate=0.1, epochs=50, batch_size=1,
    ...                  generator=generator)
    >>> bool(batch_loss([0, 1], 1.0) < 0.01)
    True
    """
    optimizer = Adam(list(network.parameters()), learning_rate)
    for epoch in range(1, epochs + 1):
        batches = blocks(torch.randperm(n_nodes, generator=generator).numpy(), batch_size)
        total = 0.0
        for step, rows in enumerate(batches):
            loss = batch_loss(rows, (epoch - 1 + step / len(batches)) / epochs)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
            optimizer.step()
        # No later loss would show a bad last step, so the weights themselves are checked.
        finite = all(bool(parameter.isfinite().all()) for parameter in network.parameters())
        if not (math.isfinite(total) and finite):
            raise InputError(
                f"epoch {epoch}: the loss is {total:.3g}, or a weight is not finite; lower "
                f"learning_rate ({learning_rate:g}) or give inputs of moderate size"
            )
