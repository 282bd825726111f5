"""AdamW whose state goes from round to round, as safetensors."""

from functools import partial
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import Parameter
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError
from mtpipe.files import bring_back
from mtpipe.learn.distributed.shards import fill, whole
from mtpipe.learn.state.eight_bit import adamw_8bit, from_tensors, new_moment, to_tensors

_STEP = "step"
_SIGNED = {"exp_avg": True, "exp_avg_sq": False}
"""AdamW's two moments, and whether their values have a sign."""


def trained_parameters(model: nn.Module) -> dict[str, Parameter]:
    """All of a model's parameters by their names, or those of its adapter."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


class Optimizer:
    """AdamW with linear warm-up and gradient clipping; `step_count` counts over all rounds."""

    def __init__(
        self,
        model: PreTrainedModel,
        learning_rate: float,
        warmup_steps: int,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 0.0,
        max_grad_norm: float = 1.0,
        kind: Literal["adamw", "adamw_8bit"] = "adamw",
    ):
        self._parameters = trained_parameters(model)
        self._learning_rate = learning_rate
        self._warmup_steps = warmup_steps
        self._max_grad_norm = max_grad_norm
        # All tensors by one call, on a CPU too: the same digits in half the time.
        make = partial(torch.optim.AdamW, foreach=True) if kind == "adamw" else adamw_8bit
        self._adamw = make(self._parameters.values(), lr=learning_rate, betas=betas, weight_decay=weight_decay)
        self._eight_bit = kind == "adamw_8bit"
        self.step_count = 0

    def clip(self) -> float:
        """Clips the gradients' joint norm and returns what it was."""
        return float(whole(torch.nn.utils.clip_grad_norm_(self._parameters.values(), self._max_grad_norm)))

    def step(self) -> None:
        """One update of the parameters, after which their gradients are gone."""
        self.step_count += 1
        rate = self._learning_rate * min(1.0, self.step_count / max(1, self._warmup_steps))
        for group in self._adamw.param_groups:
            group["lr"] = torch.tensor(rate) if self._eight_bit else rate
        # torchao compiles its step; on a CPU that takes longer than it saves, and a compiler that may not be there.
        on_gpu = next(iter(self._parameters.values())).is_cuda
        with torch.compiler.set_stance("default" if on_gpu else "force_eager"):
            self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """The state as plain whole tensors; processes that share it have to call this together."""
        tensors = {_STEP: torch.tensor(self.step_count)}
        for name, parameter in self._parameters.items():
            state = self._adamw.state.get(parameter, {})
            for key in _SIGNED:
                moment = state[key] if key in state else self._new_moment(parameter, key)
                tensors |= {f"{name}.{key}{ending}": value for ending, value in to_tensors(whole(moment)).items()}
        return tensors

    def load(self, file: Path) -> None:
        """Takes up the state in a file; one without tensors starts anew, which is right in round 0.

        A state in 8 bits goes on in float32, and the other way round, where the setting was edited between rounds.

        Raises MtpipeError if the file is missing or unreadable, or belongs to another model.
        """
        try:
            tensors = load_file(file)
            if not tensors:
                return
            self.step_count = int(tensors[_STEP])
            for name, parameter in self._parameters.items():
                moments = {key: from_tensors(tensors, f"{name}.{key}", signed) for key, signed in _SIGNED.items()}
                if moments["exp_avg"].shape != parameter.shape:
                    raise MtpipeError(
                        f"{file}: {name} has shape {tuple(moments['exp_avg'].shape)}, the policy's {name} another"
                    )
                state = {key: self._new_moment(parameter, key) for key in moments}
                for key, moment in moments.items():
                    fill(state[key], moment)
                self._adamw.state[parameter] = {_STEP: torch.tensor(float(self.step_count)), **state}
        except (SafetensorError, KeyError, OSError) as error:
            raise MtpipeError(
                f"{file} is not the optimizer state of this policy: {error}; {bring_back(file)}"
            ) from error

    def _new_moment(self, parameter: Parameter, key: str) -> Tensor:
        if self._eight_bit:
            return new_moment(self._adamw, parameter, _SIGNED[key])
        return torch.zeros_like(parameter, requires_grad=False)


def write_state(tensors: dict[str, Tensor], file: Path) -> None:
    """Writes `Optimizer.tensors` into a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
