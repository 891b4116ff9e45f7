//! Client libraries tried by a short program of ours in their own language.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::golang::{self, GoProgram};
use super::guests::Prepared;
use super::python;
use super::sample::Sample;
use super::stage::{Stage, local, unless, until};
use crate::workspace;

pub fn prepare_node(folder: &Path) -> Result<Prepared> {
    if folder.join("node_modules/consul").exists() {
        return Ok(Prepared::Ready);
    }
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["install", "--silent", "--no-audit", "--no-fund"]);
    npm.args(["--ignore-scripts", "--prefix=.", &format!("consul@{NODE_VERSION}")]);
    Ok(match workspace::output(&mut npm) {
        Ok(_) => Prepared::Ready,
        Err(error) => Prepared::Absent(format!("npm install: {error:#}")),
    })
}

pub fn attempt_node(stage: &Stage) -> Result<String> {
    let _agent = stage.agent(&[])?;
    let script = stage.write("client.js", include_str!("../../programs/client.js"))?;
    let said = say(Command::new("node").arg(script))?;
    Ok(format!("consul {NODE_VERSION} (npm): {said}"))
}

pub fn prepare_python2(folder: &Path) -> Result<Prepared> {
    python::environment(folder, &[&format!("python-consul2=={PYTHON2_VERSION}")])
}

pub fn attempt_python2(stage: &Stage) -> Result<String> {
    let _agent = stage.agent(&[])?;
    let script = stage.write("client.py", include_str!("../../programs/client.py"))?;
    let said = say(Command::new(stage.folder.join("venv/bin/python")).arg(script))?;
    Ok(format!("python-consul2 {PYTHON2_VERSION}: {said}"))
}

pub fn prepare_java(folder: &Path) -> Result<Prepared> {
    let pom = JAVA_PROJECT.replace("VERSION", JAVA_VERSION);
    fs::write(folder.join("pom.xml"), pom)?;
    fs::write(folder.join("Client.java"), include_str!("../../programs/Client.java"))?;
    if !folder.join("jars").exists() {
        let mut maven = Command::new("mvn");
        maven.current_dir(folder).args(["-q", "-B", "dependency:copy-dependencies"]);
        maven.arg("-DoutputDirectory=jars");
        if let Err(error) = workspace::output(&mut maven) {
            return Ok(Prepared::Absent(format!("mvn: {error:#}")));
        }
    }
    let mut javac = Command::new("javac");
    javac.current_dir(folder).args(["-cp", "jars/*", "-d", "classes", "Client.java"]);
    workspace::output(&mut javac).context("javac")?;
    Ok(Prepared::Ready)
}

pub fn attempt_java(stage: &Stage) -> Result<String> {
    let _agent = stage.agent(&[])?;
    let mut java = Command::new("java");
    java.current_dir(&stage.folder).args(["-cp", "classes:jars/*", "Client"]);
    Ok(format!("consul-api {JAVA_VERSION} (Maven): {}", say(&mut java)?))
}

const GO_KIT: GoProgram = GoProgram {
    package: "github.com/go-kit/kit/sd/consul",
    version: "v0.13.0",
    main: Some(include_str!("../../programs/go_kit.go")),
    tags: "",
};

pub fn prepare_go_kit(folder: &Path) -> Result<Prepared> {
    GO_KIT.prepare(folder)
}

pub fn attempt_go_kit(stage: &Stage) -> Result<String> {
    let agent = stage.agent(&[])?;
    let a = Sample::start("a", local(9001))?;
    let b = Sample::start("b", local(9002))?;
    agent.put(REGISTER, &a.registration("web", &[]))?;
    let mut command = Command::new(golang::program(&stage.folder));
    let mut running = stage.start("go-kit", &mut command)?;
    let log = stage.folder.join("go-kit.log");
    let mut knows = |what: &str, wanted: &str| {
        until(what, || {
            running.must_run()?;
            let log = fs::read_to_string(&log)?;
            let last = log.lines().rev().find_map(|line| line.strip_prefix("instances:"));
            Ok(unless(&last.unwrap_or("none yet").trim(), &wanted))
        })
    };
    knows("an instance is there", "127.0.0.1:9001")?;
    agent.put(REGISTER, &b.registration("web", &[]))?;
    knows("an instance comes", "127.0.0.1:9001 127.0.0.1:9002")?;
    a.set_healthy(false);
    knows("an instance fails", "127.0.0.1:9002")?;
    agent.put("/v1/agent/service/deregister/b", &Value::Null)?;
    knows("an instance goes", "")?;
    Ok(format!("go-kit {}: an instancer saw an instance come, fail and go", GO_KIT.version))
}

/// Runs a script to its end and returns the last line that it printed.
fn say(command: &mut Command) -> Result<String> {
    let done = command.output().context("start the script")?;
    if !done.status.success() {
        bail!("{}: {}", done.status, String::from_utf8_lossy(&done.stderr).trim());
    }
    let said = String::from_utf8_lossy(&done.stdout);
    said.lines().last().map(str::to_owned).context("the script said nothing")
}

const REGISTER: &str = "/v1/agent/service/register";
const NODE_VERSION: &str = "2.0.1";
const PYTHON2_VERSION: &str = "0.1.5";
const JAVA_VERSION: &str = "1.4.5";
const JAVA_PROJECT: &str = "<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>scratch</groupId>
  <artifactId>scratch</artifactId>
  <version>0</version>
  <dependencies>
    <dependency>
      <groupId>com.ecwid.consul</groupId>
      <artifactId>consul-api</artifactId>
      <version>VERSION</version>
    </dependency>
  </dependencies>
</project>
";
