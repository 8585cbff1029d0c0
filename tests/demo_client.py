"""A client of the demo page without a browser: plain HTTP, as anybody may write one."""

from __future__ import annotations

import http.client
import json
import secrets
from typing import Any
from urllib.parse import urlsplit

API = "/gradio_api"


class Client:
    """One page.

    Args:
        address: of the server.
        headers: of every request.
    """

    def __init__(self, address: str, **headers: str) -> None:
        self.address = address
        self.headers = headers
        self.session = secrets.token_hex(8)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """The status and the body of what the server answers."""
        connection = self._connection()
        connection.request(method, path, body, {**self.headers, **headers})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)

    def post(self, path: str, value: Any) -> tuple[int, bytes]:
        """What it answers to a value as JSON."""
        return self.send(
            "POST", API + path, json.dumps(value), **{"Content-Type": "application/json"}
        )

    def upload(self, data: bytes, name: str = "face.jpg") -> tuple[int, bytes]:
        """What it answers to a file."""
        mark = secrets.token_hex(8)
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        )
        body = head.encode() + data + f"\r\n--{mark}--\r\n".encode()
        kind = f"multipart/form-data; boundary={mark}"
        return self.send("POST", f"{API}/upload", body, **{"Content-Type": kind})

    def event(self, element: str, event: str, *data: Any) -> tuple[bool, str]:
        """Whether an event of the element with this id was answered, and the HTML of the answer."""
        configuration = json.loads(self.send("GET", "/config")[1])
        (component,) = (
            c["id"] for c in configuration["components"] if c["props"].get("elem_id") == element
        )
        (function,) = (
            fn["id"] for fn in configuration["dependencies"] if [component, event] in fn["targets"]
        )
        asked = {"data": data, "fn_index": function, "session_hash": self.session}
        status, told = self.post("/queue/join", asked)
        assert status == 200, told
        connection = self._connection()
        connection.request("GET", f"{API}/queue/data?session_hash={self.session}")
        answers = []
        for line in connection.getresponse():
            message = json.loads(line[5:]) if line.startswith(b"data:") else {"msg": ""}
            # Of several answers to an event the last message has none.
            answers.append(message.get("output", {}).get("data"))
            if message["msg"] == "process_streaming":
                self.post(f"/stream/{message['event_id']}/close", None)
            if message["msg"] == "process_completed":
                break
        connection.close()
        told = json.dumps(list(filter(None, answers)), ensure_ascii=False)
        return message["success"], told

    def show(self, path: str, name: str = "face.jpg", network: str = "") -> tuple[bool, str]:
        """What is answered to an uploaded picture."""
        return self.event("upload", "upload", file_data(path=path, orig_name=name), network, False)

    def film(self, url: str, network: str) -> tuple[bool, str]:
        """What is answered to a frame of the camera."""
        return self.event("camera", "stream", file_data(path=None, url=url), network)


def file_data(**fields: Any) -> dict[str, Any]:
    """A file as Gradio's clients name one."""
    return {**fields, "meta": {"_type": "gradio.FileData"}}
