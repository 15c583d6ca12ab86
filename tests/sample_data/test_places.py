"""The map: grids tile, the walking network holds together, nothing stands in anything else."""

import csv
import math
from collections import Counter, defaultdict
from itertools import combinations

import pyogrio
import pytest
import shapely

from sample_data.floor_plan import outer_walls, partitions, rooms, storeys
from sample_data.frame import ground_m, to_degrees, to_map
from sample_data.network import edges
from sample_data.places import facility_rows, parking_rows, public_space_rows
from sample_data.site import along, building, buildings, community, fences, grids, site


def read(directory, table, columns):
    meta, _, geometry, fields = pyogrio.raw.read(directory / "gis/base_map.gpkg", layer=table, columns=columns)
    by_name = dict(zip(meta["fields"], fields, strict=True))
    return shapely.from_wkb(geometry), *(by_name[column] for column in columns)


def test_the_grids_tile_the_community_without_gap_or_overlap(directory):
    areas, codes = read(directory, "grid", ["网格编码"])
    (whole,) = read(directory, "community", ["社区编码"])[0]
    assert shapely.union_all(areas).symmetric_difference(whole).area == 0
    assert all(one.intersection(other).area == 0 for one, other in combinations(areas, 2))
    assert all(len(code) == 15 and code.startswith("330106099001") for code in codes)


def test_neighbouring_grids_share_every_node_of_their_border():
    nodes = {node for _, area in grids() for node in area.exterior.coords}
    for _, area in grids():
        touched = [node for node in nodes if area.boundary.distance(shapely.Point(node)) == 0]
        assert set(touched) == set(area.exterior.coords)


def test_the_community_lies_where_it_should_in_degrees():
    west, south, east, north = to_degrees(community()).bounds
    assert 120.19 < west < east < 120.21
    assert 30.29 < south < north < 30.31


def test_degrees_and_map_metres_name_the_same_places():
    import pyproj

    point = shapely.Point(123.456, 789.012)
    lon, lat = to_degrees(point).coords[0]
    there = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4549", always_xy=True).transform(lon, lat)
    assert math.dist(there, to_map(point).coords[0]) < 0.001


def test_the_walking_network_is_connected_and_meets_every_door(directory):
    lines, starts, ends = read(directory, "walkway", ["起点", "终点"])
    neighbours = defaultdict(set)
    position = {}
    for line, start, end in zip(lines, starts, ends, strict=True):
        neighbours[start].add(end)
        neighbours[end].add(start)
        # The same node has exactly the same coordinates in every edge.
        assert position.setdefault(start, line.coords[0]) == line.coords[0]
        assert position.setdefault(end, line.coords[-1]) == line.coords[-1]
    reached, waiting = set(), [starts[0]]
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            waiting.extend(neighbours[node])
    assert reached == set(neighbours)
    doors, kinds, nodes = read(directory, "entrance", ["类别", "步道节点"])
    for door, kind, node in zip(doors, kinds, nodes, strict=True):
        assert (node in reached and door.coords[0] == position[node]) or kind == "车库出入口"


def test_edges_meet_only_at_their_ends():
    lines = [shapely.LineString([start, end]) for _, start, end in edges()]
    tree = shapely.STRtree(lines)
    for one, other in zip(*tree.query(lines, predicate="crosses"), strict=True):
        pytest.fail(f"{lines[one]} crosses {lines[other]}")
    assert len({(start, end) for _, start, end in edges()}) == len(edges())


def test_no_path_runs_through_a_building():
    for house in buildings():
        inside = house.footprint.buffer(-0.2)
        assert not any(shapely.LineString([start, end]).intersects(inside) for _, start, end in edges()), house.name


def test_no_two_buildings_overlap_and_all_stand_in_the_community():
    for one, other in combinations(buildings(), 2):
        assert not one.footprint.intersects(other.footprint), (one.name, other.name)
    assert all(community().covers(house.footprint) for house in buildings())


def test_building_numbers_and_names_are_unique():
    assert len({house.no for house in buildings()}) == len(buildings()) == len({house.name for house in buildings()})


def test_a_building_is_in_the_shapefile_or_a_model_never_both(directory):
    numbers = set(pyogrio.raw.read(directory / "gis/buildings.shp", columns=["建筑编号"], encoding="GBK")[3][0])
    models = {path.stem for path in (directory / "ifc").glob("*.ifc")}
    assert not numbers & models
    assert numbers | models == {house.no for house in buildings()}


def test_fence_and_gates_close_every_quarter():
    lines = list(fences())
    for quarter in site()["quarters"]:
        own = [line for name, _, line in lines if name.startswith(quarter["name"])]
        assert sum(line.length for line in own) == pytest.approx(shapely.box(*quarter["box"]).length, abs=0.01)


