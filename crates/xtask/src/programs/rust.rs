//! rs-consul's own live tests, from its source package, against one agent.

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
    let source = folder.join("source");
    if !source.join("fetched").exists() {
        let found = match fetch(folder) {
            Ok(found) => found,
            Err(error) => return Ok(Prepared::Absent(format!("{error:#}"))),
        };
        if source.exists() {
            fs::remove_dir_all(&source)?;
        }
        workspace::copy_folder(&found, &source)?;
        // It asks for a toolchain of its own, which its code does not need.
        fs::remove_file(source.join("rust-toolchain"))?;
        let manifest = source.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)?;
        fs::write(&manifest, text + "\n[workspace]\n")?;
        fs::write(source.join("fetched"), "")?;
    }
    let mut build = cargo(&source, folder);
    build.args(["test", "--quiet", "--no-run", "--locked", "--test", "test_runner"]);
    workspace::output(&mut build).context("build")?;
    Ok(Prepared::Ready)
}

/// Has cargo download the package for a scratch package that wants it; says where it lies.
fn fetch(folder: &Path) -> Result<PathBuf> {
    let scratch = folder.join("scratch");
    fs::create_dir_all(scratch.join("src"))?;
    fs::write(scratch.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"scratch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\nrs-consul = \"={VERSION}\"\n[workspace]\n"
    );
    fs::write(scratch.join("Cargo.toml"), manifest)?;
    let mut metadata = cargo(&scratch, folder);
    metadata.args(["metadata", "--format-version=1"]);
    let metadata = workspace::output(&mut metadata).context("cargo metadata")?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let ours = packages.iter().find(|package| package["name"] == "rs-consul");
    let manifest = ours.and_then(|package| package["manifest_path"].as_str());
    let manifest = Path::new(manifest.context("no rs-consul")?);
    Ok(manifest.parent().context("no folder")?.to_owned())
}

fn cargo(inside: &Path, folder: &Path) -> Command {
    let mut cargo = workspace::cargo();
    cargo.current_dir(inside).env("CARGO_TARGET_DIR", folder.join("build"));
    cargo
}

pub fn attempt(stage: &Stage) -> Result<String> {
    let known = known::parse(include_str!("../../programs/rs-consul.txt"))?;
    let config = stage.write("services.hcl", SERVICES)?;
    let _agent = stage.agent(&[&format!("-config-file={}", config.display())])?;
    let mut tests = cargo(&stage.folder.join("source"), &stage.folder);
    tests.args(["test", "--offline", "--locked", "--test", "test_runner"]);
    // One that fails must not keep the others from being counted, nor disturb them.
    tests.args(["--", "--test-threads=1"]);
    let done = tests.output().context("start cargo")?;
    let printed = String::from_utf8_lossy(&done.stdout);
    stage.write("tests.log", &printed)?;
    let verdicts = verdicts(&printed);
    if verdicts.is_empty() {
        bail!("cargo: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(format!("rs-consul {VERSION}: {}", known::judge(&verdicts, &known)?))
}

/// The lines `test a::b ... ok`.
fn verdicts(printed: &str) -> BTreeMap<String, Verdict> {
    let line = |line: &str| {
        let (name, word) = line.strip_prefix("test ")?.split_once(" ... ")?;
        let verdict = match word {
            "ok" => Verdict::Passed,
            "ignored" => return None,
            _ => Verdict::Failed,
        };
        Some((name.to_owned(), verdict))
    };
    printed.lines().filter_map(line).collect()
}

const VERSION: &str = "0.15.0";
/// The services of the configuration that the package's tests expect. Its access lists are left
/// out: the agent has none yet.
const SERVICES: &str = r#"
services { id = "test-service-1", name = "test-service", address = "1.1.1.1", port = 20001
  tags = ["first"] }
services { id = "test-service-2", name = "test-service", address = "2.2.2.2", port = 20002
  tags = ["second"] }
services { id = "test-service-3", name = "test-service", address = "3.3.3.3", port = 20003
  tags = ["third"] }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_test_runner_are_read() {
        let printed = "running 3 tests\ntest a::b ... ok\ntest c ... FAILED\n\
                       test d ... ignored\ntest result: FAILED. 1 passed\n";
        let expected = [("a::b", Verdict::Passed), ("c", Verdict::Failed)];
        let expected = expected.map(|(name, verdict)| (name.to_owned(), verdict));
        assert_eq!(verdicts(printed), BTreeMap::from(expected));
    }
}
