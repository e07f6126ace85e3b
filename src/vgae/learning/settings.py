"""The settings of training and of a whole fit, and the presets. Nothing here imports torch."""

from __future__ import annotations

import textwrap
import tomllib
from functools import cache
from importlib import resources
from types import NoneType
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from vgae.data.graph import Graph
from vgae.ground.config import Settings
from vgae.ground.errors import unknown_name
from vgae.model.settings import OWN, EngineName, ModelSettings

__all__ = [
    "LATENT_OF",
    "CombineSettings",
    "FitSettings",
    "Preset",
    "TrainSettings",
    "choices",
    "named_preset",
    "parameters_section",
    "presets",
    "value_type",
]

LATENT_OF = {"vgae": "gaussian", "gae": "point"}
"""The distribution of each model's embedding."""


class TrainSettings(Settings):
    """How a model is trained; the defaults are the paper's (Kipf & Welling 2016).

    Examples
    --------
    >>> TrainSettings(steps=50).learning_rate
    0.01
    """

    steps: int = Field(
        default=200, ge=0, description="Full-batch gradient steps (at most, with patience)."
    )
    learning_rate: float = Field(default=0.01, gt=0.0, le=1000.0, description="Step size of Adam.")
    weight_decay: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Half of this times the squared weights is added to the loss, as PyTorch's "
        "Adam does.",
    )
    validate_every: int = Field(
        default=10, ge=1, description="Steps between two looks at the validation pairs, if any."
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        description="Stop after this many steps without a better validation average precision, "
        "and keep the best weights; at least validate_every. Default: train all steps and keep "
        "the last weights, as the paper does.",
    )
    noise: Literal["sequential", "counter"] = Field(
        default="sequential",
        description="Random numbers of the samples: sequential (one stream, in the order of the "
        "steps) or counter (each number depends on the seed, the step and the node alone, so that "
        "it is the same on every device).",
    )
    engine: EngineName = Field(
        default="auto",
        description="What sums over all pairs: auto (the fastest exact one on the device), numba, "
        "triton, triton-tf32, triton-bf16 (rounded products), tiles or reference.",
    )
    device: str = Field(
        default="cpu",
        description="Where to train: cpu, or cuda (cuda:1 for the second GPU).",
        examples=["cpu", "cuda"],
    )

    @model_validator(mode="after")
    def _patience_spans_a_validation(self) -> Self:
        if self.patience is not None and self.patience < self.validate_every:
            raise ValueError(
                f"patience {self.patience} is less than validate_every {self.validate_every}: it "
                "would stop before it looks; raise it, or look more often (--validate-every)"
            )
        return self


class CombineSettings(Settings):
    """How several models and other evidence become one score; by default, one model stands alone.

    Examples
    --------
    >>> CombineSettings(ensemble=3).combiner
    'none'
    """

    ensemble: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Number of models that differ in their seeds; their scores are averaged.",
    )
    combiner: Literal["none", "logistic"] = Field(
        default="none",
        description="What turns the model's similarity and other evidence (features, paths, "
        "random walks, components, degrees) into one score: none (the model alone) or logistic (a "
        "regression on training edges that were hidden from models fitted for this purpose).",
    )
    folds: int = Field(
        default=2,
        ge=1,
        le=9,
        description="How often a tenth of the training edges is hidden to fit the combiner.",
    )


STAGES: dict[str, type[Settings]] = {
    "network": ModelSettings,
    "training": TrainSettings,
    "combining": CombineSettings,
}
"""The stages of a fit, in their order."""


