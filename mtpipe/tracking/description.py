"""An arm's temperatures in words, for a column of MLflow's table and a run's description."""

from typing import Any


def describe_temperatures(arm: dict[str, Any]) -> str:
    """One line such as `linear (start 1.0, end 1.4, over 4)`: an arm's own settings, as far as set.

    Args:
        arm: the settings under `temperature` in params.yaml.
    """
    parts = [_with_kind(arm["schedule"])] if arm.get("schedule") else []
    parts += [_fields(arm["spread"])] if arm.get("spread") else []
    parts += [_with_kind(arm["token"])] if arm["token"]["kind"] != "uniform" else []
    parts += [_fields(arm["truncation"])] if arm.get("truncation") else []
    parts += [f"mixed_cuts ({_fields(arm['mixed_cuts'])})"] if arm.get("mixed_cuts") else []
    parts += [_with_kind(arm["controller"])] if arm.get("controller") else []
    parts += [f"update ({_fields(arm['update'])})"] if arm.get("update") else []
    return " + ".join(parts) or "constant (1.0)"


def _with_kind(found: dict[str, Any]) -> str:
    return f"{found['kind']} ({_fields({key: value for key, value in found.items() if key != 'kind'})})"


def _fields(found: dict[str, Any]) -> str:
    if list(found) == ["value"]:
        return str(found["value"])
    return ", ".join(f"{name} {_fields(value) if isinstance(value, dict) else value}" for name, value in found.items())
