r"""Whether an answer equals the gold: one rule for each pair of kinds, each in a file of its own.

The ladder: what is decided exactly is decided in the caller's process; `None` means that a judging process has to be
asked, with an algebra that evaluates (mtpipe/verify/numeric.py).
"""

from collections.abc import Sequence as Row

from mtpipe.verify.compare.algebra import EXACT_ALGEBRA, Algebra
from mtpipe.verify.compare.members import column, compare_matrices, compare_members
from mtpipe.verify.compare.relations import ORDERS, compare_equations, compare_orders, is_equation, values_of
from mtpipe.verify.compare.rules import STRICT, Rules
from mtpipe.verify.compare.scalars import compare_digits, compare_quantities, compare_scalars, formula_of
from mtpipe.verify.compare.sets import compare_sets, is_set_of_numbers
from mtpipe.verify.compare.words import compare_words
from mtpipe.verify.values.exact import rational
from mtpipe.verify.values.formula import Formula, number
from mtpipe.verify.values.kinds import (
    Colon,
    Digits,
    Expression,
    Matrix,
    Number,
    Quantity,
    Relation,
    Sequence,
    Value,
    Words,
)

_DEEPEST = 12


def compare(gold: Value, answers: Row[Value], rules: Rules = STRICT, algebra: Algebra = EXACT_ALGEBRA) -> bool | None:
    """Whether one of the ways to read an answer equals the gold; None if that is not decided by `algebra`."""
    verdicts = [_Comparison(rules, algebra).equal(gold, answer) for answer in answers]
    return True if True in verdicts else None if None in verdicts else False


class _Comparison:
    def __init__(self, rules: Rules, algebra: Algebra, depth: int = 0) -> None:
        self.rules, self.algebra, self.depth = rules, algebra, depth

    def __call__(self, gold: Value, answer: Value, *, cheap: bool = False) -> bool | None:
        if self.depth > _DEEPEST:
            return False
        algebra = EXACT_ALGEBRA if cheap else self.algebra
        return _Comparison(self.rules, algebra, self.depth + 1).equal(gold, answer)

    def equal(self, gold: Value, answer: Value) -> bool | None:
        """The rule for the two kinds."""
        if gold == answer:
            return True
        if isinstance(gold, Relation) or isinstance(answer, Relation):
            return self._relations(gold, answer)
        if isinstance(gold, Sequence) and isinstance(answer, Sequence) and not self._only_a_set(gold, answer):
            members = compare_members(gold, answer, self, self.rules)
            return members if members is not False else self._sets(gold, answer)
        if is_set_of_numbers(gold) or is_set_of_numbers(answer):
            return compare_sets(gold, answer, self.algebra)
        if isinstance(answer, Sequence) and answer.kind == "list" and len(set(answer.members)) == 1:
            return self(gold, answer.members[0])  # one value, said twice
        if isinstance(gold, Matrix) or isinstance(answer, Matrix):
            return self._matrices(gold, answer)
        if isinstance(gold, Digits) or isinstance(answer, Digits):
            return compare_digits(gold, answer)
        if isinstance(gold, Colon) or isinstance(answer, Colon):
            return self._colons(gold, answer)
        if isinstance(gold, Words) or isinstance(answer, Words):
            worded = compare_words(gold, answer)
            if worded is not None:
                return worded
        if isinstance(gold, Quantity) or isinstance(answer, Quantity):
            return compare_quantities(gold, answer, self.rules, self.algebra)
        if isinstance(gold, Number | Expression | Words) and isinstance(answer, Number | Expression | Words):
            return compare_scalars(gold, answer, self.rules, self.algebra)
        return False

    def _only_a_set(self, gold: Sequence, answer: Sequence) -> bool:
        return is_set_of_numbers(gold) and is_set_of_numbers(answer) and gold.kind != answer.kind

    def _sets(self, gold: Value, answer: Value) -> bool | None:
        if is_set_of_numbers(gold) or is_set_of_numbers(answer):
            return compare_sets(gold, answer, self.algebra)
        return False

    def _relations(self, gold: Value, answer: Value) -> bool | None:
        if isinstance(gold, Relation) and isinstance(answer, Relation):
            if is_equation(gold) and is_equation(answer):
                return compare_equations(gold, answer, self, self.rules, self.algebra)
            if is_set_of_numbers(gold) and is_set_of_numbers(answer):
                verdict = compare_sets(gold, answer, self.algebra)
                if verdict is not False:
                    return verdict
            if set(gold.signs) | set(answer.signs) <= ORDERS | {r"\ne"}:
                return compare_orders(gold, answer, self, self.algebra)
            return self._memberships(gold, answer)
        single, other = (gold, answer) if isinstance(gold, Relation) else (answer, gold)
        assert isinstance(single, Relation)
        if is_equation(single):
            values = values_of(single, of_answer=single is answer)
            pairs = [(value, answer) if single is gold else (gold, value) for value in values]
            verdicts = [self(*pair) for pair in pairs]
            return True if True in verdicts else None if None in verdicts else False
        if single.signs == (r"\in",):
            return self(*((single.sides[1], answer) if single is gold else (gold, single.sides[1])))
        if isinstance(other, Sequence) or is_set_of_numbers(other):
            return compare_sets(gold, answer, self.algebra)
        return False

    def _memberships(self, gold: Relation, answer: Relation) -> bool | None:
        if gold.signs != answer.signs or len(gold.sides) != len(answer.sides):
            return False
        verdicts = [self(mine, other) for mine, other in zip(gold.sides, answer.sides, strict=True)]
        return False if False in verdicts else None if None in verdicts else True

    def _quotients(self, gold: Value, answer: Value) -> bool | None:
        """A ratio and a fraction; 3:1 is no answer to a whole number."""
        quotients = _quotient(gold), _quotient(answer)
        if isinstance(gold, Number) and gold.value.denominator == 1:
            return False
        if not all(isinstance(one, Number | Expression) for one in quotients):
            return False
        return compare_scalars(*quotients, self.rules, self.algebra)

    def _matrices(self, gold: Value, answer: Value) -> bool | None:
        if isinstance(gold, Matrix) and isinstance(answer, Matrix):
            return compare_matrices(gold, answer, self)
        matrix, other = (gold, answer) if isinstance(gold, Matrix) else (answer, gold)
        assert isinstance(matrix, Matrix)
        if (rows := _rows(other)) is not None:
            return self(*((matrix, rows) if matrix is gold else (rows, matrix)))
        vector = column(matrix)
        if vector is None:
            return False
        if isinstance(other, Expression):
            other = _by_unit_vectors(other.formula, len(vector.members)) or other
        kinds = ("<>", "()") if self.rules.brackets == "optional" else ("<>",)
        if isinstance(other, Sequence) and other.kind in kinds:
            return self(*((vector, other) if matrix is gold else (other, vector)))
        return False

    def _colons(self, gold: Value, answer: Value) -> bool | None:
        """Times by hour and minute, and by the half of the day where both name it; ratios up to a factor, or by value.

        What may be a time is no ratio: 10:30 is neither 5:15 nor 1/3.
        """
        if not (isinstance(gold, Colon) and isinstance(answer, Colon)):
            return self._quotients(gold, answer)
        if gold.half and answer.half and gold.half != answer.half:
            return False
        if len(gold.parts) != len(answer.parts):
            return False
        if bool(gold.half) != bool(answer.half) and _by_24_hours(gold) == _by_24_hours(answer):
            return True
        pairs = list(zip(gold.parts, answer.parts, strict=True))
        verdicts = [self(mine, other) for mine, other in pairs]
        if False not in verdicts:
            return None if None in verdicts else True
        if gold.half or answer.half or gold.clock:
            return False
        formulas = [(formula_of(mine), formula_of(other)) for mine, other in pairs]
        crossed: list[bool | None] = []
        for mine, other in formulas[1:]:
            first, second = formulas[0]
            if mine is None or other is None or first is None or second is None or rational(first) == 0:
                return False
            crossed.append(self.algebra.same(Formula("*", (first, other)), Formula("*", (second, mine))))
        if any(rational(one) == 0 for pair in formulas for one in pair if one is not None):
            return False
        return False if False in crossed else None if None in crossed else True


