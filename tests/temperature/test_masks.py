import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.temperature.masks import EDGE, Masks

VOCABULARY = 7
KEPT_SETS = st.lists(st.booleans(), min_size=VOCABULARY, max_size=VOCABULARY).filter(any)


@pytest.mark.slow
@given(st.lists(KEPT_SETS, min_size=1, max_size=9), st.data())
def test_masks_come_back_as_they_were_packed_whole_and_in_parts(kept, data):
    kept = torch.tensor(kept)
    logits = torch.zeros(kept.shape)
    masks = Masks.pack(kept)
    start = data.draw(st.integers(0, len(kept)))
    stop = data.draw(st.integers(start, len(kept)))
    assert (~masks.dropped(logits)).equal(kept)
    assert (~masks.part(slice(start, stop)).dropped(logits[start:stop])).equal(kept[start:stop])
    sizes, ids = masks.lists()
    again = Masks.of(sizes, [token for of_token in ids for token in of_token])
    assert (~again.dropped(logits)).equal(kept)
    parts = Masks.cat([masks.part(slice(0, start)), masks.part(slice(start, len(kept)))])
    assert parts.lists() == masks.lists()


def test_what_is_kept_is_listed_and_nothing_where_nothing_is_cut():
    kept = torch.tensor([[False] * 6 + [True], [True] * 6 + [False], [True] * 7])
    assert Masks.pack(kept).lists() == ([1, 6, 0], [[6], [0, 1, 2, 3, 4, 5], []])


def test_an_edge_keeps_what_comes_before_it_in_the_order_of_logits_and_of_equal_ones_by_id():
    logits = torch.tensor([[3.0, 1.0, 2.0, 1.0, 1.0, 0.0, 4.0]]).repeat(3, 1)
    masks = Masks.of([EDGE, 2, EDGE], [3, 0, 1, 5])
    kept = [[True, True, True, True, False, False, True], [True, True] + [False] * 5, [True] * 7]
    assert (~masks.dropped(logits)).tolist() == kept
    assert (~masks.dropped(logits + 100)).tolist() == kept, "all logits higher by a constant mean the same"
    assert (~masks.part(slice(2, 3)).dropped(logits[2:])).tolist() == kept[2:]
