//! A value that must never be printed: it redacts itself by type in `Debug` and `Display`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Holds key material or a token. It serialises as it is, since the log must keep it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Secret<T> {
        Secret(value)
    }

    /// The value itself; the name makes each use easy to find.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_its_value() {
        let secret = Secret::new("s3cr3t".to_owned());
        assert_eq!(format!("{secret:?} {secret}"), "<hidden> <hidden>");
        assert_eq!(secret.expose(), "s3cr3t");
    }
}
