"""Tax and police business never reach the store's file; the police station of an address does."""

import csv

from api.importing import Importer
from layers.catalogue import load_catalogue
from twin.embedded import EmbeddedStore

SECRET, KEPT = "绝密哨兵甲乙丙丁", "翠苑派出所戊己庚辛"


def stored_bytes(folder):
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_columns_on_tax_and_police_cases_leave_no_trace_in_the_file(tmp_path):
    table = tmp_path / "hydrants.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["消火栓编号", "经度", "纬度", "所属派出所", "税务登记号", "police_case_no", "涉案情况"])
        writer.writerow(["X1", 120.1, 30.2, KEPT, f"{SECRET}1", f"{SECRET}2", f"{SECRET}3"])
    (tmp_path / "store").mkdir()
    store = EmbeddedStore(tmp_path / "store" / "twin.gpkg", load_catalogue())
    report = Importer(store, load_catalogue(), "c1").gis(table, "hydrant")
    store.close()
    held = stored_bytes(tmp_path / "store")
    assert KEPT.encode() in held
    assert SECRET.encode() not in held
    told = " ".join(report.warnings)
    assert all(name in told for name in ("税务登记号", "police_case_no", "涉案情况"))
    assert SECRET not in told
