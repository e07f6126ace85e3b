"""The table of bad input in the documentation: every case happens, with that message."""

from __future__ import annotations

import gzip
import logging
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from places import DOCS

from vgae.data.io import read_graph
from vgae.ground.errors import InputError

PAGE = DOCS / "bad-input.md"


class Case(NamedTuple):
    """What is wrong, the file, the options it is read with, and whether that is a warning only."""

    what: str
    content: bytes | Callable[[Path], None]
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed
    name: str = "edges.csv"
    features: bytes | None = None
    warns: bool = False


def _two_gigabytes(path: Path) -> None:
    """A line of 2 GB, compressed: the same 16 MB again and again."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    member = packer.compress(b"a" * 2**24) + packer.flush()
    with path.open("wb") as handle:
        handle.write(gzip.compress(b"source,target\nann,bob\n" * 60_000, mtime=0))
        for _ in range(128):
            handle.write(member)


def _two_gigabytes_of_edges(path: Path) -> None:
    """Two gigabytes of the same edge."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    member = packer.compress(b"edge [ source 1 target 2 ]\n" * 2**19) + packer.flush()
    with path.open("wb") as handle:
        handle.write(gzip.compress(b"graph [ node [ id 1 ] node [ id 2 ]\n", mtime=0))
        for _ in range(128):
            handle.write(member)


def _folder(path: Path) -> None:
    path.mkdir()


