"""The server is killed while the map is open: what was missed is there when it is back."""

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import expect

from gis.pack import unpack
from layers.catalogue import load_catalogue
from layers.incident import Report, report
from twin.embedded import EmbeddedStore

pytestmark = pytest.mark.browser
LONG_MS = 40_000


@pytest.fixture(scope="module")
def page(browser, mortal):
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="zh-CN", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{mortal.address}/map")
    page.wait_for_selector(".cockpit[data-ready]", timeout=90_000)
    yield page
    context.close()


@pytest.fixture
def asked(mortal):
    with httpx.Client(base_url=f"{mortal.address}/v1/", timeout=30, trust_env=False) as client:
        yield client


def _report(asked, number):
    device = asked.get("devices", params={"type": "smoke_detector", "limit": 3}).json()["devices"][number]["device_no"]
    said = {"class": "fire", "severity": 2, "source": "hotline", "title": "冒烟", "by": "热线", "device": device}
    return asked.post("incidents", json=said).json()["no"]


def _listed(page):
    return set(page.evaluate("document.querySelector('.cockpit').cockpit.rows().map((row) => row.key)"))


def test_after_a_killed_server_the_list_is_that_of_the_api(page, mortal, asked):
    before = [_report(asked, 0), _report(asked, 1)]
    for no in before:
        expect(page.locator(f"[data-event='incident/{no}']")).to_have_count(1, timeout=LONG_MS)
    mortal.kill()
    expect(page.locator(".status")).to_have_text("连接中断", timeout=LONG_MS)
    mortal.start()
    # What happens before the browser is back: one more, one that goes on, one that ends.
    after = _report(asked, 2)
    asked.post(f"incidents/{before[0]}/accept", json={"by": "甲"}).raise_for_status()
    asked.post(f"incidents/{before[1]}/merge", json={"by": "甲", "into": after}).raise_for_status()
    expect(page.locator(".status")).to_have_text("实时", timeout=LONG_MS)
    expect(page.locator(f"[data-event='incident/{after}']")).to_have_count(1, timeout=LONG_MS)
    expect(page.locator(f"[data-event='incident/{before[0]}']")).to_contain_text("已受理", timeout=LONG_MS)
    expect(page.locator(f"[data-event='incident/{before[1]}']")).to_have_count(0, timeout=LONG_MS)
    incidents = {f"incident/{one['no']}" for one in asked.get("incidents").json()["incidents"]}
    alarms = {f"alarm/{one['id']}" for one in asked.get("alarms").json()["alarms"]}
    assert _listed(page) == incidents | alarms


def _filed_an_hour_ago(path, device):
    """File an incident in the store of a server that is down."""
    then = datetime.now(UTC) - timedelta(hours=1)
    said = {"class_": "fire", "severity": 2, "source": "hotline", "title": "异味", "by": "热线"}
    filed = Report(**said, device=device, occurred_at=then)
    with closing(EmbeddedStore(path, load_catalogue())) as store:
        return store.write(lambda transaction: report(transaction, filed, then)).result().no


def test_what_nobody_accepted_in_time_while_the_server_was_down_is_marked_until_somebody_does(page, mortal, asked):
    (device,) = asked.get("devices", params={"type": "smoke_detector", "limit": 1}).json()["devices"]
    mortal.kill()
    no = _filed_an_hour_ago(mortal.store, device["device_no"])
    mortal.start()
    mark = page.locator(f"[data-event='incident/{no}'] .overdue")
    expect(mark).to_have_text("超时未受理", timeout=LONG_MS)
    page.locator(f"[data-event='incident/{no}'] .open").click()
    expect(page.locator(".log li").first).to_contain_text("时限督办", timeout=LONG_MS)
    asked.post(f"incidents/{no}/accept", json={"by": "甲"}).raise_for_status()
    expect(page.locator(f"[data-event='incident/{no}']")).to_contain_text("已受理", timeout=LONG_MS)
    expect(mark).to_have_count(0)


def _green(page):
    return page.evaluate("document.querySelector('.cockpit').cockpit.state.packs.get('green').ids")


def _until(condition):
    for _ in range(160):
        if condition():
            return
        time.sleep(0.25)
    pytest.fail("never true")


def test_an_import_and_its_taking_back_are_on_open_maps(page, asked):
    west, south, _, _ = asked.get("scene").json()["bounds"]
    ring = [[west, south], [west + 1e-4, south], [west + 1e-4, south + 1e-4], [west, south]]
    feature = {
        "type": "Feature",
        "properties": {"green_no": "G-E2E", "name": "新绿地"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    content = json.dumps({"type": "FeatureCollection", "features": [feature]})
    sent = asked.post("imports", files={"file": ("new.geojson", content)}, data={"layer": "green", "commit": "true"})
    place = sent.headers["location"].removeprefix("/v1/")
    _until(lambda: asked.get(place).json()["state"] == "committed")
    _until(lambda: "G-E2E" in _green(page))
    asked.post(f"{place}/undo", json={"by": "王"}).raise_for_status()
    _until(lambda: "G-E2E" not in _green(page))
    assert sorted(_green(page)) == sorted(unpack(asked.get("pack/green").content).ids)
