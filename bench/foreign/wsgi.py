"""A WSGI application without validators and ranges, for gunicorn: `FOLDER=... gunicorn --bind 127.0.0.1:PORT wsgi:application`."""

import os
from pathlib import Path

FOLDER = Path(os.environ["FOLDER"])


def application(environ, start_response):
    _, kind, name = environ["PATH_INFO"].split("/")
    if kind == "moved":
        start_response("302 Found", [("Location", f"/plain/{name}"), ("Content-Length", "0")])
        return []
    if kind == "empty":
        start_response("204 No Content", [])
        return []
    body = (FOLDER / ("gzip" if kind == "gzip" else "plain") / name).read_bytes()
    fields = [("Content-Type", "application/octet-stream")]
    if kind == "gzip":
        fields.append(("Content-Encoding", "gzip"))
    if kind == "chunked":
        # gunicorn frames a body without a length in chunks, one a piece.
        start_response("200 OK", fields)
        return (body[at : at + 1000] for at in range(0, len(body), 1000))
    start_response("200 OK", [*fields, ("Content-Length", str(len(body)))])
    return [body]
