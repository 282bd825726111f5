"""torchrun's launcher with ranks that are forked from the tests: to load torch takes each of them seconds."""

import os
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch.distributed.launcher.api import LaunchConfig, elastic_launch


def launch(config: LaunchConfig, interpreter: str) -> Callable[..., Any]:
    """In place of `elastic_launch`, which starts an interpreter for each rank."""
    return elastic_launch(replace(config, start_method="fork"), _run)


def _run(flag: str, module: str, *arguments: str) -> None:
    """What `python -m module arguments` does in the working directory."""
    assert flag == "-m"
    package = module.partition(".")[0]
    for loaded in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[loaded]
    sys.path.insert(0, os.getcwd())
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
