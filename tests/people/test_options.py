"""The options that commands share, each declared once."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from vgae.data.split import SplitSettings
from vgae.ground.errors import InputError
from vgae.people.options import (
    HoldingOut,
    Newcomers,
    Reading,
    comma_list,
    given,
    inputs,
    method_settings,
)


def test_options_of_a_stage_are_settings_of_it() -> None:
    assert set(HoldingOut.__dataclass_fields__) <= set(SplitSettings.model_fields)


def test_only_what_was_given_counts() -> None:
    assert given(HoldingOut()) == {}
    assert comma_list(" vgae,,gae, vgae ") == ["vgae", "gae"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vgae.encoder=own", "--set vgae.encoder own: encoders of your own are for Python"),
        ("gae.encoder=lineer", "--set gae.encoder lineer: input should be .*; did you mean"),
    ],
)
def test_choices_of_one_model_are_checked_too(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        method_settings([text])
    assert "'own'" not in str(caught.value)


def test_a_setting_of_that_name_of_another_method_is_its_own_matter() -> None:
    assert method_settings(["katz.encoder=own"]) == {"katz": {"encoder": "own"}}


def typed(text: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text))


def test_only_one_input_is_standard_input() -> None:
    with pytest.raises(InputError, match="only one input"), inputs("-", None, Path("-")):
        pass


def test_a_graph_of_a_file_and_of_standard_input_are_equal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = "source,target\n" + "".join(f"n{i},n{i * 7 % 90}\n" for i in range(90))
    (tmp_path / "edges.csv").write_text(rows)
    monkeypatch.setattr("sys.stdin", typed(rows.encode()))
    read = Reading(drop_incomplete=True).graph("-")
    assert read.fingerprint == Reading().graph(str(tmp_path / "edges.csv")).fingerprint


def test_a_name_that_is_no_graph_gets_the_nearest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "karat.csv").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"unknown data set 'karat': did you mean 'karate'\?") as e:
        Reading().graph("karat")
    assert str(e.value).endswith("nor is there such a file, but there is 'karat.csv'")
    with pytest.raises(InputError, match=r"kart.csv: no such .*; did you mean 'karat.csv'\?"):
        Reading().graph("kart.csv")


def test_no_newcomers_leave_a_model_as_it_is() -> None:
    model = object()
    assert Newcomers().join(model) is model
