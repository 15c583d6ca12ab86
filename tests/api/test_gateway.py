"""Applications: who may call, what, from where, how often, and how it is proven."""

import asyncio
import base64
import json
import socket
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import shapely
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.commands.run import _application
from api.gateway.applications import Applications
from api.gateway.bodies import Body
from api.gateway.deprecated import Deprecated
from api.gateway.families import FAMILIES, PUBLIC, SCOPES, prefix_of
from api.gateway.gate import GatewayOptions
from api.gateway.limits import networks
from api.gateway.middleware import Gateway
from api.gateway.signature import base_of, mac, read_signature
from api.gateway.signing import Signing
from api.gateway.traffic import Day, Key, Traffic
from api.live import LiveOptions
from api.settings import Settings
from gis.errors import BadInput, Unauthenticated
from layers.device.secrets import sign
from twin.feature import Feature


class Signed:
    """A service that asks for applications, and what its administrator does."""

    def __init__(self, service, keys):
        self.service = service
        self.url = service.url
        self.store = service.store
        self.book = Applications(service.store, keys, lambda: datetime.now(UTC))
        self.opened = []
        self.admin = self.client(*self.register(scopes=["admin"]))

    def register(self, **said):
        found = self.book.apply({"name": "n", "owner": "o", **said}).result()
        _, secret = self.book.renew(found.id).result()
        time.sleep(1.2)  # what another process wrote holds here within a second
        return found.id, secret

    def let_in(self, **said):
        """Register over HTTP, as a person would: apply, be given limits, be approved."""
        wish = {"name": "n", "owner": "o", "scopes": said.pop("scopes")}
        number = httpx.post(f"{self.url}/v1/application-requests", json=wish).json()["id"]
        if said:
            assert self.admin.patch(f"/v1/applications/{number}", json=said).status_code == 200
        return number, self.admin.post(f"/v1/applications/{number}/approve").json()["secret"]

    def client(self, number, secret):
        self.opened.append(httpx.Client(base_url=self.url, auth=Signing(number, secret), trust_env=False))
        return self.opened[-1]

    def token(self, number, secret, **form):
        asked = {"grant_type": "client_credentials", **form}
        return httpx.post(f"{self.url}/v1/token", data=asked, auth=(number, secret))

    def get(self, path="/v1/layers", token=None, **headers):
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.get(self.url + path, headers={**bearer, **headers})


HOUSE = Feature(
    layer="building", id="N51H0429733232-0", place="N51H0429733232-0", community="c1", geometry=shapely.box(0, 0, 1, 1)
)


