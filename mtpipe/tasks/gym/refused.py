"""The data sets of reasoning-gym that are not to be had, each with its reason.

From a reading of every judge (`score_answer`) of reasoning-gym 0.1.25. tests/tasks/test_gym_judges.py follows each
judge through the package's source, so that a judge of a later release that evaluates text and stands in no table is
seen.
"""

_EVAL = "its judge runs the answer as Python (eval)"
_SYMPY = "its judge gives the answer to sympy's parse_expr, which runs it as Python"
_GOLD = "its judge runs its own problem as Python (eval), which the sandbox forbids, so no answer would be right"
_NO_GOLD = "its problems come without an answer, so that nothing shows that its judge works"

REFUSED = {
    "binary_matrix": _EVAL,
    "n_queens": _EVAL,
    "spiral_matrix": _EVAL,
    "string_insertion": _EVAL,
    "simple_integration": _SYMPY,
    "intermediate_integration": _SYMPY,
    "polynomial_multiplication": _SYMPY,
    "bitwise_arithmetic": _GOLD,
    "number_sorting": _GOLD,
    "coin_flip": "its judge gives the answer 0 full marks, whatever the problem (it compares as many digits as it got)",
    "complex_arithmetic": "its judge gives the answer nan full marks, whatever the problem",
    "game_of_life_halting": "its judge gives every answer that is not empty full marks (it compares truth values)",
    "boxnet": _NO_GOLD,
    "graph_color": _NO_GOLD,
    "propositional_logic": _NO_GOLD,
    "rubiks_cube": _NO_GOLD,
    "rush_hour": _NO_GOLD,
    "composite": "it mixes other data sets; name those, each with its weight",
}

JUDGED_HERE = {"countdown": "target", "puzzle24": None}
"""Data sets whose judge gives the answer to parse_expr, and that `expressions` judges in its place.

Each with the field of its metadata that holds the number to reach; None: 24.
"""
