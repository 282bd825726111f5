r"""Matrices and columns in any environment, times a number, added, transposed; and systems of equations in `cases`."""

from collections.abc import Callable, Sequence

from mtpipe.verify.reader.cursor import Manner, flat
from mtpipe.verify.reader.formulas import read_formula
from mtpipe.verify.reader.groups import Group, Item, is_sign, split
from mtpipe.verify.reader.scalars import classified
from mtpipe.verify.reader.tokens import Unreadable
from mtpipe.verify.values.formula import Formula, number
from mtpipe.verify.values.kinds import Expression, Matrix, Number, Value
from mtpipe.verify.values.kinds import Sequence as Members

Read = Callable[[Sequence[Item], Manner], Value]
MOST_CELLS = 100
_MATRICES = ("matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "psmallmatrix", "array")
_LINES = ("cases", "aligned", "align", "gathered", "gather", "equation", "split", "displaymath", "math")


def rows_of(group: Group, manner: Manner, read: Read) -> Value:
    """The matrix, or the list of lines, that an environment is."""
    name, items = group.opening.removeprefix("begin:"), group.items
    if name in _LINES:
        plain = tuple(item for item in items if not is_sign(item, "&"))
        lines = [read(line, manner) for line in _lines(plain) if line]
        return lines[0] if len(lines) == 1 else Members("list", tuple(lines))
    if name not in _MATRICES:
        raise Unreadable(f"the environment {name[:20]}")
    if name == "array" and items and isinstance(items[0], Group):
        items = items[1:]
    rows = [tuple(split(line, "&")) for line in _lines(items)]
    rows = [row for row in rows if any(row)]
    if sum(map(len, rows)) > MOST_CELLS:
        raise Unreadable(f"a matrix of more than {MOST_CELLS} cells")
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise Unreadable("a matrix whose rows differ in length")
    return Matrix(tuple(tuple(read(cell, manner) for cell in row) for row in rows), name in ("vmatrix", "Vmatrix"))


def _lines(items: Sequence[Item]) -> list[tuple[Item, ...]]:
    r"""What stands between two \\, which may be followed by a distance: \\[4pt]."""
    lines = split(items, r"\\", r"\cr")
    for place, line in enumerate(lines):
        if place and line and isinstance(line[0], Group) and line[0].opening == "[":
            distance = flat(line[0].items)
            if distance.endswith(("pt", "em", "ex", "mm", "cm")):
                lines[place] = line[1:]
    return lines


def read_matrix(items: Sequence[Item], manner: Manner, read: Read) -> Value | None:
    """A sum of matrices, each in brackets or not, transposed or not, times a number or not; None for anything else."""
    if not any(holds_matrix(item) for item in items):
        return None
    total: Matrix | None = None
    for term in _terms(items):
        matrix = _term(term, manner, read)
        if total is None:
            total = matrix
        elif total.bars or matrix.bars or [len(row) for row in total.rows] != [len(row) for row in matrix.rows]:
            raise Unreadable("a sum of matrices of different shapes")
        else:
            pairs = zip(total.rows, matrix.rows, strict=True)
            total = Matrix(tuple(tuple(_sum(a, b) for a, b in zip(left, right, strict=True)) for left, right in pairs))
    return total


def holds_matrix(item: Item) -> bool:
    """Whether the item is an environment, or nothing but brackets around one."""
    return isinstance(item, Group) and (
        item.opening.startswith("begin:") or (len(item.items) == 1 and holds_matrix(item.items[0]))
    )


def _terms(items: Sequence[Item]) -> list[list[Item]]:
    terms: list[list[Item]] = [[]]
    for item in items:
        if is_sign(item, "+", "-") and terms[-1]:
            terms.append([])
        if not is_sign(item, "+"):
            terms[-1].append(item)
    return terms


def _term(items: list[Item], manner: Manner, read: Read) -> Matrix:
    place = next((place for place, item in enumerate(items) if holds_matrix(item)), None)
    if place is None:
        raise Unreadable("a matrix and something else")
    bars = place and is_sign(items[place - 1], "|") and place + 1 < len(items) and is_sign(items[place + 1], "|")
    if bars and len(items) == 3:
        matrix = read([items[place]], manner)
        if isinstance(matrix, Matrix):
            return Matrix(matrix.rows, bars=True)
    group = items[place]
    while isinstance(group, Group) and not group.opening.startswith("begin:"):
        if group.opening == "|(":
            inner = read(group.items, manner)
            if isinstance(inner, Matrix) and len(items) == 1:
                return Matrix(inner.rows, bars=True)
        group = group.items[0]
    matrix = read([group], manner)
    if not isinstance(matrix, Matrix):
        raise Unreadable("an environment that is no matrix")
    behind = items[place + 1 :]
    if len(behind) == 2 and is_sign(behind[0], "^") and flat(behind[1:]) in ("T", r"\top", r"\intercal", "t"):
        matrix, behind = Matrix(tuple(zip(*matrix.rows, strict=True))), []
    if behind:
        raise Unreadable("something behind a matrix")
    before = items[:place]
    if before and is_sign(before[-1], r"\cdot", r"\times"):
        before = before[:-1]
    if not before:
        return matrix
    factor = number(-1) if len(before) == 1 and is_sign(before[0], "-") else read_formula(before, manner)
    if matrix.bars:
        raise Unreadable("a determinant times something")
    return Matrix(tuple(tuple(_combined("*", factor, formula_of(cell)) for cell in row) for row in matrix.rows))


def formula_of(value: Value) -> Formula:
    """A number or expression as a formula. Raises Unreadable for other values."""
    if isinstance(value, Number):
        return number(value.value)
    if isinstance(value, Expression):
        return value.formula
    raise Unreadable("no formula")


def _combined(op: str, left: Formula, right: Formula) -> Value:
    return classified(Formula(op, (left, right)))


def _sum(left: Value, right: Value) -> Value:
    return _combined("+", formula_of(left), formula_of(right))
