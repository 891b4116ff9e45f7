//! The agent's configuration: from arguments and files to a `RuntimeConfig`. What keys there are
//! is in `table`; the languages are in `hcl` and `json`; what is valid is in `build`.
//! Invariant: sources count in this order, later ones overrule: defaults, those of `-dev`, flags
//! that hold lists, files in the order of the command line, other flags, `-hcl` fragments.

mod build;
mod definitions;
pub mod environment;
pub mod error;
pub mod flags;
pub mod hcl;
pub mod json;
mod network;
pub mod rules;
pub mod runtime;
mod schema;
pub mod settings;
pub mod table;
mod templates;
pub mod value;

use std::path::Path;

pub use self::environment::{Environment, Machine};
pub use self::error::{ConfigError, ConfigErrors};
pub use self::flags::{AgentArgs, FlagError, parse_agent_args};
pub use self::runtime::RuntimeConfig;
use self::settings::Settings;

/// A configuration that is valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub config: RuntimeConfig,
    /// What the user should know, in the order in which it was found.
    pub warnings: Vec<String>,
    /// Keys that were set and that the agent accepts without using them yet.
    pub unused: Vec<String>,
    /// The merged settings, for a reload to compare with.
    pub settings: Settings,
}

/// The configuration of `agent`, for the machine that it runs on.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(args: &AgentArgs, environment: &dyn Environment) -> Result<Loaded, ConfigErrors> {
    load_for(args, environment, true)
}

/// Whether the files of `validate` would do, on whatever machine they are for.
///
/// # Errors
/// Everything that is wrong with them.
pub fn validate(args: &AgentArgs, environment: &dyn Environment) -> Result<Loaded, ConfigErrors> {
    load_for(args, environment, false)
}

/// A configuration that was read anew, for an agent that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Reloaded {
    /// What holds from now on: the new values of keys that a reload takes up, and the old ones of
    /// the others.
    pub loaded: Loaded,
    /// Keys whose new value holds only after a restart.
    pub need_restart: Vec<&'static str>,
}

/// Reads the configuration of a running agent anew.
///
/// # Errors
/// Everything that is wrong with it.
pub fn reload(
    args: &AgentArgs,
    environment: &dyn Environment,
    running: &Loaded,
) -> Result<Reloaded, ConfigErrors> {
    let mut loaded = load(args, environment)?;
    let need_restart = loaded.settings.keep_what_needs_a_restart(&running.settings);
    let addresses = environment.addresses();
    let machine = network::Machine::This(&addresses);
    let mut errors = ConfigErrors::default();
    // Its warnings were given at the start, or just now.
    let mut warnings = Vec::new();
    loaded.config =
        build::build(&loaded.settings, environment, machine, &mut errors, &mut warnings);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Reloaded { loaded, need_restart })
}

fn load_for(
    args: &AgentArgs,
    environment: &dyn Environment,
    here: bool,
) -> Result<Loaded, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let mut warnings = Vec::new();
    if !args.extra.is_empty() {
        errors.push(ConfigError::ExtraArguments(args.extra.clone()));
        return Err(errors);
    }
    let mut sources =
        Sources { args, environment, errors: &mut errors, warnings: &mut warnings, broken: false };
    let mut settings = sources.read();
    // Where a file could not be read, what it would have said is missing everywhere.
    if sources.broken {
        return Err(errors);
    }
    warnings.extend(settings.resolve_aliases());
    let addresses = environment.addresses();
    let machine = match here {
        true => network::Machine::This(&addresses),
        false => network::Machine::Another(&addresses),
    };
    let config = build::build(&settings, environment, machine, &mut errors, &mut warnings);
    if !errors.is_empty() {
        return Err(errors);
    }
    let unused = settings.unused().into_iter().map(str::to_owned).collect();
    Ok(Loaded { config, warnings, unused, settings })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Hcl,
    Json,
}

