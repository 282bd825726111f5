"""The table of controllers. A controller is one file of this folder and one line here, or a dotted path elsewhere.

Read `controller` first: what a controller is and is told. `state` is what it remembers, a file with the policy. Then
any of `entropy_target`, `tempered_entropy`, `turning_point`, `stage_diversity` and `tampo`; `probing` is what those
share that try a grid of temperatures.

Must not import: torch, mtpipe.sampling, mtpipe.learn: what it needs of them is handed to it.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from mtpipe.settings.plugins import pick_class
from mtpipe.temperature.controllers.controller import Controller
from mtpipe.temperature.controllers.entropy_target import EntropyTarget
from mtpipe.temperature.controllers.stage_diversity import StageDiversity
from mtpipe.temperature.controllers.tampo import Tampo
from mtpipe.temperature.controllers.tempered_entropy import TemperedEntropy
from mtpipe.temperature.controllers.turning_point import TurningPoint

CONTROLLERS: dict[str, type[Controller]] = {
    "entropy_target": EntropyTarget,
    "tempered_entropy": TemperedEntropy,
    "stage_diversity": StageDiversity,
    "turning_point": TurningPoint,
    "tampo": Tampo,
}


def _controller(found: Any) -> Controller:
    if isinstance(found, Controller):
        return found
    return pick_class(found, CONTROLLERS, Controller, "controller").model_validate(found)


AnyController = Annotated[SerializeAsAny[Controller], BeforeValidator(_controller)]
"""The settings of any controller, as a field of other settings."""
