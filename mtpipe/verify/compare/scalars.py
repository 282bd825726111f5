"""Numbers, expressions and quantities."""

from fractions import Fraction

from mtpipe.verify.compare.algebra import Algebra, is_infinite
from mtpipe.verify.compare.rules import Rules
from mtpipe.verify.reader.phrases import product_of
from mtpipe.verify.reader.units import PERCENT
from mtpipe.verify.values.formula import Formula, nodes, number, renamed, symbols
from mtpipe.verify.values.kinds import Digits, Expression, Number, Quantity, Unit, Value, Words

_FEW_DIGITS, _MANY_DIGITS, _FLOAT_DIGITS = 3, 6, 12
_DEGREE = (("degree", Fraction(1)),)
_RADIAN = (("radian", Fraction(1)),)
Scalar = Number | Expression


def formula_of(value: Value) -> Formula | None:
    """A number, an expression or a product of letters as a formula; None for anything else."""
    if isinstance(value, Number):
        return number(value.value)
    if isinstance(value, Expression):
        return value.formula
    return product_of(value.run) if isinstance(value, Words) and value.run else None


def compare_numbers(gold: Number, answer: Number, rules: Rules) -> bool:
    """Exactly equal, but for digits.

    A decimal of six digits and places answers the endless fraction that it rounds, and a gold decimal of three digits
    is answered by an endless fraction that rounds to it.
    """
    if gold.value == answer.value:
        return True
    if rules.tolerance is not None and abs(gold.value - answer.value) <= rules.tolerance:
        return True
    if rules.places is not None and round(gold.value, rules.places) == round(answer.value, rules.places):
        return True
    if (gold.step is None) == (answer.step is None):
        return False
    written, fraction = (gold, answer) if answer.step is None else (answer, gold)
    return not _terminates(fraction.value) and _rounds(written, fraction.value, of_gold=written is gold)


def _rounds(written: Number, value: Fraction, *, of_gold: bool) -> bool:
    """Whether a decimal is the correct rounding of a value and has digits enough for it to count.

    One of twelve digits may be cut off, or be what a computer prints: it is right to one in its last place.
    """
    if written.step is None or abs(written.value - value) > written.step:
        return False
    digits = len(str(int(abs(written.value) / written.step)))
    if digits < _FLOAT_DIGITS and abs(written.value - value) * 2 > written.step:
        return False
    if of_gold:
        return digits >= _FEW_DIGITS
    return digits >= _MANY_DIGITS and written.step <= Fraction(1, 10**_MANY_DIGITS)


def _terminates(value: Fraction) -> bool:
    rest = value.denominator
    if rest.bit_length() > 4000:
        return False
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def compare_scalars(gold: Value, answer: Value, rules: Rules, algebra: Algebra) -> bool | None:
    """Numbers by their values, formulas by what they are equal to."""
    if isinstance(gold, Number) and isinstance(answer, Number):
        return compare_numbers(gold, answer, rules)
    left, right = formula_of(gold), formula_of(answer)
    if left is None or right is None:
        return False
    if is_infinite(left) or is_infinite(right):
        return algebra.same(left, right)
    same = algebra.same(left, _with_the_golds_constants(left, right))
    if same is True:
        return True
    written = gold if isinstance(gold, Number) else answer if isinstance(answer, Number) else None
    close = rules.tolerance is not None or rules.places is not None
    if (written is None or written.step is None) and not close:
        return same
    if symbols(left) or symbols(right):
        return same
    values = algebra.constant(left), algebra.constant(right)
    if values[0] is None or values[1] is None:
        return same
    if rules.tolerance is not None and abs(values[0] - values[1]) <= rules.tolerance:
        return True
    if rules.places is not None and round(values[0], rules.places) == round(values[1], rules.places):
        return True
    if written is not None and written.step is not None:
        return _rounds(written, values[1] if written is gold else values[0], of_gold=written is gold)
    return same


def _with_the_golds_constants(gold: Formula, answer: Formula) -> Formula:
    """With c for C where the gold calls a constant of integration so."""
    expected, found = symbols(gold), symbols(answer)
    names = {}
    for name in found - expected:
        other = name.swapcase() if len(name) == 1 else name[0].swapcase() + name[1:]
        if name[0] in "cC" and other in expected and other not in found and len(name.partition("_")[0]) == 1:
            names[name] = other
    return renamed(answer, names) if names else answer


