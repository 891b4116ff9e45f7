//! How many files and connections this process may open. The limit that is usually inherited, of
//! 1,024, was made for programs that wait by `select`; a server needs more, as far as it is let.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tribune_edge::ProbesMax;

use crate::http::wire::server::CONNECTIONS_MAX;

/// What is asked for where it is allowed: room for the greatest number of connections and more.
const DESCRIPTORS_WANTED: u64 = 65_536;

/// Kept back for the log, snapshots, DNS, probes and the listeners themselves.
const DESCRIPTORS_KEPT: u64 = 256;

/// Raises the soft limit towards the hard one.
pub fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(DESCRIPTORS_WANTED, |maximum| maximum.min(DESCRIPTORS_WANTED));
    if current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, wanted, "the limit of open files could not be raised");
        }
    }
}

/// How many connections there may be, so that the log never wants for a file.
pub fn connections_max() -> usize {
    connections_within(getrlimit(Resource::Nofile).current)
}

fn connections_within(descriptors: Option<u64>) -> usize {
    let Some(descriptors) = descriptors else { return CONNECTIONS_MAX };
    // Where few may be open, the connections still get half.
    let left = descriptors.saturating_sub(DESCRIPTORS_KEPT).max(descriptors / 2);
    usize::try_from(left).unwrap_or(usize::MAX).min(CONNECTIONS_MAX)
}

/// How many probes there may be at a time: no more than what is kept back where files are few.
pub fn probes_max() -> ProbesMax {
    probes_within(getrlimit(Resource::Nofile).current)
}

fn probes_within(descriptors: Option<u64>) -> ProbesMax {
    let most = ProbesMax::DEFAULT;
    let Some(descriptors) = descriptors else { return most };
    let share = usize::try_from(descriptors / 16).unwrap_or(usize::MAX).max(PROBES_MIN);
    ProbesMax {
        quick: most.quick.min(share),
        slow: most.slow.min(share),
        programs: most.programs.min(share),
    }
}

/// Fewer at a time would delay each other.
const PROBES_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_fit_into_what_connections_leave() {
        assert_eq!(probes_within(None), ProbesMax::DEFAULT);
        assert_eq!(probes_within(Some(65_536)), ProbesMax::DEFAULT);
        let few = probes_within(Some(1024));
        assert_eq!(few, ProbesMax { quick: 64, slow: 64, programs: 64 });
    }

    #[test]
    fn connections_leave_files_for_the_rest() {
        for (descriptors, expected) in [
            (None, CONNECTIONS_MAX),
            (Some(1_000_000), CONNECTIONS_MAX),
            (Some(1024), 768),
            (Some(300), 150),
        ] {
            assert_eq!(connections_within(descriptors), expected, "{descriptors:?}");
        }
    }
}
