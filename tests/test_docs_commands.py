"""The commands that the pages show have the flags that they are shown with."""

from __future__ import annotations

import configparser
import importlib
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import yaml

from fer_tf import cli
from fer_tf.serve import KEYS, Serve
from fer_tf.service.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:python -m fer_tf\.|fer-tf )([a-z][a-z0-9_.]*)")
SERVICE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.S | re.M)


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """Each verb or module that a page calls, in shell blocks and lines, and the flags with it."""
    text = page.read_text(encoding="utf-8")
    shown = "\n".join([*blocks(text, "sh"), *re.findall(r"`([^`\n]+)`", text)])
    found = []
    for command in re.split(r"\n| && ", shown.replace("\\\n", " ")):
        if verb := COMMAND.match(command):
            found.append((verb[1].strip("."), flags(shlex.split(command, comments=True))))
    return found


def flags(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if re.match("--[a-z]", word)]


@pytest.fixture
def known(capsys):
    """A function from a verb or module to the flags of its --help."""

    @cache
    def read(verb: str) -> set[str]:
        with pytest.raises(SystemExit):
            importlib.import_module(f"fer_tf.{verb}").main(["--help"])
        return set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out)) | {"--version"}

    return read


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_shown_flags_are_known(page, known):
    for verb, given in commands(page):
        assert set(given) <= known(verb), (verb, given)


def test_many_commands_are_shown_and_each_verb_is():
    shown = [command for page in PAGES for command in commands(page)]
    assert len(shown) > 60 and {verb for verb, _ in shown} >= set(cli.VERBS)


def test_the_unit_of_systemd_starts_the_service(known):
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(blocks(SERVICE, "ini")[0])
    service = unit["Service"]
    program, verb, *words = shlex.split(service["ExecStart"])
    assert Path(program).name == "fer-tf" and verb == "serve"
    assert set(flags(words)) <= known("serve")
    assert service.getint("TimeoutStopSec") > Settings().timeout_s + 5


def test_the_deployment_of_kubernetes_starts_the_service_and_waits_for_it(known):
    deployment, service = yaml.safe_load_all(blocks(SERVICE, "yaml")[0])
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert set(flags(container["args"])) <= known("serve")
    assert [each["name"] for each in container["env"]] == [KEYS]
    ports = {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("liveness", "readiness")}
    assert ports == {Serve().port} == {each["targetPort"] for each in service["spec"]["ports"]}
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > before + Settings().timeout_s + 5
    labels = pod["metadata"]["labels"]
    assert labels == service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
