import torch
from hypothesis import given
from hypothesis import strategies as st

from mtpipe.temperature.masks import Masks


@given(
    st.lists(st.lists(st.booleans(), min_size=7, max_size=7).filter(lambda row: not all(row)), min_size=1, max_size=9),
    st.data(),
)
def test_masks_come_back_as_they_were_packed_whole_and_in_parts(dropped, data):
    dropped = torch.tensor(dropped)
    masks = Masks.pack(dropped)
    start = data.draw(st.integers(0, len(dropped)))
    stop = data.draw(st.integers(start, len(dropped)))
    assert masks.dropped(slice(0, len(dropped)), 7).equal(dropped)
    assert masks.dropped(slice(start, stop), 7).equal(dropped[start:stop])
    sizes, ids = masks.lists()
    again = Masks.of(sizes, [token for of_token in ids for token in of_token])
    assert again.dropped(slice(0, len(dropped)), 7).equal(dropped)


def test_the_fewer_of_kept_and_dropped_are_listed_and_nothing_where_nothing_is_cut():
    few_kept, few_dropped, all_kept = [True] * 6 + [False], [False] * 6 + [True], [False] * 7
    assert Masks.pack(torch.tensor([few_kept, few_dropped, all_kept])).lists() == ([1, -1, 0], [[6], [6], []])
