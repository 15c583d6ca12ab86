"""QGIS, without a screen, opens the service and the file, and finds what a person would by looking at everything."""

import json
import os
import subprocess

import pytest
import shapely

from twin.feature import Feature

READ = """
import json, sys
from qgis.core import QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer

application = QgsApplication([], False)
application.initQgis()
provider, source, questions = sys.argv[1:]
layer = QgsVectorLayer(source, "layer", provider)
if not layer.isValid():
    sys.exit(f"QGIS does not open it: {layer.error().message()}")
told = {"crs": layer.crs().authid(), "fields": [field.name() for field in layer.fields()], "found": []}
for box, expression in json.loads(questions):
    request = QgsFeatureRequest()
    if box is not None:
        request.setFilterRect(QgsRectangle(*box))
    if expression is not None:
        request.setFilterExpression(expression)
    told["found"].append(sorted(feature["id"] for feature in layer.getFeatures(request)))
print(json.dumps(told))
del layer
application.exitQgis()
"""
PYTHON = "/usr/bin/python3"
"""Of the system, which the packages of QGIS belong to."""


def house(n):
    west, south = 120.15 + n % 20 * 0.001, 30.28 + n // 20 * 0.001
    use = "office" if n % 3 == 0 else "residential"
    return Feature(
        layer="building", id=f"B-{n:03}", community="c1", name=f"安和里{n}幢",
        geometry=shapely.box(west, south, west + 0.0005, south + 0.0005),
        attributes={"storey_count": n % 30, "main_use": use},
    )  # fmt: skip


HOUSES = [house(n) for n in range(300)]
BOX = (120.1503, 30.2803, 120.1582, 30.2872)
QUESTIONS = {
    "all": (None, None, lambda h: True),
    "a box": (BOX, None, lambda h: h.geometry.intersects(shapely.box(*BOX))),
    "an expression": (None, "\"main_use\" = 'office' AND \"storey_count\" > 20",
                      lambda h: h.attributes["main_use"] == "office" and h.attributes["storey_count"] > 20),
    "a name": (None, "\"name\" LIKE '%里1_幢'", lambda h: 10 <= int(h.id[2:]) < 20),
    "both": (BOX, '"storey_count" <= 5',
             lambda h: h.geometry.intersects(shapely.box(*BOX)) and h.attributes["storey_count"] <= 5),
    "nothing there": ((121, 31, 121.1, 31.1), None, lambda h: False),
}  # fmt: skip


def asked_of_qgis(provider, source, folder):
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    environment.pop("PYTHONPATH", None)
    questions = json.dumps([question[:2] for question in QUESTIONS.values()])
    done = subprocess.run(
        [PYTHON, "-c", READ, provider, source, questions],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def qgis():
    """Return how to ask QGIS; skip where it is not installed."""
    try:
        subprocess.run([PYTHON, "-c", "import qgis.core"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("QGIS's own Python is not installed (Debian: python3-qgis)")
    return asked_of_qgis


@pytest.fixture(scope="module")
def town(serving_at):
    with serving_at() as service:
        service.put(*HOUSES)
        yield service


def check(told):
    assert told["crs"] == "EPSG:4326"
    for name, found in zip(QUESTIONS, told["found"], strict=True):
        assert found == [h.id for h in HOUSES if QUESTIONS[name][2](h)], name
    assert {"id", "name", "main_use", "storey_count"} <= set(told["fields"])


@pytest.mark.both_stores
@pytest.mark.parametrize("narrowed", ["", "restrictToRequestBBOX='1' "])
def test_qgis_finds_in_the_service_what_is_there(town, qgis, narrowed, tmp_path):
    """With and without the box *Only request features overlapping the view extent*."""
    source = (
        f"{narrowed}pagingEnabled='true' pageSize='70' srsname='OGC:CRS84' typename='building' url='{town.url}/ogc'"
    )
    check(qgis("OAPIF", source, tmp_path))


def test_qgis_finds_in_the_file_of_the_running_twin_what_is_there(town, qgis, tmp_path):
    check(qgis("ogr", f"{town.store._path}|layername=building", tmp_path))
