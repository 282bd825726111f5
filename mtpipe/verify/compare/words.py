"""Words and names: by their letters in order, case and articles aside; short runs of letters may be products."""

from mtpipe.verify.reader.phrases import product_of
from mtpipe.verify.values.formula import canonical
from mtpipe.verify.values.kinds import Expression, Quantity, Value, Words


def compare_words(gold: Value, answer: Value) -> bool | None:
    """None if the two may be products of letters, ab and ba, and are compared as formulas."""
    if isinstance(gold, Words) and isinstance(answer, Words):
        if gold.run and answer.run:
            left, right = product_of(gold.run), product_of(answer.run)
            if left is not None and right is not None:
                return canonical(left) == canonical(right)
            if (left is None) != (right is None):
                return False
        return "".join(gold.words) == "".join(answer.words)
    words, other = (gold, answer) if isinstance(gold, Words) else (answer, gold)
    assert isinstance(words, Words)
    if isinstance(other, Quantity) and not words.run:
        return False
    if isinstance(other, Expression) and words.run:
        return None
    return False
