"""How files of settings are read."""

from mtpipe.settings.base import read_yaml


def test_what_one_reader_changes_the_next_one_does_not_find(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("seeds: [1]\n")
    read_yaml(path)["seeds"].append(2)
    assert read_yaml(path) == {"seeds": [1]}


def test_a_file_that_was_written_again_is_read_again(tmp_path):
    path = tmp_path / "params.yaml"
    for seed in (1, 2):
        path.write_text(f"seeds: [{seed}]\n")
        assert read_yaml(path) == {"seeds": [seed]}
