"""What the documentation names is there: files, commands with their options, targets of make, settings."""

import argparse
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from builders import ROOT

from benchmarks import __path__ as benchmarks
from mtpipe import commands
from mtpipe.params import Params

PAGES = sorted(
    page
    for folder in (".", "docs", "data", "inputs", "examples", "plugins", "benchmarks")
    for page in (ROOT / folder).glob("*.md")
)
TEXTS = [*PAGES, *sorted(ROOT.glob("profiles/*.yaml")), ROOT / "params.yaml", ROOT / "dvc.yaml", ROOT / "Makefile"]
FOLDERS = "mtpipe|tests|docs|stages|profiles|benchmarks|examples|requirements"
FREE = {"temperature", "task", "engine_args"}
"""Settings whose keys depend on what they describe."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def parsers() -> dict[str, argparse.ArgumentParser]:
    added = argparse.ArgumentParser().add_subparsers()
    for module in iter_modules(commands.__path__):
        import_module(f"{commands.__name__}.{module.name}").add_parser(added)
    return dict(added.choices)


COMMANDS = parsers()


def called(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of mtpipe that a text shows, each with its options; a backslash continues a line."""
    for shown in re.findall(r"python -m mtpipe ([a-z].*?)(?:`|#|\||&&|$)", text.replace("\\\n", " "), re.MULTILINE):
        command, _, rest = shown.partition(" ")
        yield command.rstrip(".,;:)"), re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    places = {link: page.parent / link.partition("#")[0] for link in links if not re.match(r"https?:|#|mailto:", link)}
    assert not [link for link, place in places.items() if not place.exists()]


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_each_named_file_of_the_repository_is_there(page):
    """Names in capitals stand for any name, and `plugins/` holds a user's own files."""
    named = re.findall(rf"(?<![\w./-])((?:{FOLDERS})/[\w./-]*\w\.(?:py|md|yaml|svg|png|txt))\b", page.read_text())
    assert not [file for file in named if not Path(file).stem.isupper() and not (ROOT / file).exists()]


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_each_command_is_there_with_its_options(page):
    for command, options in called(page.read_text()):
        assert command in COMMANDS, f"python -m mtpipe {command}"
        unknown = [option for option in options if option not in COMMANDS[command]._option_string_actions]
        assert not unknown, f"python -m mtpipe {command} {' '.join(unknown)}"


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_each_target_of_make_and_each_benchmark_is_there(page):
    text = page.read_text()
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert not set(re.findall(r"(?:`|^ +)make ([a-z-]+)", text, re.MULTILINE)) - set(targets)
    there = {module.name for module in iter_modules(benchmarks)}
    assert not set(re.findall(r"python -m benchmarks\.(\w+)", text)) - there


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_setting_in_code_quotes_is_one_of_params_yaml(page):
    sections = Params().model_dump(mode="json")
    for key in re.findall(rf"`((?:{'|'.join(sections)})(?:\.[a-z]\w*)+)`", page.read_text()):
        assert key == "ray.data.llm" or is_setting(sections, key.split(".")), key


def is_setting(found: Any, parts: list[str]) -> bool:
    """Whether a dotted key leads to a setting, or into one that is null or whose keys are not known beforehand."""
    for part in parts:
        if not isinstance(found, dict):
            return found is None
        if part not in found:
            return False
        if part in FREE:
            return True
        found = found[part]
    return True


def test_each_profile_has_its_row_of_expected_results():
    rows = re.findall(
        r"^\| (?:`([\w.-]+)`|default \(`(params)\.yaml`\)) \|",
        (ROOT / "docs" / "expected-results.md").read_text(),
        re.M,
    )
    assert sorted(one or other for one, other in rows) == sorted(
        ["params", *(profile.stem for profile in ROOT.glob("profiles/*.yaml"))]
    )
