r"""Sets of real numbers: intervals, unions, differences, solved inequalities, set builders, as pieces of the line."""

from dataclasses import dataclass
from fractions import Fraction

from mtpipe.verify.compare.algebra import Algebra, is_infinite
from mtpipe.verify.compare.scalars import formula_of
from mtpipe.verify.values.formula import INFINITY, Formula, canonical, negative, symbol, symbols
from mtpipe.verify.values.kinds import Builder, Combined, KnownSet, Relation, Sequence, Value

_INFINITE = symbol(INFINITY)
_LOWEST = negative(_INFINITE)
_INTERVALS = ("()", "[]", "(]", "[)")
_NEAR = Fraction(1, 10**40)


@dataclass(frozen=True, slots=True)
class Piece:
    """From `low` to `high`, with or without each end; a point has both ends equal."""

    low: Formula
    high: Formula
    with_low: bool
    with_high: bool


_LINE = Piece(_LOWEST, _INFINITE, False, False)


def is_set_of_numbers(value: Value) -> bool:
    """Whether a value can only be a set, and no point or list."""
    if isinstance(value, Combined | KnownSet | Builder):
        return True
    if isinstance(value, Sequence):
        if value.kind in ("(]", "[)"):
            return len(value.members) == 2
        return value.kind in ("or", "list") and all(is_set_of_numbers(member) for member in value.members)
    return isinstance(value, Relation) and (_ordered(value) or value.signs in ((r"\ne",), (r"\in",)))


def _ordered(relation: Relation) -> bool:
    return bool(relation.signs) and set(relation.signs) <= {"<", ">", r"\le", r"\ge"}


def compare_sets(gold: Value, answer: Value, algebra: Algebra) -> bool | None:
    """Whether both are the same set of numbers; False where one is no such set, or names another letter."""
    mine, letters = pieces_of(gold, algebra), [_letter(value) for value in (gold, answer)]
    other = pieces_of(answer, algebra)
    if mine is None or other is None or (letters[0] and letters[1] and letters[0] != letters[1]):
        return False
    if _alike(mine) == _alike(other):
        return True
    left, right = _stretches(mine, algebra), _stretches(other, algebra)
    if left is None or right is None:
        return _by_ends(mine, other, algebra)
    if (mine and not left) or (other and not right):
        return False
    left, right = _joined(left), _joined(right)
    return len(left) == len(right) and all(map(_same, left, right))


def _alike(pieces: list[Piece]) -> list[str]:
    return sorted(
        repr((canonical(one.low), canonical(one.high), one.with_low, one.with_high)) for one in pieces
    )  # fmt: skip


def _by_ends(mine: list[Piece], other: list[Piece], algebra: Algebra) -> bool | None:
    """For ends that are no constants: piece by piece, in order."""
    if any(symbols(end) for piece in mine + other for end in (piece.low, piece.high)):
        if len(mine) != len(other):
            return False
        verdicts: list[bool | None] = []
        for one, two in zip(mine, other, strict=True):
            if (one.with_low, one.with_high) != (two.with_low, two.with_high):
                return False
            verdicts += [algebra.same(one.low, two.low), algebra.same(one.high, two.high)]
        return False if False in verdicts else None if None in verdicts else True
    return None


def _letter(value: Value) -> str | None:
    """The letter that a relation or membership is about."""
    if isinstance(value, Relation):
        formulas = [formula_of(side) for side in value.sides]
        return next((repr(one) for one in formulas if one is not None and _is_letter(one)), None)
    if isinstance(value, Sequence | Combined):
        parts = value.members if isinstance(value, Sequence) else value.parts
        found = {name for part in parts if (name := _letter(part))}
        return found.pop() if len(found) == 1 else None
    return None


def _is_letter(formula: Formula) -> bool:
    return formula.op in ("symbol", "call") and bool(symbols(formula) or formula.op == "call")


