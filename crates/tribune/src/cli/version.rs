//! `version`: ours, and the Consul release we are compatible with, which other programs ask for.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use tribune_client::api::version::{BUILD_DATE, CONSUL_VERSION, REVISION, TRIBUNE_VERSION};

use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "version",
    synopsis: "Shows the version",
    arguments: "[options]",
    help: "
Shows this program's version and the release of Consul it is compatible with.
",
    flags: &[Flag::text("format", "How to show it: pretty (the default) or json.")],
    api: Api::None,
    run: Run::Flags(run),
};

/// Source: transcripts/cli/general.txt.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    version: &'static str,
    revision: &'static str,
    prerelease: &'static str,
    build_date: &'static str,
    #[serde(rename = "RPC")]
    rpc: Protocol,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Protocol {
    default: u8,
    min: u8,
    max: u8,
}

/// The gossip protocol versions of the compatible release.
const PROTOCOL: Protocol = Protocol { default: 2, min: 2, max: 3 };

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    match flags.text_or("format", "pretty") {
        "pretty" => {
            print(console);
            Ok(())
        }
        "json" => print_json(console),
        other => Err(Failure::text(format!("Unknown format: {other}"))),
    }
}

/// Scripts that call the program `consul` read its version from the first line, in this form.
pub(crate) fn print(console: &mut Console) {
    if console.program() == "consul" {
        console.line(&format!("Consul v{CONSUL_VERSION}"));
    } else {
        let compatible = format!("compatible with Consul v{CONSUL_VERSION}");
        console.line(&format!("Tribune v{TRIBUNE_VERSION} ({compatible})"));
    }
    if !REVISION.is_empty() {
        console.line(&format!("Revision {REVISION}"));
    }
    console.line(&format!("Build Date {BUILD_DATE}"));
    let Protocol { default, min, max } = PROTOCOL;
    console.line(&format!(
        "Protocol {default} spoken by default, understands {min} to {max} (agent will \
         automatically use protocol >{default} when speaking to compatible agents)"
    ));
}

fn print_json(console: &mut Console) -> Result<(), Failure> {
    let shown = Shown {
        version: CONSUL_VERSION,
        revision: REVISION,
        prerelease: "",
        build_date: BUILD_DATE,
        rpc: PROTOCOL,
    };
    let mut text = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"   "));
    shown.serialize(&mut serializer).map_err(|error| Failure::text(error.to_string()))?;
    text.push(b'\n');
    console.write(&text);
    Ok(())
}
