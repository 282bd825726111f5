r"""Finding the answer in a response: the last balanced box, or the rule of the prompt's template.

Nothing here understands mathematics. Every rule is a few passes over the text without backtracking, so that a hostile
response costs time in proportion to its length. A rule returns None where the response gives no answer.
"""

import re
from typing import Literal, get_args

ExtractionRule = Literal["boxed", "answer_tag", "answer_line", "free"]
EXTRACTION_RULES: tuple[ExtractionRule, ...] = get_args(ExtractionRule)

_BOX = re.compile(r"\\(?:boxed|fbox)[ \t\n]{0,4}\{|\\boxed[ \t]{1,4}([0-9A-Za-z.+-]{1,20})[ \t]{0,4}\$")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_GAP = r"(?:[\s$~.]|\\[,;!\s\[\]()]|\\q?quad\b)"
_AND = r"(?:,|;|(?:[A-Za-z]{1,15} )?and\b|\\text\s?\{\s?and\s?\})"
_JOINS_BOXES = re.compile(rf"{_GAP}*{_AND}(?:{_GAP}|{_AND})*")
_LINE = re.compile(r"^[ \t*#>]{0,20}(?:final[ \t]+)?answer[ \t*]{0,20}:[ \t*]{0,20}(\S[^\n]*)$", re.I | re.M)
_STRONG = re.compile(r"\b(?:final\s+)?answer\b[\s*]{0,8}(?:is\b|are\b|equals\b|:|=)?[\s:*]{0,8}", re.I)
_WEAK = re.compile(r"\b(?:therefore|thus|hence|so)\b,?", re.I)
_FORMULA = re.compile(
    r"\$\$([^$]{1,2000})\$\$|(?<!\\)\$((?:[^$\\]|\\.){1,2000})\$|\\\((.{1,2000}?)\\\)|\\\[(.{1,2000}?)\\\]", re.S
)
_NUMBER = re.compile(r"(?<![\w.\\])[-+]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?(?:\s?\\?%)?(?![\w{])", re.A)
_QUANTITY = re.compile(r"[-+$]{0,2}[\d,.]+(?:[ ][A-Za-z]+){1,4}\.?", re.A)
_PROSE = re.compile(r"(?<![\\A-Za-z{])(?!and\b|or\b)[A-Za-z]{2,}(?![A-Za-z]*\})")
_CHAT_TOKEN = re.compile(r"<\|[a-z_]{1,20}\|>")
_POLITE = re.compile(r"I hope (?:it|this) is correct")
_TAIL, _LONGEST_BARE, _LONGEST_JOINT = 6000, 400, 60


def extract(text: str, rule: ExtractionRule) -> str | None:
    r"""The answer's own text by one rule.

    * `boxed`: the last balanced \boxed{…} or \fbox{…}; boxes joined by a comma or "and" are one list.
    * `answer_tag`: the last <answer>…</answer>; a box inside it is opened.
    * `answer_line`: the last line `Answer: …`; a box inside it is opened.
    * `free`, for files of answers whose form is not known: a box; else the text itself, where it is short and no
      prose; else the last formula or number after the last "answer is", "therefore" or the like; else the last formula.
    """
    if rule == "boxed":
        return last_box(text)
    if rule == "answer_tag":
        end = text.rfind("</answer>")
        start = text.rfind("<answer>", 0, max(end, 0))
        return None if start < 0 else _opened(text[start + len("<answer>") : end])
    if rule == "answer_line":
        lines = _LINE.findall(text[-_TAIL:])
        return _opened(lines[-1]) if lines else None
    if r"\boxed" in text:
        return last_box(text)
    return _free(text[-_TAIL:])


def last_box(text: str) -> str | None:
    r"""What the last balanced box holds, or None. `\boxed 2$`, without braces, counts too."""
    boxes = _outer_boxes(text)
    if not boxes:
        return None
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
    return ", ".join(contents)


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
        if found[1]:
            boxes.append((found.start(), found.end(1), found[1]))
        elif (closing := closed_by.get(found.end() - 1)) is not None:
            boxes.append((found.start(), closing + 1, text[found.end() : closing]))
            position = closing + 1
    return boxes


def _opened(text: str) -> str:
    inner = last_box(text)
    return text.strip() if inner is None else inner


def _free(text: str) -> str | None:
    text = next((part for part in _CHAT_TOKEN.split(text) if part.strip()), "")
    if polite := list(_POLITE.finditer(text)):
        text = text[: polite[-1].start()]
    text = text.strip()
    strong, weak = list(_STRONG.finditer(text)), list(_WEAK.finditer(text))
    bare = len(text) <= _LONGEST_BARE and (_QUANTITY.fullmatch(text) or len(_PROSE.findall(text)) <= 1)
    if bare and not strong and not weak:
        return text or None
    for marker in [*strong[::-1][:3], *weak[::-1][:3]]:
        rest = text[marker.end() :].strip(" .\n")
        found = [*_FORMULA.finditer(rest), *_NUMBER.finditer(_FORMULA.sub(lambda m: " " * len(m[0]), rest))]
        if found:
            return _inside(max(found, key=lambda match: match.start()))
        if rest and marker in strong and len(rest) <= _LONGEST_BARE and len(rest.split()) <= 3:
            return rest
    formulas = list(_FORMULA.finditer(text))
    return _inside(formulas[-1]) if formulas else None


def _inside(match: re.Match[str]) -> str:
    """The formula without its dollars or brackets; a number as it stands."""
    return next((group for group in match.groups() if group is not None), match[0]).strip()
