"""A checkpoint by its id on the hub, from a server on this machine that answers as the hub does."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from builders import write_params
from huggingface_hub import constants

from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.files import read_json
from mtpipe.hub import cached, checkpoint_folder, hub_revision, is_hub_id, pinned
from mtpipe.learn.warm_start import place_checkpoint
from mtpipe.model.checkpoint_folder import check_checkpoint
from mtpipe.run.doctor import diagnose
from mtpipe.settings.model import StartingModel
from stages import plan

pytestmark = pytest.mark.slow

NAME, COMMITS = "some/model", {"main": "1" * 40, "v1": "2" * 40}


class Hub:
    """A server with one checkpoint, and what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.files = {file.name: file.read_bytes() for file in folder.iterdir()}
        self.asked: list[str] = []
        hub = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append(self.path)
                path = self.path.partition("?")[0]
                if path.startswith(f"/api/models/{NAME}/revision/"):
                    commit = COMMITS.get(path.rpartition("/")[2])
                    self.tell({"id": NAME, "sha": commit} if commit else {"error": "no"}, 200 if commit else 404)
                elif path.startswith(f"/api/models/{NAME}/tree/"):
                    self.tell(
                        [
                            {"type": "file", "path": name, "size": len(content), "oid": hub.digest(name)}
                            for name, content in hub.files.items()
                        ]
                    )
                elif path.startswith(f"/{NAME}/resolve/"):
                    self.send_file(*path.split("/")[-2:])
                else:
                    self.tell({"error": "Repository not found"}, 404, **{"X-Error-Code": "RepoNotFound"})

            do_HEAD = do_GET

            def tell(self, found: object, status: int = 200, **headers: str) -> None:
                if status == 404 and "X-Error-Code" not in headers:
                    headers = {"X-Error-Code": "RevisionNotFound"}
                self.send(json.dumps(found).encode(), status, {"Content-Type": "application/json", **headers})

            def send_file(self, commit: str, name: str) -> None:
                self.send(hub.files[name], 200, {"X-Repo-Commit": commit, "ETag": f'"{hub.digest(name)}"'})

            def send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
                self.send_response(status)
                for key, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def digest(self, name: str) -> str:
        return hashlib.sha1(self.files[name]).hexdigest()


@pytest.fixture
def hub(policy_folder, tmp_path, monkeypatch) -> Iterator[Hub]:
    """And a project beside it, with an empty cache of the hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    started = Hub(policy_folder)
    monkeypatch.setattr(constants, "ENDPOINT", started.address)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", started.address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    yield started
    started.server.shutdown()
    started.server.server_close()


@pytest.mark.parametrize(("checkpoint", "commit"), [(NAME, COMMITS["main"]), (f"{NAME}@v1", COMMITS["v1"])])
def test_plan_brings_it_and_tells_the_stages_its_commit(hub, tmp_path, checkpoint, commit):
    write_params({"model.checkpoint": checkpoint, "warm_start.steps": 0})
    assert cached(checkpoint) is None
    assert hub_revision(checkpoint) is None
    plan.main()
    told = read_json(paths.stage_plan("warm_start"))["settings"]["model"]["checkpoint"]
    assert told == f"{NAME}@{commit}"
    assert hub_revision(checkpoint) == commit

    hub.asked.clear()
    place_checkpoint(tmp_path / "placed", StartingModel(checkpoint=told), None, 128)
    placed = {file.name: file.read_bytes() for file in (tmp_path / "placed").iterdir()}
    assert placed == hub.files
    assert not any(file.is_symlink() for file in (tmp_path / "placed").iterdir())
    plan.main()
    assert hub.asked == [], "what is in the cache is not asked for again"


def test_what_could_be_a_program_is_not_downloaded(hub):
    hub.files |= {"modeling_own.py": b"print('run')", "pytorch_model.bin": b"a pickle"}
    check_checkpoint(NAME, fetches=True)
    assert not {file.name for file in checkpoint_folder(NAME).iterdir()} & {"modeling_own.py", "pytorch_model.bin"}


@pytest.mark.parametrize(
    ("checkpoint", "words"),
    [
        ("some/other", "the hub has none of this name"),
        (f"{NAME}@v9", "no such revision"),
    ],
)
def test_what_the_hub_has_not_is_told_before_anything_is_made(hub, checkpoint, words):
    write_params({"model.checkpoint": checkpoint})
    with pytest.raises(
        MtpipeError, match=rf"model\.checkpoint is '{checkpoint}', and that folder does not exist; .*{words}"
    ):
        plan.main()
    assert not paths.PLAN.exists()


def test_without_the_network_it_says_so(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(MtpipeError, match=r"that folder does not exist; the hub cannot be reached"):
        check_checkpoint(NAME, fetches=True)
    check_checkpoint(NAME)
    with pytest.raises(MtpipeError, match="`dvc repro plan` brings it"):
        checkpoint_folder(NAME)


def test_the_doctor_downloads_nothing(hub):
    write_params({"model.checkpoint": NAME})
    found = {finding.about: finding for finding in diagnose(Path("params.yaml"))}
    assert hub.asked == []
    assert NAME in found["params.yaml"].found
    assert not found["params.yaml"].remedy


def test_a_folder_that_is_there_is_no_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("some/model")
    assert is_hub_id("some/model@v1.0")
    assert not any(map(is_hub_id, ("models/mine", "some", "/some/model", "some/model/deep", "some/model@", "")))
    Path("some/model").mkdir(parents=True)
    assert not is_hub_id("some/model")
    assert pinned("some/model") == "some/model"
    assert pinned(None) is None
