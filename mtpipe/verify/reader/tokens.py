r"""Dividing LaTeX or plain text into tokens: numbers, runs of letters, words of text, commands and signs.

Styles, colours, sizes and spaces carry no meaning and end here; a token remembers only whether a space stood before it.
The one thing that the gold has a say in is a comma between digits: `Commas` says whether it joins groups of three
(`81,256`), parts a list, or is a decimal comma. One pass from left to right, in time proportional to the text's length.
"""

import re
from dataclasses import dataclass
from typing import Literal

from mtpipe.verify.reader.characters import in_latex, with_backslashes

Commas = Literal["join", "part", "decimal"]
Kind = Literal["number", "letters", "word", "command", "sign", "begin", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    r"""`letters` are a run in italics or plain text, `word` one in \text or \mathrm; `command` keeps its backslash."""

    kind: Kind
    text: str
    spaced: bool = False


class Unreadable(Exception):
    """The text, or this part of it, is none of the things that the reader knows."""


_HARD = r"(?: ?\{, ?\} ?|,\\!\s?|\\!,|\\,|\\ |')"
_MANNERS: tuple[tuple[Commas, str, str], ...] = (
    ("join", rf"(?:{_HARD}|,)", r"\d+(?:\.\d+)?|\.\d+"),
    ("part", _HARD, r"\d+(?:\.\d+)?|\.\d+"),
    ("decimal", _HARD, r"\d+(?:[.,]\d+)?|\.\d+"),
)
_NUMBERS: dict[Commas, re.Pattern[str]] = {
    commas: re.compile(
        rf"(?P<spaced>\d{{1,3}}(?: \d{{3}})+(?!\d|\s*/)(?:\.\d+)?)"
        rf"|(?P<grouped>\d{{1,3}}(?:{separator}\d{{3}})+(?!\d)(?:\.\d+)?)"
        rf"|(?P<points>\d{{1,3}}(?:\.\d{{3}}){{2,}}(?![\d.]))"
        rf"|(?P<european>\d{{1,3}}(?:\.\d{{3}})+,\d{{1,2}}(?!\d))"
        rf"|(?P<plain>{plain})",
        re.A,
    )
    for commas, separator, plain in _MANNERS
}
_E_NOTATION = re.compile(r"[eE]([-+]?\d{1,4})(?!\w|\.\d)", re.A)
_LETTERS = re.compile(r"[A-Za-z]+")
_COMMAND = re.compile(r"\\(?:[A-Za-z]+\*?|.)", re.S)
_SPACE = re.compile(r"(?:\s|~|&nbsp;)+")
_DROPPED_SPACES = frozenset([r"\,", r"\;", r"\:", r"\!", r"\ ", r"\>", r"\quad", r"\qquad", r"\thinspace", "\\\n"])
_DROPPED = frozenset(
    r"""\left \right \middle \big \Big \bigg \Bigg \bigl \bigr \Bigl \Bigr \biggl \biggr \Biggl \Biggr \bigm
    \displaystyle \textstyle \scriptstyle \scriptscriptstyle \limits \nolimits \boxed \fbox \boldsymbol \bm \mathbf
    \mathit \mathsf \mathtt \mathnormal \bf \it \underline \uline \ensuremath \mathord \mathopen \mathclose
    \mathbin \mathrel \strut \nonumber \notag \hline \centering \hfill \large \Large \small \normalsize \( \) \[ \]
    """.split()  # noqa: SIM905
)
_WITH_ARGUMENT = frozenset(
    [r"\color", r"\textcolor", r"\colorbox", r"\hspace", r"\vspace", r"\phantom", r"\hphantom", r"\tag", r"\label"]
)
_TEXT = frozenset(
    r"\text \mbox \textnormal \textrm \textbf \textit \emph \textsf \texttt \textup \hbox".split()  # noqa: SIM905
)
_ROMAN = frozenset([r"\mathrm", r"\operatorname", r"\operatorname*", r"\rm", r"\mathop"])
_SAME = {
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac", r"\dbinom": r"\binom", r"\tbinom": r"\binom",
    r"\leq": r"\le", r"\leqslant": r"\le", r"\geq": r"\ge", r"\geqslant": r"\ge", r"\neq": r"\ne", r"\lt": "<",
    r"\gt": ">", r"\lbrace": r"\{", r"\rbrace": r"\}", r"\lbrack": "[", r"\rbrack": "]", r"\dots": r"\ldots",
    r"\cdots": r"\ldots", r"\dotsc": r"\ldots", r"\dotsb": r"\ldots", r"\lvert": "|(", r"\rvert": "|)",
    r"\vert": "|", r"\|": "|", r"\Vert": "|", r"\lVert": "|(", r"\rVert": "|)", r"\mid": r"\mid", r"\colon": ":",
    r"\varnothing": r"\emptyset", r"\R": r"\mathbb{R}", r"\Reals": r"\mathbb{R}", r"\reals": r"\mathbb{R}",
    r"\backslash": r"\setminus", r"\smallsetminus": r"\setminus", r"\land": r"\wedge", r"\lor": r"\vee",
    r"\degree": "°", r"\degrees": "°", r"\textdegree": "°", r"\%": "%", r"\$": "$", r"\textdollar": "$", r"\&": "&",
    r"\_": "_", r"\prime": "'", r"\div": "/", r"\ast": r"\cdot", r"\simeq": r"\approx", r"\sim": r"\approx",
    r"\doteq": r"\approx", r"\bigcup": r"\cup", r"\bigcap": r"\cap", r"\infin": r"\infty", r"\choose": r"\choose",
    r"\varepsilon": r"\epsilon", r"\varphi": r"\phi", r"\vartheta": r"\theta", r"\varrho": r"\rho", r"\ell": r"\ell",
    r"\tg": r"\tan", r"\ctg": r"\cot", r"\arctg": r"\arctan", r"\cosec": r"\csc", r"\euro": "€", r"\pounds": "£",
    r"\yen": "¥", r"\lg": r"\lg", r"\land*": r"\wedge",
}  # fmt: skip
_PLAIN_SIGNS = ["<=", ">=", "!=", "==", "**", "=>", "->", ":="]
_PLAIN_SAME = {"<=": r"\le", ">=": r"\ge", "!=": r"\ne", "==": "=", "**": "^", ":=": "=", "*": r"\cdot"}


def tokens_of(text: str, commas: Commas = "join") -> list[Token]:
    """Raises Unreadable for characters that mean nothing, and for braces that do not match behind a command."""
    text = in_latex(with_backslashes(text))
    if r"\\begin" in text or r"\begin" not in text:
        text = re.sub(r"\\\\(?=[A-Za-z{}])", r"\\", text)  # written twice, as in JSON
    scanner = _Scanner(text, commas)
    scanner.scan(0, len(text), roman=False)
    return scanner.tokens


class _Scanner:
    def __init__(self, text: str, commas: Commas) -> None:
        self.text, self.tokens = text, list[Token]()
        self._number, self._spaced = _NUMBERS[commas], False
        self._delimiters = len(re.findall(r"(?<!\\)\$", text)) % 2 == 0

    def scan(self, position: int, end: int, roman: bool) -> None:
        """Reads the text from `position` to `end`, inside \\text or \\mathrm where `roman`."""
        text = self.text
        while position < end:
            if space := _SPACE.match(text, position, end):
                self._spaced = True
                position = space.end()
            elif number := self._number.match(text, position, end):
                position = self._add_number(number)
            elif letters := _LETTERS.match(text, position, end):
                position = self._add_letters(letters, roman)
            elif command := _COMMAND.match(text, position, end):
                position = self._add_command(command[0], command.end(), end, roman)
            else:
                position = self._add_sign(position, end)

    def _add(self, kind: Kind, text: str) -> None:
        self.tokens.append(Token(kind, text, self._spaced))
        self._spaced = False

    def _add_number(self, number: re.Match[str]) -> int:
        digits = number[0]
        if number["grouped"] or number["spaced"]:
            digits = re.sub(r"[^\d.]", "", digits, flags=re.A)
        elif number["points"]:
            digits = digits.replace(".", "")
        elif number["european"]:
            digits = digits.replace(".", "").replace(",", ".")
        self._add("number", digits.replace(",", "."))
        if exponent := _E_NOTATION.match(self.text, number.end()):
            for kind, text in (("command", r"\times"), ("number", "10"), ("sign", "^"), ("sign", "{")):
                self._add(kind, text)  # type: ignore[arg-type]
            if exponent[1][0] in "+-":
                self._add("sign", exponent[1][0])
            self._add("number", exponent[1].lstrip("+-"))
            self._add("sign", "}")
            return exponent.end()
        return number.end()

    def _add_letters(self, letters: re.Match[str], roman: bool) -> int:
        if letters[0] in ("np", "numpy", "math") and self.text.startswith(".", letters.end()):
            return letters.end() + 1
        self._add("word" if roman else "letters", letters[0])
        return letters.end()

    def _add_command(self, command: str, position: int, end: int, roman: bool) -> int:
        if command.startswith((r"\quad", r"\qquad")):
            self._spaced = True
            return position - len(command) + command.index("quad") + 4
        if command in _DROPPED_SPACES or (command == r"\\" and position >= end):
            self._spaced = self._spaced or command != r"\!"
        elif command in _DROPPED:
            if command == r"\mathbf" and (unit := re.compile(r"\s*\{([ijk])\}").match(self.text, position)):
                self._add("command", rf"\mathbf{{{unit[1]}}}")
                return unit.end()
            if command in (r"\left", r"\right", r"\middle"):
                return self._after_left_or_right(command, position, end)
        elif command in _WITH_ARGUMENT:
            return self._skip_argument(position, end)
        elif command in _TEXT or command in _ROMAN:
            start, stop, after = self._argument(position, end)
            first = len(self.tokens)
            self.scan(start, stop, roman=True)
            _single_constants(self.tokens, first)
            return after
        elif command in (r"\mathbb", r"\mathcal", r"\mathfrak", r"\mathscr", r"\begin", r"\end"):
            start, stop, after = self._argument(position, end)
            name = self.text[start:stop].strip()
            if command in (r"\begin", r"\end"):
                self._add("begin" if command == r"\begin" else "end", name.rstrip("*"))
            else:
                self._add("command", _SAME.get(f"{command}{{{name}}}", f"{command}{{{name}}}"))
            return after
        elif command == r"\not":
            found = re.compile(r"\s*(=|\\in(?![A-Za-z]))").match(self.text, position)
            if not found:
                raise Unreadable(r"\not")
            self._add("command", r"\ne" if found[1] == "=" else r"\notin")
            return found.end()
        else:
            same = _SAME.get(command, command)
            self._add("command" if same[0] == "\\" and same not in (r"\{", r"\}") else "sign", same)
        return position

    def _after_left_or_right(self, command: str, position: int, end: int) -> int:
        following = re.compile(r"\s*(\\?[.|])").match(self.text, position, end)
        if not following:
            return position
        if following[1] == ".":
            return following.end()
        self._add("sign", "|" if command == r"\middle" else "|(" if command == r"\left" else "|)")
        return following.end()

    def _add_sign(self, position: int, end: int) -> int:
        if self.text.startswith("...", position):
            self._add("command", r"\ldots")
            return position + 3
        two = self.text[position : position + 2] if position + 1 < end else ""
        if two in _PLAIN_SIGNS and not (two == "!=" and self.text[position - 1 : position] in tuple("0123456789)")):
            same = _PLAIN_SAME.get(two, two)
            self._add("command" if same[0] == "\\" else "sign", same)
            return position + 2
        sign = self.text[position]
        if sign == "$":
            if not self._delimiters and self.text[position + 1 : position + 2].isdigit():
                self._add("sign", "$")
            else:
                self._spaced = True
        elif sign == "`" or not sign.isprintable() or not (sign.isascii() or sign in "€£¥°"):
            raise Unreadable(f"the character {sign!r}")
        else:
            same = _PLAIN_SAME.get(sign, sign)
            self._add("command" if same[0] == "\\" else "sign", same)
        return position + 1

    def _argument(self, position: int, end: int) -> tuple[int, int, int]:
        """Start and end of what a command applies to, and where the text goes on: a group, or one character."""
        while position < end and self.text[position].isspace():
            position += 1
        if position >= end:
            raise Unreadable("a command without its argument")
        if self.text[position] != "{":
            command = _COMMAND.match(self.text, position, end)
            stop = command.end() if command else position + 1
            return position, stop, stop
        depth, index = 0, position
        while index < end:
            character = self.text[index]
            if character == "\\":
                index += 1
            depth += (character == "{") - (character == "}")
            if depth == 0:
                return position + 1, index, index + 1
            index += 1
        raise Unreadable("a brace that is not closed")

    def _skip_argument(self, position: int, end: int) -> int:
        return self._argument(position, end)[2]


def _single_constants(tokens: list[Token], first: int) -> None:
    r"""A lone roman e or i is the constant: \mathrm{e}^2, 3-4\mathrm{i}."""
    if len(tokens) == first + 1 and tokens[first].kind == "word" and tokens[first].text in ("e", "i"):
        tokens[first] = Token("letters", tokens[first].text, tokens[first].spaced)