@pytest.fixture(scope="module")
def signed(serving_at, tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "twin.key"
    with serving_at(gateway=GatewayOptions(access="signed", keys=keys), live=LiveOptions(keys=keys)) as service:
        service.put(HOUSE)
        running = Signed(service, keys)
        yield running
        for client in running.opened:
            client.close()


@pytest.fixture(scope="module")
def free(serving_at, tmp_path_factory):
    with serving_at(gateway=GatewayOptions(keys=tmp_path_factory.mktemp("keys") / "twin.key")) as service:
        yield service


def code_of(answer):
    return answer.status_code, answer.json()["code"]


# --- the table ------------------------------------------------------------------------------------------------------


def test_every_route_has_a_family_and_every_family_known_scopes(free):
    paths = httpx.get(f"{free.url}/openapi.json").json()["paths"]
    assert {prefix_of(path) for path in paths} <= set(FAMILIES), "add the new route to api/gateway/families.py"
    asked = {scope for one in FAMILIES.values() for scope in (one.read, one.write, *one.endings.values())}
    assert asked - {PUBLIC} == set(SCOPES)


def test_in_signed_mode_no_operation_with_data_answers_who_proves_nothing(signed):
    open_to_all = {"/v1/health", "/v1/token", "/v1/application-requests", "/v1/follow/{token}"}
    paths = httpx.get(f"{signed.url}/openapi.json").json()["paths"]
    answered = {
        (method, path)
        for path, methods in paths.items()
        for method in methods
        if path.startswith(("/v1", "/ogc", "/sta", "/metrics"))
        and path not in open_to_all
        and httpx.request(method, signed.url + path).status_code != 401
    }
    assert not answered


def test_an_unknown_path_is_closed_in_signed_mode(signed):
    assert code_of(signed.get("/v1/not-thought-of")) == (401, "application.required")


def test_health_pages_and_documentation_stay_open(signed):
    for path in ("/livez", "/readyz", "/v1/health", "/docs", "/openapi.json", "/map"):
        assert signed.get(path).status_code == 200, path


# --- signatures -----------------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_standard():
    # RFC 9421, B.2.5, with the test-shared-secret of B.1.5.
    secret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    covered = ["date", "@authority", "content-type"]
    params = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    values = {
        "date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "@authority": "example.com",
        "content-type": "application/json",
    }
    made = mac(base64.b64decode(secret), base_of(covered, params, values))
    assert base64.b64encode(made).decode() == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


def test_a_signed_request_is_let_in_and_a_changed_one_is_not(signed):
    number, secret = signed.let_in(scopes=["read:layers", "write:devices", "read:live"])
    client = signed.client(number, secret)
    assert client.get("/v1/query?layers=building&limit=5").json()["features"]
    device = {"device_no": "D-1", "device_type": "smoke_detector", "name": "烟感"}
    assert client.post("/v1/devices", json=device).status_code == 201
    request = client.build_request("GET", "/v1/query?layers=building")
    flow = Signing(number, secret).auth_flow(request)
    next(flow)
    altered = httpx.get(f"{signed.url}/v1/query?layers=device", headers=request.headers)
    assert code_of(altered) == (401, "application.not_authenticated")


def signed_headers(client, method, path, **given):
    request = client.build_request(method, path, **given)
    next(client.auth.auth_flow(request))
    return dict(request.headers)


@pytest.mark.both_stores
def test_the_same_request_is_not_taken_twice(signed):
    headers = signed_headers(signed.admin, "GET", "/v1/applications")
    assert [httpx.get(f"{signed.url}/v1/applications", headers=headers).status_code for _ in "12"] == [200, 401]


def test_another_body_than_the_signed_one_is_refused_whatever_the_route_makes_of_it(signed):
    headers = signed_headers(signed.admin, "PATCH", "/v1/applications/app-1", json={"name": "a"})
    answer = httpx.patch(f"{signed.url}/v1/applications/app-1", headers=headers, content=b'{"name":"b"}')
    assert code_of(answer) == (401, "signature.other_body")


def test_a_body_that_the_signature_does_not_cover_is_refused(signed):
    headers = signed_headers(signed.admin, "POST", "/v1/applications/app-1/revoke")
    headers.pop("content-length", None)
    answer = httpx.post(f"{signed.url}/v1/applications/app-1/revoke", headers=headers, content=b"{}")
    assert code_of(answer) == (401, "signature.no_digest")


def test_a_wrong_clock_is_told_the_right_time(signed, monkeypatch):
    late = time.time() - 1000
    monkeypatch.setattr("api.gateway.signing.time.time", lambda: late)
    answer = signed.admin.get("/v1/applications")
    assert code_of(answer) == (401, "signature.clock")
    told = datetime.fromisoformat(answer.json()["server_time"])
    assert abs(told.timestamp() - late - 1000) < 60


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "signature.malformed"),
        ('a=("@method")', "signature.malformed"),
        ('a=("@method");created=1;keyid="k";nonce="12345678"', "signature.uncovered"),
        ('a=("@method" "@path" "@query" "host");created=1;keyid="k";nonce="12345678"', "signature.uncovered"),
        ('a=("@method" "@path" "@path" "@query");created=1;keyid="k";nonce="12345678"', "signature.uncovered"),
        ('a=("@method" "@path" "@query");created=1;keyid="k";nonce="short"', "signature.malformed"),
        ('a=("@method" "@path" "@query");created="x";keyid="k";nonce="12345678"', "signature.malformed"),
        ('a=("@method" "@path" "@query");created=1;keyid="k";nonce="12345678";alg="none"', "signature.malformed"),
        ("a=" + "(" * 10_000, "signature.malformed"),
    ],
)
def test_a_signature_that_says_too_little_is_refused_with_its_reason(given, code):
    with pytest.raises(Unauthenticated) as told:
        read_signature(given, "a=:AAAA:")
    assert told.value.code == code


