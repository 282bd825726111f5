import json
import resource
import shutil
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.errors import MtpipeError
from mtpipe.model.policy import load_policy, load_vocabulary, new_checkpoint, prepare_torch
from mtpipe.tasks.vocabulary import BYTES


@pytest.fixture(scope="module")
def byte_policy(tmp_path_factory, params):
    folder = tmp_path_factory.mktemp("bytes") / "policy"
    sizes = params.model.model_copy(update={"hidden_size": 16, "layers": 1, "heads": 2})
    new_checkpoint(folder, sizes, BYTES.characters, BYTES.max_positions)
    return load_policy(folder)


@given(st.text(max_size=40))
def test_a_new_model_for_mathematics_reads_any_text_as_its_bytes(byte_policy, text):
    ids = byte_policy.encode(text)
    assert len(ids) == len(text.encode())
    assert byte_policy.decode(ids) == text
    assert not set(ids) & set(byte_policy.stop_ids)
    assert max(ids, default=0) < byte_policy.model.config.vocab_size == 258


def test_a_token_that_the_tokenizer_does_not_know_shows_in_the_text(policy):
    four, two = policy.encode("42")
    beyond = policy.tokenizer.get_vocab_size()
    assert policy.decode([four, two]) == "42"
    assert policy.decode([four, beyond, two]) == "4\ufffd2"
    assert policy.decode([beyond, beyond + 7, four]) == "\ufffd\ufffd4"


def test_a_text_with_a_token_that_the_model_does_not_have_is_refused_by_name(policy):
    smaller = replace(policy, size=policy.encode("+")[0])
    fits = next(text for text in "0123456789" if policy.encode(text)[0] < smaller.size)
    assert smaller.encode(fits) == policy.encode(fits)
    with pytest.raises(
        MtpipeError, match=rf"text '1\+2>' has the token .*the model's tokens end at {smaller.size - 1} "
    ):
        smaller.encode("1+2>")
    with pytest.raises(MtpipeError, match=r"text '1\+2>' has the token"):
        smaller.encode_all([fits, "1+2>"])
    texts = [fits, "", "2*3>"]
    assert policy.encode_all(texts) == [policy.encode(text) for text in texts]


def test_a_stop_token_that_the_model_does_not_have_is_refused(policy_folder, tmp_path):
    folder = tmp_path / "policy"
    shutil.copytree(policy_folder, folder)
    assert load_vocabulary(folder).stop_ids == (1,)
    for stops in (18, [1, 18]):
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": stops}))
        with pytest.raises(MtpipeError, match=r"eos_token_id is 18, the model's tokens end at 17"):
            load_vocabulary(folder)


def test_memory_is_reused_and_not_asked_of_the_system_for_each_tensor(params):
    prepare_torch(params.compute)
    pages, before = 128 * 2**20 // resource.getpagesize(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(32 * 2**20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 5 * pages
