r"""The units that the reader knows, and how they are put together: `cm^2`, `square inches`, `km/h`, `erg s^{-1}`.

A unit has a size in base units and the powers of these. What stands behind a number and is no unit of this list is at
most a label (`18 \text{ kids}`), and only if it is written in words.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from mtpipe.verify.reader.groups import Group, Item, is_sign
from mtpipe.verify.reader.tokens import Token
from mtpipe.verify.values.kinds import Powers, Unit


def _table() -> dict[str, tuple[Fraction, Powers]]:
    table: dict[str, tuple[Fraction, Powers]] = {}

    def define(names: str, size: str | int | Fraction, **powers: int) -> None:
        entry = Fraction(size), tuple(sorted((name, Fraction(power)) for name, power in powers.items()))
        table.update(dict.fromkeys(names.replace("_", " ").split("|"), entry))

    define("m|meter|meters|metre|metres", 1, m=1)
    define("in|inch|inches", "0.0254", m=1)
    define("ft|foot|feet", "0.3048", m=1)
    define("yd|yard|yards", "0.9144", m=1)
    define("mi|mile|miles", "1609.344", m=1)
    define("AU|au", 149597870700, m=1)
    define("ly", 9460730472580800, m=1)
    define("pc|parsec|parsecs", 30856775814913673, m=1)
    define("angstrom|angstroms|Å", Fraction(1, 10**10), m=1)
    define("micron|microns", Fraction(1, 10**6), m=1)
    define("acre|acres", "4046.8564224", m=2)
    define("hectare|hectares|ha", 10000, m=2)
    define("l|L|liter|liters|litre|litres", "0.001", m=3)
    define("gal|gallon|gallons", "0.003785411784", m=3)
    define("qt|quart|quarts", "0.000946352946", m=3)
    define("pint|pints", "0.000473176473", m=3)
    define("cup|cups", "0.0002365882365", m=3)
    define("g|gram|grams", "0.001", kg=1)
    define("lb|lbs|pound|pounds", "0.45359237", kg=1)
    define("oz|ounce|ounces", "0.028349523125", kg=1)
    define("ton|tons|tonne|tonnes", 1000, kg=1)
    define("s|sec|secs|second|seconds", 1, s=1)
    define("min|mins|minute|minutes", 60, s=1)
    define("h|hr|hrs|hour|hours", 3600, s=1)
    define("day|days", 86400, s=1)
    define("week|weeks", 604800, s=1)
    define("month|months", 2628000, s=1)
    define("yr|yrs|year|years", 31536000, s=1)
    define("mph", "0.44704", m=1, s=-1)
    define("kph|kmh", Fraction(5, 18), m=1, s=-1)
    define("rpm", Fraction(1, 60), s=-1)
    define("Hz|hertz", 1, s=-1)
    define("N|newton|newtons", 1, kg=1, m=1, s=-2)
    define("dyn|dyne|dynes", Fraction(1, 10**5), kg=1, m=1, s=-2)
    define("J|joule|joules", 1, kg=1, m=2, s=-2)
    define("erg|ergs", Fraction(1, 10**7), kg=1, m=2, s=-2)
    define("eV", "1.602176634e-19", kg=1, m=2, s=-2)
    define("cal|calorie|calories", "4.184", kg=1, m=2, s=-2)
    define("Wh", 3600, kg=1, m=2, s=-2)
    define("W|watt|watts", 1, kg=1, m=2, s=-3)
    define("Pa|pascal|pascals", 1, kg=1, m=-1, s=-2)
    define("bar", 100000, kg=1, m=-1, s=-2)
    define("atm", 101325, kg=1, m=-1, s=-2)
    define("A|amp|amps|ampere|amperes", 1, A=1)
    define("C|coulomb|coulombs", 1, A=1, s=1)
    define("V|volt|volts", 1, A=-1, kg=1, m=2, s=-3)
    define("F|farad|farads", 1, A=2, kg=-1, m=-2, s=4)
    define(r"\Omega|ohm|ohms", 1, A=-2, kg=1, m=2, s=-3)
    define("T|tesla", 1, A=-1, kg=1, s=-2)
    define("G|gauss", Fraction(1, 10**4), A=-1, kg=1, s=-2)
    define("K|kelvin|kelvins", 1, K=1)
    define("mol|mole|moles", 1, mol=1)
    define("M", 1000, mol=1, m=-3)
    define("°C", 1, celsius=1)
    define("°F", 1, fahrenheit=1)
    define("°|degree|degrees|deg", 1, degree=1)
    define("rad|radian|radians", 1, radian=1)
    define("$|dollar|dollars|USD|buck|bucks", 1, dollar=1)
    define("cent|cents|¢", "0.01", dollar=1)
    define("€|euro|euros|EUR", 1, euro=1)
    define("£|GBP", 1, sterling=1)
    define("¥|yen|JPY|yuan|RMB|CNY", 1, yen=1)
    define("unit|units", 1, unit=1)
    define("bit|bits", 1, bit=1)
    define("byte|bytes|B", 8, bit=1)
    define("%|percent|percentage|pct", Fraction(1, 100))
    prefixes = {"k": 3, "M": 6, "G": 9, "T": 12, "c": -2, "m": -3, r"\mu": -6, "n": -9, "p": -12, "d": -1, "h": 2}
    for name in ("m", "g", "s", "l", "L", "N", "J", "eV", "W", "Wh", "Pa", "Hz", "A", "V", "F", "T", "mol", "cal", "B",
                 "M", r"\Omega", "bar", "pc", "C", "K"):  # fmt: skip
        size, powers = table[name]
        for prefix, power in prefixes.items():
            table.setdefault(prefix + name, (size * Fraction(10) ** power, powers))
    for prefix, power in {"kilo": 3, "centi": -2, "milli": -3, "mega": 6, "micro": -6, "nano": -9, "giga": 9}.items():
        for name in ("meter", "metre", "gram", "liter", "litre", "second", "watt", "joule", "volt", "hertz", "byte"):
            size, powers = table[name]
            for ending in ("", "s"):
                table.setdefault(prefix + name + ending, (size * Fraction(10) ** power, powers))
    return table


UNITS = _table()
PERCENT = Unit(*UNITS["%"])
_SQUARES = {"square": 2, "squared": 2, "sq": 2, "cubic": 3, "cubed": 3, "cu": 3}
LETTERS = frozenset(name for name in UNITS if len(name) == 1 and name.isalpha()) - {"C", "F", "K", "M", "T", "B", "G"}
"""Units of one letter that are read as such in plain letters too, behind a space."""
UNLABELLED = frozenset(
    """
    and or to of times plus minus over by per not no non than at least most about between squared cubed square root
    half third quarter percent percentage hundred thousand million billion trillion dozen dozens score pairs pair
    twice double triple factorial mod modulo base where if for when with either infinity pi is are equals each more less
    """.split()  # noqa: SIM905
)
"""Words that are no label: they change what the number before them means."""


def read_unit(items: Sequence[Item]) -> Unit | None:
    """The unit that all items together are, or None."""
    unit, place = _product(items, 0)
    return unit if unit is not None and place == len(items) else None


def _product(items: Sequence[Item], place: int) -> tuple[Unit | None, int]:
    total: Unit | None = None
    power = Fraction(1)
    while place < len(items):
        item = items[place]
        if is_sign(item, r"\cdot", r"\times", "-") and total is not None:
            place += 1
        elif is_sign(item, "/") or _is_word(item, "per"):
            if total is None:
                return None, place
            power, place = Fraction(-1), place + 1
        elif is_sign(item, ".") and total is not None:
            place += 1
        else:
            factor, following = _factor(items, place)
            if factor is None:
                return total, place
            total, place = multiplied(total or Unit(), factor, power), following
    return total, place


def _factor(items: Sequence[Item], place: int) -> tuple[Unit | None, int]:
    """One unit with the powers before and behind it."""
    item, power = items[place], Fraction(1)
    if isinstance(item, Token) and item.text.lower() in ("square", "sq", "cubic", "cu") and place + 1 < len(items):
        power, place = Fraction(_SQUARES[item.text.lower()]), place + 1
        if is_sign(items[place], ".") and place + 1 < len(items):
            place += 1
        item = items[place]
    unit, place = _one(items, place)
    if unit is None:
        return None, place
    while place < len(items):
        following = items[place]
        if isinstance(following, Token) and following.text in ("squared", "cubed"):
            power *= _SQUARES[following.text]
            place += 1
        elif is_sign(following, "^") and place + 1 < len(items):
            exponent = _exponent(items[place + 1 : place + 3])
            if exponent is None:
                return None, place
            power *= exponent[0]
            place += 1 + exponent[1]
        else:
            break
    return multiplied(Unit(), unit, power), place


def _one(items: Sequence[Item], place: int) -> tuple[Unit | None, int]:
    item = items[place]
    if is_sign(item, r"\frac") and place + 2 < len(items):
        above, below = (_argument(items[place + step]) for step in (1, 2))
        top, bottom = read_unit(above), read_unit(below)
        return (multiplied(top, bottom, Fraction(-1)) if top and bottom else None), place + 3
    if isinstance(item, Group) and item.opening in ("(", "{", "["):
        return read_unit(item.items), place + 1
    if is_sign(item, "^") and place + 1 < len(items) and _argument(items[place + 1])[:1]:
        inside = _argument(items[place + 1])
        if len(inside) == 1 and is_sign(inside[0], r"\circ", "°"):
            return _scale(items, place + 2)
    if is_sign(item, "°"):
        return _scale(items, place + 1)
    if is_sign(item, r"\mu") and place + 1 < len(items) and isinstance(items[place + 1], Token):
        name = r"\mu" + items[place + 1].text  # type: ignore[union-attr]
        return (Unit(*UNITS[name]), place + 2) if name in UNITS else (None, place)
    if isinstance(item, Token) and item.text in UNITS and item.kind != "number":
        return Unit(*UNITS[item.text]), place + 1
    if isinstance(item, Token) and item.kind == "word" and len(item.text) > 2 and item.text.lower() in UNITS:
        return Unit(*UNITS[item.text.lower()]), place + 1
    return None, place


def _scale(items: Sequence[Item], place: int) -> tuple[Unit, int]:
    """Degrees of an angle, or of Celsius or Fahrenheit."""
    following = items[place] if place < len(items) else None
    if isinstance(following, Token) and following.text in ("C", "F", "Celsius", "Fahrenheit"):
        return Unit(*UNITS["°" + following.text[0]]), place + 1
    return Unit(*UNITS["°"]), place


def _argument(item: Item) -> tuple[Item, ...]:
    return item.items if isinstance(item, Group) and item.opening == "{" else (item,)


def _exponent(items: Sequence[Item]) -> tuple[Fraction, int] | None:
    """A whole power and how many items it takes."""
    inside = _argument(items[0])
    text = "".join(item.text if isinstance(item, Token) else "?" for item in inside)
    if text in ("-", "+") and len(items) > 1 and not isinstance(items[0], Group):
        following = items[1]
        text, taken = text + (following.text if isinstance(following, Token) else "?"), 2
    else:
        taken = 1
    return (Fraction(int(text)), taken) if re.fullmatch(r"[-+]?\d{1,2}", text, re.A) else None


def multiplied(left: Unit, right: Unit, power: Fraction) -> Unit:
    """The first unit times a power of the second."""
    powers = dict(left.powers)
    for name, exponent in right.powers:
        powers[name] = powers.get(name, Fraction(0)) + exponent * power
    size = left.size * right.size ** int(power)
    return Unit(size, tuple(sorted((name, exponent) for name, exponent in powers.items() if exponent)))


def _is_word(item: Item, word: str) -> bool:
    return isinstance(item, Token) and item.kind in ("word", "letters") and item.text == word


def label_of(items: Sequence[Item]) -> Unit | None:
    """Words behind a number that are no unit and do not change it; None if they might."""
    words = []
    for item in items:
        if is_sign(item, ".", "-"):
            continue
        if not isinstance(item, Token) or item.kind not in ("word", "letters"):
            return None
        if item.kind == "letters" and len(item.text) < 3:
            return None
        words.append(item.text.lower())
    if not words or len(words) > 6 or any(word in UNLABELLED for word in words):
        return None
    if len(words) == 1 and len(words[0]) < 2:
        return None
    return Unit(label=" ".join(word.rstrip("s") for word in words))
