"""Python's http.server: `plain.py PORT FOLDER`. HTTP/1.0 without ranges and tags, the least that a server can do."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        _, kind, name = self.path.split("/")
        if kind == "moved":
            self.send_response(302)
            self.send_header("Location", f"/plain/{name}")
            self.end_headers()
        elif kind == "empty":
            self.send_response(204)
            self.end_headers()
        elif kind == "endless":
            # Neither a length nor chunks: the close ends the body (RFC 9112 section 6.3).
            self.send_response(200)
            self.end_headers()
            with open(f"{self.directory}/plain/{name}", "rb") as file:
                self.copyfile(file, self.wfile)
        else:
            super().do_GET()

    def end_headers(self) -> None:
        if self.path.startswith("/gzip/"):
            self.send_header("Content-Encoding", "gzip")
        super().end_headers()

    def log_message(self, *_) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), partial(Handler, directory=sys.argv[2]))
    server.serve_forever()
