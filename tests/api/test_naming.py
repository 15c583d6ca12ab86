"""Official names of places, from tables."""

from datetime import UTC, datetime

import pytest
import shapely

from api.naming import import_identifiers
from gis.errors import BadInput
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore
from twin.feature import Feature
from twin.store import Identifier

KEY, OTHER = "N51H0429733232-0", "N51H0429733233-0"


@pytest.fixture
def store(tmp_path):
    opened = EmbeddedStore(tmp_path / "twin.gpkg", load_catalogue())
    for number, key in enumerate((KEY, OTHER), start=1):
        place = Feature(layer="building", id=key, community="c", place=key, geometry=shapely.box(120, 30, 121, 31))
        name = Identifier(community="c1", place=key, scheme="building_no", value=f"AH-{number}")
        opened.write(lambda tx, place=place, name=name: (tx.put(place), tx.identify(name))).result()
    yield opened
    opened.close()


def table(tmp_path, *rows, head="空间编码,编码类别,编码值,生效日期", encoding="utf-8-sig"):
    path = tmp_path / "names.csv"
    path.write_text("\n".join((head, *rows)), encoding=encoding)
    return path


def test_official_codes_point_at_places_named_by_code_or_number(store, tmp_path):
    rows = f"{KEY.lower()},zhejiang_building,{'1' * 27},2024-03-28", f"AH-2,real_estate_unit,{'2' * 28},"
    assert import_identifiers(store, table(tmp_path, *rows, encoding="gbk")).taken == 2
    assert store.lookup("1" * 27) == [KEY]
    assert store.lookup("2" * 28, "real_estate_unit") == [OTHER]
    (official,) = [name for name in store.identifiers(KEY) if name.scheme == "zhejiang_building"]
    assert (official.source, official.valid_from) == ("names.csv", datetime(2024, 3, 27, 16, tzinfo=UTC))


def test_a_bad_row_is_reported_and_the_rest_goes_on(store, tmp_path):
    rows = (
        "AH-9,x,1,",
        ",x,1,",
        "AH-1,x,,",
        "AH-1,x,1,gestern",
        "AH-1,building_no,AH-2,",
        "AH-1,x,1,",
        "AH-1,zhejiang_building,kurz,",
    )
    named = import_identifiers(store, table(tmp_path, *rows))
    assert named.taken == 2
    assert [problem.split(":")[0] for problem in named.problems] == [f"row {n}" for n in (2, 3, 4, 5, 6, 8)]
    assert "AH-2 is the name of N51H0429733233-0 already" in named.problems[4]
    assert store.lookup("kurz") == [KEY]


def test_a_table_without_the_columns_is_refused(store, tmp_path):
    with pytest.raises(BadInput, match=r"identifier\.columns.*编码类别"):
        import_identifiers(store, table(tmp_path, "a,b", head="空间编码,编码值"))
