"""The devices of the sample community under the real codes of its buildings, without importing its files."""

import shapely

from sample_data.devices import devices
from sample_data.frame import lon_lat
from sample_data.site import buildings
from twin.feature import Feature
from twin.minting import derive_grids


def building_keys():
    """Return building number → key, in the grid cell the building really lies in."""
    houses = buildings()
    points = [shapely.Point(lon_lat(house.centre)) for house in houses]
    grids = derive_grids([point.buffer(1e-5) for point in points])
    taken = [grids[:number].count(grid) for number, grid in enumerate(grids)]
    return {house.no: f"{grid}-{twin}" for house, grid, twin in zip(houses, grids, taken, strict=True)}


def place_of(key, spot):
    """Return the key of the room a device hangs in, or of the unit whose door it hangs at."""
    if spot.unit is None or spot.storey is None:
        return key if spot.unit is None else f"{key}-U{spot.unit:02d}"
    storey = f"F{spot.storey:02d}" if spot.storey > 0 else f"B{-spot.storey:02d}"
    room = f"-R{spot.room:0>4}" if spot.room else ""
    return f"{key}-U{spot.unit:02d}-{storey}{room}"


def sample_devices(keys):
    """Yield the devices of the sample."""
    for row, spot in devices(2026):
        yield Feature(
            layer="device",
            id=row["设备编号"],
            community="c1",
            name=row["设备名称"],
            place=place_of(keys[spot.building_no], spot) if spot.building_no else None,
            storey=spot.storey,
            geometry=shapely.Point(row["经度"], row["纬度"]),
            attributes={"device_type": row["设备类型"], "building_no": spot.building_no},
        )
