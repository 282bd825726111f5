"""Numbers with units: the unit spelled otherwise, left out, or exchanged for another one."""

import re

from .rewriting import TABLE

NAMES = {
    "cm": ("centimeters", "km"), "m": ("meters", "mm"), "km": ("kilometers", "m"), "mm": ("millimeters", "cm"),
    "ft": ("feet", "in"), "in": ("inches", "ft"), "kg": ("kilograms", "g"), "g": ("grams", "kg"),
    "mph": ("miles per hour", "km"), "hours": ("hours", "minutes"), "minutes": ("minutes", "hours"),
    "seconds": ("seconds", "minutes"), "days": ("days", "weeks"), "feet": ("ft", "inches"), "inches": ("in", "feet"),
    "meters": ("m", "km"), "miles": ("miles", "kilometers"), "dollars": ("dollars", "cents"),
    "cents": ("cents", "dollars"), "degrees": ("degrees", "radians"), "years": ("years", "days"),
    "square units": ("square units", "cm"), "units": ("units", "square units"), "pounds": ("pounds", "ounces"),
}  # fmt: skip
"""A unit, another name of it, and the name of another unit."""
NUMBER = r"(-?\d+(?:\.\d+)?|\\frac\{\d+\}\{\d+\})"


def _parts(text: str) -> tuple[str, str, str] | None:
    """Number, unit and power of what is a number with one unit of the list."""
    found = re.fullmatch(
        NUMBER + r"[ ~]*(?:\\,)?\\(?:text|mbox|mathrm|textrm) ?\{ ?([a-z ]+?)\.? ?\}(\^\{?[23]\}?)?", text
    )
    return (found[1], found[2], found[3] or "") if found and found[2] in NAMES else None


@TABLE.keeps
def unit_left_out(text: str) -> str | None:
    found = _parts(text)
    return found[0] if found else None


@TABLE.keeps
def unit_in_roman(text: str) -> str | None:
    found = _parts(text)
    return rf"{found[0]}\,\mathrm{{{found[1]}}}{found[2]}" if found and " " not in found[1] else None


@TABLE.keeps
def unit_in_plain_letters(text: str) -> str | None:
    found = _parts(text)
    return f"{found[0]} {found[1]}{found[2]}" if found else None


@TABLE.keeps
def unit_by_its_other_name(text: str) -> str | None:
    found = _parts(text)
    if not found or NAMES[found[1]][0] == found[1]:
        return None
    return rf"{found[0]} \text{{ {NAMES[found[1]][0]}}}{found[2]}" if not found[2] else None


@TABLE.changes
def another_unit(text: str) -> str | None:
    found = _parts(text)
    return rf"{found[0]} \text{{ {NAMES[found[1]][1]}}}{found[2]}" if found and found[0] != "0" else None


@TABLE.changes
def power_of_a_unit(text: str) -> str | None:
    found = _parts(text)
    if not found or found[1] not in ("cm", "m", "km", "mm", "ft", "in") or found[0] == "0":
        return None
    return rf"{found[0]} \text{{ {found[1]}}}{'' if found[2] else '^2'}"


@TABLE.changes
def number_with_its_unit_changed(text: str) -> str | None:
    found = _parts(text)
    if not found or not re.fullmatch(r"\d+", found[0]):
        return None
    return rf"{int(found[0]) + 1} \text{{ {found[1]}}}{found[2]}"


@TABLE.changes
def sign_of_a_number_with_a_unit(text: str) -> str | None:
    found = _parts(text)
    return f"-{text}" if found and found[0] != "0" and not found[0].startswith("-") else None


@TABLE.keeps
def dollar_sign_left_out(text: str) -> str | None:
    found = re.fullmatch(r"\\\$ ?(\d+(?:\.\d+)?)", text)
    return found[1] if found else None


@TABLE.keeps
def dollars_in_a_word(text: str) -> str | None:
    found = re.fullmatch(r"\\\$ ?(\d+(?:\.\d+)?)", text)
    return rf"{found[1]} \text{{ dollars}}" if found else None


@TABLE.changes
def cents_for_dollars(text: str) -> str | None:
    found = re.fullmatch(r"\\\$ ?(\d+(?:\.\d+)?)", text)
    return rf"{found[1]} \text{{ cents}}" if found and float(found[1]) else None


@TABLE.changes
def amount_of_money_ten_times(text: str) -> str | None:
    found = re.fullmatch(r"\\\$ ?(\d+)", text)
    return rf"\${found[1]}0" if found and int(found[1]) else None
