"""The rooms of mtpipe: arrows between packages run one way, and each package's docstring says what holds in it."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from builders import ROOT

FILES = sorted((ROOT / "mtpipe").rglob("*.py"))


def name_of(file: Path) -> str:
    """A file's module: mtpipe/learn/update.py is mtpipe.learn.update, a package's __init__.py the package."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(file): ast.parse(file.read_text()) for file in FILES}
PACKAGES = [name_of(file) for file in FILES if file.name == "__init__.py"]
DOCSTRINGS = {name: ast.get_docstring(tree) or "" for name, tree in MODULES.items()}
ORDER = [
    f"mtpipe.{room}"
    for row in re.findall(r"^    (\S.*?)   +\S", DOCSTRINGS["mtpipe"], re.MULTILINE)
    for room in row.split()
]
"""The rooms from the ground up, as the docstring of mtpipe lists them."""


@cache
def imports(module: str, while_loading: bool = False) -> list[str]:
    """The modules that a file imports, the project's and others; with `while_loading` those that its import loads."""
    return list(_imports(MODULES[module], while_loading))


def _imports(tree: ast.AST, while_loading: bool) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would pass by these tests"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in names)
        elif not (while_loading and _runs_later(node)):
            yield from _imports(node, while_loading)


def _runs_later(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
        isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )


def room_of(module: str) -> str:
    """A module's package; a module beside them is a room of its own."""
    return module if module in ORDER or module == "mtpipe" else module.rpartition(".")[0]


@cache
def loaded(module: str) -> set[str]:
    """All that the import of a module loads: itself, what it imports at once, and so on through the project."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            if name in MODULES:
                waiting += imports(name, while_loading=True)
                waiting += [name.rpartition(".")[0]] if "." in name else []
    return seen


def forbidden(package: str) -> list[str]:
    """The names after `Must not import:` in a package's docstring."""
    rule = re.search(r"Must not import: ([\w., \n]+?)[.:](?=\s|$)", DOCSTRINGS[package])
    assert rule, f"the docstring of {package} says nowhere what it must not import"
    return re.split(r",\s+", rule[1])


def within(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def test_the_list_of_rooms_is_complete():
    beside = [name for name in MODULES if name.count(".") == 1 and name not in PACKAGES]
    assert sorted(ORDER) == sorted([*beside, *(package for package in PACKAGES if package != "mtpipe")])


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_those_below_it_alone(room):
    below = {"mtpipe", *ORDER[: ORDER.index(room) + 1]}
    wrong = [
        f"{module} imports {name}"
        for module in MODULES
        if room_of(module) == room
        for name in imports(module)
        if name in MODULES and room_of(name) not in below
    ]
    assert not wrong


@pytest.mark.parametrize("package", [package for package in PACKAGES if package != "mtpipe"])
def test_a_package_keeps_to_its_docstring(package):
    own = [module for module in MODULES if room_of(module) == package]
    for place in forbidden(package):
        if within(place, "mtpipe"):
            assert any(within(module, place) for module in MODULES), f"{package} forbids {place}, which is not there"
            assert not [f"{one} imports {name}" for one in own for name in imports(one) if within(name, place)]
        else:
            assert not [one for one in own if any(within(name, place) for name in loaded(one))], place
    files = [module.rpartition(".")[2] for module in own if module != package]
    assert not [name for name in files if f"`{name}`" not in DOCSTRINGS[package]], "files that the docstring leaves out"


@pytest.mark.parametrize("package", ["mtpipe.temperature", "mtpipe.verify"])
def test_only_those_modules_load_a_library_that_the_docstring_names(package):
    rule = re.search(r"Only ((?:`\w+`(?: and )?)+) imports? (\w+)", DOCSTRINGS[package])
    assert rule
    users = [one for one in MODULES if room_of(one) == package and any(within(name, rule[2]) for name in loaded(one))]
    assert users == [f"{package}.{name}" for name in re.findall(r"\w+", rule[1].replace(" and ", ""))]


def test_what_a_docstring_points_to_is_there():
    for module, tree in MODULES.items():
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        for name in re.findall(r"`(mtpipe(?:\.\w+)+)(?:\(\))?`", "\n".join(filter(_is_text, texts))):
            parents = [name.rsplit(".", count)[0] for count in range(name.count(".") + 1)]
            place = next(parent for parent in parents if parent in MODULES)
            found: ast.AST = MODULES[place]
            for part in name.removeprefix(place).split(".")[1:]:
                there = [node for node in ast.iter_child_nodes(found) if part in _names(node)]
                assert there, f"{module} points to {name}, but {place} has no {part}"
                found = there[0]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def test_what_vllm_loads_needs_no_more_than_is_installed_without_an_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=]", each)[0] for each in project["dependencies"]}
    roots = {module.partition(".")[0] for module in loaded("mtpipe.sampling.vllm.plugin")}
    assert roots - {"mtpipe", "vllm"} - sys.stdlib_module_names == declared
