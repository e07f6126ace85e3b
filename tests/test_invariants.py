"""Invariants of the whole package that no single room can promise."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vgae
from vgae.data.graph import Graph
from vgae.people.api import GAE

SOURCE = Path(vgae.__file__).parent
SOURCES = sorted(SOURCE.rglob("*.py"))
ROOMS_THAT_PRINT = {"progress.py", "report.py", "cli.py"}


def python(program: str) -> str:
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


@pytest.mark.parametrize(
    "statement",
    [
        "import vgae",
        "import vgae.people.cli",
        "import vgae.data.io",
        "import vgae.data.interop",
        "import vgae.data.split",
        "import vgae.people.report",
        "import vgae.model.inputs",
    ],
)
def test_light_rooms_do_not_load_torch(statement: str) -> None:
    assert python(f"{statement}; import sys; print('torch' in sys.modules)") == "False"


def test_every_public_name_exists_and_is_lazy() -> None:
    for name in vgae.__all__:
        assert getattr(vgae, name) is not None
        assert name in dir(vgae)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = vgae.nonsense


def test_no_module_hides_a_public_name() -> None:
    rooms = [source.relative_to(SOURCE).with_suffix("").parts for source in SOURCES]
    modules = [".".join(("vgae", *parts)) for parts in rooms if "triton_engine" not in parts]
    program = (
        f"import vgae, types, {', '.join(m for m in modules if '__' not in m)};"
        "print([n for n in vgae.__all__ if isinstance(getattr(vgae, n), types.ModuleType)])"
    )
    assert python(program) == "[]"


def test_importing_everything_has_no_side_effects_on_global_random_state() -> None:
    program = (
        "import numpy, torch; a = torch.get_rng_state(), numpy.random.get_state()[1].copy();"
        "import vgae.people.api, vgae.people.cli, vgae.data.datasets;"
        "b = torch.get_rng_state(), numpy.random.get_state()[1];"
        "print(bool((a[0] == b[0]).all() and (a[1] == b[1]).all()))"
    )
    assert python(program) == "True"


def test_no_room_opens_files_that_can_run_code() -> None:
    for source in SOURCES:
        tree = ast.parse(source.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
                assert source.name == "datasets.py" or not names & {"pickle", "shelve", "marshal"}
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"eval", "exec", "torch.load", "pickle.load", "pickle.loads"}
                if called == "np.load":
                    arguments = {
                        keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords
                    }
                    assert arguments.get("allow_pickle") == "False", source


def test_no_room_changes_the_mask_of_modes() -> None:
    """It is the whole process's: files that another thread makes meanwhile would get its modes."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
            assert name != "umask", source


def test_nothing_draws_from_global_random_state() -> None:
    banned = ("np.random.seed", "np.random.rand", "torch.manual_seed", "random.seed")
    for source in SOURCES:
        calls = [
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(source.read_text()))
            if isinstance(node, ast.Call)
        ]
        assert not [call for call in calls if call.startswith(banned)], source


def test_only_the_outer_rooms_print() -> None:
    for source in SOURCES:
        if source.name not in ROOMS_THAT_PRINT:
            tree = ast.parse(source.read_text())
            calls = [
                ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)
            ]
            assert not {"print", "logging.basicConfig", "sys.stdout.write"} & set(calls), source


def test_only_datasets_may_use_the_network() -> None:
    for source in SOURCES:
        if source.name != "datasets.py":
            text = source.read_text()
            for word in ("import pooch", "import requests", "urllib", "import socket"):
                assert word not in text, source


PEAKS = """
import resource, numpy as np, vgae
from vgae.data.graph import Graph

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def fit(n_nodes):
    random = np.random.default_rng(0)
    graph = Graph.from_edges(random.integers(n_nodes, size=(3 * n_nodes, 2)), n_nodes=n_nodes)
    vgae.VGAE(steps=1, latent_dim=4, hidden_dim=4).fit(graph).recommend(10)

fit(100)  # imports, and the compiler where loops are yet to be compiled, take memory once
before = peak()
for n_nodes in (10_000, 40_000):
    fit(n_nodes)
    print(peak() - before)
"""


def test_memory_grows_with_nodes_and_not_with_pairs() -> None:
    small, large = map(float, python(PEAKS).split())
    a_byte_a_pair = 40_000**2 / 2**20
    assert large < a_byte_a_pair / 10  # a float32 a pair would take 6,104 MB
    assert large - small < 100


def test_embeddings_are_finite_for_the_smallest_graph() -> None:
    model = GAE(steps=3).fit(Graph.from_edges([(0, 1)]))
    assert np.isfinite(model.embedding_).all()
