"""The report of a small made-up study: what its files say, and how the page does in a real browser."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from builders import ROOT, write_params

from benchmarks.synthetic_study import write_study
from mtpipe import paths
from mtpipe.errors import MtpipeError
from mtpipe.params import load_params
from mtpipe.records import EVALUATION, read_rows, write_rows
from mtpipe.report.collect import collect
from mtpipe.report.comparison import compare
from mtpipe.report.curves import lead_curves
from mtpipe.report.page import render_markdown, render_page
from mtpipe.report.story_pictures import story_rows

pytestmark = pytest.mark.slow

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


def test_each_arm_has_its_row_from_temperature_to_accuracy_and_a_column_has_one_scale(inside):
    study = collect(load_params())
    rows = dict(story_rows(study, compare(study)))
    assert list(rows) == ["uniform", "token", "spread"]
    assert [len(row) for row in rows.values()] == [4, 4, 4]
    place = re.compile(r'cy="([\d.]+)"[^>]*data-y="([\d.]+)"')
    for column in zip(*rows.values(), strict=True):
        points = [(float(y), float(cy)) for picture in column for cy, y in place.findall(picture.svg)]
        heights = [height for _, height in sorted(points)]
        assert heights == sorted(heights, reverse=True), "a higher value of another arm stands higher"


def test_the_lead_by_rounds_has_a_picture_a_benchmark_with_whole_rounds_on_its_axis(inside):
    study = collect(load_params())
    pictures = lead_curves(study, compare(study))
    assert len(pictures) == 3
    for picture in pictures:
        axis = picture.svg.partition('-matplotlib.axis_1"')[2].partition('-matplotlib.axis_2"')[0]
        assert re.findall(r"<text [^>]*>([^<]*)</text>", axis) == ["1", "2", "rounds of training"]


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


def test_a_value_shows_its_numbers_on_hover_and_a_hostile_name_stays_text(browser, project):
    browser.open(project / "report" / "index.html")
    shown = browser.run(
        "const of = element => { element.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));"
        " return document.getElementById('tip').textContent; };"
        "const svg = document.querySelector('svg[aria-labelledby=by-temperature-title]');"
        "return [of(svg.querySelector('[data-series=token]')), of(document.querySelector('.token.hot'))]"
    )
    score = json.loads((project / "report" / "tables.json").read_text())["arms"]["token"]["same"]["avg"]["mean"]
    assert shown[0].startswith(f"token: % correct {100 * score:.6g}, mean temperature")
    assert shown[1].startswith("T = 1.3, entropy 0.900")
    assert "&lt;b&gt;" in (project / "report" / "index.html").read_text()


def test_a_circle_stands_where_its_value_is_drawn(browser, project):
    browser.open(project / "report" / "index.html")
    places = browser.run(
        "const svg = document.querySelector('svg[aria-labelledby=by-temperature-title]');"
        "const middle = box => [box.left + box.width / 2, box.top + box.height / 2];"
        "const marks = [...svg.querySelectorAll('use')].map(one => middle(one.getBoundingClientRect()));"
        "return [...svg.querySelectorAll('.points circle')].map(circle => {"
        " const [x, y] = middle(circle.getBoundingClientRect());"
        " return Math.min(...marks.map(([left, top]) => Math.hypot(x - left, y - top))); })"
    )
    assert len(places) == 3
    assert max(places) < 2


def test_each_figure_and_table_saves_itself(browser, project):
    browser.open(project / "report" / "index.html")
    saved = browser.run(
        """
        const texts = [], url = URL.createObjectURL;
        URL.createObjectURL = blob => { texts.push(blob.text()); return "blob:nothing"; };
        HTMLAnchorElement.prototype.click = () => {};
        const figure = document.querySelector('svg[aria-labelledby=by-cost-title]').closest('figure');
        const table = [...document.querySelectorAll('.block')].find(one => one.textContent.includes('maj@'));
        for (const button of [...figure.querySelectorAll('.save button'), ...table.querySelectorAll('.save button')])
            button.onclick();
        return Promise.all(texts);
        """
    )
    svg, csv_of_figure, tex_of_figure, csv_of_table, tex_of_table = saved
    assert "var(" not in svg
    assert 'xmlns="http://www.w3.org/2000/svg"' in svg
    header, *values = csv.reader(csv_of_figure.splitlines())
    assert header == ["series", "tokens sampled in training, millions a seed", "% correct"]
    assert [row[0] for row in values] == [arm for arm in ("uniform", "token", "spread") for _ in range(3)]
    assert tex_of_figure.count(r"\addplot") == 3
    assert {len(row) for row in csv.reader(csv_of_table.splitlines())} == {7}
    assert r"\begin{tabular}" in tex_of_table
    assert not re.search(r"(?<!\\)[%_]", tex_of_table)


def test_the_page_links_to_nothing_that_the_pipeline_does_not_make(project):
    params = load_params(project / "params.yaml")
    made = {paths.viewer(arm, 1, 1) for arm in params.arms} | {
        paths.evaluation_viewer(arm, 1, 2) for arm in params.arms
    }
    made |= {paths.REPORT / name for name in ("tables.json", "tables.md", "metrics.json")}
    links = re.findall(r'<a href="([^"#]+)#?[^"#]*"', (project / "report" / "index.html").read_text())
    assert {paths.REPORT / link for link in links if link} == made
    outs = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["look"]["outs"]
    assert outs == [paths.VIEWERS.as_posix()]
