"""What each process of the tests does first where this folder is on PYTHONPATH."""

import sys
from importlib.abc import MetaPathFinder


class LeanTransformers(MetaPathFinder):
    """Has transformers find neither scikit-learn nor torchao, which it would import, for seconds, wherever they are."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name not in ("transformers.generation", "transformers.modeling_utils"):
            return
        sys.meta_path.remove(self)
        from transformers.utils import import_utils

        checks = {"sklearn": import_utils.is_sklearn_available, "torchao": import_utils.is_torchao_available}
        for package, check in checks.items():
            if package not in sys.modules:
                sys.modules[package] = None
                check()  # it remembers what it finds
                del sys.modules[package]


sys.meta_path.insert(0, LeanTransformers())
