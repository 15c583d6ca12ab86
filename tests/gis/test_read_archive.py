"""Archives: which file is meant, and what is refused."""

import gzip
import io
import struct
import zipfile

import pytest

from gis.errors import BadInput
from gis.read import read_features
from tests.gis import corpus


def never(warning):
    raise AssertionError(warning)


def pack(path, *members, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def parts(folder, stem):
    corpus.shp(folder)
    return [(f"{stem}{part.suffix}", part.read_bytes()) for part in sorted(folder.glob("a.*"))]


def code_of(path, **options):
    with pytest.raises(BadInput) as refused:
        read_features(path, **options, on_warning=never)
    return refused.value.code


def test_of_several_shapefiles_one_is_named(tmp_path):
    path = pack(tmp_path / "x.zip", *parts(tmp_path, "城东/楼"), *parts(tmp_path, "城西/幢"), ("readme.txt", "hello"))
    with pytest.raises(BadInput, match=r"城东/楼\.shp, 城西/幢\.shp"):
        read_features(path, on_warning=never)
    for name in ("楼", "幢.shp", "城西/幢.shp"):
        assert len(read_features(path, layer=name, on_warning=never)) == 10


def test_chinese_names_written_by_windows_are_understood(tmp_path):
    path = pack(tmp_path / "x.zip", *((name.replace("Q", "楼栋"), content) for name, content in parts(tmp_path, "Q")))
    bare = path.read_bytes()
    for name in ("楼栋.cpg", "楼栋.dbf", "楼栋.prj", "楼栋.shp", "楼栋.shx"):
        # as old Windows tools write it: GBK (shorter), no flag for UTF-8; padded to keep the offsets
        bare = bare.replace(name.encode(), name.encode("gbk").replace(b".", b"12."))
    bare = bytearray(bare)
    for start, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        where = bare.find(start)
        while where >= 0:
            flags = struct.unpack_from("<H", bare, where + at)[0] & ~0x800
            struct.pack_into("<H", bare, where + at, flags)
            where = bare.find(start, where + 1)
    path.write_bytes(bare)
    assert len(read_features(path, layer="楼栋12", on_warning=never)) == 10


@pytest.mark.parametrize("name", ["../a.geojson", "/etc/a.geojson", "C:\\a.geojson", "x/../../a.geojson", "..\\a.geojson"])  # fmt: skip
def test_names_that_point_outside_are_refused(tmp_path, name):
    assert code_of(pack(tmp_path / "x.zip", (name, "{}"))) == "gis.archive_path"


def test_links_are_refused(tmp_path):
    link = zipfile.ZipInfo("a.geojson")
    link.external_attr = 0o120777 << 16
    assert code_of(pack(tmp_path / "x.zip", (link, "/etc/passwd"))) == "gis.archive_path"


def test_what_would_burst_is_refused_before_it_is_unpacked(tmp_path):
    assert code_of(pack(tmp_path / "x.zip", ("a.geojson", b" " * (20 << 20)))) == "gis.archive_bomb"
    (tmp_path / "a.osm.gz").write_bytes(gzip.compress(b" " * (20 << 20)))
    assert code_of(tmp_path / "a.osm.gz") == "gis.archive_bomb"
    book = pack(tmp_path / "x.xlsx", ("xl/workbook.xml", b" " * (20 << 20)))
    assert code_of(book) == "gis.archive_bomb"


def test_a_method_that_cannot_be_unpacked_is_named(tmp_path):
    path = pack(tmp_path / "x.zip", ("a.geojson", b"{}" * 100))
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, 8, 9)
    struct.pack_into("<H", content, content.find(b"PK\x01\x02") + 10, 9)
    path.write_bytes(content)
    with pytest.raises(BadInput, match="Deflate64"):
        read_features(path, on_warning=never)


def test_archives_with_a_password_within_archives_or_with_nothing_are_refused(tmp_path):
    inner = io.BytesIO()
    pack(inner, ("a.geojson", "{}"))
    assert code_of(pack(tmp_path / "x.zip", ("a.geojson", inner.getvalue()))) == "gis.format"
    assert code_of(pack(tmp_path / "x.zip", ("photo.jpg", b"x"))) == "gis.format"
    assert code_of(pack(tmp_path / "x.zip")) == "gis.format"
    path = pack(tmp_path / "x.zip", ("a.geojson", "{}"))
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert code_of(path) == "gis.archive_method"


def test_a_compressed_file_is_read_as_what_it_holds(tmp_path):
    path = corpus.geojson(tmp_path)
    (tmp_path / "b.geojson.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert len(read_features(tmp_path / "b.geojson.gz", on_warning=never)) == 10
