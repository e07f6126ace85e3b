"""Frozen, strict settings: unknown keys are errors that carry the key's path."""

from __future__ import annotations

import json
import zlib
from typing import Annotated, Any, NoReturn, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vgae.errors import InputError

__all__ = ["Dimension", "Settings", "stream_seed", "strict_json"]

Dimension = Annotated[int, Field(ge=1, le=2**16)]
"""A width of a layer or a length of a vector; what is larger is a slip, and would fill memory."""


class Settings(BaseModel):
    """Base of every settings class; each stage defines its own beside the code it configures.

    Values cannot be changed after checking, are not converted from other types, and go to and
    from JSON with `model_dump` and `parse`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: dict[str, Any], *, where: str = "settings") -> Self:
        """Settings from plain values, such as those of a JSON file.

        Parameters
        ----------
        values
            Field names and values; nested settings as nested dictionaries.
        where
            How the source is called in an error, such as a file's name.

        Raises
        ------
        InputError
            A key is unknown or a value is not allowed; the line carries the key's path.

        Examples
        --------
        >>> class Walk(Settings):
        ...     length: int = 80
        >>> Walk.parse({"length": 10}).length
        10
        >>> Walk.parse({"lenght": 10})
        Traceback (most recent call last):
        vgae.errors.InputError: settings: lenght: extra inputs are not permitted
        """
        try:
            return cls.model_validate(_plain(values))
        except RecursionError:
            raise InputError(f"{where}: is nested too deeply") from None
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in first["loc"])
            reason = first["msg"].removeprefix("Value error, ")
            reason = reason[0].lower() + reason[1:]
            raise InputError(": ".join(filter(None, (where, path, reason)))) from None


def strict_json(content: bytes | str) -> Any:
    """The values of a JSON text in UTF-8, without NaN or infinity, not nested too deeply.

    Raises
    ------
    ValueError
        It is none.

    Examples
    --------
    >>> strict_json('{"auc": 0.9}')
    {'auc': 0.9}
    >>> strict_json('{"auc": NaN}')
    Traceback (most recent call last):
    ValueError: NaN is not JSON
    """
    try:
        text = content if isinstance(content, str) else content.decode()
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _plain(value: Any) -> Any:
    """The same values with NumPy's numbers as Python's."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def stream_seed(seed: int, stream: str) -> int:
    """Seed of one stream of random numbers, such as the weights' or the split's.

    Streams of one seed are independent of each other, so that a new one changes no other.

    Parameters
    ----------
    seed
        The user's seed, not negative.
    stream
        The stream's name.

    Raises
    ------
    InputError
        The seed is negative.

    Examples
    --------
    >>> stream_seed(0, "weights") == stream_seed(0, "weights") != stream_seed(0, "noise")
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed {seed!r}: must be a whole number, not negative")
    sequence = np.random.SeedSequence([seed, zlib.crc32(stream.encode())])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
