"""The table of token rules. A rule is one file of this folder and one line here, or a dotted path elsewhere.

Read `rule` first: what a rule is, and how it resolves. Then any of `uniform`, `entropy_threshold`, `entropy_window`,
`entropy_ramp`, `random_share`, `edt`, `adapt` and `annealed`; `outside` loads rules from elsewhere.

Must not import: torch, mtpipe.temperature.controllers, mtpipe.temperature.apply: a rule is a function of arrays.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from mtpipe.settings.plugins import pick_class
from mtpipe.temperature.rules.adapt import AdapT
from mtpipe.temperature.rules.annealed import Annealed, ReverseAnnealed
from mtpipe.temperature.rules.edt import EDT
from mtpipe.temperature.rules.entropy_ramp import EntropyLinear, EntropySigmoid
from mtpipe.temperature.rules.entropy_threshold import EntropyThreshold
from mtpipe.temperature.rules.entropy_window import EntropyWindow
from mtpipe.temperature.rules.outside import load_rule
from mtpipe.temperature.rules.random_share import RandomShare
from mtpipe.temperature.rules.rule import ResolvedRule, Rule
from mtpipe.temperature.rules.uniform import Uniform

RULES: dict[str, type[Rule]] = {
    "uniform": Uniform,
    "entropy_threshold": EntropyThreshold,
    "entropy_window": EntropyWindow,
    "entropy_linear": EntropyLinear,
    "entropy_sigmoid": EntropySigmoid,
    "random_share": RandomShare,
    "edt": EDT,
    "adapt": AdapT,
    "annealed": Annealed,
    "reverse_annealed": ReverseAnnealed,
}


def rule_class(found: Any) -> type[Rule]:
    """The class of a rule's settings, or of a resolved rule, by its `kind`; raises ValueError if there is none."""
    picked = pick_class(found, RULES, Rule, "token rule")
    return load_rule(found["kind"]) if "." in found["kind"] else picked


def _rule(found: Any) -> Rule:
    return found if isinstance(found, Rule) else rule_class(found).model_validate(found)


def _resolved(found: Any) -> ResolvedRule:
    return found if isinstance(found, ResolvedRule) else rule_class(found).resolved.model_validate(found)


AnyRule = Annotated[SerializeAsAny[Rule], BeforeValidator(_rule)]
"""The settings of any rule, as a field of other settings."""

AnyResolvedRule = Annotated[SerializeAsAny[ResolvedRule], BeforeValidator(_resolved)]
"""Any resolved rule, as a field of other settings."""