def test_a_signature_that_is_no_base64_proves_nothing():
    said = read_signature('a=("@method" "@path" "@query");created=1;keyid="k";nonce="12345678"', "b=:AAAA:")
    assert said.value == b""


# --- secrets and tokens ---------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_who_is_not_approved_gets_no_token_and_who_is_revoked_loses_his(signed):
    wish = {"name": "n", "owner": "o", "scopes": ["read:layers"]}
    number = httpx.post(f"{signed.url}/v1/application-requests", json=wish).json()["id"]
    assert code_of(signed.token(number, "00" * 32)) == (401, "application.not_authenticated")
    secret = signed.admin.post(f"/v1/applications/{number}/approve").json()["secret"]
    given = signed.token(number, secret).json()
    assert (given["token_type"], given["scope"]) == ("Bearer", "read:layers")
    assert signed.get(token=given["access_token"]).status_code == 200
    assert signed.admin.post(f"/v1/applications/{number}/revoke").json()["state"] == "revoked"
    assert code_of(signed.get(token=given["access_token"])) == (401, "token.invalid")
    assert code_of(signed.token(number, secret)) == (401, "application.not_authenticated")
    assert signed.admin.post(f"/v1/applications/{number}/rotate").status_code == 409


def test_a_rotated_secret_overlaps_as_long_as_was_said(signed):
    number, first = signed.let_in(scopes=["read:layers"])
    second = signed.admin.post(f"/v1/applications/{number}/rotate?overlap_h=1").json()["secret"]
    assert [signed.token(number, one).status_code for one in (first, second)] == [200, 200]
    third = signed.admin.post(f"/v1/applications/{number}/rotate?overlap_h=0").json()["secret"]
    assert [signed.token(number, one).status_code for one in (first, second, third)] == [401, 401, 200]


@pytest.mark.both_stores
def test_refreshing_ends_the_tokens_before_and_a_stolen_refresh_token_ends_them_all(signed):
    number, secret = signed.let_in(scopes=["read:layers"])
    first = signed.token(number, secret).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = httpx.post(f"{signed.url}/v1/token", data=form).json()
    assert signed.get(token=first["access_token"]).status_code == 401
    assert signed.get(token=second["access_token"]).status_code == 200
    stolen = httpx.post(f"{signed.url}/v1/token", data=form)
    assert (code_of(stolen), stolen.json()["error"]) == ((401, "token.invalid"), "invalid_token")
    assert signed.get(token=second["access_token"]).status_code == 401


def test_a_token_may_be_narrower_than_its_application_and_never_wider(signed):
    number, secret = signed.let_in(scopes=["read:layers", "read:live"])
    narrow = signed.token(number, secret, scope="read:live").json()["access_token"]
    assert signed.get("/v1/device-types", token=narrow).status_code == 200
    assert code_of(signed.get("/v1/layers", token=narrow)) == (403, "application.out_of_scope")
    wide = signed.token(number, secret, scope="admin")
    assert (wide.status_code, wide.json()["error"]) == (400, "invalid_scope")


