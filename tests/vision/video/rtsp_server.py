"""An RTSP server (RFC 2326) for the tests: `python rtsp_server.py PORT` sends 25 frames a second.

A frame is one RTP packet of JPEG (RFC 2435) on the connection of the requests, as cameras send
where TCP is asked for. Frames are numbered by their brightness.
"""

from __future__ import annotations

import itertools
import socketserver
import struct
import sys
import time
from http.client import parse_headers

import cv2
import numpy as np

WIDTH, HEIGHT, FPS, QUALITY = 160, 120, 25, 80

SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:video\r\n"
)
REPLIES = {
    "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n",
    "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}",
    "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n",
}


def rtp_packet(number: int) -> bytes:
    """A frame; the reader makes the tables of the JPEG again, from its quality."""
    pixels = np.full((HEIGHT, WIDTH, 3), number % 256, np.uint8)
    jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    start = jpeg.index(b"\xff\xda") + 2
    (length,) = struct.unpack_from("!H", jpeg, start)
    scan = jpeg[start + length : -2]
    rtp = struct.pack("!BBHII", 0x80, 0x80 | 26, number % 2**16, number * 90_000 // FPS, 1)
    return rtp + struct.pack("!IBBBB", 0, 1, QUALITY, WIDTH // 8, HEIGHT // 8) + scan


class Session(socketserver.StreamRequestHandler):
    """One reader, who is sent frames from PLAY on, until it leaves."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            method = line.decode().split()[0]
            asked = parse_headers(self.rfile)["CSeq"]
            reply = REPLIES.get(method, "Session: 1\r\n\r\n")
            self.wfile.write(f"RTSP/1.0 200 OK\r\nCSeq: {asked}\r\n{reply}".encode())
            if method == "PLAY":
                for number in itertools.count():
                    packet = rtp_packet(number)
                    self.wfile.write(struct.pack("!cBH", b"$", 0, len(packet)) + packet)
                    time.sleep(1 / FPS)


class Server(socketserver.ThreadingTCPServer):
    """On the loopback, where a port of a server that was killed is free at once."""

    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A reader that leaves is no error."""


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), Session) as server:
        server.serve_forever()
