"""Pages of others, tricks with names, guesses of tokens: the public faults of tools like this."""

import pytest

from serving import TOKEN, Served, as_form, photo, served

AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}


def test_a_program_needs_no_token_for_what_no_page_can_send(service: Served) -> None:
    assert service.post("/v1/predict", photo()).status == 200
    assert (
        service.post("/v1/predict", photo(), Content_Type="Application/Octet-Stream").status == 200
    )


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"],
)
def test_what_any_page_can_send_needs_the_token(kind: str, service: Served) -> None:
    """CVE-2024-1727: any page posted to a tool on localhost."""
    told = service.ask("POST", "/v1/predict", photo(), **({"Content_Type": kind} if kind else {}))
    assert (told.status, told.code) == (401, "token")
    assert told.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "origin", ["null", "https://evil.example", "http://localhost:1", "file://"]
)
def test_another_page_is_refused_whatever_it_knows(origin: str, service: Served) -> None:
    """CVE-2024-47165: `null`; CVE-2024-47084: a cookie that skipped this check."""
    for more in ({}, {"Cookie": "session=1"}, AUTHORISED):
        told = service.post("/v1/predict", photo(), Origin=origin, **more)
        assert (told.status, told.code) == (403, "foreign_origin")
        assert "Access-Control-Allow-Origin" not in told.headers


def test_our_own_page_is_let_in_with_its_token_and_only_so(service: Served) -> None:
    ours = {"Origin": service.address, "Sec-Fetch-Site": "same-origin"}
    assert service.post("/v1/predict", photo(), **ours, **AUTHORISED).status == 200
    assert service.post("/v1/predict", photo(), **ours).status == 401
    assert service.post("/v1/predict", photo(), **ours, Authorization="Bearer guess").status == 401


@pytest.mark.parametrize("mark", ["Referer", "Cookie", "Sec-Fetch-Site", "Sec-Fetch-Mode"])
def test_whatever_a_browser_marks_needs_the_token(mark: str, service: Served) -> None:
    assert service.post("/v1/predict", photo(), **{mark: "same-origin"}).status == 401
    assert service.ask("GET", "/metrics", **{mark: "none"}).status == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1@evil.example", "",
     "127.0.0.1.nip.io", "10.0.0.7", "[::2]", "[", "localhost:8000, evil.example"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/predict"])
def test_a_name_that_was_made_point_here_is_refused(host: str, path: str, service: Served) -> None:
    """DNS rebinding: Host and Origin agree, and are the attacker's."""
    method = "POST" if path == "/v1/predict" else "GET"
    told = service.ask(method, path, Host=host, Origin=f"http://{host}", **AUTHORISED)
    assert (told.status, told.code) == (403, "foreign_host")
    assert TOKEN.encode() not in told.body


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:80", "localhost."]
)
def test_the_machine_itself_may_be_called_by_any_of_its_names(host: str, service: Served) -> None:
    assert service.ask("GET", "/", Host=host).status == 200


def test_two_hosts_or_two_origins_are_none(service: Served) -> None:
    with service.connected() as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert link.recv(999).split()[1] in (b"400", b"403")
    with service.connected() as link:
        head = (
            "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: null\r\n\r\n"
        )
        link.sendall(head.encode())
        assert link.recv(999).split()[1] == b"403"


def test_nothing_of_ours_can_be_taken_into_another_page(service: Served) -> None:
    for site, kind in (("cross-site", "image"), ("same-site", "script"), ("cross-site", "iframe")):
        more = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": kind, "Sec-Fetch-Mode": "no-cors"}
        assert service.ask("GET", "/portrait.jpg", **more).status == 403
        assert service.ask("GET", "/", **more).status == 403
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    assert service.ask("GET", "/", **link).status == 200