def test_a_secret_is_shown_once_and_kept_nowhere(signed):
    number, secret = signed.let_in(scopes=["read:layers"])
    assert secret not in signed.admin.get(f"/v1/applications/{number}").text
    kept = [one.attributes for one in signed.store.history("application", number)]
    assert secret not in json.dumps(kept)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 400),
        ({"grant_type": "password"}, 400),
        ({"grant_type": "refresh_token"}, 400),
        ({"grant_type": "refresh_token", "refresh_token": "a.b.c"}, 401),
        ({"grant_type": "client_credentials", "client_id": "app-1"}, 400),
        ({"grant_type": "client_credentials", "client_id": "app-1", "client_secret": "ü"}, 401),
    ],
)
def test_asking_for_a_token_in_a_wrong_way_is_told(signed, form, status):
    answer = httpx.post(f"{signed.url}/v1/token", data=form)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


# --- what is said of applications -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"scopes": ["everything"]}, "application.unknown_scope"),
        ({"allow": ["here"]}, "application.bad_address"),
        ({"per_day": 0}, "request.parameter"),
        ({"name": None}, "request.parameter"),
        ({"secret": "x"}, "request.parameter"),
    ],
)
def test_a_grant_that_cannot_be_is_refused(signed, said, code):
    number, _ = signed.let_in(scopes=["read:layers"])
    assert code_of(signed.admin.patch(f"/v1/applications/{number}", json=said)) == (422, code)


def test_applications_are_the_administrators_business_also_where_all_else_is_open(free):
    assert code_of(httpx.get(f"{free.url}/v1/applications")) == (401, "application.required")
    assert httpx.get(f"{free.url}/v1/layers").status_code == 200


def test_who_presents_a_wrong_token_is_refused_also_where_nobody_needs_one(free):
    answer = httpx.get(f"{free.url}/v1/layers", headers={"Authorization": "Bearer a.b.c"})
    assert code_of(answer) == (401, "token.invalid")
    assert answer.headers["www-authenticate"] == 'Bearer realm="lifang"'


def test_an_empty_twin_has_nowhere_to_file_an_application(free):
    wish = {"name": "n", "owner": "o", "scopes": ["import"]}
    answer = httpx.post(f"{free.url}/v1/application-requests", json=wish)
    assert code_of(answer) == (422, "application.no_community")


# --- limits ---------------------------------------------------------------------------------------------------------


def test_more_calls_than_granted_wait_and_are_told_how_long(signed):
    number, secret = signed.let_in(scopes=["read:layers"], per_second=1, per_day=50)
    token = signed.token(number, secret).json()["access_token"]
    answers = [signed.get(token=token) for _ in range(4)]
    first, last = answers[0], answers[-1]
    assert first.headers["ratelimit-policy"] == '"day";q=50;w=86400, "second";q=1;w=1'
    assert '"day";r=49;t=' in first.headers["ratelimit"]
    assert (code_of(last), last.headers["retry-after"]) == ((429, "limit.rate"), "1")


@pytest.mark.both_stores
def test_a_quota_of_the_day_ends_and_outlives_what_is_in_memory(signed):
    number, secret = signed.let_in(scopes=["read:layers"], per_day=3)
    token = signed.token(number, secret).json()["access_token"]
    statuses = [signed.get(token=token).status_code for _ in range(2)]
    found = signed.admin.get(f"/v1/applications/{number}/statistics").json()  # stores what was counted
    assert [(day["calls"], day["errors"]) for day in found["days"]] == [(2, 0)]
    statuses += [signed.get(token=token).status_code for _ in range(2)]
    assert statuses == [200, 200, 200, 429]
    wait = int(signed.get(token=token).headers["retry-after"])
    assert 0 < wait <= 86_400


