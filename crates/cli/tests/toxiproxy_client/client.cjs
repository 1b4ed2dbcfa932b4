// Toxiproxy's client library for Node, `toxiproxy-node-client`, drives the proxies of `longhaul serve --control`.
//
// Usage: client.cjs CONTROL_PORT UPSTREAM_PORT, where an echo listens on the second port of loopback. The exit code is 77
// where the library is not installed.

"use strict";

const assert = require("node:assert");
const net = require("node:net");

let library;
try {
  library = require("toxiproxy-node-client");
} catch (error) {
  console.log(error.message.split("\n")[0]);
  process.exit(77);
}
const { Toxiproxy, ToxiproxyError } = library;

const TIMEOUT_MS = 20_000;
const [controlPort, upstreamPort] = process.argv.slice(2);
const upstream = `127.0.0.1:${upstreamPort}`;

// What comes back, how the connection ended, and after how many milliseconds the first of it came.
function roundTrip(proxy, sent = "hello") {
  return new Promise((resolve) => {
    const [host, port] = proxy.listen.split(":");
    const client = net.connect({ host, port: Number(port) });
    const start = performance.now();
    const trip = { received: "", code: null, elapsed: null };
    client.setTimeout(TIMEOUT_MS, () => client.destroy(new Error("the test is out of patience")));
    client.on("connect", () => client.write(sent));
    client.on("data", (piece) => {
      trip.elapsed ??= performance.now() - start;
      trip.received += piece;
      if (trip.received.length >= sent.length) client.end();
    });
    client.on("error", (error) => { trip.code = error.code ?? error.message; });
    client.on("close", () => resolve(trip));
  });
}

async function main() {
  const toxiproxy = new Toxiproxy(`http://127.0.0.1:${controlPort}`);
  assert.match(await toxiproxy.getVersion(), /longhaul/);
  assert.deepStrictEqual(await toxiproxy.getAll(), {});

  // Create.
  const proxy = await toxiproxy.createProxy({ name: "echo", listen: "localhost:0", upstream });
  assert.ok(proxy.enabled && !proxy.listen.endsWith(":0"), proxy.listen);
  assert.strictEqual((await roundTrip(proxy)).received, "hello");
  await assert.rejects(toxiproxy.createProxy({ name: "echo", upstream }), (error) =>
    error instanceof ToxiproxyError && /409/.test(error.message));
  assert.strictEqual((await toxiproxy.get("echo")).listen, proxy.listen);
  await assert.rejects(toxiproxy.get("other"), /404/);

  // Toxics come, change and go.
  const latency = await proxy.addToxic({ type: "latency", attributes: { latency: 300, jitter: 0 } });
  assert.deepStrictEqual([latency.name, latency.stream, latency.toxicity], ["latency_downstream", "downstream", 1]);
  let trip = await roundTrip(proxy);
  assert.ok(trip.received === "hello" && trip.elapsed >= 300, trip);
  const longer = await latency.update({ attributes: { latency: 500 }, toxicity: 1 });
  assert.deepStrictEqual(longer.attributes, { latency: 500, jitter: 0 });
  trip = await roundTrip(proxy);
  assert.ok(trip.elapsed >= 500, trip);
  assert.deepStrictEqual((await proxy.getToxic(latency.name)).toJson(), longer.toJson());
  await latency.remove();
  await assert.rejects(proxy.getToxic(latency.name), /404/);

  // Every kind is taken, and has the attributes that it was given.
  for (const [type, attributes] of Object.entries({
    bandwidth: { rate: 1000 },
    slow_close: { delay: 10 },
    slicer: { average_size: 3, size_variation: 1, delay: 100 },
    limit_data: { bytes: 3 },
  })) {
    const toxic = await proxy.addToxic({ name: type, type, stream: "downstream", toxicity: 1, attributes });
    assert.deepStrictEqual(toxic.attributes, attributes);
  }
  assert.strictEqual((await roundTrip(proxy)).received, "hel");
  await assert.rejects(proxy.addToxic({ type: "poison", attributes: {} }), /400/);

  // Down, and up again; then reset.
  const { name, listen } = proxy;
  assert.strictEqual((await proxy.update({ name, listen, upstream, enabled: false })).enabled, false);
  assert.strictEqual((await roundTrip(proxy)).code, "ECONNREFUSED");
  await toxiproxy.reset();
  assert.strictEqual((await toxiproxy.get("echo")).enabled, true);
  assert.strictEqual((await roundTrip(proxy)).received, "hello");
  await proxy.addToxic({ type: "reset_peer", attributes: { timeout: 10 } });
  assert.strictEqual((await roundTrip(proxy)).code, "ECONNRESET");

  // Populate, and clear away.
  const populated = await toxiproxy.populate([
    { name: "echo", listen, upstream },
    { name: "one", listen: "127.0.0.1:0", upstream },
  ]);
  assert.deepStrictEqual(Object.keys(populated), ["echo", "one"]);
  assert.strictEqual((await roundTrip(populated.one)).received, "hello");
  for (const each of Object.values(await toxiproxy.getAll())) await each.remove();
  assert.deepStrictEqual(await toxiproxy.getAll(), {});
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
