"""An HTTP host in this process that survives clients which are killed, and prints nothing."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class QuietHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            pass

    def log_message(self, *_) -> None:
        pass


class QuietHost(ThreadingHTTPServer):
    """Serves on a free port of loopback, on a thread of its own, until the process ends."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type[QuietHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, number: int) -> str:
        return f"http://127.0.0.1:{self.server_port}/{number}"

    def handle_error(self, *_) -> None:
        pass
