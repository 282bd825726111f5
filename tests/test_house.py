"""Rules of the house that no linter knows: file lengths, one name for one class, and what tests may reach for."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from builders import ROOT

LINES = 300
CODE = sorted(file for folder in ("mtpipe", "stages") for file in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_no_file_is_longer_than_300_lines():
    folders = ROOT.glob("[!.]*/")  # .venv has tens of thousands of files
    files = [*ROOT.glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    assert not [str(file.relative_to(ROOT)) for file in files if len(file.read_text().splitlines()) > LINES]


def test_no_two_public_classes_or_types_have_one_name():
    places = defaultdict(list)
    for file in CODE:
        for node in parsed(file).body:
            names = [target.id for target in getattr(node, "targets", []) if isinstance(target, ast.Name)]
            names += [node.name] if isinstance(node, ast.ClassDef) else []
            for name in names:
                if name[0].isupper() and not name.isupper():
                    places[name].append(str(file.relative_to(ROOT)))
    assert not {name: files for name, files in places.items() if len(files) > 1}


def defined_privately(tree: ast.Module) -> Iterator[str]:
    """Private names of a file: its functions, classes and values, and the attributes of its classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


@pytest.mark.slow
def test_no_test_reaches_for_private_names():
    ours = {name for file in CODE for name in defined_privately(parsed(file)) if private(name)} - {"_exit"}
    found = []
    for file in TESTS:
        for node in ast.walk(parsed(file)):
            names = []
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(("mtpipe", "stages")):
                names = [alias.name for alias in node.names if private(alias.name)]
            elif isinstance(node, ast.Attribute) and node.attr in ours:
                names = [ast.unparse(node)] if ast.unparse(node.value) != "self" else []
            found += [f"{file.relative_to(ROOT)}:{node.lineno} {name}" for name in names]
    assert not found


def test_no_test_imports_from_a_test_module():
    """Fixtures stand in conftest.py, what several tests use in a module of its own."""
    for file in TESTS:
        modules = [node.module for node in ast.walk(parsed(file)) if isinstance(node, ast.ImportFrom)]
        assert not [module for module in modules if str(module).startswith("test_")], file


def test_no_two_test_files_have_one_name():
    names = [file.name for file in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names), "pytest imports a test file by its name alone"


def test_stages_are_read_on_one_page():
    assert [file.name for file in (ROOT / "stages").glob("*.py") if len(file.read_text().splitlines()) > 50] == []


def test_the_documentation_s_first_page_leads_to_every_other():
    first = (ROOT / "docs" / "README.md").read_text()
    others = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"]
    assert not [name for name in others if f"({name})" not in first]
