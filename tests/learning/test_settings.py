"""Settings by name, their choices, and the text that docstrings get from them."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from vgae.data.datasets import load_dataset
from vgae.data.split import split_edges
from vgae.ground.errors import InputError
from vgae.learning.baselines import BASELINES
from vgae.learning.settings import (
    FitSettings,
    Preset,
    TrainSettings,
    choices,
    named_preset,
    parameters_section,
    presets,
    value_type,
)
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
    own = "own" in get_args(value_type(field))
    assert (f"{name} of your own." in entry) == own
    told = field.default is not None
    last = (field.description or "") if not own else f"{name} of your own."
    assert entry.endswith(f"The default is {field.default!r}." if told else last)


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


@pytest.mark.parametrize("name", ["auc", "average_precision", "mrr", "hits@1", "hits@12345"])
def test_a_metric_of_validation_pairs_can_stop_a_training(name: str) -> None:
    assert TrainSettings(stop_metric=name).stop_metric == name


@pytest.mark.parametrize(
    "name", ["hits", "hits@0", "hits@ten", "hits@07", "precision@5", "acu", ""]
)
def test_no_other_metric_can(name: str) -> None:
    with pytest.raises(InputError, match=r"settings: stop_metric: input should be 'average_precis"):
        TrainSettings.parse({"stop_metric": name})


# --------------------------------------------------------- presets from files


def test_a_preset_survives_its_file(tmp_path: Path) -> None:
    settings = {"latent_dim": 8, "dropout": 0.25, "learning_rate": 1e-05, "bias": True}
    about = 'a "quoted" \\ name\n\x7f é 木'
    made = Preset(about=about, settings=settings | {"features": "unit", "stop_metric": "hits@20"})
    path = tmp_path / "mine.toml"
    path.write_text(made.toml(), encoding="utf-8")
    assert named_preset(path) == named_preset(str(path)) == made
    for name, shipped in presets().items():
        assert Preset.parse(tomllib.loads(shipped.toml())) == shipped, name


def test_a_file_is_told_from_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("unit").write_text('about = "mine"\n[settings]\nsteps = 7')
    assert named_preset("unit").settings == {"features": "unit"}  # the preset goes first
    assert named_preset("./unit").settings == named_preset(Path("./unit")).settings == {"steps": 7}
    with pytest.raises(InputError, match=r"^mine.toml: no such file or folder$"):
        named_preset("mine.toml")
    with pytest.raises(
        InputError, match=r"unknown preset 'mine': Known: .*paper.*, or a file that"
    ):
        named_preset("mine")
    with pytest.raises(InputError, match="unknown preset ''"):
        named_preset("")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"about = 1", r"FILE: about: input should be a valid string"),
        (b'about = "a"', r"FILE: settings: field required"),
        (b'about = "a"\nsetings = 1', r"FILE: settings: field required"),
        (b'about = "a"\n[settings]\n[more]', r"FILE: more: extra inputs are not permitted"),
        (b'about = "a"\nsettings = 3', r"FILE: settings: input should be a valid dictionary"),
        (b"about = a", r"FILE: is no TOML: Invalid value \(at line 1, column 9\)"),
        (b"\xff\xfe", r"FILE: is no text in UTF-8"),
        (b'about = "a"\nsettings = ' + b"[" * 5000, r"FILE: is (nested too deeply|no TOML)"),
        (b"a = " + b"9" * 5000, r"FILE: is no TOML: "),
        (b"#" * 2**21, r"FILE: is too large for a preset"),
        (
            "latent_dims = 4",
            r"FILE: settings: unknown setting 'latent_dims': did you mean 'latent_",
        ),
        ("seed = 4", r"FILE: settings: unknown setting 'seed'"),
        ('latent = "point"', r"FILE: settings: unknown setting 'latent'"),
        ("latent_dim = 0", r"FILE: settings: latent_dim: input should be greater than"),
        ('steps = "many"', r"FILE: settings: steps: input should be a valid integer"),
        ("learning_rate = nan", r"FILE: settings: learning_rate: input should be a finite number"),
        (
            'encoder = "gnc"',
            r"FILE: settings: encoder: input should be 'gcn'.*; did you mean 'gcn'",
        ),
        ('encoder = "own"', r"FILE: settings: encoder own: a part of your own cannot be in a file"),
        ('stop_metric = "hits@"', r"FILE: settings: stop_metric: input should be"),
        ("patience = 5", r"FILE: settings: patience 5 is less than validate_every 10"),
        (
            'decoder = "mlp"\nobjective = "exact"',
            r"FILE: settings: decoder mlp scores pairs one by one",
        ),
    ],
)
def test_a_bad_file_gives_one_line_with_file_and_key(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = tmp_path / "bad.toml"
    if isinstance(content, str):
        content = f'about = "a"\n[settings]\n{content}'.encode()
    path.write_bytes(content)
    with pytest.raises(InputError, match="^" + said.replace("FILE", re.escape(str(path)))) as error:
        named_preset(path)
    assert "\n" not in str(error.value)


def test_a_folder_is_no_preset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        named_preset(tmp_path)


def test_the_objective_is_known_of_the_whole_graph_without_a_fit_or_a_remark(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = split_edges(load_dataset("karate"), seed=0)
    caplog.set_level("INFO")
    assert FitSettings.of("gae").objective_on(split.graph) == "exact"
    assert FitSettings.of("gae", mask=0.5).objective_on(split.graph) == "sampled"
    monkeypatch.setattr("vgae.model.settings.MOST_OPERATIONS", 1e6)
    settings = FitSettings.of("gae")
    assert settings.objective_on(split.graph) == "sampled"
    assert not caplog.records
    assert settings.on(split.train).network.objective == "sampled"
    assert "objective sampled" in caplog.text
