"""Frozen, strict settings: an unknown key is an error that names the key's path."""

from __future__ import annotations

import json
import re
import sys
import zlib
from typing import Annotated, Any, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vgae.ground.errors import InputError, not_among

__all__ = ["Dimension", "Fraction", "Settings", "stream_seed", "strict_json"]

Dimension = Annotated[int, Field(ge=1, le=2**16)]
"""Width of a layer or an embedding; a larger number is a slip that would fill the memory."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0 + 1e-9)]
"""A number from 0 to 1; sums of fractions are rounded."""


class Settings(BaseModel):
    """Base of all settings classes; each stage defines its own next to the code they configure.

    Values are checked once and cannot be changed. They are not converted from other types. Use
    `model_dump` and `parse` to convert settings to and from plain values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: dict[str, Any], *, where: str = "settings") -> Self:
        """Make settings from plain values, such as those of a JSON file.

        Parameters
        ----------
        values
            Field names and values; nested settings as nested dictionaries.
        where
            The name of the source in an error, such as a file name.

        Raises
        ------
        InputError
            A key is unknown or a value is not allowed; the error names the key's path.

        Examples
        --------
        >>> class Walk(Settings):
        ...     length: int = 80
        >>> Walk.parse({"length": 10}).length
        10
        >>> Walk.parse({"lenght": 10})
        Traceback (most recent call last):
        vgae.InputError: settings: lenght: extra inputs are not permitted
        """
        try:
            return cls.model_validate(_plain(values))
        except RecursionError:
            raise InputError(f"{where}: is nested too deeply") from None
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in first["loc"])
            reason = first["msg"].removeprefix("Value error, ")
            if first["type"] == "literal_error":
                names = re.findall(r"'([^']*)'", first["ctx"]["expected"])
                reason = not_among(first["input"], names) if names else reason
            reason = reason[0].lower() + reason[1:]
            raise InputError(": ".join(filter(None, (where, path, reason)))) from None


def strict_json(content: bytes | str) -> Any:
    """Read the values of a JSON text in UTF-8.

    Raises
    ------
    ValueError
        The text is not valid JSON (NaN and infinity are not) or is nested too deeply.

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
    """Convert NumPy numbers to Python numbers."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    numpy = sys.modules.get("numpy")  # loaded wherever such a number is; the help has no use for it
    return value.item() if numpy is not None and isinstance(value, numpy.generic) else value


def stream_seed(seed: int, stream: str) -> int:
    """Derive the seed of one stream of random numbers, such as the weights or the split.

    Streams of one seed are independent, so that a new stream does not change the others.

    Parameters
    ----------
    seed
        The user's seed, not negative.
    stream
        Name of the stream.

    Raises
    ------
    InputError
        The seed is negative or not a whole number.

    Examples
    --------
    >>> stream_seed(0, "weights") == stream_seed(0, "weights") != stream_seed(0, "noise")
    True
    """
    import numpy as np

    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed {seed!r}: must be a whole number, at least 0")
    sequence = np.random.SeedSequence([seed, zlib.crc32(stream.encode())])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
