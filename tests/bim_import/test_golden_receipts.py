"""Real models come out as they did when the receipts were checked against other tools, file by file.

``golden_receipts.py`` writes the golden file and prints where it differs from what ifcopenshell counts, from the areas
its default kernel finds and those the authors state, and from the angles of the sites; see there how differences were
judged. The models up to 2 MB are read here; the larger ones are only checked by that script.
"""

import json

import pytest

from tests.bim_import.golden_receipts import GOLDEN, receipt_of

RECEIPTS = json.loads(GOLDEN.read_text("utf-8"))
READ = [name for name, golden in RECEIPTS.items() if golden["bytes"] <= 2_000_000]

pytestmark = pytest.mark.shared_data


@pytest.mark.parametrize("name", READ)
def test_a_real_model_comes_out_as_it_was_checked(shared_ifc, name):
    path, golden = shared_ifc / name, RECEIPTS[name]
    assert path.stat().st_size == golden["bytes"]
    found = receipt_of(path)
    about = {name: pytest.approx(golden[name], abs=1e-6) for name in ("origin", "buildings") if name in golden}
    if "room_area_m2" in golden:
        about["room_area_m2"] = pytest.approx(golden["room_area_m2"], rel=0.01)
    assert {"bytes": golden["bytes"], **found} == {**golden, **about}
