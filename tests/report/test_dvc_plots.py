"""The page of `dvc plots`: DVC's data in our template, without the network."""

import json
import re
from configparser import ConfigParser

import yaml
from builders import ROOT

ARMS = ("uniform", "token", "</script><b>arm</b>")


def page_of(values: list[dict]) -> str:
    """The template filled as DVC fills it, for one plot; only the parts of DVC's specification that decide lines."""
    config = ConfigParser()
    config.read(ROOT / ".dvc" / "config")
    y = {"field": "dvc_inferred_y_value", "title": "reward"}
    spec = {
        **{"data": {"values": values}, "title": {"text": "Mean reward"}, "encoding": {"x": {"field": "round"}}},
        "layer": [{"layer": [{"mark": "line"}], "encoding": {"y": y}}],
    }
    written = json.dumps(spec).replace("</", "<\\/")
    plot = f'<div id="reward"><script>var spec = {written}; vegaEmbed("#reward", spec);</script></div>'
    template = (ROOT / ".dvc" / config["plots"]["html_template"]).read_text()
    assert "{scripts}" not in template, "DVC's scripts come from the network"
    return template.replace("{plot_divs}", plot).replace("{refresh_tag}", "")


def test_each_arm_has_a_colour_of_its_own_and_each_revision_a_dash(browser, tmp_path):
    values = [
        {"round": str(n), "dvc_inferred_y_value": str(round(0.1 * n + 0.01 * k, 2)), "rev": rev, "field": arm}
        for rev in ("HEAD", "workspace")
        for k, arm in enumerate(ARMS)
        for n in (2, 0, 1)
    ]
    page = tmp_path / "plots.html"
    page.write_text(page_of(values))
    browser.open(page)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    lines = browser.run(
        "return [...document.querySelectorAll('polyline')].map(line => "
        "[line.getAttribute('stroke'), line.getAttribute('stroke-dasharray'), line.getAttribute('points')])"
    )
    assert len({colour for colour, _, _ in lines}) == len(ARMS)
    assert len({dash for _, dash, _ in lines}) == 2
    assert len({(colour, dash) for colour, dash, _ in lines}) == 6
    for _, _, points in lines:
        across = [float(point.split(",")[0]) for point in points.split()]
        assert across == sorted(across), "by round, in whatever order DVC has the rows"
    assert browser.run("return document.querySelectorAll('b').length") == 0
    assert "token, HEAD: 0.21 at 2" in browser.run("return document.body.textContent")


def test_what_dvc_draws_is_ignored_by_git_and_its_plots_are_lines_by_arm():
    assert "/dvc_plots/" in (ROOT / ".gitignore").read_text().splitlines()
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    for plot in plots:
        for found in plot.values():
            assert [re.fullmatch(r"report/\w+_by_arm\.csv", file) is not None for file in found["y"]] == [True]
            assert list(found["y"].values()) == ["${arms}"]
