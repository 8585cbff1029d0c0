"""What TensorFlow Serving says over gRPC and REST, from a folder that it would serve.

    python loopback_server.py DIR/fer/1

loads the folder as the server does, into a TensorFlow session and without Keras or anything of
ours, and answers on two ports of loopback until stdin is closed. Its first line on stdout is JSON:
the ports, and the names of what it has imported.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FORBIDDEN = ("keras", "tf_keras", "fer_tf")
for module in FORBIDDEN:
    sys.modules[module] = None  # type: ignore[assignment]

import grpc  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc  # noqa: E402


class Servable:
    """A version folder in a session."""

    def __init__(self, folder: str):
        self.version = Path(folder).name
        self.session = tf.compat.v1.Session(graph=tf.Graph())
        with self.session.graph.as_default():
            graph = tf.compat.v1.saved_model.load(self.session, ["serve"], folder)
        self.signatures = dict(graph.signature_def)

    def run(self, signature: str, inputs: dict) -> dict[str, np.ndarray]:
        definition = self.signatures[signature or "serving_default"]
        feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
        outputs = {name: output.name for name, output in definition.outputs.items()}
        return self.session.run(outputs, feeds)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, servable: Servable):
        self.servable = servable

    def Predict(self, request, context):
        if request.model_spec.name != "fer":
            context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request")
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        try:
            outputs = self.servable.run(request.model_spec.signature_name, inputs)
        except tf.errors.OpError as error:
            codes = {code.value[0]: code for code in grpc.StatusCode}
            context.abort(codes[error.error_code], error.message)
        response = predict_pb2.PredictResponse(model_spec=request.model_spec)
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(typed(value))
        return response


def typed(value: np.ndarray) -> tf.compat.v1.TensorProto:
    """A tensor in the field of its type, which is what the server sends unless told otherwise."""
    proto = tf.make_tensor_proto(value)
    if proto.tensor_content:
        proto.ClearField("tensor_content")
        field = {"float32": proto.float_val, "int64": proto.int64_val}[value.dtype.name]
        field.extend(value.ravel().tolist())
    return proto


def rest(servable: Servable) -> type[BaseHTTPRequestHandler]:
    """The REST API's predict and model status."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path != "/v1/models/fer":
                return self.answer(404, {"error": "Could not find any versions of model"})
            state = {"version": servable.version, "state": "AVAILABLE"}
            return self.answer(200, {"model_version_status": [state]})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/v1/models/fer:predict":
                return self.answer(404, {"error": "Servable not found for request"})
            signature = body.get("signature_name", "serving_default")
            ((name, _),) = servable.signatures[signature].inputs.items()
            values = [
                base64.b64decode(instance["b64"]) if "b64" in instance else instance
                for instance in body["instances"]
            ]
            array = np.array(values, object if isinstance(values[0], bytes) else np.uint8)
            try:
                outputs = servable.run(signature, {name: array})
            except tf.errors.OpError as error:
                return self.answer(400, {"error": error.message})
            columns = {name: plain(value) for name, value in outputs.items()}
            rows = [
                {name: column[row] for name, column in columns.items()} for row in range(len(array))
            ]
            if len(outputs) == 1:  # Then the server leaves out its name.
                rows = [value for row in rows for value in row.values()]
            return self.answer(200, {"predictions": rows})

        def answer(self, code, content):
            data = json.dumps(content, indent=4).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments):
            pass

    return Handler


def plain(value: np.ndarray) -> list:
    return np.char.decode(value.astype(bytes)).tolist() if value.dtype == object else value.tolist()


def main() -> None:
    servable = Servable(sys.argv[1])
    server = grpc.server(ThreadPoolExecutor(4))
    service = PredictionService(servable)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    web = ThreadingHTTPServer(("127.0.0.1", 0), rest(servable))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    imported = [name for name, module in sys.modules.items() if module is not None]
    print(json.dumps({"grpc": port, "rest": web.server_port, "imported": imported}), flush=True)
    sys.stdin.read()
    web.shutdown()
    server.stop(None)


if __name__ == "__main__":
    main()
