"""Fixtures for py-consul's own tests: each gets a fresh agent of ours, where it wants a container."""

import collections
import os
import subprocess
import time
import uuid

import pytest
import requests

ConsulInstance = collections.namedtuple("ConsulInstance", ["container", "port", "version"])


# Some of the tests probe this port and expect an agent there.
PORT = 8500


def agent(tmp_path, config=""):
    """Starts an agent, waits until it knows itself, and ends it after the test."""
    path = tmp_path / "agent.hcl"
    path.write_text("enable_script_checks = true\n" + config)
    arguments = [os.environ["TRIBUNE"], "agent", "-dev", f"-config-file={path}"]
    with open(tmp_path / "agent.log", "wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
    try:
        yield ConsulInstance(process, PORT, version(process, tmp_path))
    finally:
        process.kill()
        process.wait()


def version(process, tmp_path):
    base = f"http://127.0.0.1:{PORT}/v1/"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            # The program asks for something that only an agent in its own catalog can tell.
            if requests.get(base + "health/service/consul", timeout=2).json():
                return requests.get(base + "agent/self", timeout=2).json()["Config"]["Version"]
        except requests.RequestException:
            time.sleep(0.02)
    raise RuntimeError("the agent is not ready: " + (tmp_path / "agent.log").read_text()[-500:])


@pytest.fixture
def consul_instance(tmp_path):
    yield from agent(tmp_path)


@pytest.fixture
def acl_consul_instance(tmp_path):
    token = uuid.uuid4().hex
    config = f'acl {{ enabled = true, tokens {{ initial_management = "{token}" }} }}\n'
    for instance in agent(tmp_path, config):
        yield instance, token


@pytest.fixture
def consul_port(consul_instance):
    return consul_instance.port, consul_instance.version
