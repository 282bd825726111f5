import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.model.policy import load_policy, new_checkpoint
from mtpipe.tasks.vocabulary import VOCABULARIES


@pytest.fixture(scope="module")
def byte_policy(tmp_path_factory, params):
    folder = tmp_path_factory.mktemp("bytes") / "policy"
    vocabulary = VOCABULARIES["math"]
    sizes = params.model.model_copy(update={"hidden_size": 16, "layers": 1, "heads": 2})
    new_checkpoint(folder, sizes, vocabulary.characters, vocabulary.max_positions)
    return load_policy(folder)


@given(st.text(max_size=40))
def test_a_new_model_for_mathematics_reads_any_text_as_its_bytes(byte_policy, text):
    ids = byte_policy.encode(text)
    assert len(ids) == len(text.encode())
    assert byte_policy.decode(ids) == text
    assert not set(ids) & set(byte_policy.stop_ids)
    assert max(ids, default=0) < byte_policy.model.config.vocab_size == 258
