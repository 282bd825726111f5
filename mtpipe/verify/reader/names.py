r"""Names that a formula may hold: functions, greek letters, constants and decorations, in LaTeX and as typed."""

from mtpipe.verify.values.formula import INFINITY

_PRINCIPAL = """
    sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth arsinh arcosh artanh
    ln log lg exp cis max min gcd lcm sgn
    """.split()  # noqa: SIM905
_OTHER = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "arcsinh": "arsinh", "arccosh": "arcosh",
    "arctanh": "artanh", "asinh": "arsinh", "acosh": "arcosh", "atanh": "artanh", "sign": "sgn", "abs": "abs",
    "floor": "floor", "ceil": "ceil", "Re": "re", "Im": "im", "arg": "arg", "factorial": "factorial",
    "GCD": "gcd", "LCM": "lcm", "tg": "tan", "ctg": "cot",
}  # fmt: skip
FUNCTION_NAMES = {name: name for name in _PRINCIPAL} | _OTHER
"""As written, in LaTeX behind a backslash or in plain letters, and what the formula calls it."""
INVERSE = {name: f"arc{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc")}
INVERSE |= {"sinh": "arsinh", "cosh": "arcosh", "tanh": "artanh"}
"""What \\sin^{-1} is."""
SEVERAL_ARGUMENTS = frozenset(["max", "min", "gcd", "lcm"])

_GREEK = """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega
    Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
    """.split()  # noqa: SIM905
_SYMBOL_COMMANDS = "hbar ell partial nabla odot oplus otimes star bullet circ mho aleph top perp square Box".split()  # noqa: SIM905
SYMBOLS = {rf"\{name}": rf"\{name}" for name in [*_GREEK, *_SYMBOL_COMMANDS]}
SYMBOLS |= {r"\pi": "pi", r"\infty": INFINITY}
SYMBOLS |= {rf"\mathbf{{{letter}}}": rf"\mathbf{{{letter}}}" for letter in "ijk"}
SYMBOLS |= {rf"\math{style}{{{letter}}}": rf"\math{style}{{{letter}}}"
            for style in ("cal", "frak", "scr", "bb") for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}  # fmt: skip
"""Commands that stand for one letter or constant."""
TYPED = {name: rf"\{name}" for name in _GREEK if len(name) > 4 or name in ("beta", "phi", "rho", "tau")}
TYPED |= {"pi": "pi", "infinity": INFINITY, "infty": INFINITY}
"""The same in plain letters, as far as they are no likely product."""
ACCENTS = frozenset(
    r"""\hat \vec \bar \tilde \dot \ddot \dddot \widehat \widetilde \overrightarrow \overleftarrow \acute \check
    \breve \mathring \overline""".split()  # noqa: SIM905
)
NAMED_FIGURES = frozenset([r"\angle", r"\measuredangle", r"\triangle", r"\odot", r"\parallelogram", r"\widehat"])
UNEVALUATED = frozenset(
    r"\int \iint \iiint \oint \lim \limsup \liminf \bigoplus \bigotimes \operatorname{lim}".split()  # noqa: SIM905
)
CALLED = frozenset("f")
"""Letters that are functions whatever stands in the brackets behind them."""
