"""data/README.md has every column and key that stages write; whole runs are held to it where they are made."""

import pyarrow as pa
import pytest
from documented import contradictions, tables

from mtpipe.records import EVALUATION, EXAMPLES, PROBLEMS, ROLLOUTS, VERDICTS

WORDS = {pa.string(): "str", pa.int32(): "int", pa.float64(): "float", pa.float32(): "float", pa.bool_(): "bool"}


def word(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        return " and ".join(f"{field.name}: {word(field.type)}" for field in kind)
    return f"list of {word(kind.value_type)}" if pa.types.is_list(kind) else WORDS[kind]


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("problems/train.parquet", PROBLEMS),
        ("problems/warm_start.parquet", EXAMPLES),
        ("runs/ARM/seedS/roundN/rollouts.parquet", ROLLOUTS),
        ("runs/ARM/seedS/roundN/verdicts.parquet", VERDICTS),
        ("evaluation/warm_start.parquet", EVALUATION),
    ],
)
def test_parquet_files_have_the_columns_of_their_table(file, schema):
    assert [(row.name, row.type) for row in tables()[file]] == [(column.name, word(column.type)) for column in schema]


def test_a_key_too_many_one_too_few_and_another_type_are_found():
    curve = [{"step": 1, "loss": 0.5}]
    assert contradictions("warm_start/curve.json", curve) == []
    assert "no table" in contradictions("warm_start/curve.json", [{**curve[0], "rate": 1.0}])[0]
    assert "nowhere" in contradictions("warm_start/curve.json", [{"step": 1}])[0]
    assert "not int" in contradictions("warm_start/curve.json", [{"step": 1.5, "loss": 0.5}])[0]
