//! Reads a watch from the keys of a configuration block or of the command line. It opens nothing.
//! Invariant: every key is used or refused; what is parsed needs no further checking.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use tribune_api::duration;

use super::{Exec, HTTP_TIMEOUT, Handler, HttpHandler, Kind, Plan, PlanError, Watching};
use crate::config::Token;

pub(super) fn plan(keys: Map<String, Value>) -> Result<Plan, PlanError> {
    let mut keys = Keys(keys);
    let plan = keys.plan()?;
    keys.end()?;
    Ok(plan)
}

pub(super) fn watching(block: &Value) -> Result<Watching, PlanError> {
    let members = block.as_object().into_iter().flatten();
    let mut keys = Keys(members.map(|(key, value)| (key.to_lowercase(), value.clone())).collect());
    let plan = keys.plan()?;
    let handler = keys.handler()?;
    keys.end()?;
    Ok(Watching { plan, handler })
}

/// The keys that nobody has used yet.
struct Keys(Map<String, Value>);

impl Keys {
    fn plan(&mut self) -> Result<Plan, PlanError> {
        let datacenter = self.text("datacenter")?;
        let token = self.text("token")?;
        let stale = self.truth("stale")?;
        let kind = self.kind()?;
        Ok(Plan {
            kind,
            datacenter: Some(datacenter).filter(|name| !name.is_empty()),
            token: Some(token).filter(|token| !token.is_empty()).map(Token::new),
            stale,
        })
    }

    fn kind(&mut self) -> Result<Kind, PlanError> {
        Ok(match self.text("type")?.as_str() {
            "" => return Err(PlanError::NoType),
            "key" => Kind::Key(self.needed("key")?),
            "keyprefix" => Kind::KeyPrefix(self.needed("prefix")?),
            "services" => Kind::Services { filter: self.text("filter")? },
            "nodes" => Kind::Nodes { filter: self.text("filter")? },
            "service" => Kind::Service {
                name: self.needed("service")?,
                tags: self.texts("tag")?,
                passing_only: self.truth("passingonly")?,
                filter: self.text("filter")?,
            },
            "checks" => self.checks()?,
            "event" => Kind::Event { name: self.text("name")? },
            "agent_service" => Kind::AgentService(self.needed("service_id")?),
            "connect_roots" => Kind::ConnectRoots,
            "connect_leaf" => Kind::ConnectLeaf(self.needed("service")?),
            other => return Err(PlanError::UnknownType(other.to_owned())),
        })
    }

    fn checks(&mut self) -> Result<Kind, PlanError> {
        let (service, mut state) = (self.text("service")?, self.text("state")?);
        if !service.is_empty() && !state.is_empty() {
            return Err(PlanError::ServiceAndState);
        }
        if service.is_empty() && state.is_empty() {
            state = "any".to_owned();
        }
        Ok(Kind::Checks { service, state, filter: self.text("filter")? })
    }

    fn handler(&mut self) -> Result<Handler, PlanError> {
        let shell = self.text("handler")?;
        let args = self.texts("args")?;
        let timeout = self.span("timeout")?;
        let http = self.0.remove("http_handler_config");
        match self.text("handler_type")?.as_str() {
            "" | "script" => {
                let args = match (args.is_empty(), shell.is_empty()) {
                    (false, _) => args,
                    (true, false) => Exec::in_shell(&shell),
                    (true, true) => return Err(PlanError::NoHandler),
                };
                Ok(Handler::Exec(Exec { args, timeout: timeout.unwrap_or(Exec::TIMEOUT) }))
            }
            "http" => match http {
                Some(Value::Object(config)) => Ok(Handler::Http(http_handler(config)?)),
                // HCL writes a block as a list of one.
                Some(Value::Array(mut list)) if list.len() == 1 => match list.pop() {
                    Some(Value::Object(config)) => Ok(Handler::Http(http_handler(config)?)),
                    _ => Err(PlanError::NoHandler),
                },
                _ => Err(PlanError::NoHandler),
            },
            other => Err(PlanError::UnknownHandler(other.to_owned())),
        }
    }

    fn text(&mut self, key: &'static str) -> Result<String, PlanError> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(PlanError::Invalid { key, expected: "a text" }),
        }
    }

    fn needed(&mut self, key: &'static str) -> Result<String, PlanError> {
        match self.text(key)? {
            text if text.is_empty() => Err(PlanError::Missing(key)),
            text => Ok(text),
        }
    }

    /// One text, or a list of them.
    fn texts(&mut self, key: &'static str) -> Result<Vec<String>, PlanError> {
        let wrong = PlanError::Invalid { key, expected: "a text or a list of texts" };
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(items)) => items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Ok(text),
                    _ => Err(wrong.clone()),
                })
                .collect(),
            Some(_) => Err(wrong),
        }
    }

    fn truth(&mut self, key: &'static str) -> Result<bool, PlanError> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(truth)) => Ok(truth),
            Some(Value::String(text)) => match text.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
                "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
                _ => Err(PlanError::NoBool { key, text }),
            },
            Some(_) => Err(PlanError::Invalid { key, expected: "a boolean" }),
        }
    }

    fn span(&mut self, key: &'static str) -> Result<Option<Duration>, PlanError> {
        let text = self.text(key)?;
        if text.is_empty() {
            return Ok(None);
        }
        let nanos = duration::parse(&text)
            .map_err(|error| PlanError::Duration { key, cause: error.to_string() })?;
        match u64::try_from(nanos) {
            Ok(nanos) if nanos > 0 => Ok(Some(Duration::from_nanos(nanos))),
            _ => Err(PlanError::Duration { key, cause: format!("{text:?} is not above zero") }),
        }
    }

    fn end(self) -> Result<(), PlanError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        Err(PlanError::Unknown(names.join(" ")))
    }
}

fn http_handler(config: Map<String, Value>) -> Result<HttpHandler, PlanError> {
    let lower = config.into_iter().map(|(key, value)| (key.to_lowercase(), value));
    let mut keys = Keys(lower.collect());
    let url = keys.needed("path")?;
    let has_scheme = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    if !has_scheme {
        return Err(PlanError::Invalid { key: "path", expected: "an http:// or https:// URL" });
    }
    let method = keys.text("method")?;
    let handler = HttpHandler {
        url,
        method: if method.is_empty() { "POST".to_owned() } else { method },
        timeout: keys.span("timeout")?.unwrap_or(HTTP_TIMEOUT),
        headers: headers(keys.0.remove("header"))?,
        tls_skip_verify: keys.truth("tls_skip_verify")?,
    };
    keys.end()?;
    Ok(handler)
}

fn headers(value: Option<Value>) -> Result<BTreeMap<String, Vec<String>>, PlanError> {
    let wrong = PlanError::Invalid { key: "header", expected: "lists of texts by name" };
    let map = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(map)) => map,
        Some(Value::Array(mut list)) if list.len() == 1 => match list.pop() {
            Some(Value::Object(map)) => map,
            _ => return Err(wrong),
        },
        Some(_) => return Err(wrong),
    };
    let mut headers = BTreeMap::new();
    for (name, value) in map {
        let values = match value {
            Value::String(text) => vec![text],
            Value::Array(items) => {
                let text = |item: Value| item.as_str().map(str::to_owned);
                items.into_iter().map(text).collect::<Option<_>>().ok_or_else(|| wrong.clone())?
            }
            _ => return Err(wrong),
        };
        headers.insert(name, values);
    }
    Ok(headers)
}
