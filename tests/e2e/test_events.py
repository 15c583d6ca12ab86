"""What operators do with alarms and incidents, in a real browser: find, go there, take note, deal with them."""

import uuid
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from gis.pack import unpack

pytestmark = pytest.mark.browser
LONG_MS = 20_000


def _observe(api, device, name, result):
    observation = {
        "device": device,
        "property": name,
        "result": result,
        "phenomenonTime": datetime.now(UTC).isoformat(),
        "source": "test",
        "source_seq": uuid.uuid4().hex,
    }
    assert api.post("observations", json={"observations": [observation]}).json()["rejected"] == []


@pytest.fixture(scope="module")
def smoke(api):
    """Two smoke detectors in rooms of different buildings."""
    pack = unpack(api.get("pack/device").content)
    rooms = set(unpack(api.get("pack/space").content).ids)
    records = api.get("query", params={"layers": "device", "filter": "device_type:smoke_detector", "limit": 1000})
    houses = {}
    for found in records.json()["features"]:
        place = pack.columns["place"][pack.ids.index(found["id"])]
        if place in rooms:
            houses.setdefault(place.split("-U")[0], (found["id"], place))
    return list(houses.values())[:2]


@pytest.fixture
def burning(api, smoke):
    """Both have smoke before them; at the end neither has, and nobody waits for an answer."""
    for device, _ in smoke:
        _observe(api, device, "fire_smoke", True)
    yield [f"{device}:fire_smoke" for device, _ in smoke]
    for device, _ in smoke:
        _observe(api, device, "fire_smoke", False)
        api.post(f"alarms/{device}:fire_smoke/acknowledge", json={"by": "test"})


@pytest.fixture(autouse=True)
def _back_to_the_start(cockpit):
    yield
    page = cockpit.page
    if (page.locator(".more").get_attribute("aria-expanded")) == "true":
        page.locator(".list-filters .link").click()
        page.locator(".more").click()
    page.locator("[role=tab]").first.click()
    page.locator(".tile").first.click()  # leaves whatever had the focus
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    refused = "status of 422"  # the browser itself notes an answer that a test wanted
    assert [text for text in cockpit.complaints if refused not in text] == []


def _row(cockpit, alarm):
    return cockpit.page.locator(f"[data-event='alarm/{alarm}']")


def _open_of(api):
    """What is open, as the API has it: the keys of the list."""
    alarms = api.get("alarms", params={"state": "open", "limit": 1000}).json()["alarms"]
    incidents = api.get("incidents", params={"limit": 1000}).json()["incidents"]
    return {f"alarm/{one['id']}" for one in alarms} | {f"incident/{one['no']}" for one in incidents}


def test_keys_alone_find_an_alarm_go_to_its_room_and_acknowledge_it(cockpit, api, burning):
    page, room = cockpit.page, api.get("alarms").json()["alarms"][0]["place"]
    expect(_row(cockpit, burning[0])).to_have_count(1, timeout=LONG_MS)
    page.keyboard.press("j")
    first = page.locator("[data-event]").first
    expect(first).to_have_attribute("aria-current", "true")
    page.keyboard.press("j")
    expect(page.locator("[data-event]").nth(1)).to_have_attribute("aria-current", "true")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator(".event-head code").first).to_contain_text(room, timeout=LONG_MS)
    key = first.get_attribute("data-event")
    page.keyboard.press("a")
    assert not api.get("alarms").json()["alarms"][0]["acknowledged"]  # once is not enough
    expect(page.locator(".acknowledge.armed")).to_have_count(1)
    page.keyboard.press("a")
    expect(page.locator(f"[data-event='{key}'] .acknowledge")).to_have_count(0, timeout=LONG_MS)
    told = {f"alarm/{one['id']}": one for one in api.get("alarms").json()["alarms"]}[key]
    assert (told["acknowledged"], told["acknowledged_by"]) == (True, "值班员")


