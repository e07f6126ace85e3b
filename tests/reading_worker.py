"""Reads files by name from standard input, one a line, and answers with one line of JSON each.

A process of its own, so that a crash, a hang or a flood of memory has the name of its file.
"""

from __future__ import annotations

import json
import logging
import re
import resource
import select
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

MOST_SECONDS = 120
"""By the clock, on machines that have other work too."""
MOST_GROWTH = 400
"""MB that reading one small file may add."""


def main() -> None:
    """Answer until standard input ends."""
    from any_file import rows_of

    from vgae.data.io import read_graph
    from vgae.ground.errors import InputError

    logging.getLogger("vgae").addHandler(logging.NullHandler())
    logging.getLogger("vgae").propagate = False
    print(json.dumps({"peak": peak()}), flush=True)  # noqa: T201
    for line in sys.stdin:
        path, directed = json.loads(line)
        answer: dict[str, Any]
        try:
            graph = read_graph(path, directed=directed)
        except InputError as error:
            answer = {"refused": str(error)}
        except Exception:  # noqa: BLE001 - that is what is looked for
            answer = {"fault": traceback.format_exc()}
        else:
            answer = {
                "rows": rows_of(graph),
                "ids": graph.ids.tolist(),
                "edges": graph.ids[graph.edges].tolist(),
                "weights": None if graph.weights is None else graph.weights.tolist(),
            }
        answer["peak"] = peak()
        print(json.dumps(answer), flush=True)  # noqa: T201


def peak() -> float:
    """MB that this process has held at most, without those of the one that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Reader:
    """Reads files in another process, which is started again when it ends or hangs."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._peak = 0.0

    def read(self, path: Path, *, directed: bool = False) -> dict[str, Any]:
        """What became of a file: its graph, why it is refused, or what went wrong."""
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(path), directed]) + "\n")
        self._process.stdin.flush()
        line = self._line()
        if not line:
            process = self._process
            self.close()
            return {"fault": f"the process ended, or hung: status {process.returncode}"}
        answer: dict[str, Any] = json.loads(line)
        growth, self._peak = answer["peak"] - self._peak, answer["peak"]
        return answer if growth < MOST_GROWTH else {"fault": f"took {growth:.0f} MB"}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with self._process:
                self._process.kill()
            self._process = None

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._line()
        if not line:
            self.close()
            raise TimeoutError("the process that reads does not begin")
        self._peak = json.loads(line)["peak"]

    def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], MOST_SECONDS)
        return self._process.stdout.readline() if ready else ""


if __name__ == "__main__":
    main()
