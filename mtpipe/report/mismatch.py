"""How far engine and update computed the same log-probs, beside what that cost each arm in tokens that teach."""

from typing import Any

from mtpipe.report.cells import Cell, Row, Table, percent
from mtpipe.report.collect import Study

_ROUNDING = 1e-5
"""Nats a token in the mean: what two computations in float32 differ by at most."""


def engine_differs(study: Study) -> bool:
    """Whether there is more to see than rounding, or a correction."""
    rows = [row for update in study.updates.values() for row in update["mismatch"]]
    return any(row["mean"] > _ROUNDING or row["weight"] != 1 for row in rows)


def mismatch_by_arm(study: Study) -> Table | None:
    """The differences of the last round by heat, temperature and entropy, all seeds of an arm together."""
    groups = []
    for arm in study.params.arms:
        merged: dict[tuple[str, float | None, float | None], list[dict[str, Any]]] = {}
        for update in study.over_seeds(arm, study.last_round):
            for row in update["mismatch"]:
                merged.setdefault((row["by"], row["low"], row["high"]), []).append(row)
        if merged:
            groups.append((arm, [_row(by, low, high, rows) for (by, low, high), rows in merged.items()]))
    if not groups:
        return None
    return Table(
        title="Engine and update",
        note=(
            f"|log-prob of the update − log-prob of the engine| in nats, round {study.last_round}: of its first step, "
            f"or of all its training tokens where update.mismatch corrects. Weight is what the loss was multiplied by, "
            f"cut the share of tokens that it left out, and of responses that it left out whole. An arm of which more "
            f"is cut learns from less, which is a difference between arms that is not their temperature."
        ),
        label="tokens",
        columns=["tokens", "mean", "99.9 %", "largest", "k3", "weight", "cut %", "responses cut %"],
        groups=groups,
    )


def _row(by: str, low: float | None, high: float | None, rows: list[dict[str, Any]]) -> Row:
    tokens = sum(row["tokens"] for row in rows)

    def mean(key: str, of: str = "tokens") -> float:
        return sum(row[of] * row[key] for row in rows) / sum(row[of] for row in rows)

    values = [mean("mean"), *(max(row[key] for row in rows) for key in ("quantile", "largest")), mean("k3")]
    cells = [Cell(f"{tokens:,}", order=tokens), *(Cell(f"{value:.2g}", order=value) for value in values)]
    weight = mean("weight")
    cells.append(Cell(f"{weight:.4f}", order=weight))
    shares = (mean("cut"), mean("responses_cut", of="responses"))
    cells += [Cell(percent(share), order=share) for share in shares]
    return _label(by, low, high), cells


def _label(by: str, low: float | None, high: float | None) -> str:
    if low is None:
        return "all"
    if by == "entropy":
        return f"entropy from {low:g}" + ("" if high is None else f" to {high:g}")
    return f"T = {low:g}" if low == high else f"T from {low:.3g} to {high:.3g}"
