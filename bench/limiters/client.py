"""A small HTTP client that is told the limit: `client.py JSON` prints JSON. The self-check runs it, where the client belongs.

It asks for the files 0 to `files` - 1 at the pace that the limit allows, or, for an overrun, at a multiple of it.
"""

import collections
import http.client
import json
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
import content  # noqa: E402


class Bucket:
    """A token bucket from its user's side: `at_once` requests, then one each `gap_s`; lateness is made up only as far as the
    bucket is deep."""

    def __init__(self, gap_s: float, at_once: int):
        self.gap_s, self.depth = gap_s, at_once
        self.next = time.monotonic() - (at_once - 1) * gap_s

    def take(self) -> None:
        self.next = max(self.next, time.monotonic() - (self.depth - 1) * self.gap_s)
        time.sleep(max(0.0, self.next - time.monotonic()))
        self.next += self.gap_s


class Client:
    def __init__(self, task: dict):
        self.task = task
        self.buckets = [Bucket(gap_s, at_once) for gap_s, at_once in task["buckets"]]
        self.turn = threading.Lock()
        self.queue = collections.deque(range(task["files"]))
        self.until = time.monotonic() + task["seconds_max"]
        self.lock = threading.Lock()
        self.result = {"served": 0, "wrong": 0, "forms": collections.Counter()}

    def work(self) -> None:
        connection = http.client.HTTPConnection(self.task["address"], self.task["port"], timeout=self.task["abandon_s"])
        while time.monotonic() < self.until:
            try:
                number = self.queue.popleft()
            except IndexError:
                break
            with self.turn:
                for bucket in self.buckets:
                    bucket.take()
            form, body = self.get(connection, number)
            # Where no burst is allowed, only the answer tells when the request was there.
            time.sleep(self.task["after_s"])
            with self.lock:
                if form == "200":
                    right = body == content.content(number, self.task["size"])
                    self.result["served" if right else "wrong"] += 1
                    continue
                self.result["forms"][form] += 1
                if self.task["refused_max"] and self.result["forms"].total() >= self.task["refused_max"]:
                    break
            self.queue.append(number)
        connection.close()

    def get(self, connection: http.client.HTTPConnection, number: int) -> tuple[str, bytes]:
        """The form of the answer (a status, `reset`, `closed`, `silence` or `refused`) and its body."""
        try:
            connection.request(
                "GET", "/" + content.name(number), headers={"Connection": "keep-alive" if self.task["keep_alive"] else "close"}
            )
            response = connection.getresponse()
            return str(response.status), response.read()
        except TimeoutError:
            form = "silence"
        except ConnectionRefusedError:
            form = "refused"
        except (ConnectionResetError, BrokenPipeError):
            form = "reset"
        except (http.client.HTTPException, OSError):
            form = "closed"
        connection.close()
        return form, b""


def main() -> None:
    client = Client(json.loads(sys.argv[1]))
    begun = time.monotonic()
    threads = [threading.Thread(target=client.work) for _ in range(client.task["concurrent"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(client.result | {"seconds": time.monotonic() - begun}))


main()
