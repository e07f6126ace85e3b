"""What a report shows; light, since the help names the defaults."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vgae.ground.config import Settings

__all__ = ["ReportSettings"]


class ReportSettings(Settings):
    """What a report shows.

    Examples
    --------
    >>> ReportSettings().projection
    'pca'
    """

    top: int = Field(default=200, ge=1, le=10_000, description="Number of links in the report.")
    projection: Literal["pca", "tsne"] = Field(
        default="pca",
        description="How the embedding becomes a map: pca (the two directions in which nodes "
        "differ most) or tsne (neighbourhoods; needs the extra map).",
    )
