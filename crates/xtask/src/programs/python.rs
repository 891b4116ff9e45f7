//! py-consul's own live tests, from its source package, each against a fresh agent.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::guests::Prepared;
use super::known::{self, Verdict};
use super::stage::Stage;
use crate::workspace;

pub fn prepare(folder: &Path) -> Result<Prepared> {
    let packages = [&["requests==2.32.5"], TESTING].concat();
    if let Prepared::Absent(why) = environment(folder, &packages)? {
        return Ok(Prepared::Absent(why));
    }
    let source = source(folder);
    if !source.exists() {
        let mut pip = Command::new(folder.join("venv/bin/pip"));
        pip.args(["download", "--quiet", "--no-deps", "--no-binary=:all:", "--dest"]);
        pip.arg(folder).arg(format!("py-consul=={VERSION}"));
        if let Err(error) = workspace::output(&mut pip) {
            return Ok(Prepared::Absent(format!("pip download: {error:#}")));
        }
        let mut tar = Command::new("tar");
        tar.current_dir(folder).arg("xzf").arg(format!("py_consul-{VERSION}.tar.gz"));
        workspace::output(&mut tar).context("unpack")?;
    }
    Ok(Prepared::Ready)
}

/// A virtual environment with these packages.
pub fn environment(folder: &Path, packages: &[&str]) -> Result<Prepared> {
    let stamp = folder.join("installed");
    let wanted = packages.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(Prepared::Ready);
    }
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(folder.join("venv"));
    if let Err(error) = workspace::output(&mut venv) {
        return Ok(Prepared::Absent(format!("python3 -m venv: {error:#}")));
    }
    let mut pip = Command::new(folder.join("venv/bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-compile"]);
    pip.args(packages);
    if let Err(error) = workspace::output(&mut pip) {
        return Ok(Prepared::Absent(format!("pip install: {error:#}")));
    }
    fs::write(&stamp, wanted)?;
    Ok(Prepared::Ready)
}

pub fn attempt(stage: &Stage) -> Result<String> {
    let known = known::parse(include_str!("../../programs/py-consul.txt"))?;
    let source = source(&stage.folder);
    // The package's own fixtures start containers; ours start the program that is judged.
    fs::write(source.join("conftest.py"), include_str!("../../programs/conftest.py"))?;
    let mut pytest = Command::new(stage.folder.join("venv/bin/python"));
    pytest.args(["-m", "pytest", "-v", "--tb=short", "-p", "no:cacheprovider"]);
    // In place of the options of the package, which measure coverage.
    pytest.arg("--override-ini=addopts=").args([
        "--basetemp=../tests-tmp",
        "tests/api",
        "tests/test_aio.py",
    ]);
    pytest.current_dir(&source).env("TRIBUNE", &stage.tribune);
    let done = pytest.output().context("start pytest")?;
    let printed = String::from_utf8_lossy(&done.stdout);
    stage.write("pytest.log", &printed)?;
    if done.status.code().is_none_or(|code| code > TESTS_FAILED) {
        bail!("pytest: {}: {}", done.status, String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(format!("py-consul {VERSION}: {}", known::judge(&verdicts(&printed), &known)?))
}

/// The words of `pytest -v`, by the test's name without its file's folder.
fn verdicts(printed: &str) -> BTreeMap<String, Verdict> {
    let mut found = BTreeMap::new();
    for line in printed.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next().and_then(|name| name.strip_prefix("tests/")) else {
            continue;
        };
        let name = name.strip_prefix("api/").unwrap_or(name).to_owned();
        match words.next() {
            Some("PASSED") => found.entry(name).or_insert(Verdict::Passed),
            Some("FAILED" | "ERROR") => found.entry(name).insert_entry(Verdict::Failed).into_mut(),
            _ => continue,
        };
    }
    found
}

fn source(folder: &Path) -> PathBuf {
    folder.join(format!("py_consul-{VERSION}"))
}

const VERSION: &str = "1.8.0";
/// What its tests need.
const TESTING: &[&str] =
    &["aiohttp==3.14.5", "packaging==26.4", "pytest==9.2.0", "pytest-asyncio==1.5.0"];
/// The exit code when tests ran and some failed; above it nothing can be said.
const TESTS_FAILED: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_passes_and_then_breaks_down_has_failed() {
        let printed = "\
            tests/api/test_kv.py::TestKv::test_a PASSED   [  1%]\n\
            tests/api/test_kv.py::TestKv::test_b FAILED   [  2%]\n\
            tests/test_std.py::test_c PASSED  [  3%]\n\
            tests/test_std.py::test_c ERROR   [  3%]\n\
            tests/test_std.py::test_d SKIPPED (not here)\n\
            ____ test_b ____\n\
            tests/api/test_kv.py:20: AssertionError\n";
        let expected = [
            ("test_kv.py::TestKv::test_a", Verdict::Passed),
            ("test_kv.py::TestKv::test_b", Verdict::Failed),
            ("test_std.py::test_c", Verdict::Failed),
        ];
        let expected = expected.map(|(name, verdict)| (name.to_owned(), verdict));
        assert_eq!(verdicts(printed), BTreeMap::from(expected));
    }
}
