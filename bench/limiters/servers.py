"""Starts the real servers with their limits, and takes everything down again."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import content
from hosts import Host
from processes import AS_ROOT, TOOL_MAX_S, Unavailable, find, free_port, kill_group, listens, spawn, tool

START_MAX_S = 20.0
PACKAGES = {
    "nginx": "nginx",
    "haproxy": "haproxy",
    "apache2": "apache2",
    "lighttpd": "lighttpd",
    "squid": "squid",
    "nft": "nftables",
    "ip": "iproute2",
}
MODULES = {  # a word of the configuration: the module behind it, and its package
    "evasive20": (Path("/usr/lib/apache2/modules/mod_evasive20.so"), "libapache2-mod-evasive"),
    "lighty.": (Path("/usr/lib/lighttpd/mod_magnet.so"), "lighttpd-modules-lua"),
}
PROXIES = ("haproxy", "squid")  # these serve no files of their own
NAMESPACE_PREFIX = "limiters"


def require(host: Host) -> None:
    """Checks that the programs of a host are installed; the error names the Debian package."""
    programs = [host.server] + (["nginx"] if host.server in PROXIES else []) + (["nft", "ip"] if host.rules else [])
    for program in programs:
        if find(program) is None:
            raise Unavailable(f"{host.name} needs {program}: install the Debian package {PACKAGES[program]}")
    for word, (module, package) in MODULES.items():
        if word in host.config and not module.exists():
            raise Unavailable(f"{host.name} needs {module}: install the Debian package {package}")
    if (host.rules or "silent-drop" in host.config) and not AS_ROOT:
        raise Unavailable(f"{host.name} needs root: it has a network namespace or drops connections in silence")


class Running:
    """A host that runs. A context manager: on every way out its processes, namespaces and files are gone."""

    def __init__(self, host: Host, files: int, scratch: Path):
        self.host, self.files = host, files
        self.folder = scratch
        self.processes: list[subprocess.Popen] = []
        self.namespaces: list[str] = []
        self.enter_host: list[str] = []  # put before a command that is to run where the server is
        self.enter_client: list[str] = []
        self.address, self.port = "127.0.0.1", 80

    def __enter__(self) -> "Running":
        try:
            self.folder.mkdir(mode=0o755)
            content.write_all(self.folder / "www", self.files, self.host.size)
            if self.host.rules:
                self._namespaces()
            else:
                self.port = free_port()
            origin = self._origin() if self.host.server in PROXIES or self._slow() else 0
            getattr(self, f"_{self.host.server}")(origin)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_) -> None:
        self._stop()
        for name in self.namespaces:
            subprocess.run([find("ip"), "netns", "del", name], capture_output=True, timeout=TOOL_MAX_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, number: int) -> str:
        port = "" if self.port == 80 else f":{self.port}"
        return f"http://{self.address}{port}/{content.name(number)}"

    def stop_and_count_refused(self) -> int:
        """How many requests or connections the server and the packet filter say that they refused.

        The servers are stopped in between, because some write their log only then.
        """
        count = 0
        if self.host.rules:
            words = tool(*self.enter_host, find("nft"), "list", "counter", "inet", "limiter", "refused").split()
            count += int(words[words.index("packets") + 1])
        if self.host.server == "haproxy":
            count += self._haproxy_rejected_connections()
        self._stop()
        log = self.folder / ("run/access.log" if self.host.server == "squid" else "access.log")
        marks = self.host.refusal.split()
        if log.exists():
            count += sum(line.strip() in marks for line in log.read_text(errors="replace").splitlines())
        return count

    def _stop(self) -> None:
        while self.processes:
            kill_group(self.processes.pop())

    # What each server needs around the lines that limit.

    def _slow(self) -> bool:
        return self.host.limit.answer_s > 0 and self.host.size is None

    def _namespaces(self) -> None:
        own, client = f"{NAMESPACE_PREFIX}-{os.getpid()}-{self.host.name}-h", f"{NAMESPACE_PREFIX}-{os.getpid()}-{self.host.name}-c"
        for name in (own, client):
            tool("ip", "netns", "add", name)
            self.namespaces.append(name)
            tool("ip", "-n", name, "link", "set", "lo", "up")
        tool("ip", "-n", own, "link", "add", "host", "type", "veth", "peer", "name", "client", "netns", client)
        for name, link, address in ((own, "host", "10.99.0.1/24"), (client, "client", "10.99.0.2/24")):
            tool("ip", "-n", name, "addr", "add", address, "dev", link)
            tool("ip", "-n", name, "link", "set", link, "up")
        tool("ip", "netns", "exec", own, find("nft"), "-f", "-",
             stdin=f"table inet limiter {{\n  counter refused {{ }}{self.host.rules}\n}}\n")
        self.address = "10.99.0.1"
        self.enter_host = [find("ip"), "netns", "exec", own]
        self.enter_client = [find("ip"), "netns", "exec", client]

    def _start(self, port: int, *command: str) -> None:
        """Starts a server and waits until it listens. No connection is made, because that would count against the limit."""
        with open(self.folder / "messages", "ab") as messages:
            process = spawn(*self.enter_host, *command, stdout=messages, stderr=messages, cwd=self.folder)
        self.processes.append(process)
        until = time.monotonic() + START_MAX_S
        while not listens(process.pid, port):
            if process.poll() is not None or time.monotonic() > until:
                text = (self.folder / "messages").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.host.name}: {command[0]} does not listen on port {port}:\n{text}")
            time.sleep(0.02)

    def _origin(self) -> int:
        """What stands behind the limiter: the files, each request after `answer_s`."""
        port = free_port()
        if self._slow():
            self._start(port, sys.executable, str(Path(__file__).with_name("origin.py")), str(port), str(self.folder / "www"),
                        str(self.host.limit.answer_s))
        else:
            self._write("origin.conf", nginx(self.folder, "origin", f"127.0.0.1:{port}", "", "access_log off;"))
            self._start(port, find("nginx"), "-p", str(self.folder), "-c", str(self.folder / "origin.conf"), "-e", "origin.log")
        return port

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def _nginx(self, origin: int) -> None:
        around, _, inside = self.host.config.partition("#server\n")
        if origin:
            around += f"\nupstream origin {{ server 127.0.0.1:{origin}; keepalive 64; }}"
            inside += "\nlocation / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ''; }"
        self._write("host.conf", nginx(self.folder, "host", f"{self.address}:{self.port}", around, inside))
        self._start(self.port, find("nginx"), "-p", str(self.folder), "-c", str(self.folder / "host.conf"), "-e", "host.log")

    def _haproxy(self, origin: int) -> None:
        config, _, after = self.host.config.partition("#end\n")
        servers = f"  server origin 127.0.0.1:{origin}"
        if "#dead" in config:
            servers = f"  balance roundrobin\n{servers}\n  server dead 127.0.0.1:{free_port()}"
        if "#maxconn" in config:
            servers = f"  timeout queue 300ms\n{servers} maxconn {config.split()[1]}"
        self._write("host.conf", f"""global
  maxconn 4000
  log stdout format raw local0
  stats socket {self.folder}/stats.sock mode 600
