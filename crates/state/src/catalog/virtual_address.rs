//! The virtual addresses of services in the mesh: one for each service that has endpoints there.
//! Transparent proxies send what goes to it to those endpoints.
//!
//! Invariants: no two services share an address; it is kept on the rows of the endpoints and
//! nowhere else, so that a snapshot brings it back. Source: transcripts/agent/registration.txt;
//! consul-surface, gateways.

use super::rows::{Address, CatalogTables, ServiceRow};
use crate::ids::ServiceName;
use crate::table::Table;
use std::net::Ipv4Addr;

/// The tag of a virtual address among an instance's others.
pub const VIRTUAL_TAG: &str = "consul-virtual";

/// The network of virtual addresses; the first is one above.
const NETWORK: u32 = 0xf000_0000;
/// The highest number: the one above it is for broadcasts.
const NUMBER_MAX: u32 = 0x0fff_fffe;

/// Which service has which address, by its number within the network.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualAddresses {
    of: Table<ServiceName, u32>,
    /// The numbers in use as runs, from the first to the last of each.
    runs: Table<u32, u32>,
}

impl VirtualAddresses {
    pub fn address(&self, service: &ServiceName) -> Option<Ipv4Addr> {
        self.of.get(&service.folded()).map(|number| Ipv4Addr::from(NETWORK + number))
    }

    /// The number a service has, or would be given: the lowest that is free.
    fn number_for(&self, service: &ServiceName) -> Option<u32> {
        if let Some(number) = self.of.get(service) {
            return Some(*number);
        }
        let lowest = match self.runs.get(&1) {
            Some(last) => last + 1,
            None => 1,
        };
        (lowest <= NUMBER_MAX).then_some(lowest)
    }

    /// A row of the service has this number. One that another service has is not taken.
    fn take(&mut self, service: &ServiceName, number: u32) {
        if self.of.contains(service) || self.is_used(number) {
            return;
        }
        self.of.insert(service.clone(), number);
        let mut first = number;
        let mut last = number;
        if let Some((before, _)) = self.run_up_to(number).filter(|(_, end)| end + 1 == number) {
            self.runs.remove(&before);
            first = before;
        }
        if let Some(after) = self.runs.remove(&(number + 1)) {
            last = after;
        }
        self.runs.insert(first, last);
    }

    fn release(&mut self, service: &ServiceName) {
        let Some(number) = self.of.remove(service) else { return };
        let Some((first, last)) = self.run_up_to(number) else { return };
        self.runs.remove(&first);
        if first < number {
            self.runs.insert(first, number - 1);
        }
        if number < last {
            self.runs.insert(number + 1, last);
        }
    }

    fn is_used(&self, number: u32) -> bool {
        self.run_up_to(number).is_some_and(|(_, last)| number <= last)
    }

    /// The last run that begins at or before a number.
    fn run_up_to(&self, number: u32) -> Option<(u32, u32)> {
        self.runs.range::<_, u32>(..=number).next_back().map(|(first, last)| (*first, *last))
    }
}

/// Writes on the row of a mesh endpoint the virtual address of the service it stands for, with
/// the endpoint's own port.
pub(super) fn put_on(tables: &CatalogTables, row: &mut ServiceRow) {
    let Some(destination) = row.connect_destination() else { return };
    let Some(number) = tables.virtuals.number_for(&destination) else { return };
    let address = Ipv4Addr::from(NETWORK + number).to_string();
    let all = row.tagged_addresses.get_or_insert_default();
    all.insert(VIRTUAL_TAG.to_owned(), Address { address, port: row.port });
}

/// A row with its address came; call it for every row.
pub(super) fn came(tables: &mut CatalogTables, row: &ServiceRow, destination: &ServiceName) {
    if let Some(number) = number_on(row) {
        tables.virtuals.take(destination, number);
    }
}

/// A row went: the address is free again if it was the service's last.
pub(super) fn went(tables: &mut CatalogTables, destination: &ServiceName) {
    if tables.endpoints(destination).next().is_none() {
        tables.virtuals.release(destination);
    }
}

fn number_on(row: &ServiceRow) -> Option<u32> {
    let own = row.tagged_addresses.as_ref()?.get(VIRTUAL_TAG)?;
    let address: Ipv4Addr = own.address.parse().ok()?;
    let number = u32::from(address).checked_sub(NETWORK)?;
    (1..=NUMBER_MAX).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    use super::*;

    fn name(number: u8) -> ServiceName {
        ServiceName::from(format!("s{number}"))
    }

    proptest! {
        /// Agrees with a plain map in which the lowest free number is searched.
        #[test]
        fn numbers_are_the_lowest_free(
            steps in prop::collection::vec((0..12_u8, any::<bool>(), 1..9_u32), 1..60),
        ) {
            let mut found = VirtualAddresses::default();
            let mut plain: BTreeMap<ServiceName, u32> = BTreeMap::new();
            for (service, comes, foreign) in steps {
                let service = name(service);
                let free = (1..).find(|number| !plain.values().any(|used| used == number)).unwrap();
                let number = plain.get(&service).copied().unwrap_or(free);
                prop_assert_eq!(found.number_for(&service), Some(number));
                if comes {
                    // Rows of a snapshot come in any order, with numbers beyond the next.
                    let number = if foreign == 8 { number } else { foreign };
                    found.take(&service, number);
                    let is_free = !plain.values().any(|used| *used == number);
                    if !plain.contains_key(&service) && is_free {
                        plain.insert(service.clone(), number);
                    }
                } else {
                    found.release(&service);
                    plain.remove(&service);
                }
                for number in 1..10 {
                    let used = plain.values().any(|own| *own == number);
                    prop_assert_eq!(found.is_used(number), used);
                }
                let address = plain.get(&service).map(|n| Ipv4Addr::from(NETWORK + n));
                prop_assert_eq!(found.address(&service), address);
            }
        }
    }
}