MATRIX = b"%%%%MatrixMarket matrix coordinate pattern general\n%s\n1 2\n"
GOOD = b"source,target\nann,bob\nbob,cid\n"
ENTITIES = b"""<!DOCTYPE graphml [
<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<graphml><graph><node id="&b;"/></graph></graphml>"""
GEXF_WEIGHT = b"""<gexf><graph><edges>
<edge source="1" target="2" weight="much"/></edges></graph></gexf>"""
CASES = [
    Case("the wrong delimiter", b"ann,bob\nbob,cid\n", {"delimiter": ";"}),
    Case("a binary file", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", name="edges.png"),
    Case("another encoding", "ann,bob\nbob,zoé\n".encode("latin-1")),
    Case("UTF-16 cut short", "ann,bob\n".encode("utf-16")[:-1]),
    Case("UTF-32", "ann,bob\n".encode("utf-32")),
    Case("a gzip file cut short", gzip.compress(GOOD * 1000, mtime=0)[:-12], name="edges.csv.gz"),
    Case("an empty file", b""),
    Case("a header alone", b"source,target\n"),
    Case("a row too long", b"ann,bob\nbob,cid,3\n"),
    Case("a quote that is not closed", b'ann,bob\nbob,"cid\ncid,dan\ndan,eve\n'),
    Case("a line of 2 GB", _two_gigabytes, name="edges.csv.gz"),
    Case("an id that is missing", b"ann,bob\nbob,\n"),
    Case("the mark of a missing id", b"ann,bob\nbob,\\N\n"),
    Case("a column that is not there", GOOD, {"source": "sauce"}),
    Case("a column number that is not there", GOOD, {"source": 3}),
    Case("weights that are text", b"source,target,weight\nann,bob,heavy\n"),
    Case("a missing weight", b"source,target,weight\nann,bob,1\nbob,cid,\n"),
    Case("a negative weight", b"source,target,weight\nann,bob,1\nbob,cid,-2\n"),
    Case("a weight of zero", b"source,target,weight\nann,bob,1\nbob,cid,0\n"),
    Case("a comma in all weights", b'source,target,weight\nann,bob,"1,002"\nbob,cid,"1,500"\n'),
    Case("a weight that is not finite", b"source,target,weight\nann,bob,inf\n"),
    Case(
        "more nodes than 2^31",
        MATRIX % b"4294967296 4294967296 1",
        name="edges.mtx",
    ),
    Case("an id that is no integer", b"ann,bob\n", {"integer_ids": True}),
    Case("SIF without a target", b"ann knows bob\nbob knows\n", name="edges.sif"),
    Case("a dictionary that is none", b"0 1 {}\n1 2 {'weight' 3}\n", name="edges.edgelist"),
    Case(
        "a matrix with an empty cell",
        b",ann,bob,cid\nann,0,1,\nbob,1,0,1\ncid,0,1,0\n",
    ),
    Case("a square that may be a matrix or edges", b"1,2,9,9\n2,3,8,8\n3,4,7,7\n4,1,6,6\n"),
    Case("a folder", _folder),
    Case("no such file", lambda _: None),
    Case("an address", lambda _: None, name="https://example.org/edges.csv"),
    Case("a damaged Parquet file", b"PAR1 and no more", name="edges.parquet"),
    Case("a zip archive or Excel file", b"PK\x03\x04\x14\x00 and so on", name="edges.xlsx"),
    Case("XML called text", b"<?xml version='1.0'?><graphml/>", name="edges.txt"),
    Case("JSON called text", b'{"nodes": [{"id": 1}], "links": []}', name="edges.txt"),
    Case("JSON of another form", b'{"a": {"b": 1}, "b": {"a": 1}}', name="edges.json"),
    Case("damaged JSON", b'{"nodes": [{"id": 1}],\n"links": [}', name="edges.json"),
    Case("a DOT graph", b"graph { a -- b; }\n", name="edges.dot"),
    Case("Excel's first line", b"sep=;\nann;bob\n"),
    Case("a matrix that is nearly empty", MATRIX % b"2000000000 2000000000 1", name="edges.mtx"),
    Case("damaged XML", b"<graphml><graph>", name="edges.graphml"),
    Case("entities in XML", ENTITIES, name="edges.graphml"),
    Case("a weight in XML that is no number", GEXF_WEIGHT, name="edges.gexf"),
    Case("a node twice", b"graph [ node [ id 1 ]\nnode [ id 1 ] ]", name="edges.gml"),
    Case("fewer vertices than declared", b"*Vertices 3\n1 a\n2 b\n*Edges\n1 2\n", name="edges.net"),
    Case("a small file that holds gigabytes", _two_gigabytes_of_edges, name="edges.gml.gz"),
    Case("more data than --max-bytes", GOOD, {"max_bytes": 20}),
    Case(
        "a node twice in the attribute table",
        GOOD,
        features=b"node,age\nann,30\nbob,40\ncid,50\nann,31\n",
    ),
    Case("a node missing there", GOOD, features=b"node,age\nann,30\nbob,40\n"),
    Case(
        "a node there that has no edge", GOOD, features=b"node,age\nann,30\nbob,40\ncid,5\ndan,6\n"
    ),
    Case("an attribute that is missing", GOOD, features=b"node,age\nann,30\nbob,\ncid,5\n"),
    Case("an attribute that is no number", GOOD, features=b"node,age\nann,30\nbob,old\ncid,5\n"),
    Case(
        "an attribute of unknown kind",
        GOOD,
        {"attributes": {"age": "nummber"}},
        features=b"node,age\nann,30\nbob,40\ncid,5\n",
    ),
    Case("ids that differ in case only", b"ann,bob\nAnn,cid\n", warns=True),
    Case("ids that differ in blanks only", b"ann lee,bob\nannlee,cid\n", warns=True),
    Case(
        "two nodes of one label",
        b"*Vertices 2\n1 a\n2 a\n*Edges\n1 2\n",
        name="edges.net",
        warns=True,
    ),
    Case(
        "a node that is not listed",
        b"graph [ node [ id 1 ] edge [ source 1 target 2 ] ]",
        name="edges.gml",
        warns=True,
    ),
    Case("blanks around ids", b"ann,bob\n bob ,cid\n", warns=True),
    Case(
        "a data frame's row numbers among the attributes",
        GOOD,
        features=b",node,age\n0,ann,30\n1,bob,40\n2,cid,5\n",
        warns=True,
    ),
    Case(
        "words among integers",
        "".join(f"{i},{i + 1}\n" for i in range(20)).encode() + b"3,x7\n",
        warns=True,
    ),
    Case("the wrong two columns", b"AA,24,x\n" * 20 + b"BB,25,y\n", warns=True),
    Case(
        "a first column that numbers the rows",
        "".join(f"{i},n{i % 7},n{3 * i % 8}\n" for i in range(20)).encode(),
        warns=True,
    ),
    Case(
        "a first column that numbers the rows, or holds nodes",
        "".join(f"{i},{(i + 1) % 20},{(i + 5) % 20}\n" for i in range(20)).encode(),
        warns=True,
    ),
    Case("three columns without usual names", b"ann,bob,5\nbob,cid,7\n", warns=True),
    Case("two columns with words in common", b"ann,likes,bob\nbob,likes,cid\n" * 9, warns=True),
    Case(
        "the same numbers for users and items",
        "".join(f"{i % 6}\t{i % 5}\t{i % 4 + 1}\t88125000{i}\n" for i in range(30)).encode(),
        warns=True,
    ),
    Case("users and items of the same numbers", b"user_id,item_id\n1,2\n2,1\n", warns=True),
    Case("integers written as floats", b"0.0,1.0\n1.0,2.0\n", warns=True),
    Case("arrows", b"ann -> bob\nbob -> cid\n", warns=True),
    Case("decimal commas", b"source;target;weight\nann;bob;1,5\nbob;cid;0,25\n", warns=True),
    Case("a square table of numbers", b"0,1,0,1\n1,0,1,0\n0,1,0,0\n1,0,0,0\n", warns=True),
    Case("edges of several kinds", b"ann knows bob\nann likes cid\n", name="e.sif", warns=True),
]


def message(case: Case, folder: Path) -> str:
    """What is said of a case, with names in place of paths."""
    path = folder / case.name
    named: str | Path = path
    if "://" in case.name:
        named = case.name
    elif callable(case.content):
        case.content(path)
    else:
        path.write_bytes(case.content)
    options = dict(case.options)
    if case.features is not None:
        (folder / "nodes.csv").write_bytes(case.features)
        options["features"] = folder / "nodes.csv"
    handler = _Lines()
    logging.getLogger("vgae").addHandler(handler)
    try:
        if case.warns:
            read_graph(named, **options)
            # The line about the columns, where they are a guess, comes before the matter itself.
            said = min(handler.warnings, key=lambda line: "; edges run from" in line)
        else:
            with pytest.raises(InputError) as caught:
                read_graph(named, **options)
            said = str(caught.value)
    finally:
        logging.getLogger("vgae").removeHandler(handler)
    return said.replace(f"{folder}{os.sep}", "")


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.warnings.append(record.getMessage())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_bad_input_is_one_line_that_names_the_place(case: Case, tmp_path: Path) -> None:
    said = message(case, tmp_path)
    assert "\n" not in said
    assert len(said) < 300
    assert said.startswith((case.name, "nodes.csv"))


def test_the_table_in_the_documentation_is_true(tmp_path: Path) -> None:
    """VGAE_WRITE_DOCS=1 rewrites it."""
    wanted = PAGE.read_text()
    for name, warns in (("errors", False), ("warnings", True)):
        lines = ["| what is wrong | what is said |", "|---|---|"]
        for place, case in enumerate(CASES):
            if case.warns == warns:
                folder = tmp_path / f"{place}"
                folder.mkdir()
                said = message(case, folder).replace("|", "\\|")
                lines.append(f"| {case.what} | `{said}` |")
        block = "\n".join(lines)
        wanted = re.sub(
            rf"(<!-- {name} -->\n).*(<!-- end of {name} -->)",
            lambda match: match[1] + block + "\n" + match[2],  # noqa: B023 - used at once
            wanted,
            flags=re.DOTALL,
        )
        assert block in wanted
    if os.environ.get("VGAE_WRITE_DOCS"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted


def test_a_long_line_takes_no_memory(tmp_path: Path) -> None:
    """The line is refused when it has passed the limit, not when it has been read."""
    import resource

    path = tmp_path / "edges.csv.gz"
    _two_gigabytes(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="line 120001: is longer than"):
        read_graph(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


def test_nothing_is_left_open(tmp_path: Path) -> None:
    """A file that was refused can be mended and read at once, and removed on every system."""
    path = tmp_path / "edges.csv"
    path.write_bytes(b"a,b\nc\n")
    with pytest.raises(InputError):
        read_graph(path)
    path.write_bytes(GOOD)
    assert read_graph(path).n_edges == 2
