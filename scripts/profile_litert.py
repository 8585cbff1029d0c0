"""Where a .tflite file's milliseconds go on this processor, by kind of operation.

    python scripts/profile_litert.py FILE.tflite [--threads 1] [--runs 100] [--top 0]

LiteRT's own profiler is asked, whose switch has no Python name yet: so the C functions of the
library in the `ai_edge_litert` package are called. XNNPACK gives the time of each of its
operators; what is left of the whole run is LiteRT around it.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import statistics
import time
from collections import defaultdict
from ctypes import byref, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path

import numpy as np
from _machine import header

CPU = 1
"""kLiteRtHwAcceleratorCpu"""
WRITE = 1
"""kLiteRtTensorBufferLockModeWrite"""
OPERATORS = (1 << 1) | (1 << 3)
"""Types of events: an operator of LiteRT, and one that a delegate timed itself."""


class RankedTensorType(ctypes.Structure):
    """LiteRtRankedTensorType."""

    _fields_ = (
        ("element_type", c_int),
        ("rank", c_uint32),
        ("dimensions", c_int32 * 8),
        ("strides", c_uint32 * 8),
    )


class Event(ctypes.Structure):
    """ProfiledEventData; times in microseconds."""

    _fields_ = (
        ("tag", c_char_p),
        ("type", c_int),
        ("start", c_uint64),
        ("elapsed", c_uint64),
        ("memory", c_size_t * 6),
        ("metadata", c_uint64 * 2),
        ("source", c_int),
    )


class Profiled:
    """A .tflite file compiled with the profiler on.

    Raises:
        RuntimeError: LiteRT refuses; the name of the refusing function and its status.
    """

    def __init__(self, path: Path, threads: int):
        self.library = open_library()
        environment, model, options, signature = (c_void_p() for _ in range(4))
        self.compiled, self.profiler = c_void_p(), c_void_p()
        self.call("CreateEnvironment", 0, None, byref(environment))
        self.call("CreateModelFromFile", environment, str(path).encode(), byref(model))
        self.call("CreateOptions", byref(options))
        self.call("SetOptionsHardwareAccelerators", options, c_int(CPU))
        settings = {
            b"xnnpack": f"num_threads = {threads}\n",
            b"runtime_options_string": "enable_profiling = true\n",
        }
        # LiteRT keeps pointers to the texts and would free them: they are ours.
        self.texts = {
            name: ctypes.create_string_buffer(text.encode()) for name, text in settings.items()
        }
        self.free = ctypes.CFUNCTYPE(None, c_void_p)(lambda _: None)
        for name, text in self.texts.items():
            opaque = c_void_p()
            self.call("CreateOpaqueOptions", name, text, self.free, byref(opaque))
            self.call("AddOpaqueOptions", options, opaque)
        self.call("CreateCompiledModel", environment, model, options, byref(self.compiled))
        self.call("GetModelSignature", model, c_size_t(0), byref(signature))
        self.inputs = [self.buffer("Input", environment, signature)]
        self.outputs = [self.buffer("Output", environment, signature)]
        self.call("CompiledModelGetProfiler", self.compiled, byref(self.profiler))

    def call(self, name: str, *arguments) -> None:
        """Call a function of the library by its name without the prefix."""
        status = getattr(self.library, f"LiteRt{name}")(*arguments)
        if status:
            raise RuntimeError(f"LiteRt{name} refused with status {status}")

    def buffer(self, side: str, environment: c_void_p, signature: c_void_p) -> c_void_p:
        """Memory for the first input or output, filled with random pixels if an input."""
        tensor, needs, buffer, kind = c_void_p(), c_void_p(), c_void_p(), RankedTensorType()
        first = c_size_t(0)
        self.call(f"GetSignature{side}TensorByIndex", signature, first, byref(tensor))
        self.call("GetRankedTensorType", tensor, byref(kind))
        self.call(
            f"GetCompiledModel{side}BufferRequirements", self.compiled, first, first, byref(needs)
        )
        self.call(
            "CreateManagedTensorBufferFromRequirements",
            environment,
            byref(kind),
            needs,
            byref(buffer),
        )
        if side == "Input":
            place, size = c_void_p(), c_size_t()
            self.call("GetTensorBufferPackedSize", buffer, byref(size))
            self.call("LockTensorBuffer", buffer, byref(place), c_int(WRITE))
            pixels = np.random.default_rng(0).integers(0, 256, size.value, dtype=np.uint8)
            ctypes.memmove(place, pixels.tobytes(), size.value)
            self.call("UnlockTensorBuffer", buffer)
        return buffer

    def run(self) -> float:
        """Run once; milliseconds."""
        inputs, outputs = ((c_void_p * 1)(*side) for side in (self.inputs, self.outputs))
        one = c_size_t(1)
        start = time.perf_counter()
        self.call("RunCompiledModel", self.compiled, c_size_t(0), one, inputs, one, outputs)
        return (time.perf_counter() - start) * 1e3

    def profile(self) -> list[tuple[str, float]]:
        """Run once; each operator's kind and milliseconds, in the order in which they ran."""
        self.call("ResetProfiler", self.profiler)
        self.call("StartProfiler", self.profiler)
        self.run()
        self.call("StopProfiler", self.profiler)
        count = c_int()
        self.call("GetNumProfilerEvents", self.profiler, byref(count))
        events = (Event * count.value)()
        self.call("GetProfilerEvents", self.profiler, count, events)
        return [(e.tag.decode(), e.elapsed / 1e3) for e in events if e.type & OPERATORS]


