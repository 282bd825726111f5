"""Runs a resident sampling engine; `mtpipe.sampling.resident.reaching` starts it.

    python -m mtpipe.sampling.serving SOCKET OWNER < TERMS

The engine is opened as a stage's own would be, when the first stage names a policy.
"""

import json
import os
import sys
import traceback
from pathlib import Path

from mtpipe.owner import Process
from mtpipe.run_log import FollowedFile
from mtpipe.sampling.resident.server import RestingEngine, Server, note
from mtpipe.sampling.resident.terms import Terms, digest


def main() -> None:
    """Serves until the owner ends, and ends without waiting for what the engine's libraries would tidy up.

    The exit status is 1 if it could not begin to serve.
    """
    status, printed = 1, Path("/proc/self/fd/1").resolve()
    followed = FollowedFile(printed, f"engine-{printed.stem}") if printed.is_file() else None
    try:
        terms: Terms = json.load(sys.stdin)
        address, owner, at_once = Path(sys.argv[1]), Process.read(sys.argv[2]), terms["stages_at_once"]
        Server(address, owner, digest(terms), lambda folder: _open(terms, folder), at_once).serve()
        status = 0
    except Exception:
        note(traceback.format_exc())
    finally:
        if followed is not None:
            followed.end()
        os._exit(status)


def _open(terms: Terms, folder: Path) -> RestingEngine:
    from mtpipe.sampling.opening import open_here
    from mtpipe.settings.model import Compute
    from mtpipe.settings.sampling import EngineSettings

    settings, compute = EngineSettings.model_validate(terms["sampling"]), Compute.model_validate(terms["compute"])
    return open_here(settings, compute, folder, resting=True)


if __name__ == "__main__":
    main()
