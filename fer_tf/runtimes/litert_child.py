"""A .tflite file is tried in a process of its own first: LiteRT dies of some damaged ones.

LiteRT checks that a file is a flatbuffer, but not what stands in it: three of 30,000 damaged files
ended the process with a segmentation fault, as the graph was built or its memory laid out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fer_tf.errors import FerError

PATIENCE_S = 15.0
"""For the child to start, open the file and run it once: a graph can hold a loop without an end."""

MEMORY = 1 << 31
"""Bytes of addresses that the child may take: 2.1 GB, far more than the network that ships. Windows
has no such limit."""

_TRY = """
import sys
import numpy
from ai_edge_litert.interpreter import Interpreter
try:
    from resource import RLIMIT_AS, getrlimit, setrlimit
    setrlimit(RLIMIT_AS, (int(sys.argv[2]), getrlimit(RLIMIT_AS)[1]))
except ImportError:
    pass
interpreter = Interpreter(sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
for tensor in interpreter.get_input_details():
    interpreter.set_tensor(tensor["index"], numpy.zeros(tensor["shape"], tensor["dtype"]))
interpreter.invoke()
"""


def check_in_child(path: Path) -> None:
    """Open a .tflite file and run it once in a child process, which takes 0.3 s.

    Raises:
        FerError: LiteRT refuses the file, dies of it, or takes more than `PATIENCE_S` or `MEMORY`.
    """
    # -P: Python takes no modules from the working folder.
    command = [sys.executable, "-P", "-c", _TRY, str(path), str(MEMORY)]
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # each takes addresses
        )
    except subprocess.TimeoutExpired:
        raise FerError(
            f"{path}: LiteRT does not run this file within {PATIENCE_S:.0f} s: expected one answer"
        ) from None
    if child.returncode:
        last = child.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        told = f"it dies of signal {-child.returncode}" if child.returncode < 0 else last
        raise FerError(f"{path}: LiteRT cannot open this file: {told}")
