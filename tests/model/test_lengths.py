import torch

from vgae.model.lengths import unit_rows


def test_rows_have_length_one_and_zeros_stay_zero() -> None:
    vectors = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    vectors *= torch.logspace(-15, 15, 50)[:, None]
    vectors[7] = 0.0
    unit = unit_rows(vectors)
    assert unit[7].tolist() == [0.0] * 3
    lengths = torch.linalg.vector_norm(unit, dim=1)
    assert torch.allclose(lengths, (torch.arange(50) != 7).float())
    normal = vectors[:, 0].abs() > 1e-9
    assert torch.equal(unit[normal], torch.nn.functional.normalize(vectors, dim=1)[normal])
    assert unit_rows(torch.empty(0, 3)).shape == (0, 3)


def test_gradients_are_exact_and_those_of_zeros_moderate() -> None:
    vectors = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator())
    assert torch.autograd.gradcheck(unit_rows, vectors.requires_grad_())
    zeros = torch.zeros(2, 3, requires_grad=True)
    unit_rows(zeros).sum().backward()  # type: ignore[no-untyped-call]
    assert zeros.grad is not None
    assert zeros.grad.tolist() == [[1.0] * 3] * 2
