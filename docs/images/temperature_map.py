"""The picture of docs/temperature-map.md, and its numbers: `python docs/images/temperature_map.py` in the root.

Scores come from docs/results/temperature-map.json; how many strays each rule saves from `python -m mtpipe strays` at
each warm start, as the page prints them.
"""

import re
from pathlib import Path
from statistics import mean

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from scipy.stats import spearmanr

from mtpipe.report.kept_scores import read_scores
from mtpipe.report.versions import Compared, compare_pairs, last_round
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
    means = {arm: 100 * mean(mean(each.values()) for each in by_seed.values()) for arm, by_seed in scores.items()}
    best = {study: max((f"{study}/all_{heat}" for heat in ("10", *HEATS)), key=means.__getitem__) for study in STUDIES}
    cells = [(study, rule, heat) for study in STUDIES for rule in ("few", "fifth") for heat in HEATS]
    equal = {f"{study}/{rule}_{heat}": f"{study}/all_{heat}" for study, rule, heat in cells}
    with_best = {f"{study}/{rule}_{heat}": best[study] for study, rule, heat in cells}
    chance = [(f"{study}/fifth_24", f"{study}/random_24") for study in STUDIES]
    against_best = compared([*with_best.items()], scores)
    at_equal_heat = compared([*equal.items(), *chance], scores)
    saved = strays_saved(PAGE.read_text())
    gains = {arm: means[arm] - means[other] for arm, other in equal.items()}
    strays = [saved[cell] for cell in cells]
    correlation = spearmanr(strays, [*gains.values()]).statistic

    print("| warm start | best temperature for all | rule at its best | that − best |\n|---|---|---|---|")
    for study in STUDIES:
        top = max((arm for arm in with_best if arm.startswith(study)), key=means.__getitem__)
        found = against_best[top, best[study]]
        print(f"| {STUDIES[study]} | {shown(best[study], means)} | {shown(top, means)} | {cell(found)} |")
    print(f"\nrank correlation of strays saved and rule − all, {len(cells)} cells: {correlation:.2f}")
    for title, family in (("best", against_best), ("equal heat", at_equal_heat)):
        marked = [f"{arm} − {other} {cell(found)}" for (arm, other), found in family.items() if found.difference.holds]
        print(f"\nmarked against {title}, {len(marked)} of {len(family)}:", *marked, sep="\n  ")
    draw(means, best, against_best, [*zip(cells, strays, gains.values(), strict=True)])


def compared(pairs: list[tuple[str, str]], scores: dict) -> dict[tuple[str, str], Compared]:
    """Differences of pairs of arms, tested as one family."""
    found = compare_pairs(
        {(arm, f"same, against {other}"): (scores[other], scores[arm]) for arm, other in pairs}, {}, Report()
    )
    return dict(zip(pairs, found, strict=True))


def strays_saved(page: str) -> dict[tuple[str, str, str], float]:
    """What the page's tables of `python -m mtpipe strays` say that a rule saves, by warm start, rule and heat."""
    tables = re.findall(r"^### (\S+)\n.*?```text\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    found = {}
    for study, table in tables:
        for line in table.splitlines():
            match line.split():
                case [heat, _, _, fifth, _, few] if re.fullmatch(r"[\d.]+", heat):
                    key = str(round(10 * float(heat)))
                    found |= {(study, "fifth", key): float(fifth), (study, "few", key): float(few)}
    return found


def shown(arm: str, means: dict[str, float]) -> str:
    return f"`{arm.rpartition('/')[2]}` {means[arm]:.1f} %"


def cell(found: Compared) -> str:
    one = found.difference.estimate
    return f"{100 * one.mean:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]" + (
        " ≠" if found.difference.holds else ""
    )


def draw(means: dict, best: dict, against_best: dict, points: list) -> None:
    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "mtpipe", "font.family": "sans-serif", "font.size": 8}
    figure = plt.figure(figsize=(9.6, 4.2))
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
                axes.text(column, row, f"{value:+.1f}{mark}", ha="center", va="center", c=colour)
        axes.set_title(f"{title}\nbest of all: {shown(best[study], means).replace('`', '')}", fontsize=8)
        axes.set_xticks(range(len(HEATS)), [f"{heat[0]}.{heat[1]}" for heat in HEATS])
        axes.set_yticks(range(len(RULES)), RULES.values() if place % 2 == 0 else [""] * len(RULES))
        axes.tick_params(length=0)
    axes = figure.add_subplot(grid[:, 2])
    for rule, colour in (("few", "#0f766e"), ("fifth", "#c2410c")):
        own = [(strays, gain) for (_, of, _), strays, gain in points if of == rule]
        axes.plot(*zip(*own, strict=True), "o", c=colour, label=RULES[rule], ms=4)
    axes.axhline(0, c="#a3a3a3", lw=1)
    axes.set(
        xlabel="strays a response that the rule saves, before training", ylabel="rule − all tokens, same heat, points"
    )
    axes.legend(frameon=False, title="heated")
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        "Points to the best single temperature, by what is heated and how far; and what foretells it", fontsize=9
    )
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
