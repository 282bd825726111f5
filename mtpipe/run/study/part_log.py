"""What the log of a part says: its stages' own words, and how it ended."""

import re
from pathlib import Path


def last_words(log: Path) -> str:
    """What the log of a failed part ends with: the stage's own message, if it wrote one."""
    try:
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    said = [line for line in lines if re.match(r"error in stage |[\w.]*(Error|Exception|Interrupt)\b", line)]
    return said[-1] if said else ""


def was_interrupted(message: str) -> bool:
    """Whether Ctrl-C ended a stage, which its part takes for a failure if it was not told itself."""
    return re.fullmatch(r"KeyboardInterrupt|.*, exited with (-2|130)", message, re.DOTALL) is not None


def said(log: Path) -> list[str]:
    """The lines of a log that are the stages' own, not DVC's about them."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return [line for line in lines if line.strip() and not line.startswith(("Running stage '", "> ", "Stage '"))]
