"""Comparisons of arms that were named beforehand: one family, however many arms the study has."""

from statistics import stdev

from mtpipe.errors import MtpipeError
from mtpipe.report.cells import bracket, listing, percent
from mtpipe.report.versions import as_text, compare_pairs, last_round, score_table, scores
from mtpipe.settings.outputs import Report
from mtpipe.statistics.intervals import estimate_means
from mtpipe.text_table import aligned


def contrast_arms(version: str, contrasts: list[str], benchmarks: list[str], report: Report) -> str:
    """Every arm's score after its last round, and of each contrast `ARM:OTHER` the difference ARM − OTHER, with tests.

    Args:
        version: a commit, an experiment, the workspace, or a file of scores.
        contrasts: in a file of several studies (`write_scores_under`), arms without a study's name stand for those of
            each study that has both.
        benchmarks: those that count; none: all. Holm's correction is over each contrast on each of them that both
            arms have: studies of other tasks have other ones.

    Raises MtpipeError if the version has no scores, or no such arm or benchmark, and if two arms have no benchmark or
    no seed in common.
    """
    found = {key: last_round(by_round) for key, by_round in scores(version).items()}
    arms, known = (list(dict.fromkeys(key[place] for key in found)) for place in (0, 1))
    _check("benchmark", benchmarks, known)
    pairs = {}
    for arm, other in (pair for contrast in contrasts for pair in _pairs(contrast, arms)):
        both = [name for name in benchmarks or known if {(arm, name), (other, name)} <= found.keys()]
        if not both:
            raise MtpipeError(f"{arm} and {other} have no scores on {listing(benchmarks or known)} in common")
        for name in both:
            pairs[f"{arm} − {other}", name] = found[other, name], found[arm, name]
    rows: list[tuple[str, ...]] = [("arm", "benchmark", "seeds", "% correct", "between seeds")]
    for (arm, name), by_seed in found.items():
        if name in (benchmarks or known):
            table = score_table(by_seed)
            [one] = estimate_means(table[None], report.confidence)
            means = table.mean(axis=1).tolist()
            interval = bracket(percent(max(0.0, one.low)), percent(min(1.0, one.high)))
            spread = percent(stdev(means)) if len(means) > 1 else ""
            rows.append((arm, name, str(len(means)), f"{percent(one.mean)} {interval}", spread))
    parts = aligned(rows)
    if pairs:
        parts += ["", as_text("second", "first", compare_pairs(pairs, {}, report), report)]
    return "\n".join(parts)


def _pairs(contrast: str, arms: list[str]) -> list[tuple[str, str]]:
    """The arms that are compared: those of that name, or of each study that has both."""
    arm, _, other = contrast.partition(":")
    if not other or arm == other:
        raise MtpipeError(f"{contrast!r} does not name two arms; expected ARM:OTHER, as token:uniform")
    studies = dict.fromkeys(known.rpartition("/")[0] for known in arms)
    pairs = [(f"{study}/{arm}", f"{study}/{other}") for study in studies if study]
    found = [pair for pair in pairs if set(pair) <= set(arms)]
    if not found or {arm, other} <= set(arms):
        _check("arm", [arm, other], arms)
        return [(arm, other)]
    return found


def _check(what: str, names: list[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise MtpipeError(f"there is no {what} {name!r}; there are {listing(known)}")