def pieces_of(value: Value, algebra: Algebra) -> list[Piece] | None:
    """The pieces, not sorted, that may overlap; None for what is no set of numbers."""
    if isinstance(value, KnownSet):
        return [_LINE] if value.name == "reals" else []
    if isinstance(value, Builder):
        letter = value.letter
        return pieces_of(value.condition, algebra) if letter.op == "symbol" else None
    if isinstance(value, Relation):
        return _of_relation(value, algebra)
    if isinstance(value, Combined):
        parts = [pieces_of(part, algebra) for part in value.parts]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        if value.op == "union":
            return [piece for part in known for piece in part]
        if value.op == "intersection":
            return _all(known, algebra)
        rest = _complement(known[1], algebra)
        return None if rest is None else _all([known[0], rest], algebra)
    return _of_sequence(value, algebra) if isinstance(value, Sequence) else None


def _of_sequence(value: Sequence, algebra: Algebra) -> list[Piece] | None:
    if value.kind in _INTERVALS and len(value.members) == 2:
        low, high = (formula_of(member) for member in value.members)
        if low is None or high is None:
            return None
        return [Piece(low, high, value.kind[0] == "[", value.kind[1] == "]")]
    if value.kind == "set":
        ends = [formula_of(member) for member in value.members]
        return None if None in ends else [Piece(end, end, True, True) for end in ends if end is not None]
    if value.kind in ("or", "list"):
        parts = [pieces_of(member, algebra) for member in value.members]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        union = [piece for part in known for piece in part]
        if value.kind == "or":
            return union
        both = _all(known, algebra)
        return both or union
    return None


def _of_relation(value: Relation, algebra: Algebra) -> list[Piece] | None:
    sides = [formula_of(side) for side in value.sides]
    if value.signs == (r"\in",):
        return pieces_of(value.sides[1], algebra) if sides[0] is not None and _is_letter(sides[0]) else None
    if None in sides:
        return None
    formulas = [side for side in sides if side is not None]
    if len(formulas) == 3 and _ordered(value) and _is_letter(formulas[1]):
        low, high = (0, 2) if value.signs[0] in ("<", r"\le") else (2, 0)
        upward = {"<", r"\le"} if low == 0 else {">", r"\ge"}
        if not set(value.signs) <= upward:
            return None
        closed = [sign in (r"\le", r"\ge") for sign in value.signs]
        return [Piece(formulas[low], formulas[high], *(closed if low == 0 else closed[::-1]))]
    if len(formulas) != 2:
        return None
    sign, (left, right) = value.signs[0], formulas
    if not _is_letter(left):
        left, right = right, left
        sign = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}.get(sign, sign)
    if left.op == "abs" or right.op == "abs":
        return _of_distance(left, right, sign)
    if not _is_letter(left) or canonical(left) == canonical(right) or symbols(left) & symbols(right):
        return None
    return _half_line(sign, right)


def _half_line(sign: str, end: Formula) -> list[Piece] | None:
    if sign in ("<", r"\le"):
        return [Piece(_LOWEST, end, False, sign == r"\le")]
    if sign in (">", r"\ge"):
        return [Piece(end, _INFINITE, sign == r"\ge", False)]
    if sign == r"\ne":
        return [Piece(_LOWEST, end, False, False), Piece(end, _INFINITE, False, False)]
    return [Piece(end, end, True, True)] if sign == "=" else None


def _of_distance(left: Formula, right: Formula, sign: str) -> list[Piece] | None:
    """|x| < 3 and |x| > 3, for a number on the other side."""
    if right.op == "abs":
        left, right = right, left
        sign = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}.get(sign, sign)
    if not _is_letter(left.args[0]) or symbols(right):
        return None
    below, closed = negative(right), sign in (r"\le", r"\ge")
    if sign in ("<", r"\le"):
        return [Piece(below, right, closed, closed)]
    if sign in (">", r"\ge"):
        return [Piece(_LOWEST, below, False, closed), Piece(right, _INFINITE, closed, False)]
    return None