def test_an_event_isolates_its_storey_and_names_cameras_and_responders(cockpit, api, smoke, burning):
    _row(cockpit, burning[0]).locator(".open").click()
    panel = cockpit.page.locator(".event-panel")
    expect(panel.locator(".near").first.locator("li")).to_have_count(5, timeout=LONG_MS)
    expect(panel.locator(".near .away").first).to_contain_text(" m ")
    alarm = next(one for one in api.get("alarms").json()["alarms"] if one["id"] == burning[0])
    cockpit.until("(cockpit, storey) => cockpit.state.storey === storey && cockpit.state.rooms", alarm["storey"])
    assert cockpit.ask("cockpit => cockpit.state.building") == smoke[0][1].split("-U")[0]
    cockpit.until("cockpit => location.hash.includes('event=alarm')")


def test_counts_by_severity_are_those_of_the_api_and_narrow_the_list(cockpit, api, burning):
    expect(_row(cockpit, burning[1])).to_have_count(1, timeout=LONG_MS)
    assert set(cockpit.ask("cockpit => cockpit.rows().map((row) => row.key)")) == _open_of(api)
    chips = cockpit.page.locator(".list-head .chip")
    open_alarms = api.get("alarms").json()["alarms"]
    worst = open_alarms[0]["severity"]
    wanted = sum(one["severity"] == worst for one in open_alarms)
    chip = chips.nth(worst - 1)
    expect(chip.locator("b")).to_have_text(str(wanted))
    expect(chip.locator(".glyph")).not_to_be_empty()  # a sign, not only a colour
    chip.click()
    expect(cockpit.page.locator("[data-event]")).to_have_count(wanted)
    chip.click()


def test_the_list_is_narrowed_by_state_space_time_and_class(cockpit, api, smoke, burning):
    page = cockpit.page
    expect(_row(cockpit, burning[1])).to_have_count(1, timeout=LONG_MS)
    page.locator(".more").click()
    page.locator("select[name=cls]").select_option("alarm:fire_smoke")
    page.locator("select[name=since]").select_option("3600")
    expect(page.locator("[data-event]")).to_have_count(2)
    page.locator("[name=state]").select_option("recovered")
    expect(page.locator("[data-event]")).to_have_count(0)
    page.locator("[name=state]").select_option("open")
    _row(cockpit, burning[0]).locator(".open").click()
    page.locator("select[name=space]").select_option(f"building:{smoke[0][1].split('-U')[0]}")
    expect(page.locator("[data-event]")).to_have_count(1)
    cockpit.until("cockpit => cockpit.state.packs.has('grid')")
    grids = unpack(api.get("pack/grid").content).ids
    inside = 0
    for grid in grids:
        page.locator("select[name=space]").select_option(f"grid:{grid}")
        inside += page.locator("[data-event]").count()
    assert inside == 2  # each lies in one grid
    page.locator("select[name=space]").select_option("map")
    expect(_row(cockpit, burning[0])).to_have_count(1)


def test_a_shelved_alarm_leaves_the_list_and_is_shown_as_shelved(cockpit, burning):
    page = cockpit.page
    _row(cockpit, burning[0]).locator(".open").click()
    page.locator("[data-step=shelve]").click(timeout=LONG_MS)
    page.locator("input[name=reason]").fill("检修")
    page.locator(".step-form button").click()
    expect(_row(cockpit, burning[0])).to_have_count(0, timeout=LONG_MS)
    page.locator(".more").click()
    page.locator("[name=state]").select_option("shelved")
    expect(_row(cockpit, burning[0])).to_contain_text("搁置至")
    page.locator("[data-step=unshelve]").click()
    expect(_row(cockpit, burning[0])).to_have_count(0, timeout=LONG_MS)
    page.locator("[name=state]").select_option("open")
    expect(_row(cockpit, burning[0])).to_have_count(1)


