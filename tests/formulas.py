"""The encoders by their definitions: dense, in float64, with torch's own gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from vgae.model.encoders import Encoder, Propagation
from vgae.model.settings import ModelSettings

Weights = Mapping[str, Tensor]
"""Values by name: "weight.hidden", "bias.mean"."""


def mixing(adjacency: Tensor, encoder: str) -> Tensor:
    """The matrix with which this encoder multiplies states, for a dense adjacency.

    For an encoder of directed graphs, the one along the arcs; its transpose is the other. For that
    of signed graphs, the one of positive edges above the one of negative edges.
    """
    if encoder == "sage":
        degrees = adjacency.sum(dim=1, keepdim=True)
        return adjacency / torch.where(degrees > 0, degrees, 1.0)
    if encoder == "signed":
        friends = adjacency.clamp(min=0.0) + torch.eye(len(adjacency), dtype=adjacency.dtype)
        parts = []
        for part in (friends, (-adjacency).clamp(min=0.0)):
            degrees = part.sum(dim=1)
            scale = torch.where(degrees > 0, degrees, 1.0) ** -0.5
            parts.append(scale[:, None] * part * scale[None, :])
        return torch.cat(parts)
    loops = adjacency + torch.eye(len(adjacency), dtype=adjacency.dtype)
    if not encoder.startswith("directed") and not torch.equal(adjacency, adjacency.T):
        return loops / loops.sum(dim=1, keepdim=True)
    return loops.sum(dim=1)[:, None] ** -0.5 * loops * loops.sum(dim=0)[None, :] ** -0.5


def _hidden_names(n_hidden: int) -> list[str]:
    return ["hidden", *(f"hidden{place}" for place in range(2, n_hidden + 1))][:n_hidden]


def _biased(weights: Weights, name: str, values: Tensor) -> Tensor:
    return values + weights.get(f"bias.{name}", torch.zeros(()))


def gcn(settings: ModelSettings, weights: Weights, mix: Tensor, x: Tensor, output: str) -> Tensor:
    """ReLU(A H W + b) layer by layer, then A H W_output + b."""
    state = x
    for place, name in enumerate(_hidden_names(settings.layers_used - 1)):
        hidden = torch.relu(_biased(weights, name, mix @ state @ weights[f"weight.{name}"]))
        state = hidden + state if settings.residual and place else hidden
    return _biased(weights, output, mix @ state @ weights[f"weight.{output}"])


def linear(
    settings: ModelSettings, weights: Weights, mix: Tensor, x: Tensor, output: str
) -> Tensor:
    """A^k X W + b."""
    power = torch.linalg.matrix_power(mix, settings.layers_used)
    return _biased(weights, output, power @ x @ weights[f"weight.{output}"])


def appnp(settings: ModelSettings, weights: Weights, mix: Tensor, x: Tensor, output: str) -> Tensor:
    """Z <- (1 - a) A Z + a H, from Z = H = ReLU(X W + b) W_output."""
    hidden = torch.relu(_biased(weights, "hidden", x @ weights["weight.hidden"]))
    first = state = hidden @ weights[f"weight.{output}"]
    for _ in range(settings.layers_used):
        state = (1 - settings.teleport) * mix @ state + settings.teleport * first
    return _biased(weights, output, state)


def sage(settings: ModelSettings, weights: Weights, mix: Tensor, x: Tensor, output: str) -> Tensor:
    """ReLU(H W_self + (mean of neighbours' H) W + b); the last layer without ReLU."""

    def layer(name: str, state: Tensor) -> Tensor:
        own, others = weights[f"weight.{name}_self"], weights[f"weight.{name}"]
        return _biased(weights, name, state @ own + mix @ state @ others)

    state = x
    for place, name in enumerate(_hidden_names(settings.layers_used - 1)):
        hidden = torch.relu(layer(name, state))
        state = hidden + state if settings.residual and place else hidden
    return layer(output, state)


def multi_hop(
    settings: ModelSettings, weights: Weights, mix: Tensor, x: Tensor, output: str
) -> Tensor:
    """[unit(H), unit(A H), ..., degree class] of H = unit(X W); log_std is linear in the last."""

    states = [_unit(x @ weights["weight.projection"])]
    for _ in range(settings.layers_used):
        states.append(mix @ states[-1])
    if output != "mean":
        return _biased(weights, output, states[-1] @ weights[f"weight.{output}"] - 4.0)
    return torch.cat([*map(_unit, states), _classes(mix)], dim=1)


def _unit(rows: Tensor) -> Tensor:
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(length > 0, length, 1.0)


def _classes(mix: Tensor) -> Tensor:
    """The class of the number of links of each row, as a one among zeros."""
    classes = torch.zeros(len(mix), 8, dtype=mix.dtype)
    bounds = [0, 1, 2, 4, 8, 16, 32]
    for node, degree in enumerate(((mix != 0).sum(dim=1) - 1).tolist()):
        classes[node, sum(degree > bound for bound in bounds)] = 1.0
    return classes


def directed(
    settings: ModelSettings, weights: Weights, mix: Tensor, x: Tensor, output: str
) -> Tensor:
    """S <- ReLU(N T V), T <- ReLU(N^T S W) layer by layer; the last layers without ReLU."""

    def layer(name: str, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return (
            _biased(weights, f"{name}_source", mix @ target @ weights[f"weight.{name}_target"]),
            _biased(weights, f"{name}_target", mix.T @ source @ weights[f"weight.{name}_source"]),
        )

    state = x, x
    for place, name in enumerate(_hidden_names(settings.layers_used - 1)):
        hidden = [torch.relu(half) for half in layer(name, *state)]
        added = settings.residual and place
        first, second = (h + s if added else h for h, s in zip(hidden, state, strict=True))
        state = first, second
    return torch.cat(layer(output, *state), dim=1)


def directed_multi_hop(
    settings: ModelSettings, weights: Weights, mix: Tensor, x: Tensor, output: str
) -> Tensor:
    """Both halves are like the embedding of multi-hop, with S <- N T and T <- N^T S."""
    sources = [_unit(x @ weights["weight.source"])]
    targets = [_unit(x @ weights["weight.target"])]
    for _ in range(settings.layers_used):
        source, target = mix @ targets[-1], mix.T @ sources[-1]
        sources.append(source)
        targets.append(target)
    if output != "mean":
        last = torch.cat([sources[-1], targets[-1]], dim=1)
        return _biased(weights, output, last @ weights[f"weight.{output}"] - 4.0)
    halves = (sources, _classes(mix)), (targets, _classes(mix.T))
    return torch.cat([torch.cat([*map(_unit, own), cls], dim=1) for own, cls in halves], dim=1)


def signed(
    settings: ModelSettings, weights: Weights, mix: Tensor, x: Tensor, output: str
) -> Tensor:
    """F <- ReLU(P F W + N E V), E <- ReLU(P E V + N F W); the last layers without ReLU."""
    near, far = mix.chunk(2)

    def layer(name: str, friends: Tensor, foes: Tensor) -> tuple[Tensor, Tensor]:
        one, other = weights[f"weight.{name}_friends"], weights[f"weight.{name}_foes"]
        return (
            _biased(weights, f"{name}_friends", near @ friends @ one + far @ foes @ other),
            _biased(weights, f"{name}_foes", near @ foes @ other + far @ friends @ one),
        )

    state = x, x
    for place, name in enumerate(_hidden_names(settings.layers_used - 1)):
        hidden = [torch.relu(half) for half in layer(name, *state)]
        added = settings.residual and place
        first, second = (h + s if added else h for h, s in zip(hidden, state, strict=True))
        state = first, second
    return torch.cat(layer(output, *state), dim=1)


Formula = Callable[[ModelSettings, Weights, Tensor, Tensor, str], Tensor]

FORMULAS: dict[str, Formula] = {
    "gcn": gcn,
    "linear": linear,
    "appnp": appnp,
    "sage": sage,
    "multi-hop": multi_hop,
    "directed": directed,
    "directed-multi-hop": directed_multi_hop,
    "signed": signed,
}
"""One per encoder, by its name in `ModelSettings.encoder`."""


def by_definition(
    settings: ModelSettings, weights: Weights, mix: Tensor, x: Tensor, output: str = "mean"
) -> Tensor:
    """An output of the encoder that the settings name."""
    found = FORMULAS[settings.encoder](settings, weights, mix, x, output)
    if settings.unit_norm and output == "mean":
        length = torch.linalg.vector_norm(found, dim=1, keepdim=True)
        found = found / torch.where(length > 0, length, 1.0) * weights["log_length"].exp()
    return found


def wide(module: nn.Module) -> dict[str, Tensor]:
    """The weights of a module in float64, as leaves of their own."""
    return {
        name: value.detach().double().requires_grad_() for name, value in module.named_parameters()
    }


def propagation(encoder: Encoder) -> Propagation:
    """An encoder of a model, known to work in rounds."""
    assert isinstance(encoder, Propagation)
    return encoder
