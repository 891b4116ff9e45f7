//! The programs that are tried.

use std::path::Path;

use anyhow::Result;

use super::stage::Stage;
use super::{haproxy, python, rust, scrape, scripts, template};

/// One program.
pub struct Guest {
    pub name: &'static str,
    /// What of it is tried.
    pub what: &'static str,
    /// True for what takes too long to have for every change.
    pub is_heavy: bool,
    /// Has and builds it in a folder of its own.
    pub prepare: fn(&Path) -> Result<Prepared>,
    /// Tries it and says what it saw.
    pub attempt: fn(&Stage) -> Result<String>,
}

/// Whether a program could be had.
pub enum Prepared {
    Ready,
    /// It could not, and why.
    Absent(String),
}

pub const ALL: &[Guest] = &[
    Guest {
        name: "haproxy",
        what: "server-template by DNS SRV: instances come, fail and go without a reload",
        is_heavy: false,
        prepare: haproxy::prepare,
        attempt: haproxy::attempt,
    },
    Guest {
        name: "vmagent",
        what: "consul_sd: targets come, fail and go; by tag, node metadata and health",
        is_heavy: false,
        prepare: scrape::prepare_vmagent,
        attempt: scrape::attempt_vmagent,
    },
    Guest {
        name: "consul-template",
        what: "services, keys, ls and tree are rendered, and again after each change",
        is_heavy: false,
        prepare: template::prepare,
        attempt: template::attempt,
    },
    Guest {
        name: "py-consul",
        what: "its own live tests",
        is_heavy: false,
        prepare: python::prepare,
        attempt: python::attempt,
    },
    Guest {
        name: "rs-consul",
        what: "its own live tests",
        is_heavy: true,
        prepare: rust::prepare,
        attempt: rust::attempt,
    },
    Guest {
        name: "prometheus",
        what: "consul_sd: targets come, fail and go; by tag, node metadata and health",
        is_heavy: true,
        prepare: scrape::prepare_prometheus,
        attempt: scrape::attempt_prometheus,
    },
    Guest {
        name: "consul-node",
        what: "the npm package `consul`: register, health, key/value, session and watch",
        is_heavy: false,
        prepare: scripts::prepare_node,
        attempt: scripts::attempt_node,
    },
    Guest {
        name: "python-consul2",
        what: "register, health, key/value and sessions",
        is_heavy: true,
        prepare: scripts::prepare_python2,
        attempt: scripts::attempt_python2,
    },
    Guest {
        name: "consul-java",
        what: "com.ecwid.consul:consul-api: register, health, key/value and sessions",
        is_heavy: true,
        prepare: scripts::prepare_java,
        attempt: scripts::attempt_java,
    },
    Guest {
        name: "go-kit",
        what: "sd/consul: an instancer sees instances come, fail and go",
        is_heavy: true,
        prepare: scripts::prepare_go_kit,
        attempt: scripts::attempt_go_kit,
    },
];