def test_a_question_before_a_foreign_request_is_answered_with_no(service: Served) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    told = service.ask("OPTIONS", "/v1/predict", **asked)
    assert told.status == 403
    assert not [name for name in told.headers if name.lower().startswith("access-control")]


def test_tokens_are_compared_in_steady_time(
    service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def watched(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return given == right

    monkeypatch.setattr("latent_ofer.web.guard.hmac.compare_digest", watched)
    assert service.post("/v1/predict", photo(), Authorization="Bearer a-t").status == 401
    assert compared == [(b"a-t", TOKEN.encode())]


@pytest.mark.parametrize(
    "given",
    ["Bearer", "Bearer ", "Basic YTpi", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
     f"Bearer {TOKEN.upper()}", f"Token {TOKEN}", "Bearer \xe9"],
)  # fmt: skip
def test_a_token_that_is_not_quite_right_is_wrong(given: str, service: Served) -> None:
    body, kind = as_form(("file", "a.png", photo()))
    assert service.post("/v1/predict", body, Content_Type=kind, Authorization=given).status == 401


def test_where_everybody_needs_a_token_the_page_does_not_give_it_away() -> None:
    with served(free=False, any_address=True, hosts=frozenset({"faces.example"})) as service:
        page = service.ask("GET", "/", Host="10.0.0.7")
        assert page.status == 200
        assert TOKEN.encode() not in page.body
        assert service.post("/v1/predict", photo()).status == 401
        assert service.ask("GET", "/metrics").status == 401
        assert service.post("/v1/predict", photo(), **AUTHORISED).status == 200
        behind = {"Host": "faces.example", "Origin": "https://faces.example"}
        assert service.post("/v1/predict", photo(), **behind, **AUTHORISED).status == 200
        assert service.ask("GET", "/", Host="localhost").status == 403


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "//etc/passwd", "/C:\\Windows\\win.ini",
     "/c:/windows/win.ini", "/file=/etc/passwd", "/file=C:/Windows/win.ini", "/%2e%2e/%2e%2e/",
     "/static/../app.py", "/\\\\host\\share", "/page/index.html", "/..\\app.py", "/app.py",
     "/%00", "/assets/retinaface.onnx"],
)  # fmt: skip
def test_no_path_leads_to_a_file_that_is_not_the_pages(path: str, service: Served) -> None:
    """CVE-2023-51449, CVE-2026-28414: absolute paths, Windows paths, parents."""
    told = service.ask("GET", path, **AUTHORISED)
    assert (told.status, told.code) == (404, "no_path")


@pytest.mark.parametrize("path", ["/healthz/", "//evil.example/", "/v1/predict/", "/%5cevil"])
def test_nobody_is_sent_elsewhere(path: str, service: Served) -> None:
    """Open redirects: there is none at all."""
    told = service.ask("GET", path, **AUTHORISED)
    assert told.status == 404
    assert "Location" not in told.headers


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:9/a.png", "file:///etc/passwd"])
def test_the_service_fetches_nothing_for_anybody(scheme: str, service: Served) -> None:
    """CVE-2024-4325, CVE-2024-47167: server-side requests."""
    assert service.post(f"/v1/predict?url={scheme}", photo()).status == 400
    told = service.post("/v1/predict", scheme.encode())
    assert (told.status, told.code) == (422, "not_an_image")
    form = f'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n{scheme}\r\n--b--\r\n'
    kind = "multipart/form-data; boundary=b"
    told = service.post("/v1/predict", form, Content_Type=kind, **AUTHORISED)
    assert (told.status, told.code) == (400, "no_file")


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/healthz", "/no/such", "/v1/predict"])
def test_every_answer_tells_browsers_to_keep_to_themselves(path: str, service: Served) -> None:
    told = service.ask("GET", path).headers
    assert told["Cache-Control"] == "no-store"
    assert told["X-Content-Type-Options"] == "nosniff"
    assert told["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = told["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "*" not in policy
    assert "Server" not in told and "Set-Cookie" not in told