def compare_digits(gold: Value, answer: Value) -> bool:
    """Digits and base are equal; where one side names no base, the question has, and the digits decide."""
    if isinstance(gold, Digits) and isinstance(answer, Digits):
        return gold == answer
    named, plain = (gold, answer) if isinstance(gold, Digits) else (answer, gold)
    assert isinstance(named, Digits)
    if isinstance(plain, Number) and plain.value.denominator == 1 and plain.step is None and not plain.worked_out:
        return str(plain.value.numerator) == named.digits
    return isinstance(plain, Words) and "".join(plain.words).upper() == named.digits


def compare_quantities(gold: Value, answer: Value, rules: Rules, algebra: Algebra) -> bool | None:
    """By amounts where one side has no unit; with units on both sides by what they amount to in base units."""
    left, right = _amount(gold), _amount(answer)
    if left is None or right is None:
        return False
    mine, other = _unit(gold), _unit(answer)
    if PERCENT in (mine, other) and mine != other:
        return _percent(left, mine, right, other, rules, algebra)
    if mine is None or other is None:
        same = compare_scalars(left, right, rules, algebra)
        unit, bare, angle = (other, left, right) if mine is None else (mine, right, left)
        if same is not True and unit is not None and unit.powers == _DEGREE and _has_pi(bare):
            return algebra.same(_formula(bare), Formula("degrees", (_formula(angle),)))
        return same
    if mine.label or other.label:
        return _same_label(mine, other) and compare_scalars(left, right, rules, algebra)
    if mine.powers == other.powers:
        if mine.size == other.size:
            return compare_scalars(left, right, rules, algebra)
        return compare_scalars(_scaled(left, mine.size), _scaled(right, other.size), rules, algebra)
    if {mine.powers, other.powers} == {_DEGREE, _RADIAN}:
        turned = [Formula("degrees", (_formula(one),)) if unit.powers == _DEGREE else _formula(one)
                  for one, unit in ((left, mine), (right, other))]  # fmt: skip
        return algebra.same(*turned)
    return False


def _percent(
    left: Scalar, mine: Unit | None, right: Scalar, other: Unit | None, rules: Rules, algebra: Algebra
) -> bool | None:
    """A gold of 28% is answered by 28 and by 0.28; a gold of 0.28 by 28%, and one of 28 if the policy says so."""
    if (mine or other) != PERCENT or (mine is not None and other is not None):
        return False
    hundredth = Fraction(1, 100)
    if mine is not None:
        pairs = [(left, right), (_scaled(left, hundredth), right)]
    else:
        pairs = [(left, _scaled(right, hundredth))]
        if rules.percent == "either":
            pairs.append((left, right))
    verdicts = [compare_scalars(*pair, rules, algebra) for pair in pairs]
    return True if True in verdicts else None if None in verdicts else False


def _same_label(left: Unit, right: Unit) -> bool:
    """Triangles are right triangles too; a label is no unit."""
    if not left.label or not right.label:
        return False
    shorter, longer = sorted((left.label.split(), right.label.split()), key=len)
    return longer[-len(shorter) :] == shorter


def _amount(value: Value) -> Scalar | None:
    if isinstance(value, Quantity):
        return value.amount
    if isinstance(value, Number | Expression):
        return value
    formula = formula_of(value)
    return None if formula is None else Expression(formula)


def _unit(value: Value) -> Unit | None:
    return value.unit if isinstance(value, Quantity) else None


def _formula(value: Scalar) -> Formula:
    return number(value.value) if isinstance(value, Number) else value.formula


def _scaled(value: Scalar, by: Fraction) -> Scalar:
    if isinstance(value, Number):
        return Number(value.value * by, None if value.step is None else value.step * by)
    return Expression(Formula("*", (number(by), value.formula)))


def _has_pi(value: Scalar) -> bool:
    return isinstance(value, Expression) and any(node.name == "pi" for node in nodes(value.formula))
