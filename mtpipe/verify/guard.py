r"""What is refused before anything parses it: answers that cost, or do, more than an answer may.

A refusal is the verdict `rejected`. It is one layer: the worker's limits hold for whatever passes. Constructs that
evaluate without bound (infinite sums, integrals, limits, remainders) are let through where the gold writes the same,
because then the comparison is meant. Each rule is linear in the answer, which is at most 2 000 characters long.
"""

import re
import unicodedata

LONGEST_RESPONSE = 200_000
LONGEST_ANSWER = 2_000
_DEEPEST = 24
_LARGEST_EXPONENT = 10_000
_LARGEST_FACTORIAL = 10_000
_MATRIX_CELLS = 64

_UNEVALUATED = re.compile(r"\\(?:i*int|oint|lim(?:sup|inf)?|[bp]?mod|pod)(?![A-Za-z])")
_SUMS = re.compile(r"\\(?:sum|prod|bigcup|bigcap)(?![A-Za-z])")
_ACCENT = re.compile(
    r"\\(?:dot|ddot|dddot|hat|widehat|bar|tilde|widetilde|vec|overline|underline|overbrace|underbrace|mathring|acute|grave"
    r"|check|breve|overrightarrow|overleftarrow|cancel|phantom)\s*(?!\s|\{[A-Za-z0-9.,_\\ ']{0,20}\}|[A-Za-z0-9\\])"
)
_NAMED = re.compile(r"\\operatorname\*?\s*\{?([^{}()]*)")
_NAMES = frozenset(
    """
    sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth arsinh arcosh artanh
    arcsinh arccosh arctanh log ln lg exp gcd lcm max min sgn sign cis erf floor ceil Re Im arg deg det rank tr
    dim span ord card vol area and or if
    """.split()  # noqa: SIM905
)
_CODE = re.compile(r"__|[`\"@#]|::|;\s*\w+\(|(?<![\\A-Za-z])(?:eval|exec|open|import|lambda|getattr|compile)\b")
_NUMBER = re.compile(r"\d+", re.ASCII)
_POWER = re.compile(r"\^\s*")
_RUNS = re.compile(r"(?:[-+]\s*){8}|(?:!\s*){3}|(?:\\sqrt\s*){8}")


def oversized(answer: str) -> str | None:
    """Why an answer is refused for its size alone, or None. Nothing else may be asked of it before."""
    if len(answer) > LONGEST_ANSWER:
        return f"{len(answer)} characters; at most {LONGEST_ANSWER} are judged"
    if _depth(answer) > _DEEPEST:
        return f"brackets nested deeper than {_DEEPEST}"
    return None


def refuse(answer: str, gold: str = "") -> str | None:
    """Why an answer is not judged, or None where it is. `gold` lifts the ban on constructs that it uses itself."""
    for character in answer:
        if not character.isascii() and (character.isnumeric() or unicodedata.category(character)[0] in "CM"):
            return f"the character U+{ord(character):04X} is no plain digit or letter"
        if character < " " and character not in "\n\t\r":
            return f"the control character U+{ord(character):04X}"
    if _CODE.search(answer):
        return "it reads like program code"
    if _RUNS.search(answer):
        return "a run of signs, factorials or roots"
    if _ACCENT.search(answer):
        return "an accent over more than a name"
    if unknown := next((name for name in _NAMED.findall(answer) if name.strip() not in _NAMES), None):
        return f"the operator {unknown.strip()[:20]!r}"
    if max((len(digits) for digits in _NUMBER.findall(answer)), default=0) > 300:
        return "a number of more than 300 digits"
    if re.search(r"\d[eE][-+]?\d{4}", answer, re.ASCII):
        return "an exponent of more than three digits"
    if answer.count("&") + answer.count(r"\\") > _MATRIX_CELLS:
        return f"a matrix of more than {_MATRIX_CELLS} cells"
    for construct in _UNEVALUATED.findall(answer):
        if construct not in gold:
            return f"{construct} is left to evaluate"
    if _SUMS.search(answer) and (r"\infty" in answer or _large(answer, 1000)) and not _SUMS.search(gold):
        return "a sum or product without end is left to evaluate"
    return _growth(answer)


def _growth(answer: str) -> str | None:
    """Powers, factorials and binomials whose value could not be written down."""
    nesting = 0
    for power in _POWER.finditer(answer):
        argument = _argument(answer, power.end())
        if _large(argument, _LARGEST_EXPONENT):
            return f"an exponent above {_LARGEST_EXPONENT}"
        if "!" in argument or r"\binom" in argument:
            return "a factorial in an exponent"
        inner = _POWER.search(argument)
        if inner is not None:
            nesting = max(nesting, 1 + argument.count("^"))
            base = re.search(r"(\d+)\s*\}?\s*$", argument[: inner.start()], re.ASCII)
            top = _NUMBER.search(_argument(argument, inner.end()))
            if base and top and len(base[1]) < 6 and int(base[1]) ** min(int(top[0]), 64) > _LARGEST_EXPONENT:
                return f"an exponent above {_LARGEST_EXPONENT}"
    if nesting >= 3:
        return "a tower of powers"
    for factorial in re.finditer(r"(\d+)\s*!|([)\]}])\s*!", answer, re.ASCII):
        if factorial[1] and (len(factorial[1]) > 5 or int(factorial[1]) > _LARGEST_FACTORIAL):
            return f"a factorial above {_LARGEST_FACTORIAL}"
        if factorial[2] and (_large(answer[: factorial.end()], _LARGEST_FACTORIAL) or "^" in answer):
            return "a factorial of a power or a large number"
    of_numbers = re.search(r"binom|choose|[Gg]amma|zeta|factorial|_\{?\d+\}?\s*C|\bC_", answer)
    if of_numbers and (_large(answer, _LARGEST_FACTORIAL) or re.search(r"\d\s*\^|!", answer)):
        return "a binomial or gamma function of a large number"
    return None


def _argument(text: str, start: int) -> str:
    """What a `^` that ends at `start` applies to: a group in braces or brackets, or a token and the `^` after it."""
    if text[start : start + 1] not in ("{", "("):
        token = re.compile(r"[-+]?(?:\\[A-Za-z]+|\d+|.)(?:\s*\^\s*(?:\{[^{}]*\}|[-+]?\w+)){0,8}", re.A).match(
            text, start
        )
        return token[0] if token else ""
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] in "{(") - (text[index] in "})")
        if depth == 0:
            rest = re.compile(r"\s*\^\s*(?:\{[^{}]*\}|\w+)").match(text, index + 1)
            return text[start + 1 : index] + (rest[0] if rest else "")
    return text[start + 1 :]


def _large(text: str, bound: int) -> bool:
    return any(len(digits.lstrip("0")) > 9 or int(digits) > bound for digits in _NUMBER.findall(text))


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "({[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")}]":
            depth -= 1
    return deepest
