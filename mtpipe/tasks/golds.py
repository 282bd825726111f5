"""From what a data set calls its answer to normalised golds."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from mtpipe.tasks.catalogue import Shape, part
from mtpipe.verify.extraction import last_box
from mtpipe.verify.normalise import normalise_gold

_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Golds:
    """Normalised golds: `any` of them is the right answer, or it has to hold them `all`."""

    texts: list[str]
    match: Literal["any", "all"]


def find_golds(row: dict[str, Any], shape: Shape) -> Golds:
    """Raises ValueError, saying what is wrong, where a row has no answer."""
    value = part(row, shape.answer)
    found = [_text(each, shape) for each in (value if isinstance(value, list) else [value])]
    answers = [answer for answer in found if answer is not None]
    match: Literal["any", "all"] = shape.several if len(answers) > 1 else "any"
    if len(answers) == 1 and part(row, shape.lists_several) is True:
        answers = split_list(answers[0])
        match = "all" if len(answers) > 1 else "any"
    if not answers:
        raise ValueError("empty gold")
    texts = list(dict.fromkeys(normalise_gold(answer) for answer in answers))
    return Golds(texts, match if len(texts) > 1 else "any")


def _text(value: Any, shape: Shape) -> str | None:
    """An answer as text; None where there is none."""
    if value is None:
        return None
    text = str(value).replace("\ufeff", "").strip()
    if shape.answer_is == "boxed":
        return last_box(text) or None
    return text.rpartition("####")[2].strip() or None


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
