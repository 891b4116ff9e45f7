//! How much of the log services and checks take, and how much of it they may.
//! It refuses; what it counts is roughly what a row takes in an entry.
//! Invariant: what is registered here fits into an entry of the log, so that the catalog hears of
//! it.

use tribune_api::catalog::definition_complaint;
use tribune_state::catalog::{Address, NamedPort, ServiceRow};

use crate::check::Check;
use crate::error::EdgeError;

/// The texts of one service in the catalog: a quarter of an entry, as its own checks may follow.
pub(crate) const SERVICE_BYTES_MAX: usize = 256 * 1024;
/// The texts of one check in the catalog, without its output and its service's tags.
pub(crate) const CHECK_BYTES_MAX: usize = 64 * 1024;
/// What a row has beside its texts.
const ROW_BYTES: usize = 512;

/// Refuses a service that is too large, or has too many checks.
pub(crate) fn refuse_service(row: &ServiceRow, checks: usize) -> Result<(), EdgeError> {
    if let Some(complaint) = definition_complaint(row.tags.as_deref(), checks) {
        return Err(EdgeError::Invalid(complaint));
    }
    refuse("service", of_service(row), SERVICE_BYTES_MAX)
}

/// Refuses a check whose names and notes are too long.
pub(crate) fn refuse_check(id: &str, name: &str, notes: &str) -> Result<(), EdgeError> {
    refuse("check", id.len() + name.len() + notes.len(), CHECK_BYTES_MAX)
}

fn refuse(noun: &str, bytes: usize, bytes_max: usize) -> Result<(), EdgeError> {
    if bytes <= bytes_max {
        return Ok(());
    }
    let text =
        format!("Invalid {noun}: it takes {bytes} bytes in the catalog, at most {bytes_max} fit");
    Err(EdgeError::Invalid(text))
}

/// About how many bytes a service takes in an entry.
pub(crate) fn of_service(row: &ServiceRow) -> usize {
    let addresses = row.tagged_addresses.iter().flatten();
    let addresses = addresses.map(|(tag, own): (_, &Address)| tag.len() + own.address.len());
    let ports = row.ports.iter().flatten().map(|port: &NamedPort| port.name.len());
    let meta = row.meta.iter().flat_map(|own| own.iter());
    let meta = meta.map(|(key, value)| key.len() + value.len());
    let locality = row.locality.iter().map(|own| own.region.len() + own.zone.len());
    let several = [
        addresses.sum(),
        ports.sum(),
        meta.sum(),
        locality.sum(),
        of_tags(row.tags.as_deref()),
        row.id.as_str().len() + row.service.as_str().len() + row.kind.len(),
        row.address.len() + row.socket_path.len() + row.proxy.len() + row.connect.len(),
    ];
    ROW_BYTES + several.iter().sum::<usize>()
}

/// About how many bytes a check takes in an entry, without making its row.
pub(crate) fn of_check(check: &Check) -> usize {
    let shown = &check.shown;
    let names = check.id.as_str().len() + shown.name.len() + shown.service_name.len();
    ROW_BYTES
        + names
        + shown.notes.len()
        + check.output.len()
        + of_tags(shown.service_tags.as_deref())
}

fn of_tags(tags: Option<&[String]>) -> usize {
    // Each has its length before it.
    tags.unwrap_or_default().iter().map(|tag| tag.len() + size_of::<u32>()).sum()
}
