"""The hosts: for each a real server, the lines of its configuration that limit clients, and what that limit allows.

`best` is the time that a client needs which knows the limit and makes full use of it. It follows from the limit and from the
number of files; `--self-check` proves it with a client that is told the limit.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limit:
    """What a host allows one client."""

    per_second: float = 0.0  # requests or connections a second; 0 is any number
    at_once: int = 1  # so many may come at once after a silence
    concurrent: int = 8  # requests in progress, and open connections; 8 where the host sets no limit
    answer_s: float = 0.0  # how long a request takes
    keep_alive: bool = True
    window: int = 0  # where a burst gains nothing: how many come through at once all the same
    also: tuple[float, int] = (0.0, 0)  # a second limit on top: a rate a second, and how many at once

    def strict(self) -> bool:
        """Each request has to keep its distance from the one before."""
        return self.per_second > 0 and self.at_once == 1 and not self.window

    def allowed_in(self, seconds: float) -> float:
        """How many requests come through in that time, at most."""
        if self.per_second:
            return max(self.at_once, self.window) + self.per_second * seconds
        return self.concurrent * seconds / self.answer_s if self.answer_s else float("inf")

    def best_s(self, files: int) -> float:
        by_rate = max(0, files - self.at_once) / self.per_second if self.per_second else 0.0
        return max(by_rate, files * self.answer_s / self.concurrent)


@dataclass(frozen=True)
class Host:
    name: str
    title: str
    server: str  # nginx, haproxy, apache2, lighttpd or squid
    config: str  # the lines that limit; servers.py has the rest
    files: int
    limit: Limit
    ban_s: float = 0.0
    prolonged: bool = False  # a request during the ban makes it last longer
    refusal: str = "403 429 444 503"  # how the server's log marks a request that it refused
    size: int | None = None  # of each file, in bytes
    rules: str = ""  # of nftables; the host then has a network namespace of its own
    short_files: int = 0  # number of files in the short form; 0: it has no part there
    refuses: bool = True  # False: the host delays and refuses nothing
    abandon_s: float = 10.0  # a client that knows this host waits so long for an answer
    overrun: float = 3.0  # the self-check asks so many times more than is allowed
    refused_by_chance: int = 0  # so many are refused whatever the pace
    best_stated_s: float | None = field(default=None)  # where no formula gives it; the title or a comment says why

    def best_s(self, files: int) -> float:
        return self.best_stated_s if self.best_stated_s is not None else self.limit.best_s(files)


def nginx_limit_req(zone: str, use: str) -> str:
    return f"limit_req_zone $binary_remote_addr zone=z:1m rate={zone};\n#server\n{use}"


def haproxy_window(count: int, seconds: int, action: str) -> str:
    """A sliding window over requests. Refused requests count too, because they are tracked before the rule."""
    return f"""stick-table type ip size 1k expire 10m store http_req_rate({seconds}s)
http-request track-sc0 src
http-request {action} if {{ sc_http_req_rate(0) gt {count} }}"""


def haproxy_ban(count: int, seconds: int, ban_s: int, action: str, prolonged: bool = False) -> str:
    """More than `count` requests in `seconds` bring a ban: an entry of a second table that lives for `ban_s`.

    A look-up does not renew the entry; `prolonged` tracks it again at each refused request, which does.
    """
    renew = "http-request track-sc1 src table bans if { src,table_gpc0(bans) gt 0 }\n" if prolonged else ""
    return f"""stick-table type ip size 1k expire 10m store http_req_rate({seconds}s)
{renew}http-request {action} if {{ src,table_gpc0(bans) gt 0 }}
http-request track-sc0 src
http-request track-sc1 src table bans if {{ sc_http_req_rate(0) gt {count} }}
http-request sc-inc-gpc0(1) if {{ sc_http_req_rate(0) gt {count} }}
http-request {action} if {{ sc_http_req_rate(0) gt {count} }}
#end
backend bans
  stick-table type ip size 1k expire {ban_s}s store gpc0"""


def evasive(count: int, ban_s: int) -> str:
    """At most `count` requests in a calendar second. A DOSSiteInterval above 1 would not be a window: mod_evasive forgets its
    count only after so long a silence."""
    return f"""LoadModule evasive20_module /usr/lib/apache2/modules/mod_evasive20.so
