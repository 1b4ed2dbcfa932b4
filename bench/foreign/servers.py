"""Servers that others wrote, each with the behaviours that its configuration can express."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from processes import AS_ROOT, find

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Server:
    title: str
    program: str  # on PATH, or a path
    package: str
    version: tuple[str, ...]  # the arguments that print it
    # Writes the configuration for a folder and a port; returns the command.
    configure: Callable[[Path, int], list[str]]
    # The kinds of files: see KINDS.
    kinds: tuple[str, ...]


# What a server does with `/KIND/NUMBER`, and the field of its first response that shows it: (status, name, value; `None` for absent).
KINDS: dict[str, tuple[str, tuple[int, str, str | None]]] = {
    "plain": ("static files", (200, "content-length", "")),
    "untagged": ("without an ETag", (200, "etag", None)),
    "chunked": ("in chunks, without a length", (200, "transfer-encoding", "chunked")),
    "endless": ("without a length; the close ends it", (200, "content-length", None)),
    "gzip": ("Content-Encoding: gzip, unasked", (200, "content-encoding", "gzip")),
    "moved": ("302 to a static file", (302, "location", "")),
    "empty": ("204", (204, "content-encoding", None)),
    "unranged": ("ranges off", (200, "content-range", None)),
    "cut": ("cut in the middle, once", (200, "content-length", "")),
    "weak": ("cut in the middle, with a weak ETag", (200, "etag", "")),
    "later": ("202 with Retry-After, once", (202, "retry-after", "1")),
    "expiring": ("302 to a place that expires, where it is cut", (302, "location", "")),
}


def nginx_server(folder: Path, port: int) -> list[str]:
    www = folder / "www"
    temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "host.conf").write_text(f"""{"user root;" if AS_ROOT else ""}
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
access_log off;
default_type application/octet-stream;
{temporary}
server {{
listen 127.0.0.1:{port};
root {www};
location /untagged/ {{ alias {www}/plain/; etag off; }}
location /chunked/ {{ alias {www}/plain/; sub_filter 'nothing that is in them' ''; sub_filter_types application/octet-stream; }}
location /gzip/ {{ gzip_static always; }}
location /moved/ {{ rewrite ^/moved/(.*)$ /plain/$1 redirect; }}
location /empty/ {{ return 204; }}
location /unranged/ {{ alias {www}/plain/; max_ranges 0; }}
}}
}}
""")
    return [find("nginx"), "-p", str(folder), "-c", str(folder / "host.conf"), "-e", "host.log"]


def apache2_server(folder: Path, port: int) -> list[str]:
    names = ("mpm_event", "authz_core", "alias", "headers", "filter", "deflate", "substitute", "env")
    modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in names)
    www = folder / "www"
    (folder / "run").mkdir()
    (folder / "host.conf").write_text(f"""ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}/run
PidFile {folder}/run/pid
Mutex pthread
{modules}
{"User www-data" if AS_ROOT else ""}
Listen 127.0.0.1:{port}
StartServers 1
ServerLimit 1
ThreadsPerChild 32
MaxRequestWorkers 32
KeepAlive On
MaxKeepAliveRequests 0
ErrorLog {folder}/error.log
DocumentRoot {www}
<Directory {www}>
Require all granted
</Directory>
Alias /untagged {www}/plain
<Location /untagged>
FileETag None
Header unset Last-Modified
</Location>
Alias /chunked {www}/plain
<Location /chunked>
SetOutputFilter SUBSTITUTE
Substitute "s|nothing that is in them||n"
</Location>
Alias /gzip {www}/plain
<Location /gzip>
SetEnv force-gzip 1
SetOutputFilter DEFLATE
</Location>
RedirectMatch 302 ^/moved/(.*)$ /plain/$1
RedirectMatch 204 ^/empty/
Alias /unranged {www}/plain
<Location /unranged>
MaxRanges none
</Location>
""")
    return [find("apache2"), "-f", str(folder / "host.conf"), "-DFOREGROUND"]


def lighttpd_server(folder: Path, port: int) -> list[str]:
    www = folder / "www"
    script = folder / "cgi.sh"
    script.write_text(f"""#!/bin/sh
