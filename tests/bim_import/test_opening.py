"""Files as they are handed in: mended when the meaning is plain, refused by name when it is not."""

import zipfile

import pytest

from bim_import import step
from bim_import.opening import open_model
from gis.errors import BadInput

HEAD = "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nFILE_NAME('','',(''),(''),'','','');\nFILE_SCHEMA(('{}'));\nENDSEC;\n"
BODY = "DATA;\n#1=IFCCARTESIANPOINT((0.,0.,0.));\n#2=IFCWALL('2XQ$n5SLP5MBLyL442paFx',$,'{}',$,$,$,$,$);\nENDSEC;\nEND-ISO-10303-21;\n"


def text_of(name="wall", schema="IFC2X3"):
    return (HEAD.format(schema) + BODY.format(name)).encode("latin-1")


def written(path, data):
    path.write_bytes(data)
    return path


def refusal(path):
    with pytest.raises(BadInput) as fault:
        open_model(path)
    assert fault.value.cure
    return fault.value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "ifc.empty"),
        (b"\x00 \n" * 9, "ifc.empty"),
        (b'<?xml version="1.0"?><ifcXML/>', "ifc.xml"),
        (b"%PDF-1.7", "ifc.not_step"),
        (text_of(schema="AUTOMOTIVE_DESIGN"), "ifc.wrong_schema"),
        (text_of(schema="IFC20_LONGFORM"), "ifc.wrong_schema"),
        (text_of()[:-40], "ifc.truncated"),
        (text_of().replace(b"((0.", b"(" * 5000 + b"((0."), "ifc.too_deep"),
        (text_of().replace(b"#2=", b"#=2"), "ifc.unreadable"),
        (b"PK\x03\x04 not an archive", "ifc.bad_zip"),
    ],
)
def test_what_is_no_model_is_refused_by_name(tmp_path, data, code):
    assert refusal(written(tmp_path / "a.ifc", data)).code == code


def test_a_cut_file_names_the_line_where_it_breaks_off(tmp_path):
    assert refusal(written(tmp_path / "a.ifc", text_of()[:-40])).facts["line"] == 9


@pytest.mark.parametrize("number", [b"#=2", b"#99999999999="])
def test_a_statement_the_parser_chokes_on_is_named_by_its_line(tmp_path, number):
    assert refusal(written(tmp_path / "a.ifc", text_of().replace(b"#2=", number))).facts["line"] == 9


def test_a_file_that_lost_only_its_last_line_is_whole(tmp_path):
    data = text_of().replace(b"END-ISO-10303-21;\n", b"")
    assert open_model(written(tmp_path / "a.ifc", data)).notices == ()


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        ("IFC4X3", "IFC4X3"),
        ("IFC4X3_RC2", "IFC4X3"),
        ("IFC4X1", "IFC4"),
        ("IFC2X_FINAL", "IFC2X3"),
        ("IFC4_ADD2", "IFC4"),
    ],
)
def test_schemas_the_parser_lacks_are_read_as_the_nearest(tmp_path, stated, read):
    data = text_of(schema=stated).replace(b"$,$,$,$,$);", b"$,$,$,$,$,$);" if read != "IFC2X3" else b"$,$,$,$,$);")
    opened = open_model(written(tmp_path / "a.ifc", data))
    assert (opened.model.schema, opened.schema) == (read, stated)
    assert opened.notices[0].code == "ifc.schema_alias"


def test_the_schema_is_read_in_any_case(tmp_path):
    assert open_model(written(tmp_path / "a.ifc", text_of(schema="IFC2x3"))).notices == ()


def test_words_before_the_model_are_skipped(tmp_path):
    opened = open_model(written(tmp_path / "a.ifc", b"HTTP/1.1 200 OK\r\n\r\n" + text_of()))
    assert [notice.code for notice in opened.notices] == ["ifc.preamble"]


def test_a_byte_order_mark_is_no_fault(tmp_path):
    assert len(open_model(written(tmp_path / "a.ifc", b"\xef\xbb\xbf" + text_of())).model.by_type("IfcWall")) == 1


def test_a_header_nobody_can_parse_is_replaced(tmp_path):
    data = text_of().replace(b"FILE_NAME('','',(''),(''),'','','');", b"FILE_NAME(,,;")
    opened = open_model(written(tmp_path / "a.ifc", data))
    assert "ifc.header_rebuilt" in [notice.code for notice in opened.notices]
    assert len(opened.model.by_type("IfcWall")) == 1


@pytest.mark.parametrize("name", [r"\X2\4E2D6587:", r"C:\walls\a", r"\X2\4E2D"])
def test_broken_text_escapes_do_not_cost_the_model(tmp_path, name):
    wall = open_model(written(tmp_path / "a.ifc", text_of(name))).model.by_type("IfcWall")[0]
    assert "中" in wall.Name or "walls" in wall.Name


def test_sound_escapes_are_left_alone():
    sound = rb"'\X2\4E2D\X0\ a\\b \S\d \X\E4 it''s'"
    assert step.repair_strings(sound) == sound


def test_stars_where_dollars_are_meant_are_read_as_dollars(tmp_path):
    data = text_of().replace(b"'wall',$,$,$,$,$", b"'a,*,b',*,$,*,$,*")
    opened = open_model(written(tmp_path / "a.ifc", data))
    wall = opened.model.by_type("IfcWall")[0]
    assert (wall.Name, wall.Description) == ("a,*,b", None)
    assert [notice.code for notice in opened.notices] == ["ifc.derived_star"]


def test_stars_of_derived_attributes_stay():
    data = text_of().replace(b"#1=", b"#3=IFCSIUNIT(*,.LENGTHUNIT.,$,.METRE.);\n#1=")
    assert step.prepare(data, "a.ifc").data is data


def test_an_archive_is_opened_whatever_its_member_is_called(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.ifczip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/model.ifc", text_of())
    assert len(open_model(tmp_path / "a.ifczip").model.by_type("IfcWall")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.ifczip"]


def test_an_archive_of_two_models_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.ifczip", "w") as archive:
        archive.writestr("a.ifc", text_of())
        archive.writestr("b.ifc", text_of())
    assert refusal(tmp_path / "a.ifczip").code == "ifc.bad_zip"


def test_a_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.ifczip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.ifc", b"\0" * 50_000_000)
    assert refusal(tmp_path / "a.ifczip").code == "ifc.zip_bomb"


def test_an_unknown_packing_method_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.ifczip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.ifc", text_of())
    deflate64 = (tmp_path / "a.ifczip").read_bytes()
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = deflate64.index(signature) + offset
        deflate64 = deflate64[:at] + b"\x09\x00" + deflate64[at + 2 :]
    assert refusal(written(tmp_path / "b.ifczip", deflate64)).code == "ifc.zip_method"


def test_a_stray_comment_that_swallows_the_model_is_noticed(tmp_path):
    walls = b"".join(b"#%d=IFCCARTESIANPOINT((0.,0.));\n" % number for number in range(3, 60))
    data = text_of().replace(b"#1=", b"/* #1=").replace(b"ENDSEC;\nEND", walls + b"*/\nENDSEC;\nEND")
    assert refusal(written(tmp_path / "a.ifc", data)).code == "ifc.truncated"


def test_instances_outside_the_schema_are_counted(tmp_path):
    data = text_of().replace(b"ENDSEC;\nEND", b"#9=IFCDREAM('x');\nENDSEC;\nEND")
    notice = open_model(written(tmp_path / "a.ifc", data)).notices[0]
    assert (notice.code, notice.count) == ("ifc.instances_skipped", 1)
