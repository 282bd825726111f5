"""Loading data sets in every shape they come in: local files, and the hub's own loader on a folder laid out as one."""

import json
import shutil

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtpipe.errors import MtpipeError
from mtpipe.settings.task import Columns, Source
from mtpipe.tasks.catalogue import KNOWN
from mtpipe.tasks.sources import load

ROWS = [{"problem": f"What is {n} – 1?", "answer": str(n - 1), "level": n} for n in range(4)]


def write_jsonl(path, rows, encoding="utf-8"):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding=encoding)
    return str(path)


def write_arrow_file(path, rows):
    table = pa.Table.from_pylist(rows)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return str(path)


def test_every_file_format_gives_the_same_rows(tmp_path):
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "saved")
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    files = [
        write_jsonl(tmp_path / "rows.jsonl", ROWS),
        write_jsonl(tmp_path / "bom.jsonl", ROWS, "utf-8-sig"),
        str(tmp_path / "rows.parquet"),
        str(tmp_path / "saved" / "data-00000-of-00001.arrow"),
        write_arrow_file(tmp_path / "rows.arrow", ROWS),
    ]
    for file in files:
        assert list(load(Source(file=file), "train", "mine").rows) == ROWS
    assert list(load(Source(file=files), "train", "mine").rows) == ROWS * 5


def test_a_files_folder_on_this_machine_is_not_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inputs").mkdir()
    file = write_jsonl(tmp_path / "inputs" / "rows.jsonl", ROWS)
    assert load(Source(file=file), "train", "mine").origin == {"files": ["rows.jsonl"]}
    assert load(Source(file="inputs/rows.jsonl"), "train", "mine").origin == {"files": ["inputs/rows.jsonl"]}


@pytest.mark.parametrize(
    ("row", "problem", "answer"),
    [
        ({"problem": "p", "solution": "s", "answer": "a"}, "problem", "answer"),
        ({"Problem": "p", "Answer": 3, "ID": "x"}, "Problem", "Answer"),
        ({"question": "p", "answer": "so\n#### 3"}, "question", "answer"),
        ({"problem": "p", "solution": r"\boxed{3}", "type": "t"}, "problem", "solution"),
        ({"question": "p", "final_answer": ["3"], "unit": None}, "question", "final_answer"),
        ({"prompt": [{"content": "p"}], "reward_model": {"ground_truth": "3"}}, "prompt.0.content", "reward_model."),
        ({"prompt": "p", "solution": "3", "reward_model": {"ground_truth": "3"}}, "prompt", "solution"),
    ],
)
def test_a_files_shape_is_recognised_by_its_columns(tmp_path, row, problem, answer):
    shape = load(Source(file=write_jsonl(tmp_path / "rows.jsonl", [row])), "train", "mine").shape
    assert shape.problem == problem
    assert shape.answer.startswith(answer)


def test_columns_and_like_name_the_shape(tmp_path):
    file = write_jsonl(tmp_path / "rows.jsonl", [{"q": {"text": "p"}, "final": "3", "problem": "x", "solution": "y"}])
    columns = Columns(problem="q.text", answer="final", answer_is="boxed", several="all")
    shape = load(Source(file=file, columns=columns), "train", "mine").shape
    assert (shape.problem, shape.answer, shape.answer_is, shape.several) == ("q.text", "final", "boxed", "all")
    like = load(Source(file=file, like="EleutherAI/hendrycks_math"), "train", "mine").shape
    assert like == KNOWN["EleutherAI/hendrycks_math"].shape