def _do(page, step, **fields):
    page.locator(f"[data-step={step}]").click(timeout=LONG_MS)
    for name, value in fields.items():
        control = page.locator(f".step-form [name={name}]")
        if control.evaluate("each => each.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
    if fields:
        page.locator(".step-form button").click()


def test_an_alarm_becomes_an_incident_that_goes_through_the_closed_loop(cockpit, api, burning):
    page = cockpit.page
    _row(cockpit, burning[0]).locator(".open").click()
    _do(page, "incident", description="一楼有烟")
    head = page.locator(".event-head")
    expect(head).to_contain_text("火灾", timeout=LONG_MS)  # the class that a linkage rule would file
    no = head.locator("code", has_text="SJ").inner_text()
    expect(page.locator(".plan li").first).to_contain_text("119", timeout=LONG_MS)
    page.locator(".operator input").fill("李值班")
    page.locator(".operator input").blur()
    _do(page, "accept")
    _do(page, "dispatch", to="WG005")
    _do(page, "handle")
    page.locator("[data-step=feedback]").click(timeout=LONG_MS)
    page.locator(".step-form button").click()
    expect(page.locator(".event-steps .fault")).to_contain_text("State a result", timeout=LONG_MS)
    page.locator(".step-form [name=result]").fill("已扑灭")
    page.locator(".step-form button").click()
    _do(page, "assess", score="5")
    expect(head).to_contain_text("已考核", timeout=LONG_MS)
    expect(page.locator(".log li")).to_have_count(6, timeout=LONG_MS)
    expect(page.locator(".log li").first).to_contain_text("李值班")
    log = api.get(f"incidents/{no}").json()["log"]
    assert [entry["step"] for entry in log] == ["report", "accept", "dispatch", "handle", "feedback", "assess"]
    assert {entry["by"] for entry in log[1:]} == {"李值班"}
    row = page.locator(f"[data-event='incident/{no}']")
    expect(row).to_have_count(0)
    page.locator(".more").click()
    page.locator("[name=state]").select_option("closed")
    expect(row).to_contain_text("已考核", timeout=LONG_MS)
    page.evaluate("localStorage.clear()")


def test_a_step_that_came_from_elsewhere_is_in_the_log_at_once(cockpit, api, smoke):
    said = {
        "class": "facility",
        "severity": 3,
        "source": "hotline",
        "title": "门禁故障",
        "by": "热线",
        "place": smoke[0][1],
    }
    no = api.post("incidents", json=said).json()["no"]
    row = cockpit.page.locator(f"[data-event='incident/{no}']")
    row.locator(".open").click(timeout=LONG_MS)
    expect(cockpit.page.locator(".log li")).to_have_count(1, timeout=LONG_MS)
    api.post(f"incidents/{no}/note", json={"by": "另一席", "note": "已电话联系"})
    expect(cockpit.page.locator(".log li").first).to_contain_text("已电话联系", timeout=LONG_MS)
    other = api.post("incidents", json=said | {"source_no": "x"}).json()["no"]
    api.post(f"incidents/{no}/merge", json={"by": "另一席", "into": other})
    expect(row).to_have_count(0, timeout=LONG_MS)


def test_a_terminal_that_moves_is_drawn_where_it_is(cockpit, api):
    west, south, east, north = api.get("scene").json()["bounds"]
    said = {"device_no": "GT-E2E", "device_type": "grid_worker_terminal", "name": "网格员终端"}
    api.post("devices", json=said | {"longitude": west, "latitude": south}).raise_for_status()
    for share in (0.4, 0.5):
        at = {"lon": west + (east - west) * share, "lat": south + (north - south) * 0.5}
        _observe(api, "GT-E2E", "position", at)
        cockpit.until(
            "(cockpit, lon) => Math.abs(cockpit.state.movers.get('GT-E2E')?.position[0] - lon) < 1e-9", at["lon"]
        )
    cockpit.settle()
    hit = cockpit.ask(
        """cockpit => { const mover = cockpit.state.movers.get("GT-E2E");
        return cockpit.map.pick(...cockpit.map.project([...mover.position, 0]))?.row?.device; }"""
    )
    assert hit == "GT-E2E"


def test_cameras_that_a_linkage_rule_opens_are_marked(cockpit, api, burning, smoke):
    api.post("linkage/rules/LR06/enable", json={"by": "test"}).raise_for_status()
    _observe(api, smoke[0][0], "fire_smoke", False)
    api.post(f"alarms/{burning[0]}/acknowledge", json={"by": "test"})
    expect(_row(cockpit, burning[0])).to_have_count(0, timeout=LONG_MS)
    _observe(api, smoke[0][0], "fire_smoke", True)
    expect(_row(cockpit, burning[0])).to_contain_text("联动已调看", timeout=LONG_MS)
    api.post("linkage/rules/LR06/disable", json={"by": "test"}).raise_for_status()
