"""Every public name of the package has an example, which the tests run as a doctest."""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator

import pytest
from places import SOURCE

from vgae.people.cli import app

ROOMS = {
    str(path.relative_to(SOURCE)): ast.parse(path.read_text())
    for path in sorted(SOURCE.rglob("*.py"))
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def classes(body: list[ast.stmt]) -> dict[str, ast.ClassDef]:
    return {item.name: item for item in body if isinstance(item, ast.ClassDef)}


CLASSES = {name: item for tree in ROOMS.values() for name, item in classes(tree.body).items()}


def examples(node: Function | ast.ClassDef) -> str:
    """The code of the examples in a docstring that are run."""
    found = doctest.DocTestParser().get_examples(ast.get_docstring(node) or "")
    return "\n".join(example.source for example in found if doctest.SKIP not in example.options)


def methods(node: ast.ClassDef) -> list[Function]:
    """Public methods and properties, without the setters of properties."""
    return [
        item
        for item in node.body
        if isinstance(item, Function)
        and not item.name.startswith("_")
        and not any(ast.unparse(mark).endswith(".setter") for mark in item.decorator_list)
    ]


def bases(node: ast.ClassDef, same_file: dict[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """The classes of the package that a class is derived from, near or far."""
    for base in node.bases:
        name = ast.unparse(base).split("[")[0].split(".")[-1]
        found = same_file.get(name) or CLASSES.get(name)
        if found is not None and found is not node:
            yield found
            yield from bases(found, same_file)


COMMANDS = {
    (
        f"{info.callback.__module__.removeprefix('vgae.').replace('.', '/')}.py",
        info.callback.__name__,
    )
    for info in (app.registered_callback, *app.registered_commands)
    if info and info.callback
}
"""Rooms and names of what Typer calls; the help shows its examples."""


def without_example(room: str) -> list[str]:
    """Public functions, classes and methods of a room that no example shows."""
    tree, found = ROOMS[room], []
    same_file = classes(tree.body)
    for node in tree.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if isinstance(node, Function):
            if not examples(node) and (room, node.name) not in COMMANDS:
                found.append(node.name)
            continue
        own = {method.name: examples(method) for method in methods(node)}
        shown = "\n".join([examples(node), *own.values()])
        if not shown.strip():
            found.append(node.name)
        documented = {
            method.name
            for base in bases(node, same_file)
            for method in methods(base)
            if ast.get_docstring(method)
        }
        found += [
            f"{node.name}.{name}"
            for name, example in own.items()
            if not example and name not in documented and not re.search(rf"\.{name}\b", shown)
        ]
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_has_an_example(room: str) -> None:
    assert without_example(room) == []


def test_a_name_without_an_example_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    code = '''
class Base:
    """Shown.

    >>> Base().shown
    """

    @property
    def shown(self): ...
    def hidden(self):
        """Documented."""
    @shown.setter
    def shown(self, value): ...

class Derived(Base):
    def hidden(self): ...
    def new(self): ...
    def own(self):
        """>>> Derived().own()"""

class Plain:
    field: int

def embed(): ...
def plain(): ...
def skipped():
    """>>> skipped()  # doctest: +SKIP"""
def shown():
    """>>> shown()"""
def _private(): ...
class _Private:
    def method(self): ...
'''
    missing = ["Base.hidden", "Derived.new", "Plain", "embed", "plain", "skipped"]
    monkeypatch.setitem(ROOMS, "room.py", ast.parse(code))
    monkeypatch.setitem(ROOMS, "people/commands/asking.py", ast.parse(code))
    assert without_example("room.py") == missing
    missing.remove("embed")  # a command
    assert without_example("people/commands/asking.py") == missing
