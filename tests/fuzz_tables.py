"""Coverage-guided fuzzing of the table reader; `make test-slow` runs it.

    python tests/fuzz_tables.py -runs=20000 -max_len=400

Each input is a file: it must become a graph that accounts for every row, or an `InputError` of one
line. The first byte chooses the options that the rest is read with.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(
    include=[
        "vgae.data.dialects",
        "vgae.data.ends",
        "vgae.data.text",
        "vgae.data.tables",
        "vgae.data.io",
        "vgae.data.ids",
    ]
):
    import vgae.data.io  # noqa: F401 - instrumented as it is imported

from any_file import check

OPTIONS: list[dict[str, Any]] = [
    {},
    {"header": True},
    {"header": False},
    {"delimiter": ","},
    {"delimiter": " "},
    {"quote": "none"},
    {"quote": "'"},
    {"comment": "none"},
    {"comment": "#"},
    {"drop_incomplete": True},
    {"weight": 3},
    {"source": 2, "target": 1},
    {"bipartite": True},
    {"integer_ids": True},
]
SEEDS = [
    b"a,b\nb,c\n",
    b"source,target,weight\na,b,1.5\nb,c,2\n",
    b"# comment\n1\t2\n2\t3\n",
    b'"a, b";c\n"x\ny";z\n',
    b"  1   2 \n 2   3\n",
    b"1|2\r2|3\r",
    b"\xef\xbb\xbfu,v\r\n1,2\r\n",
    b"a,\\N\n007,7\n",
    b"a -> b\nb -> c\n",
    b"0.0;1.0;0,5\n1.0;2.0;1,25\n",
    b"0,1,0,1\n1,0,1,0\n0,1,0,0\n1,0,0,0\n",
    b"source,target,,\na,b,,\n,,,\n",
    "u,v\n1,2\n".encode("utf-16"),
    b"PAR1",
    b"ARROW1",
    b"\x1f\x8b\x08\x00",
    b"(\xb5/\xfd",
]


def main() -> None:
    """Fuzz with libFuzzer's options from the command line."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-tables-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for place, seed in enumerate(SEEDS):
        (corpus / f"{place}").write_bytes(bytes([place % len(OPTIONS)]) + seed)

    def one(data: bytes) -> None:
        if data:
            check(folder / "fuzz.csv", data[1:], OPTIONS[data[0] % len(OPTIONS)])

    atheris.Setup([*sys.argv, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
