//! `validate`: reads configuration files as the agent would, and starts nothing.

use tribune_agent::config::{AgentArgs, Machine, validate};

use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "validate",
    synopsis: "Checks configuration files",
    arguments: "[options] FILE_OR_DIRECTORY...",
    help: "
Reads configuration files, and folders of them, as an agent would, and says
what is wrong with them. Exits 0 if nothing is.

    $ {program} validate /etc/tribune.d
",
    flags: &[
        Flag::text("config-format", "How files are written whose names do not say: hcl or json."),
        Flag::bool("quiet", "Say nothing when all is well."),
    ],
    api: Api::None,
    run: Run::Flags(run),
};

/// Source: transcripts/config/validate.txt.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let format = flags.text_or("config-format", "");
    if !matches!(format, "" | "hcl" | "json") {
        // The missing quote is the recorded text.
        return Err(Failure::text("-config-format must be either 'hcl' or 'json"));
    }
    if flags.words.is_empty() {
        return Err(Failure::text("Must specify at least one config file or directory"));
    }
    let args = AgentArgs {
        config_paths: flags.words.clone(),
        config_format: Some(format.to_string()),
        ..AgentArgs::default()
    };
    let loaded = validate(&args, &Machine)
        .map_err(|errors| Failure::text(format!("Config validation failed: {errors}")))?;
    for warning in &loaded.warnings {
        console.error(warning);
    }
    if !flags.bool("quiet") {
        console.line("Configuration is valid!");
    }
    Ok(())
}
