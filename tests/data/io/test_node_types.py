"""Types of nodes from tables: which rows, which columns, and what is refused."""

from pathlib import Path

import pytest

from vgae import read_graph
from vgae.ground.errors import InputError


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_types_of_a_table_or_of_a_column_of_features(tmp_path: Path) -> None:
    edges = put(tmp_path, "e.csv", "ann,tea\nbob,tea\nbob,jam\nann,bob\n")
    types = put(tmp_path, "t.csv", "node,type\nann,person\nbob,person\ntea,food\njam,food\nx,y\n")
    people = put(tmp_path, "f.csv", "node,age,kind\nann,1,p\nbob,2,p\ntea,3,f\njam,4,f\n")
    graph = read_graph(edges, types=types)
    assert graph.kind == "undirected"
    assert graph.type_names == ("food", "person")
    assert graph.type_pairs is not None
    assert graph.type_pairs.tolist() == [[0, 1], [1, 1]]
    by_column = read_graph(edges, features=people, types="kind")
    assert by_column.node_types is not None
    assert graph.node_types is not None
    assert by_column.node_types.tolist() == graph.node_types.tolist()
    directed = read_graph(edges, types=types, directed=True)
    assert directed.type_pairs is not None
    assert directed.type_pairs.tolist() == [[1, 0], [1, 1]]
    with pytest.raises(InputError, match=r"t.csv: edges, row 0: 'ann' and 'bob' are of the types"):
        read_graph(edges, types=types, bipartite=True)
    with pytest.raises(InputError, match="--types sort: no such file, and there is no table"):
        read_graph(edges, types="sort")
    with pytest.raises(InputError, match="unknown column 'sort'"):
        read_graph(edges, features=people, types="sort")
    short = put(tmp_path, "s.csv", "node,type\nann,person\nbob,person\ntea,food\n")
    with pytest.raises(InputError, match=r"s.csv: no type for node 'jam' \(1 such node\)"):
        read_graph(edges, types=short)
    twice = put(
        tmp_path, "d.csv", "node,type\nann,person\nbob,person\ntea,food\njam,food\nann,food\n"
    )
    with pytest.raises(InputError, match="node 'ann' has the types 'person' and 'food'; keep one"):
        read_graph(edges, types=twice)
    empty = put(tmp_path, "m.csv", "node,type\nann,\nbob,person\ntea,food\njam,food\n")
    with pytest.raises(InputError, match="line 2: node 'ann' has no type in column 'type'"):
        read_graph(edges, types=empty)


def test_a_table_without_a_header_is_nodes_from_its_first_line(tmp_path: Path) -> None:
    edges = put(tmp_path, "e.csv", "1,7\n2,7\n")
    graph = read_graph(edges, types=put(tmp_path, "t.csv", "1,person\n2,person\n7,food\n"))
    assert graph.type_names == ("food", "person")
    wide = put(tmp_path, "w.csv", "node,age,size\n1,3,4\n2,3,4\n7,3,4\n")
    with pytest.raises(InputError, match="no column is called type; call the one with the types"):
        read_graph(edges, types=wide)
