"""The cockpit's pages and files, as a browser asks for them."""

import gzip
import re

import pytest
from fastapi import FastAPI

from dashboard.panel_app import mount

# Panel builds Tornado requests in a way that Tornado will drop; nothing of ours can change that.
pytestmark = pytest.mark.filterwarnings("ignore:.*HTTPServerRequest.*Tornado 6.7:DeprecationWarning")


@pytest.fixture(scope="module")
def client(serving):
    app = FastAPI()
    mount(app, public_origin="http://127.0.0.1:8000")
    with serving(app) as opened:
        yield opened


@pytest.fixture(scope="module")
def assets(client):
    return re.search(r"assets/[0-9a-f]{16}", client.get("/map").text).group(0)


def test_the_map_page_lets_no_script_run_but_our_files(client):
    answer = client.get("/map")
    policy = answer.headers["content-security-policy"]
    assert "script-src" not in policy
    assert "default-src 'self'" in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)


@pytest.mark.parametrize("page", ["/map", "/cockpit"])
def test_a_page_names_no_other_host(client, page):
    text = client.get(page).text
    assert not re.search(r"(?:src|href)\s*=\s*['\"](?:https?:)?//", text)


@pytest.mark.parametrize("page", ["/map", "/cockpit"])
def test_everything_a_page_names_is_there(client, page):
    for address in re.findall(r"(?:src|href)=\"([^\"]+)\"", client.get(page).text):
        assert client.get(f"/{address}").status_code == 200, address


def test_a_module_is_compressed_and_kept_for_ever(client, assets):
    answer = client.get(f"/{assets}/main.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]


def test_a_client_that_cannot_unzip_gets_the_plain_file(client, assets):
    plain = client.get(f"/{assets}/main.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == client.get(f"/{assets}/main.js").content


def test_an_address_of_another_version_is_not_answered_with_this_one(client, assets):
    assert client.get(f"/{assets[:-1]}z/main.js").status_code == 404


@pytest.mark.parametrize("path", ["%2e%2e/panel_app.py", "..%2Fpanel_app.py", "missing.js"])
def test_only_the_browsers_files_are_served(client, assets, path):
    assert client.get(f"/{assets}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["%2e%2e/%2e%2e/__init__.py", "extensions/panel/%2e%2e/__init__.py", "js/none.js"])
def test_no_file_outside_the_libraries_folders_is_served(client, path):
    assert client.get(f"/static/{path}").status_code == 404


def test_every_module_that_is_imported_exists(client, assets):
    for name in ("main.js", "layers.js", "model.js", "marks.js", "catalogue.js", "overlay.js", "standalone.js"):
        for wanted in re.findall(r'from "\./([\w.]+)"', client.get(f"/{assets}/{name}").text):
            assert client.get(f"/{assets}/{wanted}").status_code == 200, wanted


def test_panels_scripts_travel_compressed_and_are_not_asked_for_again(client):
    page = client.get("/cockpit").text
    panel = re.search(r'src="(static/[^"]*panel\.min\.js\?v=\w+)"', page).group(1)
    answer = client.get(f"/{panel}")
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]


def test_a_library_file_without_version_is_asked_for_again_and_not_sent_again(client):
    first = client.get("/static/js/bokeh.min.js")
    again = client.get("/static/js/bokeh.min.js", headers={"if-none-match": first.headers["etag"]})
    assert (first.headers["cache-control"], again.status_code, again.content) == ("no-cache", 304, b"")


def test_a_cold_visit_stays_below_four_megabytes_of_scripts(client, assets):
    scripts = [f"{assets}/deck.gl.js", *re.findall(r'src="(static/[^"]+)"', client.get("/cockpit").text)]
    assert sum(len(gzip.compress(client.get(f"/{script}").content)) for script in scripts) < 2_000_000