def test_statistics_tell_routes_errors_bytes_and_latencies(signed):
    number, secret = signed.let_in(scopes=["read:layers", "read:places"])
    token = signed.token(number, secret).json()["access_token"]
    size = len(signed.get("/v1/search?q=x", token=token, **{"Accept-Encoding": "identity"}).content)
    signed.get("/v1/places/nowhere", token=token)
    routes = {one["route"]: one for one in signed.admin.get(f"/v1/applications/{number}/statistics").json()["routes"]}
    assert (routes["/v1/search"]["calls"], routes["/v1/search"]["bytes"]) == (1, size)
    place = routes["/v1/places/{code}"]
    assert (place["errors"], place["latency_s"][-1]) == (1, [None, 1])


def test_addresses_are_kept_out_and_let_in_by_range(signed):
    number, secret = signed.let_in(scopes=["read:layers"], deny=["127.0.0.0/8"])
    client = signed.client(number, secret)
    assert code_of(client.get("/v1/layers")) == (403, "address.denied")
    signed.admin.patch(f"/v1/applications/{number}", json={"deny": [], "allow": ["10.0.0.0/8"]})
    assert code_of(client.get("/v1/layers")) == (403, "address.denied")
    signed.admin.patch(f"/v1/applications/{number}", json={"allow": ["127.0.0.1"]})
    assert client.get("/v1/layers").status_code == 200


def test_who_is_on_the_black_list_gets_nothing_and_the_anonymous_have_a_limit(serving_at):
    with serving_at(gateway=GatewayOptions(deny=networks(["127.0.0.0/8"]))) as service:
        assert code_of(httpx.get(f"{service.url}/livez")) == (403, "address.denied")
    with serving_at(gateway=GatewayOptions(anonymous_per_s=1)) as service:
        statuses = [httpx.get(f"{service.url}/livez").status_code for _ in range(4)]
        assert (statuses[0], statuses[-1]) == (200, 429)


def test_counts_that_could_not_be_stored_are_counted_again():
    traffic = Traffic()
    traffic.count(Key("app-1", "/v1/x", "GET"), 200, 5, 0.1, "2026-11-20")
    traffic.count(Key("app-1", "/v1/x", "GET"), 500, 5, 0.1, "2026-11-21")
    taken = traffic.take()
    assert taken == {("app-1", "2026-11-20"): Day(1, 0, 5), ("app-1", "2026-11-21"): Day(1, 1, 5)}
    traffic.count(Key("app-1", "/v1/x", "GET"), 200, 5, 0.1, "2026-11-21")
    traffic.give_back(taken)
    assert traffic.take()[("app-1", "2026-11-21")] == Day(2, 1, 10)


# --- the cockpit and the devices ------------------------------------------------------------------------------------


def test_the_page_gives_its_browser_a_session_that_other_sites_cannot_use(signed):
    page = httpx.get(f"{signed.url}/map")
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    session = {"Cookie": cookie.partition(";")[0]}
    assert signed.get("/v1/layers", **session).status_code == 200
    assert signed.get("/v1/layers", **session, **{"Sec-Fetch-Site": "cross-site"}).status_code == 401
    assert signed.get("/v1/applications", **session).status_code == 401
    assert signed.get("/v1/layers", Cookie="lifang_session=a.b.c").status_code == 401


def test_a_device_that_signs_its_message_needs_no_application(signed):
    admin = signed.client(*signed.let_in(scopes=["write:devices", "read:live", "admin"]))
    admin.post("/v1/devices", json={"device_no": "D-7", "device_type": "smoke_detector"})
    secret = admin.post("/v1/devices/D-7/secret").json()["secret"]
    body = json.dumps({"observations": []}).encode()
    headers = {"X-Lifang-Device": "D-7", "Content-Type": "application/json"}
    good = {**headers, "X-Lifang-Signature": sign(bytes.fromhex(secret), body)}
    bad = {**headers, "X-Lifang-Signature": sign(b"guess", body)}
    statuses = [
        httpx.post(f"{signed.url}/v1/observations", content=body, headers=one).status_code for one in (good, bad, {})
    ]
    assert statuses == [201, 403, 401]


