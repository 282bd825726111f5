"""Writes settings into the text of a params.yaml, whose comments stay.

The text is taken as blocks: a top-level key with the lines of its value, and before it the comments that explain it.
In a section each value is replaced on its own line. What has no fixed keys (the arms and their temperatures, the
rounds, another task) is replaced as a block.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

from mtpipe.settings.flow import flow

WHOLE = ("arms", "seeds", "rounds", "temperature")
"""Blocks that are replaced as a whole."""

_LINE = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z_]\w*):(?P<space> *)(?P<rest>.*)")


@dataclass
class Block:
    """A top-level key of a YAML text: its name ("" for what stands before the first), comments before it, its lines."""

    key: str
    comments: list[str]
    lines: list[str]


def split(text: str) -> list[Block]:
    """The blocks of a text. What stands after the last one is a block without a key."""
    blocks: list[Block] = []
    comments: list[str] = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found and not found["indent"]:
            blocks.append(Block(found["key"], comments, [line]))
            comments = []
        elif line.startswith(("#", "%", "---")) or not line.strip() or not blocks:
            comments.append(line)
        else:  # what stood between two lines of a value belongs to it
            blocks[-1].lines += [*comments, line]
            comments = []
    return [*blocks, Block("", comments, [])]


def without(text: str, keys: Collection[str]) -> str:
    """A text without the blocks of some keys, and without comments between blocks."""
    return "\n".join(line for block in split(text) if block.key not in keys for line in block.lines)


def rewritten(text: str, params: BaseModel, own: str) -> str:
    """A params.yaml with other values.

    Args:
        text: the params.yaml whose comments stay.
        params: all values that it is to have.
        own: the text of an overlay. Where it has one of the blocks that are replaced as a whole, its own lines are
            taken, with the comments in them.
    """
    overlay = {block.key: block.lines for block in split(own)}
    present = YAML(typ="safe", pure=True).load(text) or {}
    blocks = split(text)
    missing = [Block(key, [], []) for key in type(params).model_fields if key not in {block.key for block in blocks}]
    lines: list[str] = []
    for block in [*blocks[:-1], *missing, blocks[-1]]:
        lines += block.comments
        if block.key:
            lines += _block(block, getattr(params, block.key), present.get(block.key), overlay.get(block.key))
    return "\n".join(lines) + "\n"


def _block(block: Block, value: Any, present: Any, own: list[str] | None) -> list[str]:
    """The lines of a block with its new value."""
    other_task = isinstance(value, BaseModel) and getattr(value, "name", None) != (present or {}).get("name")
    if block.key not in WHOLE and not (block.key == "task" and other_task):
        lines = block.lines if len(block.lines) > 1 else [f"{block.key}:"]
        return [lines[0], *_section(lines[1:], value, "  ")]
    plain = _plain(value)
    if not other_task and _same(present, plain):
        return block.lines
    if own and block.key != "rounds":
        given = YAML(typ="safe", pure=True).load("\n".join(own))[block.key]
        rest = plain if block.key == "task" else {}
        return own + [f"  {key}: {flow(each)}" for key, each in rest.items() if key not in given and each is not None]
    if block.key in ("arms", "seeds"):
        return [f"{block.key}: {flow(plain)}"]
    lines = [f"{block.key}:"]
    for entry in plain if isinstance(plain, list) else plain.items():
        match entry:
            case dict():
                lines.append(f"  - {flow(entry)}")
            case (name, dict(parts)) if block.key == "temperature":
                lines += [f"  {name}:", *(f"    {part}: {flow(setting)}" for part, setting in parts.items())]
            case (name, setting):
                lines.append(f"  {name}: {flow(setting)}")
    return lines


def _section(lines: list[str], value: BaseModel, indent: str) -> list[str]:
    """The lines of a section: each setting's value on its line, those that no line has at the end."""
    written: list[str] = []
    waiting = {name: getattr(value, name) for name in type(value).model_fields}
    column = _comment_column(lines)
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        found = _LINE.fullmatch(line)
        if not found or found["indent"] != indent or found["key"] not in waiting:
            written.append(line)
            continue
        setting = waiting.pop(found["key"])
        end = position
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(indent + " ")):
            end += 1
        inner = lines[position:end]
        text, comment = _without_comment(found["rest"])
        nested = [each for each in inner if not each.strip().startswith("#") and each.strip()]
        if isinstance(setting, BaseModel) and nested and not text:
            written += [line, *_section(inner, setting, indent + "  ")]
            position = end
            continue
        here = YAML(typ="safe", pure=True).load("\n".join([f"{found['key']}: {text}", *nested]))[found["key"]]
        if _same(here, _plain(setting)):
            written.append(line)
            continue
        head = f"{indent}{found['key']}: {flow(_plain(setting))}"
        written.append(f"{head.ljust(column - 1)} {comment}" if comment else head)
        if nested:
            position = end
    while written and not written[-1].strip():
        written.pop()
    return written + [f"{indent}{name}: {flow(_plain(setting))}" for name, setting in waiting.items()]


def _comment_column(lines: list[str]) -> int:
    """Where most comments behind a section's values start; 0 if there are none."""
    values = [line for line in lines if not line.strip().startswith("#")]
    columns = [len(line) - len(comment) for line in values if (comment := _without_comment(line)[1])]
    return max(set(columns), key=columns.count, default=0)


def _without_comment(rest: str) -> tuple[str, str]:
    """A value's text, and the comment behind it."""
    found = re.match(r"""((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^"'#]|(?<! )#)*?)\s*((?:(?<=\s)|^)#.*)?$""", rest)
    return (found[1], found[2] or "") if found else (rest, "")


def _plain(value: Any) -> Any:
    """A setting as YAML has it. An arm has the parts that were set."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {
            name: each.model_dump(mode="json", exclude_unset=True) if isinstance(each, BaseModel) else each
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same and of the same kind: 1 and 1.0 are not, because params.yaml shows which."""
    return one == other and flow(_sorted(one)) == flow(_sorted(other))


def _sorted(value: Any) -> Any:
    """A value with its mappings in the order of their keys."""
    if isinstance(value, dict):
        return {key: _sorted(each) for key, each in sorted(value.items())}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
