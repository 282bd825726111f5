r"""Equations, chains of them, and inequalities: against each other, and as the name of a value."""

from mtpipe.verify.compare.algebra import Algebra
from mtpipe.verify.compare.rules import Equal, Rules
from mtpipe.verify.compare.scalars import formula_of
from mtpipe.verify.reader.phrases import product_of
from mtpipe.verify.values.formula import (
    Formula,
    negative,
    nodes,
    number,
    over_one_denominator,
    renamed,
    symbol,
    symbols,
)
from mtpipe.verify.values.kinds import Colon, Expression, Number, Quantity, Relation, Sequence, Value, Words

_TURNED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le", "=": "=", r"\ne": r"\ne"}
ORDERS = frozenset(["<", ">", r"\le", r"\ge"])


def is_equation(value: Value) -> bool:
    """Whether a value is sides with = between them, perhaps with an approximation at the end."""
    return isinstance(value, Relation) and set(value.signs) <= {"=", r"\approx"}


def is_name(value: Value, *, of_answer: bool = False) -> bool:
    r"""Whether a side names what the other is: x, f(x), |AB|, \frac{NO}{BO}, (p,q), \text{Area}; of an answer m+n."""
    if isinstance(value, Words) and (not value.run or product_of(value.run) is None):
        return True
    if isinstance(value, Sequence | Colon):
        parts = value.members if isinstance(value, Sequence) else value.parts
        return all(map(is_name, parts))
    formula = None if isinstance(value, Number) else formula_of(value)
    return formula is not None and (_names(formula) or (of_answer and _is_sum_of_letters(formula)))


def _names(formula: Formula) -> bool:
    if formula.op == "symbol":
        return bool(symbols(formula))
    if formula.op == "call":
        return True
    if formula.op in ("abs", "/"):
        return all(map(_names, formula.args))
    return formula.op == "*" and all(one.op == "symbol" and _is_a_points_name(one.name) for one in formula.args)


def _is_a_points_name(name: str) -> bool:
    """A of AB, and the sign of an angle."""
    return name[:1] == "\\" or name[:1].isupper()


def _is_sum_of_letters(formula: Formula) -> bool:
    """m+n, pq, a^2+b^2: of two letters or more, without a number but in exponents; 2x and x^2 are no names."""
    if len(symbols(formula)) < 2:
        return False
    exponents = [node.args[1] for node in nodes(formula) if node.op == "^"]
    numbers = sum(node.op == "number" and node != number(-1) for node in nodes(formula))
    operations = {node.op for node in nodes(formula)}
    return numbers == len(exponents) and operations <= {"+", "*", "/", "^", "symbol", "number"}


def values_of(relation: Relation, *, of_answer: bool) -> list[Value]:
    r"""What an equation says that its name is: its last side, and what that is about; none where it says no such thing.

    A chain whose plain numbers differ contradicts itself, unless its first and last value agree; a unit may change on
    the way (`\frac12\text{ h}=30`). What stands behind \approx comes after the exact value, if it can be its rounding.
    """
    sides, signs = list(relation.sides), list(relation.signs)
    rounded: list[Value] = []
    while signs and signs[-1] == r"\approx":
        rounded.insert(0, sides.pop())
        signs.pop()
    if set(signs) - {"="}:
        return []
    if len(sides) == 1:
        if is_name(sides[0], of_answer=of_answer) and rounded:
            return rounded[:1]
        return [sides[0], *(_fitting(sides[0], rounded) if of_answer else rounded)]
    named = is_name(sides[0], of_answer=of_answer)
    if len(sides) > 2:  # 1 = x = 0
        sides = [side for side in sides[:-1] if not is_name(side, of_answer=of_answer)] + sides[-1:]
        named = named or len(sides) < len(relation.sides) - len(rounded)
        sides = [relation.sides[0], *sides] if named else sides
    if len(sides) == 2 and not named and is_name(sides[1], of_answer=of_answer) and not letters(sides[0]):
        sides.reverse()
        named = True
    values = sides[1:] if named else sides
    if not named and any(letters(side) for side in values):
        return []
    if of_answer and _contradicts(values):
        return []
    if not of_answer and not named:
        return [*values, *rounded]
    return [values[-1], *(_fitting(values[-1], rounded) if of_answer else rounded)]


def letters(value: Value) -> frozenset[str]:
    """The symbols of a formula."""
    if isinstance(value, Quantity):
        return letters(value.amount)
    formula = formula_of(value)
    return frozenset() if formula is None else symbols(formula)


def _contradicts(values: list[Value]) -> bool:
    plain = {value.value for value in values if isinstance(value, Number) and not value.worked_out}
    if len(plain) < 2:
        return False
    first, last = values[0], values[-1]
    return not (isinstance(first, Number) and isinstance(last, Number) and first.value == last.value)


