"""The README's picture from a finished default run: `python docs/images/default_run.py` in the project's root."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

TABLES = Path("report/tables.json")
PICTURE = Path("docs/images/default-run.svg")
COLOURS = {"token": "#c2410c", "spread": "#0f766e", "linear": "#4338ca", "spike": "#a16207", "uniform": "#525252"}


def main() -> None:
    tables = json.loads(TABLES.read_text())
    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "mtpipe", "font.family": "sans-serif", "font.size": 9}
    figure, (curves, forest) = plt.subplots(1, 2, figsize=(8.6, 2.9), width_ratios=(1, 1.35))
    for arm, history in tables["history"].items():
        points = sorted((int(rounds), value["mean"]) for rounds, value in history["same"].items())
        rounds, means = zip(*points, strict=True)
        curves.plot(rounds, [100 * mean for mean in means], "o-", c=COLOURS[arm], label=arm)
    curves.set(title="held-out accuracy, %", xlabel="rounds of training", ylim=(0, None))
    curves.legend(frameon=False, fontsize=8)
    labels = []
    for arm in (name for name in tables["arms"] if name != tables["baseline"]):
        for benchmark, found in tables["arms"][arm].items():
            estimate, place = found["minus_baseline"]["estimate"], -len(labels)
            low, middle, high = (100 * estimate[key] for key in ("low", "mean", "high"))
            forest.plot([low, high], [place, place], c=COLOURS[arm], lw=2)
            differs = found["minus_baseline"]["policies_differ"]
            forest.plot(middle, place, "o", c=COLOURS[arm], mfc=COLOURS[arm] if differs else "white")
            labels.append(f"{arm}, {benchmark}")
    forest.axvline(0, c="#a3a3a3", lw=1)
    forest.set(title="difference to uniform T = 1, points, 95 % over problems")
    forest.set_yticks([-index for index in range(len(labels))], labels, fontsize=8)
    for axes in (curves, forest):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