defaults
  mode http
  log global
  log-format %ST
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
  timeout http-request 20s
frontend host
  bind {self.address}:{self.port}
  default_backend files
{indent(config)}
backend files
{servers}
{after}
""")
        self._start(self.port, "/bin/sh", "-c", f'exec "{find("haproxy")}" -db -f host.conf > access.log')

    def _haproxy_rejected_connections(self) -> int:
        """Connections that a `tcp-request connection` rule rejected: those are in no log."""
        with socket.socket(socket.AF_UNIX) as stats:
            stats.settimeout(TOOL_MAX_S)
            stats.connect(str(self.folder / "stats.sock"))
            stats.sendall(b"show stat\n")
            text = b""
            while piece := stats.recv(65536):
                text += piece
        head, *rows = [line.split(",") for line in text.decode().lstrip("# ").splitlines() if line]
        return sum(int(row[head.index("dcon")] or 0) for row in rows if row[:2] == ["host", "FRONTEND"])

    def _apache2(self, _origin: int) -> None:
        modules = "".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in ("mpm_event", "authz_core", "env", "setenvif")
        )
        user = "User www-data\nGroup www-data" if AS_ROOT else ""
        for name in ("run", "evasive"):
            (self.folder / name).mkdir()
        (self.folder / "evasive").chmod(0o777)  # the server's own user writes here
        logs = f"DOSLogDir {self.folder}/evasive" if "DOSSiteCount" in self.host.config else ""
        # One process, because mod_evasive counts in each process for itself. Few threads, because with 64 a ban was lost once; not
        # one, because Apache then resets idle connections while its only thread is busy.
        threads = 4 if "DOSSiteCount" in self.host.config else 64
        self._write("host.conf", f"""ServerRoot {self.folder}
