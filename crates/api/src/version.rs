//! Which versions this program says it has: its own, and the Consul release whose behaviour it
//! promises, since clients choose their behaviour by the latter.

/// The Consul release that answers, command line and configuration are compatible with.
pub const CONSUL_VERSION: &str = "1.22.1";
/// Our own.
pub const TRIBUNE_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit this was built from, where the build says it.
pub const REVISION: &str = match option_env!("TRIBUNE_REVISION") {
    Some(revision) => revision,
    None => "",
};
/// RFC 3339. A build that names no date says the release's day, so that builds are reproducible.
pub const BUILD_DATE: &str = match option_env!("TRIBUNE_BUILD_DATE") {
    Some(date) => date,
    None => "2026-11-23T00:00:00Z",
};
