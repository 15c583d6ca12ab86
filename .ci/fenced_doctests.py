# ruff: noqa: INP001 - a script, not part of a package
"""For the documentation: show the examples of docstrings as code, wherever in the text they stand."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\n).+)*(?:\n\n>>> .*(?:\n(?!\n).+)*)*", re.MULTILINE)


class FencedDoctests(griffe.Extension):
    """Fences each run of ``>>>`` lines with its output, so that Markdown leaves it as it is."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