def open_library() -> ctypes.CDLL:
    """LiteRT's C library, without importing its package."""
    spec = importlib.util.find_spec("ai_edge_litert")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("ai_edge_litert is not installed: expected fer_tf[export]")
    return ctypes.CDLL(str(Path(spec.submodule_search_locations[0]) / "libLiteRt.so"))


def report(model: Profiled, runs: int, top: int) -> None:
    """Print the least times in `runs` by kind of operator, and the `top` costliest operators."""
    model.profile()
    whole, profiles = [], []
    for _ in range(runs):
        whole.append(model.run())
        profiles.append(model.profile())
    kinds = [kind for kind, _ in profiles[0]]
    times = np.array([[ms for _, ms in profile] for profile in profiles])
    total = statistics.median(whole)
    # Whatever else the machine does only adds to a time: the least is nearest to the operator's.
    least = np.min(times, axis=0)
    by_kind: defaultdict[str, list[float]] = defaultdict(list)
    for kind, ms in zip(kinds, least, strict=True):
        by_kind[kind].append(ms)

    print(f"{total:.2f} ms a run without the profiler (median), best {min(whole):.2f} ms")
    print(f"{least.sum():.2f} ms in {len(kinds)} operators with it (the least time of each)\n")
    print(f"{'operator':44} count       ms   share")
    for kind, each in sorted(by_kind.items(), key=lambda item: -sum(item[1])):
        print(f"{kind:44} {len(each):5} {sum(each):8.3f} {sum(each) / least.sum():7.1%}")
    if top:
        print("\ncostliest, by their place in the order\n")
        for place in np.argsort(-least)[:top]:
            print(f"{place:5} {kinds[place]:38} {least[place]:14.3f}")


def main() -> None:
    """Print the profile of one file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path, help="a .tflite file with one input and one output")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    parser.add_argument(
        "--runs", type=int, default=100, help="runs, of which the least times count (default: 100)"
    )
    parser.add_argument("--top", type=int, default=0, help="single operators to list (default: 0)")
    args = parser.parse_args()
    if not args.file.is_file():
        raise SystemExit(f"{args.file}: no such file, expected a .tflite file")
    print(header(), "\n")
    try:
        report(Profiled(args.file, args.threads), args.runs, args.top)
    except RuntimeError as error:
        raise SystemExit(f"{args.file}: {error}") from None


if __name__ == "__main__":
    main()
