//! The seeds that ever failed, each with its story: they run first, every time.

use crate::share::{Scale, WorldName};
use std::time::Duration;

/// A seed that failed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    pub world: WorldName,
    pub seed: u64,
    pub minutes: u64,
    pub operations: u64,
    pub story: String,
}

impl Story {
    /// The size of world in which it failed.
    pub fn scale(&self) -> Scale {
        Scale { duration: Duration::from_secs(self.minutes * 60), operations: self.operations }
    }
}

/// The file, as it was when this program was built.
const SEEDS: &str = include_str!("../seeds.txt");

/// Every seed that ever failed. A line is the world, seed, minutes, operations, and
/// the story.
pub fn stories() -> Vec<Story> {
    SEEDS.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Story> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let mut words = line.splitn(5, char::is_whitespace);
    let world = WorldName::named(words.next()?)?;
    let mut number = || words.next()?.parse().ok();
    let (seed, minutes, operations) = (number()?, number()?, number()?);
    let story = words.next().unwrap_or_default().to_owned();
    Some(Story { world, seed, minutes, operations, story })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_is_a_comment_or_a_story() {
        for line in SEEDS.lines().map(str::trim) {
            let told = parse(line).is_some_and(|story| !story.story.is_empty());
            assert!(line.is_empty() || line.starts_with('#') || told, "{line}");
        }
    }
}
