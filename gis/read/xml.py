"""XML piece by piece: no entity is resolved, nothing is fetched, what was read is forgotten."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lxml import etree

from gis.errors import BadInput

Element = Any  # what lxml calls its elements differs from version to version


def elements(path: Path, names: Sequence[str]) -> Iterator[Element]:
    """Yield each element of these names, whole, when it ends; it is emptied when the next one is asked for.

    Args:
        path: The file.
        names: Local names, in any namespace.

    Raises:
        BadInput: ``gis.unreadable`` with the line.
    """
    tags = [f"{{*}}{name}" for name in names]
    try:
        events = etree.iterparse(
            str(path), events=("end",), tag=tags, resolve_entities=False, load_dtd=False, no_network=True
        )
        for _, element in events:
            yield element
            element.clear()
            before = element.getprevious()
            if before is not None and before.tag == element.tag:  # what stands between may still be asked for
                element.getparent().remove(before)
    except etree.XMLSyntaxError as error:
        raise BadInput(
            "gis.unreadable",
            f"{path.name} breaks off or is not well-formed XML in line {error.lineno}: {error.msg}.",
            "Send the whole file, or export it again.",
            file=path.name,
            line=error.lineno,
        ) from error


def local(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]  # a name that is not lawful comes from a broken file


def children(element: Element) -> Iterator[Element]:
    """Yield the elements in an element, without comments."""
    return iter(element.iterchildren(etree.Element))


def text_of(element: Element, name: str) -> str | None:
    """Return the text of the first element of a name inside another; ``None`` when there is none."""
    found = next(element.iter(f"{{*}}{name}"), None)
    text = "" if found is None else "".join(found.itertext()).strip()
    return text or None


def number(text: str, kind: type[int | float]) -> Any:
    """Return the number a text is, or the text as written when it is none.

    >>> number("12", int), number("zwölf", int), number("1e400", float)
    (12, 'zwölf', '1e400')
    """
    try:
        value = kind(text)
    except ValueError:
        return text
    return value if abs(value) < float("inf") else text
