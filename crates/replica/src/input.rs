//! Everything that can arrive at a replica: a closed set, and plain values. Inputs are data: they
//! can be kept, and a run of them replayed.

use crate::signal::Signal;
use serde::{Deserialize, Serialize};
use tribune_state::{Command, Source};

/// Names a request of the shell, so that its answer finds the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// Something that arrived. Variants are appended, never reordered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// A tick of the shell's timer; `wall_ms` is the wall time for the chores' stamps.
    Tick {
        /// Milliseconds since 1970.
        wall_ms: u64,
    },
    /// A write is wanted.
    Propose(Proposal),
    /// The position up to which a read must wait is wanted, confirmed by a quorum.
    Read {
        /// Whose.
        request: RequestId,
    },
    /// Volatile state of the leader is to change.
    Signal {
        /// Whose.
        request: RequestId,
        /// How.
        signal: Signal,
    },
    /// The batch of the last [`crate::Effect::Append`] is durable.
    Appended {
        /// True if the disk had to give up its reserve: writes are refused until space returns.
        space_low: bool,
    },
    /// The disk has room again, or has none left.
    Space {
        /// True if there is none.
        low: bool,
    },
    /// The batch of the last [`crate::Effect::Append`] waits for room on the disk: nothing more can
    /// be written until it is durable.
    AppendWaits,
    /// A snapshot is durable up to this log position; none if it failed and may be tried again.
    SnapshotSaved {
        /// The last entry it contains.
        index: Option<u64>,
    },
}

/// A write that is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Whose answer it is.
    pub request: RequestId,
    /// The write.
    pub command: Command,
    /// The wall time at which it was asked for, in milliseconds since 1970.
    pub wall_ms: u64,
    /// The door it came through.
    pub source: Source,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tribune_state::catalog::{CatalogCommand, NodeRow, Register};
    use tribune_state::coordinate::{Coordinate, CoordinateCommand, CoordinateUpdate};
    use tribune_state::kv::{KvCommand, KvSet};
    use tribune_state::level::Level;
    use tribune_state::session::SessionCommand;
    use tribune_state::system::SystemCommand;
    use tribune_state::txn::{KvOp, TxnCommand, TxnOp};
    use tribune_state::{Index, Key, SessionId};

    fn session() -> impl Strategy<Value = SessionId> {
        any::<u128>().prop_map(|id| SessionId(uuid::Uuid::from_u128(id)))
    }

    fn kv_set() -> impl Strategy<Value = KvSet> {
        (any::<Vec<u8>>(), any::<Vec<u8>>(), any::<u64>()).prop_map(|(key, value, flags)| KvSet {
            key: Key::from(key),
            value: value.into(),
            flags,
        })
    }

    fn update() -> impl Strategy<Value = CoordinateUpdate> {
        (any::<String>(), any::<String>(), any::<[i32; 8]>()).prop_map(|(node, segment, at)| {
            let coordinate = Coordinate { vec: at.map(f64::from), ..Coordinate::default() };
            CoordinateUpdate { node: node.into(), segment, coordinate }
        })
    }

    fn register() -> impl Strategy<Value = Register> {
        any::<(String, String)>().prop_map(|(name, address)| {
            let node = NodeRow { node: name.into(), address, ..NodeRow::default() };
            Register { node, skip_node_update: true, service: None, checks: Vec::new() }
        })
    }

    fn command() -> impl Strategy<Value = Command> {
        prop_oneof![
            kv_set().prop_map(|set| Command::Kv(KvCommand::Set(set))),
            (kv_set(), any::<String>()).prop_map(|(set, id)| Command::Kv(KvCommand::Lock(set, id))),
            session().prop_map(|id| Command::Session(SessionCommand::Destroy(id))),
            register().prop_map(|own| Command::Catalog(CatalogCommand::Register(Box::new(own)))),
            (kv_set(), any::<u64>()).prop_map(|(set, at)| {
                let ops = vec![TxnOp::Kv(KvOp::Cas(set, Index(at)))];
                Command::Txn(TxnCommand { ops })
            }),
            any::<u32>().prop_map(|level| Command::System(SystemCommand::Level(Level(level)))),
            prop::collection::vec(update(), 0..3)
                .prop_map(|updates| Command::Coordinate(CoordinateCommand::Batch(updates))),
        ]
    }

    fn signal() -> impl Strategy<Value = Signal> {
        prop_oneof![
            session().prop_map(Signal::SessionRenew),
            update().prop_map(|update| Signal::Coordinate(Box::new(update))),
        ]
    }

    fn input() -> impl Strategy<Value = Input> {
        let request = || any::<u64>().prop_map(RequestId);
        let source = prop_oneof![Just(Source::Server), Just(Source::Http), Just(Source::Agent)];
        prop_oneof![
            any::<u64>().prop_map(|wall_ms| Input::Tick { wall_ms }),
            (request(), command(), any::<u64>(), source).prop_map(
                |(request, command, wall_ms, source)| {
                    Input::Propose(Proposal { request, command, wall_ms, source })
                }
            ),
            request().prop_map(|request| Input::Read { request }),
            (request(), signal()).prop_map(|(request, signal)| Input::Signal { request, signal }),
            any::<bool>().prop_map(|space_low| Input::Appended { space_low }),
            any::<bool>().prop_map(|low| Input::Space { low }),
            Just(Input::AppendWaits),
            any::<Option<u64>>().prop_map(|index| Input::SnapshotSaved { index }),
        ]
    }

    proptest! {
        #[test]
        fn inputs_are_read_as_they_are_written(inputs in prop::collection::vec(input(), 0..8)) {
            let bytes = postcard::to_stdvec(&inputs).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Vec<Input>>(&bytes).unwrap(), inputs);
        }

        #[test]
        fn any_bytes_are_inputs_or_refused(bytes: Vec<u8>) {
            if let Ok(inputs) = postcard::from_bytes::<Vec<Input>>(&bytes) {
                prop_assert!(postcard::to_stdvec(&inputs).is_ok());
            }
        }
    }
}
