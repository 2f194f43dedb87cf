"""A webhook that keeps what it is sent, on a real HTTP server."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "token-4711"  # noqa: S105 - of this server only


class Webhook:
    """Answers with the statuses of ``answers``, one after the other, and with 200 when there are none left."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.num_requests = 0
        self.messages: list[dict[str, Any]] = []
        self.url = ""

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages]


@contextmanager
def listening() -> Iterator[Webhook]:
    webhook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            webhook.num_requests += 1
            status = webhook.answers.pop(0) if webhook.answers else 200
            if status == 200:
                webhook.messages.append(document)
            self.send_response(status)
            for name, value in webhook.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    webhook.url = f"http://127.0.0.1:{server.server_port}/services/{SECRET}"
    try:
        yield webhook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
