"""Self-contained HTML from a template: styles and script inline, and a browser told to run and load nothing else.

Responses of a model are hostile text. They reach a page escaped, or as data that the page's script shows as text;
should one get through as markup after all, the browser still refuses any script but ours, and every request.
"""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(package: str, name: str, template: str | None = None, **values: Any) -> str:
    """A page made of name.css, name.js and template.html.j2 of a package, which puts them in their places.

    Args:
        template: where two pages share their style and script; by default it is called as they are.
    """
    script, style = _text(package, f"{name}.js"), _text("mtpipe.report", "common.css") + _text(package, f"{name}.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    head = Markup(
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>"
    )
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(f"{template or name}.html.j2").render(
        head=head,
        script=Markup(f"<script>{script}</script>"),
        **values,
    )


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