ServerName localhost
DefaultRuntimeDir {self.folder}/run
PidFile {self.folder}/run/pid
Mutex pthread
{modules}
{user}
Listen {self.address}:{self.port}
StartServers 1
ServerLimit 1
ThreadsPerChild {threads}
MaxRequestWorkers {threads}
AsyncRequestWorkerFactor 100
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
DocumentRoot {self.folder}/www
<Directory {self.folder}/www>
Require all granted
</Directory>
ErrorLog {self.folder}/error.log
LogFormat "%>s" status
CustomLog {self.folder}/access.log status
{self.host.config}
{logs}
""")
        self._start(self.port, find("apache2"), "-f", str(self.folder / "host.conf"), "-DFOREGROUND")

    def _lighttpd(self, origin: int) -> None:
        self._write("limit.lua", self.host.config)
        self._write("host.conf", f"""server.modules = ("mod_magnet", "mod_proxy", "mod_accesslog")
magnet.attract-raw-url-to = ("{self.folder}/limit.lua")
server.bind = "{self.address}"
server.port = {self.port}
server.document-root = "{self.folder}/www"
server.errorlog = "{self.folder}/error.log"
server.max-keep-alive-requests = 100000
server.max-keep-alive-idle = 60
accesslog.filename = "{self.folder}/access.log"
accesslog.format = "%s"
proxy.server = ("" => (("host" => "127.0.0.1", "port" => {origin})))
""")
        self._start(self.port, find("lighttpd"), "-D", "-f", str(self.folder / "host.conf"))

    def _squid(self, origin: int) -> None:
        user = "cache_effective_user proxy" if AS_ROOT else ""
        (self.folder / "run").mkdir()
        (self.folder / "run").chmod(0o777)  # the server's own user writes here
        self._write("host.conf", f"""http_port {self.address}:{self.port} accel defaultsite=localhost
cache_peer 127.0.0.1 parent {origin} 0 no-query no-digest originserver
{self.host.config}
http_access allow all
cache deny all
{user}
visible_hostname localhost
pid_filename none
coredump_dir {self.folder}/run
cache_log {self.folder}/run/cache.log
logformat status %>Hs
access_log stdio:{self.folder}/run/access.log status
pinger_enable off
netdb_filename none
shutdown_lifetime 0 seconds
""")
        self._start(self.port, find("squid"), "-N", "-f", str(self.folder / "host.conf"))


def indent(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


def nginx(folder: Path, name: str, listen: str, around: str, inside: str) -> str:
    user = "user root;" if AS_ROOT else ""
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{name}-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""{user} worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.log;
events {{ worker_connections 2048; }}
http {{
log_format status $status;
access_log {folder}/access.log status;
keepalive_requests 100000;
default_type application/octet-stream;
{temporary}
{around}
server {{ listen {listen}; root {folder}/www;
{inside}
}}
}}
"""


def remove_stale_namespaces() -> None:
    """Removes namespaces of earlier runs that were killed: those whose process is gone."""
    folder = Path("/run/netns")
    for path in folder.glob(f"{NAMESPACE_PREFIX}-*") if AS_ROOT and folder.is_dir() else []:
        if not Path(f"/proc/{path.name.split('-')[1]}").exists():
            subprocess.run([find("ip"), "netns", "del", path.name], capture_output=True, timeout=TOOL_MAX_S)
