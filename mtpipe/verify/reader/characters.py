r"""Unicode and a few plain-text spellings as the LaTeX that they stand for, before anything is divided into tokens.

Only characters with one meaning are here. Digits of other scripts are not: the guard refuses them.
"""

import re

_COMMANDS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": r"\times ", "✕": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ",
    "∙": r"\cdot ", "÷": "/", "∕": "/", "⁄": "/", "≤": r"\le ", "⩽": r"\le ", "≥": r"\ge ", "⩾": r"\ge ",
    "≠": r"\ne ", "≈": r"\approx ", "≡": r"\equiv ", "∞": r"\infty ", "√": r"\surd ", "°": r"^\circ ",
    "∪": r"\cup ", "∩": r"\cap ", "∖": r"\setminus ", "∈": r"\in ", "∉": r"\notin ", "∅": r"\emptyset ",
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℚ": r"\mathbb{Q}", "ℕ": r"\mathbb{N}", "ℂ": r"\mathbb{C}",
    "±": r"\pm ", "∓": r"\mp ", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ", "∠": r"\angle ", "△": r"\triangle ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "⟨": r"\langle ", "⟩": r"\rangle ",
    "→": r"\to ", "…": r"\ldots ", "⋯": r"\ldots ", "′": "'", "’": "'", "‘": "'", "“": " ", "”": " ", "，": ", ",
    "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "ε": r"\epsilon ", "ζ": r"\zeta ",
    "η": r"\eta ", "θ": r"\theta ", "κ": r"\kappa ", "λ": r"\lambda ", "μ": r"\mu ", "µ": r"\mu ", "ν": r"\nu ",
    "ξ": r"\xi ", "π": r"\pi ", "ρ": r"\rho ", "σ": r"\sigma ", "τ": r"\tau ", "φ": r"\phi ", "ϕ": r"\phi ",
    "χ": r"\chi ", "ψ": r"\psi ", "ω": r"\omega ", "Γ": r"\Gamma ", "Δ": r"\Delta ", "Θ": r"\Theta ",
    "Λ": r"\Lambda ", "Σ": r"\Sigma ", "Φ": r"\Phi ", "Ψ": r"\Psi ", "Ω": r"\Omega ", "\u2126": r"\Omega ",
    "ħ": r"\hbar ",
    "€": r"\euro ", "£": r"\pounds ", "¥": r"\yen ", "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}",
    "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅕": r"\frac{1}{5}", "⅖": r"\frac{2}{5}", "⅗": r"\frac{3}{5}",
    "⅘": r"\frac{4}{5}", "⅙": r"\frac{1}{6}", "⅚": r"\frac{5}{6}", "⅛": r"\frac{1}{8}", "⅜": r"\frac{3}{8}",
    "⅝": r"\frac{5}{8}", "⅞": r"\frac{7}{8}", "\u00a0": " ", "\u2009": r"\,", "\u202f": r"\,", "\u2003": " ",
    "\ufeff": "", "\u00ba": r"^\circ ", "\u02da": r"^\circ ",
}  # fmt: skip
_TABLE = str.maketrans(_COMMANDS)
_RAISED = {raised: plain for raised, plain in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ", "0123456789+-ni", strict=True)}
_LOWERED = {lowered: plain for lowered, plain in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)}
_EATEN = {"\f": "f", "\b": "b", "\a": "a", "\v": "v"}
"""Control characters that are a backslash and this letter to many programs."""
_EATEN_ESCAPE = re.compile(r"\\?([\f\x08\a\v])(?=[A-Za-z])")
_RAISED_RUN = re.compile(f"[{''.join(_RAISED)}]+")
_LOWERED_RUN = re.compile(f"[{''.join(_LOWERED)}]+")

READ = frozenset(_COMMANDS) | frozenset(_RAISED) | frozenset(_LOWERED)
"""The characters beyond ASCII that the reader knows."""


def with_backslashes(text: str) -> str:
    r"""The text with \frac for a form feed and `rac`: a program took the backslash and its letter for an escape.

    Form feed, bell, backspace and vertical tab before a letter can be nothing else in an answer. A tab or the end of a
    line can, and stay what they are.
    """
    if not any(eaten in text for eaten in _EATEN):
        return text
    return _EATEN_ESCAPE.sub(lambda eaten: "\\" + _EATEN[eaten[1]], text)


def in_latex(text: str) -> str:
    """The text with its unicode signs as LaTeX commands, and raised and lowered digits as exponents and indices."""
    if text.isascii():
        return text
    text = _RAISED_RUN.sub(lambda run: "^{" + "".join(_RAISED[sign] for sign in run[0]) + "}", text)
    text = _LOWERED_RUN.sub(lambda run: "_{" + "".join(_LOWERED[sign] for sign in run[0]) + "}", text)
    return text.translate(_TABLE)
