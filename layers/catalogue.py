"""All layers: one YAML file each."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from gis.errors import NotFound
from layers.alarm.policy import load_policy
from layers.declaration_file import parse_yaml
from layers.device.types import load_device_types
from layers.incident import policy as incidents
from twin.declaration import Catalogue, Layer, LegendEntry, Text, parse_layer


def load_catalogue(extra: Path | None = None) -> Catalogue:
    """Return every declared layer.

    Args:
        extra: A folder with more declarations (``*.yaml``), to add layers without touching the program.

    Raises:
        NotFound: ``layer.no_folder``.
        BadInput: ``layer.bad_yaml``, ``layer.bad_declaration``, or ``layer.twice`` when a name is taken.

    >>> load_catalogue()["building"].title.zh
    '建筑'
    >>> load_catalogue(Path("nowhere"))
    Traceback (most recent call last):
        ...
    gis.errors.NotFound: layer.no_folder: There is no folder nowhere. Check the path of the declarations.
    """
    if extra is not None and not extra.is_dir():
        raise NotFound("layer.no_folder", f"There is no folder {extra}.", "Check the path of the declarations.")
    folders: list[Traversable] = [files("layers").joinpath("declarations"), *([extra] if extra else [])]
    return Catalogue(_with_device_types(layer) for folder in folders for layer in _declared(folder))


def _declared(folder: Traversable) -> Iterator[Layer]:
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith((".yaml", ".yml")):
            yield parse_layer(parse_yaml(file.read_text("utf-8"), file.name), file.name)


def _with_device_types(layer: Layer) -> Layer:
    """Give layers the titles and legend that device types and policies state once."""
    types = load_device_types().values()
    if layer.name == "device":
        families = {device.family.name: device.family for device in types}
        legend = tuple(
            LegendEntry(value=family.name, title=family.title, color=family.color, glyph=family.glyph)
            for family in families.values()
        )
        titled = _titled(layer, "device_type", {device.name: device.title for device in types})
        titled = _titled(titled, "family", {name: family.title for name, family in families.items()})
        return titled.model_copy(update={"style": layer.style.model_copy(update={"legend": legend})})
    if layer.name == "alarm":
        titles = {name: alarm.title for device in types for name, alarm in device.alarms.items()}
        own = {name: alarm.title for name, alarm in load_policy().own.items()}
        return _titled(layer, "type", {**titles, **own})
    if layer.name == "incident":
        return _with_incident_titles(layer)
    return layer


def _with_incident_titles(layer: Layer) -> Layer:
    policy = incidents.load_policy()
    levels = {str(number): level.title for number, level in policy.levels.items()}
    titled = _titled(layer, "class", {name: kind.title for name, kind in policy.classes.items()})
    return _titled(
        _titled(titled, "level", levels), "channel", {name: way.title for name, way in policy.sources.items()}
    )


def _titled(layer: Layer, field: str, values: dict[str, Text]) -> Layer:
    fields = tuple(
        declared.model_copy(update={"values": values}) if declared.name == field else declared
        for declared in layer.fields
    )
    return layer.model_copy(update={"fields": fields})
