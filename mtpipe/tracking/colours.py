"""A colour for each run: its arm's, as in the report, lighter from seed to seed.

MLflow gives a run one of a few colours by its id, so that two arms often have the same one. A run's tag
`mlflow.runColor` decides instead.
"""

import colorsys

COLOUR = "mlflow.runColor"
ASIDE = "#b8b8b8"
"""Of runs of other settings, which no current run shares."""
_REPORT = ("#0068a8", "#c24a00", "#00805c", "#9b3f83", "#8a6a00", "#2f8fc4")
_LIGHTEST = 0.55
"""How far the last seed's colour is on the way to white."""


def run_colour(arms: list[str], arm: str, seeds: list[int], seed: int) -> str:
    """The colour of a run as #rrggbb; no two runs of a study have the same one.

    The first six arms have the report's colours, further ones hues evenly spread between them.
    """
    number, further = arms.index(arm), len(arms) - len(_REPORT)
    if number < len(_REPORT):
        base = tuple(int(_REPORT[number][at : at + 2], 16) / 255 for at in (1, 3, 5))
    else:
        base = colorsys.hls_to_rgb((number - len(_REPORT)) / further, 0.3, 0.9)
    light = _LIGHTEST * seeds.index(seed) / len(seeds)
    return "#" + "".join(f"{round(255 * (part + (1 - part) * light)):02x}" for part in base)
