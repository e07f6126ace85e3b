"""The settings of training and of a whole fit, and the presets. Nothing here imports torch."""

from __future__ import annotations

import logging
import re
import textwrap
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, Self, get_args, get_origin

from pydantic import Field, field_validator, model_validator
from pydantic.fields import FieldInfo

from vgae.ground.config import Settings
from vgae.ground.errors import InputError, not_among, unknown_name
from vgae.ground.files import file_errors
from vgae.model.settings import OWN, WEIGHED, EngineName, ModelSettings

if TYPE_CHECKING:
    from vgae.data.graph import Graph  # which loads NumPy, and help does not need it

__all__ = [
    "LATENT_OF",
    "VALIDATION_METRICS",
    "WEIGHT_METRICS",
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

logger = logging.getLogger(__name__)

LATENT_OF = {"vgae": "gaussian", "gae": "point"}
"""The distribution of each model's embedding."""

VALIDATION_METRICS = ("average_precision", "auc", "mrr", "hits@K")
"""What a model can be chosen by on validation pairs; K is any whole number from 1."""

WEIGHT_METRICS = ("log_likelihood", "spearman", "rmse")
"""The metrics of the weights of held-out edges, which are no fractions."""

MOST_EDGES_OF_AN_ENSEMBLE = 40_000
"""Beyond, one member and one fold are enough. On dblp, three and two have 0.1 points more AUC, and
take two and a half times as long."""

MOST_PRESET_BYTES = 2**20
"""Beyond, a file is no preset."""


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
        description="Stop after this many steps without a better stop_metric, and keep the best "
        "weights; at least validate_every. Default: train all steps and keep the last weights, as "
        "the paper does.",
    )
    stop_metric: str = Field(
        default="average_precision",
        description="The metric of the validation pairs that patience watches: average_precision, "
        "auc, mrr or hits@K with any K.",
        examples=["average_precision", "auc", "mrr", "hits@10", "hits@100"],
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

    @field_validator("stop_metric")
    @classmethod
    def _metric_is_one_of_validation(cls, name: str) -> str:
        if name not in VALIDATION_METRICS[:-1] and not re.fullmatch(r"hits@[1-9][0-9]{0,8}", name):
            raise ValueError(not_among(name, VALIDATION_METRICS))
        return name

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
        """These settings, with those filled in or capped that depend on the training graph.

        See `settled`.

        Examples
        --------
        >>> from vgae.data.graph import Graph
        >>> graph = Graph.from_edges([(0, 1)])
        >>> FitSettings.of("gae").on(graph).network.layers is None
        True
        """
        return self.settled(graph)[0]

    def settled(self, graph: Graph) -> tuple[Self, str]:
        """What `on` returns, and why its objective is exact or sampled, in words.

        What is capped is logged.

        Raises
        ------
        InputError
            The graph is signed, and there is a combiner, which reads no signs.

        Examples
        --------
        >>> from vgae.data.graph import Graph
        >>> FitSettings.of("gae", steps=10).settled(Graph.from_edges([(0, 1)]))[1]
        '10 steps over all pairs take 9.6e+02 operations, at most 2e+13'
        """
        network, why = self._network_on(graph, self._weighed(graph))
        if network.encoder == "signed" != self.network.encoder:
            logger.info(
                "the graph is signed: encoder signed, which also learns the signs of edges "
                "(--preset signs is made for this)"
            )
        if network.decoder != self.network.decoder:
            logger.info(
                "the graph is directed: encoder %s and decoder %s", network.encoder, network.decoder
            )
        if network.latent_dim < self.network.latent_dim - network.n_hops:
            logger.info(
                "latent_dim %d in place of %d: the graph has %s nodes",
                *(network.latent_dim, self.network.latent_dim, f"{graph.n_nodes:,}"),
            )
        combining = self.combining
        if graph.kind == "signed" and combining.combiner != "none":
            raise InputError(
                f"combiner {combining.combiner}: its evidence reads no signs of edges, and the "
                "graph is signed; fit with --preset signs"
            )
        if graph.n_edges > MOST_EDGES_OF_AN_ENSEMBLE and combining.combiner != "none":
            combining = combining.model_copy(update={"ensemble": 1, "folds": 1})
            if combining != self.combining:
                logger.info(
                    "one member and one fold in place of %d and %d: the graph has %s edges",
                    *(self.combining.ensemble, self.combining.folds, f"{graph.n_edges:,}"),
                )
        if network.objective_used == "sampled" != self.network.objective_used:
            logger.info("objective sampled: %s", why)
        return self.model_copy(update={"network": network, "combining": combining}), why

    def objective_on(self, graph: Graph) -> Literal["exact", "sampled"]:
        """Whether the objective is exact or sampled where these settings are fitted to a graph.

        A split has the nodes of the whole graph, so that either may be asked about.

        Examples
        --------
        >>> from vgae.data.graph import Graph
        >>> FitSettings.of("gae", steps=10).objective_on(Graph.from_edges([(0, 1)]))
        'exact'
        """
        weighed = self.network.for_weights(graph.weight_means)
        return self._network_on(graph, weighed)[0].objective_used

    def _network_on(self, graph: Graph, weighed: ModelSettings) -> tuple[ModelSettings, str]:
        """The settings of the network on a graph, and why its objective is exact or sampled."""
        network = weighed.on(
            graph.n_features,
            n_nodes=graph.n_nodes,
            directed=graph.directed,
            signed=graph.kind == "signed",
        )
        n_pairs = graph.pair_space.n_pairs * (1 if graph.directed else 2)
        return network.on_pairs(n_pairs, self.training.steps)

    def _weighed(self, graph: Graph) -> ModelSettings:
        """The settings of the network with those filled in that the weights of edges decide."""
        meaning = graph.weight_means
        if graph.kind == "signed" and meaning != "propagation":
            raise InputError(
                f"weights of a signed graph tell signs, and cannot mean {meaning} too; leave out "
                "--weight-means (weight_means=), or --signed"
            )
        made = self.network.for_weights(meaning)
        if meaning in WEIGHED.values() and self.combining.combiner != "none":
            raise InputError(
                f"combiner {self.combining.combiner}: gives probabilities of edges, and the "
                f"weights mean {meaning}; leave it out (--combiner none), or read the graph with "
                "--weight-means propagation"
            )
        if made != self.network:
            parts = f"likelihood {made.likelihood}, class_weight {made.class_weight_used}"
            more = "; the preset counts also chooses the rest" * (meaning == "count")
            logger.info("weights mean %s: %s, offset %s%s", meaning, parts, made.offset_used, more)
        elif meaning == "confidence":
            logger.info(
                "weights mean confidence: an edge of mean weight counts %g times",
                1 + made.confidence,
            )
        return made

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
    (('gcn', 'linear', 'appnp', 'sage', 'multi-hop', 'directed', 'directed-multi-hop',
      'signed'), ('none', 'constant', 'node'), ())
    """
    kind = value_type(field)
    names = get_args(kind) if get_origin(kind) is Literal else ()
    return tuple(name for name in names if name != OWN)


def parameters_section() -> str:
    r"""The section Parameters of an estimator's docstring, in NumPy's style, without indentation.

    Examples
    --------
    >>> print("\n".join(parameters_section().splitlines()[-4:]))
    folds
        How often a tenth of the training edges is hidden to fit the combiner. The default is 2.
    seed
        Seed of the initial weights and the samples. The default is 0.
    """
    lines = ["Parameters", "----------"]
    for name, field in FitSettings.fields().items():
        words = [field.description or ""]
        if OWN in get_args(value_type(field)):
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

    Attributes
    ----------
    about
        What it is for.
    model
        The model that it is made for, which is used where the user names none.
    settings
        Parameters by name.

    Examples
    --------
    >>> named_preset("unit").settings
    {'features': 'unit'}
    >>> print(Preset(about="smaller", settings={"latent_dim": 8, "bias": True}).toml(), end="")
    about = "smaller"
    <BLANKLINE>
    [settings]
    latent_dim = 8
    bias = true
    """

    about: str
    model: Literal["vgae", "gae"] = "vgae"
    settings: dict[str, Any]

    def toml(self) -> str:
        """The text of the preset's file."""
        lines = [f"about = {_toml(self.about)}"]
        if self.model != "vgae":
            lines.append(f"model = {_toml(self.model)}")
        lines += ["", "[settings]"]
        return "\n".join(
            [*lines, *(f"{name} = {_toml(value)}" for name, value in self.settings.items()), ""]
        )


def _toml(value: Any) -> str:
    """A word, a number or a truth value in TOML."""
    if isinstance(value, str):  # every other character stands for itself
        escaped = re.sub(r'[\x00-\x1f\x7f"\\]', lambda found: f"\\u{ord(found[0]):04x}", value)
        return f'"{escaped}"'
    return str(value).lower()


@cache
def presets() -> dict[str, Preset]:
    """The presets that come with the package, by name.

    Examples
    --------
    >>> sorted(presets())
    ['counts', 'digae', 'fast', 'paper', 'signs', 'strong', 'unit']
    """
    found = {}
    for item in resources.files("vgae.model").joinpath("presets").iterdir():
        name, _, suffix = item.name.rpartition(".")
        if suffix == "toml":
            found[name] = _parsed_preset(item.read_bytes(), item.name)
    return dict(sorted(found.items()))


def named_preset(name: str | Path) -> Preset:
    r"""The preset of this name, or that of a file.

    Parameters
    ----------
    name
        A name in `presets()`, or a TOML file: the key `about`, a text, and the table `settings`;
        the key `model` may name the model that it is for. `vgae tune` writes one. What has a suffix
        or a folder is a file.

    Raises
    ------
    InputError
        There is no such preset or file, or a setting in the file is unknown or not allowed; the
        line names the file and the setting.

    Examples
    --------
    >>> named_preset("papr")
    Traceback (most recent call last):
    vgae.InputError: unknown preset 'papr': did you mean 'paper'? ...
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.toml"
    >>> _ = path.write_text('about = "small"\n[settings]\nlatent_dim = 4')
    >>> named_preset(path).settings
    {'latent_dim': 4}
    """
    if name in presets():
        return presets()[str(name)]
    path = Path(name)
    if not isinstance(name, Path) and name == path.stem:
        raise InputError(f"{unknown_name('preset', name, presets())}, or a file that ends in .toml")
    with file_errors(path), path.open("rb") as file:
        content = file.read(MOST_PRESET_BYTES + 1)
    if len(content) > MOST_PRESET_BYTES:
        raise InputError(f"{path}: is too large for a preset, which holds a few settings")
    return _parsed_preset(content, str(path))


def _parsed_preset(content: bytes, where: str) -> Preset:
    """The preset of a file, with settings that are known and allowed."""
    try:
        values = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise InputError(f"{where}: is no text in UTF-8, which a preset is") from None
    except RecursionError:
        raise InputError(f"{where}: is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{where}: is no TOML: {error}") from None
    preset = Preset.parse(values, where=where)
    _check_settings(preset.settings, f"{where}: settings")
    return preset


def _check_settings(settings: Mapping[str, Any], where: str) -> None:
    """Refuse what cannot be the settings of a preset, stage by stage."""
    fields = FitSettings.fields()
    del fields["seed"]
    for name, value in settings.items():
        if name not in fields:
            raise InputError(f"{where}: {unknown_name('setting', name, fields)}")
        if value == OWN and OWN in get_args(value_type(fields[name])):
            raise InputError(
                f"{where}: {name} {OWN}: a part of your own cannot be in a file; give it in "
                f"Python, as in VGAE({name}=...)"
            )
    for kind in STAGES.values():
        own = {name: value for name, value in settings.items() if name in kind.model_fields}
        kind.parse(own, where=where)
