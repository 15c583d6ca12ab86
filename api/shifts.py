"""Records left in the shifted degrees of a web map: told by what is already there, and refused until it is named."""

from collections.abc import Iterator, Mapping, Sequence

from shapely.geometry.base import BaseGeometry

from gis.errors import BadInput
from gis.read import Row
from gis.shifted import shift_of
from layers.columns import ColumnMap
from layers.values import cell_text
from twin.declaration import Layer
from twin.query import Query
from twin.spacecode import building_of
from twin.store import Store


def check_shift(
    store: Store, community: str, layer: Layer, rows: Sequence[Row], columns: ColumnMap, *, file: str
) -> None:
    """Refuse records that lie away from themselves, or from the building they name, as a web map would put them.

    Raises:
        BadInput: ``import.shifted_datum`` with the datum to name.
    """
    pairs = list(_pairs(store, community, layer, rows, columns))
    datum = shift_of([found for found, _ in pairs], [expected for _, expected in pairs])
    if datum is not None:
        raise BadInput(
            "import.shifted_datum",
            f"{file} has the shift of the map datum {datum.upper()}, told by {len(pairs)} records.",
            f"Read it with --crs {datum}.",
            file=file,
        )


def _pairs(
    store: Store, community: str, layer: Layer, rows: Sequence[Row], columns: ColumnMap
) -> Iterator[tuple[BaseGeometry, BaseGeometry]]:
    standing = _standing(store, community, layer.name)
    buildings = _buildings(store, community)
    ids = [column for column, field in columns.fields.items() if field.name == layer.id_field]
    named = [column for column, role in columns.places.items() if role in ("building_no", "code")]
    for row in rows:
        known = (standing.get(cell_text(row.properties.get(column) or "")) for column in ids)
        meant = (_building(buildings, row.properties.get(column)) for column in named)
        expected = next((shape for shape in (*known, *meant) if shape is not None), None)
        if row.geometry is not None and expected is not None:
            yield row.geometry, expected


def _building(buildings: Mapping[str, BaseGeometry], cell: object) -> BaseGeometry | None:
    text = cell_text(cell or "")
    return buildings.get(text) or buildings.get(building_of(text))


def _standing(store: Store, community: str, layer: str) -> dict[str, BaseGeometry]:
    found = store.find(Query(layers=(layer,))).features
    return {one.id: one.geometry for one in found if one.geometry is not None and one.community == community}


def _buildings(store: Store, community: str) -> dict[str, BaseGeometry]:
    found = store.find(Query(layers=("building",))).features
    drawn = [(one, one.geometry) for one in found if one.geometry is not None and one.community == community]
    numbered = {str(one.attributes["building_no"]): shape for one, shape in drawn if one.attributes.get("building_no")}
    return numbered | {one.id: shape for one, shape in drawn}
