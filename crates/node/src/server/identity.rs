//! Who a data directory is: the node's id, this incarnation of it, and how often it was started.
//!
//! Kept in the file `identity.json`, written whole and renamed. A Raft id belongs to one
//! incarnation and is never used again: a wiped directory comes back as somebody else.

use crate::entropy::random_uuid;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use uuid::Uuid;

/// The identity of a data directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The format of this file.
    format: u32,
    /// The node's id, which clients see.
    pub node_id: Uuid,
    /// This incarnation of the directory.
    pub incarnation: Uuid,
    /// How often a server was started in it.
    pub boot_count: u64,
}

/// The format that this program writes.
const FORMAT: u32 = 1;

/// The file's name.
const FILE: &str = "identity.json";

/// Why an identity could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("identity file {path:?}: {error}")]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not one of ours, or of a later format.
    #[error("identity file {path:?} is damaged or of a later format: {why}")]
    Damaged {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        why: String,
    },
}

impl Identity {
    /// An identity that nobody keeps, for a server in memory.
    pub fn fresh(node_id: Option<Uuid>) -> Identity {
        Identity {
            format: FORMAT,
            node_id: node_id.unwrap_or_else(random_uuid),
            incarnation: random_uuid(),
            boot_count: 1,
        }
    }

    /// Reads the identity of a directory, or gives it one, and counts this start.
    ///
    /// # Errors
    /// If the file cannot be read, written or understood.
    pub fn load(dir: &Path, node_id: Option<Uuid>) -> Result<Identity, IdentityError> {
        let path = dir.join(FILE);
        let mut identity = match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| damaged(&path, error.to_string()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Identity { boot_count: 0, ..Identity::fresh(node_id) }
            }
            Err(error) => return Err(IdentityError::Io { path, error }),
        };
        if identity.format != FORMAT {
            return Err(damaged(&path, format!("format {}", identity.format)));
        }
        if let Some(node_id) = node_id {
            identity.node_id = node_id;
        }
        identity.boot_count += 1;
        match identity.save(dir) {
            // A full disk must not keep a server from starting: deletes make room again.
            Err(error)
                if error.kind() == std::io::ErrorKind::StorageFull && identity.boot_count > 1 =>
            {
                tracing::warn!("the disk is full: this start is not counted");
            }
            saved => saved.map_err(|error| IdentityError::Io { path, error })?,
        }
        Ok(identity)
    }

    /// This incarnation's Raft id, never 0.
    pub fn raft_id(&self) -> u64 {
        let (high, _) = self.incarnation.as_u64_pair();
        high.max(1)
    }

    fn save(&self, dir: &Path) -> std::io::Result<()> {
        let temporary = dir.join(format!("{FILE}.tmp"));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&temporary, dir.join(FILE))?;
        fs::File::open(dir)?.sync_all()
    }
}

fn damaged(path: &Path, why: String) -> IdentityError {
    IdentityError::Damaged { path: path.to_owned(), why }
}
