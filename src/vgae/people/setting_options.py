"""The options of `vgae fit` and `vgae evaluate` for the settings, made from the settings' fields.

A new field has an option at once, with its description, its default and its choices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

import typer

from vgae.ground.errors import InputError, not_among
from vgae.learning.settings import (
    CombineSettings,
    FitSettings,
    TrainSettings,
    choices,
    presets,
    value_type,
)
from vgae.model.settings import OWN, ModelSettings
from vgae.people.completion import one_of, one_or_file

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["SETTINGS", "Training", "check_choice", "option_name"]

_Group = TypeVar("_Group")

SETTINGS = {name: field for name, field in FitSettings.fields().items() if name != "seed"}
"""The settings with an option in `Training`. Each command declares its --seed, for splits too."""

_PANELS = {
    "Model": (
        *("latent_dim", "hidden_dim", "layers"),
        *("encoder", "decoder", "likelihood", "offset", "class_weight", "objective"),
    ),
    "Model inputs": ("features", "structure", "structure_dim", "dropout", "edge_dropout"),
    "Model details": tuple(ModelSettings.model_fields),
    "Training": ("steps", "learning_rate", "patience", "validate_every", "device"),
    "Ensemble and combiner": tuple(CombineSettings.model_fields),
    "Training details": tuple(TrainSettings.model_fields),
}
"""The panels of the help, in their order. A setting stands in the first one that names it."""


def option_name(setting: str) -> str:
    """The option of a setting, as one types it.

    Examples
    --------
    >>> option_name("latent_dim"), option_name("features")  # --features names a file
    ('--latent-dim', '--scale-features')
    """
    return f"--{_keyword(setting).replace('_', '-')}"


def _keyword(setting: str) -> str:
    return "scale_features" if setting == "features" else setting


def _setting_option(name: str, field: FieldInfo, panel: str) -> Any:
    """The annotation of an option that is None unless it is given."""
    kind, names = value_type(field), choices(field)
    flag, default = option_name(name), field.default
    if kind is bool:
        off = f"no-{flag[2:]}"
        flag, default = f"{flag}/--{off}", flag[2:] if default else off
    elif isinstance(default, float):
        default = f"{default:g}"
    text = _in_options(field.description or "")
    offered = names or field.examples
    option = typer.Option(
        flag,
        metavar=None if kind is bool else {int: "N", float: "X"}.get(kind, "NAME"),
        help=text if default is None else f"{text}  [default: {default}]",
        rich_help_panel=panel,
        autocompletion=one_of(*offered) if offered else None,
    )
    return Annotated[(str if names else kind) | None, option]


def _in_options(description: str) -> str:
    """A description of a setting in which the names of others are options."""

    def typed(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name not in SETTINGS or not (value or "_" in name):  # an ordinary word
            return found[0]
        return f"{option_name(name)} {value}" if value else option_name(name)

    return re.sub(r"\b(\w+)(?:=(\w+))?", typed, description)


def _with_settings(group: type[_Group]) -> type[_Group]:
    """Declare an option for each setting in the body of a group, in the order of the help."""
    rest = dict(SETTINGS)
    for panel, names in _PANELS.items():
        for name in filter(rest.__contains__, names):
            option = _setting_option(name, rest.pop(name), panel)
            group.__annotations__[_keyword(name)] = option
            setattr(group, _keyword(name), None)  # not given: the preset decides
    return group


@dataclass(frozen=True)
@_with_settings
class Training:
    """What is learned, and where: a preset, and an option for each setting.

    Examples
    --------
    >>> Training(steps=20, scale_features="unit").overrides()
    {'features': 'unit', 'steps': 20}
    """

    preset: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            rich_help_panel="Model",
            help=" ".join(f"{name}: {preset.about}." for name, preset in presets().items())
            + " Or a TOML file, such as `vgae tune` writes. Options change what it sets.",
            autocompletion=one_or_file(*presets(), suffix=".toml"),
        ),
    ] = "paper"

    def overrides(self) -> dict[str, Any]:
        """The settings that were given, without the preset.

        Raises
        ------
        InputError
            A value is none of the choices, or stands for a part that only Python can bring.
        """
        found = {}
        for name in SETTINGS:
            value = getattr(self, _keyword(name))
            if value is not None:
                check_choice(name, value, option_name(name))
                found[name] = value
        return found


def check_choice(setting: str, value: Any, typed: str) -> None:
    """Refuse a value of a setting that is none of its choices, or that only Python can bring.

    Parameters
    ----------
    setting, value
        A name in `SETTINGS`, and what was given.
    typed
        What the user typed in front of the value.

    Raises
    ------
    InputError
        The setting has choices, and this is none of them.

    Examples
    --------
    >>> check_choice("encoder", "linear", "--encoder")
    >>> check_choice("encoder", "lineer", "--encoder")
    Traceback (most recent call last):
    vgae.InputError: --encoder lineer: input should be 'gcn', ...; did you mean 'linear'?
    """
    names = choices(SETTINGS[setting])
    if not names or value in names:
        return
    if value == OWN and OWN in get_args(value_type(SETTINGS[setting])):
        raise InputError(
            f"{typed} {OWN}: {setting}s of your own are for Python, as in VGAE({setting}=...); "
            f"here, name one of {', '.join(names)}"
        )
    raise InputError(f"{typed} {value}: {not_among(value, names)}")
