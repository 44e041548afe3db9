import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(name):
    """Requirements of a lock by package, each with how many hashes it has."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    packages = {}
    for line in lines:
        requirement = Requirement(re.sub(r"\s*--hash=\S+", "", line))
        known = packages.setdefault(canonicalize_name(requirement.name), [])
        known.append((requirement, line.count("--hash=sha256:")))
    return packages


def wanted(*extras):
    """What pyproject asks for, with these extras and those that they name."""
    for text in [
        *PROJECT["dependencies"],
        *(text for extra in extras for text in PROJECT["optional-dependencies"][extra]),
    ]:
        requirement = Requirement(text)
        if requirement.name == PROJECT["name"]:
            yield from wanted(*requirement.extras)
        elif requirement.name != "torch":
            yield requirement


@pytest.mark.parametrize("name, extras", [("base", ()), ("web", ("web",)), ("dev", ("dev",))])
def test_a_lock_holds_what_pyproject_asks_for_in_versions_that_it_allows(name, extras):
    packages = locked(name)
    for requirement in wanted(*extras):
        entries = packages[canonicalize_name(requirement.name)]
        for entry, _ in entries:
            version = next(iter(entry.specifier)).version
            assert requirement.specifier.contains(version, prereleases=True), requirement


@pytest.mark.parametrize("name", ["base", "web", "dev"])
def test_every_locked_package_has_one_version_a_machine_and_its_hashes(name):
    for package, entries in locked(name).items():
        for entry, hashes in entries:
            assert hashes, package
            assert [part.operator for part in entry.specifier] == ["=="], package
    assert "torch" not in locked(name)


def test_the_locks_agree_with_each_other():
    everything = locked("dev")
    for name in ("base", "web"):
        for package, entries in locked(name).items():
            assert [str(e.specifier) for e, _ in entries] == [
                str(e.specifier) for e, _ in everything[package]
            ], package


def test_the_container_and_the_readme_install_from_the_locks():
    for file, lock in (("Containerfile", "web"), ("README.md", "dev")):
        assert re.search(
            rf"--require-hashes -r \S*requirements/{lock}\.txt", (ROOT / file).read_text()
        ), file
