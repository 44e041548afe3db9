"""Nothing leaves the machine and nothing is written but the output, as a user runs it: without CI.

onnxruntime keeps still where a variable such as CI is set, so these processes get a bare
environment and an empty home.
"""

import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from latent_ofer.backends.openvino import computes_in_bfloat16

PREDICT = (
    "import sys; from latent_ofer.cli.main import main\n"
    "sys.argv[1:] = ['predict', *{photos!r}, '-o', 'out', '--figures']\n"
    "try: main()\n"
    "except SystemExit as done: assert not done.code\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("home", "temporary", "work"):
        (tmp_path / name).mkdir()
    return tmp_path


def run_bare(home: Path, code: str, before: tuple[str, ...] = ()) -> str:
    """Run code in a bare environment, in the folder `work`; return its stderr."""
    source = str(Path(str(resources.files("latent_ofer"))).parent)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home / "home"),
        "TMPDIR": str(home / "temporary"),
        "PYTHONPATH": source,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [*before, sys.executable, "-c", code],
        env=environment,
        cwd=home / "work",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def portrait() -> str:
    return str(resources.files("latent_ofer").joinpath("assets/portrait.jpg"))


def test_predict_writes_its_output_and_nothing_else(home: Path) -> None:
    run_bare(home, PREDICT.format(photos=[portrait()] * 2))
    assert files(home) == {
        *("home", "temporary", "work", "work/out", "work/out/results.jsonl"),
        *("work/out/figures", "work/out/figures/00000-0.png", "work/out/figures/00001-0.png"),
    }


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace sees what native code does")
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino-bf16"])
def test_predict_opens_no_socket_and_writes_to_no_file_but_its_output(
    home: Path, engine: str
) -> None:
    log = home / "log"
    strace = ("strace", "-f", "-qq", "-o", str(log), "-e", "trace=%network,openat,mkdir")
    if engine != "onnxruntime" and not computes_in_bfloat16():
        pytest.skip("this processor does not compute in bfloat16")
    words = [*[portrait()] * 2, "--backend", engine]  # decoded by a second process
    run_bare(home, PREDICT.format(photos=words), strace)
    calls = [line.partition(" ")[2].strip() for line in log.read_text().splitlines()]
    assert any(call.startswith("openat(") for call in calls)
    assert [call for call in calls if call.startswith(("socket(", "connect(", "send"))] == []
    writing = ("O_WRONLY", "O_RDWR", "O_CREAT", "mkdir(")
    elsewhere = [
        call
        for call in calls
        if any(word in call for word in writing) and '"out' not in call and "/dev/null" not in call
    ]
    assert elsewhere == []


@pytest.mark.parametrize(
    "code",
    [
        "import latent_ofer.backends.onnx",
        "import latent_ofer.images.find as find; find.FaceFinder()",
        "import latent_ofer, onnxruntime",
    ],
)
def test_onnxruntime_that_comes_after_the_package_leaves_no_trace(home: Path, code: str) -> None:
    run_bare(home, code)
    assert files(home) == {"home", "temporary", "work"}


@pytest.mark.parametrize("found", [True, False], ids=["with its reporter", "without"])
def test_openvino_that_comes_after_the_package_reports_nothing(home: Path, found: bool) -> None:
    (home / "work" / "openvino_telemetry.py").write_text("raise SystemExit('it reports')\n")
    take = "from latent_ofer.telemetry import quiet_openvino; quiet_openvino()"
    run_bare(home, f"import sys; sys.path[:0] = {['.'] * found}; {take}")
    assert files(home) - {"work/openvino_telemetry.py"} == {"home", "temporary", "work"}


def test_openvino_that_came_before_the_package_is_reported_once(home: Path) -> None:
    # Stand-ins: the real ones would begin to report from this test.
    early = "import sys, types; early = sys.modules['openvino'] = types.ModuleType('openvino')\n"
    reporter = "sys.modules['openvino_telemetry'] = types.ModuleType('openvino_telemetry')\n"
    take = "from latent_ofer.telemetry import quiet_openvino as q; assert q() is q() is early\n"
    told = run_bare(home, early + reporter + take)
    assert told.count("openvino was imported before latent_ofer") == 1
    assert run_bare(home, early + take) == ""


def test_onnxruntime_that_came_before_the_package_is_reported_once(home: Path) -> None:
    # A stand-in: the real one would begin to report from this test.
    early = (
        "import sys, types; early = sys.modules['onnxruntime'] = types.ModuleType('onnxruntime')\n"
        "early.disable_telemetry_events = lambda: print('held back', file=sys.stderr)\n"
    )
    make = "from latent_ofer.telemetry import quiet_onnxruntime as q; assert q() is q() is early\n"
    told = run_bare(home, early + make)
    assert told.count("onnxruntime was imported before latent_ofer") == 1
    assert told.count("held back") == 1
    switched_off = "import os; os.environ['ORT_DISABLE_TELEMETRY'] = '1'\n"
    assert run_bare(home, switched_off + early + make) == "held back\n"
