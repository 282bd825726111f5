r"""Lists, sets, tuples and matrices: member by member, in order or not."""

from collections.abc import Sequence as Row
from typing import TypeGuard

from mtpipe.verify.compare.relations import is_name
from mtpipe.verify.compare.rules import Equal, Rules
from mtpipe.verify.values.kinds import Dots, Matrix, Relation, Sequence, Value, Words

LONGEST = 256
_LOOSE = ("list", "or", "set", "braces")


def compare_members(gold: Sequence, answer: Sequence, equal: Equal, rules: Rules) -> bool | None:
    """Lists and sets in any order, unless the policy or dots say otherwise; between brackets in order, and of one kind.

    A set's members count once where both sides are sets. x=1, y=2 is (1,2).
    """
    if len(gold.members) > LONGEST or len(answer.members) > LONGEST:
        return False
    mine, other = gold.kind, answer.kind
    if mine in _LOOSE and other in _LOOSE:
        if mine != other == "or" and any(isinstance(member, Words) for member in gold.members):
            return False  # Ann or Bob, for Ann and Bob
        dots = any(isinstance(member, Dots) for member in (*gold.members, *answer.members))
        if dots or rules.order == "as_written":
            return in_order(gold.members, answer.members, equal)
        if mine == other == "set":
            return _covering(gold.members, answer.members, equal)
        return in_any_order(_bare(gold.members, answer.members), _bare(answer.members, gold.members), equal)
    if mine == other or {mine, other} in ({"()", "<>"}, {"()", "braces"}):
        return in_order(gold.members, answer.members, equal)
    if "()" in (mine, other) and "list" in (mine, other):
        listed, point = (answer, gold) if mine == "()" else (gold, answer)
        values = _coordinates(listed.members)
        if values is None and rules.brackets == "optional":
            values = list(listed.members)
        if values is None:
            return False
        if mine == "()":
            return in_order(point.members, values, equal)
        return in_order(values, point.members, equal)
    if "[]" in (mine, other) and {mine, other} & {"list", "set", "or"} and len(gold.members) > 2:
        return in_any_order(gold.members, answer.members, equal)
    return False


def _coordinates(members: Row[Value]) -> list[Value] | None:
    """The values of x=1, y=2, by the names' alphabet; None if they are not all named, each otherwise."""
    named = {repr(member.sides[0]): member.sides[1] for member in members if _is_named(member)}
    return [named[name] for name in sorted(named)] if len(named) == len(members) else None


def _is_named(member: Value) -> TypeGuard[Relation]:
    return isinstance(member, Relation) and member.signs == ("=",) and is_name(member.sides[0])


def _bare(members: Row[Value], others: Row[Value]) -> Row[Value]:
    """Without names, where the other side has none."""
    if any(isinstance(other, Relation) for other in others):
        return members
    return [member.sides[-1] if _is_named(member) else member for member in members]


def in_order(gold: Row[Value], answer: Row[Value], equal: Equal) -> bool | None:
    """Each member equals the one in its place."""
    if len(gold) != len(answer):
        return False
    verdicts: list[bool | None] = []
    for mine, other in zip(gold, answer, strict=True):
        verdicts.append(equal(mine, other))
        if verdicts[-1] is False:
            return False
    return None if None in verdicts else True


def in_any_order(gold: Row[Value], answer: Row[Value], equal: Equal) -> bool | None:
    """Each member has one of its own on the other side. What is equal for certain leaves first."""
    if len(gold) != len(answer):
        return False
    left, waiting = list(answer), []
    for mine in gold:
        match = next((place for place, other in enumerate(left) if equal(mine, other, cheap=True)), None)
        if match is None:
            waiting.append(mine)
        else:
            left.pop(match)
    for mine in waiting:
        verdicts = [equal(mine, other) for other in left]
        if True in verdicts:
            left.pop(verdicts.index(True))
        else:
            return None if None in verdicts else False
    return True


def _covering(gold: Row[Value], answer: Row[Value], equal: Equal) -> bool | None:
    """Each member of one set is in the other."""
    undecided = False
    for mine, other in ((gold, answer), (answer, gold)):
        for member in mine:
            verdicts = [equal(*((member, one) if mine is gold else (one, member))) for one in other]
            if True not in verdicts:
                if None not in verdicts:
                    return False
                undecided = True
    return None if undecided else True


def compare_matrices(gold: Matrix, answer: Matrix, equal: Equal) -> bool | None:
    """Entry by entry, whatever the brackets; a determinant is none."""
    if gold.bars != answer.bars or len(gold.rows) != len(answer.rows):
        return False
    if any(len(mine) != len(other) for mine, other in zip(gold.rows, answer.rows, strict=True)):
        return False
    cells = [[cell for row in matrix.rows for cell in row] for matrix in (gold, answer)]
    return in_order(cells[0], cells[1], equal)


def column(matrix: Matrix) -> Sequence | None:
    """A column or row as a vector in angle brackets."""
    if matrix.bars:
        return None
    if all(len(row) == 1 for row in matrix.rows):
        return Sequence("<>", tuple(row[0] for row in matrix.rows))
    return Sequence("<>", matrix.rows[0]) if len(matrix.rows) == 1 else None
