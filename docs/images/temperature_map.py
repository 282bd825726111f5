"""The picture of docs/temperature-map.md, and its numbers: `python docs/images/temperature_map.py` in the root.

Scores come from docs/results/temperature-map.json; how many strays each rule saves from `python -m mtpipe strays` at
each warm start, as the page prints them.
"""

import re
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from scipy.stats import spearmanr

from mtpipe.report.kept_scores import read_scores
from mtpipe.report.versions import Compared, compare_pairs, last_round, score_table
from mtpipe.settings.outputs import Report

SCORES = Path("docs/results/temperature-map.json")
PAGE = Path("docs/temperature-map.md")
PICTURE = Path("docs/images/temperature-map.svg")
STUDIES = {
    "3000-0.12": "firm facts, right order in 12 %",
    "3000-0.35": "firm facts, right order in 35 %",
    "1100-0.12": "soft facts, right order in 12 %",
    "1100-0.35": "soft facts, right order in 35 %",
}
HEATS = ("13", "16", "20", "24")
RULES = {"few": "hottest 5 %", "fifth": "hottest 20 %", "all": "all tokens"}


def main() -> None:
    scores = {arm: last_round(by_round) for (arm, name), by_round in read_scores(SCORES).items() if name == "same"}
    means = {arm: 100 * float(score_table(by_seed).mean()) for arm, by_seed in scores.items()}
    best = {study: max((f"{study}/all_{heat}" for heat in ("10", *HEATS)), key=means.__getitem__) for study in STUDIES}
    cells = [(study, rule, heat) for study in STUDIES for rule in ("few", "fifth") for heat in HEATS]
    equal = {f"{study}/{rule}_{heat}": f"{study}/all_{heat}" for study, rule, heat in cells}
    with_best = {f"{study}/{rule}_{heat}": best[study] for study, rule, heat in cells}
    chance = [(f"{study}/fifth_24", f"{study}/random_24") for study in STUDIES]
    against_best = compared([*with_best.items()], scores)
    at_equal_heat = compared([*equal.items(), *chance], scores)
    strays = strays_of(PAGE.read_text())
    saved = [(arm, strays[other] - strays[arm], means[arm] - means[other]) for arm, other in equal.items()]
    heated = [f"{study}/{rule}_{heat}" for study in STUDIES for rule in RULES for heat in HEATS]
    own = [(arm, strays[arm], means[arm] - means[f"{arm.partition('/')[0]}/all_10"]) for arm in heated]

    print("| warm start | best temperature for all | rule at its best | that − best |\n|---|---|---|---|")
    for study in STUDIES:
        top = max((arm for arm in with_best if arm.startswith(study)), key=means.__getitem__)
        found = against_best[top, best[study]]
        print(f"| {STUDIES[study]} | {shown(best[study], means)} | {shown(top, means)} | {cell(found)} |")
    for title, points in (("strays saved and rule − all", saved), ("an arm's strays and arm − all_10", own)):
        correlation = spearmanr([x for _, x, _ in points], [y for _, _, y in points]).statistic
        print(f"\nrank correlation of {title}, {len(points)} cells: {correlation:.2f}")
    for title, family in (("best", against_best), ("equal heat", at_equal_heat)):
        marked = [f"{arm} − {other} {cell(found)}" for (arm, other), found in family.items() if found.difference.holds]
        print(f"\nmarked against {title}, {len(marked)} of {len(family)}:", *marked, sep="\n  ")
    draw(means, best, against_best, saved, own)


def compared(pairs: list[tuple[str, str]], scores: dict) -> dict[tuple[str, str], Compared]:
    """Differences of pairs of arms, tested as one family."""
    found = compare_pairs(
        {(arm, f"same, against {other}"): (scores[other], scores[arm]) for arm, other in pairs}, {}, Report()
    )
    return dict(zip(pairs, found, strict=True))


def strays_of(page: str) -> dict[str, float]:
    """Strays a response of each arm, from the page's tables of `python -m mtpipe strays`."""
    tables = re.findall(r"^### `(\S+)`.*?```text\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    found = {}
    for study, table in tables:
        for line in table.splitlines():
            match line.split():
                case [heat, everywhere, fifth, _, few, _] if re.fullmatch(r"[\d.]+", heat):
                    by_rule = {"all": everywhere, "fifth": fifth, "few": few}
                    found |= {f"{study}/{rule}_{round(10 * float(heat))}": float(by_rule[rule]) for rule in RULES}
    return found


def shown(arm: str, means: dict[str, float]) -> str:
    return f"`{arm.rpartition('/')[2]}` {means[arm]:.1f} %"


def cell(found: Compared) -> str:
    one = found.difference.estimate
    return f"{100 * one.mean:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]" + (
        " ≠" if found.difference.holds else ""
    )


def draw(means: dict, best: dict, against_best: dict, saved: list, own: list) -> None:
    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "mtpipe", "font.family": "sans-serif", "font.size": 8}
    figure = plt.figure(figsize=(9.6, 4.6))
    grid = figure.add_gridspec(2, 3, width_ratios=(1, 1, 1.1))
    for place, (study, title) in enumerate(STUDIES.items()):
        axes = figure.add_subplot(grid[place // 2, place % 2])
        values = [[means[f"{study}/{rule}_{heat}"] - means[best[study]] for heat in HEATS] for rule in RULES]
        axes.imshow(values, cmap="RdBu", vmin=-25, vmax=25, aspect="auto")
        for row, rule in enumerate(RULES):
            for column, heat in enumerate(HEATS):
                arm, value = f"{study}/{rule}_{heat}", values[row][column]
                found = against_best.get((arm, best[study]))
                mark = " ≠" if found is not None and found.difference.holds else ""
                colour = "white" if abs(value) > 16 else "black"
                axes.text(column, row, f"{value:+.1f}{mark}".replace("-", "−"), ha="center", va="center", c=colour)
        axes.set_title(f"{title}\nbest of all: {shown(best[study], means).replace('`', '')}", fontsize=8)
        axes.set_xticks(range(len(HEATS)), [f"{heat[0]}.{heat[1]}" for heat in HEATS])
        axes.set_yticks(range(len(RULES)), RULES.values() if place % 2 == 0 else [""] * len(RULES))
        axes.tick_params(length=0)
        if place > 1:
            axes.set_xlabel("heat")
    for row, (points, x, y) in enumerate(
        [
            (saved, "strays a response that the rule saves", "rule − all, same heat"),
            (own, "strays a response", "arm − all at T = 1"),
        ]
    ):
        axes = figure.add_subplot(grid[row, 2])
        for rule, colour in (("few", "#0f766e"), ("fifth", "#c2410c"), ("all", "#525252")):
            for firm, filled in (("3000", colour), ("1100", "white")):
                chosen = [point for point in points if f"/{rule}_" in point[0] and point[0].startswith(firm)]
                style = {"c": colour, "mfc": filled, "ms": 4, "label": RULES[rule] if filled == colour else None}
                axes.plot([point[1] for point in chosen], [point[2] for point in chosen], "o", **style)
        axes.axhline(0, c="#a3a3a3", lw=1)
        axes.set(xlabel=x, ylabel=y)
        axes.spines[["top", "right"]].set_visible(False)
        if row:
            axes.legend(frameon=False, fontsize=7, title="heated; hollow: soft facts", title_fontsize=7)
    figure.suptitle(
        "Points to the best single temperature, by what is heated and how far; and what foretells it", fontsize=9
    )
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
