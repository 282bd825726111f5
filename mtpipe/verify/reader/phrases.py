r"""Words: phrases, number words, names for sets, and the prose around an answer."""

from collections.abc import Sequence

from mtpipe.verify.reader.groups import Group, Item, is_sign
from mtpipe.verify.reader.names import FUNCTION_NAMES, TYPED
from mtpipe.verify.reader.numerals import number_in_words
from mtpipe.verify.reader.tokens import Token, Unreadable
from mtpipe.verify.values.formula import Formula, symbol
from mtpipe.verify.values.kinds import Expression, KnownSet, Number, Value, Words

_FILLERS = frozenset(["the", "a", "an", "is", "are", "there", "it", "they"])
_REALS = frozenset(["all real numbers", "all reals", "real numbers", "all real number", "any real number"])
_EMPTY = frozenset(
    ["no solution", "no solutions", "no real solution", "no real solutions", "empty set", "null set", "no such numbers"]
)
_INTRODUCTION = frozenset(["is", "are", "equals", "equal", "be", "answer"])
_APPROXIMATELY = frozenset(["approximately", "approx", "about", "roughly", "circa", "nearly", "around"])
QUALIFIERS = frozenset(["where", "for", "with", "when", "whenever", "such", "provided", "given", "assuming", "if"])
_REASONS = frozenset(["because", "since"])
_SHORT_WORDS = frozenset(["no", "on", "yes", "odd", "may", "all", "red", "sun", "mon", "not"])
_OTHERWISE = frozenset(["else", "otherwise", "or"])


def is_wordy(items: Sequence[Item]) -> bool:
    """Whether all is words, as text or as runs of plain letters, and at least one of them is no single letter."""
    words = False
    for item in items:
        if not isinstance(item, Token):
            return False
        if item.kind in ("word", "letters"):
            if item.text in FUNCTION_NAMES and len(items) > 1:
                return False
            words = words or len(item.text) > 1
        elif not is_sign(item, ".", "-", "'", ",", "/"):
            return False
    return words


def read_words(items: Sequence[Item]) -> Value:
    """A phrase: a number in words, a set that has a name, or the words themselves."""
    if len(items) == 1 and isinstance(items[0], Token):
        return _one(items[0])
    words = words_of(items)
    if (value := number_in_words(words)) is not None:
        return Number(value)
    if number_in_words(words[:1]) is not None and len(words) > 1:
        raise Unreadable("a number in words with something behind it")
    kept = tuple(word for word in words if word not in _FILLERS)
    if (phrase := " ".join(kept)) in _REALS:
        return KnownSet("reals")
    return KnownSet("empty") if phrase in _EMPTY else Words(kept or tuple(words))


def _one(token: Token) -> Value:
    if (value := number_in_words([token.text])) is not None:
        return Number(value)
    if len(token.text) == 1:
        return Expression(symbol(token.text))
    if token.kind == "letters" and token.text in TYPED:
        return Expression(symbol(TYPED[token.text]))
    return Words((token.text.lower(),), token.text if token.kind == "letters" else "")


def words_of(items: Sequence[Item]) -> list[str]:
    """The words in lower case; `p.m.` and `forty-two` are one."""
    words: list[str] = []
    joined = False
    for item in items:
        if not isinstance(item, Token):
            raise Unreadable("brackets among words")
        if is_sign(item, "-", "'", "."):
            joined = bool(words) and not item.spaced and not is_sign(item, ".")
            if joined:
                words[-1] += "-" if item.text == "-" else ""
        elif item.kind in ("word", "letters", "number"):
            if joined and not item.spaced:
                words[-1] += item.text.lower()
            else:
                words.append(item.text.lower())
            joined = False
        else:
            raise Unreadable(f"{item.text[:20]} among words")
    return words


