"""Classes from outside the package for tests: those that docs/plugins.md shows, and faulty ones."""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from builders import ROOT
from ruamel.yaml import YAML

PAGE = (ROOT / "docs" / "plugins.md").read_text()
EXAMPLES = dict(re.findall(r"```python\n# plugins/(\w+)\.py\n(.*?)```", PAGE, re.DOTALL))
"""The examples' code, by the name of their file."""


def settings(example: str) -> dict[str, Any]:
    """The part of params.yaml that the page shows beneath an example."""
    after = PAGE.partition(f"# plugins/{example}.py")[2]
    return YAML(typ="safe").load(re.search(r"```yaml\n(.*?)```", after, re.DOTALL)[1])


def write_class(name: str, text: str) -> None:
    """Writes plugins/NAME.py into the working directory, to be imported as it now is."""
    Path("plugins").mkdir(exist_ok=True)
    for module in ("plugins", f"plugins.{name}"):
        sys.modules.pop(module, None)
    Path(f"plugins/{name}.py").write_text(text)
    importlib.invalidate_caches()
