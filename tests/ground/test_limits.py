"""Small files that ask for much memory: refused in one line, before they get it."""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from command import Caller

from vgae.data.io import read_graph
from vgae.ground import limits
from vgae.ground.errors import InputError
from vgae.ground.limits import most_bytes

MOST_GROWTH = 400
"""MB that reading a bomb may add to what importing takes."""
MEASURED = """
import sys
from pathlib import Path
import pyarrow.csv, pyarrow.json, pyarrow.parquet, scipy.io
from vgae.ground.errors import InputError
from vgae.data.io import read_graph
def held(name):
    return int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0]) / 1024
for path in sys.argv[1:]:
    Path("/proc/self/clear_refs").write_text("5")
    before = held("VmRSS")
    try:
        said = repr(read_graph(path))
    except InputError as error:
        said = f"refused: {error}"
    print(round(held("VmHWM") - before), said)
"""


def _packed(start: bytes, unit: bytes, n_bytes: int = 2**30) -> bytes:
    """A gzip file of a start and of a unit again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    n_units = 2**22 // len(unit)
    member = packer.compress(unit * n_units) + packer.flush()
    return gzip.compress(start, mtime=0) + member * (n_bytes // (n_units * len(unit)))


def _array_header(shape: tuple[int, ...], kind: str) -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def _zip(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return sink.getvalue()


def _zeros() -> pa.Table:
    return pa.table(
        {name: pa.array(np.zeros(2 * 10**7, np.int64)) for name in ("source", "target")}
    )


def _parquet() -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(_zeros(), sink, row_group_size=2 * 10**7)
    return sink.getvalue()


def _arrow() -> bytes:
    sink, table = io.BytesIO(), _zeros()
    with pa.ipc.new_file(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
    ) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _long_text(write: Callable[[pa.Table, io.BytesIO], None]) -> bytes:
    """A million rows of one text of a million letters."""
    ends = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(10**6, np.int32)), pa.array(["x" * 10**6])
    )
    sink = io.BytesIO()
    write(pa.table({"source": ends, "target": pa.array(["b"] * 10**6)}), sink)
    return sink.getvalue()


def _shape() -> bytes:
    sink = io.BytesIO()
    one, size = np.array([0]), np.array([2**30, 2**30])
    np.savez(sink, row=one, col=one, data=np.ones(1), shape=size, format=np.array(b"coo"))
    return sink.getvalue()


MATRIX = b"%%MatrixMarket matrix coordinate pattern general\n"
UNPACKED, EMPTY = "of data (unpacked from", "nearly all of them would be empty"
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "zeros.csv.gz": (lambda: _packed(b"", b"\0" * 64), "is not a text file"),
    "line.csv.gz": (lambda: _packed(b"a,b\n", b"x" * 64), "line 2: is longer than"),
    "rows.csv.gz": (lambda: _packed(b"", b"a,b\n"), UNPACKED),
    "blank.csv.gz": (lambda: _packed(b"a,b\n", b"\n"), UNPACKED),
    "rows.jsonl.gz": (lambda: _packed(b"", b'{"source":1,"target":2}\n'), UNPACKED),
    "edges.graphml.gz": (
        lambda: _packed(b'<graphml><graph><node id="a"/>', b'<edge source="a" target="a"/>'),
        UNPACKED,
    ),
    "text.graphml.gz": (lambda: _packed(b'<graphml><graph><node id="a">', b"x" * 64), UNPACKED),
    "name.graphml.gz": (
        lambda: _packed(b'<graphml><graph id="', b"x" * 64),
        "line 1: a name or a value is longer than",
    ),
    "deep.graphml.gz": (lambda: _packed(b"<graphml>", b"<a>"), "line 1: is nested too deeply"),
    "edges.gexf.gz": (
        lambda: _packed(b"<gexf><graph><edges>", b'<edge source="a" target="a"/>'),
        UNPACKED,
    ),
    "edges.gml.gz": (lambda: _packed(b"graph [", b" edge [ source 1 target 1 ]"), UNPACKED),
    "edges.net.gz": (lambda: _packed(b"*Vertices 2\n*Edges\n", b"1 2\n"), UNPACKED),
    "vertices.net": (lambda: b"*Vertices 999999999\n*Edges\n1 2\n", "declares 999,999,999 vert"),
    "links.json.gz": (
        lambda: _packed(b'{"nodes": [], "links": [', b'{"source": 1, "target": 1},'),
        UNPACKED,
    ),
    "rows.mtx.gz": (lambda: _packed(MATRIX + b"2 2 250000000\n", b"1 2\n"), UNPACKED),
    "entries.mtx": (lambda: MATRIX + b"9 9 999999999\n1 2\n", "declares 999,999,999 entries"),
    "nodes.mtx": (lambda: MATRIX + b"999999999 999999999 1\n1 2\n", EMPTY),
    "zeros.npy.gz": (lambda: _packed(b"", b"\0" * 64), UNPACKED),
    "header.npy": (lambda: _array_header((10**11, 2), "<i8"), "which takes 1,600,000,000,000"),
    "wide.npy": (lambda: _array_header((1, 2), "<U400000000"), "which takes 3,200,000,000"),
    "header.npz": (lambda: _zip(edges=_array_header((10**11, 2), "<i8")), "which takes 1,600,0"),
    "zeros.npz": (
        lambda: _zip(edges=_array_header((2**23, 2), "<i8") + bytes(2**27)),
        UNPACKED,
    ),
    "shape.npz": (_shape, EMPTY),
    "rows.parquet": (_parquet, UNPACKED),
    "rows.arrow": (_arrow, UNPACKED),
    "text.parquet": (lambda: _long_text(pyarrow.parquet.write_table), "Graph(2 nodes, 1 edge"),
}
"""Files by name: how they are made, and what is said of them."""


LARGE = (
    "rows.csv.gz",
    "blank.csv.gz",
    "rows.jsonl.gz",
    "edges.graphml.gz",
    "edges.gexf.gz",
    "text.parquet",
)
"""Those that are parsed up to the limit, which takes seconds."""


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([name for name in BOMBS if name not in LARGE], id="small"),
        pytest.param(LARGE, id="large", marks=pytest.mark.slow),
    ],
)
def test_bombs_take_little_memory(tmp_path: Path, names: Sequence[str]) -> None:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not tell the peak of memory between two moments")
    for name in names:
        (tmp_path / name).write_bytes(BOMBS[name][0]())
    paths = [str(tmp_path / name) for name in names]
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURED, *paths],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = answer.stdout.splitlines()
    for line, name in zip(lines, names, strict=True):
        growth, said = line.split(" ", 1)
        assert BOMBS[name][1] in said, (name, said)
        assert said.startswith(("refused: " + str(tmp_path / name), "Graph(")), said
        assert int(growth) < MOST_GROWTH, (name, growth)


def test_a_limit_that_is_set_replaces_the_others(tmp_path: Path) -> None:
    rows = b"source,target\n" + b"".join(b"a,b%d\n" % (n % 10) for n in range(1000))
    path = tmp_path / "edges.csv.gz"
    path.write_bytes(gzip.compress(rows, mtime=0))
    assert read_graph(path).n_edges == 10
    with pytest.raises(InputError, match=r"holds more than 5 kB of data \(the limit that was set"):
        read_graph(path, max_bytes="5kB")
    assert read_graph(path, max_bytes="1MB").n_edges == 10
    features = tmp_path / "nodes.npy"
    np.save(features, np.ones((3, 2000)))
    edges = tmp_path / "edges.csv"
    edges.write_text("0,1\n1,2\n")
    with pytest.raises(InputError, match=r"nodes\.npy: holds more than 20 kB"):
        read_graph(edges, features=features, max_bytes="20kB")


def test_the_command_line_takes_the_limit(tmp_path: Path, call: Caller) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("a,b\nb,c\n" * 10)
    result = call("inspect", path, "--max-bytes", "0.05kB")
    assert result.status == 2
    assert "edges.csv: holds more than 50 bytes of data (the limit that was set)" in result.err
    assert call("inspect", path, "--max-bytes", "1 MB").status == 0


def test_trusted_files_may_unpack_to_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALWAYS_ALLOWED", 10_000)
    path = tmp_path / "edges.csv.gz"
    path.write_bytes(_packed(b"", b"a,b\n", 2**22))
    with pytest.raises(InputError, match=r"raise the limit with --max-bytes \(max_bytes=\)"):
        read_graph(path)
    assert read_graph(path, max_bytes="5MB").n_edges == 1


@pytest.mark.parametrize("name", ["g.graphml", "g.gml", "g.json", "g.net", "g.mtx", "g.npy"])
def test_what_is_parsed_whole_must_fit_the_free_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"x" * 1000)
    monkeypatch.setattr(limits, "free_memory", lambda: 4000)
    with pytest.raises(InputError, match=r"4 kB of memory are free, and parsing takes"):
        read_graph(path)


def test_sizes_are_refused_that_are_none() -> None:
    assert limits.size_in_bytes("3 kB") == 3000
    for size in ("much", "", "0", -1, "2 EB"):
        with pytest.raises(InputError, match=r"is not a size such as 500MB or 2GB"):
            limits.size_in_bytes(size)


def test_limits_end_with_their_block(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("a,b\nb,c\n")
    with pytest.raises(InputError, match="holds more than 1 bytes"), most_bytes(1):
        read_graph(path, max_bytes=1)
    assert read_graph(path).n_edges == 2


def testfree_memory_is_what_the_system_says() -> None:
    free = limits.free_memory()
    assert free is None or 10**7 < free < 10**15


def test_lines_of_json_are_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column may begin, and change from integers to numbers, in any block."""
    from vgae.data import dialects

    path = tmp_path / "edges.jsonl"
    lines = [f'{{"source": "n{n}", "target": "n{n + 1}"}}\n' for n in range(50)]
    lines.append('{"source": "a", "target": "b", "weight": 2}\n')
    lines.append('{"source": "b", "target": "2020-01-01", "weight": 2.5}\n')
    whole = "".join(lines)
    path.write_text(whole.replace("}\n", ', "weight": 1}\n', 50))
    wanted = read_graph(path)
    monkeypatch.setattr(dialects, "BLOCK_BYTES", 64)
    graph = read_graph(path)
    assert graph.fingerprint == wanted.fingerprint
    assert graph.n_edges == 52
    path.write_text(whole)
    with pytest.raises(InputError, match=r"edges\.jsonl, .*column 'weight' is empty"):
        read_graph(path)
    path.write_text(whole + '{"source": 1, "target": "b"}\n')
    with pytest.raises(InputError, match=r"edges\.jsonl: .*source"):
        read_graph(path)
