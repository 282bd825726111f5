"""The report as one HTML page that needs nothing outside itself."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mtpipe.report import plots
from mtpipe.report.collect import Study
from mtpipe.report.comparison import Comparison
from mtpipe.report.details import examples_table, settings_table, sources_table, temperature_table, verdicts_table
from mtpipe.report.svg import look
from mtpipe.report.table import Table, as_markdown
from mtpipe.report.tables import (
    intervals_note,
    pass_table,
    results_table,
    seeds_table,
    verdict_sentences,
)


def render_page(study: Study, comparison: Comparison) -> str:
    """report/index.html. Everything but our own SVG is escaped, because verdicts and texts came from a model."""
    environment = Environment(
        loader=PackageLoader("mtpipe.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        params=study.params,
        sentences=verdict_sentences(study, comparison),
        intervals=intervals_note(study),
        colours={arm: Markup(look(index).css) for index, arm in enumerate(study.params.arms)},
        results=results_table(study, comparison),
        passes=pass_table(study, comparison),
        seeds=seeds_table(study, comparison),
        by_temperature=temperature_table(study),
        verdicts=verdicts_table(study),
        examples=examples_table(study),
        sources=sources_table(study),
        settings=settings_table(study),
        training=_marked(plots.training_curves(study)),
        evaluation=_marked(plots.evaluation_curves(study, comparison)),
        pass_curves=_marked(plots.pass_curves(study, comparison)),
        temperatures=_marked(plots.temperature_pictures(study)),
        entropies=_marked(plots.entropy_pictures(study)),
        warm_start=_marked([plots.warm_start_picture(study)] if study.curve else []),
    )


def _marked(pictures: list[plots.Picture]) -> list[tuple[Markup, str]]:
    return [(Markup(picture.svg), picture.caption) for picture in pictures]


def render_markdown(study: Study, comparison: Comparison) -> str:
    """report/tables.md: the page's tables without the responses, which are not ours to put into Markdown."""
    tables: list[Table | None] = [
        results_table(study, comparison),
        pass_table(study, comparison),
        seeds_table(study, comparison),
        temperature_table(study),
        verdicts_table(study),
        sources_table(study),
        settings_table(study),
    ]
    opening = "\n".join(["# mtpipe report", "", *verdict_sentences(study, comparison), "", intervals_note(study), ""])
    return "\n".join([opening, *(as_markdown(table) for table in tables if table)])