def test_a_websocket_needs_an_application_like_any_other_call(signed):
    address = signed.url.replace("http", "ws") + "/v1/stream/ws"
    with pytest.raises(InvalidStatus) as refused, connect(address):
        pass
    assert refused.value.response.status_code == 403
    token = signed.token(*signed.let_in(scopes=["read:live"])).json()["access_token"]
    with connect(address, additional_headers={"Authorization": f"Bearer {token}"}):
        pass


# --- what any answer bears, and what any request is bounded by -------------------------------------------------------


def test_every_answer_has_a_number_of_its_own(free):
    numbers = {httpx.get(f"{free.url}/livez").headers["x-request-id"] for _ in range(3)}
    assert len(numbers) == 3


def test_a_deprecated_route_says_so_and_what_to_use_instead(free):
    old = Deprecated(datetime(2026, 1, 1, tzinfo=UTC), None, "/v2/health")
    app = free.app
    entrance = app.state.services.gateway
    stacked = Gateway(app, entrance.gate, entrance.traffic, {"/livez": old})

    async def ask():
        transport = httpx.ASGITransport(stacked)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/livez"), await client.get("/readyz")

    told, silent = asyncio.run(ask())
    assert (told.headers["deprecation"], told.headers["link"]) == (
        "@1767225600",
        '</v2/health>; rel="successor-version"',
    )
    assert "deprecation" not in silent.headers


def test_a_body_that_is_too_large_is_refused_before_it_is_read(free):
    with socket.create_connection(("127.0.0.1", httpx.URL(free.url).port)) as line:
        line.sendall(b"POST /v1/route HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert b"422" in answer.split(b"\r\n")[0]
    assert b"request.too_large" in answer


def test_a_body_without_length_is_bounded_too(free):
    answer = httpx.post(f"{free.url}/v1/route", content=(b" " * 1_000_000 for _ in range(40)))
    assert code_of(answer) == (422, "request.too_large")


def test_a_body_that_trickles_in_is_given_up():
    async def never():
        await asyncio.sleep(60)

    async def read():
        body = Body(never, None, None)
        body._until = asyncio.get_running_loop().time() - 1
        await body()

    with pytest.raises(BadInput, match="too slowly"):
        asyncio.run(read())


def test_what_breaks_is_a_problem_with_the_number_of_the_request(free, caplog):
    async def broken(_scope, _receive, _send):
        raise RuntimeError("oops")

    entrance = free.app.state.services.gateway
    gateway = Gateway(broken, entrance.gate, entrance.traffic)

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url="http://localhost") as client:
            return await client.get("/livez")

    answer = asyncio.run(ask())
    assert code_of(answer) == (500, "service.fault")
    assert answer.json()["request"] == answer.headers["x-request-id"]
    assert "oops" in caplog.text


def test_a_quiet_application_may_catch_up_and_an_overlap_ends(signed):
    now = datetime.now(UTC)
    found = signed.book.apply({"name": "n", "owner": "o", "scopes": ["import"]}).result()
    signed.book.renew(found.id).result()
    renewed, _ = signed.book.renew(found.id, timedelta(hours=1)).result()
    assert renewed.generations(now) == (2, 1)
    assert renewed.generations(now + timedelta(hours=2)) == (2,)


def test_the_sample_devices_sign_where_only_applications_may_send(signed):
    store, keys = signed.store, signed.book._keys
    assert _application(store, Settings(keys=keys)) is None
    signer = [_application(store, Settings(keys=keys, access="signed")) for _start in range(2)][-1]
    signed.book.refresh()
    assert [one.name for one in signed.book.listed()].count("模拟设备") == 1
    client = httpx.Client(base_url=signed.url, auth=signer, trust_env=False)
    signed.opened.append(client)
    time.sleep(1.2)  # the service looks once a second
    assert client.post("/v1/observations", json={"observations": []}).status_code == 201
    assert client.get("/v1/layers").status_code == 403
