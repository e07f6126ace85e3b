"""Options that are made from the settings, and the page that lists them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import typer.main
from command import Caller
from places import DOCS

from vgae.ground.errors import InputError
from vgae.learning.settings import FitSettings, choices, presets, value_type
from vgae.model.settings import ModelSettings
from vgae.people import setting_options
from vgae.people.cli import app
from vgae.people.setting_options import SETTINGS, Training, check_choice, option_name

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
FIELDS = FitSettings.fields()
PAGE = DOCS / "settings.md"
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def option(command: str, setting: str) -> Any:
    (found,) = (one for one in COMMANDS[command].params if option_name(setting) in one.opts)
    return found


def training(**given: Any) -> Training:
    return Training(**given)


# ------------------------------------------------------------------- options


@pytest.mark.parametrize("command", ["fit", "evaluate"])
@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_has_an_option(command: str, name: str) -> None:
    made = option(command, name)
    if name == "seed":  # which seeds splits as well
        return
    assert made.default is None
    metavars = {int: "N", float: "X", bool: None}
    assert made.metavar == metavars.get(value_type(FIELDS[name]), "NAME")
    if value_type(FIELDS[name]) is bool:
        assert made.secondary_opts == [f"--no-{option_name(name)[2:]}"]


@pytest.mark.parametrize("name", SETTINGS)
def test_help_says_what_the_setting_says(call: Caller, name: str) -> None:
    field, text = SETTINGS[name], option("fit", name).help
    words = " ".join((field.description or "").split()[:3])
    assert text.startswith(words)
    if field.default is None:
        assert "[default" not in text
        return
    shown = text.rpartition("  [default: ")[2].removesuffix("]")
    flag = option_name(name)[2:]
    spelt = {flag: True, f"no-{flag}": False}
    kind = type(field.default)
    assert (spelt[shown] if kind is bool else kind(shown)) == field.default
    assert shown in call("fit", "--help").out


def test_other_settings_are_named_as_options() -> None:
    assert "at least --validate-every" in option("fit", "patience").help
    assert "and its objective is sampled" in option("fit", "mask").help


@pytest.mark.parametrize("name", SETTINGS)
def test_a_shell_completes_the_choices(name: str) -> None:
    complete = option("fit", name).shell_complete
    offered = [item.value for item in complete(typer.Context(COMMANDS["fit"]), "")]
    assert offered == list(choices(SETTINGS[name]) or SETTINGS[name].examples or ())
    assert "own" not in offered


def test_every_setting_has_a_panel_and_no_panel_has_a_stranger() -> None:
    named = {name for names in setting_options._PANELS.values() for name in names}
    assert named - {"latent"} == set(SETTINGS)
    assert {option("fit", name).rich_help_panel for name in SETTINGS} == set(
        setting_options._PANELS
    )


def test_options_load_neither_torch_nor_numpy() -> None:
    asked = "import sys, vgae.people.cli; print({'numpy', 'torch'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True)
    assert answer.stdout.decode().strip() == "set()"


def test_only_what_was_given_overrides() -> None:
    assert training(preset="unit", steps=0, bias=False).overrides() == {"bias": False, "steps": 0}
    assert training(scale_features="idf").overrides() == {"features": "idf"}
    assert training().overrides() == {}


@pytest.mark.parametrize("name", [name for name in SETTINGS if choices(SETTINGS[name])])
def test_an_unknown_choice_names_the_possible_ones(name: str) -> None:
    given = {option_name(name)[2:].replace("-", "_"): choices(SETTINGS[name])[-1] + "x"}
    with pytest.raises(InputError, match=rf"^{option_name(name)} \w.*x: input should be") as caught:
        training(**given).overrides()
    assert f"did you mean '{choices(SETTINGS[name])[-1]}'?" in str(caught.value)
    assert all(f"'{choice}'" in str(caught.value) for choice in choices(SETTINGS[name]))
    assert "'own'" not in str(caught.value)


@pytest.mark.parametrize("name", ["encoder", "decoder", "likelihood"])
def test_a_part_of_ones_own_is_for_python(name: str) -> None:
    with pytest.raises(InputError, match=rf"for Python, as in VGAE\({name}=\.\.\.\); here, name"):
        check_choice(name, "own", option_name(name))


# ----------------------------------------------------------------- the page


def values(name: str) -> str:
    """What a setting can be, in words."""
    field = FIELDS[name]
    named = choices(field) or field.examples
    if named:
        return ", ".join(f"`{one}`" for one in named)
    if value_type(field) is bool:
        return "true or false"
    words = ["whole number" if value_type(field) is int else "number"]
    for bound in field.metadata:
        for key, sign in SIGNS.items():
            if (limit := getattr(bound, key, None)) is not None:
                words.append(f"{sign} {limit:,}".removesuffix(".0"))
    return ", ".join(words)


def plain(default: Any) -> str:
    if default is None:
        return "-"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def table(names: list[str]) -> list[str]:
    lines = ["| keyword | option | values | default | meaning |", "|---|---|---|---|---|"]
    for name in names:
        options = f"`{option_name(name)}`"
        if value_type(FIELDS[name]) is bool:
            options += f", `--no-{option_name(name)[2:]}`"
        cells = (f"`{name}`", options, values(name), plain(FIELDS[name].default))
        lines.append(f"| {' | '.join(cells)} | {FIELDS[name].description} |")
    return lines


def generated() -> str:
    network = [name for name in FIELDS if name in ModelSettings.model_fields]
    rest = [name for name in FIELDS if name not in network]
    named = ["| preset | sets | about |", "|---|---|---|"]
    for name, preset in presets().items():
        sets = ", ".join(f"`{key}={value}`" for key, value in preset.settings.items())
        named.append(f"| `{name}` | {sets or '-'} | {preset.about} |")
    sections = {"Model": table(network), "Training": table(rest), "Presets": named}
    return "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in sections.items())


def test_the_page_lists_all_settings() -> None:
    """VGAE_WRITE_DOCS=1 rewrites the tables."""
    text = PAGE.read_text()
    start, end = "<!-- settings -->\n", "\n<!-- end of settings -->"
    before, _, rest = text.partition(start)
    wanted = before + start + generated() + end + rest.partition(end)[2]
    if os.environ.get("VGAE_WRITE_DOCS"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted
    for name in FIELDS:
        assert f"\n| `{name}` | `{option_name(name)}`" in wanted
