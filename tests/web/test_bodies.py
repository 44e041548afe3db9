"""Bodies that are too large, too slow, not what they say; and where nothing of them goes."""

import gzip
import io
import logging
import socket
import sys
import time
from base64 import b64decode
from collections.abc import Iterator

import pytest
from PIL import Image

from latent_ofer.web.limits import Limits
from serving import TOKEN, Served, as_form, photo, served

SMALL = Limits(image_bytes=300_000, batch_bytes=300_000, batch_images=3, body_seconds=0.5)
HEAD = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"


@pytest.fixture(scope="module")
def strict() -> Iterator[Served]:
    with served(limits=SMALL) as running:
        yield running


def answer_to(link: socket.socket) -> int:
    return int(link.recv(4096).split()[1])


def test_one_byte_more_than_the_limit_is_refused(strict: Served) -> None:
    fits = photo() + bytes(SMALL.image_bytes - len(photo()))
    assert strict.post("/v1/predict", fits).status in (200, 422)
    told = strict.post("/v1/predict", fits + b"\0")
    assert (told.status, told.code) == (413, "too_large")


def test_one_byte_more_in_pieces_is_refused_too(strict: Served) -> None:
    pieces = (bytes(50_000) for _ in range(7))
    told = strict.post("/v1/predict", pieces)
    assert (told.status, told.code) == (413, "too_large")


def test_no_more_than_64_kib_is_read_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    from latent_ofer.web.server import PatientProtocol

    taken = []
    whole = PatientProtocol.data_received

    def counting(self: PatientProtocol, data: bytes) -> None:
        taken.append(len(data))
        whole(self, data)

    monkeypatch.setattr(PatientProtocol, "data_received", counting)
    with served(limits=SMALL) as running, running.connected() as link:
        link.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        link.settimeout(3)
        with pytest.raises(OSError):
            while True:
                link.sendall(b"400000\r\n" + bytes(2**22) + b"\r\n")
    assert SMALL.image_bytes < sum(taken) < SMALL.image_bytes + 2**16


def test_a_size_that_is_announced_is_refused_before_any_of_it_is_read(strict: Served) -> None:
    with strict.connected() as link:
        link.sendall(f"{HEAD}Content-Length: 10000000000\r\n\r\n".encode())
        assert answer_to(link) == 413


def test_a_body_longer_than_it_says_is_no_further_request(strict: Served) -> None:
    with strict.connected() as link:
        link.sendall(f"{HEAD}Content-Length: 4\r\n\r\nabcdGET / nonsense\r\n\r\n".encode())
        answers = b""
        while some := link.recv(4096):
            answers += some
        assert answers.split()[1] == b"422"
        assert answers.count(b"HTTP/1.1 2") == 0


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "4, 5", "x"])
def test_a_length_that_is_no_number_is_refused(length: str, strict: Served) -> None:
    with strict.connected() as link:
        link.sendall(f"{HEAD}Content-Length: {length}\r\n\r\n".encode())
        assert answer_to(link) == 400


def test_a_body_that_does_not_come_is_given_up(strict: Served) -> None:
    with strict.connected() as link:
        started = time.monotonic()
        link.sendall(f"{HEAD}Content-Length: 1000\r\n\r\nabc".encode())
        assert answer_to(link) == 408
        assert time.monotonic() - started < 5


def test_headers_that_do_not_come_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latent_ofer.web.server._HEADER_SECONDS", 0.2)
    with served() as running:
        with running.connected() as silent, running.connected() as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: loc")
            assert answer_to(slow) == 408
            assert answer_to(silent) == 408
        with running.connected() as second:
            second.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            told = b""
            while b'"ok"' not in told:
                told += second.recv(4096) or b'"ok" never came'
            assert told.split()[1] == b"200"
            second.sendall(b"GET /heal")
            assert answer_to(second) == 408


def test_compressed_bodies_are_not_unpacked(strict: Served) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    for encoding in ("gzip", "deflate", "br", "gzip, identity"):
        told = strict.post("/v1/predict", bomb, Content_Encoding=encoding)
        assert (told.status, told.code) == (415, "encoded")


