"""Attributes that only some classes or schemas have."""

from typing import Any

_STATED = (1, 2)
"""What ifcopenshell calls attributes of the instance itself, and inverse ones."""


def attribute(thing: Any, name: str) -> Any:
    """Return an attribute of an instance; ``None`` where it has none of that name, and for no instance at all.

    ``getattr`` with a default gives the same, but looks for a rule that derives the attribute first: it loads the rules
    of the whole schema, which takes longer than reading a small model.

    >>> import ifcopenshell
    >>> point = ifcopenshell.file(schema="IFC2X3").create_entity("IfcCartesianPoint", (1.0, 2.0))
    >>> attribute(point, "Coordinates"), attribute(point, "Name"), attribute(None, "Name")
    ((1.0, 2.0), None, None)
    """
    return getattr(thing, name) if thing is not None and thing.get_attribute_category(name) in _STATED else None
