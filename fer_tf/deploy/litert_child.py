"""A .tflite file is tried in a process of its own first: LiteRT dies of some damaged ones.

LiteRT checks that a file is a flatbuffer, but not what stands in it: three of 30,000 damaged files
ended the process with a segmentation fault, as the graph was built or its memory laid out.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

from fer_tf.errors import FerError

PATIENCE_S = 60.0
"""For the child to start, open the file and run it once: a graph can hold a loop without an end."""

_TRY = """
import sys
import numpy
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
for tensor in interpreter.get_input_details():
    interpreter.set_tensor(tensor["index"], numpy.zeros(tensor["shape"], tensor["dtype"]))
interpreter.invoke()
"""


@cache
def check_in_child(path: Path, modified: int) -> None:
    """Open a .tflite file and run it once in a child process, once for each state of the file.

    What LiteRT refuses by an exception passes: it raises it again where the file is opened.

    Args:
        path: the file.
        modified: when it was, in ns.

    Raises:
        FerError: the child died or took longer than `PATIENCE_S`.
    """
    # -P: Python takes no modules from the working folder.
    command = [sys.executable, "-P", "-c", _TRY, str(path)]
    try:
        code = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        ).returncode
    except subprocess.TimeoutExpired:
        raise FerError(
            f"{path}: LiteRT does not run this file within {PATIENCE_S:.0f} s: expected one answer"
        ) from None
    if code < 0:
        raise FerError(
            f"{path}: LiteRT dies of this file (signal {-code}): expected a whole .tflite file"
        )
