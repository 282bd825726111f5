"""Writes a policy as a checkpoint, or as an adapter, that other programs load as it is."""

import shutil
from pathlib import Path

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.export.model_card import model_card
from mtpipe.files import atomic, read_json, write_json
from mtpipe.model.adapter_folder import CONFIG, WEIGHTS, AdapterBase, is_adapter
from mtpipe.params import Params
from mtpipe.pruned import remedy_if_missing

_TOKENIZER = ("tokenizer*", "special_tokens_map.json", "chat_template.jinja")


def export(params: Params, arm: str, seed: int, target: Path, round: int | None = None, merge: bool = False) -> None:
    """Writes the policy that round `round` of one run samples from, by default its last, into a new folder.

    A policy with all weights becomes a checkpoint. An adapter becomes an adapter, which names its base by the absolute
    path that it has here; with `merge` it becomes a checkpoint of the base with the adapter added to its weights.

    Raises MtpipeError if arm, seed or round are not in params.yaml, if the policy or its base is missing or the base
    another one, or if the folder is there.
    """
    round = params.policy_round(arm, seed, round)
    if target.exists():
        raise MtpipeError(f"{target} is there; give a folder that is not, or remove it")
    policy = paths.policy(arm, seed, round)
    if not policy.is_dir():
        usual = "`dvc repro` makes it, and `dvc checkout` brings it back"
        raise MtpipeError(f"{policy} is missing; {remedy_if_missing(policy, usual)}")
    as_adapter = is_adapter(policy) and not merge
    with atomic(target) as folder:
        if as_adapter:
            _copy_adapter(policy, folder)
        elif is_adapter(policy):
            from mtpipe.model.adapter_policy import write_merged

            write_merged(policy, folder)
        else:
            _copy(policy, folder, "model*.safetensors*", "config.json", "generation_config.json", *_TOKENIZER)
        (folder / "README.md").write_text(model_card(params, arm, seed, round, policy, as_adapter), encoding="utf-8")


def _copy_adapter(policy: Path, folder: Path) -> None:
    """Without config.json, for which transformers would take the folder for a whole checkpoint."""
    base = AdapterBase.read(policy)
    base.check(policy)
    _copy(policy, folder, WEIGHTS, *_TOKENIZER)
    named = {"base_model_name_or_path": base.folder.resolve().as_posix()}
    write_json(folder / CONFIG, read_json(policy / CONFIG) | named)


def _copy(policy: Path, folder: Path, *patterns: str) -> None:
    folder.mkdir()
    for pattern in patterns:
        for file in policy.glob(pattern):
            shutil.copyfile(file, folder / file.name)
