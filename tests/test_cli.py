"""Every command: a quick --help, and one clear refusal of what it does not know."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from fer_tf import FerError, __version__, cli

HEAVY = ("tensorflow", "keras", "pandas", "matplotlib", "cv2")

# Runs each `python -m MODULE FLAGS...` of a list with the package imported anew, and says as JSON
# how it ended, what it printed, and which heavy packages it is the first to load.
RUN_AND_REPORT = f"""
import contextlib, io, json, runpy, sys
answers = []
for module, *flags in json.load(sys.stdin):
    for name in [name for name in sys.modules if name.partition(".")[0] == "fer_tf"]:
        del sys.modules[name]
    before, code, out, err = {{*sys.modules}}, 0, io.StringIO(), io.StringIO()
    sys.argv = [module, *flags]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            code = stop.code or 0
    heavy = sorted({{*sys.modules}} - before & {{*{HEAVY!r}}})
    answers.append([code, out.getvalue(), err.getvalue(), heavy])
print(json.dumps(answers))
"""

COMMANDS = [["fer_tf"], *(["fer_tf", verb] for verb in cli.VERBS)]
COMMANDS += [[f"fer_tf.{verb}"] for verb in [*cli.VERBS, "data.synthetic"]]


REQUIRED = {
    "benchmark": ["some-run"],
    "evaluate": ["some-run"],
    "export": ["some-run", "--to", "out"],
    "score": ["some-folder", "--out", "out"],
}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def wrong(command: list[str]) -> list[str]:
    """The command with all that it requires, and a flag that it does not know."""
    required = REQUIRED.get(command[-1].removeprefix("fer_tf."), [])
    return [*command, *required, "--no-such-flag", "3"]


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, ...], tuple[int, str, str, list[str]]]:
    """What each command answers: exit code, stdout, stderr, heavy packages that it loads."""
    lines = [[*each, "--help"] for each in COMMANDS] + [wrong(each) for each in COMMANDS[1:]]
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_REPORT],
        input=json.dumps(lines),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(zip(map(tuple, lines), json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_light(command: list[str], answers) -> None:
    code, out, err, heavy = answers[*command, "--help"]
    assert (code, heavy) == (0, []), err
    module = command[-1] if command[0].startswith("fer_tf.") else f"fer_tf.{command[-1]}"
    usage = "fer-tf VERB" if command == ["fer_tf"] else f"python -m {module}"
    assert out.startswith(f"usage: {usage} ")


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_unknown_flag_is_refused(command: list[str], answers) -> None:
    code, _, err, heavy = answers[tuple(wrong(command))]
    assert (code, heavy) == (2, []), err
    assert "--no-such-flag" in err and "Traceback" not in err


def test_help_lists_every_verb() -> None:
    done = python("-m", "fer_tf")
    assert done.returncode == 0
    for verb, text in cli.VERBS.items():
        assert f"{verb} " in done.stdout and text in done.stdout


def test_version_is_told() -> None:
    done = python("-m", "fer_tf", "--version")
    assert done.returncode == 0 and done.stdout == f"fer_tf {__version__}\n"


@pytest.mark.parametrize(
    ("verb", "named"), [("trian", "did you mean 'train'?"), ("zzz", "'zzz': expected one of")]
)
def test_unknown_verb_is_refused_in_one_line(verb: str, named: str) -> None:
    done = python("-m", "fer_tf", verb)
    assert done.returncode == 2
    assert done.stdout == ""
    assert named in done.stderr and len(done.stderr.splitlines()) == 1


@dataclass(frozen=True)
class Flags:
    """Flags for these tests."""

    learning_rate: float = 0.1
    """Step size."""
    epochs: int = 3
    """Passes over the data,
    all of it."""


def test_help_wraps_a_docstring_of_several_lines_once(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit):
        cli.parse(Flags, ["--help"], "x")
    assert "Passes over the data, all of it." in capsys.readouterr().out


def test_parse_reads_flags_and_keeps_the_default() -> None:
    default = Flags(epochs=7)
    assert cli.parse(Flags, ["--learning-rate", "1e-3"], "x", default) == Flags(1e-3, 7)
    assert cli.parse(Flags, [], "x") == Flags()


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["--lerning-rate", "1"], "--learning-rate"),
        (["--epochs", "1.5"], "--epochs"),
        (["--epochs"], "--epochs"),
    ],
)
def test_parse_refuses_and_names_the_flag(
    argv: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.parse(Flags, argv, "x")
    assert stop.value.code == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize(
    "sentence, shown",
    [
        ("row 3: 47 pixels, expected 2304", "row 3: 47 pixels, expected 2304"),
        ("Screenshot at 9.41\u202fAM.png: no", "Screenshot at 9.41\u202fAM.png: no"),
        ("été\n\x1b[31m.csv: is a \udcff", r"été\n\x1b[31m.csv: is a \udcff"),
    ],
)
def test_run_prints_a_fer_error_as_one_line(sentence, shown, capsys) -> None:
    def fail() -> None:
        raise FerError(sentence)

    with pytest.raises(SystemExit) as stop:
        cli.run(fail)
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"fer_tf: {shown}\n"


def test_run_writes_what_the_terminal_cannot_show_as_an_escape(capsys) -> None:
    cli.run(lambda: print("caf\udce9"))
    assert capsys.readouterr().out == "caf\\udce9\n"


def test_run_exits_130_on_ctrl_c() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        cli.run(interrupt)
    assert stop.value.code == 130


def test_run_lets_other_errors_through() -> None:
    def divide() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.run(divide)


def test_a_closed_pipe_leaves_no_traceback() -> None:
    code = "from fer_tf.cli import run; run(lambda: print('x' * 1000000))"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    assert child.stderr.read() == ""
    assert child.wait() == 141


def test_without_standard_output_a_command_ends_well() -> None:
    command = ["sh", "-c", '"$0" -m fer_tf --version >&-', sys.executable]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_sentence() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "fer_tf", "--version"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    told = "fer_tf: standard output or a file: can't be written: the disk is full\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_benchmarks_say_machine_date_and_commit() -> None:
    machine = Path(__file__).parents[1] / "scripts" / "_machine.py"
    lines = runpy.run_path(str(machine))["header"]().splitlines()
    assert [line.split(":")[0] for line in lines] == ["machine", "date", "commit"]
