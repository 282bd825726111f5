"""Stage report: the page, the tables and the series that compare the arms."""

from mtpipe.files import write_json, write_text
from mtpipe.params import Params
from mtpipe.paths import REPORT
from mtpipe.report.claims import verdict_sentences
from mtpipe.report.collect import collect
from mtpipe.report.comparison import compare
from mtpipe.report.exported import as_json, summary_metrics
from mtpipe.report.page import render_markdown, render_page
from mtpipe.report.series import QUANTITIES, csv_by_arm, long_csv
from mtpipe.run.stage import run_stage


def main(*, params: Params) -> None:
    """Compares the arms of params.yaml, and says in the terminal what was found."""
    study = collect(params)
    comparison = compare(study)
    print(*verdict_sentences(study, comparison), sep="\n")
    write_text(REPORT / "index.html", render_page(study, comparison))
    write_text(REPORT / "tables.md", render_markdown(study, comparison))
    write_json(REPORT / "tables.json", as_json(comparison, study.params))
    write_json(REPORT / "metrics.json", summary_metrics(comparison, study))
    for quantity in QUANTITIES:
        write_text(REPORT / f"{quantity}.csv", long_csv(study, quantity))
        write_text(REPORT / f"{quantity}_by_arm.csv", csv_by_arm(study, quantity))


if __name__ == "__main__":
    run_stage(main)
