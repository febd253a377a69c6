"""The rules that our images keep, read from what builds them: hadolint has more (`make lint`)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chillcast.models.packaging import dockerfile

ROOT = Path(__file__).parent.parent

WORKERS = (ROOT / "Dockerfile").read_text(encoding="utf-8")
BOTH = pytest.mark.parametrize("text", [WORKERS, dockerfile()], ids=["workers", "with a version"])
PINNED = r"[a-z0-9./-]+:(?!latest)[a-z0-9][a-z0-9._-]*(@sha256:[0-9a-f]{64})?"


def steps(text: str) -> list[tuple[str, str]]:
    """Return instructions and what they are told, continued lines in one."""
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    found = (line.split(maxsplit=1) for line in whole.splitlines() if line.strip())
    return [(word.upper(), told) for word, told in found]


def last_stage(text: str) -> list[tuple[str, str]]:
    found = steps(text)
    begins = max(i for i, (word, _) in enumerate(found) if word == "FROM")
    return found[begins:]


@BOTH
def test_every_stage_stands_on_the_one_base_which_has_a_version_and_may_have_a_digest(text: str) -> None:
    (base,) = [told.removeprefix("BASE=") for word, told in steps(text) if word == "ARG"]
    assert re.fullmatch(PINNED, base), base
    assert {told.split(" AS ")[0] for word, told in steps(text) if word == "FROM"} <= {"${BASE}", "workers"}


@BOTH
def test_it_runs_as_a_user_by_number_who_is_not_root(text: str) -> None:
    users = [told for word, told in last_stage(text) if word == "USER"]
    assert users[-1] == "10001"


@BOTH
def test_nothing_is_fetched_past_the_lock(text: str) -> None:
    assert not [told for word, told in steps(text) if word == "ADD"]
    installs = [told for word, told in steps(text) if word == "RUN" and "pip install" in told]
    assert installs
    for told in installs:
        assert "--no-cache-dir" in told
        assert "--require-hashes" in told or "--no-deps --no-build-isolation" in told


@BOTH
def test_apt_leaves_no_lists_and_brings_nothing_that_is_not_asked_for(text: str) -> None:
    for told in (told for word, told in steps(text) if word == "RUN" and "apt-get install" in told):
        assert "--no-install-recommends" in told
        assert "rm -rf /var/lib/apt/lists/*" in told


@BOTH
def test_what_builds_stays_in_the_first_stage(text: str) -> None:
    for word, told in last_stage(text):
        assert word not in ("RUN", "COPY") or not re.search(
            r"\bpip\b|\bgcc\b|build-essential|requirements", told
        )


@BOTH
def test_no_secret_is_an_argument_or_a_variable(text: str) -> None:
    told = [told for word, told in steps(text) if word in ("ARG", "ENV")]
    assert not [one for one in told if re.search(r"(?i)token|password|secret|key=", one)]


def test_an_image_with_a_version_says_whether_it_is_well_and_one_of_workers_is_asked_by_docs() -> None:
    assert "HEALTHCHECK" in dict(last_stage(dockerfile()))
    assert "/healthz/live" in (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")


def test_docs_say_how_the_base_is_pinned() -> None:
    said = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert "--build-arg BASE=python:3.13-slim@sha256:" in said
    assert (re.search(r"^ARG BASE=(\S+?)(@|$)", WORKERS, re.MULTILINE) or ["", ""])[1] in said


def test_every_image_that_compose_pulls_has_a_version() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    images = re.findall(r"^\s+image: (\S+)", text, re.MULTILINE)
    assert len(images) > 3
    assert all(re.fullmatch(PINNED, image) for image in images), images
