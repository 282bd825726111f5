"""A params.yaml of an earlier version: what it lacks has its default, and a key that has another name is told it."""

import pytest
from builders import changed_params, write_params
from pydantic import ValidationError
from ruamel.yaml import YAML

from mtpipe.params import Params, load_params
from mtpipe.settings.base import read_section
from mtpipe.settings.model import Compute
from mtpipe.settings.outputs import Tracking
from mtpipe.settings.sampling import Ray


@pytest.mark.parametrize(("section", "kind"), [("compute", Compute), ("ray", Ray), ("tracking", Tracking)])
def test_a_section_that_is_missing_has_its_defaults_also_for_a_stage_that_reads_it_alone(tmp_path, section, kind):
    file = tmp_path / "params.yaml"
    write_params({}, file)
    content = YAML(typ="safe").load(file.read_text())
    del content[section]
    with open(file, "w") as written:
        YAML(typ="safe").dump(content, written)
    assert read_section(section, kind, file) == kind() == getattr(load_params(file), section)


@pytest.mark.parametrize(
    ("section", "new", "old"),
    [
        (None, "warm_start", "sft"),
        ("update", "keep_zero_advantage_groups", "keep_flat_groups"),
        ("reward", "overlong", "truncated"),
        ("task", "warm_start_harder_share", "wider"),
    ],
)
def test_a_key_of_an_earlier_version_is_told_its_new_name(section, new, old):
    content = changed_params({})
    place = content[section] if section else content
    place[old] = place.pop(new)
    with pytest.raises(ValidationError, match=f"{old!r} is now called {new!r}"):
        Params.model_validate(content)
