"""Fingerprints of code: what a stage's result may depend on, and nothing that only readers see.

A stage's code is every file of the project that its script reaches by imports, also by those inside functions, and by
names of modules in strings (`"mtpipe.verify.worker"`, started as a process). A Python file counts by its syntax tree
without comments, docstrings and layout. A template, or whatever else lies beside reached modules, counts by its bytes.
"""

import ast
import hashlib
import re
from collections.abc import Collection, Iterator
from importlib.util import find_spec
from pathlib import Path

import mtpipe

ROOT = Path(mtpipe.__file__).resolve().parents[1]
PACKAGES = ("mtpipe", "stages")
PLUGINS = "plugins"
"""The folder of a user's own classes; it lies in the working directory."""

Digests = dict[str, str]
"""Digests by path, relative to the project's root."""

_MODULE_NAME = re.compile(rf"(?:{'|'.join([*PACKAGES, PLUGINS])})(?:\.\w+)+")
_WITHOUT_MEANING = ("ctx", "kind", "type_comment")
"""Fields of the syntax tree that follow from others, or that Python versions write differently."""


class Fingerprints:
    """Reads each file of the project once, however many stages reach it.

    Args:
        cache: what `cache` of an earlier one held. It saves the parsing of files whose bytes are known.
        root: the project's root, the folder that holds the packages.
    """

    def __init__(self, cache: dict[str, tuple[str, list[str]]] | None = None, root: Path = ROOT) -> None:
        self.cache = {} if cache is None else cache
        """By the digest of a file's bytes: the digest of its code, and the modules that it names."""
        self._root = root
        self._read: dict[Path, tuple[str, list[str]]] = {}
        self._found: dict[str, list[Path]] = {}
        self._places: dict[str, Path] = {}
        self._keys: dict[Path, str] = {}

    def of_stage(self, name: str, plugins: Collection[str] = ()) -> Digests:
        """The code of stages/NAME.py, of classes from outside by their dotted paths, and of all that these reach.

        Raises SyntaxError if a file is no Python.
        """
        return self._reached([self._root / "stages" / f"{name}.py"]) | self.of_plugins(plugins)

    def of_plugins(self, paths: Collection[str]) -> Digests:
        """The code of classes from outside. An installed package's module counts by its bytes, what it imports not."""
        digests: Digests = {}
        for module in sorted({path.rpartition(".")[0] for path in paths}):
            if files := self._files(module):
                digests |= self._reached(files)
            else:
                spec = find_spec(module)
                if spec and spec.origin:
                    digests[spec.origin] = self._look(Path(spec.origin))[0]
        return dict(sorted(digests.items()))

    def _reached(self, files: list[Path]) -> Digests:
        waiting = list(files)
        digests: Digests = {}
        modules: set[str] = set()
        while waiting:
            file = waiting.pop()
            key = self._key(file)
            if key in digests:
                continue
            digests[key], names = self._look(file)
            waiting += [found for module in set(names) - modules for found in self._files(module)]
            modules.update(names)
        return dict(sorted(digests.items()))

    def changed(self, planned: Digests) -> list[str]:
        """Which of some files have another digest now, or are gone."""
        files = {key: self._root / key if key.partition("/")[0] in PACKAGES else Path.cwd() / key for key in planned}
        return [key for key, file in files.items() if not file.is_file() or self._look(file)[0] != planned[key]]

    def edited(self) -> list[str]:
        """Which of the files that this one has read are other ones now, or are gone."""
        again = Fingerprints(self.cache, self._root)
        return [
            self._key(file)
            for file, (digest, _) in sorted(self._read.items())
            if not file.is_file() or again._look(file)[0] != digest
        ]

    def _key(self, file: Path) -> str:
        """A file's path from the root, or from the folder that it belongs to."""
        if file not in self._keys:
            home = next((folder for folder in (self._root, Path.cwd()) if file.is_relative_to(folder)), None)
            if home != self._root:
                return (file.relative_to(home) if home else file).as_posix()
            self._keys[file] = file.relative_to(self._root).as_posix()
        return self._keys[file]

    def _look(self, file: Path) -> tuple[str, list[str]]:
        """A file's digest and the modules that it names."""
        if file not in self._read:
            content = file.read_bytes()
            known = hashlib.sha256(content).hexdigest()[:32]
            if file.suffix != ".py":
                self._read[file] = (known, [])
            else:
                # A relative import says something else in another folder.
                package = ".".join(Path(self._key(file)).parent.parts)
                key = f"{package} {known}"
                if key not in self.cache:
                    tree = ast.parse(content, filename=str(file))
                    self.cache[key] = (code_digest(tree), sorted(set(_named_modules(tree, package))))
                self._read[file] = self.cache[key]
        return self._read[file]

    def _files(self, module: str) -> list[Path]:
        """A module's file, its packages' files, and what lies beside them that is not Python."""
        if module not in self._found:
            parent, _, name = module.rpartition(".")
            before = self._files(parent) if parent else []
            home = Path.cwd() if name == PLUGINS else self._root
            self._places[module] = (self._places[parent] if parent else home) / name
            self._found[module] = [*before, *_files_at(self._places[module])]
        return self._found[module]


def _files_at(place: Path) -> list[Path]:
    """A package's own file and what lies beside it that is not Python; or a module's file."""
    if (place / "__init__.py").is_file():
        others = (file for file in place.iterdir() if file.suffix != ".py" and file.is_file())
        return [place / "__init__.py", *(file for file in others if not file.name.startswith("."))]
    file = place.with_suffix(".py")
    return [file] if file.is_file() else []


def code_digest(tree: ast.AST) -> str:
    """The digest of a syntax tree, without docstrings; the same for every layout of the same code."""
    return hashlib.sha256(repr(_plain(tree)).encode()).hexdigest()[:32]


def _plain(node: object) -> object:
    """A syntax tree as nested tuples. Empty fields are left out, since versions of Python differ in which there are."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if name not in _WITHOUT_MEANING)
        return (type(node).__name__, *((name, _plain(value)) for name, value in fields if value not in (None, [])))
    if isinstance(node, list):
        return tuple(_plain(each) for each in node if not _is_text(each))
    return repr(node)


def _is_text(node: object) -> bool:
    """Whether a statement is a text and nothing else: a docstring, of a module, function, class or attribute."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _named_modules(tree: ast.AST, package: str) -> Iterator[str]:
    """The modules of the project that a file imports or names in a string; some may be attributes of modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value.partition(":")[0]]
        else:
            continue
        yield from (name for name in names if name in (*PACKAGES, PLUGINS) or _MODULE_NAME.fullmatch(name))
