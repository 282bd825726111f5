"""From what a data set calls its answer to golds, as they are written there."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from mtpipe.tasks.catalogue import Shape, part
from mtpipe.verify.extraction import last_box

_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Golds:
    """Golds as texts: `any` of them is the right answer, or it has to hold them `all`."""

    texts: list[str]
    match: Literal["any", "all"]


def find_golds(row: dict[str, Any], shape: Shape) -> Golds:
    """The golds with their units and signs: what they are is for the verifier to read.

    Of answers that are all asked for, equal ones stay (16,3,1,1). Raises ValueError, saying what is wrong, where a row
    has no answer.
    """
    value = part(row, shape.answer)
    found = [_text(each, shape) for each in (value if isinstance(value, list) else [value])]
    answers = [answer for answer in found if answer is not None]
    match: Literal["any", "all"] = shape.several if len(answers) > 1 else "any"
    if len(answers) == 1 and part(row, shape.lists_several) is True:
        answers = split_list(answers[0])
        match = "all" if len(answers) > 1 else "any"
    if not answers:
        raise ValueError("empty gold")
    if match == "any":
        answers = list(dict.fromkeys(answers))
    return Golds(answers, match if len(answers) > 1 else "any")


def _text(value: Any, shape: Shape) -> str | None:
    """An answer as text, without the dollars around it; None if there is none."""
    if value is None:
        return None
    text = str(value).replace("\ufeff", "").strip()
    text = (last_box(text) or "") if shape.answer_is == "boxed" else text.rpartition("####")[2]
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "$" and "$" not in text[1:-1]:
        text = text[1:-1].strip()
    return text if text.strip(" $") else None


def split_list(text: str) -> list[str]:
    """The parts of a list such as `$(1,2)$, $(3,4)$`, divided at commas outside brackets; a sentence stays whole."""
    parts, depth, current = [], 0, ""
    for character in text.replace("$", ""):
        depth += (character in _OPENING) - (character in _CLOSING)
        if character == "," and depth <= 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    parts.append(current.strip())
    sentence = any(re.search(r"(?<![\\A-Za-z])[A-Za-z]{3,}", part) for part in parts)
    return [text] if sentence else [part for part in parts if part]