def test_other_requests_are_served_beside_slow_ones() -> None:
    with served() as running:
        links = [running.connected() for _ in range(100)]
        for link in links:
            link.sendall(f"{HEAD}Content-Length: 1000\r\n\r\na".encode())
        assert running.post("/v1/predict", photo()).status == 200
        for link in links:
            link.close()


def test_connections_beyond_a_number_are_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("latent_ofer.web.server._CONNECTIONS", 2)
    with served() as running, running.connected(), running.connected():
        with running.connected() as third:
            told = third.recv(4096)
        assert told.startswith(b"HTTP/1.1 503 ") and b"Retry-After: " in told


def test_all_requests_together_have_so_much_memory_and_give_it_back() -> None:
    with served(limits=Limits(all_bytes=200_000)) as running:
        with running.connected() as link:
            link.sendall(f"{HEAD}Content-Length: 190000\r\n\r\n".encode() + bytes(180_000))
            time.sleep(0.3)
            told = running.post("/v1/predict", bytes(50_000))
            assert (told.status, told.code) == (503, "busy")
        time.sleep(0.3)
        assert running.post("/v1/predict", bytes(50_000)).status == 422


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--b\r\n", "multipart/form-data"),
        (b"nothing of a form", "multipart/form-data; boundary=b"),
        (b"--b--\r\n", "multipart/form-data; boundary=b"),
        (b"--b\r\n\r\nno name\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b--\r\n",
         "multipart/form-data; boundary=b"),
    ],
)  # fmt: skip
def test_a_form_that_is_none_is_refused(body: bytes, kind: str, strict: Served) -> None:
    told = strict.post("/v1/predict", body, Content_Type=kind, Authorization=f"Bearer {TOKEN}")
    assert told.status == 400


def test_a_form_has_no_more_files_than_it_may(strict: Served) -> None:
    files = [("file", f"{number}.png", photo(number)) for number in range(4)]
    for path, count in (("/v1/predict", 2), ("/v1/predict/batch", 4)):
        body, kind = as_form(*files[:count])
        told = strict.post(path, body, Content_Type=kind, Authorization=f"Bearer {TOKEN}")
        assert (told.status, told.code) == (400, "bad_form")


def test_other_kinds_of_bodies_are_refused(service: Served) -> None:
    told = service.post(
        "/v1/predict", b"{}", Content_Type="application/json", Authorization=f"Bearer {TOKEN}"
    )
    assert (told.status, told.code) == (415, "content_type")


def test_nothing_of_an_image_reaches_the_disk_or_a_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and isinstance(arguments[2], int) and arguments[2] & 3:
            opened.append(str(arguments[0]))

    sys.addaudithook(hook)  # cannot be taken away again, only told to be still
    try:
        large = photo() + bytes(5_000_000)
        with caplog.at_level(logging.DEBUG), served() as running:
            opened.clear()
            body, kind = as_form(("file", "a-secret-name.png", large))
            told = running.post(
                "/v1/predict", body, Content_Type=kind, Authorization=f"Bearer {TOKEN}"
            )
            assert told.status in (200, 422)
            running.post("/v1/predict", b"a secret text")
            assert opened == []
    finally:
        watching.clear()
    assert "secret" not in caplog.text + "".join(capfd.readouterr())


def test_what_a_file_says_of_its_place_does_not_come_back(service: Served) -> None:
    with Image.open(io.BytesIO(photo(form="JPEG"))) as image:
        exif = image.getexif()
        exif[0x010E] = "taken at a secret place"
        stream = io.BytesIO()
        image.save(stream, "JPEG", exif=exif, comment=b"a secret comment")
    asked = "/v1/predict?images=face,reconstruction,figure,photo"
    told = service.post(asked, stream.getvalue(), Content_Type="image/jpeg").json
    for url in (*told["faces"][0]["images"].values(), told["images"]["photo"]):
        assert b"secret" not in b64decode(url.partition(",")[2])
