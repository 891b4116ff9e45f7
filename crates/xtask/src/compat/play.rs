//! Plays one transcript against a fresh agent, every exchange in order.
//! Judges nothing: it says of each exchange what differed.

use std::path::Path;
use std::thread;

use anyhow::Result;

use super::agent::Agent;
use super::binding::Bindings;
use super::compare::{self, Answer};
use super::dns;
use super::http;
use super::transcript::{Ask, Exchange, Transcript, expand, split_words};

/// What became of one exchange.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub number: usize,
    /// Where it starts in the file.
    pub line: usize,
    pub title: String,
    pub differences: Vec<String>,
}

/// Plays the whole file. An agent that does not start fails every exchange.
pub fn play(program: &Path, transcript: &Transcript, folder: &Path) -> Vec<Outcome> {
    let outcome = |exchange: &Exchange, differences| Outcome {
        number: exchange.number,
        line: exchange.line,
        title: exchange.ask.title(),
        differences,
    };
    let agent = match Agent::start(program, transcript, folder) {
        Ok(agent) => agent,
        Err(error) => {
            let failed = |exchange| outcome(exchange, vec![format!("{error:#}")]);
            return transcript.exchanges.iter().map(failed).collect();
        }
    };
    let mut bindings = Bindings::default();
    bindings.ports.clone_from(&agent.ports);
    bindings.folder = agent.work().display().to_string();
    let mut outcomes = Vec::new();
    for exchange in &transcript.exchanges {
        thread::sleep(exchange.wait);
        let (ask, unknown) = filled(&exchange.ask, &bindings);
        let answer = perform(&agent, &ask)
            .unwrap_or_else(|error| Answer::NoConnection(format!("{error:#}")));
        let mut differences = compare::compare(exchange, &answer, &mut bindings);
        if !differences.is_empty() && !unknown.is_empty() {
            differences.push(format!("sent without a value for {}", unknown.join(", ")));
        }
        outcomes.push(outcome(exchange, differences));
    }
    outcomes
}

/// The request with repetitions written out and known values put in.
fn filled(ask: &Ask, bindings: &Bindings) -> (Ask, Vec<String>) {
    let mut unknown = Vec::new();
    let mut fill = |text: &str| {
        let (text, missing) = bindings.fill(&expand(text));
        unknown.extend(missing);
        text
    };
    let filled = match ask {
        Ask::Http { method, path, headers, body } => Ask::Http {
            method: method.clone(),
            path: fill(path),
            headers: headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
            body: body.as_deref().map(&mut fill),
        },
        Ask::Cli { line, stdin } => {
            Ask::Cli { line: fill(line), stdin: stdin.as_deref().map(&mut fill) }
        }
        Ask::Dig { line } => Ask::Dig { line: fill(line) },
    };
    (filled, unknown)
}

fn perform(agent: &Agent, ask: &Ask) -> Result<Answer> {
    match ask {
        Ask::Http { method, path, headers, body } => {
            http::request(agent.http(), method, path, headers, body.as_deref()).map(Answer::Http)
        }
        Ask::Cli { line, stdin } => agent.cli(&split_words(line), stdin.as_deref()),
        Ask::Dig { line } => dns::dig(agent.dns(), line).map(Answer::Dns),
    }
}
