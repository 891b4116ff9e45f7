//! Programs had from the Go module proxy, built in a scratch module.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::guests::Prepared;
use crate::workspace;

/// What is built.
pub struct GoProgram {
    /// The path of the package that is fetched.
    pub package: &'static str,
    pub version: &'static str,
    /// Our own main package over it, or nothing to build the package itself.
    pub main: Option<&'static str>,
    /// Build tags, comma separated.
    pub tags: &'static str,
}

impl GoProgram {
    /// Fetches and builds what is not there yet.
    pub fn prepare(&self, folder: &Path) -> Result<Prepared> {
        let mut go = Command::new("go");
        if let Err(error) = workspace::output(go.arg("version")) {
            return Ok(Prepared::Absent(format!("go: {error:#}")));
        }
        let module = folder.join("module");
        let stamp = folder.join("fetched");
        let wanted = format!("{} {}\n", self.package, self.version);
        if !fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            if module.exists() {
                fs::remove_dir_all(&module)?;
            }
            fs::create_dir_all(&module)?;
            run(&module, &["mod", "init", "scratch"])?;
            let asked = format!("{}@{}", self.package, self.version);
            if let Err(error) = run(&module, &["get", &asked]) {
                return Ok(Prepared::Absent(format!("{error:#}")));
            }
            fs::write(&stamp, wanted)?;
        }
        if let Some(main) = self.main {
            fs::write(module.join("main.go"), main)?;
        }
        let program = program(folder).display().to_string();
        let what = if self.main.is_some() { "." } else { self.package };
        run(&module, &["build", "-tags", self.tags, "-o", &program, what])?;
        Ok(Prepared::Ready)
    }
}

/// Where the built program lies.
pub fn program(folder: &Path) -> PathBuf {
    folder.join("program")
}

fn run(module: &Path, arguments: &[&str]) -> Result<()> {
    let mut go = Command::new("go");
    let done = go.current_dir(module).args(arguments).output().context("start go")?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        let last = said.trim().lines().last().unwrap_or_default().to_owned();
        bail!("go {}: {last}", arguments.join(" "));
    }
    Ok(())
}
