"""Token rules from outside the package: what is asked of them beyond what their base classes say."""

from mtpipe.settings.plugins import check_methods, load_class, own_code, written_in
from mtpipe.temperature.rules.rule import NextTokens, ResolvedRule, Rule

_ENTROPIES = (0.0, 0.1, 1.0, 10.0)
_POSITIONS = (0, 1, 7, 1000)
_UNIFORMS = (0.0, 0.3, 0.7, 0.999)


def load_rule(path: str) -> type[Rule]:
    """Imports the class; raises ValueError as `load_class` does, or if its `resolved` is no ResolvedRule."""
    found = load_class(path, Rule, "token rule")
    resolved = getattr(found, "resolved", object)
    if not issubclass(resolved, ResolvedRule):
        raise ValueError(f"{path}: its attribute `resolved` has to be a subclass of ResolvedRule")
    check_methods(path, resolved, "resolved rule")
    return found


def try_rule(path: str, rule: ResolvedRule) -> None:
    """Computes a few temperatures with a resolved rule from outside, as arrays in numpy.

    Raises ValueError, naming file and line, if it does not give each token a temperature within its span.
    """
    import numpy as np  # pictures need it anyway, and a study with rules of the package does not

    where = f"{path}: `at` in {written_in(type(rule))}"
    count = len(_ENTROPIES)
    tokens = NextTokens(
        np.array(_ENTROPIES), np.array(_POSITIONS), np.arange(count) == 0, np.array(_ENTROPIES), np.array(_UNIFORMS)
    )
    numbers = {name: np.full(count, value) for name, value in rule.frozen(lambda quantile: quantile).numbers.items()}
    with own_code(path):
        found = np.asarray(rule.at(numbers, tokens))
    if found.shape != (count,):
        raise ValueError(f"{where} gave the shape {list(found.shape)} for {count} tokens; expected [{count}]")
    try:
        rule.check(found.tolist())
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
