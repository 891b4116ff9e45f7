//! The system: its kernel, its distribution, how long it runs, and on what kind of machine.

use std::path::Path;

use tribune_api::agent::host::HostSystem;

use super::{read, uptime_s};

pub(super) fn system() -> HostSystem {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let release = Release::parse(&read("/etc/os-release"));
    let uptime = uptime_s();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let (virtualization_system, virtualization_role) = virtualization();
    HostSystem {
        hostname: text(uname.nodename()),
        uptime,
        boot_time: since.map_or(0, |since| since.as_secs()).saturating_sub(uptime),
        procs: processes(),
        os: std::env::consts::OS.to_owned(),
        platform: release.id,
        platform_family: release.family,
        platform_version: release.version,
        kernel_version: text(uname.release()),
        kernel_arch: text(uname.machine()),
        virtualization_system,
        virtualization_role,
        host_id: host_id(),
    }
}

fn processes() -> u64 {
    let is_process = |entry: &std::fs::DirEntry| {
        entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit())
    };
    let count = std::fs::read_dir("/proc")
        .map_or(0, |entries| entries.flatten().filter(is_process).count());
    u64::try_from(count).unwrap_or(0)
}

/// The machine's own id where it can be read, else the installation's.
fn host_id() -> String {
    let machine = read("/sys/class/dmi/id/product_uuid").trim().to_lowercase();
    if !machine.is_empty() {
        return machine;
    }
    let id = read("/etc/machine-id").trim().to_owned();
    match uuid::Uuid::try_parse(&id) {
        Ok(id) => id.to_string(),
        Err(_) => id,
    }
}

/// What the machine is a guest of, as far as it shows.
fn virtualization() -> (String, String) {
    let guest = |name: &str| (name.to_owned(), "guest".to_owned());
    if Path::new("/.dockerenv").exists() {
        return guest("docker");
    }
    let cgroup = read("/proc/self/cgroup");
    for name in ["docker", "lxc", "kubepods"] {
        if cgroup.contains(name) {
            return guest(if name == "kubepods" { "docker" } else { name });
        }
    }
    let product = read("/sys/class/dmi/id/product_name") + &read("/sys/class/dmi/id/sys_vendor");
    for (mark, name) in [
        ("KVM", "kvm"),
        ("QEMU", "kvm"),
        ("VMware", "vmware"),
        ("VirtualBox", "vbox"),
        ("Xen", "xen"),
    ] {
        if product.contains(mark) {
            return guest(name);
        }
    }
    match read("/proc/cpuinfo").contains(" hypervisor") {
        true => guest("kvm"),
        false => (String::new(), String::new()),
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Release {
    id: String,
    family: String,
    version: String,
}

impl Release {
    /// From os-release(5): names and values, perhaps in quotes.
    fn parse(text: &str) -> Release {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
        };
        let (id, like) = (value("ID"), value("ID_LIKE"));
        let family = like.split(' ').next().filter(|first| !first.is_empty()).unwrap_or(&id);
        Release { family: family.to_owned(), version: value("VERSION_ID"), id }
    }
}

/// The kind of file system that a path is on: that of the longest mount point above it.
pub(super) fn file_system(mounts: &str, path: &Path) -> String {
    let mount = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let point = words.next()?.replace("\\040", " ");
        let kind = words.next()?.to_owned();
        path.starts_with(&point).then_some((point.len(), kind))
    };
    // Of two mounts at one place the later lies above.
    mounts
        .lines()
        .filter_map(mount)
        .max_by_key(|(length, _)| *length)
        .map(|m| m.1)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_distribution_is_named_by_its_id() {
        let release =
            Release::parse("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID='24.04'\n");
        assert_eq!(
            release,
            Release { id: "ubuntu".into(), family: "debian".into(), version: "24.04".into() }
        );
        assert_eq!(Release::parse("ID=debian\n").family, "debian");
    }

    #[test]
    fn the_file_system_is_that_of_the_longest_mount_point() {
        let mounts = "a / ext4 rw 0 0\nb /var xfs rw 0 0\nc /var/lib/my\\040data zfs rw 0 0\n";
        for (path, expected) in [
            ("/etc", "ext4"),
            ("/var/lib", "xfs"),
            ("/var/lib/my data/x", "zfs"),
            ("/variable", "ext4"),
        ] {
            assert_eq!(file_system(mounts, Path::new(path)), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            Release::parse(&text);
            file_system(&text, Path::new("/var/lib"));
        }
    }
}