DOSHashTableSize 3097
DOSPageCount 100000
DOSPageInterval 1
DOSSiteCount {count}
DOSSiteInterval 1
DOSBlockingPeriod {ban_s}"""


def lighttpd_evasive(count: int) -> str:
    """lighttpd 1.4 has replaced its mod_evasive by a script for mod_magnet; this one counts the requests in progress."""
    return f"""local address, count = lighty.r.req_attr["request.remote-addr"], 0
for r in lighty.server.irequests() do
  local stage = r.req_attr["request.stage"]
  if r.req_attr["request.remote-addr"] == address and (stage == "handle-req" or stage == "write") then count = count + 1 end
end
if count > {count} then return 403 end
return 0"""


def nft_ban(rate: str, ban_s: int, prolonged: bool, action: str) -> str:
    verb = "update @banned { ip saddr } " if prolonged else ""
    return f"""
  set banned {{ type ipv4_addr; size 1024; flags dynamic,timeout; timeout {ban_s}s; }}
  set seen {{ type ipv4_addr; size 1024; flags dynamic; }}
  chain input {{
    type filter hook input priority 0;
    tcp dport 80 ct state new ip saddr @banned {verb}counter name refused {action}
    tcp dport 80 ct state new update @seen {{ ip saddr limit rate over {rate} }} add @banned {{ ip saddr }} counter name refused {action}
  }}"""


def nft_chain(rule: str) -> str:
    return f"\n  chain input {{\n    type filter hook input priority 0;\n    {rule}\n  }}"


RESET = "reject with tcp reset"
NO_KEEP_ALIVE = "keepalive_timeout 0;"

# A window: HAProxy estimates a sliding one from two fixed ones, so that after a burst at the start the next window begins full,
# and mod_evasive counts calendar seconds. A burst gains nothing, `at_once` is 1, and the best time is files / rate.
HOSTS = [
    # The hosts on which the pace was found wanting.
    Host("nginx-100", "nginx limit_req 100/s, no burst, 503", "nginx",
         nginx_limit_req("100r/s", "limit_req zone=z;"), 2500, Limit(100), short_files=800),
    Host("nginx-20-403", "nginx limit_req 20/s burst 5, 403", "nginx",
         nginx_limit_req("20r/s", "limit_req zone=z burst=5 nodelay; limit_req_status 403;"), 600, Limit(20, 6),
         short_files=160),
    Host("nginx-20-444", "nginx limit_req 20/s burst 5, 444 (close)", "nginx",
         nginx_limit_req("20r/s", "limit_req zone=z burst=5 nodelay; limit_req_status 444;"), 600, Limit(20, 6)),
    Host("haproxy-20-in-10", "HAProxy, 20 requests in 10 s, 429, refused ones count", "haproxy",
         haproxy_window(20, 10, "deny deny_status 429"), 100, Limit(2, window=20)),
    Host("haproxy-4-connections", "HAProxy, more than 4 connections: 503 (50 ms)", "haproxy",
         """stick-table type ip size 1k expire 10m store conn_cur
tcp-request connection track-sc0 src
http-request deny deny_status 503 if { sc_conn_cur(0) gt 4 }""", 1000, Limit(concurrent=4, answer_s=0.05),
         short_files=400),
    Host("haproxy-new-10-in-3", "HAProxy, new connections beyond 10 in 3 s rejected, no keep-alive", "haproxy",
         """option httpclose