@pytest.mark.parametrize(
    ("content", "name", "settings", "message"),
    [
        (None, "gone.jsonl", {}, r"params\.yaml: task\.train\.mine: .*gone\.jsonl is missing"),
        ("", "empty.jsonl", {}, r"empty\.jsonl has no rows"),
        ('{"problem": 1}\n{', "cut.jsonl", {}, r"cut\.jsonl has the columns problem, which are not those of a known"),
        ('{"problem": "p", "answer": "1"}\n{"pro', "cut.jsonl", {}, r"cut\.jsonl, line 2: no JSON"),
        ("[1]\n", "list.jsonl", {}, r"list\.jsonl, line 1: found list; expected an object"),
        ("PAR1", "cut.parquet", {}, r"cut\.parquet is not readable"),
        ("nothing", "rows.arrow", {}, r"rows\.arrow is not readable"),
        ("a,b", "rows.csv", {}, r"rows\.csv is none of \.jsonl, \.json, \.parquet, \.arrow"),
        ('{"a": 1}', "a.jsonl", {"columns": {"problem": "a", "answer": "b"}}, r"a\.jsonl has no column 'b'; it has a"),
        ('{"a": 1}', "a.jsonl", {"like": "openai/gsm8k"}, r"a\.jsonl has no column 'question'; it has a"),
        ('{"a": 1}', "a.jsonl", {"like": "openai/gsm"}, r"like is 'openai/gsm'; expected one of .*openai/gsm8k"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_remedy(tmp_path, content, name, settings, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(MtpipeError, match=message):
        list(load(Source(file=str(tmp_path / name), **settings), "train", "mine").rows)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder with a data set laid out as on the hub, which `datasets` takes where it would ask the hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def make(name: str, config: str, rows_of_split: dict):
        folder = tmp_path / name
        (folder / config).mkdir(parents=True)
        files = ""
        for split, rows in rows_of_split.items():
            pq.write_table(pa.Table.from_pylist(rows), folder / config / f"{split}-00000-of-00001.parquet")
            files += f"\n  - split: {split}\n    path: {config}/{split}-*"
        card = folder / "README.md"
        before = card.read_text() if card.exists() else "---\nconfigs:\n---\n"
        card.write_text(before.removesuffix("---\n") + f"- config_name: {config}\n  data_files:{files}\n---\n")

    return make


def test_a_known_id_has_its_configurations_split_and_columns_from_the_table(hub):
    splits = {"train": [{"question": "two", "answer": "#### 2"}], "test": [{"question": "three", "answer": "#### 3"}]}
    hub("openai/gsm8k", "main", splits)
    train, test = load(Source(hub="openai/gsm8k"), "train", "a"), load(Source(hub="openai/gsm8k"), "benchmarks", "a")
    assert (list(train.rows), list(test.rows)) == (splits["train"], splits["test"])
    assert train.origin == {"hub": "openai/gsm8k", "config": ["main"], "split": "train", "revision": None}
    for part in ("AIME2025-I", "AIME2025-II"):
        hub("opencompass/AIME2025", part, {"test": [{"question": part, "answer": "3"}]})
    both = load(Source(hub="opencompass/AIME2025"), "benchmarks", "aime25")
    assert [row["question"] for row in both.rows] == ["AIME2025-I", "AIME2025-II"]


def test_the_commit_that_is_found_in_the_cache_is_recorded_and_held_against_the_pinned_one(hub, tmp_path):
    hub("openai/gsm8k", "main", {"train": [{"question": "two", "answer": "#### 2"}]})
    list(load(Source(hub="openai/gsm8k"), "train", "a").rows)
    shutil.rmtree(tmp_path / "openai")
    commit = "0123456789abcdef" * 2 + "01234567"
    (tmp_path / "cache" / "gsm8k").rename(tmp_path / "cache" / "openai___gsm8k")  # as one from the hub is named
    (versions,) = (tmp_path / "cache" / "openai___gsm8k" / "main").iterdir()
    next(path for path in versions.iterdir() if path.is_dir()).rename(versions / commit)

    for revision in (None, commit):
        found = load(Source(hub="openai/gsm8k", revision=revision), "train", "a")
        assert (found.origin["revision"], list(found.rows)) == (commit, [{"question": "two", "answer": "#### 2"}])
    with pytest.raises(MtpipeError, match=f"found at revision {commit}, in a cache or folder; the pinned one is fff"):
        load(Source(hub="openai/gsm8k", revision="f" * 40), "train", "a")


def test_any_other_id_is_taken_with_its_columns(hub):
    hub("some-one/problems", "default", {"validation": [{"q": "one", "a": 1.5}]})
    columns = Columns(problem="q", answer="a")
    found = load(Source(hub="some-one/problems", split="validation", columns=columns), "train", "mine")
    assert (list(found.rows), found.shape.problem) == ([{"q": "one", "a": 1.5}], "q")


@pytest.mark.parametrize(("name", "config"), [("HuggingFaceH4/aime_2024", None), ("openai/gsm8k", "socratic")])
def test_a_failure_of_the_hub_says_how_to_use_a_file(hub, name, config):
    hub("openai/gsm8k", "main", {"train": [{"question": "two", "answer": "#### 2"}]})
    with pytest.raises(MtpipeError) as error:
        load(Source(hub=name, config=config), "train", "mine")
    assert f"task.train.mine: {name} (config {config}, split train, revision newest) could not be loaded" in str(
        error.value
    )
    assert f"{{file: inputs/FILE.parquet, like: {name}}}" in str(error.value)
