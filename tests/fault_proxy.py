"""An HTTP proxy in front of a local server that does to requests what networks and busy services do."""

import http.client
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self, cast

HOST = "127.0.0.1"
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "content-length"}

Kind = Literal["pass", "busy", "lose_answer", "reset", "stall"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one request.

    Attributes:
        kind: ``pass`` hands it on; ``busy`` answers 503 without handing it on; ``lose_answer`` hands it on and
            breaks the connection before the answer; ``reset`` breaks it, and ``stall`` falls silent, half-way through
            the answer's body.
        method: only requests with this method; others pass and leave the fault to the next one.
        retry_after_seconds: of a busy answer, if it says so.
    """

    kind: Kind
    method: str | None = None
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that came."""

    method: str
    path: str
    monotonic_seconds: float


class FaultProxy:
    """Hands requests on to ``target_port``, after the faults that are queued; remembers every request that came."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.always: Fault | None = None
        self.seen: list[Seen] = []
        self._queue: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()

    def listen(self) -> None:
        """Accept connections, on the same port as before."""
        self._released.clear()
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def refuse(self) -> None:
        """Refuse connections from now on."""
        server, self._server = self._server, None
        if server is not None:
            self._released.set()
            server.shutdown()
            server.server_close()

    def queue(self, *faults: Fault) -> None:
        """What becomes of the next requests, one fault each; those after them pass."""
        with self._lock:
            self._queue.extend(faults)

    def next_fault(self, method: str, path: str) -> Fault:
        """Note a request and tell what becomes of it."""
        with self._lock:
            self.seen.append(Seen(method, path, time.monotonic()))
            if self.always is not None and self.always.method in (None, method):
                return self.always
            if self._queue and self._queue[0].method in (None, method):
                return self._queue.popleft()
            return Fault("pass")

    def wait_while_stalled(self) -> None:
        self._released.wait(60)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: FaultProxy) -> None:
        super().__init__((HOST, proxy.port), _Handler)
        self.proxy = proxy

    def handle_error(self, request, client_address) -> None:
        """A client that has gone away is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def proxy(self) -> FaultProxy:
        return cast("_Server", self.server).proxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.next_fault(self.command, self.path)
        if fault.kind == "busy":
            self._answer_busy(fault)
            return
        status, headers, content = self._hand_on(body)
        if fault.kind == "lose_answer":
            self._break_connection()
            return
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self._send_body(content, fault.kind)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_any

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _hand_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(HOST, self.proxy.target_port, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "keep-alive"):
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        length = answer.headers.get("Content-Length")
        content = answer.read()
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_HEADERS]
        connection.close()
        return answer.status, [*headers, ("Content-Length", length or str(len(content)))], content

    def _answer_busy(self, fault: Fault) -> None:
        self.send_response_only(503)
        if fault.retry_after_seconds is not None:
            self.send_header("Retry-After", str(fault.retry_after_seconds))
        self.send_header("x-ms-error-code", "ServerBusy")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_body(self, content: bytes, kind: Kind) -> None:
        if kind == "pass":
            self.wfile.write(content)
            return
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        if kind == "stall":
            self.proxy.wait_while_stalled()
        else:
            time.sleep(0.05)  # what was sent must arrive before the reset, which would take it back
        self._break_connection()

    def _break_connection(self) -> None:
        # With no time to linger, close sends a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
