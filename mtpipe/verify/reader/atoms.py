r"""Atoms of a formula: numbers, letters, functions and commands with what they apply to."""

import re
from fractions import Fraction

from mtpipe.verify.reader.cursor import Cursor, derivative_of, flat, times
from mtpipe.verify.reader.groups import Group, Item, is_sign, split
from mtpipe.verify.reader.names import (
    ACCENTS,
    CALLED,
    FUNCTION_NAMES,
    INVERSE,
    NAMED_FIGURES,
    SEVERAL_ARGUMENTS,
    SYMBOLS,
    TYPED,
    UNEVALUATED,
)
from mtpipe.verify.reader.numerals import repeating
from mtpipe.verify.reader.tokens import Token, Unreadable
from mtpipe.verify.reader.units import UNLABELLED
from mtpipe.verify.values.formula import Formula, number, symbol

BRACKETS = ("(", "[", "{")
ROUNDED = {"|(": "abs", r"\lfloor": "floor", r"\lceil": "ceil"}


class Atoms(Cursor):
    """The innermost level of the grammar."""

    def atom(self) -> Formula:
        """A number, a letter, a group, or a command with what it takes."""
        item = self.take()
        if isinstance(item, Group):
            if item.opening in ROUNDED:
                return Formula(ROUNDED[item.opening], (self.inside(item.items),))
            if item.opening not in BRACKETS or (item.opening, item.closing) in (("(", "]"), ("[", ")")):
                raise Unreadable("brackets that hold no formula")
            return self.inside(item.items)
        if item.kind == "number":
            return self._number(item)
        if item.kind == "letters":
            return self._letters(item)
        if item.kind == "word":
            return self._word(item)
        if item.text == "|":
            bar = next((k for k in range(self.at, len(self.items)) if is_sign(self.items[k], "|")), None)
            if bar is None:
                raise Unreadable("a bar without another")
            content, self.at = self.items[self.at : bar], bar + 1
            return Formula("abs", (self.inside(content),))
        return self._command(item.text)

    def _number(self, item: Token) -> Formula:
        if (repeated := repeating(self.items, self.at - 1)) is not None:
            value, self.at = repeated
            return number(value)
        if is_sign(self.peek(), "_"):
            raise Unreadable("a number with an index")
        _, point, decimals = item.text.partition(".")
        if is_sign(self.peek(), ".") and not point:
            self.at += 1  # 1./3
        return number(Fraction(item.text), len(decimals) if point else None)

    def _letters(self, item: Token) -> Formula:
        run = item.text
        if run in FUNCTION_NAMES:
            return self._function(FUNCTION_NAMES[run])
        if run in ("sqrt", "cbrt"):
            index = number(2 if run == "sqrt" else 3)
            return Formula("root", (index, self.atom()))
        if run in TYPED:
            return self.call(symbol(TYPED[run]))
        if len(run) > 1:
            if _opens(self.peek()) and (name := _function_behind(run)):
                self.items[self.at - 1 : self.at] = [Token("letters", run[: -len(name)]), Token("letters", name)]
                return self._letters(Token("letters", run[: -len(name)]))
            if run.startswith("pi") and len(run) < 5:
                self.at -= 1
                self.items[self.at] = Token("letters", run[2:])
                return symbol("pi")
            if len(run) > 3 and not set(run) <= self.manner.letters:
                return symbol(run)
            self.at -= 1
            self.items[self.at] = Token("letters", run[1:])
            return symbol(run[0])
        return self.call(symbol(run))

    def _word(self, item: Token) -> Formula:
        if item.text in FUNCTION_NAMES:
            return self._function(FUNCTION_NAMES[item.text])
        if item.text == "d" or len(item.text) > 20 or item.text.lower() in UNLABELLED:
            raise Unreadable(f"the word {item.text[:20]!r} in a formula")
        return self.call(symbol(item.text))

    def call(self, name: Formula) -> Formula:
        """The symbol with its index and primes, and what it is applied to: f(x), I(0); but a(b+c) is a product."""
        if name.name in ("pi", "e", "i"):
            return name
        if is_sign(self.peek(), "_"):
            self.take()
            name = symbol(f"{name.name}_{self.index()}")
        while is_sign(self.peek(), "'"):
            self.take()
            name = symbol(name.name + "'")
        group = self.peek()
        if not isinstance(group, Group) or group.opening != "(" or group.closing != ")":
            return name
        parts = split(group.items, ",")
        lone = all(len(part) == 1 and _is_lone(part[0]) for part in parts) and flat(group.items) != name.name
        if name.name.rstrip("'") not in CALLED and (not lone or group.spaced):
            return name
        self.take()
        return Formula("call", tuple(self.inside(part) for part in parts), name=name.name)

    def _command(self, command: str) -> Formula:
        if command == r"\frac":
            return self._fraction()
        if command == r"\sqrt":
            index = self.peek()
            if isinstance(index, Group) and index.opening == "[" and index.closing == "]":
                self.take()
                return Formula("root", (self.inside(index.items), self.argument()))
            return Formula("root", (number(2), self.argument()))
        if command == r"\surd":
            return Formula("root", (number(2), self.atom()))
        if command == r"\binom":
            return Formula("binomial", (self.argument(), self.argument()))
        if command in SYMBOLS:
            return self.call(symbol(SYMBOLS[command]))
        if command[1:] in FUNCTION_NAMES and command[0] == "\\":
            return self._function(FUNCTION_NAMES[command[1:]])
        if command in ACCENTS:
            return self._accent(command)
        if command in NAMED_FIGURES:
            return symbol(command + flat([self.take()]))
        if command in (r"\sum", r"\prod"):
            return self._series("sum" if command == r"\sum" else "product")
        if command in UNEVALUATED:
            rest, self.at = self.items[self.at :], len(self.items)
            return Formula("opaque", name=command + flat(rest))
        raise Unreadable(f"{command[:20]} in a formula")

    def _fraction(self) -> Formula:
        start = self.at
        for _ in range(2):
            if isinstance(self.peek(), Group):
                self.at += 1
        both = [item.items for item in self.items[start : self.at] if isinstance(item, Group)]
        if len(both) == 2 and (derivative := derivative_of(*both)) is not None:
            return derivative
        self.at = start
        return Formula("/", (self.argument(), self.argument()))

    def _accent(self, command: str) -> Formula:
        item = self.take()
        name = flat([item])
        if not re.fullmatch(r"(?:\\?[A-Za-z]+(?:_\w+)?'*)(?:\\?[A-Za-z_0-9]+)?", name) or len(name) > 20:
            raise Unreadable(f"{command} over more than a name")
        if command == r"\overline" and len(name) > 1 and name.isalpha() and name.isupper():
            return self.inside([item])  # a segment
        return self.call(symbol(f"{command}{{{name}}}"))

    def _series(self, op: str) -> Formula:
        bounds: dict[str, Item] = {}
        while is_sign(self.peek(), "_", "^"):
            sign = self.take().text  # type: ignore[union-attr]
            bounds[sign] = self.take()
        low, high = bounds.get("_"), bounds.get("^")
        if isinstance(low, Group) and high is not None and len(sides := split(low.items, "=")) == 2:
            letter, first = self.inside(sides[0]), self.inside(sides[1])
            last = self.inside(high.items if isinstance(high, Group) else [high])
            if letter.op == "symbol":
                return Formula(op, (self.product(), letter, first, last))
        rest, self.at = self.items[self.at :], len(self.items)
        return Formula("opaque", name=op + flat(rest))

    def _function(self, name: str) -> Formula:
        base: Formula | None = None
        exponent: Formula | None = None
        while is_sign(self.peek(), "_", "^"):
            if is_sign(self.take(), "_"):
                base = self._base()
            else:
                exponent = self.exponent()
        if exponent == number(-1) and name in INVERSE:
            name, exponent = INVERSE[name], None
        if name in SEVERAL_ARGUMENTS:
            group = self.take()
            if not isinstance(group, Group):
                raise Unreadable(f"{name} without brackets")
            args = tuple(self.inside(part) for part in split(group.items, ","))
        else:
            args = (self._applied_to(),)
        if name == "lg":
            name, base = "log", number(10)
        if base is not None and name != "log":
            raise Unreadable(f"{name} with an index")
        if name in ("exp", "cis"):
            power = args[0] if name == "exp" else times([symbol("i"), args[0]])
            found = Formula("^", (symbol("e"), power))
        else:
            found = Formula(name, args if base is None else (base, *args))
        return found if exponent is None else Formula("^", (found, exponent))

    def _base(self) -> Formula:
        """Of a logarithm: a group, or one digit, but for 10."""
        item = self.peek()
        if isinstance(item, Token) and item.text == "10":
            self.take()
            return number(10)
        return self.argument()

    def _applied_to(self) -> Formula:
        """`(x)` alone, or `2x` up to the next sign, bracket or function."""
        if _opens(self.peek()):
            return self.atom()
        factors = [self.power()]
        while self.starts_factor() and not _opens(self.peek()) and not _is_function(self.peek()):
            factors.append(self.power())
        return times(factors)


def _opens(item: Item | None) -> bool:
    return isinstance(item, Group) and item.opening in ("(", "[")


def _is_function(item: Item | None) -> bool:
    if not isinstance(item, Token):
        return False
    return item.text.removeprefix("\\") in FUNCTION_NAMES and (item.kind != "letters" or len(item.text) > 1)


def _is_lone(item: Item) -> bool:
    """One letter, greek or not, or one number: what a function is applied to, and nobody multiplies by in brackets."""
    if isinstance(item, Group):
        return False
    return item.kind == "number" or (item.kind == "letters" and len(item.text) == 1) or item.text in SYMBOLS


def _function_behind(run: str) -> str | None:
    """`tsin` ends in sin."""
    found = [name for name in (*FUNCTION_NAMES, "sqrt") if len(name) > 1 and run.endswith(name)]
    return max(found, key=len) if found else None
