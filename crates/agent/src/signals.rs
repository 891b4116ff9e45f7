//! What the system tells an agent to do: end, read its configuration anew, show its numbers; and
//! the file that says which process it is.
//!
//! Source: consul-surface D.6, F.3: INT and TERM end, a second one at once; HUP reloads; USR1
//! shows the numbers on the standard error.

use std::io;
use std::path::{Path, PathBuf};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To end, by SIGINT.
    Interrupt,
    /// To end, by SIGTERM.
    Terminate,
    /// To read the configuration anew.
    Reload,
    /// To show the numbers.
    Dump,
}

/// The signals an agent answers to.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    dump: Signal,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            dump: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = self.terminate.recv() => Asked::Terminate,
            _ = self.hang_up.recv() => Asked::Reload,
            _ = self.dump.recv() => Asked::Dump,
        }
    }

    /// Resolves when the process is told to end once more.
    pub async fn told_again(&mut self) {
        loop {
            if matches!(self.next().await, Asked::Interrupt | Asked::Terminate) {
                return;
            }
        }
    }
}

/// The file that holds the process's id; removed with this value.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes it. What another process left there is replaced.
    ///
    /// # Errors
    /// If the folder cannot be made or the file not written.
    pub fn write(path: &Path) -> io::Result<PidFile> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, std::process::id().to_string())?;
        Ok(PidFile(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_which_process_it_is_as_long_as_it_runs() {
        let path = std::env::temp_dir()
            .join(format!("tribune-pid-{}", std::process::id()))
            .join("agent.pid");
        let file = PidFile::write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), std::process::id().to_string());
        drop(file);
        assert!(!path.exists());
        std::fs::remove_dir(path.parent().unwrap()).unwrap();
    }
}
