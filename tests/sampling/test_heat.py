"""The line of a server's log about hot tokens."""

import logging

import numpy as np
import torch

from mtpipe.sampling.vllm.heat import HeatLog


def test_the_log_has_the_share_of_hot_tokens(caplog):
    log = HeatLog(torch.device("cpu"), tokens_a_line=6)
    with caplog.at_level(logging.INFO, logger="vllm.token_temperature"):
        lowest = torch.tensor([0.8, 1.0, 1.2])
        log.add(torch.tensor([1.6, 1.0, 1.2]), lowest, np.array([0, 3, 1]))
        log.add(torch.tensor([0.8, 1.4, 9.9]), lowest, np.array([1, 4, -1]))
        assert not caplog.messages, "a prompt that is being read does not count"
        log.add(torch.tensor([1.6]), lowest[:1], np.array([2]))
    assert caplog.messages == ["token_temperature: 6 tokens, 50.0 % of them hot, mean temperature 1.267"]
