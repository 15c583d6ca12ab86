# ruff: noqa: INP001 - a script, not part of a package
"""Print docs/errors.md: every error code that the packages raise, its kind, meaning and cure, read from the source."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gis import errors  # noqa: E402

KINDS = {kind.__name__: kind for kind in (errors.LifangError, *errors.LifangError.__subclasses__())}
CODE = re.compile(r"[a-z]+\.[a-z0-9_]+")
HEAD = """# Error codes

Every fault that a person can mend is one of these. The command line prints it and ends with the exit status; the HTTP
interface answers with the status (below `/ogc` with 400 instead of 422) and a problem document (RFC 9457) that carries
`code`, `detail`, `cure` and the facts of the place where it happened (`file`, `line`, `global_id`, `row`, `field`,
`parameter`). Codes are stable: programs may compare them. A code without status is a notice in the report of an import
that went on. An ellipsis stands for what the message fills in. `make docs` writes this page.

| code | HTTP | exit | meaning | cure |
|---|---|---|---|---|
"""


def main() -> None:
    """Print the page."""
    rows = {row for path in sources() for row in errors_of(path)}
    sys.stdout.write(HEAD + "\n".join(sorted(rows)) + "\n")


def sources() -> Iterator[Path]:
    """Yield the modules of every package."""
    for package in sorted(ROOT.glob("*/__init__.py")):
        yield from sorted(package.parent.rglob("*.py"))


def errors_of(path: Path) -> Iterator[str]:
    """Yield one table row for each call in a module that hands over a literal code and its message."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Call):
            callee = ast.unparse(node.func).rpartition(".")[2]
            kind = KINDS.get(callee)
            statuses = f"{kind.http_status} | {kind.exit_status}" if kind else "– | –"
            code, message, cure = wording(node)
            if CODE.fullmatch(code) and (kind or "notice" in callee.lower() or " " in message):
                yield f"| `{code}` | {statuses} | {message} | {cure} |"


def wording(call: ast.Call) -> tuple[str, str, str]:
    """Return code, message and cure of a call, by name or by position after the code; empty where there is none."""
    named = {keyword.arg: text(keyword.value) for keyword in call.keywords}
    words = [text(argument) for argument in call.args]
    start = next((place for place, word in enumerate(words) if CODE.fullmatch(word)), len(words))
    code, message, cure = (*words[start : start + 3], "", "", "")[:3]
    return code or named.get("code", ""), message or named.get("message", ""), cure or named.get("cure", "")


def text(node: ast.expr) -> str:
    """Return a string expression as a reader may see it; what is filled in at run time is an ellipsis."""
    match node:
        case ast.Constant(value=str(words)):
            return words.replace("|", "\\|").replace("\n", " ")
        case ast.JoinedStr(values=parts):
            return "".join(map(text, parts))
        case _:
            return "…"


if __name__ == "__main__":
    main()
