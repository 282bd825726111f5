"""From a flat row of tokens to a tree of brackets, so that nothing later has to count them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtpipe.verify.reader.tokens import Token, Unreadable

DEEPEST = 32
_CLOSING = {"(": (")", "]"), "[": ("]", ")"), "{": ("}",), r"\{": (r"\}",), "|(": ("|)",)}
_CLOSING |= {r"\lfloor": (r"\rfloor",), r"\lceil": (r"\rceil",), r"\langle": (r"\rangle",)}
_BEFORE_INTERVALS = ("", r"\cup", r"\cap", r"\setminus", r"\in", "=")
_BEHIND_INTERVALS = ("", r"\cup", r"\cap", r"\setminus", ".")
_CLOSERS = frozenset(closer for closers in _CLOSING.values() for closer in closers)


@dataclass(frozen=True, slots=True)
class Group:
    """What stands between two brackets; an interval's may differ. An environment opens with `begin:NAME`."""

    opening: str
    closing: str
    items: tuple["Item", ...]
    spaced: bool = False


Item = Token | Group


def grouped(tokens: Sequence[Token]) -> tuple[Item, ...]:
    """Raises Unreadable if brackets do not match, or nest deeper than 32."""
    return _grouped(_with_round_brackets(tokens) if _turn_outward(tokens) else tokens)


def _turn_outward(tokens: Sequence[Token]) -> bool:
    """Whether square brackets are those of open ends, as in ]1,6[ and [1,2[ and ]2,6]."""
    texts = ["", *(token.text for token in tokens), ""]
    return any(
        (text == "[" and behind in _BEHIND_INTERVALS) or (text == "]" and before in _BEFORE_INTERVALS)
        for before, text, behind in zip(texts, texts[1:], texts[2:], strict=False)
    )


def _with_round_brackets(tokens: Sequence[Token]) -> Sequence[Token]:
    """(1,6) for ]1,6[: by turns a bracket opens and closes. Others are left as they are."""
    written = list(tokens)
    places = [place for place, token in enumerate(written) if token.kind == "sign" and token.text in ("[", "]")]
    for opening, closing in zip(places[::2], places[1::2], strict=False):
        if not any(token.text in (",", ";") for token in written[opening:closing]):
            return tokens
        for place, outward, rounded in ((opening, "]", "("), (closing, "[", ")")):
            if written[place].text == outward:
                written[place] = Token("sign", rounded, written[place].spaced)
    return written


def _grouped(tokens: Sequence[Token]) -> tuple[Item, ...]:
    open_ones: list[tuple[str, bool]] = []
    levels: list[list[Item]] = [[]]
    for token in tokens:
        if token.kind == "begin" or token.text in _CLOSING:
            if len(open_ones) >= DEEPEST:
                raise Unreadable("brackets within brackets")
            open_ones.append((f"begin:{token.text}" if token.kind == "begin" else token.text, token.spaced))
            levels.append([])
        elif token.kind == "end" or token.text in _CLOSERS:
            if not open_ones:
                raise Unreadable(f"{token.text} closes nothing")
            opening, spaced = open_ones.pop()
            fits = opening == f"begin:{token.text}" if token.kind == "end" else token.text in _CLOSING.get(opening, ())
            if not fits:
                raise Unreadable(f"{opening} is closed by {token.text}")
            inside = levels.pop()
            if opening == "{" and len(inside) == 1 and is_sign(inside[0], ":", ",", "=", "<", ">"):
                levels[-1].append(inside[0])  # 8{:}34
                continue
            levels[-1].append(Group(opening, token.text, tuple(inside), spaced))
        else:
            levels[-1].append(token)
    if open_ones:
        raise Unreadable(f"{open_ones[-1][0]} is not closed")
    return tuple(levels[0])


def is_sign(item: Item | None, *texts: str) -> bool:
    """Whether the item is one of these signs or commands."""
    return isinstance(item, Token) and item.kind in ("sign", "command") and item.text in texts


def is_word(item: Item | None, *texts: str) -> bool:
    """Whether the item is one of these words, in text or in plain letters."""
    return isinstance(item, Token) and item.kind in ("word", "letters") and item.text.lower() in texts


def split(items: Sequence[Item], *separators: str) -> list[tuple[Item, ...]]:
    """The parts between separators outside all brackets; one part where there is none."""
    parts: list[list[Item]] = [[]]
    for item in items:
        if is_sign(item, *separators):
            parts.append([])
        else:
            parts[-1].append(item)
    return [tuple(part) for part in parts]
