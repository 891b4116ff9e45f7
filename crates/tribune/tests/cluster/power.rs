//! A disk that loses power keeps every acknowledged write: a real ext4 file system on a loop
//! device is shut down under the server, as a power cut would. Needs root.

use super::agent::Agent;
use super::history::{History, load_until};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Cuts in a normal run; `TRIBUNE_POWER_CUTS` asks for more.
const CUTS: u64 = 3;

/// Cuts of the control, which loses something in nearly every one.
const CONTROL_CUTS: u64 = 10;

/// The size of the file system in MiB: room for a few segments of the log.
const DISK_MIB: u64 = 192;

/// The ioctl that ends an ext4 file system at once, and the flag that forgets its journal's tail.
/// Source: the kernel's ext4 documentation, `EXT4_IOC_SHUTDOWN`.
const SHUTDOWN_GROUP: u8 = b'X';
const SHUTDOWN_NUMBER: u8 = 125;
const SHUTDOWN_WITHOUT_FLUSH: u32 = 2;

struct LoopDisk {
    image: PathBuf,
    mount: PathBuf,
}

impl LoopDisk {
    fn make(base: &Path) -> Option<LoopDisk> {
        let disk = LoopDisk { image: base.join("disk.img"), mount: base.join("mount") };
        std::fs::create_dir_all(&disk.mount).ok()?;
        File::create(&disk.image).ok()?.set_len(DISK_MIB << 20).ok()?;
        run("mkfs.ext4", &["-q", "-F", &disk.image.to_string_lossy()])?;
        disk.mount()?;
        Some(disk)
    }

    fn mount(&self) -> Option<()> {
        run("mount", &["-o", "loop", &self.image.to_string_lossy(), &self.mount.to_string_lossy()])
    }

    fn unmount(&self) -> Option<()> {
        run("umount", &[&self.mount.to_string_lossy()])
    }

    #[expect(unsafe_code, reason = "an ioctl that only tests need; its argument is one number")]
    fn cut(&self) {
        let directory = File::open(&self.mount).expect("the mount");
        const OPCODE: rustix::ioctl::Opcode =
            rustix::ioctl::opcode::read::<u32>(SHUTDOWN_GROUP, SHUTDOWN_NUMBER);
        // Safety: the request takes a pointer to one u32 that it only reads.
        unsafe {
            let request = rustix::ioctl::Setter::<OPCODE, u32>::new(SHUTDOWN_WITHOUT_FLUSH);
            rustix::ioctl::ioctl(&directory, request).expect("the file system ends");
        }
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = self.unmount();
    }
}

fn run(program: &str, args: &[&str]) -> Option<()> {
    let status = Command::new(program).args(args).status().ok()?;
    status.success().then_some(())
}

/// Cuts the power `cuts` times; how often an acknowledged write was lost, if the disk can be made.
fn cuts(program: &Path, cuts: u64) -> Option<u64> {
    let base = std::env::temp_dir().join(format!("tribune-power-{}", std::process::id()));
    std::fs::create_dir_all(&base).ok()?;
    let disk = LoopDisk::make(&base)?;
    let data = disk.mount.join("data");
    let mut history = History::default();
    let mut lost = 0;
    for cut in 0..cuts {
        let mut agent = Agent::start_program(program, &data);
        agent.first_write();
        if cut > 0 {
            lost += history.lost(&agent);
        }
        let address = agent.http;
        load_until(&mut history, address, 300 + cut * 37 % 500, || {
            disk.cut();
            agent.kill();
        });
        disk.unmount()?;
        disk.mount()?;
    }
    let mut agent = Agent::start_program(program, &data);
    agent.first_write();
    lost += history.lost(&agent);
    drop(agent);
    drop(disk);
    let _ = std::fs::remove_dir_all(&base);
    Some(lost)
}

#[test]
fn power_cuts_lose_no_acknowledged_write() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: power cuts need root for a loop-mounted file system");
        return;
    }
    let asked = std::env::var("TRIBUNE_POWER_CUTS").ok().and_then(|text| text.parse().ok());
    let count = asked.unwrap_or(CUTS);
    let Some(lost) = cuts(Path::new(env!("CARGO_BIN_EXE_tribune")), count) else {
        println!("skipped: this system has no loop devices, or no mkfs.ext4");
        return;
    };
    println!("{count} power cuts, {lost} acknowledged writes lost");
    assert_eq!(lost, 0);
}

/// The control: a build that skips the sync does lose, so the test above would notice.
#[test]
fn a_build_without_the_sync_loses_writes() {
    let Some(program) = std::env::var_os("TRIBUNE_CONTROL_PROGRAM") else {
        println!("skipped: TRIBUNE_CONTROL_PROGRAM names no build with planted bugs");
        return;
    };
    // The program reads this; the build of the test above has no such switch.
    let lost = cuts(Path::new(&program), CONTROL_CUTS).expect("a disk");
    println!("control: {lost} acknowledged writes lost in {CONTROL_CUTS} cuts");
    assert!(lost > 0, "the control lost nothing: the test does not bite");
}
