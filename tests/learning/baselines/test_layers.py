"""The perceptron and the training loop that the neural baselines share."""

from itertools import chain

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from vgae.ground.errors import InputError
from vgae.learning.baselines.layers import MultilayerPerceptron, train_in_batches
from vgae.model.kernels import SparseMatrix


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_layers_are_affine_with_a_relu_after_each_but_the_last() -> None:
    network = MultilayerPerceptron([4, 5, 3, 2], generator())
    for number, bias in enumerate(network.biases):
        torch.nn.init.constant_(bias, 0.1 * (number + 1))
    inputs = torch.randn(7, 4, generator=generator(1))
    values = inputs.numpy().astype(np.float64)
    for number, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        values = values @ weight.detach().numpy() + bias.detach().numpy()
        if number < 2:
            values = np.maximum(values, 0.0)
    np.testing.assert_allclose(network(inputs).detach().numpy(), values, rtol=1e-5, atol=1e-6)
    assert (values < 0.0).any()  # no ReLU after the last


def test_sparse_inputs_give_what_dense_ones_do() -> None:
    network = MultilayerPerceptron([6, 4, 2], generator())
    rows = sparse.random_array((9, 6), density=0.3, format="csr", dtype=np.float32, rng=0)
    dense = network(torch.from_numpy(rows.toarray()))
    np.testing.assert_allclose(
        network(SparseMatrix.from_scipy(rows)).detach().numpy(), dense.detach().numpy(), atol=1e-6
    )


def test_weights_begin_glorot_uniform_and_come_from_the_generator_alone() -> None:
    torch.manual_seed(1)
    first = MultilayerPerceptron([300, 200], generator(3))
    state = torch.get_rng_state()
    torch.manual_seed(2)
    second = MultilayerPerceptron([300, 200], generator(3))
    other = MultilayerPerceptron([300, 200], generator(4))
    assert torch.equal(first.weights[0], second.weights[0])
    assert not torch.equal(first.weights[0], other.weights[0])
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)  # nothing was drawn from it
    bound = (6.0 / 500.0) ** 0.5
    weights = first.weights[0].detach()
    largest = float(weights.abs().max())
    assert 0.99 * bound < largest <= bound
    assert float(weights.var()) == pytest.approx(bound**2 / 3.0, rel=0.02)
    assert not first.biases[0].detach().any()


class Recorded:
    """A loss that notes the batches it is asked for."""

    def __init__(self) -> None:
        self.network = MultilayerPerceptron([1, 1], generator())
        self.batches: list[list[int]] = []
        self.shares: list[float] = []

    def __call__(self, rows: NDArray[np.int64], done: float) -> Tensor:
        self.batches.append(rows.tolist())
        self.shares.append(done)
        loss: Tensor = (self.network(torch.ones(1, 1)) - 2.0).square().sum()
        return loss

    def train(self, seed: int = 0, learning_rate: float = 0.1) -> None:
        train_in_batches(
            self.network,
            self,
            10,
            learning_rate=learning_rate,
            epochs=3,
            batch_size=4,
            generator=generator(seed),
        )


def test_each_epoch_takes_every_node_once_in_another_order() -> None:
    one = Recorded()
    one.train()
    assert [len(batch) for batch in one.batches] == [4, 4, 2] * 3
    epochs = [list(chain(*one.batches[start : start + 3])) for start in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    again, other = Recorded(), Recorded()
    again.train()
    other.train(seed=1)
    assert again.batches == one.batches != other.batches


def test_the_share_of_the_training_that_is_done_grows_to_below_one() -> None:
    one = Recorded()
    one.train()
    np.testing.assert_allclose(one.shares, np.arange(9) / 9.0)


def test_the_loss_falls() -> None:
    one = Recorded()
    before = one(np.arange(1), 0.0).item()
    one.train()
    assert one(np.arange(1), 0.0).item() < 0.5 * before


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_one_line(value: float) -> None:
    network = MultilayerPerceptron([1, 1], generator())

    def loss(rows: NDArray[np.int64], done: float) -> Tensor:  # noqa: ARG001
        total: Tensor = network(torch.ones(1, 1)).sum() * value
        return total

    with pytest.raises(InputError, match=r"epoch 1: the loss is .*; lower learning_rate \(0.1\)"):
        train_in_batches(
            network, loss, 4, learning_rate=0.1, epochs=2, batch_size=4, generator=generator()
        )


def test_weights_that_are_not_finite_after_the_last_step_are_an_error() -> None:
    network = MultilayerPerceptron([1, 1], generator())

    def loss(rows: NDArray[np.int64], done: float) -> Tensor:  # noqa: ARG001
        # Zero is finite; its gradient, 0 * inf, is not a number.
        total: Tensor = (network.weights[0] - network.weights[0].detach()).sqrt().sum()
        return total

    with pytest.raises(InputError, match="or a weight is not finite"):
        train_in_batches(
            network, loss, 4, learning_rate=0.1, epochs=1, batch_size=4, generator=generator()
        )
