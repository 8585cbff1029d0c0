"""What POSIX alone has is guarded: on macOS and Windows the package imports and does its best."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import fer_tf

PACKAGE = Path(fer_tf.__file__).parent

MODULES = {"crypt", "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
OF_OS = """
chown chroot fchmod fchown fork forkpty getegid geteuid getgid getloadavg getpgid getuid initgroups
killpg lchown mkfifo mknod nice openpty posix_fadvise posix_fallocate posix_spawn preadv pwritev
register_at_fork sched_getaffinity sched_setaffinity sendfile setegid seteuid setgid setpgid setsid
setuid statvfs symlink sync sysconf tcgetpgrp uname wait3 wait4 O_CLOEXEC O_DIRECTORY O_NOFOLLOW
O_NONBLOCK
"""
OF_SIGNAL = """
alarm getitimer pause pthread_kill pthread_sigmask setitimer sigwait SIGALRM SIGBUS SIGCHLD SIGCONT
SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2
"""
NAMES = {"os": set(OF_OS.split()), "signal": set(OF_SIGNAL.split())}
FOLDERS = (
    "/bin/",
    "/dev/",
    "/etc/",
    "/home/",
    "/opt/",
    "/proc/",
    "/sys/",
    "/tmp",
    "/usr/",
    "/var/",
)
CATCHES = {"AttributeError", "ImportError", "OSError", "Exception"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def posix_only(node: ast.AST) -> str | None:
    """What of a node POSIX alone has."""
    if isinstance(node, ast.Import):
        return next((name.name for name in node.names if name.name in MODULES), None)
    if isinstance(node, ast.ImportFrom):
        names = NAMES.get(node.module or "", set())
        found = next((name.name for name in node.names if name.name in names), None)
        return node.module if node.module in MODULES else found
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.attr if node.attr in NAMES.get(node.value.id, ()) else None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if node.value.startswith(FOLDERS) else None
    return None


def guards(node: ast.AST) -> bool:
    """Whether a node lets its inside fail, or runs it only where the system has it."""
    text = ""
    if isinstance(node, ast.Try):
        text = " ".join(ast.unparse(handler.type) for handler in node.handlers if handler.type)
    elif isinstance(node, ast.With):
        text = " ".join(ast.unparse(item) for item in node.items if "suppress" in ast.unparse(item))
    elif isinstance(node, (ast.If, ast.IfExp)):
        test = ast.unparse(node.test)
        return any(word in test for word in ("hasattr(", "sys.platform", "os.name"))
    return any(name in text for name in CATCHES)


def unguarded(source: str) -> Iterator[str]:
    """Each use without a guard around it or, as early returns are, before it in its function.

    Programs for other processes, which are texts of several lines, are looked through too.
    """
    tree = ast.parse(source)
    todo: list[tuple[ast.AST, bool]] = [(tree, False)]
    while todo:
        node, guarded = todo.pop()
        if isinstance(node, FUNCTIONS):
            guarded = guarded or any(guards(inner) for inner in ast.walk(node))
        guarded = guarded or guards(node)
        if (found := posix_only(node)) and not guarded:
            yield f"line {node.lineno}: {found}"  # type: ignore[attr-defined]
        if isinstance(node, ast.Constant) and "\nimport " in str(node.value):
            for found in program(str(node.value)):
                yield f"the program in line {node.lineno}, {found}"
        todo.extend((child, guarded) for child in ast.iter_child_nodes(node))


def program(text: str) -> Iterator[str]:
    """The same of a text, where that is a program."""
    try:
        yield from unguarded(textwrap.dedent(text))
    except SyntaxError:
        return


@pytest.mark.parametrize(
    "file",
    sorted(PACKAGE.rglob("*.py")),
    ids=lambda file: file.relative_to(PACKAGE).as_posix(),
)
def test_nothing_of_posix_alone_is_used_without_a_guard(file: Path) -> None:
    assert not list(unguarded(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import fcntl", "line 1: fcntl"),
        ("from resource import getrlimit", "line 1: resource"),
        ("from signal import SIGKILL", "line 1: SIGKILL"),
        ("import os\nos.killpg(1, 2)", "line 2: killpg"),
        ("def f():\n    return open('/proc/cpuinfo')", "line 2: /proc/cpuinfo"),
        ("CODE = 'x = 1\\nimport fcntl'", "the program in line 1, line 2: fcntl"),
        ("try:\n    import fcntl\nexcept ValueError:\n    pass", "line 2: fcntl"),
    ],
)
def test_it_finds_what_is_not_guarded(source: str, found: str) -> None:
    assert list(unguarded(source)) == [found]


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import fcntl\nexcept ImportError:\n    fcntl = None",
        "import os\nn = os.uname() if hasattr(os, 'uname') else None",
        "with suppress(OSError):\n    open('/proc/self/status')",
        "import signal\nsignal.signal(signal.SIGTERM, print)",
    ],
)
def test_it_takes_what_is(source: str) -> None:
    assert not list(unguarded(source))
