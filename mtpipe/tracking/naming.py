"""A run's name: arm and seed, and what its settings have otherwise than the run of this arm and seed before it."""

from collections.abc import Mapping

_SHOWN = 2
_APART = ("arm", "seed", "rounds", "temperature")
_SECTIONS_APART = ("compute.", "evaluate.", "data.")
"""Params that tell no run from another: the identity of a run leaves them out, or they repeat others."""


def run_name(name: str, now: Mapping[str, str], before: Mapping[str, str] | None) -> str:
    """`token-seed1`, or after an edit `token-seed1, token.high 1.4`.

    Args:
        name: what it is called without one before it.
        now: its settings by dotted key.
        before: those of the run before it; None if there is none.
    """
    if before is None:
        return name
    told = [f"{key} {_short(now[key])}" for key in now if key in before and now[key] != before[key] and _counts(key)]
    told += [f"{key} {_short(now[key])}" for key in now if key not in before and _counts(key)]
    told += [f"without {key}" for key in before if key not in now and _counts(key)]
    more = [f"{len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
    return ", ".join([name, *told[:_SHOWN], *more])


def _counts(key: str) -> bool:
    return key not in _APART and not key.startswith(_SECTIONS_APART)


def _short(value: str) -> str:
    return value if len(value) <= 24 else f"{value[:23]}…"
