"""dvc.lock as text: against DVC's own writer, and for every way in which parts can come home."""

import random
import re

import pytest
from dvc.utils.serialize import dumps_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.run.study.lock import DvcLock, PartLock, keep_copy, keep_whole

pytestmark = pytest.mark.slow

ORDER = [f"stage@arm-{n}-round{n}" for n in range(12)]
COMMANDS = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF, blacklist_characters="\x7f\x85"))
ENTRIES = st.dictionaries(
    st.sampled_from(ORDER),
    st.fixed_dictionaries(
        {
            "cmd": st.one_of(COMMANDS, st.lists(COMMANDS, min_size=1), st.just("word " * 60), st.just("one\ntwo\n")),
            "outs": st.lists(st.fixed_dictionaries({"path": COMMANDS, "size": st.integers(), "nfiles": st.just(1)})),
            "params": st.dictionaries(st.just("params.yaml"), st.dictionaries(COMMANDS, st.floats(allow_nan=False))),
        }
    ),
    min_size=1,
)


def dvc_text(entries: dict) -> str:
    return dumps_yaml({"schema": "2.0", "stages": entries})


def in_order(entries: dict) -> dict:
    return {name: entries[name] for name in ORDER if name in entries}


@settings(max_examples=12)
@given(entries=ENTRIES, parts=st.integers(1, 4), seed=st.integers(0, 99))
def test_parts_that_come_home_in_any_order_make_the_file_that_dvc_writes(tmp_path_factory, entries, parts, seed):
    path = tmp_path_factory.mktemp("lock") / "dvc.lock"
    names = list(entries)
    random.Random(seed).shuffle(names)
    for part in range(parts):
        lock = DvcLock(path)
        lock.merge({name: entries[name] for name in names[part::parts]}, ORDER)
        lock.write()
    assert path.read_text() == dvc_text(in_order(entries))
    assert {name: DvcLock(path).get(name) for name in names} == entries


@settings(max_examples=12)
@given(old=ENTRIES, new=ENTRIES)
def test_a_file_of_dvc_keeps_its_order_and_what_is_not_merged(tmp_path_factory, old, new):
    path = tmp_path_factory.mktemp("lock") / "dvc.lock"
    path.write_text(dvc_text({**old, "a stage of before": {"cmd": "x"}}))
    lock = DvcLock(path)
    assert lock.merge(new, ORDER) == any(
        dvc_text({name: old.get(name)}) != dvc_text({name: entry}) for name, entry in new.items()
    )
    lock.write()
    again = DvcLock(path)
    assert {name: again.get(name) for name in {**old, **new}} == {**old, **new}
    assert again.get("a stage of before") == {"cmd": "x"}
    assert [line for line in path.read_text().splitlines() if line.strip()[:-1] in old] == [
        f"  {name}:" for name in old
    ]


def test_other_sections_of_the_file_stay(tmp_path):
    path = tmp_path / "dvc.lock"
    head, tail = "schema: '2.0'\ndatasets:\n- name: x\n  type: dvc\n", "other:\n  a: 1\n"
    path.write_text(f"{head}stages:\n  b:\n    cmd: x\n{tail}")
    lock = DvcLock(path)
    lock.merge({"a": {"cmd": "y"}}, ["a", "b"])
    lock.write()
    assert path.read_text() == f"{head}stages:\n  a:\n    cmd: y\n  b:\n    cmd: x\n{tail}"


@pytest.mark.parametrize(
    "text",
    ["", "{}\n", "stages:\n", "schema: '2.0'\n", "schema: '2.0'\nstages:\n  a:\n    cmd: x", "schema: '1.0'\nstages:\n"]
    + [f"schema: '2.0'\nstages:\n  a:\n    cmd: x\n{mark}\n" for mark in ("<<<<<<< HEAD", "=======", ">>>>>>> other")],
)
def test_a_file_that_is_not_as_dvc_writes_it_is_refused_with_the_remedy(tmp_path, text):
    path = tmp_path / "dvc.lock"
    path.write_text(text)
    with pytest.raises(MtpipeError, match=r"dvc\.lock.*delete it"):
        DvcLock(path)


def test_an_unreadable_entry_is_named(tmp_path):
    path = tmp_path / "dvc.lock"
    path.write_text("schema: '2.0'\nstages:\n  a:\n    cmd: [x\n  b:\n    cmd: y\n")
    assert DvcLock(path).get("b") == {"cmd": "y"}
    with pytest.raises(MtpipeError, match="stage a"):
        DvcLock(path).get("a")


