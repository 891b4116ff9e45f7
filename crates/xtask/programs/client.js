// The npm package `consul` against a fresh agent: each step fails the run when it is not so.
const assert = require("node:assert");
const http = require("node:http");
const Consul = require("consul");

const consul = new Consul({ host: "127.0.0.1", port: 8500 });

const once = (watch, wanted) =>
  new Promise((resolve, reject) => {
    watch.on("error", reject);
    watch.on("change", (data) => wanted(data) && resolve(data));
  });

async function services() {
  await consul.agent.service.register({
    id: "web1",
    name: "web",
    tags: ["blue"],
    address: "127.0.0.1",
    port: 9001,
    check: { name: "alive", ttl: "30s", status: "passing" },
  });
  const passing = () => consul.health.service({ service: "web", passing: true });
  assert.strictEqual((await passing())[0].Service.Port, 9001);
  const gone = once(
    consul.watch({ method: consul.health.service, options: { service: "web", passing: true } }),
    (list) => list.length === 0,
  );
  await consul.agent.check.fail({ id: "service:web1", note: "tired" });
  await gone;
  const checks = await consul.health.checks("web");
  assert.strictEqual(checks[0].Output, "tired");
  await consul.agent.check.pass("service:web1");
  assert.strictEqual((await passing()).length, 1);
  assert.deepStrictEqual((await consul.catalog.service.list()).web, ["blue"]);
  await consul.agent.service.maintenance({ id: "web1", enable: true, reason: "upgrade" });
  assert.strictEqual((await passing()).length, 0);
  await consul.agent.service.deregister("web1");
  assert.strictEqual((await consul.catalog.service.nodes("web")).length, 0);
}

async function keys() {
  assert.strictEqual(await consul.kv.set("a/b", "one"), true);
  assert.strictEqual((await consul.kv.get("a/b")).Value, "one");
  // The client makes nothing of an answer `false`.
  assert.strictEqual(await consul.kv.set({ key: "a/b", value: "two", cas: "0" }), undefined);
  assert.strictEqual((await consul.kv.get("a/b")).Value, "one");
  assert.deepStrictEqual(await consul.kv.keys("a/"), ["a/b"]);
  const changed = once(
    consul.watch({ method: consul.kv.get, options: { key: "a/b" } }),
    (item) => item && item.Value === "three",
  );
  await consul.transaction.create([
    { KV: { Verb: "set", Key: "a/b", Value: Buffer.from("three").toString("base64") } },
  ]);
  await changed;
  await consul.kv.del({ key: "a", recurse: true });
  assert.strictEqual(await consul.kv.get("a/b"), undefined);
}

async function sessions() {
  const { ID } = await consul.session.create({ name: "lock", ttl: "10s" });
  assert.strictEqual(await consul.kv.set({ key: "lock", value: "", acquire: ID }), true);
  assert.strictEqual((await consul.kv.get("lock")).Session, ID);
  assert.strictEqual((await consul.session.renew(ID))[0].ID, ID);
  assert.strictEqual(await consul.kv.set({ key: "lock", value: "", release: ID }), true);
  await consul.session.destroy(ID);
  assert.strictEqual((await consul.session.list()).length, 0);
}

async function rest() {
  assert.match(await consul.status.leader(), /:\d+$/);
  assert.strictEqual((await consul.agent.members()).length, 1);
  assert.strictEqual((await consul.agent.self()).Config.Datacenter, "dc1");
  assert.deepStrictEqual(await consul.catalog.datacenters(), ["dc1"]);
  await consul.event.fire("deploy", "53");
  assert.strictEqual((await consul.event.list("deploy"))[0].Payload, "53");
}

(async () => {
  await services();
  await keys();
  await sessions();
  await rest();
  console.log("services, checks, watches, keys, transactions, sessions and events");
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
