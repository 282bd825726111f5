"""A row of items that is read from left to right: what all parts of the reader of formulas work with."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from mtpipe.verify.reader.groups import Group, Item, split
from mtpipe.verify.reader.tokens import Token, Unreadable
from mtpipe.verify.values.formula import Formula, number, symbol

DEEPEST = 60
_DERIVED, _BY = re.compile(r"(?:d|\\partial)(?:\^\d)?(?:[A-Za-z\\].*)?"), re.compile(r"(?:d|\\partial)[A-Za-z\\].*")


@dataclass(frozen=True, slots=True)
class Manner:
    """How to read what can be read in more than one way; the gold's kind decides, see mtpipe/verify/reader/read.py.

    `letters` are the gold's symbols; `units` says that plain letters behind a number may be a unit; `tight` reads
    `1/2x` as 1/(2x); `choice` that an answer such as `C) 14` names a choice.
    """

    letters: frozenset[str] = frozenset()
    units: bool = False
    tight: bool = False
    choice: bool = False


def flat(items: Sequence[Item]) -> str:
    """The items as a name: without spaces and braces."""
    return "".join(
        item.text if isinstance(item, Token)
        else flat(item.items) if item.opening == "{" else f"{item.opening}{flat(item.items)}{item.closing}"
        for item in items
    )  # fmt: skip


def derivative_of(above: Sequence[Item], under: Sequence[Item]) -> Formula | None:
    r"""dv/dt, d^2v/dt^2, \partial f/\partial x as one symbol; None for a fraction."""
    top, bottom = flat(above), flat(under)
    return symbol(f"{top}/{bottom}") if _DERIVED.fullmatch(top) and _BY.fullmatch(bottom) else None


def times(factors: list[Formula]) -> Formula:
    """The product of one factor or more."""
    return factors[0] if len(factors) == 1 else Formula("*", tuple(factors))


class Cursor(ABC):
    """The items, the place in them, and the parts of the grammar that refer to each other."""

    def __init__(self, items: list[Item], manner: Manner, depth: int) -> None:
        if depth > DEEPEST:
            raise Unreadable("a formula too deep")
        self.items, self.at, self.manner, self.depth = items, 0, manner, depth

    @abstractmethod
    def whole(self) -> Formula:
        """Everything, with nothing left over."""

    @abstractmethod
    def product(self) -> Formula:
        """Factors with or without a sign between them, from left to right."""

    @abstractmethod
    def power(self) -> Formula:
        """An atom with its exponents, factorials, percent and degrees."""

    @abstractmethod
    def exponent(self) -> Formula:
        """What stands behind ^."""

    @abstractmethod
    def starts_factor(self) -> bool:
        """Whether the next item can be a factor without a sign before it."""

    def inside(self, items: Sequence[Item]) -> Formula:
        """A formula of its own, within brackets."""
        if not items:
            raise Unreadable("nothing where a formula is expected")
        for infix, op in ((r"\over", "/"), (r"\choose", "binomial")):
            if len(parts := split(items, infix)) == 2:
                derivative = derivative_of(*parts) if op == "/" else None
                return derivative or Formula(op, (self.inside(parts[0]), self.inside(parts[1])))
        return type(self)(list(items), self.manner, self.depth + 1).whole()

    def peek(self, ahead: int = 0) -> Item | None:
        """An item further on, if there is one."""
        place = self.at + ahead
        return self.items[place] if 0 <= place < len(self.items) else None

    def take(self) -> Item:
        """The next item."""
        item = self.peek()
        if item is None:
            raise Unreadable("a formula that breaks off")
        self.at += 1
        return item

    def first_character(self, item: Token) -> str:
        """TeX's argument without braces: one character; the others stay."""
        if len(item.text) > 1:
            self.items[self.at] = Token(item.kind, item.text[1:])
        else:
            self.at += 1
        return item.text[0]

    def argument(self) -> Formula:
        r"""What \frac, \sqrt and the like take: a group, or one digit, letter or command."""
        item = self.peek()
        if isinstance(item, Token) and item.kind == "number":
            first = self.first_character(item)
            if not first.isdecimal():
                raise Unreadable(f"{first} where a digit or a brace was expected")
            return number(int(first))
        if isinstance(item, Token) and item.kind == "letters":
            return symbol(self.first_character(item))
        return self.atom()

    def index(self) -> str:
        """What stands behind _, as a name."""
        item = self.take()
        if isinstance(item, Group):
            return flat(item.items)
        if item.kind == "letters" and len(item.text) > 1:
            self.at -= 1
            return self.first_character(item)
        return item.text

    @abstractmethod
    def atom(self) -> Formula:
        """A number, a letter, a group, or a command with what it takes."""
