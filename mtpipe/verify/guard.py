r"""What is refused before anything reads it: answers that are too long or too deep, hidden characters, program code.

A refusal is the verdict `rejected`. It is one layer: the reader evaluates nothing of unbounded size, the evaluation has
bounds of its own, and a judging process has the kernel's. Each rule is linear in the answer, which is at most 2 000
characters long.
"""

import re
import unicodedata

from mtpipe.verify.reader.characters import READ

LONGEST_RESPONSE = 200_000
LONGEST_ANSWER = 2_000
_DEEPEST = 24
_LONGEST_NUMBER = 300

_CODE = re.compile(r"__|[`@]|::|(?<![\\A-Za-z])(?:eval|exec|open|import|lambda|getattr|compile)\s*[('\"]")
_DIGITS = re.compile(r"\d+", re.ASCII)


def oversized(answer: str) -> str | None:
    """Why an answer is refused for its size alone, or None. Nothing else may be asked of it before."""
    if len(answer) > LONGEST_ANSWER:
        return f"{len(answer)} characters; at most {LONGEST_ANSWER} are judged"
    if _depth(answer) > _DEEPEST:
        return f"brackets nested deeper than {_DEEPEST}"
    return None


def refuse(answer: str) -> str | None:
    """Why an answer is not judged, or None if it is."""
    for character in answer:
        if not character.isascii() and character not in READ:
            if character.isnumeric() or unicodedata.category(character)[0] in "CM":
                return f"the character U+{ord(character):04X} is neither a plain digit nor a plain letter"
        elif character < " " and character not in "\n\t\r":
            return f"the control character U+{ord(character):04X}"
    if _CODE.search(answer):
        return "it reads like program code"
    if max((len(digits) for digits in _DIGITS.findall(answer)), default=0) > _LONGEST_NUMBER:
        return f"a number of more than {_LONGEST_NUMBER} digits"
    return None


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "({[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")}]":
            depth -= 1
    return deepest
