r"""The ladder: does an answer equal the gold?

1. equal normalised text,
2. exact integers and rationals, also inside lists, sets, tuples and intervals,
3. what is left, single expressions, relations, matrices and unions, by math-verify, both sides wrapped in `$…$`.

The first two rungs are linear passes over short text and import nothing; `compare` walks them and asks a function for
the third, which only the sandboxed worker (mtpipe/verify/worker.py) has. What a list is stays ours, because
math-verify takes (2,4) for {2,4} and {42} for 42:

* tuples and intervals are ordered, and equal only with the same brackets;
* lists (`1, 2`, `1 and 2`) and sets are unordered, and equal each other; a tuple is neither;
* a set of one is not its element; \pm a is the list a, -a;
* `x = 5` answers a gold of 5, and a gold of `x = 5` is answered by 5, but not by y = 5;
* in a chain a = b = c the last counts, unless two of its parts are different plain numbers;
* 28 answers a gold of 28\%, but 1\% does not answer 1;
* a ratio 10:30 is no fraction; digits with a base, 204_5, are compared as such.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from mtpipe.verify.normalise import normalise
from mtpipe.verify.numbers import exact, same_number

_LONGEST_LIST = 64
_BRACKETS = {"(": ")", "[": "]", r"\{": r"\}", "{": "}"}
_TOKEN = re.compile(r"\\[{}]|\\[A-Za-z]+|.", re.DOTALL)
_EQUALS = re.compile(r"\\.|[{}]|[<>!:]?=+")
_NAME = re.compile(r"(?=[^=]*[A-Za-z])[A-Za-z\\|(\[][^+=<>^]{0,60}")
_CALL = re.compile(r"([A-Za-z])\([A-Za-z]\)")
_MEMBERSHIP = re.compile(r"(?:[A-Za-z]|\\[a-z]+)(?:_\{?\w+\}?)?\s*\\in(?![A-Za-z])\s*")
_RATIO = re.compile(r"[\d.]+\s*:\s*[\d.]+(?:\s*:\s*[\d.]+)*", re.A)
_BASED = re.compile(
    r"([0-9A-Fa-f]+)\s*_\s*\{?\s*(?:\\text\s*\{)?\s*(\d+|two|three|four|five|six|seven|eight|nine)\s*\}*"
)


@dataclass(frozen=True)
class Leniency:
    """How far a number may lie from the gold: `places` decimals to round to, or an absolute `tolerance`."""

    places: int | None = None
    tolerance: Fraction | None = None


EXACT = Leniency()
Scalar = Callable[[str, str, Leniency], bool | None]
"""Whether two normalised single expressions are equal; None where it cannot say."""


def undecided(gold: str, answer: str, leniency: Leniency) -> bool | None:
    """The third rung for a process that has none."""
    return None


def compare(gold: str, answer: str, leniency: Leniency = EXACT, scalar: Scalar = undecided) -> bool | None:
    """Whether an answer equals a gold, both as written; None where `scalar` was needed and could not say."""
    return _compare(normalise(gold), normalise(answer), leniency, scalar, 0)


def _compare(gold: str, answer: str, leniency: Leniency, scalar: Scalar, depth: int) -> bool | None:
    if _squeezed(gold) == _squeezed(answer):
        return bool(answer)
    if not gold or not answer or depth > 6:
        return False
    by_number = same_number(gold, answer, leniency.places, leniency.tolerance)
    if by_number is not None:
        return by_number
    gold, answer = _without_membership(gold, answer)
    gold_kind, gold_parts = _structure(gold)
    kind, parts = _structure(answer)
    if "group" in (gold_kind, kind) and "()" in (gold_kind, kind):
        gold_kind = kind = "()"
    if gold_kind == "one" and kind == "one":
        return _one(gold, answer, leniency, scalar, depth)
    if {gold_kind, kind} <= {"list", "set", "group"}:
        return _unordered(gold_parts, parts, leniency, scalar, depth)
    if gold_kind == kind:
        return _ordered(gold_parts, parts, leniency, scalar, depth)
    if "one" in (gold_kind, kind):
        single = gold if gold_kind == "one" else answer
        named = _sides(single)
        if len(named) == 2 and _NAME.fullmatch(named[0]):  # (p, q) = (3, 2)
            rest = named[1]
            return _compare(*((rest, answer) if gold_kind == "one" else (gold, rest)), leniency, scalar, depth + 1)
        other = kind if gold_kind == "one" else gold_kind
        if other[0] in "([" and re.search(r"\\(?:le|ge|cup|cap|setminus)(?![A-Za-z])|[<>]", single):
            return scalar(gold, answer, leniency)  # an interval and a relation
    return False


def _one(gold: str, answer: str, leniency: Leniency, scalar: Scalar, depth: int) -> bool | None:
    """Two single expressions, equations or relations."""
    if gold.endswith(r"\%") or answer.endswith(r"\%"):
        if not gold.endswith(r"\%"):
            return False
        plain = gold.removesuffix(r"\%").strip(), answer.removesuffix(r"\%").strip()
        return _compare(*plain, leniency, scalar, depth + 1)
    gold, answer = gold.partition(r"\approx")[0].strip() or gold, answer.partition(r"\approx")[0].strip() or answer
    gold_sides, sides = _sides(gold), _sides(answer)
    literals = {number for side in sides if (number := exact(side)) is not None}
    if len(literals) > 1:
        return False  # 42 = 43
    gold_name = gold_sides[0] if len(gold_sides) > 1 and _NAME.fullmatch(gold_sides[0]) else None
    name = sides[0] if len(sides) > 1 and _NAME.fullmatch(sides[0]) else None
    if len(sides) > 1 and (len(gold_sides) == 1 or (gold_name and name and _squeezed(gold_name) == _squeezed(name))):
        return _compare(gold_sides[-1], sides[-1], leniency, scalar, depth + 1)
    if gold_name and (len(sides) == 1 or len(gold_sides) > 2):
        return _compare(gold_sides[-1], sides[-1], leniency, scalar, depth + 1)
    if gold_name and name and exact(gold_sides[-1]) is not None and exact(sides[-1]) is not None:
        same_function = _CALL.sub(r"\1", gold_name) == _CALL.sub(r"\1", name)  # f(n) = 1 and f(x) = 1
        if same_function or len(gold_name) == len(name) == 1:
            return same_function and _compare(gold_sides[-1], sides[-1], leniency, scalar, depth + 1)
        return scalar(gold, answer, leniency)
    if bool(_RATIO.fullmatch(gold)) != bool(_RATIO.fullmatch(answer)):
        return False
    gold_based, based = _BASED.fullmatch(gold), _BASED.fullmatch(answer)
    if gold_based and based:
        return gold_based.groups() == based.groups()
    if based or gold_based:
        digits = gold_based[1] if gold_based else None
        return digits == answer
    if (r"\begin" in gold) != (r"\begin" in answer) and min(len(gold), len(answer)) < 20 and exact(answer) is not None:
        return False
    if gold.isalpha() and answer.isalpha() and max(len(gold), len(answer)) > 1:
        return gold.lower() == answer.lower()
    return scalar(gold, answer, leniency)


def _unordered(gold: list[str], parts: list[str], leniency: Leniency, scalar: Scalar, depth: int) -> bool | None:
    """Each gold part is met by another part; undecided only where the decided pairs do not settle it."""
    if len(gold) != len(parts) or len(gold) > _LONGEST_LIST:
        return False
    left, open_golds = list(parts), []
    for part in gold:  # what is equal for certain leaves first
        match = next((other for other in left if _compare(part, other, leniency, undecided, depth + 1)), None)
        if match is None:
            open_golds.append(part)
        else:
            left.remove(match)
    for part in open_golds:
        verdicts = [_compare(part, other, leniency, scalar, depth + 1) for other in left]
        if True in verdicts:
            left.pop(verdicts.index(True))
        else:
            return None if None in verdicts else False
    return True


def _ordered(gold: list[str], parts: list[str], leniency: Leniency, scalar: Scalar, depth: int) -> bool | None:
    if len(gold) != len(parts) or len(gold) > _LONGEST_LIST:
        return False
    verdicts = []
    for left, right in zip(gold, parts, strict=True):
        verdicts.append(_compare(left, right, leniency, scalar, depth + 1))
        if verdicts[-1] is False:
            return False
    return None if None in verdicts else True


def _structure(text: str) -> tuple[str, list[str]]:
    """The kind, `one`, `list`, `set`, `group` ({1,3}, which lost a backslash) or a pair of brackets; and the parts."""
    tokens = [match[0] for match in _TOKEN.finditer(text)]
    while tokens and tokens[0] in ("{", "(") and _encloses(tokens):
        inner = _split(tokens[1:-1])
        if len(inner) > 1:
            return ("()" if tokens[0] == "(" else "group"), inner
        tokens = tokens[1:-1]
    if len(tokens) > 2 and tokens[0] == r"\{" and _encloses(tokens):
        return "set", _split(tokens[1:-1])
    if len(tokens) > 2 and tokens[0] in "([" and tokens[-1] in ")]" and _encloses(tokens):
        inner = _split(tokens[1:-1])
        if len(inner) > 1:
            return tokens[0] + tokens[-1], inner
    parts = [sign for part in _split(tokens) for sign in _plus_minus(part)]
    return ("list", parts) if len(parts) > 1 else ("one", parts)


def _encloses(tokens: list[str]) -> bool:
    """Whether the first token's bracket is closed by the last, an interval's of either kind."""
    depth = 0
    for index, token in enumerate(tokens):
        if token in _BRACKETS:
            depth += 1
        elif token in (")", "]", "}", r"\}"):
            depth -= 1
            if depth == 0:
                return index == len(tokens) - 1
    return False


def _split(tokens: list[str]) -> list[str]:
    """The parts between top-level commas or semicolons; between semicolons, what has commas is a tuple."""
    if r"\begin" in tokens:
        return ["".join(tokens).strip()]
    depth, parts, separators = 0, [""], set()
    for token in tokens:
        if token in _BRACKETS:
            depth += 1
        elif token in (")", "]", "}", r"\}"):
            depth -= 1
        if depth == 0 and token in ",;":
            separators.add(token)
            parts.append(token)
            parts.append("")
        else:
            parts[-1] += token
    if separators == {",", ";"}:
        groups = [group for group in "".join(parts).split(";") if group.strip()]
        return [
            f"({_values(group)})" if "," in group and group.strip()[0] != "(" else group.strip() for group in groups
        ]
    return [part.strip() for part in parts if part not in (",", ";") and part.strip()]


def _values(group: str) -> str:
    """p = 5, q = 2 as 5, 2."""
    return ", ".join(_sides(part)[-1] for part in group.split(","))


def _sides(text: str) -> list[str]:
    """The sides of an equation or a chain of them; an = within braces, as under a sum, splits nothing."""
    depth, start, sides = 0, 0, []
    for token in _EQUALS.finditer(text):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
        elif token[0] == "=" and depth == 0:
            sides.append(text[start : token.start()].strip())
            start = token.end()
    return [*sides, text[start:].strip()]


def _plus_minus(text: str) -> list[str]:
    if text.count(r"\pm") != 1:
        return [text]
    before, _, after = text.partition(r"\pm")
    return [normalise(f"{before}+{after}".removeprefix("+")), normalise(f"{before}-{after}")]


def _without_membership(gold: str, answer: str) -> tuple[str, str]:
    """x \\in S is S where the other side does not name its variable."""
    found, other = _MEMBERSHIP.match(gold), _MEMBERSHIP.match(answer)
    if found and other and _squeezed(found[0]) != _squeezed(other[0]):
        return gold, answer
    return gold[found.end() :] if found else gold, answer[other.end() :] if other else answer


def _squeezed(text: str) -> str:
    return re.sub(r"\s|(?<=\^|_)\{(?=\w\})|(?<=[\^_]\{\w)\}", "", text)