impl Format {
    fn of_name(name: &str) -> Option<Format> {
        match Path::new(name).extension()?.to_str()? {
            "hcl" => Some(Format::Hcl),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

struct Sources<'a> {
    args: &'a AgentArgs,
    environment: &'a dyn Environment,
    errors: &'a mut ConfigErrors,
    warnings: &'a mut Vec<String>,
    /// A file was not read, or was not in its language.
    broken: bool,
}

impl Sources<'_> {
    fn read(&mut self) -> Settings {
        let mut settings = Settings::new(self.args.dev);
        settings.merge(self.args.list_flags.clone());
        let forced = match self.args.config_format.as_deref() {
            None | Some("") => None,
            Some("hcl") => Some(Format::Hcl),
            Some("json") => Some(Format::Json),
            Some(_) => {
                self.broken(ConfigError::Format);
                return settings;
            }
        };
        for path in &self.args.config_paths {
            self.path(path, forced, &mut settings);
        }
        settings.merge(self.args.value_flags.clone());
        for (at, fragment) in self.args.hcl.iter().enumerate() {
            self.text(&format!("-hcl[{at}]"), fragment, Format::Hcl, &mut settings);
        }
        settings
    }

    fn path(&mut self, path: &str, forced: Option<Format>, settings: &mut Settings) {
        match self.environment.is_dir(Path::new(path)) {
            Ok(true) => self.folder(path, forced, settings),
            Ok(false) => match forced.or(Format::of_name(path)) {
                Some(format) => self.file(path, format, settings),
                None => self.broken(ConfigError::Extension { path: path.to_owned() }),
            },
            Err(error) => self.unopened(path, &error),
        }
    }

    /// The files of a folder in the order of their names; folders within it are left alone.
    fn folder(&mut self, folder: &str, forced: Option<Format>, settings: &mut Settings) {
        let mut names = match self.environment.list_dir(Path::new(folder)) {
            Ok(names) => names,
            Err(error) => return self.unopened(folder, &error),
        };
        names.sort_unstable();
        for name in names {
            let path = Path::new(folder).join(&name);
            let shown = path.to_string_lossy().into_owned();
            match self.environment.is_dir(&path) {
                Ok(true) => {}
                Ok(false) => match forced.or(Format::of_name(&name)) {
                    Some(format) => self.file(&shown, format, settings),
                    None => self.warnings.push(format!(
                        "skipping file {shown}, extension must be .hcl or .json, or config format \
                         must be set"
                    )),
                },
                Err(error) => self.unopened(&shown, &error),
            }
        }
    }

    fn file(&mut self, path: &str, format: Format, settings: &mut Settings) {
        match self.environment.read_file(Path::new(path)) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.text(path, &text, format, settings),
                Err(_) => self.broken(ConfigError::Open {
                    path: path.to_owned(),
                    reason: "not in UTF-8".to_owned(),
                }),
            },
            Err(error) => self.unopened(path, &error),
        }
    }

    fn text(&mut self, name: &str, text: &str, format: Format, settings: &mut Settings) {
        let parsed = match format {
            // An empty file says nothing, in either language.
            Format::Json if text.trim().is_empty() => hcl::parse(""),
            Format::Json => json::parse(text),
            Format::Hcl => hcl::parse(text),
        };
        match parsed {
            Ok(root) => {
                settings.merge(schema::read(name, &root, self.args.dev, self.errors));
            }
            Err(error) => self.broken(ConfigError::Syntax {
                file: name.to_owned(),
                error,
                is_json: format == Format::Json,
            }),
        }
    }

    fn unopened(&mut self, path: &str, error: &std::io::Error) {
        let reason = environment::reason(error);
        self.broken(ConfigError::Open { path: path.to_owned(), reason });
    }

    fn broken(&mut self, error: ConfigError) {
        self.broken = true;
        self.errors.push(error);
    }
}

#[cfg(test)]
mod tests;
