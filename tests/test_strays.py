"""Strays: what heat would draw among a policy's improbable tokens."""

import shutil

import numpy as np
import pytest
import torch
from builders import write_params

from mtpipe import paths
from mtpipe.__main__ import main
from mtpipe.errors import MtpipeError
from mtpipe.model.policy import load_policy, save_policy
from mtpipe.records import PROBLEMS, Rollout, write_rows
from mtpipe.strays import Strays, count_strays, format_strays

HEATS = (1.3, 2.0)


@pytest.fixture(scope="module")
def sharpened(policy_folder, tmp_path_factory):
    """A policy whose distributions have likely and improbable tokens, as a trained one's have."""
    policy = load_policy(policy_folder)
    with torch.no_grad():
        policy.model.model.norm.weight.mul_(30)
    folder = tmp_path_factory.mktemp("sharpened") / "policy"
    save_policy(policy, folder, tokenizer_from=policy_folder)
    return folder


def rollout(prompt: list[int], response: list[int], temperature: float = 1.0) -> Rollout:
    return Rollout("p", 0, temperature, prompt, response, temperatures=[temperature] * len(response))


@pytest.fixture
def rollouts():
    draw = np.random.default_rng(0)
    return [rollout(draw.integers(3, 15, 4).tolist(), draw.integers(3, 15, length).tolist()) for length in range(1, 20)]


def by_hand(probabilities: np.ndarray, heat: float) -> float:
    hot = probabilities ** (1 / heat)
    return float(hot[probabilities < 0.01].sum() / hot.sum())


def test_a_token_s_chance_is_the_mass_that_heat_puts_on_improbable_tokens(sharpened, rollouts):
    """Against probabilities from the model's own forward pass, one response after the other."""
    found = count_strays(rollouts, sharpened, HEATS, torch.device("cpu"))
    model = load_policy(sharpened).model
    expected, nats = [], []
    for each in rollouts:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([each.prompt_ids + each.response_ids])).logits[0].double()
        for probabilities in logits.softmax(-1)[len(each.prompt_ids) - 1 : -1].numpy():
            expected.append([by_hand(probabilities, heat) for heat in (1.0, *HEATS)])
            nats.append(-(probabilities * np.log(probabilities)).sum())
    assert np.max(expected) > 0.05
    np.testing.assert_allclose(found.chances.T, expected, atol=1e-5)
    np.testing.assert_allclose(found.entropies, nats, atol=1e-5)
    assert found.heats == (1.0, *HEATS)


def test_heat_on_more_tokens_leads_further_astray_and_on_all_of_them_is_the_whole(sharpened, rollouts):
    found = count_strays(rollouts, sharpened, HEATS, torch.device("cpu"))
    by_share = np.array([found.by_rule(share) for share in (0.05, 0.2, 0.5, 1.0)])
    assert (np.diff(by_share[:, 1:], axis=0) >= 0).all()
    np.testing.assert_allclose(by_share[:, 0], found.chances[0].sum() / len(rollouts))
    np.testing.assert_allclose(by_share[-1], found.chances.sum(axis=1) / len(rollouts))


def test_the_rule_heats_the_tokens_of_the_highest_entropy_alone():
    chances = np.array([[0.0, 0.01, 0.0, 0.0], [0.1, 0.2, 0.4, 0.8]])
    strays = Strays((1.0, 2.0), np.array([0.3, 0.1, 0.9, 0.2]), chances, responses=2)
    assert strays.by_rule(0.25) == pytest.approx([0.005, (0.4 + 0.01) / 2])
    assert strays.by_rule(0.5) == pytest.approx([0.005, (0.1 + 0.01 + 0.4) / 2])
    lines = format_strays(strays, [0.25]).splitlines()
    assert lines[-1].split() == ["2", "0.750", "0.205", "0.545"]


def test_responses_at_another_temperature_and_none_are_refused(sharpened):
    with pytest.raises(MtpipeError, match=r"at T = 1; these have a token at 1\.2"):
        count_strays([rollout([3], [4, 5], 1.2)], sharpened, HEATS, torch.device("cpu"))
    with pytest.raises(MtpipeError, match="there is none"):
        count_strays([], sharpened, HEATS, torch.device("cpu"))


def test_responses_without_tokens_count_among_the_responses_alone(sharpened, rollouts):
    found = count_strays(rollouts[:2], sharpened, HEATS, torch.device("cpu"))
    more = count_strays([rollout([3], [])] * 9 + rollouts[:2], sharpened, HEATS, torch.device("cpu"))
    np.testing.assert_allclose(more.chances, found.chances, atol=1e-6)
    assert (found.responses, more.responses) == (2, 11)


@pytest.mark.slow
def test_the_command_samples_from_what_the_first_round_does(tmp_path, monkeypatch, capsys, sharpened):
    monkeypatch.chdir(tmp_path)
    write_params({"sampling": {"max_new_tokens": 6}})
    row = {"task": "arithmetic", "split": "train", "answer": "1", "meta": "{}"}
    problems = [{"problem_id": str(n), "prompt": f"{n}+2*{n}-1>", **row} for n in range(1, 9)]
    write_rows(paths.TRAIN, problems, PROBLEMS)
    shutil.copytree(sharpened, paths.WARM_START / "policy")
    monkeypatch.setattr("sys.argv", ["mtpipe", "strays", "--prompts", "5", "--heats", "1.5", "--shares", "0.3"])
    main()
    said = capsys.readouterr().out
    assert said.startswith("5 responses at T = 1, ")
    assert [line.split()[0] for line in said.splitlines()[-2:]] == ["1", "1.5"]
