"""The files of a public project are read as they should be, and say what is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

import fer_tf

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
YAML = ["CITATION.cff", ".pre-commit-config.yaml"]
YAML += [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / ".github").rglob("*.yml"))]
PAGES = [*ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.md")]


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", YAML)
def test_yaml_is_read(name):
    assert isinstance(read(name), dict)


def test_the_citation_is_of_this_version_and_licence():
    cited = read("CITATION.cff")
    assert cited["cff-version"] == "1.2.0" and cited["message"] and cited["type"] == "software"
    assert cited["title"] == PROJECT["name"] and cited["license"] == PROJECT["license"]
    assert str(cited["version"]) == fer_tf.__version__
    assert [author["name"] for author in cited["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]


def test_the_changelog_knows_this_version_and_keeps_to_its_format():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert fer_tf.__version__ in text
    assert re.findall(r"^## (.*)", text, re.MULTILINE)[0] == "[Unreleased]"
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)", text, re.MULTILINE)) <= kinds


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_issue_forms_have_questions_with_ids_of_their_own(name):
    form = read(f".github/ISSUE_TEMPLATE/{name}.yml")
    questions = [part for part in form["body"] if part["type"] != "markdown"]
    assert form["name"] and form["description"]
    assert len({part["id"] for part in questions}) == len(questions)
    assert all(part["attributes"]["label"] for part in questions)


def test_the_report_of_a_bug_asks_for_the_doctor():
    parts = {part.get("id"): part for part in read(".github/ISSUE_TEMPLATE/bug.yml")["body"]}
    assert "fer-tf doctor --json" in parts["doctor"]["attributes"]["label"]
    assert parts["doctor"]["validations"]["required"]


def test_the_workflow_runs_the_checks_with_pinned_actions_on_each_python():
    jobs = read(".github/workflows/ci.yml")["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    commands = [step["run"] for step in steps if "run" in step]
    assert ".ci/run" in commands and all((ROOT / command).is_file() for command in commands)
    for step in steps:
        assert "run" in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", step["uses"])
    shown = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    assert jobs["checks"]["strategy"]["matrix"]["python"] == shown


def test_inference_is_pinned_as_the_rest_is():
    rest = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    lines = (ROOT / "requirements" / "inference.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 5 and set(pins) <= set(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8"))
    here = [link for link in links if not re.match(r"\w+:", link)]
    assert not [link for link in here if not (page.parent / link).exists()]


def test_what_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("## Where something new goes")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z_./]+(?:\.py|/))`", table)
    assert len(named) > 10
    for name in named:
        assert any((ROOT / place / name).exists() for place in (".", "fer_tf")), name


class Answers(BaseHTTPRequestHandler):
    """A service in good or bad health."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_the_image_is_made_of_files_that_are_there_and_does_not_run_as_root():
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert rules[0] == "*" and all((ROOT / rule[1:]).exists() for rule in rules if rule[0] == "!")
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    words = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines if line[:1].isupper()}
    assert int(words["USER"].split(":")[0]) > 0
    # A list is run without a shell, which would keep SIGTERM to itself.
    assert json.loads(words["ENTRYPOINT"])[:2] == ["fer-tf", "serve"]
    check = json.loads(words["HEALTHCHECK"].partition("CMD ")[2])
    assert check[0] == "python"
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked = check[2].replace("8000", str(server.server_port))
        environment = {**os.environ, "HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": ""}
        for status, code in ((200, 0), (503, 1)):
            Answers.status = status
            assert subprocess.run([sys.executable, "-c", asked], env=environment).returncode == code
        server.shutdown()
