"""Token rules from outside the package: a kind with a dot is the dotted path of a class."""

import hashlib
import inspect
import sys
from importlib import import_module
from pathlib import Path

from mtpipe.temperature.rules.rule import ResolvedRule, Rule


def load_rule(path: str) -> type[Rule]:
    """Imports the class; its module is a file of the project's folder, or installed.

    Importing runs the module, so a path must come from a file of the project and never from a request.

    Raises ValueError if there is no such module or class, if the module fails, or if the class is no rule.
    """
    module_name, _, name = path.rpartition(".")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise ValueError(f"{path}: the module {module_name} needs {error.name}, which is not installed") from error
        raise ValueError(
            f"{path}: there is no module {module_name}, neither in this folder nor installed; "
            f"plugins/pulse.py, say, is the module plugins.pulse"
        ) from error
    except Exception as error:  # whatever a user's own code may raise
        raise ValueError(f"{path}: the module {module_name} does not load: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not isinstance(found, type) or not issubclass(found, Rule):
        own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module_name]
        rules = [value.__name__ for value in own if issubclass(value, Rule)]
        raise ValueError(f"{path}: {module_name} has no token rule {name!r}; it has {', '.join(rules) or 'none'}")
    if not issubclass(getattr(found, "resolved", object), ResolvedRule):
        raise ValueError(f"{path}: its attribute `resolved` has to be a subclass of ResolvedRule")
    return found


def source_digest(path: str) -> str:
    """The SHA-256 of the file that a rule from outside stands in; a plan keeps it, so that an edit re-runs its arm."""
    file = inspect.getsourcefile(sys.modules[load_rule(path).__module__])
    return hashlib.sha256(Path(file).read_bytes() if file else b"").hexdigest()
