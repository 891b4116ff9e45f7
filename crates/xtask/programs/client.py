"""python-consul2 against a fresh agent: each step fails the run when it is not so."""

import consul

c = consul.Consul()

c.agent.service.register(
    "web", service_id="web1", address="127.0.0.1", port=9001, tags=["blue"],
    check=consul.Check.ttl("30s"),
)
assert c.agent.check.ttl_pass("service:web1")
index, nodes = c.health.service("web", passing=True)
assert [node["Service"]["Port"] for node in nodes] == [9001], nodes
assert c.agent.check.ttl_fail("service:web1", "tired")
index, nodes = c.health.service("web", passing=True, index=index, wait="5s")
assert nodes == [], nodes
_, services = c.catalog.services()
assert services["web"] == ["blue"], services
assert c.agent.service.deregister("web1")

assert c.kv.put("a/b", "one")
index, item = c.kv.get("a/b")
assert item["Value"] == b"one", item
assert not c.kv.put("a/b", "two", cas=0)
assert c.kv.get("a/", keys=True)[1] == ["a/b"]
assert c.kv.delete("a", recurse=True)

session = c.session.create(name="lock", ttl=10)
assert c.kv.put("lock", "", acquire=session)
assert c.session.renew(session)["ID"] == session
assert c.kv.put("lock", "", release=session)
assert c.session.destroy(session)

c.event.fire("deploy", "53")
assert c.status.leader()
assert len(c.agent.members()) == 1
print("services, checks, keys, sessions and events")
