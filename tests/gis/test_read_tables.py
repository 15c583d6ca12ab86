"""Reading tables: alphabets, headings, positions in columns, rows without a position."""

import datetime as dt

import openpyxl
import pytest

from gis.errors import BadInput
from gis.read import read_features


def never(warning):
    raise AssertionError(warning)


def csv(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def excel(tmp_path, *rows, sheets=("台账",)):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    path = tmp_path / "table.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_chinese_tables_are_read_in_the_encodings_people_send(tmp_path, encoding):
    path = csv(tmp_path, "设备编号,经度,纬度,安装位置\nD-1,120.15,30.28,东门岗亭\n", encoding)
    (row,) = read_features(path, on_warning=never)
    assert dict(row.properties) == {"设备编号": "D-1", "安装位置": "东门岗亭"}
    assert (row.geometry.x, row.geometry.y) == (120.15, 30.28)
    assert row.number == 2


def test_bytes_in_no_known_encoding_are_refused_not_guessed(tmp_path):
    (tmp_path / "x.csv").write_bytes("编号\n".encode("gbk") + b"\xff\xff\xff\n")
    with pytest.raises(BadInput) as refused:
        read_features(tmp_path / "x.csv", on_warning=never)
    assert refused.value.code == "gis.encoding"


def test_an_encoding_named_wrongly_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"gis\.encoding"):
        read_features(csv(tmp_path, "编号,名称\n1,幢\n", "gbk"), encoding="utf-8", on_warning=never)


def test_a_table_without_position_is_read_to_be_placed_by_code(tmp_path):
    rows = read_features(csv(tmp_path, "户编号,楼栋编号,房号\nH1,AH-001,0101\nH2,AH-001,\n"), on_warning=never)
    assert [row.geometry for row in rows] == [None, None]
    assert [row.properties["房号"] for row in rows] == ["0101", None]


def test_survey_columns_need_a_frame(tmp_path):
    path = csv(tmp_path, "编号,东坐标,北坐标,高程\n1,514777.411,3351983.077,8.5\n")
    with pytest.raises(BadInput) as refused:
        read_features(path, on_warning=never)
    assert refused.value.code == "gis.no_crs"
    (row,) = read_features(path, crs="EPSG:4549", on_warning=never)
    assert (row.geometry.x, row.geometry.y) == pytest.approx((120.1536, 30.2874), abs=1e-7)
    assert row.z == 8.5


def test_chinese_survey_x_and_y_that_are_the_other_way_round_are_refused(tmp_path):
    path = csv(tmp_path, "编号,X坐标,Y坐标\n1,3351983.077,514777.411\n")
    with pytest.raises(BadInput, match="northing stands before easting"):
        read_features(path, crs="EPSG:4549", on_warning=never)


def test_a_position_that_is_no_number_is_reported_and_the_row_stays(tmp_path):
    warnings = []
    path = csv(tmp_path, "编号,经度,纬度\n1,120.15,30.28\n2,东门,30.28\n3,120.15,\n4,,\n")
    rows = read_features(path, on_warning=warnings.append)
    assert [row.geometry is None for row in rows] == [False, True, True, True]
    assert [(warning.code, warning.facts["row"]) for warning in warnings] == [
        ("gis.bad_position", 3),
        ("gis.bad_position", 4),
    ]


def test_half_a_position_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"gis\.half_position"):
        read_features(csv(tmp_path, "编号,经度\n1,120.15\n"), on_warning=never)


def test_two_columns_of_one_name_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"gis\.column_twice"):
        read_features(csv(tmp_path, "编号,名称,名称\n1,a,b\n"), on_warning=never)


@pytest.mark.parametrize("text", ["编号,名称\n", "\n\n"])
def test_a_table_without_rows_is_refused(tmp_path, text):
    with pytest.raises(BadInput, match=r"gis\.empty"):
        read_features(csv(tmp_path, text), on_warning=never)


def test_semicolons_and_quoted_line_breaks_are_read(tmp_path):
    rows = read_features(csv(tmp_path, '编号;说明\n1;"两行\n说明"\n2;x\n'), on_warning=never)
    assert [row.properties["说明"] for row in rows] == ["两行\n说明", "x"]


def test_excel_positions_numbers_and_dates_are_read(tmp_path):
    day = dt.datetime(2024, 5, 1)  # noqa: DTZ001 - Excel has no zones
    path = excel(tmp_path, ["设备编号", "经度", "纬度", "高程", "楼层", "安装时间"], ["D-1", 120.15, 30.28, 12, 3, day])
    (row,) = read_features(path, on_warning=never)
    assert dict(row.properties) == {"设备编号": "D-1", "楼层": 3, "安装时间": "2024-05-01T00:00:00"}
    assert (row.geometry.x, row.z) == (120.15, 12)


def test_a_merged_title_above_the_headings_is_passed_over(tmp_path):
    path = excel(tmp_path, ["里坊社区设备台账", None], [None, None], ["编号", "名称"], ["1", "东门"])
    (row,) = read_features(path, on_warning=never)
    assert (row.number, dict(row.properties)) == (4, {"编号": "1", "名称": "东门"})


def test_a_workbook_of_several_sheets_asks_which(tmp_path):
    path = excel(tmp_path, ["编号", "名称"], ["1", "x"], sheets=("设备", "说明"))
    with pytest.raises(BadInput, match="设备, 说明"):
        read_features(path, on_warning=never)
    assert len(read_features(path, layer="设备", on_warning=never)) == 1


def test_text_named_xlsx_is_refused(tmp_path):
    (tmp_path / "x.xlsx").write_text("编号,名称")
    with pytest.raises(BadInput, match=r"gis\.unreadable"):
        read_features(tmp_path / "x.xlsx", on_warning=never)
