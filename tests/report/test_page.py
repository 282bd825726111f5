"""The report of a small made-up study: what its files say, and how the page does in a real browser."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders import ROOT, write_params

from benchmarks.synthetic_study import write_study
from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.params import load_params
from mtpipe.records import EVALUATION, read_rows, write_rows
from mtpipe.report.collect import collect
from mtpipe.report.comparison import compare
from mtpipe.report.page import render_markdown, render_page

REPORT = "import stages.report; from mtpipe.params import load_params; stages.report.main(params=load_params())"
HOSTILE = "</script><script>document.title='owned'</script><img src=http://attacker.invalid/x onerror=alert(1)>|`x`"


def make_study(folder: Path) -> Path:
    """A project with three arms, four seeds and a sweep; `token` gains, and one response is hostile."""
    folder.mkdir()
    changes = {"arms": ["uniform", "token", "spread"], "seeds": [1, 2, 3, 4], "rounds": 2, "report.resamples": 500}
    changes["evaluate"] = {"after": [1, 2], "sweep": [0.6], "benchmarks": {"longer": {"samples": 16}}}
    write_params(changes, folder / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_study(load_params(), 60, {"token": 0.1})
        rows = read_rows(paths.evaluation("token", 1, 2), EVALUATION)
        rows[0] |= {"text": HOSTILE, "answer": HOSTILE}
        write_rows(paths.evaluation("token", 1, 2), rows, EVALUATION)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("study") / "project")
    command = [
        sys.executable,
        "-c",
        REPORT,
    ]
    subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, check=True)
    return folder


@pytest.fixture
def inside(project, monkeypatch) -> Path:
    monkeypatch.chdir(project)
    return project


def test_importing_the_report_does_not_import_torch():
    code = "import sys, stages.report, mtpipe.look.viewer, mtpipe.budget.cost_table; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_the_same_files_give_the_same_page_in_another_folder(project, tmp_path):
    twin = tmp_path / "elsewhere"
    shutil.copytree(project, twin, ignore=shutil.ignore_patterns("report"))
    command = [
        sys.executable,
        "-c",
        REPORT,
    ]
    subprocess.run(command, cwd=twin, env={"PYTHONPATH": str(ROOT)}, check=True)
    for file in (project / "report").iterdir():
        assert file.read_bytes() == (twin / "report" / file.name).read_bytes(), file.name


def test_only_the_arm_that_gains_is_marked(project):
    found = json.loads((project / "report" / "tables.json").read_text())["arms"]
    holds = {arm: [score["minus_baseline"]["holds"] for score in found[arm].values()] for arm in ("token", "spread")}
    assert holds == {"token": [True] * 3, "spread": [False] * 3}
    assert found["uniform"]["same"]["minus_baseline"] is None
    assert len(found["token"]["longer"]["curve"]) == 16
    assert len(found["token"]["same"]["curve"]) == 4


def test_the_difference_is_the_difference_of_the_means_and_each_p_value_is_corrected_over_all_of_them(inside):
    comparison = compare(collect(load_params()))
    found = [score.minus_baseline for arm in ("token", "spread") for score in comparison.arms[arm].values()]
    for arm in ("token", "spread"):
        for benchmark, score in comparison.arms[arm].items():
            expected = score.avg.mean - comparison.arms["uniform"][benchmark].avg.mean
            assert score.minus_baseline.estimate.mean == pytest.approx(expected)
            assert score.avg.mean == pytest.approx(sum(score.by_seed.values()) / 4)
    smallest = min(found, key=lambda one: one.p_value)
    assert smallest.adjusted == pytest.approx(min(1, 6 * smallest.p_value))


def test_what_differs_from_the_shipped_settings_is_listed(project):
    markdown = (project / "report" / "tables.md").read_text()
    section = markdown.partition("## Settings that differ")[2].partition("##")[0]
    assert "| evaluate.sweep | [] | [0.6] |" in section
    assert "| rounds | 5 | 2 |" in section
    assert "learning_rate" not in section


def test_a_models_text_is_escaped_on_the_page_and_absent_from_the_markdown(project):
    page = (project / "report" / "index.html").read_text()
    assert "&lt;/script&gt;&lt;script&gt;" in page
    assert "<img" not in page
    assert "attacker" not in (project / "report" / "tables.md").read_text()


def test_a_policy_evaluated_on_other_problems_is_refused_by_name(project, tmp_path, monkeypatch):
    shutil.copytree(project / "data", tmp_path / "data")
    shutil.copy(project / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    rows = read_rows(paths.evaluation("token", 2, 2), EVALUATION)
    for row in rows:
        row["problem_id"] = row["problem_id"].replace("same/0000", "same/x")
    write_rows(paths.evaluation("token", 2, 2), rows, EVALUATION)
    with pytest.raises(MtpipeError, match=r"token/seed2/after2\.parquet.*'same/x'|'same/0000'"):
        collect(load_params())


def test_one_arm_alone_has_a_report_without_claims(project, tmp_path, monkeypatch):
    shutil.copytree(project / "data", tmp_path / "data")
    text = (project / "params.yaml").read_text().replace("[uniform, token, spread]", "[uniform]")
    (tmp_path / "params.yaml").write_text(re.sub(r"arms:\n(- \w+\n)+", "arms: [uniform]\n", text))
    monkeypatch.chdir(tmp_path)
    study = collect(load_params())
    assert study.params.arms == ["uniform"]
    comparison = compare(study)
    assert "Difference to" not in render_page(study, comparison) + render_markdown(study, comparison)


# ---- in the browser ----


def test_it_loads_without_a_complaint_and_without_a_request(browser, project):
    page = project / "report" / "index.html"
    browser.open(page)
    assert browser.run("return document.querySelectorAll('figure svg').length") > 10
    assert browser.run("return document.title").startswith("mtpipe report")
    assert browser.complaints() == []
    assert {address for address in browser.requests() if not address.startswith("data:")} == {page.resolve().as_uri()}


def test_the_content_policy_refuses_a_script_that_is_not_ours(browser, project):
    page = project / "report" / "index.html"
    browser.open(page)
    browser.run(
        "const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.body.append(s)"
    )
    assert browser.run("return window.owned") is None
    assert "Content Security Policy" in "".join(browser.complaints())


def test_a_click_on_a_head_sorts_each_group_by_number_and_another_click_turns_it(browser, project):
    browser.open(project / "report" / "index.html")
    orders = """
        const table = [...document.querySelectorAll('table')].find(one => one.textContent.includes('maj@'));
        table.querySelectorAll('thead button')[arguments[0]].click();
        return [...table.tBodies].map(body => [...body.querySelectorAll('tr:not(.group)')].map(
            row => row.cells[arguments[0]].dataset.order ?? row.cells[arguments[0]].textContent.trim()));
    """
    falling = [[float(value) for value in group] for group in browser.run(orders, 1)]
    rising = [[float(value) for value in group] for group in browser.run(orders, 1)]
    assert len(falling) == 3
    assert all(group == sorted(group, reverse=True) for group in falling)
    assert all(group == sorted(group) and len(set(group)) > 1 for group in rising)
    assert all(group == sorted(group) for group in browser.run(orders, 0))


def test_the_theme_follows_the_system(browser, project):
    colours = []
    for scheme in ("light", "dark"):
        browser.open(project / "report" / "index.html", scheme=scheme)
        colours.append(
            browser.run(
                "const of = element => getComputedStyle(element).color.match(/\\d+/g).map(Number);"
                "return [of(document.body)[0], of(document.querySelector('figure svg'))[0]]"
            )
        )
    (light, light_svg), (dark, dark_svg) = colours
    assert light < 80 < 180 < dark
    assert light_svg < 80 < 180 < dark_svg


def test_nothing_is_wider_than_a_phone(browser, project):
    browser.open(project / "report" / "index.html", width=390)
    assert browser.run("return [document.documentElement.scrollWidth, innerWidth]") == [390, 390]
