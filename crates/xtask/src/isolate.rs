//! Namespaces for what is run to be judged: a network with free ports and a loopback of its own,
//! and processes that end with the first of them. Where that is not allowed, all runs as it is.

use std::process::Command;

use crate::workspace;

/// Whether this user may make namespaces; root may, in most places.
pub fn possible() -> bool {
    let mut probe = Command::new("unshare");
    probe.args(NAMESPACES).args(["ip", "link", "set", "lo", "up"]);
    workspace::output(&mut probe).is_ok()
}

/// `program arguments...` under a shell that first runs `prelude`, in namespaces of its own with
/// loopback up if `isolated`. The prelude ends with a semicolon or is empty.
pub fn shell(isolated: bool, prelude: &str, program: &[String]) -> Command {
    let mut command = if isolated {
        let mut unshare = Command::new("unshare");
        unshare.args(NAMESPACES).args(["sh", "-c"]);
        unshare.arg(format!("{prelude} ip link set lo up; \"$@\""));
        unshare
    } else {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{prelude} exec \"$@\""));
        shell
    };
    command.arg("sh").args(program);
    command
}

/// Network and processes apart; what is left running ends with the first process.
const NAMESPACES: &[&str] = &["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
