r"""From a row of items to one formula: recursive descent over sums, products, powers and atoms.

Where LaTeX and a keyboard differ, both are read as meant: `2^10` and `2^{10}`, `\frac12`, `sqrt(2)`, `\sqrt(2)`. A
number behind a factor (`x2`, `2^{1}0`), two numbers side by side and a mixed number that is none (`2 \frac{7}{3}`) are
not guessed at. Whatever is no formula raises Unreadable.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

from mtpipe.verify.reader.atoms import BRACKETS, ROUNDED, Atoms
from mtpipe.verify.reader.cursor import Manner, derivative_of, flat, times
from mtpipe.verify.reader.groups import Group, Item, is_sign, split
from mtpipe.verify.reader.names import ACCENTS, FUNCTION_NAMES, NAMED_FIGURES, SYMBOLS, TYPED, UNEVALUATED
from mtpipe.verify.reader.tokens import Token, Unreadable
from mtpipe.verify.values.formula import Formula, negative, number, symbol

_TIMES = (r"\cdot", r"\times")
_SIGNS = ("+", "-", r"\pm", r"\mp")


def read_formula(items: Sequence[Item], manner: Manner) -> Formula:
    """The one formula that all items together are. Raises Unreadable."""
    return _Parser([], manner, 0).inside(items)


class _Parser(Atoms):
    """Sums, products and powers."""

    def whole(self) -> Formula:
        """Everything, with nothing left over."""
        found = self.sum()
        if self.at < len(self.items):
            raise Unreadable(f"{flat(self.items[self.at :])[:20]} behind a formula")
        return found

    def sum(self) -> Formula:
        """Terms between signs."""
        terms = [self._signed(self.product)]
        while is_sign(self.peek(), *_SIGNS):
            terms.append(self._signed(self.product))
        return terms[0] if len(terms) == 1 else Formula("+", tuple(terms))

    def _signed(self, operand: Callable[[], Formula]) -> Formula:
        signs = []
        while is_sign(self.peek(), *_SIGNS):
            signs.append(self.take().text)  # type: ignore[union-attr]
            if len(signs) > 4:
                raise Unreadable("a run of signs")
        found = operand()
        for sign in reversed(signs):
            if sign == "-":
                found = number(-found.value, found.places) if found.op == "number" else negative(found)
            elif sign != "+":
                found = Formula("plusminus" if sign == r"\pm" else "minusplus", (found,))
        return found

    def product(self) -> Formula:
        """Factors with or without a sign between them, from left to right."""
        factors = [self._mixed() or self.power()]
        while True:
            if is_sign(self.peek(), *_TIMES):
                self.take()
                factors.append(self._signed(self._mixed_or_power))
            elif is_sign(self.peek(), "/"):
                self.take()
                above, under = self.peek(-2), self.peek()
                if isinstance(above, Group) and isinstance(under, Group):
                    derivative = derivative_of(above.items, under.items)
                    if derivative is not None:
                        self.take()
                        factors[-1] = derivative
                        continue
                below = [self._signed(self.power)]
                while self.manner.tight and self.starts_factor():
                    below.append(self.power())
                factors = [Formula("/", (times(factors), times(below)))]
            elif self.starts_factor():
                factors.append(self.power())
            else:
                return times(factors)

    def _mixed_or_power(self) -> Formula:
        return self._mixed() or self.power()

    def _mixed(self) -> Formula | None:
        r"""`2\frac{5}{9}` or `2 5/9`, with a proper fraction of whole numbers."""
        whole = self.peek()
        if not isinstance(whole, Token) or whole.kind != "number" or "." in whole.text:
            return None
        start, fraction = self.at, None
        self.at += 1
        following = self.peek()
        if is_sign(following, r"\frac"):
            self.take()
            above, below = self._digits(), self._digits()
            fraction = (above, below) if above and below else None
        elif isinstance(following, Group) and len(parts := split(following.items, r"\over")) == 2:
            self.take()
            texts = [flat(part) for part in parts]
            fraction = (texts[0], texts[1])
        elif isinstance(following, Token) and following.kind == "number" and following.spaced:
            bottom = self.peek(2)
            if is_sign(self.peek(1), "/") and isinstance(bottom, Token) and bottom.kind == "number":
                fraction = (following.text, bottom.text)
                self.at += 3
        if fraction is None or not all(part.isdigit() for part in fraction):
            self.at = start
            return None
        if int(fraction[0]) >= int(fraction[1]):
            raise Unreadable("a mixed number whose fraction is one or more")
        return number(int(whole.text) + Fraction(int(fraction[0]), int(fraction[1])))

    def _digits(self) -> str | None:
        """The digits that a command takes, if it takes nothing else."""
        item = self.peek()
        if isinstance(item, Group) and item.opening == "{":
            self.at += 1
            one = item.items[0] if len(item.items) == 1 else None
            return one.text if isinstance(one, Token) and one.kind == "number" else None
        if isinstance(item, Token) and item.kind == "number":
            return self.first_character(item)
        return None

    def starts_factor(self) -> bool:
        """Whether the next item can be a factor without a sign before it."""
        item = self.peek()
        if isinstance(item, Group):
            return item.opening in BRACKETS or item.opening in ROUNDED
        if item is None or item.kind in ("begin", "end"):
            return False
        if item.kind == "number":  # (n-2) 2^n, n 2^n and 2!3!; nothing else has digits behind a factor
            if is_sign(self.peek(-1), "!") and is_sign(self.peek(1), "!"):
                return True
            before = self.items[self.at - 1]
            bracketed = isinstance(before, Group) and before.opening == "(" and not is_sign(self.peek(-2), "^", "_")
            return bracketed or (item.spaced and is_sign(self.peek(1), "^") and not isinstance(before, Group))
        if item.kind in ("letters", "word"):
            return True
        return item.text in ("|", r"\surd", r"\frac", r"\sqrt", r"\binom") or _is_name(item.text)

    def power(self) -> Formula:
        """An atom with its exponents, factorials, percent and degrees."""
        base = self.atom()
        factorials = 0
        while True:
            if is_sign(self.peek(), "^"):
                self.take()
                if self._takes_degrees():
                    base = Formula("degrees", (base,))
                elif (primes := self._takes_primes()) is not None and base.op == "symbol":
                    base = self.call(symbol(base.name + primes))
                else:
                    base = Formula("^", (base, self.exponent()))
                    if is_sign(self.peek(), "_") and base.args[0].op == "symbol":
                        self.take()
                        base = Formula("^", (symbol(f"{base.args[0].name}_{self.index()}"), base.args[1]))
            elif is_sign(self.peek(), "!"):
                self.take()
                factorials += 1
                if factorials > 2:
                    raise Unreadable("three factorials without brackets")
                base = Formula("factorial", (base,)) if factorials == 1 else Formula("doublefactorial", base.args)
            elif is_sign(self.peek(), "%"):
                self.take()
                base = Formula("*", (base, number(Fraction(1, 100))))
            elif is_sign(self.peek(), "°"):
                self.take()
                base = Formula("degrees", (base,))
            else:
                return base

    def _takes_degrees(self) -> bool:
        item = self.peek()
        one = item.items[0] if isinstance(item, Group) and len(item.items) == 1 else item
        if is_sign(one, r"\circ", "°"):
            self.at += 1
            return True
        return False

    def _takes_primes(self) -> str | None:
        item = self.peek()
        inside = item.items if isinstance(item, Group) and item.opening == "{" else (item,)
        if inside and all(is_sign(one, "'") for one in inside):
            self.at += 1
            return "'" * len(inside)
        return None

    def exponent(self) -> Formula:
        r"""What stands behind ^: a group, a number with or without a sign, a letter, a command with its arguments."""
        if is_sign(self.peek(), "-", "+"):
            sign = self.take()
            inner = self.exponent()
            return negative(inner) if is_sign(sign, "-") else inner
        item = self.peek()
        if isinstance(item, Token) and item.kind == "letters" and len(item.text) > 1 and item.text not in TYPED:
            return symbol(self.first_character(item))
        if isinstance(item, Token) and item.kind == "number" and is_sign(self.peek(1), "_"):
            self.take()
            return number(Fraction(item.text))  # a^2_1
        return self.atom()


def _is_name(text: str) -> bool:
    known = text in SYMBOLS or text in ACCENTS or text in NAMED_FIGURES or text in UNEVALUATED
    return known or text in (r"\sum", r"\prod") or (text[0] == "\\" and text[1:] in FUNCTION_NAMES)
