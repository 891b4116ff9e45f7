//! The chores that only start other programs: verify, fix, sim, bench.
//! Invariant: verify leaves the working tree as it found it, and says so when it does not.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{tidy, workspace};

/// The first part of CI, and what a change passes before review. CI simulates in a part of its
/// own, and more than a minute.
pub fn verify(simulate: bool) -> Result<()> {
    let before = tree_state();
    workspace::step("format", workspace::cargo().args(["fmt", "--all", "--check"]))?;
    println!("== tidy");
    tidy::run()?;
    let mut clippy = workspace::cargo();
    clippy.args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    workspace::step("clippy", &mut clippy)?;
    // Documentation tests are part of this: no `--all-targets`, which would leave them out.
    let mut tests = workspace::cargo();
    tests.args(["test", "--quiet", "--workspace"]).env("INSTA_UPDATE", "no");
    workspace::step("tests", &mut tests)?;
    let mut docs = workspace::cargo();
    docs.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    workspace::step("rustdoc", &mut docs)?;
    if simulate {
        workspace::step("simulation", simulator()?.args(["--seconds", "60"]))?;
    }
    let after = tree_state();
    if before != after {
        bail!("verify changed the working tree; a test writes into the sources:\n{after}");
    }
    println!("verify: everything passes");
    Ok(())
}

/// Writes what `verify` would complain about and a machine can mend.
pub fn fix() -> Result<()> {
    workspace::step("format", workspace::cargo().args(["fmt", "--all"]))?;
    let mut clippy = workspace::cargo();
    clippy.args(["clippy", "--quiet", "--workspace", "--all-targets", "--fix"]);
    clippy.args(["--allow-dirty", "--allow-staged"]);
    workspace::step("clippy --fix", &mut clippy)?;
    workspace::step("format", workspace::cargo().args(["fmt", "--all"]))
}

/// Passes everything on to the simulator.
pub fn sim(args: &[String]) -> Result<()> {
    workspace::step("sim", simulator()?.args(args))
}

/// Builds the program and the benchmarks and runs them: a smoke run with the profile that the
/// tests have built already, figures to quote with the release's.
pub fn bench(args: &[String]) -> Result<()> {
    let is_smoke = args.iter().any(|arg| arg == "--smoke");
    let bench = if is_smoke { workspace::program("tribune-bench")? } else { release()? };
    let mut run = Command::new(&bench);
    run.arg("run").args(args);
    if !args.iter().any(|arg| arg.starts_with("--program")) {
        run.arg("--program").arg(bench.with_file_name("tribune"));
    }
    workspace::step("bench", &mut run)
}

/// The program and the benchmarks as users get them.
fn release() -> Result<PathBuf> {
    let mut build = workspace::cargo();
    build.args(["build", "--quiet", "--release", "--package", "tribune-bench"]);
    workspace::step("build", build.args(["--package", "tribune"]))?;
    Ok(workspace::target().join("release").join("tribune-bench"))
}

fn simulator() -> Result<Command> {
    let mut command = Command::new(workspace::program("tribune-sim")?);
    command.current_dir(workspace::root());
    Ok(command)
}

/// What git says of the working tree; empty where there is no git.
fn tree_state() -> String {
    let mut git = Command::new("git");
    git.current_dir(workspace::root()).args(["status", "--porcelain"]);
    workspace::output(&mut git).unwrap_or_default()
}
