"""Plain torch stand-ins for compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vgae.model.kernels.edges import PairPattern, positive_terms
from vgae.model.kernels.engines import PairSum


@dataclass(frozen=True)
class PairTerm:
    kind: Literal["logistic", "rate", "count", "square"]
    pos_weight: float
    targets: Tensor | None = None


def _rows(pattern: PairPattern) -> Tensor:
    return torch.repeat_interleave(
        torch.arange(len(pattern.row_starts) - 1), pattern.row_starts.diff()
    )


def pair_terms(left: Tensor, right: Tensor | None, pattern: PairPattern, term: PairTerm) -> PairSum:
    if right is None and term.kind == "logistic":
        return PairSum(*positive_terms(left, pattern, term.pos_weight), None)
    w = term.pos_weight
    l = left.detach().double().requires_grad_()
    r = l if right is None else right.detach().double().requires_grad_()
    with torch.enable_grad():
        s = (l[_rows(pattern)] * r[pattern.columns.long()]).sum(1)
        a = torch.ones_like(s) if term.targets is None else term.targets.double()
        sp = torch.nn.functional.softplus
        value = {
            "logistic": lambda: w * sp(-s) - sp(s),
            "rate": lambda: -w * torch.log(-torch.expm1(-s)) - s,
            "count": lambda: w * (s - a * torch.log(s)) - s,
            "square": lambda: w * (a - s) ** 2 - s**2,
        }[term.kind]().sum()
        grads = torch.autograd.grad(value, [l] if right is None else [l, r])
    return PairSum(
        value.detach(), grads[0].to(left.dtype), None if right is None else grads[1].to(left.dtype)
    )


def closed_sum(
    kind: Literal["rate", "square"], left: Tensor, right: Tensor | None = None
) -> PairSum:
    l = left.detach().double().requires_grad_()
    r = l if right is None else right.detach().double().requires_grad_()
    with torch.enable_grad():
        value = l.sum(0) @ r.sum(0) if kind == "rate" else ((l.T @ l) * (r.T @ r)).sum()
        grads = torch.autograd.grad(value, [l] if right is None else [l, r])
    return PairSum(
        value.detach(), grads[0].to(left.dtype), None if right is None else grads[1].to(left.dtype)
    )


def pair_scores(left: Tensor, right: Tensor | None, pattern: PairPattern) -> Tensor:
    r = left if right is None else right
    return (left[_rows(pattern)] * r[pattern.columns.long()]).sum(1)
