"""Tries the Dockerfile without a container engine: its lines are run by bubblewrap.

    python scripts/check_dockerfile.py

What stands for the base image is this machine's /usr and /etc, and this Python as /usr/local. The
rest of the root is empty, and holds what the lines make. The service then runs as the image's user
with a read-only root, a /tmp in memory and no network but its own loopback: the health check
passes, a photo is answered, nothing can be written, and SIGTERM ends it with code 0. Needs root and
bwrap (Debian's package bubblewrap).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

MOUNTS = [
    *("--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--die-with-parent"),
    *("--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc"),
    *("--ro-bind", sys.base_prefix, "/usr/local"),
]
BASE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": "/usr/local/lib"}
"""The base image's environment; it has Python's library in ldconfig's cache."""
FOLDERS = ("dev", "proc", "tmp", "usr", "etc", "opt", "run")

ASK = """
import json
from urllib.request import Request, urlopen
from importlib.resources import files
photo = (files("fer_tf") / "demo_files" / "drawn.jpg").read_bytes()
asked = Request("http://127.0.0.1:8000/v1/analyze", photo, {"Content-Type": "image/jpeg"})
print(len(json.load(urlopen(asked))["pictures"][0]["faces"]), "faces")
"""
WRITE = "open('/app/written', 'w')"


def instructions(text: str) -> list[tuple[str, str]]:
    """The words and arguments of a Dockerfile, without comments."""
    lines = [line.strip() for line in re.sub(r"\\\n", " ", text).splitlines()]
    return [
        (word, rest)
        for word, _, rest in (line.partition(" ") for line in lines if line and line[0] != "#")
    ]


def context(into: Path) -> None:
    """Copy what .dockerignore lets through."""
    first, *rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert first == "*", "expected all to be left out but what is named"
    for rule in rules:
        if rule.startswith("!"):
            source, target = ROOT / rule[1:], into / rule[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)


def build(scratch: Path) -> tuple[Path, dict[str, str], dict[str, str]]:
    """Run the lines; the last stage's folder, its environment, and its USER and ENTRYPOINT."""
    stages: dict[str, Path] = {}
    place, work = scratch, "/"
    environment: dict[str, str] = {}
    settings: dict[str, str] = {}
    for word, rest in instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        print(word, rest, flush=True)
        if word == "FROM":
            place, work, environment, settings = scratch / str(len(stages)), "/", {**BASE}, {}
            stages[rest.rpartition(" AS ")[2]] = place
            for name in FOLDERS:
                (place / name).mkdir(parents=True)
            for name in ("bin", "lib", "lib64"):
                (place / name).symlink_to(f"usr/{name}")
        elif word == "WORKDIR":
            work = rest
            (place / work[1:]).mkdir(parents=True)
        elif word == "COPY" and rest == ". .":
            context(place / work[1:])
        elif word == "COPY":
            stage, source, target = re.fullmatch(r"--from=(\w+) /(\S+) /(\S+)", rest).groups()
            shutil.copytree(stages[stage] / source, place / target, symlinks=True)
        elif word == "RUN":
            # With the network and pip's settings of this machine.
            shell = ["bwrap", "--bind", place, "/", *MOUNTS, "--chdir", work]
            for shared in ("/opt", "/run"):
                shell += ["--ro-bind-try", shared, shared]
            variables = {**os.environ, "HOME": "/tmp", "PIP_QUIET": "1", **environment}
            subprocess.run([*shell, "/bin/sh", "-c", rest], check=True, env=variables)
        elif word == "ENV":
            environment |= dict(pair.split("=", 1) for pair in rest.split())
        elif word in ("USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"):
            settings[word] = rest
        else:
            sys.exit(f"{word}: is not known to this script")
    return place, environment, settings


def serve(place: Path, environment: dict[str, str], settings: dict[str, str]) -> None:
    """Start it, ask it, and end it."""
    user, group = settings["USER"].split(":")
    assert int(user) > 0 and int(group) > 0, "expected another user than root"
    told, tell = os.pipe()
    box = ["bwrap", "--ro-bind", place, "/", *MOUNTS, "--unshare-all"]
    box += ["--as-pid-1", "--uid", user, "--gid", group, "--info-fd", str(tell)]
    command = [*box, "--", *json.loads(settings["ENTRYPOINT"])]
    with subprocess.Popen(command, env=environment, pass_fds=[tell]) as service:
        os.close(tell)
        with os.fdopen(told) as pipe:
            pid = json.load(pipe)["child-pid"]

        def inside(*words: str) -> subprocess.CompletedProcess[str]:
            enter = ["nsenter", f"--target={pid}", "--all", "--preserve-credentials"]
            return subprocess.run(
                [*enter, *words], env=environment, capture_output=True, text=True, timeout=60
            )

        check = json.loads(settings["HEALTHCHECK"].partition("CMD ")[2])
        end = time.monotonic() + 60
        while (found := inside(*check)).returncode and time.monotonic() < end:
            time.sleep(0.5)
        assert found.returncode == 0, found.stderr
        print("the health check passes")
        answered = inside("python", "-c", ASK)
        assert answered.stdout == "6 faces\n", answered
        print(f"a photo is answered: {answered.stdout.strip()}")
        written = inside("python", "-c", WRITE)
        assert "Read-only file system" in written.stderr, written
        print("the root can't be written")
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        print(re.search(r"^NSpid:.*$", status, flags=re.M)[0], "(the service is process 1)")
        os.kill(pid, signal.SIGTERM)
        assert service.wait(60) == 0, service.returncode
        print("SIGTERM ends it with code 0")


def main() -> None:
    """Build and try in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        serve(*build(Path(folder)))


if __name__ == "__main__":
    main()
