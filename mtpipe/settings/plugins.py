"""The one way in for classes and functions from outside the package: a name with a dot is their dotted path.

Token rules, schedules, spreads, controllers, losses, rewards and tasks come through it; docs/plugins.md shows each.
"""

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import ValidationError

from mtpipe.errors import MtpipeError

LOADED: set[str] = set()
"""The dotted paths that this process has loaded, by which `used_plugins` knows them among settings."""

Base = TypeVar("Base")


def load_class(path: str, base: type[Base], what: str) -> type[Base]:
    """Imports a subclass of `base`; its module is a file of the project's folder, or installed.

    Importing runs the module, so a path must come from a file of the project and never from a request.

    Args:
        what: what the class is, in the words of an error: `token rule`.

    Raises ValueError if there is no such module or class, if the module fails, or if the class is of another
    kind or lacks a method.
    """
    module, name = _import(path)
    found = getattr(module, name, None)
    if not isinstance(found, type) or not issubclass(found, base):
        own = [
            value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__
        ]
        others = ", ".join(value.__name__ for value in own if issubclass(value, base)) or "none"
        raise ValueError(f"{path}: {module.__name__} has no {what} {name!r}; it has {others}")
    check_methods(path, found, what)
    LOADED.add(path)
    return found


def load_function(path: str, parameters: Sequence[str], what: str) -> Callable[..., Any]:
    """Imports a function that can be called with so many arguments; as `load_class` in all else."""
    module, name = _import(path)
    found = getattr(module, name, None)
    if not inspect.isfunction(found):
        own = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
        raise ValueError(f"{path}: {module.__name__} has no function {name!r}; it has {', '.join(own) or 'none'}")
    try:
        inspect.signature(found).bind(*parameters)
    except TypeError as error:
        raise ValueError(
            f"{path}: the function in {written_in(found)} cannot be called with ({', '.join(parameters)}), as a {what} "
            f"is: {error}"
        ) from None
    LOADED.add(path)
    return found


def check_methods(path: str, found: type, what: str) -> None:
    """Raises ValueError, naming file and line, if the class that a path leads to lacks what its kind has to have."""
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        expected = ", ".join(f"{name}{_arguments(getattr(found, name))}" for name in missing)
        raise ValueError(f"{path}: the class in {written_in(found)} lacks what a {what} has to have: {expected}")


def _arguments(member: Any) -> str:
    return str(inspect.signature(member)) if callable(member) else ""


def pick_class(
    found: Any, table: Mapping[str, type[Base] | str], base: type[Base], what: str, key: str = "kind"
) -> type[Base]:
    """The class that a mapping of settings asks for by its `kind`: one of the table, or one from outside.

    Args:
        table: classes by name, or the dotted paths of classes that are imported only if they are asked for.

    Raises ValueError if there is none.
    """
    kind = found.get(key) if isinstance(found, dict) else None
    if isinstance(kind, str) and "." in kind:
        return load_class(kind, base, what)
    if not isinstance(kind, str) or kind not in table:
        raise ValueError(
            f"no {what} has the {key} {kind!r}; expected a mapping with one of {', '.join(table)}, or with the "
            f"dotted path of a class of your own"
        )
    chosen = table[kind]
    return load_class(chosen, base, what) if isinstance(chosen, str) else chosen


@contextmanager
def own_code(path: str) -> Iterator[None]:
    """Around a call of a class's own code: whatever it raises becomes a ValueError that says where.

    What is wrong with settings (ValidationError) passes, and so does what the package says of its own (MtpipeError) and
    all that one of its classes raises.
    """
    try:
        yield
    except (ValidationError, MtpipeError):
        raise
    except Exception as error:
        if "." not in path:
            raise
        module, _, name = path.rpartition(".")
        raise ValueError(f"{path} fails: {failed_in(error, module, name)}") from error


def used_plugins(settings: Any) -> list[str]:
    """The dotted paths among settings, as JSON has them, that this process has loaded."""
    return sorted(set(_texts(settings)) & LOADED)


def written_in(found: type | Callable[..., Any]) -> str:
    """The file and line of a class or function: `plugins/pulse.py, line 20`."""
    try:
        return f"{shown(inspect.getsourcefile(found) or '')}, line {inspect.getsourcelines(found)[1]}"
    except (OSError, TypeError):
        return found.__module__


def failed_in(error: BaseException, module: str, name: str = "") -> str:
    """What a user's own code raised, with the file and line: where it happened, or else those of its class `name`."""
    message = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{message} ({shown(error.filename)}, line {error.lineno})"
    file = f"{module.replace('.', '/')}.py"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(file)]
    if own:
        return f"{message} ({shown(own[-1].filename)}, line {own[-1].lineno})"
    found = getattr(sys.modules.get(module), name, None)
    return f"{message} ({written_in(found)})" if callable(found) else message


def shown(file: str) -> str:
    """A file's path from the project's folder, where it lies within."""
    path = Path(file)
    return path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else file


def _import(path: str) -> tuple[ModuleType, str]:
    module_name, _, name = path.rpartition(".")
    try:
        return import_module(module_name), name
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise ValueError(f"{path}: the module {module_name} needs {error.name}, which is not installed") from error
        raise ValueError(
            f"{path}: there is no module {module_name}, neither in this folder nor installed; "
            f"plugins/pulse.py, say, is the module plugins.pulse"
        ) from error
    except Exception as error:  # whatever a user's own code may raise
        raise ValueError(f"{path}: the module {module_name} does not load: {failed_in(error, module_name)}") from error


def _texts(value: Any) -> Iterator[str]:
    """All texts of a structure, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(key)
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
