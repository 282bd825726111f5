r"""A formula as a tree: what the reader makes of LaTeX, what comparisons work on, what a judging process is sent.

A node is an operation on other nodes. Its names and numbers are data; nothing of it is ever parsed or run as code.

| op | means |
|---|---|
| number | `value`, exact; `places` are the decimals it was written with, None for no decimal |
| symbol | a letter with its index, accent and prime as `name`; pi, e and i are the constants |
| + * / ^ | sum and product of any number, quotient and power of two |
| root | an index and a radicand: an odd root of a negative number is real |
| call | a function that is known by its `name` alone, as f in f(4-x) |
| plusminus, minusplus | ± and ∓ before one argument: two values; ∓ takes the sign that ± does not |
| sum, product | the summand, its letter, first and last value |
| opaque | something that is not evaluated, an integral say: equal only to the same |
| others | the function of that name in `FUNCTIONS` |
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

FUNCTIONS = frozenset(
    """
    sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth arsinh arcosh artanh
    ln log lg exp abs floor ceil factorial doublefactorial binomial gamma max min gcd lcm sgn degrees conjugate re im
    arg
    """.split()  # noqa: SIM905
)
"""`log` has one argument, whose base is not said, or two, the base first. `degrees` is x°."""
INFINITY = "infinity"


@dataclass(frozen=True, slots=True)
class Formula:
    """One node; see the module."""

    op: str
    args: tuple["Formula", ...] = ()
    name: str = ""
    value: Fraction = Fraction(0)
    places: int | None = None


def number(value: int | Fraction, places: int | None = None) -> Formula:
    """A number; `places` decimals if it was written as a decimal."""
    return Formula("number", value=Fraction(value), places=places)


def symbol(name: str) -> Formula:
    """A letter or constant."""
    return Formula("symbol", name=name)


def negative(formula: Formula) -> Formula:
    """The formula with the other sign."""
    return Formula("*", (number(-1), formula))


def nodes(formula: Formula) -> Iterator[Formula]:
    """The node and all below it."""
    waiting = [formula]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.args)


def symbols(formula: Formula) -> frozenset[str]:
    """The letters that are no constants, and bound by no sum."""
    if formula.op == "symbol":
        return frozenset() if formula.name in ("pi", "e", "i", INFINITY) else frozenset([formula.name])
    inside = [symbols(argument) for argument in formula.args]
    if formula.op in ("sum", "product"):
        inside[0] -= {formula.args[1].name}
        del inside[1]
    return frozenset().union(*inside)


def renamed(formula: Formula, names: dict[str, str]) -> Formula:
    """With some letters called otherwise."""
    if formula.op == "symbol":
        return symbol(names[formula.name]) if formula.name in names else formula
    return replace(formula, args=tuple(renamed(argument, names) for argument in formula.args))


def variants(formula: Formula) -> list[Formula]:
    """The one or more formulas that ± stands for; two signs of ± give four values, ∓ goes with ±."""
    count = sum(node.op == "plusminus" for node in nodes(formula))
    alone = count == 0 and any(node.op == "minusplus" for node in nodes(formula))
    count = max(count, int(alone))
    if not 0 < count <= 3:
        return [formula]
    chosen = [_chosen(formula, [bool(choice >> place & 1) for place in range(count)]) for choice in range(2**count)]
    return list(dict.fromkeys(chosen))


def _chosen(formula: Formula, minus: list[bool]) -> Formula:
    rest = list(minus)

    def walk(node: Formula) -> Formula:
        if node.op in ("plusminus", "minusplus"):
            sign = rest.pop(0) if node.op == "plusminus" else not minus[0]
            inside = walk(node.args[0])
            return negative(inside) if sign else inside
        return replace(node, args=tuple(map(walk, node.args)))

    return walk(formula)


@lru_cache(maxsize=4096)
def canonical(formula: Formula) -> Formula:
    """Sums and products flattened, sorted, and without the way that their numbers were written.

    Equal canonical forms are equal formulas; the reverse does not hold.
    """
    args = tuple(canonical(argument) for argument in formula.args)
    if formula.op == "number":
        return number(formula.value)
    if formula.op == "/":
        return canonical(Formula("*", (args[0], Formula("^", (args[1], number(-1))))))
    if formula.op in "+*" and len(formula.op) == 1:
        return _flattened(formula.op, args)
    if formula.op == "^":
        if args[1] == number(1):
            return args[0]
        if args[0].op == "number" and args[0].value and args[1] == number(-1):
            return number(1 / args[0].value)
    if formula.op in ("max", "min", "gcd", "lcm"):
        args = tuple(sorted(args, key=repr))
    return replace(formula, args=args)


def _flattened(op: str, args: tuple[Formula, ...]) -> Formula:
    rest, total = [], Fraction(int(op == "*"))
    for argument in args:
        for part in argument.args if argument.op == op else (argument,):
            if part.op == "number":
                total = total * part.value if op == "*" else total + part.value
            else:
                rest.append(part)
    if op == "*" and total == 0:
        return number(0)
    if total != int(op == "*") or not rest:
        rest.append(number(total))
    return rest[0] if len(rest) == 1 else Formula(op, tuple(sorted(rest, key=repr)))


def over_one_denominator(formula: Formula) -> tuple[Formula, Formula]:
    """The formula as numerator and denominator, without anything cancelled; sums of many fractions stay as they are."""
    if formula.op == "/":
        (top, under), (bottom, over) = map(over_one_denominator, formula.args)
        return Formula("*", (top, over)), Formula("*", (under, bottom))
    if formula.op == "^" and formula.args[1].op == "number" and formula.args[1].value < 0:
        top, bottom = over_one_denominator(formula.args[0])
        power = number(-formula.args[1].value)
        return Formula("^", (bottom, power)), Formula("^", (top, power))
    if formula.op not in ("+", "*"):
        return formula, number(1)
    parts = [over_one_denominator(argument) for argument in formula.args]
    fractions = [place for place, (_, bottom) in enumerate(parts) if bottom != number(1)]
    if not fractions or len(fractions) > 8:
        return formula, number(1)
    below = Formula("*", tuple(parts[place][1] for place in fractions))
    if formula.op == "*":
        return Formula("*", tuple(top for top, _ in parts)), below
    tops = []
    for place, (top, _) in enumerate(parts):
        others = tuple(parts[other][1] for other in fractions if other != place)
        tops.append(Formula("*", (top, *others)) if others else top)
    return Formula("+", tuple(tops)), below
