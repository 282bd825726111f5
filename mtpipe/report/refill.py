"""What dynamic sampling drew for each arm, and threw away."""

from mtpipe.report.cells import Cell, Row, Table, percent
from mtpipe.report.collect import Study

_COUNTS = ("groups_drawn", "groups_kept", "groups_surplus")
_SHARES = ("groups_uniform_right", "groups_uniform_wrong", "groups_uniform_mixed")


def refill_table(study: Study) -> Table | None:
    """Groups by what became of them, over all rounds and seeds; None without `sampling.refill`."""
    params = study.params
    if params.sampling.refill is None:
        return None
    rows: list[Row] = []
    for arm in params.arms:
        updates = [study.updates[arm, seed, round.n] for seed in params.seeds for round in params.rounds]
        sums = {key: sum(update["refill"][key] for update in updates) for key in updates[0]["refill"]}
        cells = [Cell(f"{sums[key]:,}", order=sums[key]) for key in _COUNTS]
        shares = [sums[key] / sums["groups_drawn"] for key in _SHARES]
        shares.append(sums["tokens_discarded"] / sum(update["tokens"] for update in updates))
        cells += [Cell(percent(share), order=share) for share in shares]
        ended = sums["refill_ended"]
        rows.append((arm, [*cells, Cell(f"{ended} of {len(updates)}", order=ended)]))
    return Table(
        title="Dynamic sampling",
        note=(
            f"Groups over all rounds and seeds: kept, which the updates learned from; surplus, which differ too and "
            f"came late; and groups of equal rewards. Discarded: the share of the sampled tokens that nothing was "
            f"learned from; they count in all other tables. Short: rounds that {params.sampling.refill.at_most} times "
            f"sampling.prompts problems ended before enough groups differed."
        ),
        label="arm",
        columns=["drawn", "kept", "surplus", "all right %", "all wrong %", "mixed %", "discarded %", "short"],
        groups=[("", rows)],
    )
