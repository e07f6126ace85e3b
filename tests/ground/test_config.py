from typing import Literal

import numpy as np
import pytest
from pydantic import ValidationError

from vgae.ground.config import Settings, stream_seed
from vgae.ground.errors import InputError


class Inner(Settings):
    width: int = 4


class Outer(Settings):
    inner: Inner = Inner()
    rate: float = 0.1


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"inner": {"widht": 3}}, "inner.widht"),
        ({"inner": {"width": "3"}}, "inner.width"),
        ({"inner": {"width": 3.5}}, "inner.width"),
        ({"rate": float("nan")}, "rate"),
        ({"speed": 1}, "speed"),
    ],
)
def test_errors_carry_the_keys_path(values: dict[str, object], path: str) -> None:
    with pytest.raises(InputError, match=f"^run.json: {path}: ") as caught:
        Outer.parse(values, where="run.json")
    assert "\n" not in str(caught.value)


def test_an_unknown_choice_gets_the_nearest() -> None:
    class Layer(Settings):
        kind: Literal["linear", "mean"] = "mean"
        width: Literal[1, 2] = 1

    with pytest.raises(InputError, match="kind: input should be 'linear' or 'mean'; did you mean "):
        Layer.parse({"kind": "lineer"})
    with pytest.raises(InputError, match=r"kind: input should be 'linear' or 'mean'$"):
        Layer.parse({"kind": None})
    with pytest.raises(InputError, match="width: input should be 1 or 2"):
        Layer.parse({"width": 3})


def test_settings_go_to_plain_values_and_back() -> None:
    settings = Outer(inner=Inner(width=7))
    assert Outer.parse(settings.model_dump()) == settings


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Outer().rate = 0.5


def test_streams_differ_by_name_and_by_seed() -> None:
    seeds = {stream_seed(seed, name) for seed in range(5) for name in ("a", "b")}
    assert len(seeds) == 10
    assert all(0 <= seed < 2**63 for seed in seeds)
    for bad in (-1, 1.5, True, "a"):
        with pytest.raises(InputError, match="must be a whole number, at least 0"):
            stream_seed(bad, "a")  # type: ignore[arg-type]


def test_numpys_numbers_are_numbers() -> None:
    parsed = Outer.parse({"inner": {"width": np.int64(3)}, "rate": np.float32(0.5)})
    assert (parsed.inner.width, parsed.rate) == (3, 0.5)
