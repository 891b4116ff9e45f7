//! What stands behind the placeholders of one file, and the relations between those values.
//! Invariant: a greater number is a greater index, equal numbers are equal values, different
//! numbers of a kind are different values. A value from an answer that differed binds only until
//! a later answer says otherwise, so that one wrong answer is not counted again and again.

use std::collections::BTreeMap;

use super::pattern::{Kind, Part, parts};

/// The values known while a file is played.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    index: BTreeMap<u32, Bound<u64>>,
    uuid: BTreeMap<u32, Bound<String>>,
    hash: BTreeMap<u32, Bound<String>>,
    /// Ports of the agent by name: http, dns, server.
    pub ports: BTreeMap<String, u16>,
    /// The working directory of the command line.
    pub folder: String,
}

#[derive(Debug, Clone)]
struct Bound<T> {
    value: T,
    trust: Trust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// From an answer that was as recorded.
    Firm,
    /// From the answer that is being compared.
    Now,
    /// From an answer that differed.
    Weak,
}

impl Bindings {
    /// Ends the comparison of one answer: what it bound is kept, firmly if it was as recorded.
    pub fn settle(&mut self, was_equal: bool) {
        let trust = if was_equal { Trust::Firm } else { Trust::Weak };
        let settle_texts = |map: &mut BTreeMap<u32, Bound<String>>| {
            for bound in map.values_mut().filter(|bound| bound.trust == Trust::Now) {
                bound.trust = trust;
            }
        };
        settle_texts(&mut self.uuid);
        settle_texts(&mut self.hash);
        for bound in self.index.values_mut().filter(|bound| bound.trust == Trust::Now) {
            bound.trust = trust;
        }
    }

    /// Binds or checks an index; the error says which relation does not hold.
    pub fn index(&mut self, number: u32, value: u64) -> Result<(), String> {
        if value <= 1 {
            return Err(format!("expected an index above 1, got {value}"));
        }
        if let Some(bound) = self.index.get(&number)
            && bound.trust != Trust::Weak
        {
            return match bound.value == value {
                true => Ok(()),
                false => Err(format!("<i{number}> was {}, now {value}", bound.value)),
            };
        }
        for (other, bound) in self.index.iter().filter(|(_, bound)| bound.trust != Trust::Weak) {
            if other.cmp(&number) != bound.value.cmp(&value) {
                let relation = if *other < number { "above" } else { "below" };
                return Err(format!(
                    "<i{number}> = {value} must be {relation} <i{other}> = {}",
                    bound.value
                ));
            }
        }
        self.index.insert(number, Bound { value, trust: Trust::Now });
        Ok(())
    }

    pub fn uuid(&mut self, number: u32, value: &str) -> Result<(), String> {
        bind_text(&mut self.uuid, "uuid", number, value)
    }

    /// The first eight digits of a UUID, which must be known already to be checked.
    pub fn short_uuid(&mut self, number: u32, value: &str) -> Result<(), String> {
        match self.uuid.get(&number) {
            Some(bound) if bound.trust != Trust::Weak && !bound.value.starts_with(value) => {
                Err(format!("<uuid-{number}> was {}, now {value}", bound.value))
            }
            _ => Ok(()),
        }
    }

    pub fn hash(&mut self, number: u32, value: &str) -> Result<(), String> {
        bind_text(&mut self.hash, "hash", number, value)
    }

    /// Puts what is known into a request. What is not known stays a placeholder, named in the list.
    pub fn fill(&self, text: &str) -> (String, Vec<String>) {
        let mut out = String::new();
        let mut unknown = Vec::new();
        for part in parts(text) {
            let Part::Hole { kind, text } = part else {
                out.push_str(part.text());
                continue;
            };
            match self.known(&kind) {
                Some(value) => out.push_str(&value),
                None => {
                    out.push_str(text);
                    unknown.push(text.to_owned());
                }
            }
        }
        (out, unknown)
    }

    fn known(&self, kind: &Kind) -> Option<String> {
        match kind {
            Kind::Index(number) => self.index.get(number).map(|bound| bound.value.to_string()),
            Kind::Uuid(number) => self.uuid.get(number).map(|bound| bound.value.clone()),
            Kind::ShortUuid(number) => self
                .uuid
                .get(number)
                .and_then(|bound| bound.value.get(..SHORT_UUID_CHARS))
                .map(str::to_owned),
            Kind::Hash(number) => self.hash.get(number).map(|bound| bound.value.clone()),
            Kind::NamedPort(name) => self.ports.get(name).map(u16::to_string),
            Kind::Folder => Some(self.folder.clone()),
            // A version or any other value of the recording's own is sent as it stands.
            _ => None,
        }
    }
}

fn bind_text(
    map: &mut BTreeMap<u32, Bound<String>>,
    noun: &str,
    number: u32,
    value: &str,
) -> Result<(), String> {
    if let Some(bound) = map.get(&number)
        && bound.trust != Trust::Weak
    {
        return match bound.value == value {
            true => Ok(()),
            false => Err(format!("<{noun}-{number}> was {}, now {value}", bound.value)),
        };
    }
    let twin = map.iter().find(|(_, b)| b.trust != Trust::Weak && b.value == value);
    if let Some((other, _)) = twin {
        return Err(format!("<{noun}-{number}> is the same as <{noun}-{other}>: {value}"));
    }
    map.insert(number, Bound { value: value.to_owned(), trust: Trust::Now });
    Ok(())
}

/// `<uuid-N-short>` is the first group of a UUID.
pub const SHORT_UUID_CHARS: usize = 8;
