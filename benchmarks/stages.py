"""Stages of a benchmark, each in a process of its own: memory is that of the stage alone."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["measured"]


def measured(
    stages: Mapping[str, Callable[..., tuple[float, ...]]], description: str | None, **sizes: Any
) -> tuple[dict[str, Any], list[list[str]]]:
    """Read the options of the command, and run the stages.

    Parameters
    ----------
    stages
        By name, in their order. Each takes a folder, which they share, and the sizes.
    description
        What `--help` says.
    sizes
        Options by name, and their defaults.

    Returns
    -------
    The sizes; and a row for each stage: its name, what it returns, and its peak of memory in GB.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--place", type=Path, default=None, help="default: a temporary folder")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = {name: getattr(options, name) for name in sizes}
    if options.stage:
        figures = stages[options.stage](options.place, *sizes.values())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps({"figures": figures, "gigabytes": peak}))
        raise SystemExit
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(dir=options.place) as place:
        given = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
        for stage in stages:
            command = [sys.executable, sys.argv[0], "--stage", stage, "--place", place, *given]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found = json.loads(told.splitlines()[-1])
            shown = [f"{figure:.1f}" for figure in found["figures"]]
            rows.append([stage, *shown, f"{found['gigabytes']:.2f}"])
            print(f"# {rows[-1]}", file=sys.stderr, flush=True)
    return sizes, rows