def _fitting(exact: Value, rounded: list[Value]) -> list[Value]:
    """Those of the rounded values that the exact one may have been rounded to."""
    return [value for value in rounded if not isinstance(exact, Number) or not isinstance(value, Number)
            or abs(exact.value - value.value) <= (value.step or 1)]  # fmt: skip


def compare_equations(gold: Relation, answer: Relation, equal: Equal, rules: Rules, algebra: Algebra) -> bool | None:
    """Named values by name and value; others by whether one says what the other says."""
    if len(gold.sides) == len(answer.sides):
        for sides in (answer.sides, answer.sides[::-1]):
            verdicts = [equal(mine, other) for mine, other in zip(gold.sides, sides, strict=True)]
            if all(verdict is True for verdict in verdicts):
                return True
    by_value = _by_name(gold, answer, equal, algebra)
    if by_value is not None and by_value != "other":
        return by_value == "same"
    if by_value is None:
        return None
    mine, other = _difference(gold), _difference(answer)
    if mine is None or other is None:
        return False
    multiple = algebra.multiple(mine, other)
    return None if multiple is None else multiple != 0


def _by_name(gold: Relation, answer: Relation, equal: Equal, algebra: Algebra) -> str | None:
    """ "same" or "different" where names and values decide, "other" where they do not, None if that is open."""
    mine, other = _named(gold), _named(answer)
    if mine is None:
        return "other"
    constant = not letters(mine[1]) and not isinstance(mine[1], Sequence)
    if other is None:
        return "different" if constant else "other"
    names = {} if _is_y_of_x(mine, other) or _is_y_of_x(other, mine) else _renamed_call(mine[0], other[0])
    if names is None:
        if equal(mine[0], other[0]) is not True:
            return "different" if constant or not letters(other[1]) else "other"
        names = {}
    value = other[1]
    if names and isinstance(value, Expression):
        value = Expression(renamed(value.formula, names))
    verdict = equal(mine[1], value)
    return None if verdict is None else "same" if verdict else "different"


def _named(relation: Relation) -> tuple[Value, Value] | None:
    """The name and what it is."""
    sides = [side for side, sign in zip(relation.sides, ("=", *relation.signs), strict=True) if sign == "="]
    if len(sides) < 2:
        return None
    if is_name(sides[0]):
        return sides[0], sides[-1]
    return (sides[1], sides[0]) if len(sides) == 2 and is_name(sides[1]) else None


def _is_y_of_x(called: tuple[Value, Value], named: tuple[Value, Value]) -> bool:
    """Whether f(x)=2x+3 is answered by y=2x+3, or the other way round."""
    if not (isinstance(called[0], Expression) and isinstance(named[0], Expression)):
        return False
    call = called[0].formula
    letter = call.args[0] if call.op == "call" and len(call.args) == 1 else None
    return letter is not None and letter.op == "symbol" and named[0].formula == symbol("y") != letter


def _renamed_call(gold: Value, answer: Value) -> dict[str, str] | None:
    """The letters to rename where f(n) and f(x) name the same function; None if they do not."""
    if not (isinstance(gold, Expression) and isinstance(answer, Expression)):
        return None
    mine, other = gold.formula, answer.formula
    if mine.op != "call" or other.op != "call" or mine.name != other.name or len(mine.args) != len(other.args):
        return None
    if not all(one.op == "symbol" for one in (*mine.args, *other.args)):
        return None
    return {two.name: one.name for one, two in zip(mine.args, other.args, strict=True) if one != two}


def _difference(relation: Relation) -> Formula | None:
    """The numerator of left minus right."""
    if len(relation.sides) != 2:
        return None
    left, right = (formula_of(side) for side in relation.sides)
    if left is None or right is None:
        return None
    return over_one_denominator(Formula("+", (left, negative(right))))[0]


def compare_orders(gold: Relation, answer: Relation, equal: Equal, algebra: Algebra) -> bool | None:
    """Inequalities: the same sides either way round, or the same up to a factor."""
    turned = Relation(answer.sides[::-1], tuple(_TURNED.get(sign, sign) for sign in reversed(answer.signs)))
    undecided = False
    for other in (answer, turned):
        if other.signs == gold.signs:
            verdicts = [equal(mine, side) for mine, side in zip(gold.sides, other.sides, strict=True)]
            if all(verdict is True for verdict in verdicts):
                return True
            undecided = undecided or (None in verdicts and False not in verdicts)
    if len(gold.sides) != 2 or len(answer.sides) != 2:
        return None if undecided else False
    mine, found = _plain_difference(gold), _plain_difference(answer)
    if mine is None or found is None:
        return False
    multiple = algebra.multiple(mine, found)
    if multiple is None or multiple == 0:
        return None if multiple is None else False
    return gold.signs[0] == (answer.signs[0] if multiple > 0 else _TURNED[answer.signs[0]])


def _plain_difference(relation: Relation) -> Formula | None:
    left, right = (formula_of(side) for side in relation.sides)
    return None if left is None or right is None else Formula("+", (left, negative(right)))
