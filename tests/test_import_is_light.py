import subprocess
import sys

import pytest


def in_fresh_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    return set(in_fresh_python(code).split())


def test_importing_the_package_takes_less_than_a_third_of_a_second() -> None:
    code = (
        "import time; start = time.perf_counter(); import latent_ofer; "
        "print(time.perf_counter() - start)"
    )
    assert min(float(in_fresh_python(code)) for _ in range(3)) < 0.3


@pytest.mark.parametrize(
    "statement",
    [
        "import latent_ofer",
        "from latent_ofer import *",
        "import latent_ofer.cli.main",
        "import latent_ofer.figure, latent_ofer.images.align",
    ],
)
def test_no_engine_loads_before_it_is_asked_for(statement: str) -> None:
    assert not loaded_by(statement) & {"torch", "onnxruntime"}


def test_the_onnx_engine_and_the_face_finder_bring_no_torch() -> None:
    modules = loaded_by("import latent_ofer.backends.onnx, latent_ofer.images.find")
    assert "onnxruntime" in modules
    assert "torch" not in modules


def test_every_public_name_loads_and_an_unknown_one_is_an_attribute_error() -> None:
    import latent_ofer

    for name in latent_ofer.__all__:
        assert getattr(latent_ofer, name) is not None
        assert name in dir(latent_ofer)
    with pytest.raises(AttributeError, match="no_such_name"):
        latent_ofer.no_such_name  # noqa: B018
