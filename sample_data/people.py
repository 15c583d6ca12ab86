"""The people of the synthetic community: households, residents, staff and vehicles. Nobody here exists."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from sample_data.frame import chance, lon_lat
from sample_data.site import Building, Row, buildings, site, table

_THIS_YEAR = 2026
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_SIZES = {1: 14, 2: 25, 3: 31, 4: 18, 5: 9, 6: 3}
_USE = {"自住": 68, "出租": 22, "空置": 7, "未登记": 3}
# Ages of the members of a household of each size, eldest first; every one is a range from which to draw.
_FAMILIES: dict[int, list[list[tuple[int, int]]]] = {
    1: [[(22, 45)], [(22, 45)], [(60, 92)]],
    2: [[(25, 55), (25, 55)], [(60, 88), (60, 88)], [(35, 55), (6, 22)]],
    3: [[(27, 50), (27, 50), (0, 18)], [(48, 62), (46, 60), (20, 30)], [(62, 88), (32, 55), (30, 55)]],
    4: [[(28, 46), (28, 46), (5, 16), (0, 8)], [(60, 85), (30, 50), (28, 50), (0, 17)]],
    5: [[(60, 82), (58, 82), (28, 48), (27, 48), (0, 15)]],
    6: [[(60, 82), (58, 82), (28, 46), (27, 46), (5, 16), (0, 6)]],
}


def _draw(dice: Random, weights: dict[str, int]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]


def households(seed: int) -> list[Row]:
    """Return one row a dwelling, the empty ones too."""
    dice = chance(seed, "households")
    homes = [(house, *home) for house in buildings() for home in house.dwelling_rooms()]
    return [_household(dice, number, *home) for number, home in enumerate(homes, start=1)]


def _household(dice: Random, number: int, house: Building, unit: int, storey: int, room: str) -> Row:
    use = _draw(dice, _USE)
    persons = 0 if use == "空置" else dice.choices(list(_SIZES), list(_SIZES.values()))[0]
    return {
        "户编号": f"HH{number:05d}",
        "楼栋编号": house.no,
        "单元": unit,
        "楼层": storey,
        "房号": room,
        "常住人数": persons,
        "房屋类型": use,
        "户型": dice.choice(["两室一厅", "三室一厅", "三室两厅"]),
        "面积": round(house.width_m * house.depth_m * 0.8 / max(house.units * house.dwellings, 1), 1),
        "产权": dice.choices(["商品房", "房改房", "公租房"], [8, 2, 1])[0],
        "所属小区": site()["community"]["compound"],
    }


def residents(seed: int, homes: Sequence[Row]) -> list[Row]:
    """Return one row a resident of the given households."""
    dice = chance(seed, "residents")
    members = [(home, ages, index) for home in homes for ages in [_ages(dice, home)] for index in range(len(ages))]
    return [_resident(dice, number, *member) for number, member in enumerate(members, start=1)]


def _ages(dice: Random, home: Row) -> list[int]:
    family = dice.choice(_FAMILIES[home["常住人数"]]) if home["常住人数"] else []
    return [dice.randint(*span) for span in family]


def _resident(dice: Random, number: int, home: Row, ages: list[int], index: int) -> Row:
    age = ages[index]
    return {
        "人员编号": f"RY{number:06d}",
        "户编号": home["户编号"],
        "姓名": synthetic_name(number),
        "性别": "女" if (index + dice.randint(0, 1)) % 2 else "男",
        "年龄": age,
        "出生年份": _THIS_YEAR - age,
        "人员类别": "流动" if home["房屋类型"] == "出租" else "常住",
        "身份类别": "居民",
        "职业": _occupation(dice, age),
        "证件类型": "合成编号",
        "证件号": synthetic_id(number),
        "联系方式": f"100{number:08d}",
        "楼栋编号": home["楼栋编号"],
        "单元": home["单元"],
        "楼层": home["楼层"],
        "房号": home["房号"],
        "特殊人群": _special(dice, ages, age),
    }


def _occupation(dice: Random, age: int) -> str:
    if age < 6:
        return "学龄前"
    if age < 19:
        return "学生"
    return "退休" if age >= 60 else dice.choice(["职员", "教师", "工人", "个体经营", "自由职业", "技术人员"])


def _special(dice: Random, ages: list[int], age: int) -> str | None:
    if age >= 60 and min(ages) >= 60:
        return "独居老人" if len(ages) == 1 else "空巢老人"
    return "残疾" if dice.random() < 0.012 else None


def synthetic_name(number: int) -> str:
    """Return a name that reads as nobody's: surname, 某, a term of the sexagenary cycle.

    >>> synthetic_name(1), synthetic_name(61)
    ('钱某乙丑', '魏某乙丑')
    """
    return f"{_SURNAMES[number % len(_SURNAMES)]}某{_STEMS[number % 10]}{_BRANCHES[number % 12]}"


def synthetic_id(number: int) -> str:
    """Return 18 characters that no identity card can bear: region 000000, no birth date, the check character wrong.

    >>> synthetic_id(1)
    '000000000000000019'
    """
    digits = f"{number:017d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return digits + "10X98765432"[(total + 1) % 11]


def staff() -> list[Row]:
    """Return the grid workers, property staff and volunteers."""
    return [_member(number, row) for number, row in enumerate(table("staff.csv"), start=1)]


def _member(number: int, row: Mapping[str, str]) -> Row:
    lon, lat = lon_lat((float(row["x"]), float(row["y"])))
    return {
        "人员编号": row["no"],
        "姓名": row["name"],
        "性别": row["sex"],
        "类别": row["type"],
        "角色": row["role"],
        "联系方式": f"100990000{number:02d}",
        "网格编码": f"{site()['community']['code']}{row['grid']}",
        "所属小区": site()["community"]["compound"],
        "状态信息": "在岗",
        "经度": lon,
        "纬度": lat,
    }


def vehicles(seed: int, homes: Sequence[Row], bays: Sequence[str]) -> list[Row]:
    """Return the vehicles of the households; the first ones have a bay of their own."""
    dice = chance(seed, "vehicles")
    owners = [home for home in homes if home["常住人数"] and dice.random() < 0.42]
    return list(_vehicles(dice, owners, dice.sample(list(bays), len(bays) * 3 // 4)))


def _vehicles(dice: Random, owners: Sequence[Row], bays: Sequence[str]) -> Iterator[Row]:
    for number, home in enumerate(owners, start=1):
        kind = dice.choices(["小型汽车", "新能源汽车", "电动自行车"], [5, 3, 3])[0]
        yield {
            "车辆编号": f"CL{number:05d}",
            "号牌号码": f"示A·{number:05d}",
            "号牌颜色": {"小型汽车": "蓝", "新能源汽车": "绿", "电动自行车": "白"}[kind],
            "车辆类型": kind,
            "品牌类型": dice.choice(["示范一型", "示范二型", "示范三型"]),
            "车身颜色": dice.choice(["白", "黑", "银", "蓝", "红"]),
            "常驻临时": "临时" if home["房屋类型"] == "出租" else "常驻",
            "户编号": home["户编号"],
            **{key: home[key] for key in ("楼栋编号", "单元", "楼层", "房号")},
            "车位编号": bays[number - 1] if number <= len(bays) and kind != "电动自行车" else None,
            "所属小区": home["所属小区"],
        }
