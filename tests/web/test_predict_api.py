"""What the API answers: faces as `to_dict` gives them, pictures only where they are asked for."""

import io
import json
import threading
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fakes import FakeFinder, fake_model, hide
from helpers import drawn_face
from latent_ofer.images.load import load_image
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.pipeline import LatentOFER
from latent_ofer.web.limits import Limits
from serving import TOKEN, Served, as_form, photo, served, until


def picture(url: str) -> Image.Image:
    kind, _, data = url.partition(";base64,")
    image = Image.open(io.BytesIO(b64decode(data)))
    assert kind == f"data:image/{(image.format or '').lower()}"
    return image


def covered() -> bytes:
    stream = io.BytesIO()
    face = hide(drawn_face()[0], slice(9, 12), slice(4, 10))
    Image.fromarray(face).save(stream, "PNG")
    return stream.getvalue()


def test_faces_come_as_the_package_gives_them(service: Served) -> None:
    model, _ = fake_model(FakeFinder([drawn_face()[1]]))
    expected = [face.to_dict() for face in model.predict(photo())]
    told = service.post("/v1/predict", photo())
    assert told.status == 200
    assert told.json == {
        **{"file": None, "status": "ok", "width": 112, "height": 112},
        "faces": json.loads(json.dumps(expected)),
    }


def test_a_form_gives_the_same_with_the_name_of_its_file(service: Served) -> None:
    body, kind = as_form(("file", "../../etc/passwd", photo()))
    told = service.post("/v1/predict", body, Content_Type=kind, Authorization=f"Bearer {TOKEN}")
    raw = service.post("/v1/predict", photo()).json
    assert told.json == {**raw, "file": "../../etc/passwd"}


def test_a_picture_without_a_face_says_so(service: Served) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30)).save(stream, "BMP")
    told = service.post("/v1/predict", stream.getvalue()).json
    assert (told["status"], told["faces"], told["width"], told["height"]) == ("no_face", [], 40, 30)


def test_pictures_come_only_where_they_are_asked_for(service: Served) -> None:
    asked = "/v1/predict?crops=true&images=face,reconstruction,figure,photo&format=webp"
    told = service.post(asked, covered()).json
    shown = told["faces"][0]["images"]
    assert np.array_equal(picture(shown["face"]).convert("RGB"), load_image(covered()))
    assert picture(shown["reconstruction"]).size == (112, 112)
    assert picture(shown["figure"]).width == 1600
    assert picture(told["images"]["photo"]).size == (112, 112)
    plain = service.post("/v1/predict", covered()).body
    assert b"images" not in plain


def test_the_repaired_face_is_read_alone_where_that_is_asked_for(service: Served) -> None:
    told = service.post("/v1/predict?views=true&labels=7", covered()).json["faces"][0]
    alone = told["repaired"]["probabilities"]
    assert list(alone) == list(told["probabilities"]) == list(EXPRESSIONS[:7])
    assert sum(alone.values()) == pytest.approx(1)
    whole = service.post("/v1/predict?views=true", photo()).json["faces"][0]
    assert whole["repaired"] is None


def test_crops_and_abstention_are_asked_for_by_parameters(service: Served) -> None:
    told = service.post("/v1/predict?crops=true&abstain_below=1", photo()).json["faces"][0]
    assert told["box"] is None
    assert told["expression"] == "uncertain"
    assert len(told["alternatives"]) == 2


@pytest.mark.parametrize(
    "query",
    [
        "crops=1",
        "labels=9",
        "abstain_below=2",
        "abstain_below=nan",
        "images=everything",
        "format=tiff",
        "url=http://example.org/a.png",
        "crops=true&crops=true",
    ],
)
def test_a_parameter_that_means_nothing_is_refused(query: str, service: Served) -> None:
    told = service.post(f"/v1/predict?{query}", photo())
    assert (told.status, told.code) == (400, "bad_parameter")


def test_a_batch_answers_each_file_in_its_place(service: Served) -> None:
    files = [("file", "a.png", photo(1)), ("file", "b.png", b"text"), ("file", "c.png", photo(2))]
    body, kind = as_form(*files)
    told = service.post(
        "/v1/predict/batch", body, Content_Type=kind, Authorization=f"Bearer {TOKEN}"
    ).json["images"]
    assert [item["status"] for item in told] == ["ok", "error", "ok"]
    assert told[1]["error"]["code"] == "not_an_image"
    assert told[0]["faces"] == service.post("/v1/predict", photo(1)).json["faces"]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "empty"),
        (b"no picture", 422, "not_an_image"),
        (photo()[:2000], 422, "truncated"),
        (b"%PDF-1.7 and so on", 415, "unsupported_format"),
    ],
)
def test_an_image_that_cannot_be_used_says_why_and_what_to_do(
    data: bytes, status: int, code: str, service: Served
) -> None:
    told = service.post("/v1/predict", data)
    assert (told.status, told.code) == (status, code)
    assert told.json["error"]["message"].endswith(".")


