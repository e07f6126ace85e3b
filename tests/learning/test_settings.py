"""Settings by name, their choices, and the text that docstrings get from them."""

from __future__ import annotations

import inspect
import re
from typing import Any, get_args

import pytest

from vgae.learning.baselines import BASELINES
from vgae.learning.settings import FitSettings, choices, parameters_section, value_type
from vgae.model.kernels import ENGINES
from vgae.model.settings import DECODERS, ENCODERS, LIKELIHOODS

FIELDS = FitSettings.fields()


def test_choices_are_what_exists_and_what_one_can_name() -> None:
    assert choices(FIELDS["engine"]) == ("auto", *ENGINES)
    assert choices(FIELDS["encoder"]) == ENCODERS
    assert choices(FIELDS["decoder"]) == DECODERS
    assert choices(FIELDS["likelihood"]) == LIKELIHOODS
    assert choices(FIELDS["offset"]) == ("none", "constant", "node")
    assert choices(FIELDS["device"]) == ()  # cuda:7 is one too


@pytest.mark.parametrize("name", FIELDS)
def test_a_description_names_every_choice(name: str) -> None:
    words = FIELDS[name].description
    assert words
    assert words.endswith(".")
    assert set(choices(FIELDS[name])) <= set(re.findall(r"[\w-]+", words))


@pytest.mark.parametrize("name", FIELDS)
def test_the_section_tells_each_setting_once(name: str) -> None:
    section = parameters_section()
    entries = section.replace("\n    ", " ").splitlines()
    assert entries[:2] == ["Parameters", "----------"]
    (entry,) = (line for line in entries if line.partition(" ")[0] == name)
    field = FIELDS[name]
    assert entry.startswith(f"{name} {field.description}")
    own = "own" in get_args(field.annotation)
    assert (f"{name} of your own." in entry) == own
    told = field.default is not None
    assert entry.endswith(f"The default is {field.default!r}." if told else field.description or "")


def test_the_section_fits_a_docstring() -> None:
    lines = parameters_section().splitlines()
    assert max(map(len, lines)) <= 96
    doc = inspect.cleandoc("A model.\n\n    " + "\n    ".join(lines))
    assert doc.splitlines()[2:] == lines


def test_a_name_means_the_same_in_every_method() -> None:
    """`vgae evaluate --latent-dim 64` gives one value to all methods that have the setting."""

    def meaning(field: Any) -> tuple[object, tuple[str, ...]]:
        kind = value_type(field)
        return getattr(kind, "__origin__", kind), choices(field)

    shared = [
        (method, name)
        for method, kind in BASELINES.items()
        for name in kind.model_fields
        if name in FIELDS
    ]
    assert ("spectral", "latent_dim") in shared
    for method, name in shared:
        assert meaning(BASELINES[method].model_fields[name]) == meaning(FIELDS[name]), (
            method,
            name,
        )
