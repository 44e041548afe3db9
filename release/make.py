"""A release in one command: built twice to the same bytes, listed, audited, installed and tried.

Wheel, source archive, bill of materials (CycloneDX) and their SHA-256 are left in a folder; nothing
leaves the machine unless --upload names a repository of twine's.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from sbom import ROOT, sbom


def main() -> None:
    """Make the release, or say what is wrong with it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="where the files go")
    parser.add_argument(
        "--no-audit", action="store_true", help="do not ask for known faults of what is locked"
    )
    parser.add_argument("--upload", metavar="REPOSITORY", help="upload to it, by twine")
    options = parser.parse_args()
    if _run("git", "status", "--porcelain", cwd=ROOT):
        sys.exit("release: there are uncommitted changes; a release is made from a commit")
    with tempfile.TemporaryDirectory() as scratch:
        first, second = (_built(Path(scratch) / name) for name in ("one", "another"))
        if _digests(first) != _digests(second):
            sys.exit(f"release: two builds differ: {_digests(first)} and {_digests(second)}")
        print(f"built twice, the same bytes: {', '.join(sorted(_digests(first)))}", flush=True)
        archives = [str(options.output / name) for name in sorted(_digests(first))]
        _python("-m", "twine", "check", "--strict", *_files(first))
        if not options.no_audit:
            _audit()
        wheel = next(first.glob("*.whl"))
        _try(wheel, Path(scratch) / "fresh")
        listed = json.dumps(sbom(), indent=1, sort_keys=True) + "\n"
        if faults := JsonStrictValidator(SchemaVersion.V1_6).validate_str(listed):
            sys.exit(f"release: the bill of materials is not CycloneDX 1.6: {faults}")
        (first / f"{'-'.join(wheel.name.split('-')[:2])}.cdx.json").write_text(listed)
        sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(_digests(first).items()))
        (first / "SHA256SUMS").write_text(sums)
        shutil.copytree(first, options.output, dirs_exist_ok=True)
    print(sums + f"in {options.output}")
    if options.upload:
        _python("-m", "twine", "upload", "--repository", options.upload, *archives)


def _built(folder: Path) -> Path:
    """The source archive of HEAD, and the wheel that is made from it."""
    source, output = folder / "source", folder / "dist"
    source.mkdir(parents=True)
    archive = folder / "head.tar"
    _run("git", "archive", "--format=tar", f"--output={archive}", "HEAD", cwd=ROOT)
    shutil.unpack_archive(archive, source, filter="data")
    committed = _run("git", "log", "-1", "--format=%ct", cwd=ROOT).strip()
    _run(
        *(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), str(source)),
        environment={"SOURCE_DATE_EPOCH": committed},
    )
    return output


def _audit() -> None:
    """Known faults of every locked package; one that cannot be looked up fails too."""
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        if lock.name != "no-torch.txt":
            print(f"auditing {lock.name}", flush=True)
            _python("-m", "pip_audit", "--strict", "--disable-pip", "--no-deps", "-r", str(lock))


def _try(wheel: Path, folder: Path) -> None:
    """Install what is locked, then the wheel; run the demo away from the source."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    pip = (python, "-m", "pip", "install", "--quiet")
    _run(*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "base.txt"))
    _run(*pip, "--no-deps", str(wheel))
    _run(python, "-m", "latent_ofer", "demo", "--output", "demo", cwd=folder)
    print(f"installed from {wheel.name} and tried", flush=True)


def _files(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.iterdir())]


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _python(*arguments: str) -> None:
    if subprocess.run([sys.executable, *arguments]).returncode:
        sys.exit(f"release: {' '.join(arguments[:2])} found faults")


def _run(*command: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """What a command prints; if it fails, what it printed, and the end."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"release: {' '.join(command)} failed\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