case "$REQUEST_URI" in
/empty/*) printf 'Status: 204\\r\\n\\r\\n' ;;
*) printf 'Content-Type: application/octet-stream\\r\\n\\r\\n'; cat {www}/plain/"${{REQUEST_URI##*/}}" ;;
esac
""")
    script.chmod(0o755)
    (folder / "host.conf").write_text(f"""server.modules = ("mod_setenv", "mod_redirect", "mod_alias", "mod_rewrite", "mod_cgi")
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{www}"
server.errorlog = "{folder}/error.log"
server.max-keep-alive-requests = 100000
server.stream-response-body = 1
mimetype.assign = ("" => "application/octet-stream")
alias.url = ("/untagged/" => "{www}/plain/", "/unranged/" => "{www}/plain/", "/chunked/" => "{folder}/", "/empty/" => "{folder}/")
url.rewrite-once = ("^/(chunked|empty)/" => "/$1/cgi.sh")
$HTTP["url"] =~ "^/untagged/" {{ static-file.etags = "disable" }}
$HTTP["url"] =~ "^/unranged/" {{ server.range-requests = "disable" }}
$HTTP["url"] =~ "^/gzip/" {{ setenv.add-response-header = ("Content-Encoding" => "gzip") }}
$HTTP["url"] =~ "^/moved/" {{ url.redirect = ("^/moved/(.*)$" => "/plain/$1") url.redirect-code = 302 }}
$HTTP["url"] =~ "^/(chunked|empty)/" {{ cgi.assign = ("cgi.sh" => "/bin/sh") }}
""")
    return [find("lighttpd"), "-D", "-f", str(folder / "host.conf")]


def caddy_server(folder: Path, port: int) -> list[str]:
    www = folder / "www"
    (folder / "Caddyfile").write_text(f"""{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    bind 127.0.0.1
    root * {www}
    handle_path /untagged/* {{
        root * {www}/plain
        header {{
            -ETag
            -Last-Modified
            defer
        }}
        file_server
    }}
    handle_path /chunked/* {{
        root * {www}/plain
        header {{
            -Content-Length
            defer
        }}
        file_server
    }}
    handle /gzip/* {{
        header Content-Encoding gzip
        file_server
    }}
    handle_path /moved/* {{
        redir * /plain{{uri}} 302
    }}
    handle /empty/* {{
        respond 204
    }}
    handle_path /unranged/* {{
        root * {www}/plain
        request_header -Range
        file_server
    }}
    file_server
}}
""")
    return [find("caddy"), "run", "--config", str(folder / "Caddyfile")]


def node_server(folder: Path, port: int) -> list[str]:
    return [find("node"), str(HERE / "node.js"), str(port), str(folder / "www")]


def plain_server(folder: Path, port: int) -> list[str]:
    return [sys.executable, str(HERE / "plain.py"), str(port), str(folder / "www")]


def gunicorn_server(folder: Path, port: int) -> list[str]:
    return [
        GUNICORN, "--bind", f"127.0.0.1:{port}", "--chdir", str(HERE), "--workers", "2", "--worker-class", "gthread", "--threads", "8",
        "--log-level", "error", "wsgi:application",
    ]


GUNICORN = os.environ.get("GUNICORN", "gunicorn")
STATIC = ("plain", "untagged", "chunked", "gzip", "moved", "empty", "unranged")

SERVERS = [
    Server("nginx", "nginx", "nginx", ("-v",), nginx_server, STATIC),
    Server("Apache", "apache2", "apache2", ("-v",), apache2_server, STATIC),
    Server("lighttpd", "lighttpd", "lighttpd", ("-v",), lighttpd_server, STATIC),
    Server("Caddy", "caddy", "caddy", ("version",), caddy_server, STATIC),
    Server("Node", "node", "nodejs", ("--version",), node_server, (*STATIC, "cut", "weak", "later", "expiring")),
    # It has neither tags nor ranges.
    Server("Python http.server", sys.executable, "python3", ("--version",), plain_server, ("plain", "endless", "gzip", "moved", "empty")),
    Server(
        "gunicorn", GUNICORN, "gunicorn", ("--version",), gunicorn_server,
        ("plain", "untagged", "chunked", "gzip", "moved", "empty", "unranged"),
    ),
]
