"""An API server as far as dagster-k8s needs one: keeps what it is sent, and says what has become of it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from k8s.documents import Document


@contextmanager
def recording_api_server(
    *, status: int = 201, answers: Callable[[str], Document] | None = None
) -> Iterator[tuple[str, list[Document]]]:
    """Its address, and the objects that were sent to it, each with its ``path``; of what was deleted, only that.

    Args:
        status: what it answers when it is sent an object.
        answers: the object at a path, for whoever reads there.
    """
    received: list[Document] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append({"path": self.path, **json.loads(body)})
            self._answer(status, body)

        def do_GET(self) -> None:
            # Who watches reads lines; to anybody else its end is white space.
            self._answer(200, json.dumps(answers(self.path) if answers else {}).encode() + b"\n")

        def do_DELETE(self) -> None:
            received.append({"path": self.path})
            self._answer(200, b"{}")

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()


def write_kubeconfig(path: Path, address: str) -> Path:
    """A kubeconfig for whoever asks at ``address``."""
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [{"name": "here", "cluster": {"server": address}}],
                "users": [{"name": "me", "user": {}}],
            }
        )
    )
    return path
