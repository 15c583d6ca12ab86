"""GeoSOT codes against values published by two vendors."""

from itertools import pairwise

import pytest

from gis.errors import BadInput
from gis.geosot import encode

PUBLISHED = [
    (116.315222, 39.910278, 15, "G001310322230230"),
    (116.31522216796876, 39.91027777777778, 26, "G00131032223023031031211001"),
    (116.31522217797875, 39.91027777678778, 26, "G00131032223023031031033223"),
    (76.233, 27.688, 32, "G00102312220310313101033003300330"),
]


@pytest.mark.parametrize(("lon", "lat", "level", "code"), PUBLISHED)
def test_published_codes_are_reproduced(lon, lat, level, code):
    assert encode(lon, lat, level) == code


def test_a_coarser_code_begins_every_finer_one():
    codes = [encode(120.1536, 30.2874, level) for level in range(1, 33)]
    assert all(fine.startswith(coarse) for coarse, fine in pairwise(codes))


def test_the_southern_and_western_hemispheres_begin_with_other_digits():
    assert [encode(lon, lat, 1) for lon, lat in ((1, 1), (-1, 1), (1, -1), (-1, -1))] == ["G0", "G1", "G2", "G3"]


@pytest.mark.parametrize("level", [0, 33])
def test_levels_are_one_to_thirty_two(level):
    with pytest.raises(BadInput, match=r"geosot\.bad_level"):
        encode(120, 30, level)
