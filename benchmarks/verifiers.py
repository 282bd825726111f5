"""Ours beside other verifiers on every file of judged answers at hand: agreement, false positives, false negatives.

Files: tests/verify/written_cases.jsonl; cases, derived, adversarial and spellings of ../shared/data/verifier; and a
sample of tests/verify/metamorphic. Only rows of class `clear` count where rows have a class, and none that asks for
rounding, which most verifiers do not know. Each other verifier is
tried as its users call it, in a process of its own that is killed after SECONDS for one row; it then has not said
"correct". Those that are not installed are named and left out; none is a dependency.
"""

import json
import os
import resource
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data" / "verifier"
WRITTEN = ROOT / "tests" / "verify" / "written_cases.jsonl"
SECONDS = 15.0
MEMORY = 4 << 30
SAMPLED = 6

Row = tuple[str, str, bool]
Judge = Callable[[str, str], bool]


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--child":
        return _serve(sys.argv[2])
    files = read_files()
    judged = {"mtpipe": {name: _ours(rows) for name, rows in files.items()}}
    for name, peer in PEERS.items():
        try:
            title = f"{name} {version(peer.package)}"
        except PackageNotFoundError:
            print(f"{name}: not installed (pip install {peer.package}), left out")
            continue
        with Child(name) as child:
            if child.usable:
                judged[title] = {file: [child.judge(*row[:2]) for row in rows] for file, rows in files.items()}
            else:
                print(f"{title}: does not import here, left out")
    print(table(files, judged))


def table(files: dict[str, list[Row]], judged: dict[str, dict[str, list[bool | None]]]) -> str:
    """Markdown: one row a file and verifier."""
    lines = [
        "| file | rows | verifier | agree | false positives | false negatives | killed |",
        "|---|---|---|---|---|---|---|",
    ]
    for file, rows in files.items():
        for name, verdicts in judged.items():
            pairs = [(bool(said), expected) for said, (_, _, expected) in zip(verdicts[file], rows, strict=True)]
            agree = sum(said == expected for said, expected in pairs)
            positives, negatives = pairs.count((True, False)), pairs.count((False, True))
            killed = verdicts[file].count(None)
            share = f"{agree} ({100 * agree / len(rows):.1f} %)"
            lines.append(f"| {file} | {len(rows)} | {name} | {share} | {positives} | {negatives} | {killed} |")
    return "\n".join(lines)


def read_files() -> dict[str, list[Row]]:
    """Gold, response, and whether the response is right, by file; files that are not here are left out."""
    files = {}
    for path in (WRITTEN, *sorted(SHARED.glob("*.jsonl"))):
        with path.open() as lines:
            rows = [json.loads(line) for line in lines]
        kept = [row for row in rows if row.get("class", "clear") == "clear" and isinstance(row["gold"], str)]
        kept = [row for row in kept if not row.get("options")]
        files[path.stem] = [(row["gold"], row["pred"] or "", row.get("expect", row.get("equal"))) for row in kept]
    if SHARED.is_dir():
        sys.path.insert(0, str(ROOT / "tests" / "verify"))
        from metamorphic.golds import all_golds
        from metamorphic.trial import sample

        chosen = sample(all_golds(), SAMPLED)
        files["metamorphic"] = [(case.gold, case.response, case.rewriting.keeps) for case in chosen]
    return files


def _ours(rows: list[Row]) -> list[bool | None]:
    """As `python -m mtpipe grade` judges them."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        source.write_text("".join(json.dumps({"gold": gold, "pred": pred}) + "\n" for gold, pred, _ in rows))
        command = [sys.executable, "-m", "mtpipe", "grade", str(source), str(target)]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return [json.loads(line)["correct"] for line in target.read_text().split("\n") if line]


@dataclass(frozen=True)
class Peer:
    """Another verifier: the package that has it, and how its judge is made."""

    package: str
    load: Callable[[], Judge]


def _formula(text: str) -> str:
    """As math-verify wants it: a bare formula between dollars."""
    return text if "$" in text or r"\boxed" in text or len(text.split()) > 12 else f"${text}$"


def _math_verify() -> Judge:
    from math_verify import parse, verify

    return lambda gold, pred: bool(verify(parse(_formula(gold)), parse(_formula(pred))))


def _trl() -> Judge:
    from trl.rewards import accuracy_reward

    def judge(gold: str, pred: str) -> bool:
        return accuracy_reward([[{"role": "assistant", "content": _formula(pred)}]], [_formula(gold)])[0] == 1.0

    return judge


def _mathruler() -> Judge:
    from mathruler.grader import extract_boxed_content, grade_answer

    def judge(gold: str, pred: str) -> bool:
        answer = extract_boxed_content(pred) if r"\boxed" in pred else pred
        return bool(grade_answer(answer, gold.strip("$")))

    return judge


def _prime_math() -> Judge:
    from verl.utils.reward_score.prime_math import compute_score

    return lambda gold, pred: bool(compute_score(pred, gold.strip("$"))[0])


def _hendrycks() -> Judge:
    from lm_eval.tasks.hendrycks_math.utils import is_equiv, last_boxed_only_string, remove_boxed

    def judge(gold: str, pred: str) -> bool:
        box = last_boxed_only_string(pred)
        return bool(is_equiv(remove_boxed(box) if box else pred, gold.strip("$")))

    return judge


PEERS = {
    "math-verify": Peer("math-verify", _math_verify),
    "TRL accuracy_reward": Peer("trl", _trl),
    "MathRuler": Peer("mathruler", _mathruler),
    "verl prime_math": Peer("verl", _prime_math),
    "lm-eval hendrycks_math": Peer("lm-eval", _hendrycks),
}


class Child:
    """A verifier in a process of its own, which is replaced when a row takes too long or ends it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = tempfile.TemporaryDirectory()
        self.start()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.verifiers", "--child", self.name],
            cwd=self.folder.name,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self.usable = self._line(120) == "ready"

    def judge(self, gold: str, pred: str) -> bool | None:
        """None if it had to be killed, or ended by itself."""
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps([gold, pred]).encode() + b"\n")
            said = self._line(SECONDS)
        except BrokenPipeError:
            said = ""
        if said in ("true", "false"):
            return said == "true"
        self.process.kill()
        self.process.wait()
        self.start()
        return None

    def _line(self, seconds: float) -> str:
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline().decode().strip() if ready else ""


def _serve(name: str) -> None:
    """The child: answers lines of `[gold, pred]` by true or false; an exception is no "correct"."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a verifier prints is no answer
    judge = PEERS[name].load()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        gold, pred = json.loads(line)
        try:
            said = judge(gold, pred)
        except Exception:  # whatever theirs raises
            said = False
        print(json.dumps(bool(said)), file=answers, flush=True)


if __name__ == "__main__":
    main()