@given(cut=st.integers(0, 200))
def test_what_a_kill_cut_off_does_not_count(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("part") / "lock.jsonl"
    for name in ("a", "b", "c"):
        PartLock(path).add(name, {"cmd": name * 9})
    content = path.read_bytes()
    path.write_bytes(content[: min(cut, len(content))])
    whole = content[: min(cut, len(content))].count(b"\n")
    kept = PartLock(path)
    assert list(kept.entries) == ["a", "b", "c"][:whole]
    assert path.read_bytes() == content[: min(cut, len(content))], "another process may be writing it"
    kept.start_over()
    kept.add("d", {"cmd": "d"})
    assert list(PartLock(path).entries) == [*["a", "b", "c"][:whole], "d"]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_lock_that_a_kill_cut_anywhere_is_replaced_by_the_last_whole_one(tmp_path, keeps):
    lock, kept = tmp_path / "dvc.lock", tmp_path / "dvc.lock.whole"
    assert keep_whole(lock, kept) == ""
    assert not kept.exists(), "a new project has none"
    head, plan = "schema: '2.0'\nstages:\n", "  plan:\n    cmd: a\n"
    whole = f"{head}{plan}  prepare:\n    cmd: b\n"
    seems_whole = set() if keeps else {len(head), len(head + plan)}
    for end in sorted({*range(len(whole))} - seems_whole):
        lock.write_text(whole)
        assert keep_whole(lock, kept) == ""
        if not keeps:
            kept.unlink()
        lock.write_text(whole[:end])
        said = keep_whole(lock, kept)
        assert re.search("cut off|is not readable", said)
        assert lock.exists() == keeps
        assert (tmp_path / "dvc.lock.cut").read_text() == whole[:end]
        if keeps:
            assert lock.read_text() == whole
            assert "dvc.lock.whole" in said


def test_a_copy_that_is_cut_itself_is_not_taken(tmp_path):
    lock, kept = tmp_path / "dvc.lock", tmp_path / "dvc.lock.whole"
    lock.write_text("")
    kept.write_text("schema")
    assert "without one" in keep_whole(lock, kept)
    assert not lock.exists()


def test_bytes_that_are_no_text_are_not_whole(tmp_path):
    lock, kept = tmp_path / "dvc.lock", tmp_path / "dvc.lock.whole"
    lock.write_bytes(b"\xff\xfe\x00")
    assert "without one" in keep_whole(lock, kept)


def test_where_policies_were_removed_the_copy_replaces_a_missing_lock_and_loses_no_entry(tmp_path, monkeypatch):
    """A run cache does not have them, so that without the entries they would be trained again."""
    monkeypatch.chdir(tmp_path)
    lock, kept = tmp_path / "dvc.lock", tmp_path / "dvc.lock.whole"
    whole = "schema: '2.0'\nstages:\n  plan:\n    cmd: a\n  prepare:\n    cmd: b\n"
    lock.write_text(whole)
    assert keep_whole(lock, kept) == ""
    lock.unlink()
    assert keep_whole(lock, kept) == ""
    assert not lock.exists(), "nothing was removed, and DVC's cache has it all"
    paths.PRUNED.mkdir(parents=True)
    assert "is missing: took the last whole one" in keep_whole(lock, kept)
    assert lock.read_text() == whole
    lock.write_text("schema: '2.0'\nstages:\n  plan:\n    cmd: c\n")
    keep_copy(lock, kept)
    assert DvcLock(kept).get("plan") == {"cmd": "c"}
    assert DvcLock(kept).get("prepare") == {"cmd": "b"}


@pytest.mark.parametrize("damaged", ["{]\n", "3\n", "[7]\n"])
def test_a_damaged_line_does_not_count(tmp_path, damaged):
    path = tmp_path / "lock.jsonl"
    PartLock(path).add("a", {"cmd": "a"})
    path.write_text(damaged + path.read_text())
    assert list(PartLock(path).entries) == ["a"]


def test_a_conflict_of_git_is_left_to_its_user(tmp_path):
    lock, kept = tmp_path / "dvc.lock", tmp_path / "dvc.lock.whole"
    text = "schema: '2.0'\nstages:\n<<<<<<< HEAD\n  plan:\n    cmd: a\n=======\n>>>>>>> other\n"
    lock.write_text(text)
    with pytest.raises(MtpipeError, match=r"git conflict|expected a stage"):
        keep_whole(lock, kept)
    assert lock.read_text() == text
