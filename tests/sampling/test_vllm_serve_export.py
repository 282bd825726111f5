"""`vllm serve` on what `mtpipe export` writes, with the arguments that its card names: an adapter, and one merged."""

import re
import shlex
import shutil

import pytest
import torch
from adapters import trained_adapter
from builders import write_params
from conformance import token_logits
from vllm_process import needs_vllm
from vllm_server import complete, vllm_server

from mtpipe import paths
from mtpipe.export.exporting import export
from mtpipe.learn.scoring.sequences import pad, tempered_logprobs
from mtpipe.model.policy import load_policy
from mtpipe.params import load_params

pytestmark = [needs_vllm, pytest.mark.exhaustive]


@pytest.mark.parametrize("merge", [False, True])
def test_an_export_is_served_as_its_card_says(folder, merge, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params({"arms": ["uniform"], "rounds": 1, "model": {"lora": {"rank": 12}}})
    base = shutil.copytree(folder, paths.WARM_START / "policy")
    adapter = trained_adapter(base, paths.policy("uniform", 1, 1), seed=1)
    export(load_params(), "uniform", 1, tmp_path / "out", merge=merge)
    card = (tmp_path / "out" / "README.md").read_text()
    [command] = re.findall(r"`vllm serve (.*?)`", card)
    model, *arguments = shlex.split(command.replace("DIR", str(tmp_path / "out")).replace("BASE", str(base)))
    if merge:
        arguments += ["--served-model-name", "policy"]
    prompt = load_policy(adapter).encode("2+9*3-4>")
    with vllm_server(["--model", model, *arguments], tmp_path / "server.log") as address:
        choice = complete(address, prompt=prompt, logprobs=0, return_tokens_as_token_ids=True, ignore_eos=True)
    tokens = [int(token.removeprefix("token_id:")) for token in choice["logprobs"]["tokens"]]
    sequences = pad([prompt], [tokens])
    found = torch.tensor(choice["logprobs"]["token_logprobs"])
    for policy, fits in ((adapter, True), (base, False)):
        with torch.no_grad():
            logits = token_logits(load_policy(policy).model, sequences)
        expected, _ = tempered_logprobs(logits, sequences.targets, torch.ones(len(tokens)))
        assert ((found - expected).abs().max() < 2e-5) == fits
