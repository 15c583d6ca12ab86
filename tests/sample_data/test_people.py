"""The people: where they live exists, and no number could be anybody's."""

import re
from collections import Counter
from datetime import datetime

import pytest
from stdnum.cn import ric

from sample_data.people import households, residents, staff, synthetic_id, vehicles
from sample_data.site import buildings, grids


@pytest.fixture(scope="module")
def homes():
    return households(2026)


@pytest.fixture(scope="module")
def people(homes):
    return residents(2026, homes)


def test_every_household_lives_in_a_dwelling_that_exists(homes):
    there = {(house.no, *home) for house in buildings() for home in house.dwelling_rooms()}
    lived_in = [(home["楼栋编号"], home["单元"], home["楼层"], home["房号"]) for home in homes]
    assert len(lived_in) == len(set(lived_in))
    assert set(lived_in) == there


def test_every_resident_belongs_to_a_household_at_the_same_door(homes, people):
    doors = {home["户编号"]: (home["楼栋编号"], home["单元"], home["楼层"], home["房号"]) for home in homes}
    for person in people:
        assert doors[person["户编号"]] == (person["楼栋编号"], person["单元"], person["楼层"], person["房号"])


def test_households_count_their_residents(homes, people):
    members = Counter(person["户编号"] for person in people)
    assert all(members[home["户编号"]] == home["常住人数"] for home in homes)
    assert all(home["常住人数"] == 0 for home in homes if home["房屋类型"] == "空置")


def test_ages_and_sexes_are_those_of_a_lived_in_place(people):
    ages = [person["年龄"] for person in people]
    assert 0.15 < sum(age >= 60 for age in ages) / len(ages) < 0.35
    assert 0.12 < sum(age < 18 for age in ages) / len(ages) < 0.30
    assert 0.45 < sum(person["性别"] == "女" for person in people) / len(people) < 0.55


def test_nobody_under_age_lives_alone(people):
    alone = [home for home, size in Counter(person["户编号"] for person in people).items() if size == 1]
    assert min(person["年龄"] for person in people if person["户编号"] in set(alone)) >= 18


def test_no_identity_number_passes_any_check_of_a_real_one(people):
    for person in people:
        number = person["证件号"]
        assert not ric.is_valid(number)
        assert ric.calc_check_digit(number) != number[17]
        with pytest.raises(ValueError):
            datetime.strptime(number[6:14], "%Y%m%d")  # noqa: DTZ007


def test_identity_numbers_differ():
    assert len({synthetic_id(number) for number in range(1, 20_000)}) == 19_999


def test_no_telephone_number_is_one_that_networks_assign(people):
    mobile = re.compile(r"1[3-9]\d{9}")
    numbers = [person["联系方式"] for person in [*people, *staff()]]
    assert not any(mobile.fullmatch(number) for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_names_say_that_they_are_nobodys(people):
    assert all("某" in person["姓名"] for person in people)
    assert all(member["姓名"].startswith("示例") for member in staff())


def test_no_plate_belongs_to_a_province(homes):
    plates = [car["号牌号码"] for car in vehicles(2026, homes, [])]
    assert all(re.fullmatch(r"示A·\d{5}", plate) for plate in plates)
    assert len(set(plates)) == len(plates)


def test_a_bay_belongs_to_one_vehicle_only(homes):
    bays = [f"B{number}" for number in range(40)]
    taken = Counter(car["车位编号"] for car in vehicles(2026, homes, bays) if car["车位编号"])
    assert set(taken) <= set(bays)
    assert max(taken.values()) == 1


def test_every_member_of_staff_works_in_a_grid_that_exists():
    codes = {f"330106099001{grid['number']}" for grid, _ in grids()}
    assert {member["网格编码"] for member in staff()} == codes
    assert {grid["worker"] for grid, _ in grids()} <= {member["人员编号"] for member in staff()}


def test_no_households_means_no_residents():
    assert residents(2026, []) == []
