//! Service definitions in files, as the agent's own configuration has them: HCL or JSON, one
//! `service` or many. What else a file configures is checked and otherwise left alone.

use serde_json::Value;
use tribune_agent::config::{AgentArgs, Machine, validate};

use crate::cli::base::Failure;

/// One definition in the spelling of the HTTP API.
pub(crate) struct Definition(pub(crate) Value);

impl Definition {
    pub(crate) fn name(&self) -> &str {
        self.text("Name")
    }

    /// By what the agent knows it.
    pub(crate) fn id(&self) -> &str {
        match self.text("ID") {
            "" => self.name(),
            id => id,
        }
    }

    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Every service that the files define, in their order.
pub(crate) fn read(paths: &[String]) -> Result<Vec<Definition>, Failure> {
    // A development agent is one that needs no setting, so that files need not have any.
    let args = AgentArgs { dev: true, config_paths: paths.to_vec(), ..AgentArgs::default() };
    let loaded = validate(&args, &Machine)
        .map_err(|errors| Failure::text(format!("Error: {}", errors.to_string().trim_end())))?;
    Ok(loaded.config.checks.services.iter().cloned().map(Definition).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_both_languages_define_services() {
        let folder = std::env::temp_dir().join(format!("tribune-defs-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let hcl = write("a.hcl", "service { name = \"web\" id = \"web1\" port = 80 }");
        let json = write("b.json", r#"{"services":[{"name":"one"},{"name":"two","port":2}]}"#);
        let none = write("c.json", r#"{"datacenter":"dc1"}"#);
        let found = read(&[hcl, json, none]).unwrap();
        let found: Vec<_> = found.iter().map(|own| (own.name(), own.id())).collect();
        assert_eq!(found, [("web", "web1"), ("one", "one"), ("two", "two")]);
        let bad = write("bad.json", r#"{"service":{"nope":1}}"#);
        let refused = read(&[bad]).err().unwrap().text.unwrap();
        assert!(refused.contains("invalid config key service.nope"), "{refused}");
        let missing = read(&["nosuch.hcl".to_string()]).err().unwrap().text.unwrap();
        let expected = "Error: config: Open failed on nosuch.hcl. \
                        open nosuch.hcl: no such file or directory";
        assert_eq!(missing, expected);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