class FitSettings(Settings):
    """Everything that, together with a graph, determines a fitted model.

    Examples
    --------
    >>> FitSettings.of("gae", latent_dim=8).network.latent
    'point'
    >>> FitSettings.fields()["steps"].default, FitSettings.of("vgae").parameters()["steps"]
    (200, 200)
    """

    model: Literal["vgae", "gae"]
    network: ModelSettings
    training: TrainSettings
    combining: CombineSettings = CombineSettings()
    seed: int = Field(default=0, ge=0, description="Seed of the initial weights and the samples.")

    @model_validator(mode="after")
    def _model_has_its_latent(self) -> Self:
        if self.network.latent != LATENT_OF[self.model]:
            raise ValueError(f"model {self.model} has no {self.network.latent} latent")
        return self

    @classmethod
    def of(cls, model: str, **parameters: Any) -> Self:
        """The settings with these parameters, each put into the stage that it belongs to.

        Parameters
        ----------
        model
            "vgae" or "gae".
        **parameters
            Names of fields of `ModelSettings` and `TrainSettings`, and `seed`.

        Raises
        ------
        InputError
            A name is unknown or a value is not allowed.
        """
        stages: dict[str, dict[str, Any]] = {
            "network": {"latent": LATENT_OF.get(model)},
            "training": {},
            "combining": {},
        }
        rest = dict(parameters)
        for stage, kind in STAGES.items():
            for name in kind.model_fields:
                if name in rest:
                    stages[stage][name] = rest.pop(name)
        return cls.parse({"model": model, **stages, **rest})

    def on(self, graph: Graph) -> Self:
        """These settings, with those filled in that depend on the graph."""
        return self.model_copy(update={"network": self.network.on(graph.n_features)})

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """The fields of all stages by name: the keywords of an estimator, and their defaults."""
        fields = {
            name: field for kind in STAGES.values() for name, field in kind.model_fields.items()
        }
        del fields["latent"]  # which the model decides
        return fields | {"seed": cls.model_fields["seed"]}

    def parameters(self) -> dict[str, Any]:
        """The keywords of an estimator for these settings."""
        parameters = {"seed": self.seed}
        for stage in reversed(STAGES):
            parameters = getattr(self, stage).model_dump(exclude={"latent"}) | parameters
        return parameters


def value_type(field: FieldInfo) -> Any:
    """The type of a setting's values, without the None that some defaults are.

    Examples
    --------
    >>> value_type(FitSettings.fields()["patience"])
    <class 'int'>
    """
    kinds = [kind for kind in get_args(field.annotation) if kind is not NoneType]
    optional = len(kinds) < len(get_args(field.annotation))
    return kinds[0] if optional else field.annotation


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The names that a setting can be, where it is one of a few; otherwise none.

    `OWN` is not among them: it stands for a part that the user brings in Python.

    Examples
    --------
    >>> fields = FitSettings.fields()
    >>> choices(fields["encoder"]), choices(fields["offset"]), choices(fields["steps"])
    (('gcn', 'linear', 'appnp', 'sage'), ('none', 'constant', 'node'), ())
    """
    kind = value_type(field)
    names = get_args(kind) if get_origin(kind) is Literal else ()
    return tuple(name for name in names if name != OWN)


def parameters_section() -> str:
    r"""The section Parameters of an estimator's docstring, in NumPy's style, without indentation.

    Examples
    --------
    >>> print("\n".join(parameters_section().splitlines()[-4:]))
    device
        Where to train: cpu, or cuda (cuda:1 for the second GPU). The default is 'cpu'.
    seed
        Seed of the initial weights and the samples. The default is 0.
    """
    lines = ["Parameters", "----------"]
    for name, field in FitSettings.fields().items():
        words = [field.description or ""]
        if OWN in get_args(field.annotation):
            words.append(f"Or {'an' if name[0] in 'aeiou' else 'a'} {name} of your own.")
        if field.default is not None:
            words.append(f"The default is {field.default!r}.")
        indent = "    "
        lines += [
            name,
            *textwrap.wrap(
                " ".join(words),
                # The docstring of a class stands four columns further right.
                width=96,
                initial_indent=indent,
                subsequent_indent=indent,
                break_on_hyphens=False,
            ),
        ]
    return "\n".join(lines) + "\n"


class Preset(Settings):
    """Settings with a name, kept as a file.

    Examples
    --------
    >>> named_preset("unit").settings
    {'features': 'unit'}
    """

    about: str
    settings: dict[str, Any]


@cache
def presets() -> dict[str, Preset]:
    """The presets that come with the package, by name.

    Examples
    --------
    >>> sorted(presets())
    ['paper', 'unit']
    """
    found = {}
    for item in resources.files("vgae.model").joinpath("presets").iterdir():
        name, _, suffix = item.name.rpartition(".")
        if suffix == "toml":
            found[name] = Preset.parse(tomllib.loads(item.read_text("utf-8")), where=item.name)
    return dict(sorted(found.items()))


def named_preset(name: str) -> Preset:
    """The preset of this name.

    Raises
    ------
    InputError
        There is no such preset.

    Examples
    --------
    >>> named_preset("papr")
    Traceback (most recent call last):
    vgae.InputError: unknown preset 'papr': did you mean 'paper'? ...
    """
    if name not in presets():
        raise unknown_name("preset", name, presets())
    return presets()[name]