stick-table type ip size 1k expire 10m store conn_rate(3s)
tcp-request connection track-sc0 src
tcp-request connection reject if { sc_conn_rate(0) gt 10 }""", 100, Limit(10 / 3, window=10, keep_alive=False)),
    Host("haproxy-silent-50-in-10", "HAProxy silent-drop beyond 50 in 10 s", "haproxy",
         haproxy_window(50, 10, "silent-drop"), 300, Limit(5, window=50), refusal="-1"),
    Host("haproxy-ban-30-403", "HAProxy ban of 30 s after 50 in 1 s, 403", "haproxy",
         haproxy_ban(50, 1, 30, "deny deny_status 403"), 1500, Limit(50, window=50), ban_s=30),
    Host("haproxy-ban-30-429", "HAProxy ban of 30 s after 50 in 1 s, 429", "haproxy",
         haproxy_ban(50, 1, 30, "deny deny_status 429"), 1500, Limit(50, window=50), ban_s=30),
    Host("haproxy-ban-30-close", "HAProxy ban of 30 s after 50 in 1 s, close", "haproxy",
         haproxy_ban(50, 1, 30, "reject"), 1500, Limit(50, window=50), ban_s=30, refusal="-1"),
    Host("haproxy-ban-5-close", "HAProxy ban of 5 s after 100 in 1 s, close", "haproxy",
         haproxy_ban(100, 1, 5, "reject"), 3000, Limit(100, window=100), ban_s=5, refusal="-1", short_files=1000),
    # Every other request goes to the dead server. HAProxy tries it four times, a second apart, and answers 503 after 3 s. The
    # best is what a client reaches that keeps 16 requests in progress and abandons each that has no answer after 30 ms.
    Host("haproxy-dead-backend", "HAProxy, two backends, one dead, no checks", "haproxy", "#dead", 1000, Limit(concurrent=16),
         abandon_s=0.03, best_stated_s=3.0, refused_by_chance=1000),
    Host("evasive-50", "Apache mod_evasive 50/s, 403 for 10 s, prolonged by hits", "apache2",
         evasive(50, 10), 1500, Limit(50, window=50), ban_s=10, prolonged=True),
    Host("nft-10-reset", "nftables 10 new connections/s, reset, no keep-alive", "nginx", NO_KEEP_ALIVE, 300,
         Limit(10, 5, keep_alive=False), rules=nft_chain(
             f"tcp dport 80 ct state new limit rate over 10/second burst 5 packets counter name refused {RESET}"),
         short_files=100),
    Host("nft-ban-20", "nftables ban of 20 s after 20 new connections/s, drop, prolonged by hits, no keep-alive", "nginx",
         NO_KEEP_ALIVE, 400, Limit(20, 20, keep_alive=False), ban_s=20, prolonged=True,
         rules=nft_ban("20/second burst 20 packets", 20, True, "drop")),
    Host("lighttpd-4", "lighttpd, 403 beyond 4 at a time (100 ms)", "lighttpd", lighttpd_evasive(4), 800,
         Limit(concurrent=4, answer_s=0.1), short_files=240),
    Host("nginx-conn-1", "nginx limit_conn 1, 503 (100 ms)", "nginx",
         "limit_conn_zone $binary_remote_addr zone=z:1m;\n#server\nlimit_conn z 1;", 200,
         Limit(concurrent=1, answer_s=0.1)),
    # Others of the kind, kept for checking.
    Host("nginx-5-429", "nginx limit_req 300/min burst 10, 429 with Retry-After 1", "nginx",
         nginx_limit_req("300r/m", """limit_req zone=z burst=10 nodelay; limit_req_status 429; error_page 429 @late;
