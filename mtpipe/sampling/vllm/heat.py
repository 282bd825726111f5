"""How many of the tokens that a server samples are hot: a line in vLLM's log now and then."""

import logging

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TOKENS_A_LINE = 20_000

logger = logging.getLogger("vllm.token_temperature")
"""Below vLLM's own logger, so that its lines stand among vLLM's."""


class HeatLog:
    """Counts sampled tokens, and those of them that are above their request's lowest temperature.

    The counts stay on the device until a line is due, so a step waits for nothing.
    """

    def __init__(self, device: torch.device, tokens_a_line: int = TOKENS_A_LINE):
        self._hot = torch.zeros((), dtype=torch.long, device=device)
        self._sum = torch.zeros((), dtype=torch.float64, device=device)
        self._tokens = 0
        self._tokens_a_line = tokens_a_line

    def add(self, temperatures: Tensor, lowest: Tensor, positions: NDArray[np.intp]) -> None:
        """One step's rows.

        Args:
            temperatures: [rows], what each row's logits are divided by.
            lowest: [rows], the lowest that the row's request can get.
            positions: [rows], below 0 where a prompt is being read and what is sampled is thrown away.
        """
        sampled = torch.from_numpy(positions >= 0).to(temperatures.device)
        self._hot += ((temperatures > lowest) & sampled).sum()
        self._sum += (temperatures * sampled).sum(dtype=torch.float64)
        self._tokens += int((positions >= 0).sum())
        if self._tokens >= self._tokens_a_line:
            hot, mean = self._hot.item() / self._tokens, self._sum.item() / self._tokens
            logger.info(
                "token_temperature: %d tokens, %.1f %% of them hot, mean temperature %.3f",
                self._tokens,
                100 * hot,
                mean,
            )
            self._hot.zero_()
            self._sum.zero_()
            self._tokens = 0
