r"""Finding the answer in a response: one idea, the last answer that is given, and what a template's rule takes for one.

Nothing here understands mathematics. Every rule is a few passes over the text without backtracking, so that a hostile
response costs time in proportion to its length. What a reasoning model thinks, between <think> and </think>, is no
answer. A rule returns None if the response gives none.
"""

import re
from itertools import pairwise
from typing import Literal, get_args

from mtpipe.verify.reader.characters import with_backslashes

ExtractionRule = Literal["boxed", "answer_tag", "answer_line", "any"]
EXTRACTION_RULES: tuple[ExtractionRule, ...] = get_args(ExtractionRule)

_BOX = re.compile(
    r"\\(?:boxed|fbox)[ \t\n]{0,4}\{|\\boxed[ \t]{0,4}(?<!\\boxed)([0-9A-Za-z.+-]{1,20})|\\boxed([0-9][0-9.,]{0,19})"
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_GAP = r"(?:[\s$~.]|\\[,;!\s\[\]()]|\\q?quad\b)"
_AND = r"(?:,|;|(?:[A-Za-z]{1,15} )?(?:and|or)\b|\\text\s?\{\s?(?:and|or)\s?\})"
_JOINS_BOXES = re.compile(rf"{_GAP}*{_AND}(?:{_GAP}|{_AND})*")
_LINE = re.compile(r"^[ \t*_#>]{0,20}(?:final[ \t]+)?answer[ \t*_]{0,20}:[ \t*_]{0,20}(\S[^\n]*)$", re.I | re.M)
_SAYS = re.compile(
    r"####|\b(?:final\s+)?answers?\b[\s*_]{0,8}(?:is\b|are\b|equals\b|would be\b|:|=)[\s:*_}]{0,8}", re.I
)
_FINAL = re.compile(r"####|\bfinal\s+answer\b[\s*_]{0,8}(?:is\b|:)|^[ \t*_#>]{0,20}answer[ \t*_]{0,8}:", re.I | re.M)
_CONCLUDES = re.compile(r"\b(?:therefore|thus|hence|so)\b,?", re.I)
_FORMULA = re.compile(
    r"\$\$([^$]{1,2000})\$\$|(?<!\\)\$((?:[^$\\]|\\.){1,2000})\$|\\\((.{1,2000}?)\\\)|\\\[(.{1,2000}?)\\\]", re.S
)
_DISPLAY = re.compile(r"\s{0,20}(?:\$\$([^$]{1,2000})\$\$|\\\[(.{1,2000}?)\\\])", re.S)
_BETWEEN = re.compile(rf"(?:{_GAP}|{_AND})*")
_IS = re.compile(r"\b(?:is|are|equals)\b\s*")
_PROSE = re.compile(
    r"(?<![\\A-Za-z{_^])(?!(?:and|or|sqrt|sin|cos|tan|log|ln|pi|arctan|arcsin)\b)[A-Za-z]{2,}(?![A-Za-z]*\})"
)
_QUANTITY = re.compile(r"[-+$€£]{0,2}[\d,./]*\d(?:[ ]?%)?(?:[ ][A-Za-z]+){0,4}\.?", re.A)
_NUMBER = re.compile(r"(?<![\w.,/\\])[-+$]{0,2}\d[\d,]*(?:\.\d+)?(?:/\d+)?%?(?![\w/])", re.A)
_DOLLAR = re.compile(r"(?<!\\)\$")
_STOP = re.compile(r"\.(?=\s|$)|[!?](?=\s|$)|\n")
_CHAT_TOKEN = re.compile(r"<\|[a-z_]{1,20}\|>")
_TAIL, _LONGEST_BARE, _LONGEST_JOINT, _SENTENCE = 6000, 400, 60, 800


def extract(text: str, rule: ExtractionRule) -> str | None:
    r"""The answer's own text by one rule.

    * `boxed`: the last balanced \boxed{…} or \fbox{…} that is not empty; boxes joined by a comma, "and" or "or" are one
      list.
    * `answer_tag`: the last <answer>…</answer>; a box inside it is opened.
    * `answer_line`: the last line `Answer: …`, in bold or not; a box inside it is opened.
    * `any`, for responses whose form is not known: a box, unless `Final answer: …`, `#### …` or a line `Answer: …`
      comes after it; else the tag; else what stands behind the last "answer is", `####` or the like, as a whole; else
      the text itself, or its last line, if it is short and no prose; else the last formula.
    """
    text = _said(with_backslashes(text))
    if rule == "boxed":
        return last_box(text)
    if rule == "answer_tag":
        return _in_tag(text)
    if rule == "answer_line":
        lines = _LINE.findall(text[-_TAIL:])
        return _opened(_without_marks(lines[-1])) if lines else None
    return _any(text)


def _said(text: str) -> str:
    """What is not thought: behind the last </think>, and up to a <think> that does not end."""
    start = text.rfind("</think>")
    if start >= 0:
        text = text[start + len("</think>") :]
    unfinished = text.find("<think>")
    return text if unfinished < 0 else text[:unfinished]


def last_box(text: str) -> str | None:
    r"""What the last balanced box that is not empty holds, or None. `\boxed 2`, without braces, counts too."""
    found = _last_box(text)
    return None if found is None else found[1]


def _last_box(text: str) -> tuple[int, str] | None:
    """Where the last box ends, and what it and those that are joined to it hold."""
    boxes = _outer_boxes(text)
    while boxes and not boxes[-1][2].strip():
        boxes.pop()
    if not boxes:
        return None
    end = boxes[-1][1]
    joint = [boxes.pop()]
    while boxes and joint[0][0] - boxes[-1][1] <= _LONGEST_JOINT:
        if not _JOINS_BOXES.fullmatch(text, boxes[-1][1], joint[0][0]):
            break
        joint.insert(0, boxes.pop())
        if len(joint) > 50:
            break
    contents = []
    for _, _, content in joint:
        for _ in range(5):
            inner = _outer_boxes(content)
            if not inner:
                break
            content = inner[-1][2]
        contents.append(content.strip())
    alternatives = any(re.search(r"\bor\b", text[one[1] : two[0]]) for one, two in pairwise(joint))
    return end, (" or " if alternatives else ", ").join(contents)


def _outer_boxes(text: str) -> list[tuple[int, int, str]]:
    """Start, end and content of each balanced box that lies in no other."""
    if r"\boxed" not in text and r"\fbox" not in text:
        return []
    closed_by, open_braces = {}, []
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            open_braces.append(brace.start())
        elif brace[0] == "}" and open_braces:
            closed_by[open_braces.pop()] = brace.start()
    boxes, position = [], 0
    while found := _BOX.search(text, position):
        position = found.end()
        if bare := found[1] or found[2]:
            boxes.append((found.start(), found.end(), bare.rstrip(".,")))
        elif (closing := closed_by.get(found.end() - 1)) is not None:
            boxes.append((found.start(), closing + 1, text[found.end() : closing]))
            position = closing + 1
    return boxes


def _opened(text: str) -> str:
    inner = last_box(text)
    return text.strip() if inner is None else inner


def _in_tag(text: str) -> str | None:
    end = text.rfind("</answer>")
    start = text.rfind("<answer>", 0, max(end, 0))
    return None if start < 0 else _opened(text[start + len("<answer>") : end])


def _without_marks(text: str) -> str:
    """Without what markdown puts around it."""
    return text.strip(" \t*_")


def _any(text: str) -> str | None:
    text = next((part for part in _CHAT_TOKEN.split(text) if part.strip()), "")
    box, offset = _last_box(text), max(0, len(text) - _TAIL)
    tail = text[offset:]
    finals = [mark for mark in _FINAL.finditer(tail) if box is None or mark.start() + offset >= box[0]]
    if box is not None:
        stated = _stated(tail, finals[-1].end()) if finals else None
        return box[1] if stated is None else stated
    if (tagged := _in_tag(text)) is not None:
        return tagged
    text = tail.strip()
    for mark in reversed(list(_SAYS.finditer(text))[-3:]):
        if (stated := _stated(text, mark.end())) is not None:
            return stated
    return _bare(text) or _concluded(text)


def _stated(text: str, start: int) -> str | None:
    """The answer in the sentence, line or displayed formula that begins at `start`; None if there is none."""
    if display := _DISPLAY.match(text, start):
        return (display[1] or display[2]).strip()
    sentence = text[start : start + _SENTENCE].lstrip(" \t\n}:*_")
    for stop in _STOP.finditer(sentence):
        if len(_DOLLAR.findall(sentence, 0, stop.start())) % 2 == 0:
            sentence = sentence[: stop.start()]
            break
    return _reduced(_without_marks(sentence.rstrip(". \t")), 4)


def _reduced(text: str, words: int) -> str | None:
    """The answer without the prose around it, never a part of a formula."""
    prose = list(_PROSE.finditer(text))
    if not text or not prose or _QUANTITY.fullmatch(text):
        return text or None
    formulas, says = list(_FORMULA.finditer(text)), list(_IS.finditer(text))
    if (
        says
        and re.search(r"[\d$\\]", text[says[-1].end() :])
        and (not formulas or says[-1].start() >= formulas[-1].end())
    ):
        return _reduced(text[says[-1].end() :].strip(" ,"), words)
    if formulas:
        return _last_formulas(text)
    head = text[: prose[0].start()].strip(" ,;:")
    if re.search(r"[\d\\]", head):
        return head
    numbers = _NUMBER.findall(text)
    if len(numbers) == 1 and "\\" not in text:
        return numbers[0]
    return text if len(text.split()) <= words and not numbers else None


def _last_formulas(text: str) -> str | None:
    """The last formula between dollars or brackets, with those that are joined to it."""
    formulas = list(_FORMULA.finditer(text))
    if not formulas:
        return None
    first = last = formulas.pop()
    while formulas and _BETWEEN.fullmatch(text, formulas[-1].end(), first.start()):
        first = formulas.pop()
    return text[first.start() : last.end()]


def _bare(text: str) -> str | None:
    """The text, or its last line, where that is no more than an answer."""
    for part in (text, text.rpartition("\n")[2].strip()):
        bare = len(part) <= _LONGEST_BARE and (_QUANTITY.fullmatch(part) or len(_PROSE.findall(part)) <= 1)
        if bare and not _SAYS.search(part) and not _CONCLUDES.search(part):
            return part or None
    return None


def _concluded(text: str) -> str | None:
    """What is stated behind a "therefore", or the last formula of the whole text."""
    for mark in reversed(list(_CONCLUDES.finditer(text))[-3:]):
        if (found := _stated(text, mark.end())) is not None:
            return found
    return _last_formulas(text)
