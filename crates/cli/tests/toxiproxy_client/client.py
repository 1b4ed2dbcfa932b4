"""Toxiproxy's client library for Python, `toxiproxy-python`, drives the proxies of `longhaul serve --control`.

Usage: client.py CONTROL_PORT UPSTREAM_PORT, where an echo listens on the second port of loopback. The exit code is 77 where
the library is not installed.
"""

import socket
import sys
import time

try:
    from toxiproxy import Toxiproxy
    from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists
except ImportError as error:
    print(error)
    sys.exit(77)

TIMEOUT_S = 20
CONTROL_PORT, UPSTREAM_PORT = int(sys.argv[1]), int(sys.argv[2])
UPSTREAM = f"127.0.0.1:{UPSTREAM_PORT}"


def place(proxy):
    host, port = proxy.listen.rsplit(":", 1)
    return host, int(port)


def round_trip(proxy, sent=b"hello"):
    """What comes back, and after how many seconds."""
    with socket.create_connection(place(proxy), TIMEOUT_S) as client:
        start = time.monotonic()
        client.sendall(sent)
        received = b""
        while len(received) < len(sent):
            piece = client.recv(len(sent))
            if not piece:
                break
            received += piece
        return received, time.monotonic() - start


def raises(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"expected {kind.__name__}")


toxiproxy = Toxiproxy()
toxiproxy.update_api_consumer("127.0.0.1", CONTROL_PORT)
assert toxiproxy.running()
assert b"longhaul" in toxiproxy.version()
assert toxiproxy.proxies() == {}

# Create.
proxy = toxiproxy.create(upstream=UPSTREAM, name="echo")
assert proxy.enabled and proxy.upstream == UPSTREAM and not proxy.listen.endswith(":0")
assert round_trip(proxy)[0] == b"hello"
raises(ProxyExists, lambda: toxiproxy.create(upstream=UPSTREAM, name="echo"))
assert toxiproxy.get_proxy("echo").listen == proxy.listen
assert toxiproxy.get_proxy("other") is None

# Toxics come and go.
proxy.add_toxic(type="latency", attributes={"latency": 300, "jitter": 0})
proxy.add_toxic(name="up", type="latency", stream="upstream", toxicity=1.0, attributes={"latency": 200})
toxics = proxy.toxics()
assert set(toxics) == {"latency_downstream", "up"}, toxics
assert toxics["up"].stream == "upstream" and toxics["up"].attributes == {"latency": 200, "jitter": 0}
assert proxy.get_toxic("latency_downstream").toxicity == 1.0
received, elapsed = round_trip(proxy)
assert received == b"hello" and elapsed >= 0.5, elapsed
proxy.destroy_toxic("up")
proxy.destroy_toxic("latency_downstream")
assert proxy.toxics() == {}
proxy.add_toxic(type="limit_data", attributes={"bytes": 3})
assert round_trip(proxy)[0] == b"hel"
raises(InvalidToxic, lambda: proxy.add_toxic(type="poison"))
raises(NotFound, lambda: proxy.destroy_toxic("poison"))

# Down, and up again.
with proxy.down():
    raises(ConnectionRefusedError, lambda: round_trip(proxy))
proxy.destroy_toxic("limit_data_downstream")
assert round_trip(proxy)[0] == b"hello"

# Reset.
proxy.add_toxic(type="reset_peer", stream="upstream", attributes={"timeout": 0})
raises(ConnectionResetError, lambda: round_trip(proxy))
proxy.disable()
toxiproxy.reset()
assert toxiproxy.get_proxy("echo").enabled and proxy.toxics() == {}
assert round_trip(proxy)[0] == b"hello"

# Populate, and clear away.
more = [{"name": name, "upstream": UPSTREAM, "listen": "127.0.0.1:0"} for name in ("one", "two")]
toxiproxy.populate(more)
assert set(toxiproxy.proxies()) == {"echo", "one", "two"}
assert round_trip(toxiproxy.get_proxy("two"))[0] == b"hello"
toxiproxy.destroy_all()
assert toxiproxy.proxies() == {}
raises(ConnectionRefusedError, lambda: round_trip(proxy))