def mixed_words(items: Sequence[Item]) -> Words:
    """Words and numbers that are no formula together: October 30."""
    if not any(isinstance(item, Token) and item.kind == "word" for item in items) and not is_wordy(
        [item for item in items if not (isinstance(item, Token) and item.kind == "number")]
    ):
        raise Unreadable("no words")
    words = words_of(items)
    return Words(tuple(word for word in words if word not in _FILLERS))


def product_of(run: str) -> Formula | None:
    """The product that a run of two or three letters may be, ab or mgh; names in capitals and short words are none."""
    if not 2 <= len(run) <= 3 or run.lower() in _SHORT_WORDS or (run.isupper() and len(run) > 2):
        return None
    return Formula("*", tuple(symbol(letter) for letter in run))


def without_prose(items: Sequence[Item]) -> tuple[Item, ...]:
    r"""Without what introduces an answer: `\text{The answer is }23`, `\approx 8.24`, `about 5`, `\therefore x=2`."""
    items = tuple(items)
    while items:
        first = items[0]
        approximately = isinstance(first, Token) and first.kind in ("word", "letters")
        if is_sign(first, r"\approx", r"\therefore", r"\implies", r"\Rightarrow", r"\Longrightarrow", "=", ":") or (
            approximately and isinstance(first, Token) and first.text.lower() in _APPROXIMATELY and len(items) > 1
        ):
            items = items[1:]
            continue
        end = 0
        while end < len(items) and _is_prose(items[end]):
            end += 1
        said = [place for place in range(end) if _text(items[place]) in _INTRODUCTION]
        if said and said[-1] + 1 < len(items) and (end < len(items) or "answer" in map(_text, items[: said[-1] + 1])):
            items = items[said[-1] + 1 :]
            continue
        break
    return items


def _is_prose(item: Item) -> bool:
    return isinstance(item, Token) and (item.kind == "word" or (item.kind == "letters" and len(item.text) > 1))


def _text(item: Item) -> str:
    return item.text.lower() if isinstance(item, Token) else ""


def without_membership(items: Sequence[Item]) -> tuple[Item, ...]:
    r"""Up to `, k \in \mathbb{Z}` or `(k \in \mathbb{Z})`, if what stands before it has the letter."""
    last = items[-1] if items else None
    inside = tuple(last.items) if isinstance(last, Group) and last.opening == "(" else tuple(items[-3:])
    rest = tuple(items[:-1]) if isinstance(last, Group) and last.opening == "(" else tuple(items[:-3])
    declared = len(inside) == 3 and is_sign(inside[1], r"\in") and is_sign(inside[2], r"\mathbb{Z}", r"\mathbb{N}")
    if not declared or not rest or not set(_all_tokens(inside[:1])) & set(_all_tokens(rest)):
        return tuple(items)
    return rest[:-1] if is_sign(rest[-1], ",") else rest


def _all_tokens(items: Sequence[Item]) -> list[Token]:
    """The tokens in all brackets, without the spaces before them."""
    found = []
    for item in items:
        found += _all_tokens(item.items) if isinstance(item, Group) else [Token(item.kind, item.text)]
    return found


def without_reason(items: Sequence[Item]) -> tuple[Item, ...]:
    r"""Up to `because …` or `since …`, which say why and not what."""
    for place, item in enumerate(items):
        if place and isinstance(item, Token) and item.kind in ("word", "letters") and _text(item) in _REASONS:
            return tuple(items[:place])
    return tuple(items)


def without_qualifier(items: Sequence[Item]) -> tuple[Item, ...]:
    r"""Up to `where …`, `for some constant k` and the like, if there is no other case behind it."""
    for place, item in enumerate(items):
        if place and isinstance(item, Token) and item.kind in ("word", "letters") and item.text in QUALIFIERS:
            if any(_text(later) in _OTHERWISE for later in items[place:]):
                return tuple(items)
            end = place - 1 if is_sign(items[place - 1], ",") else place
            return tuple(items[:end])
    return tuple(items)
