"""The two pages as a browser loads them: how much travels, where from, and what if a part is missing."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


class _Wire:
    """Bytes that really travelled for a page."""

    def __init__(self, page):
        self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._count)

    def _count(self, event):
        self.bytes += event["encodedDataLength"]


def _visit(context, address):
    page = context.new_page()
    hosts, complaints = set(), []
    page.on("request", lambda request: hosts.add(request.url.split("/")[2] if "//" in request.url else "inline"))
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    wire = _Wire(page)
    page.goto(address)
    page.wait_for_selector(".cockpit[data-ready]", timeout=90_000)
    page.close()
    return wire.bytes, hosts, complaints


@pytest.mark.parametrize("path", ["cockpit", "map"])
def test_a_page_is_small_comes_from_one_host_and_is_hardly_sent_again(browser, server, path):
    context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    cold, hosts, complaints = _visit(context, f"{server}/{path}")
    warm, _, _ = _visit(context, f"{server}/{path}")
    context.close()
    assert complaints == []
    assert hosts - {"inline"} == {server.removeprefix("http://")}
    assert cold < 4_000_000
    assert warm < 50_000


def test_without_webgl_the_buildings_are_a_list(browser, server):
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="zh-CN")
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = context.new_page()
    page.goto(f"{server}/map")
    first = page.locator(".plain-list li button").first
    expect(first).to_be_visible(timeout=60_000)
    name = first.inner_text()
    first.click()
    expect(page.locator(".details h2")).to_contain_text(name, timeout=20_000)
    context.close()


def test_a_link_restores_place_storey_and_language(browser, server, api):
    building = api.get("search", params={"q": "0705", "limit": 1}).json()["results"][0]
    context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{server}/map#code={building['id']}&lang=en")
    page.wait_for_selector(".cockpit[data-ready]", timeout=90_000)
    expect(page.locator(".details code")).to_contain_text(building["id"])
    expect(page.locator(".rail [aria-pressed=true]")).to_contain_text(f"F{building['storey']}")
    expect(page.locator(".events [role=tab]").nth(1)).to_contain_text("Alarms")
    context.close()


def test_a_lost_server_is_shown_as_lost(browser, server):
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="zh-CN", reduced_motion="reduce")
    page = context.new_page()
    page.route("**/v1/stream*", lambda route: route.abort())
    page.goto(f"{server}/map")
    expect(page.locator(".status")).to_have_text("连接中断", timeout=60_000)
    context.close()
