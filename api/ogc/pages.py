"""The documents as pages a person can read: no script, nothing from another host."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
import shapely

from api.ogc.documents import Document
from twin.feature import Feature

HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_SKETCHED = 2_000
"""More geometries than this are not worth a sketch."""


def page(heading: str, text: str, crumbs: Iterable[tuple[str, str]], *parts: str) -> str:
    """Return a whole page.

    Args:
        heading: Its title.
        text: What it is about.
        crumbs: Address and title of the pages above.
        parts: HTML.
    """
    path = " / ".join(_anchor(href, words) for href, words in crumbs)
    return (
        f'<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>{escape(heading)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_style()}</style></head>'
        f"<body><nav>{path}</nav><h1>{escape(heading)}</h1><p>{escape(text)}</p>{''.join(parts)}</body></html>"
    )


def links(document: Document) -> str:
    """Return the links of a document as a list."""
    rows = [
        f"<tr><td>{_anchor(link['href'], link['title'])}</td><td>{escape(link['type'])}</td></tr>"
        for link in document["links"]
        if link["rel"] != "self"
    ]
    return f"<h2>链接 Links</h2><table>{''.join(rows)}</table>"


def table(values: Mapping[str, Any]) -> str:
    """Return names and values as a table."""
    rows = [f"<tr><th>{escape(name)}</th><td>{_cell(value)}</td></tr>" for name, value in values.items()]
    return f"<table>{''.join(rows)}</table>"


def listed(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return addresses, titles and texts as a table of links."""
    cells = [f"<tr><th>{_anchor(href, words)}</th><td>{escape(text)}</td></tr>" for href, words, text in rows]
    return f"<table>{''.join(cells)}</table>"


def sketch(features: Sequence[Feature]) -> str:
    """Return the outlines of CRS84 features as a drawing, north up; empty when there are none.

    >>> sketch([])
    ''
    """
    shapes = [feature.geometry for feature in features if feature.geometry is not None]
    if not shapes or len(shapes) > _SKETCHED:
        return ""
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    squeeze = float(np.cos(np.radians((south + north) / 2)))
    scale = 1000 / max((east - west) * squeeze, north - south, 1e-6)
    plane = [
        shapely.transform(shape, lambda at: (at - (west, north)) * (squeeze * scale, -scale)).simplify(0.5)
        for shape in shapes
    ]
    width, height = (east - west) * squeeze * scale, (north - south) * scale
    drawn = "".join(_drawn(shape) for shape in plane)
    return (
        f'<svg viewBox="-10 -10 {width + 20:.0f} {height + 20:.0f}" role="img" aria-label="示意图 Sketch">{drawn}</svg>'
    )


@cache
def _style() -> str:
    return (files("api.ogc") / "page.css").read_text("utf-8")


def _drawn(shape: Any) -> str:
    if shape.geom_type == "Point":
        return f'<circle cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="3"/>'
    if hasattr(shape, "geoms"):
        return "".join(_drawn(part) for part in shape.geoms)
    rings = [shape.exterior, *shape.interiors] if shape.geom_type == "Polygon" else [shape]
    close = "Z" if shape.geom_type == "Polygon" else ""
    paths = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring.coords) + close for ring in rings)
    return f'<path d="{paths}" fill-rule="evenodd"/>'


def _anchor(href: str, words: str) -> str:
    return f'<a href="{escape(href)}">{escape(words)}</a>'


def _cell(value: Any) -> str:
    return "–" if value is None else escape(str(value))
