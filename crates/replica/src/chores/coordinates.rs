//! Gathers where nodes say they stand, and writes what came in one entry: a large pool would fill
//! the log with single updates otherwise, and a lost one is sent again anyway.

use std::collections::BTreeMap;
use std::time::Duration;
use tribune_state::NodeName;
use tribune_state::coordinate::{CoordinateCommand, CoordinateUpdate};

/// How long updates are gathered. Consul takes five seconds; one entry a second is no load.
const PERIOD: Duration = Duration::from_secs(1);

/// How many nodes' updates are held; those of further nodes are dropped until the next write.
const PENDING_MAX: usize = 4096;

/// How many updates one entry holds: about 100 bytes each, far below an entry's limit.
const BATCH_MAX: usize = 1024;

/// The updates of a period: the last word of each node.
#[derive(Debug, Default)]
pub(crate) struct Coordinates {
    pending: BTreeMap<(NodeName, String), CoordinateUpdate>,
    written_at: Duration,
}

impl Coordinates {
    /// Takes an update in.
    pub fn put(&mut self, update: &CoordinateUpdate) {
        let key = (update.node.folded(), update.segment.clone());
        if self.pending.len() < PENDING_MAX || self.pending.contains_key(&key) {
            self.pending.insert(key, update.clone());
        }
    }

    /// The commands that write what was gathered, if the time has come.
    pub fn tick(&mut self, now: Duration) -> Vec<CoordinateCommand> {
        if self.pending.is_empty() || now < self.written_at + PERIOD {
            return Vec::new();
        }
        self.written_at = now;
        let mut updates = std::mem::take(&mut self.pending).into_values().peekable();
        let mut commands = Vec::new();
        while updates.peek().is_some() {
            commands.push(CoordinateCommand::Batch(updates.by_ref().take(BATCH_MAX).collect()));
        }
        commands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribune_state::coordinate::Coordinate;

    fn update(node: &str, error: f64) -> CoordinateUpdate {
        let coordinate = Coordinate { error, ..Coordinate::default() };
        CoordinateUpdate { node: node.into(), segment: String::new(), coordinate }
    }

    fn sizes(commands: &[CoordinateCommand]) -> Vec<usize> {
        commands.iter().map(|CoordinateCommand::Batch(updates)| updates.len()).collect()
    }

    #[test]
    fn a_period_s_updates_are_written_together_and_the_last_word_counts() {
        let mut coordinates = Coordinates::default();
        coordinates.put(&update("a", 1.0));
        coordinates.put(&update("A", 0.5));
        coordinates.put(&update("b", 1.0));
        let now = PERIOD;
        assert!(coordinates.tick(now / 2).is_empty());
        let written = coordinates.tick(now);
        let expected = CoordinateCommand::Batch(vec![update("A", 0.5), update("b", 1.0)]);
        assert_eq!(written, [expected]);
        coordinates.put(&update("a", 2.0));
        assert!(coordinates.tick(now + PERIOD / 2).is_empty(), "within the same second");
        assert_eq!(sizes(&coordinates.tick(now + PERIOD)), [1]);
        assert!(coordinates.tick(now + PERIOD * 2).is_empty());
    }

    #[test]
    fn a_flood_of_nodes_is_bounded_and_split() {
        let mut coordinates = Coordinates::default();
        for n in 0..PENDING_MAX + 100 {
            coordinates.put(&update(&format!("n{n}"), 1.0));
        }
        let written = coordinates.tick(PERIOD);
        assert_eq!(sizes(&written), [BATCH_MAX; PENDING_MAX / BATCH_MAX]);
    }
}