def held_back(model: LatentOFER) -> threading.Event:
    """Make the model wait for an event before it reads anything."""
    whole, opened = model.predict_each, threading.Event()

    def gated(*arguments: Any, **options: Any) -> Any:
        assert opened.wait(20)
        return whole(*arguments, **options)

    model.predict_each = gated  # type: ignore[method-assign]
    return opened


def test_images_of_several_clients_pass_the_networks_together() -> None:
    model, _ = fake_model(FakeFinder([drawn_face()[1]]))
    with served(model) as running, ThreadPoolExecutor(6) as clients:
        opened = held_back(model)
        told = [clients.submit(running.post, "/v1/predict", photo(seed)) for seed in range(6)]
        # The first batch has begun, and all others are decoded.
        until(lambda: running.engine.images + len(running.engine._jobs) == 6)
        opened.set()
        alone = [model.predict(photo(seed))[0].to_dict() for seed in range(6)]
        assert [item.result().json["faces"][0]["box"] for item in told] == [
            face["box"] for face in alone
        ]
    assert running.engine.batches <= 2


def test_more_than_may_wait_is_told_to_come_again() -> None:
    model, _ = fake_model(FakeFinder([drawn_face()[1]]))
    with served(model, Limits(queue=2)) as running, ThreadPoolExecutor(2) as clients:
        opened = held_back(model)
        waiting = [clients.submit(running.post, "/v1/predict", photo()) for _ in range(2)]
        until(lambda: running.engine.unanswered == 2)
        told = running.post("/v1/predict", photo())
        assert (told.status, told.code, told.headers["Retry-After"]) == (503, "busy", "1")
        assert running.ask("GET", "/readyz").status == 503
        assert running.ask("GET", "/healthz").status == 200
        opened.set()
        assert [item.result().status for item in waiting] == [200, 200]
        assert running.post("/v1/predict", photo()).status == 200


def test_what_takes_too_long_is_given_up_and_the_service_goes_on() -> None:
    model, _ = fake_model(FakeFinder([drawn_face()[1]]))
    with served(model, Limits(answer_seconds=0.1)) as running:
        opened = held_back(model)
        assert running.post("/v1/predict", photo()).status == 503
        opened.set()
        assert running.post("/v1/predict", photo()).status == 200


def test_a_fault_of_ours_is_said_in_one_sentence_and_not_in_detail() -> None:
    model, _ = fake_model(FakeFinder([drawn_face()[1]]))
    with served(model) as running:

        def broken(*_: Any, **__: Any) -> Any:
            raise RuntimeError("a secret")

        model.predict_each = broken  # type: ignore[method-assign]
        told = running.post("/v1/predict", photo())
        assert (told.status, told.code) == (500, "internal")
        assert b"secret" not in told.body


def test_metrics_count_requests_images_and_faces(service: Served) -> None:
    service.post("/v1/predict", photo())
    service.post("/v1/predict", b"text")
    service.ask("GET", "/no/such/path")
    told = service.ask("GET", "/metrics").body.decode()
    for line in (
        'latent_ofer_requests_total{path="/v1/predict",status="422"}',
        'latent_ofer_requests_total{path="other",status="404"}',
        'latent_ofer_images_total{outcome="not_an_image"}',
        "latent_ofer_faces_total",
        "latent_ofer_waiting 0.0",
    ):
        assert line in told


def test_the_openapi_document_names_every_path_and_parameter(service: Served) -> None:
    document = service.ask("GET", "/openapi.json").json
    for path, methods in document["paths"].items():
        for method in methods:
            told = service.ask(method.upper(), path, Content_Type="image/png")
            assert told.status not in (404, 405), path
    named = [
        each["$ref"].rpartition("/")[2]
        for each in document["paths"]["/v1/predict"]["post"]["parameters"]
    ]
    refused = service.post("/v1/predict?no=such", photo()).json["error"]["message"]
    assert all(name in refused for name in named)
    required = document["components"]["schemas"]["Face"]["required"]
    assert required == list(service.post("/v1/predict", photo()).json["faces"][0])