location @late { add_header Retry-After 1 always; return 429; }"""), 150, Limit(5, 11)),
    Host("nginx-30-delay", "nginx limit_req 30/s burst 60 delay=10: delays, then 503", "nginx",
         nginx_limit_req("30r/s", "limit_req zone=z burst=60 delay=10;"), 600, Limit(30, 11), overrun=12.0),
    Host("nginx-nested", "nginx limit_req 40/s burst 10 and 600/min burst 100, 503", "nginx",
         nginx_limit_req("40r/s", "limit_req zone=z burst=10 nodelay; limit_req zone=y burst=100 nodelay;").replace(
             "#server", "limit_req_zone $binary_remote_addr zone=y:1m rate=600r/m;\n#server"), 350,
         Limit(10, 101, also=(40, 11)), overrun=12.0),
    Host("nginx-conn-3-429", "nginx limit_conn 3, 429 (60 ms)", "nginx",
         "limit_conn_zone $binary_remote_addr zone=z:1m;\n#server\nlimit_conn z 3; limit_conn_status 429;", 800,
         Limit(concurrent=3, answer_s=0.06), short_files=300),
    Host("nginx-7-close", "nginx limit_req 7/s burst 3, 444 (close), no keep-alive", "nginx",
         NO_KEEP_ALIVE + "\n" + nginx_limit_req("7r/s", "limit_req zone=z burst=3 nodelay; limit_req_status 444;"), 180,
         Limit(7, 4, keep_alive=False)),
    Host("nginx-60-keep-10", "nginx limit_req 60/s burst 20, 503, 10 requests a connection", "nginx",
         nginx_limit_req("60r/s", "limit_req zone=z burst=20 nodelay; keepalive_requests 10;"), 1500, Limit(60, 21)),
    Host("haproxy-100-in-5", "HAProxy, 100 requests in 5 s, 503, refused ones count", "haproxy",
         haproxy_window(100, 5, "deny deny_status 503"), 500, Limit(20, window=100), short_files=200),
    Host("haproxy-retry-after", "HAProxy, 60 requests in 4 s, 429 with Retry-After 4", "haproxy",
         haproxy_window(60, 4, "return status 429 content-type text/plain string slow hdr Retry-After 4"), 450, Limit(15, window=60)),
    Host("haproxy-tarpit", "HAProxy tarpit of 3 s, then 429, beyond 40 in 2 s", "haproxy",
         "timeout tarpit 3s\n" + haproxy_window(40, 2, "tarpit deny_status 429"), 500, Limit(20, window=40)),
    Host("haproxy-reject-30-in-3", "HAProxy, closed beyond 30 requests in 3 s", "haproxy",
         haproxy_window(30, 3, "reject"), 250, Limit(10, window=30), refusal="-1"),
    Host("haproxy-ban-8-prolonged", "HAProxy ban of 8 s after 60 in 2 s, 429, prolonged by hits", "haproxy",
         haproxy_ban(60, 2, 8, "deny deny_status 429", prolonged=True), 750, Limit(30, window=60), ban_s=8, prolonged=True),
    Host("haproxy-queue-2", "HAProxy, 2 requests at a time, the others queue 0.3 s, then 503 (50 ms)", "haproxy",
         "#maxconn 2", 500, Limit(concurrent=2, answer_s=0.05), overrun=20.0),
    Host("haproxy-sessions", "HAProxy rate-limit sessions 25, no keep-alive: delays", "haproxy",
         "option httpclose\nrate-limit sessions 25", 500, Limit(25, keep_alive=False), refuses=False),
    Host("evasive-20", "Apache mod_evasive 20/s, 403 for 4 s, prolonged by hits", "apache2",
         evasive(20, 4), 400, Limit(20, window=20), ban_s=4, prolonged=True, short_files=160),
    Host("apache-ratelimit", "Apache mod_ratelimit 64 KiB/s a response, files of 48 KiB, 16 at a time", "apache2",
         """LoadModule ratelimit_module /usr/lib/apache2/modules/mod_ratelimit.so
<Location />
SetOutputFilter RATE_LIMIT
SetEnv rate-limit 64
</Location>""", 160, Limit(concurrent=16, answer_s=0.6), size=48 * 1024, refuses=False,
         overrun=1.0),
    Host("lighttpd-2", "lighttpd, 403 beyond 2 at a time (40 ms)", "lighttpd", lighttpd_evasive(2), 600,
         Limit(concurrent=2, answer_s=0.04)),
    Host("squid-3", "Squid, more than 3 connections: 403 (60 ms)", "squid",
         "acl many maxconn 3\nhttp_access deny many", 600, Limit(concurrent=3, answer_s=0.06), short_files=200),
    # The bucket is full at the start, and Squid fills it once a second.
    Host("squid-bandwidth", "Squid delay pool, 128 KiB/s for all connections together, files of 16 KiB", "squid",
         "delay_pools 1\ndelay_class 1 1\ndelay_access 1 allow all\ndelay_parameters 1 131072/131072", 160, Limit(8, 8),
         size=16 * 1024, refuses=False),
    Host("nft-20-drop", "nftables 20 new connections/s burst 20, drop, no keep-alive", "nginx", NO_KEEP_ALIVE, 400,
         Limit(20, 20, keep_alive=False), rules=nft_chain(
             "tcp dport 80 ct state new limit rate over 20/second burst 20 packets counter name refused drop"),
         refusal="counter"),
    Host("nft-connlimit-4", "nftables, more than 4 open connections: reset (50 ms)", "nginx", "", 800,
         Limit(concurrent=4, answer_s=0.05), rules=nft_chain(
             f"tcp dport 80 ct state new ct count over 4 counter name refused {RESET}"), short_files=400),
    Host("nft-ban-6-reset", "nftables ban of 6 s after 30 new connections/s, reset, no keep-alive", "nginx", NO_KEEP_ALIVE,
         800, Limit(30, 30, keep_alive=False), ban_s=6, rules=nft_ban("30/second burst 30 packets", 6, False, RESET)),
]
