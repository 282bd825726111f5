"""The report as one HTML page that needs nothing outside itself."""

from pathlib import Path

from markupsafe import Markup

from mtpipe import paths
from mtpipe.report.cells import Table, as_markdown
from mtpipe.report.claims import (
    MARKS,
    claim_table,
    equal_tokens_table,
    intervals_note,
    tests_table,
    verdict_sentences,
)
from mtpipe.report.collect import Study
from mtpipe.report.comparison import WARM_START, Comparison
from mtpipe.report.curves import (
    evaluation_curves,
    lead_curves,
    pass_curves,
    reward_curves,
    sweep_curves,
    training_curves,
    warm_start_picture,
)
from mtpipe.report.details import (
    cost_table,
    examples_table,
    prompts_table,
    reward_table,
    sources_table,
    temperature_table,
    verdicts_table,
)
from mtpipe.report.entropy_pictures import entropy_pictures
from mtpipe.report.forest import forest_pictures
from mtpipe.report.glance import glance_table
from mtpipe.report.health_pictures import group_pictures, optimizer_pictures
from mtpipe.report.html import render
from mtpipe.report.mismatch import engine_differs, mismatch_by_arm
from mtpipe.report.problem_tables import problem_table, solved_table
from mtpipe.report.profile_pictures import profile_pictures
from mtpipe.report.provenance import differences_table, settings_table, versions_table
from mtpipe.report.refill import refill_table
from mtpipe.report.story_pictures import story_rows
from mtpipe.report.strip import token_strip
from mtpipe.report.svg import WARM_START_LOOK, key, look, marked
from mtpipe.report.tables import pass_table, results_table, seeds_table, sweep_table
from mtpipe.report.temperature_pictures import contribution_pictures, diversity_pictures, temperature_pictures
from mtpipe.report.trade_offs import trade_off_pictures


def render_page(study: Study, comparison: Comparison) -> str:
    """report/index.html. Everything but our own SVG is escaped, because verdicts and texts came from a model."""
    params = study.params
    looks = {arm: look(index) for index, arm in enumerate(params.arms)} | {WARM_START: WARM_START_LOOK}
    return render(
        "mtpipe.report",
        "page",
        params=params,
        sentences=verdict_sentences(study, comparison),
        strip=token_strip(study),
        glance=glance_table(study, comparison),
        marks=MARKS,
        intervals=intervals_note(study),
        colours={name: Markup(style.css) for name, style in looks.items()},
        keys={name: key(style) for name, style in looks.items()},
        claims=claim_table(study, comparison),
        tests=tests_table(study, comparison),
        equal_tokens=equal_tokens_table(study, comparison),
        forest=marked(forest_pictures(study, comparison)) if len(params.arms) > 1 else [],
        lead=marked(lead_curves(study, comparison)) if len(params.arms) > 1 else [],
        trade_offs=marked(trade_off_pictures(study, comparison)),
        results=results_table(study, comparison),
        passes=pass_table(study, comparison),
        seeds=seeds_table(study, comparison),
        by_temperature=temperature_table(study),
        by_part=reward_table(study),
        mismatch=mismatch_by_arm(study),
        engine_differs=engine_differs(study),
        verdicts=verdicts_table(study),
        examples=examples_table(study),
        cost=cost_table(study),
        refill=refill_table(study),
        sources=sources_table(study),
        prompts=prompts_table(study),
        differences=differences_table(params),
        versions=versions_table(),
        settings=settings_table(params),
        story=[(arm, marked(row)) for arm, row in story_rows(study, comparison)],
        rewards=marked(reward_curves(study, comparison)),
        groups=marked(group_pictures(study)),
        optimizer=marked(optimizer_pictures(study)),
        by_sweep=sweep_table(study, comparison),
        training=marked(training_curves(study)),
        evaluation=marked(evaluation_curves(study, comparison)),
        sweep=marked(sweep_curves(study, comparison)),
        pass_curves=marked(pass_curves(study, comparison)),
        temperatures=marked(temperature_pictures(study)),
        profiles=marked(profile_pictures(study)),
        contributions=marked([*contribution_pictures(study), *diversity_pictures(study)]),
        entropies=marked(entropy_pictures(study)),
        warm_start=marked([warm_start_picture(study)] if study.curve else []),
        solved=solved_table(study),
        problems=problem_table(study),
        viewers=[
            (arm, *(page.relative_to(paths.REPORT).as_posix() for page in _viewers(study, arm))) for arm in params.arms
        ],
        last_round=study.last_round,
    )


def _viewers(study: Study, arm: str) -> tuple[Path, Path]:
    seed = study.params.seeds[0]
    return paths.viewer(arm, seed, study.last_round), paths.evaluation_viewer(arm, seed, study.after)


def render_markdown(study: Study, comparison: Comparison) -> str:
    """report/tables.md: the page's tables without the responses, which are not ours to put into Markdown."""
    tables: list[Table | None] = [
        glance_table(study, comparison),
        claim_table(study, comparison),
        tests_table(study, comparison),
        equal_tokens_table(study, comparison),
        results_table(study, comparison),
        pass_table(study, comparison),
        seeds_table(study, comparison),
        sweep_table(study, comparison),
        temperature_table(study),
        mismatch_by_arm(study),
        reward_table(study),
        solved_table(study),
        verdicts_table(study),
        cost_table(study),
        refill_table(study),
        sources_table(study),
        prompts_table(study),
        differences_table(study.params),
        versions_table(),
        settings_table(study.params),
    ]
    opening = "\n".join(["# mtpipe report", "", *verdict_sentences(study, comparison), "", intervals_note(study), ""])
    return "\n".join([opening, *(as_markdown(table) for table in tables if table)])
