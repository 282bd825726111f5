"""AdamW whose state travels with the policy, as safetensors."""

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from mtpipe.errors import MtpipeError

STATE_FILE = Path("training") / "optimizer.safetensors"
"""Within a policy folder; in a folder of its own, because some loaders read every safetensors file as weights."""

_STEP = "step"


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
    ):
        self._parameters = dict(model.named_parameters())
        self._learning_rate = learning_rate
        self._warmup_steps = warmup_steps
        self._max_grad_norm = max_grad_norm
        self._adamw = torch.optim.AdamW(
            self._parameters.values(), lr=learning_rate, betas=betas, weight_decay=weight_decay
        )
        self.step_count = 0

    def clip(self) -> float:
        """Clips the gradients' joint norm and returns what it was."""
        return float(torch.nn.utils.clip_grad_norm_(self._parameters.values(), self._max_grad_norm))

    def step(self) -> None:
        """One update of the parameters, after which their gradients are gone."""
        self.step_count += 1
        for group in self._adamw.param_groups:
            group["lr"] = self._learning_rate * min(1.0, self.step_count / max(1, self._warmup_steps))
        self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)

    def save(self, policy: Path) -> None:
        """Writes the state into a policy folder."""
        file = policy / STATE_FILE
        file.parent.mkdir()
        tensors = {f"{name}.{key}": value for name, key, value in self._moments()}
        save_file({**tensors, _STEP: torch.tensor(self.step_count)}, file)

    def load(self, policy: Path) -> None:
        """Takes up the state of a policy folder; a folder without one starts anew, which is right in round 0.

        Raises MtpipeError where the file is unreadable or belongs to another model.
        """
        file = policy / STATE_FILE
        if not file.is_file():
            return
        try:
            tensors = load_file(file)
            self.step_count = int(tensors[_STEP])
            for name, parameter in self._parameters.items():
                moments = {key: tensors[f"{name}.{key}"].to(parameter.device) for key in ("exp_avg", "exp_avg_sq")}
                if moments["exp_avg"].shape != parameter.shape:
                    raise MtpipeError(
                        f"{file}: {name} has shape {tuple(moments['exp_avg'].shape)}, the policy's {name} another"
                    )
                self._adamw.state[parameter] = {_STEP: torch.tensor(float(self.step_count)), **moments}
        except (SafetensorError, KeyError, OSError) as error:
            raise MtpipeError(f"{file} is not the optimizer state of this policy: {error}") from error

    def _moments(self) -> Iterator[tuple[str, str, Tensor]]:
        for name, parameter in self._parameters.items():
            state = self._adamw.state.get(parameter, {})
            for key in ("exp_avg", "exp_avg_sq"):
                yield name, key, state.get(key, torch.zeros_like(parameter)).detach()
