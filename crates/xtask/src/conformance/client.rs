//! The official client's tests as programs: fetched as a Go module into the build folder,
//! compiled there, run in namespaces of their own so that leftovers end and ports are free.
//! Nothing of the client is kept in the repository or changed in the module cache.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::fixtures;
use super::list::Package;
use crate::{isolate, workspace};

/// Where the compiled tests lie and what they need around them.
pub struct Client {
    folder: PathBuf,
    /// In front of PATH; holds the program as `consul`, or nothing.
    bin: PathBuf,
    isolated: bool,
}

/// What a test said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
    Skipped,
}

impl Client {
    /// Fetches and compiles what is not there yet.
    pub fn prepare(program: Option<&Path>) -> Result<Self> {
        let folder = workspace::target().join("conformance");
        fs::create_dir_all(folder.join("module"))?;
        let bin = folder.join("bin");
        if bin.exists() {
            fs::remove_dir_all(&bin)?;
        }
        fs::create_dir_all(&bin)?;
        if let Some(program) = program {
            std::os::unix::fs::symlink(program, bin.join("consul"))?;
        }
        let client = Self { folder, bin, isolated: isolate::possible() };
        client.fetch()?;
        for package in Package::ALL {
            client.compile(package)?;
        }
        fixtures::write(&client.folder.join("client/test"))?;
        Ok(client)
    }

    pub fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// Runs some tests of one package and returns what each said, and all that was printed.
    pub fn run(
        &self,
        package: Package,
        names: &[&str],
        parallel: usize,
    ) -> Result<(BTreeMap<String, Verdict>, String)> {
        let program = self.program(package);
        let mut arguments = vec![
            program.display().to_string(),
            "-test.v".to_owned(),
            "-test.count=1".to_owned(),
            format!("-test.parallel={parallel}"),
            format!("-test.timeout={}s", TIMEOUT.as_secs()),
        ];
        arguments.push(format!("-test.run=^({})$", names.join("|")));
        let mut command = self.shell(&arguments);
        command.current_dir(self.folder.join("client/api").join(package.folder()));
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.bin.display()));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CONSUL_") {
                command.env_remove(name);
            }
        }
        let done = command.stdin(Stdio::null()).output().context("run the client's tests")?;
        let mut printed = String::from_utf8_lossy(&done.stdout).into_owned();
        printed.push_str(&String::from_utf8_lossy(&done.stderr));
        Ok((verdicts(&printed), printed))
    }

    /// The test program under a shell that raises the limit of open files and, where that is
    /// allowed, in a network and a process namespace of its own with loopback up.
    fn shell(&self, arguments: &[String]) -> Command {
        let files = format!("ulimit -n {OPEN_FILES} 2>/dev/null || true;");
        isolate::shell(self.isolated, &files, arguments)
    }

    /// A scratch module that requires the client, and a copy of the client beside which the
    /// fixtures may stand.
    fn fetch(&self) -> Result<()> {
        let stamp = self.folder.join("fetched");
        let wanted = format!("{MODULE_VERSION}\n");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        let module = self.folder.join("module");
        for file in ["go.mod", "go.sum"] {
            let file = module.join(file);
            if file.exists() {
                fs::remove_file(file)?;
            }
        }
        self.go("go mod init", &["mod", "init", "scratch"])?;
        let packages = Package::ALL.map(|p| format!("{}@{MODULE_VERSION}", p.import_path()));
        let [api, watch] = packages.each_ref().map(String::as_str);
        self.go("go get", &["get", "-t", api, watch])?;
        let mut list = Command::new("go");
        list.current_dir(&module).args(["list", "-m", "-f", "{{.Dir}}", super::MODULE]);
        let source = workspace::output(&mut list).context("go list")?;
        let copy = self.folder.join("client/api");
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        workspace::copy_folder(Path::new(source.trim()), &copy)?;
        fs::write(stamp, wanted)?;
        Ok(())
    }

    fn compile(&self, package: Package) -> Result<()> {
        let program = self.program(package).display().to_string();
        let path = package.import_path();
        self.go("go test -c", &["test", "-c", "-o", &program, &path])
    }

    fn go(&self, name: &str, arguments: &[&str]) -> Result<()> {
        let mut go = Command::new("go");
        go.current_dir(self.folder.join("module")).args(arguments);
        let done = go.output().context("go is needed to run the official client's tests")?;
        if !done.status.success() {
            bail!("{name}: {}", String::from_utf8_lossy(&done.stderr).trim());
        }
        Ok(())
    }

    fn program(&self, package: Package) -> PathBuf {
        self.folder.join(match package {
            Package::Api => "api.test",
            Package::Watch => "watch.test",
        })
    }
}

/// The last word of each top-level test.
fn verdicts(printed: &str) -> BTreeMap<String, Verdict> {
    let mut verdicts = BTreeMap::new();
    for line in printed.lines() {
        let Some(rest) = line.strip_prefix("--- ") else { continue };
        let Some((word, rest)) = rest.split_once(": ") else { continue };
        let name = rest.split(' ').next().unwrap_or_default();
        let verdict = match word {
            "PASS" => Verdict::Passed,
            "SKIP" => Verdict::Skipped,
            _ => Verdict::Failed,
        };
        verdicts.insert(name.to_owned(), verdict);
    }
    verdicts
}

const MODULE_VERSION: &str = "v1.33.0";
/// The client's helper wants 1500.
const OPEN_FILES: u32 = 4096;
/// All 251 tests take four minutes on two cores.
const TIMEOUT: Duration = Duration::from_secs(20 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_word_of_a_top_level_test_counts() {
        let printed = "=== RUN   TestA\n    --- FAIL: TestA/sub (0.0s)\n--- PASS: TestA (0.10s)\n\
                       --- FAIL: TestB (1.00s)\n--- SKIP: TestC (0.00s)\npanic: x\n";
        let found = verdicts(printed);
        let expected = [
            ("TestA".to_owned(), Verdict::Passed),
            ("TestB".to_owned(), Verdict::Failed),
            ("TestC".to_owned(), Verdict::Skipped),
        ];
        assert_eq!(found, BTreeMap::from(expected));
    }
}