End = tuple[int, Fraction]
"""-1, 0 or 1 for minus infinity, a number, infinity; and the number."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    low: End
    high: End
    with_low: bool
    with_high: bool


def _end(formula: Formula, algebra: Algebra) -> End | None:
    if is_infinite(formula):
        plain = canonical(formula)
        return {_INFINITE: (1, Fraction(0)), canonical(_LOWEST): (-1, Fraction(0))}.get(plain)
    value = None if symbols(formula) else algebra.constant(formula)
    return None if value is None else (0, value)


def _compared(left: End, right: End) -> int:
    """-1, 0 or 1; numbers that are known to fifty digits are equal to forty."""
    if left[0] != right[0]:
        return -1 if left[0] < right[0] else 1
    gap = left[1] - right[1]
    return 0 if abs(gap) <= _NEAR * abs(left[1]) else -1 if gap < 0 else 1


def _same(left: _Stretch, right: _Stretch) -> bool:
    brackets = (left.with_low, left.with_high) == (right.with_low, right.with_high)
    return brackets and _compared(left.low, right.low) == 0 and _compared(left.high, right.high) == 0


def _stretches(pieces: list[Piece], algebra: Algebra) -> list[_Stretch] | None:
    """The pieces with their ends as numbers; none at all if one of them is no interval, None if an end is no number."""
    found = []
    for piece in pieces:
        low, high = _end(piece.low, algebra), _end(piece.high, algebra)
        if low is None or high is None:
            return None
        order = _compared(low, high)
        if order > 0 or (order == 0 and not (piece.with_low and piece.with_high)):
            return []  # (5,2) and (4,4] are no intervals
        found.append(_Stretch(low, high, piece.with_low, piece.with_high))
    return found


def _joined(stretches: list[_Stretch]) -> list[_Stretch]:
    """Sorted, with overlapping and touching ones as one."""
    merged: list[_Stretch] = []
    for one in sorted(stretches, key=lambda one: (one.low, not one.with_low, one.high)):
        last = merged[-1] if merged else None
        meets = last is not None and _compared(one.low, last.high)
        if last is not None and (meets == -1 or (meets == 0 and (one.with_low or last.with_high))):
            further = _compared(one.high, last.high)
            with_high = one.with_high if further > 0 else last.with_high or (further == 0 and one.with_high)
            merged[-1] = _Stretch(last.low, one.high if further > 0 else last.high, last.with_low, with_high)
        else:
            merged.append(one)
    return merged


def _all(parts: list[list[Piece]], algebra: Algebra) -> list[Piece] | None:
    """What lies in every part."""
    result = parts[0]
    for part in parts[1:]:
        both = []
        for one in result:
            for two in part:
                ends = [_end(end, algebra) for end in (one.low, two.low, one.high, two.high)]
                if None in ends:
                    return None
                lows, highs = _compared(ends[0], ends[1]), _compared(ends[2], ends[3])  # type: ignore[arg-type]
                low, with_low = (one.low, one.with_low) if lows > 0 else (two.low, two.with_low)
                high, with_high = (one.high, one.with_high) if highs < 0 else (two.high, two.with_high)
                if lows == 0:
                    with_low = one.with_low and two.with_low
                if highs == 0:
                    with_high = one.with_high and two.with_high
                order = _compared(_end(low, algebra), _end(high, algebra))  # type: ignore[arg-type]
                if order < 0 or (order == 0 and with_low and with_high):
                    both.append(Piece(low, high, with_low, with_high))
        result = both
    return result


def _complement(pieces: list[Piece], algebra: Algebra) -> list[Piece] | None:
    """The line without the pieces."""
    ends = [_end(end, algebra) for piece in pieces for end in (piece.low, piece.high)]
    if None in ends:
        return None
    rest = [_LINE]
    for piece in pieces:
        outside = [Piece(_LOWEST, piece.low, False, not piece.with_low),
                   Piece(piece.high, _INFINITE, not piece.with_high, False)]  # fmt: skip
        outside = [one for one in outside if not (is_infinite(one.low) and is_infinite(one.high))]
        kept = _all([rest, outside], algebra)
        if kept is None:
            return None
        rest = kept
    return rest
