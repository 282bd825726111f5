"""Stage plan: checks params.yaml, and writes for every stage the small file that tells it its settings and its code.

It runs after every edit of params.yaml, of the code and of plugins/, in a second. Each other stage depends on its own
file, data/stages/STAGE.json (mtpipe.run.stage_plan), which changes only if its content does. The temperatures of every
arm and round, and the settings of an arm's updates, are resolved into one file each in data/plan.
"""

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import write_json, write_text
from mtpipe.hub import pinned
from mtpipe.params import load_params
from mtpipe.run.fingerprint import Fingerprints
from mtpipe.run.model_check import check_model
from mtpipe.run.stage import run_stage
from mtpipe.run.stage_plan import write_stage_plans
from mtpipe.settings.base import PARAMS, read_text, read_yaml
from mtpipe.settings.plugins import used_plugins
from mtpipe.tracking.identity import write_planned_runs


def main() -> None:
    """Resolves settings, temperatures and code fingerprints."""
    text, fingerprints = read_text(PARAMS), Fingerprints()
    params = load_params()
    check_model(params)
    for arm in params.arms:
        update = params.update_of(arm).model_dump(mode="json")
        write_json(paths.arm_update(arm), update | {"sources": fingerprints.of_plugins(used_plugins(update))})
    for plan in params.plans():
        own = fingerprints.of_plugins(used_plugins(plan.model_dump(mode="json")))
        complete = plan.model_copy(update={"sources": own})
        write_text(paths.round_plan(plan.arm, plan.round), complete.model_dump_json(indent=1) + "\n")
    write_planned_runs(params)
    model = params.model.model_copy(update={"checkpoint": pinned(params.model.checkpoint)})
    write_stage_plans(params.model_copy(update={"model": model}), read_yaml(PARAMS), fingerprints)
    if edited := [*([str(PARAMS)] if read_text(PARAMS) != text else []), *fingerprints.edited()]:
        raise MtpipeError(f"{', '.join(edited[:5])} changed while the plan was made of it; run `dvc repro` again")


if __name__ == "__main__":
    run_stage(main)