def _rows(value: Value) -> Matrix | None:
    """[[1, 2], [3, 4]] as a matrix."""
    if not isinstance(value, Sequence) or value.kind != "[]":
        return None
    rows = [row.members for row in value.members if isinstance(row, Sequence) and row.kind == "[]"]
    return Matrix(tuple(rows)) if len(rows) == len(value.members) else None


def _by_24_hours(time: Colon) -> tuple[Value, ...]:
    """14:20 for 2:20 p.m."""
    hour = time.parts[0]
    if not time.half or not isinstance(hour, Number):
        return time.parts
    return Number(hour.value % 12 + 12 * (time.half == "pm")), *time.parts[1:]


def _quotient(value: Value) -> Value:
    """3/4 of 3:4."""
    if not isinstance(value, Colon) or len(value.parts) != 2 or value.half or value.clock:
        return value
    above, below = map(formula_of, value.parts)
    return value if above is None or below is None else Expression(Formula("/", (above, below)))


def _by_unit_vectors(formula: Formula, size: int) -> Sequence | None:
    r"""6\mathbf{i}-2\mathbf{j}+9\mathbf{k} as (6,-2,9), for whole and broken coordinates."""
    names = [rf"\mathbf{{{letter}}}" for letter in "ijk"][:size]
    parts = []
    for name in names:
        value = rational(_with(formula, {other: number(int(other == name)) for other in names}))
        if value is None:
            return None
        parts.append(Number(value))
    return Sequence("<>", tuple(parts)) if size <= 3 and parts else None


def _with(formula: Formula, values: dict[str, Formula]) -> Formula:
    if formula.op == "symbol":
        return values.get(formula.name, formula)
    return Formula(formula.op, tuple(_with(one, values) for one in formula.args), formula.name, formula.value)
