"""What `python -m mtpipe run` would do: settings, temperatures, stages and cost. Nothing runs."""

from collections.abc import Sequence
from io import StringIO

from ruamel.yaml import YAML

from mtpipe.params import Params
from mtpipe.run.study.lock import DvcLock, PartLock
from mtpipe.run.study.part import PartPlan, done_so_far, lock_file
from mtpipe.run.study.parts import BESIDE, CLOSING, SHARED
from mtpipe.run.study.project import Project
from mtpipe.temperature.plan_table import format_plans
from mtpipe.text_table import aligned


def dry_run(params: Params, chains: Sequence[str]) -> str:
    """The pages that are printed. Raises MtpipeError if DVC cannot read the project, or dvc.lock is not whole."""
    from mtpipe.budget.budget_table import Given, format_budget

    settings = StringIO()
    YAML().dump(params.model_dump(mode="json"), settings)
    sections = {
        "Settings, with their defaults": settings.getvalue().rstrip(),
        "Temperatures": format_plans(params.plans()),
        "Stages": stages_text(chains),
        "Cost": format_budget(params, Given()),
    }
    return "\n\n".join(f"{title}\n{'-' * len(title)}\n{text}" for title, text in sections.items())


def stages_text(chains: Sequence[str]) -> str:
    """How many stages of each part are up to date, and the first that is not.

    A stage behind one that has to run may turn out to be up to date, so the numbers are what has to be looked at.
    """
    project, lock, rows = Project(), DvcLock(), []
    for part in (SHARED, *chains, BESIDE, CLOSING):
        stages = project.parts.stages(part)
        done = done_so_far(project, PartPlan.of(stages, lock), PartLock(lock_file(part)).entries)
        left = f"from {stages[len(done)]} on" if len(done) < len(stages) else ""
        rows.append((part, f"{len(done)} of {len(stages)} up to date", left))
    return "\n".join(aligned(rows))
