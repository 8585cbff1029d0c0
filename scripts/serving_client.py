"""Ask a TensorFlow Serving server what faces express, a line a face.

    python scripts/serving_client.py face.jpg ... [--address localhost:8500]
    python scripts/serving_client.py face.jpg ... --rest http://localhost:8501

Over gRPC it needs grpcio and protobuf, over REST Python alone. The published messages
(tensorflow-serving-api) would bring all of TensorFlow with them; the few fields of them that a
client needs are described here instead.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import re
import struct
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

Answer = tuple[str, list[float]]
"""A face's label, and the probability of each class."""

MESSAGES = {
    "Dim": {"size": (1, "int64")},
    "Shape": {"dim": (2, "Dim*")},
    "Tensor": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "Shape"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "float*"),
        "string_val": (8, "bytes*"),
    },
    "Entry": {"key": (1, "string"), "value": (2, "Tensor")},
    "ModelSpec": {"name": (1, "string"), "signature_name": (3, "string")},
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "Entry*")},
    "PredictResponse": {"outputs": (1, "Entry*")},
}
"""Fields of TensorFlow Serving's messages: number and type, * for repeated. On the wire a map is
a repeated entry, and an enumeration an integer."""

DT_STRING = 7
"""tensorflow.DataType of a tensor of bytes."""

PREDICT = "/tensorflow.serving.PredictionService/Predict"


class ClientError(Exception):
    """What went wrong, in a sentence."""


class BadFace(ClientError):
    """The server refuses a picture.

    Attributes:
        position: of the picture in the request.
    """

    def __init__(self, position: int, reason: str):
        super().__init__(reason)
        self.position = position


def messages(described: dict[str, dict[str, tuple[int, str]]]) -> dict[str, Any]:
    """The protobuf class of each message that is described as in `MESSAGES`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="serving_client.proto", syntax="proto3")
    for name, fields in described.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            added = message.field.add(name=field, number=number)
            added.label = added.LABEL_REPEATED if kind.endswith("*") else added.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            if kind in described:
                added.type_name = kind
            else:
                added.type = added.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
        for name in described
    }


def over_grpc(address: str, model: str, timeout: float) -> Callable[[list[bytes]], list[Answer]]:
    """A function that asks for some pictures (JPEG or PNG files) over gRPC.

    Raises:
        ClientError: grpcio or protobuf is missing; later, the server doesn't answer.
        BadFace: later, the server refuses a picture.
    """
    try:
        import grpc

        kinds = messages(MESSAGES)
    except ImportError as error:
        raise ClientError(f"{error}: expected grpcio and protobuf, or --rest") from None
    call = grpc.insecure_channel(address).unary_unary(
        PREDICT,
        request_serializer=kinds["PredictRequest"].SerializeToString,
        response_deserializer=kinds["PredictResponse"].FromString,
    )

    def ask(files: list[bytes]) -> list[Answer]:
        request = kinds["PredictRequest"]()
        request.model_spec.name = model
        request.model_spec.signature_name = "serving_default"
        tensor = request.inputs.add(key="image_bytes").value
        tensor.dtype = DT_STRING
        tensor.tensor_shape.dim.add(size=len(files))
        tensor.string_val.extend(files)
        try:
            response = call(request, timeout=timeout)
        except grpc.RpcError as error:
            raise refusal(error.details() or "", f"{address}: {error.code().name}") from None
        outputs = {entry.key: entry.value for entry in response.outputs}
        try:
            labels = [label.decode() for label in outputs["label"].string_val]
            flat = floats(outputs["probabilities"])
        except KeyError as error:
            raise ClientError(f"{address}: {model} has no output {error}") from None
        each = len(flat) // max(len(labels), 1)
        return [(label, flat[i * each : (i + 1) * each]) for i, label in enumerate(labels)]

    return ask


def floats(tensor: Any) -> list[float]:
    """The values of a float32 tensor, in whichever field the server has put them."""
    content = tensor.tensor_content
    return list(struct.unpack(f"<{len(content) // 4}f", content)) or list(tensor.float_val)


def over_rest(url: str, model: str, timeout: float) -> Callable[[list[bytes]], list[Answer]]:
    """The same over REST.

    Raises:
        ClientError, BadFace: as of `over_grpc`.
    """
    place = f"{url.rstrip('/')}/v1/models/{model}:predict"

    def ask(files: list[bytes]) -> list[Answer]:
        instances = [{"b64": base64.b64encode(file).decode()} for file in files]
        body = json.dumps({"instances": instances}).encode()
        try:
            request = urllib.request.Request(place, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=timeout) as response:
                rows = json.load(response)["predictions"]
            return [(row["label"], row["probabilities"]) for row in rows]
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise refusal(text, f"{place}: HTTP {error.code}") from None
        except (OSError, HTTPException) as error:
            raise ClientError(f"{url}: {getattr(error, 'reason', error)}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise ClientError(f"{url}: not an answer of TensorFlow Serving: {error!r}") from None

    return ask


def refusal(text: str, place: str) -> ClientError:
    """What the server's message says."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        text = json.loads(text)["error"]
    bad = re.search(r"image_bytes\[(\d+)\]: ([^;\]]+)", text)
    if bad:
        return BadFace(int(bad[1]), bad[2])
    return ClientError(f"{place}: {' '.join(text.split())[:300]}")


def classify(
    files: Sequence[Path], ask: Callable[[list[bytes]], list[Answer]], batch: int
) -> Iterator[tuple[Path, Answer]]:
    """Each file with its answer, `batch` files a request.

    Raises:
        ClientError: a file can't be read, or the server doesn't answer or refuses one.
    """
    for start in range(0, len(files), batch):
        some = files[start : start + batch]
        try:
            answers = ask([file.read_bytes() for file in some])
        except OSError as error:
            raise ClientError(f"{error.filename}: {error.strerror}") from None
        except BadFace as error:
            # A server that gathers the requests of many clients counts through all of them.
            name = some[error.position] if error.position < len(some) else "one of the pictures"
            raise ClientError(f"{name}: {error}") from None
        if len(answers) != len(some):
            raise ClientError(f"the server gave {len(answers)} answers: expected {len(some)}")
        yield from zip(some, answers, strict=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Print FILE: LABEL PROBABILITY for each face; exit with code 2 after an error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("faces", nargs="+", type=Path, metavar="FACE", help="a JPEG or PNG file")
    parser.add_argument("--address", default="localhost:8500", help="gRPC (default: %(default)s)")
    parser.add_argument("--rest", metavar="URL", help="REST instead, like http://localhost:8501")
    parser.add_argument("--model", default="fer", help="its name on the server")
    parser.add_argument("--batch", type=int, default=64, help="faces a request (default: 64)")
    parser.add_argument("--timeout", type=float, default=10, help="seconds a request (default: 10)")
    args = parser.parse_args(argv)
    if args.batch < 1:
        parser.error(f"--batch is {args.batch}: expected 1 or more")
    try:
        if args.rest:
            ask = over_rest(args.rest, args.model, args.timeout)
        else:
            ask = over_grpc(args.address, args.model, args.timeout)
        for file, (label, probabilities) in classify(args.faces, ask, args.batch):
            print(f"{file}: {label} {max(probabilities):.1%}")
    except ClientError as error:
        print(f"serving_client: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
