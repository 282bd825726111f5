"""What a short LaTeX formula is worth, read by a small parser of the tests' own.

It shares no code with mtpipe.verify or math-verify, so that a rewriting can be checked without the judge it is meant to
try: `same` says whether two formulas are the same function, by exact arithmetic and at a few points.
"""

import re
from functools import cache

import sympy

TOKEN = re.compile(r"\\[A-Za-z]+|\d+(?:\.\d+)?|\.\d+|[A-Za-z]|\S")
IGNORED = re.compile(r"\\left|\\right|\\[!,;: ]|~|\\displaystyle")
GREEK = set(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "varepsilon",
        "zeta",
        "eta",
        "theta",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "rho",
        "sigma",
        "tau",
        "phi",
        "varphi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Sigma",
        "Phi",
        "Psi",
        "Omega",
        "hbar",
        "ell",
    ]
)
FUNCTIONS = {
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "cot": sympy.cot, "sec": sympy.sec, "csc": sympy.csc,
    "ln": sympy.log, "log": sympy.log, "exp": sympy.exp,
    "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan,
    "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh,
}  # fmt: skip
APPLIED = set("fghuFGHIPQVv")
CLOSING = {"(": ")", "[": "]", "{": "}", "|": "|", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
LONGEST = 400


class Unread(Exception):
    """The formula is outside what this parser knows."""


@cache
def value(text: str) -> sympy.Expr | None:
    """The formula as a sympy expression with positive symbols; None where it is no single formula."""
    if len(text) > LONGEST:
        return None
    try:
        reader = _Reader(
            TOKEN.findall(IGNORED.sub(" ", text).replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac"))
        )
        found = reader.sum()
        if reader.tokens:
            return None
    except (Unread, IndexError, ValueError, TypeError, RecursionError):
        return None
    return None if found.has(sympy.zoo, sympy.nan, sympy.oo) else found


@cache
def same(left: str, right: str) -> bool | None:
    """Whether two formulas are the same function of the same letters; None where one of them is not read."""
    one, other = value(left), value(right)
    if one is None or other is None:
        return None
    if one == other:
        return True
    if one.is_Rational and other.is_Rational:
        return False
    for shift in (0, 1, 2):
        letters = sorted(one.free_symbols | other.free_symbols, key=str)
        points = {letter: sympy.Rational(13 + 7 * k + 5 * shift, 11 + 3 * k) for k, letter in enumerate(letters)}
        try:
            first, second = (sympy.N(each.subs(points), 40) for each in (one, other))
            gap, scale = abs(first - second), abs(first) + abs(second)
            if not (gap <= scale * sympy.Float("1e-25")):
                return False
        except (TypeError, ValueError, OverflowError):
            return None
    return True


def alike(text: str, written: str | None) -> str | None:
    """The new text, if it is another text and the same formula."""
    return written if written is not None and written != text and same(text, written) else None


def unlike(text: str, written: str | None) -> str | None:
    """The new text, if it is another formula."""
    return written if written is not None and same(text, written) is False else None


class _Reader:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self, *expected: str) -> str:
        if not self.tokens or (expected and self.tokens[0] not in expected):
            raise Unread
        return self.tokens.pop(0)

    def sum(self) -> sympy.Expr:
        total = self.term()
        while self.peek() in ("+", "-"):
            total = total + self.term() if self.take() == "+" else total - self.term()
        return total

    def term(self) -> sympy.Expr:
        if self.peek() in ("+", "-"):
            return self.term() if self.take() == "+" else -self.term()
        product = self.power()
        while True:
            if self.peek() in (r"\cdot", r"\times", "*"):
                self.take()
                product *= self.power()
            elif self.peek() in ("/", r"\div"):
                self.take()
                product /= self.power()
                if self._starts_factor():
                    raise Unread  # 1/2x: a half of x, or one by 2x
            elif self._starts_factor():
                if self.peek()[0].isdigit():
                    raise Unread  # digits behind a factor: nobody knows
                product *= self.power()
            else:
                return product

    def _starts_factor(self) -> bool:
        token = self.peek()
        if not token or token in ("|", "}", ")", "]", ",", "=", "<", ">", "+", "-", "^", "_", "!", "/", ":", ";", "."):
            return False
        return token in ("(", "[", "{") or token[0].isalnum() or token.startswith("\\")

    def power(self) -> sympy.Expr:
        base = self.atom()
        while self.peek() in ("^", "!"):
            if self.take() == "!":
                if base.is_Integer and base > 1000:
                    raise Unread
                base = sympy.factorial(base)
            elif self._degrees():
                base *= sympy.pi / 180
            else:
                exponent = self.argument()
                if exponent.is_Integer and base.is_Integer and abs(exponent) > 3000:
                    raise Unread
                base **= exponent
        return base

    def _degrees(self) -> bool:
        for spelling in ([r"\circ"], ["{", r"\circ", "}"]):
            if self.tokens[: len(spelling)] == spelling:
                del self.tokens[: len(spelling)]
                return True
        return False

    def argument(self) -> sympy.Expr:
        """What a command or an exponent takes: a group, one digit, one letter, or one command."""
        if self.peek() == "{":
            return self.bracketed("{")
        if self.peek()[:1].isdigit() and "." not in self.peek():
            digits = self.take()
            if digits[1:]:
                self.tokens.insert(0, digits[1:])
            return sympy.Integer(digits[0])
        return self.atom()

    def bracketed(self, opening: str) -> sympy.Expr:
        self.take(opening)
        inside = self.sum()
        self.take(CLOSING[opening])
        return inside

    def atom(self) -> sympy.Expr:
        token = self.peek()
        if token in ("(", "[", "{"):
            return self.bracketed(token)
        if token in ("|", r"\lfloor", r"\lceil"):
            inside = self.bracketed(token)
            return {"|": sympy.Abs, r"\lfloor": sympy.floor, r"\lceil": sympy.ceiling}[token](inside)
        self.take()
        if token[0].isdigit() or token[0] == ".":
            return self._number(token)
        if token == "π":
            return sympy.pi
        if token.isalpha() and len(token) == 1:
            if token in APPLIED and self.peek() == "(":
                raise Unread  # f(x), u(t), I(0): applied, not multiplied
            constant = {"e": sympy.E, "i": sympy.I}.get(token)
            return constant if constant is not None else self._symbol(token)
        return self._command(token.removeprefix("\\"))

    def _number(self, token: str) -> sympy.Expr:
        number = sympy.Rational(token)
        if token.isdigit() and re.match(r"\\frac(\{\d+\}|\d)(\{\d+\}|\d)", "".join(self.tokens[:7])):
            return number + self.atom()  # a mixed number
        return number

    def _symbol(self, name: str) -> sympy.Expr:
        if self.peek() == "_":
            self.take()
            if self.peek() == "{":
                end = self.tokens.index("}")
                if "{" in self.tokens[1:end]:
                    raise Unread
                index = "".join(self.tokens[1:end])
                del self.tokens[: end + 1]
            else:
                index = self.take()[:1]
            name += "_" + index
        return sympy.Symbol(name, positive=True)

    def _command(self, name: str) -> sympy.Expr:
        if name == "pi":
            return sympy.pi
        if name in GREEK:
            if name == "delta" and self.peek() == "(":
                raise Unread
            return self._symbol(name)
        if name == "frac":
            top, bottom = self.argument(), self.argument()
            return top / bottom
        if name == "binom":
            return sympy.binomial(self.argument(), self.argument())
        if name == "sqrt":
            index = self.bracketed("[") if self.peek() == "[" else sympy.Integer(2)
            return self.argument() ** (1 / index)
        if name in FUNCTIONS:
            return self._function(name)
        raise Unread

    def _function(self, name: str) -> sympy.Expr:
        base = exponent = None
        if name == "log" and self.peek() == "_":
            self.take()
            base = self.argument()
        if self.peek() == "^":
            self.take()
            exponent = self.argument()
            if exponent == -1:
                raise Unread
        if self.peek() in ("(", "{", "["):
            inside = self.power()
        else:
            inside = self.power()
            while self._starts_factor() and self.peek().removeprefix("\\") not in FUNCTIONS and self.peek() != "(":
                inside *= self.power()
        applied = FUNCTIONS[name](inside) if base is None else sympy.log(inside) / sympy.log(base)
        return applied if exponent is None else applied**exponent