def test_parking_areas_count_their_bays():
    rows = [row for row, _ in parking_rows()]
    bays = Counter(row["所属停车场"] for row in rows if row["类别"] == "车位")
    assert {row["车位编号"]: row["车位数"] for row in rows if row["类别"] == "停车场"} == bays


def test_rooms_of_a_storey_do_not_overlap_each_other_or_the_walls():
    for house in buildings():
        for storey in storeys(house):
            floors = [shapely.box(*cell.clear) for cell in storey.cells]
            walls = shapely.union_all([shapely.box(*box) for box in (*outer_walls(house), *partitions(storey, house))])
            assert shapely.union_all(floors).area == pytest.approx(sum(floor.area for floor in floors))
            assert walls.intersection(shapely.union_all(floors)).area == pytest.approx(0, abs=1e-6)


def test_door_numbers_are_unique_within_a_unit():
    for house in buildings():
        doors = Counter((room.cell.unit, room.storey, room.cell.door) for room in rooms(house))
        assert not doors or max(doors.values()) == 1


def test_the_dwellings_of_a_model_are_the_dwellings_of_the_tables():
    for house in buildings():
        if house.model and house.units:
            drawn = {(room.cell.unit, room.storey, room.cell.door) for room in rooms(house) if room.cell.kind == "住宅"}
            assert drawn == set(house.dwelling_rooms())


def test_the_centre_has_other_rooms_on_every_storey():
    storeys_rooms = defaultdict(set)
    for room in rooms(building("社区综合服务中心")):
        storeys_rooms[room.storey].add((room.cell.kind, room.cell.box))
    assert all(one != other for one, other in combinations(storeys_rooms.values(), 2))


def test_the_fourteen_uses_of_public_space_occur_once_each():
    uses = [row["用途类型"] for row, _ in public_space_rows()]
    assert len(set(uses)) == len(uses) == 14


def test_a_line_shorter_than_the_step_bears_nothing():
    assert list(along([(0, 0), (5, 0)], 10.0, 0.0)) == []


def test_the_ground_is_gentle():
    heights = [ground_m(x, y) for x in range(0, 1001, 50) for y in range(0, 1001, 50)]
    assert min(heights) >= 4
    assert max(heights) <= 9


def outside(at, kind, radius_m):
    there = [place for row, place in facility_rows() if row["设施类型"] == kind]
    return all(to_map(at).distance(to_map(place)) > radius_m for place in there)


def test_the_answers_about_radii_hold_by_brute_force(answers):
    radii = {
        "kindergarten": 300,
        "bus_stop": 500,
        "convenience_store": 300,
        "culture_station": 500,
        "fresh_market": 500,
    }
    for kind, radius_m in radii.items():
        far = [house for house in buildings() if outside(house.footprint.centroid, kind, radius_m)]
        assert answers["outside_radius"][kind] == len(far), kind
        assert answers["dwelling_houses_outside_radius"][kind] == sum(1 for house in far if house.units)


def test_no_building_lies_so_near_a_radius_that_rounding_decides():
    for house in buildings():
        for _, place in facility_rows():
            distance = house.footprint.centroid.distance(place)
            assert min(abs(distance - 300), abs(distance - 500)) > 0.02, house.name


def test_missing_and_undersized_facilities_are_named(answers):
    names = {row["设施编号"]: row["设施名称"] for row, _ in facility_rows()}
    assert answers["missing_facility_types"] == ["bus_stop", "housekeeping"]
    assert [names[number] for number in answers["undersized_facilities"]] == [
        "社区卫生服务站",
        "兰苑健身角",
        "菊苑物业服务中心",
    ]


def test_the_answers_about_people_hold_by_brute_force(directory, answers):
    with (directory / "tables/residents.csv").open(encoding="utf-8-sig", newline="") as file:
        people = list(csv.DictReader(file))
    assert answers["population"] == len(people)
    assert answers["population_by_building"] == Counter(person["楼栋编号"] for person in people)
    areas, codes = read(directory, "grid", ["网格编码"])
    centres = {house.no: to_degrees(house.footprint.centroid) for house in buildings()}
    grid_of = {no: next(c for a, c in zip(areas, codes, strict=True) if a.contains(at)) for no, at in centres.items()}
    by_grid = Counter(grid_of[person["楼栋编号"]] for person in people)
    assert {grid: count for grid, count in answers["population_by_grid"].items() if count} == by_grid
    assert set(answers["population_by_grid"]) == set(codes)
