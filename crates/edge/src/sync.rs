//! Anti-entropy: what the catalog has not heard yet, one write at a time, and the comparison
//! that finds what differs. It decides nothing about services and checks themselves.
//! Invariants: a write is under way at most once; nothing is read while one is; what is not
//! this agent's (the server's own service, serfHealth) is never removed.
//! Source: consul-surface D.1.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tribune_state::catalog::{CatalogCommand, Deregister, NodeRow, Register};
use tribune_state::ids::{CheckId, ServiceId};
use tribune_state::{Command, TextMap};

use crate::alarms::Alarm;
use crate::effect::{Effect, Note};
use crate::input::{CatalogSnapshot, Taken, Ticket};
#[cfg(feature = "planted-bugs")]
use crate::settings::Bug;
use crate::size;
use crate::state::State;

/// What the catalog can be told of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Item {
    /// The node's own row.
    Node,
    /// A service, or that it is gone.
    Service(ServiceId),
    /// A check, or that it is gone.
    Check(CheckId),
}

/// A place in the queue; they rise.
pub(crate) type Place = u64;

/// What the catalog has not heard yet.
#[derive(Debug)]
pub(crate) struct Sync {
    queue: BTreeMap<Place, Item>,
    places: BTreeMap<Item, Place>,
    last_place: Place,
    under_way: Option<UnderWay>,
    /// While the catalog is read: what was touched since, of which the answer may know nothing.
    reading: Option<BTreeSet<Item>>,
    /// True after a failure, until the next request or comparison.
    is_held: bool,
    failures: u32,
    tickets: u64,
    touches: u64,
    /// The most items in the next write: halved by a failure, so that one item that the
    /// cluster will not take cannot hold up the others for ever.
    items_max: usize,
    node_is_told: bool,
    /// Items of writes that failed: such a write may still happen, after the catalog was read.
    doubtful: BTreeSet<Item>,
}

#[derive(Debug)]
struct UnderWay {
    ticket: Ticket,
    items: Vec<(Place, Item)>,
}

/// Items in one entry of the log: past this a larger entry gains nothing.
pub(crate) const ITEMS_PER_ENTRY_MAX: usize = 256;
/// Bytes of their rows, by a rough count: half of what an entry of the log may have.
const ENTRY_BYTES_MAX: usize = 512 * 1024;
/// The first wait after a failure; each further one doubles it. Up to a quarter is taken off.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest. Source: consul-surface D.1.
const RETRY_LONGEST: Duration = Duration::from_secs(15);
/// The service of a server itself, and the check of a node by gossip.
const SERVER_SERVICE: &str = "consul";
const GOSSIP_CHECK: &str = "serfHealth";

impl Default for Sync {
    fn default() -> Sync {
        Sync {
            queue: BTreeMap::new(),
            places: BTreeMap::new(),
            last_place: 0,
            under_way: None,
            reading: None,
            is_held: false,
            failures: 0,
            tickets: 0,
            touches: 0,
            items_max: ITEMS_PER_ENTRY_MAX,
            node_is_told: false,
            doubtful: BTreeSet::new(),
        }
    }
}

impl Sync {
    /// Puts an item in the queue. One that waits already keeps its place.
    pub fn touch(&mut self, item: Item) {
        self.touches += 1;
        if let Some(since) = &mut self.reading {
            since.insert(item.clone());
        }
        if !self.places.contains_key(&item) {
            self.last_place += 1;
            self.queue.insert(self.last_place, item.clone());
            self.places.insert(item, self.last_place);
        }
    }

    /// Counts what has ever been put in the queue.
    pub fn touches(&self) -> u64 {
        self.touches
    }

    /// True if the item waits for its write.
    pub fn is_queued(&self, item: &Item) -> bool {
        self.places.contains_key(item)
    }

    /// True if the catalog may not have heard of the item's newest state.
    pub fn is_untold(&self, item: &Item) -> bool {
        let sent = self.under_way.as_ref();
        self.is_queued(item)
            || sent.is_some_and(|own| own.items.iter().any(|(_, sent)| sent == item))
    }

    /// The last place in the queue: once it is tried, so is everything that waits now.
    pub fn last_queued(&self) -> Option<Place> {
        self.queue.last_key_value().map(|(place, _)| *place)
    }

    /// The first place whose write has not been reported; all before it have been.
    pub fn first_open(&self) -> Option<Place> {
        let under_way = self.under_way.as_ref().and_then(|own| own.items.first());
        under_way.map(|(place, _)| *place).or(self.queue.first_key_value().map(|own| *own.0))
    }

    /// How many items wait or are under way.
    pub fn waiting(&self) -> usize {
        self.queue.len() + self.under_way.as_ref().map_or(0, |own| own.items.len())
    }

    fn take(&mut self, bytes_of: impl Fn(&Item) -> usize) -> Vec<(Place, Item)> {
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < self.items_max && bytes < ENTRY_BYTES_MAX {
            let Some((place, item)) = self.queue.pop_first() else { break };
            bytes += bytes_of(&item);
            self.places.remove(&item);
            items.push((place, item));
        }
        items
    }
}

/// About how many bytes an item takes in an entry.
fn bytes_of(state: &State, item: &Item) -> usize {
    match item {
        Item::Service(id) => state.services.get(id).map_or(0, |own| size::of_service(&own.row)),
        Item::Check(id) => state.checks.get(id).map_or(0, size::of_check),
        Item::Node => 0,
    }
}

/// Begins the comparison, unless a write is under way; then it follows that.
pub(crate) fn compare_soon(state: &mut State) {
    state.alarms.set(Alarm::FullSync, state.now);
}

/// The deadline of the comparison has come.
pub(crate) fn on_full_sync(state: &mut State) {
    if state.sync.under_way.is_some() || state.sync.reading.is_some() {
        // The write's report sets the next deadline if it fails; else look again soon.
        state.alarms.set(Alarm::FullSync, state.now + RETRY_FIRST);
        return;
    }
    state.sync.reading = Some(BTreeSet::new());
    state.sync.is_held = false;
    state.effects.push(Effect::ReadCatalog);
    let interval = state.settings.sync_interval;
    let wait = interval + state.random(interval);
    state.alarms.set(Alarm::FullSync, state.now + wait);
}

/// Sends what waits, unless a write is under way or the last one has failed.
pub(crate) fn flush(state: &mut State) {
    let sync = &mut state.sync;
    if sync.under_way.is_some() || sync.reading.is_some() || sync.is_held || sync.queue.is_empty() {
        return;
    }
    let mut sync = std::mem::take(sync);
    let items = sync.take(|item| bytes_of(state, item));
    sync.tickets += 1;
    let ticket = Ticket(sync.tickets);
    state.sync = sync;
    let commands = commands(state, &items);
    state.sync.under_way = Some(UnderWay { ticket, items });
    let command = Command::Catalog(CatalogCommand::Batch(commands));
    state.effects.push(Effect::Propose(ticket, Box::new(command)));
}

/// Gives the node other metadata, and has the catalog told.
pub(crate) fn renew_node(state: &mut State, meta: Option<TextMap>) {
    if state.settings.node.meta != meta {
        state.settings.node.meta = meta;
        state.sync.node_is_told = false;
        state.sync.touch(Item::Node);
    }
}

/// Somebody waits: try even after a failure.
pub(crate) fn release(state: &mut State) {
    state.sync.is_held = false;
}

/// A write has been reported.
pub(crate) fn on_proposed(state: &mut State, ticket: Ticket, taken: Taken) {
    let sync = &mut state.sync;
    let Some(under_way) = sync.under_way.take_if(|own| own.ticket == ticket) else { return };
    if taken == Taken::Yes {
        sync.failures = 0;
        sync.items_max = (sync.items_max * 2).min(ITEMS_PER_ENTRY_MAX);
        sync.node_is_told = true;
        for (_, item) in &under_way.items {
            sync.doubtful.remove(item);
        }
        return;
    }
    sync.items_max = (under_way.items.len() / 2).max(1);
    // At the end of the queue, so that the others come first.
    for (_, item) in under_way.items {
        sync.doubtful.insert(item.clone());
        sync.touch(item);
    }
    sync.is_held = true;
    sync.failures = sync.failures.saturating_add(1);
    let doubled = RETRY_FIRST * 2_u32.saturating_pow(sync.failures.min(8) - 1);
    let wait = doubled.min(RETRY_LONGEST);
    let waiting = sync.waiting();
    // What the catalog has now is not known: compare, which sends the rest as well. A little early,
    // so that agents that failed together do not come back together.
    let wait = wait - state.random(wait / 4);
    state.alarms.set(Alarm::FullSync, state.now + wait);
    state.effects.push(Effect::Note(Note::SyncFailed { waiting }));
}

/// What the catalog holds has been read: queue what differs.
pub(crate) fn on_catalog(state: &mut State, snapshot: &CatalogSnapshot) {
    let Some(since) = state.sync.reading.take() else { return };
    let node = snapshot.node.as_ref();
    let mut differs = BTreeSet::new();
    state.sync.node_is_told = node.is_some_and(|told| node_is_told(&state.settings.node, told));
    if !state.sync.node_is_told {
        differs.insert(Item::Node);
    }
    compare_services(state, snapshot, &mut differs);
    compare_checks(state, snapshot, &mut differs);
    // What waited and turns out to be told needs no write, unless an older one may still follow,
    // or somebody asked for it after the catalog was read.
    let sync = &mut state.sync;
    differs.extend(sync.doubtful.iter().cloned());
    differs.extend(since);
    sync.queue.retain(|_, item| differs.contains(item));
    sync.places.retain(|item, _| differs.contains(item));
    for item in differs {
        sync.touch(item);
    }
}

fn node_is_told(own: &NodeRow, told: &NodeRow) -> bool {
    own.id == told.id
        && own.address == told.address
        && own.tagged_addresses == told.tagged_addresses
        && own.meta == told.meta
        && own.locality == told.locality
}

fn compare_services(state: &mut State, snapshot: &CatalogSnapshot, differs: &mut BTreeSet<Item>) {
    let mut missing: BTreeSet<ServiceId> = state.services.keys().cloned().collect();
    for told in &snapshot.services {
        missing.remove(&told.id);
        let Some(own) = state.services.get_mut(&told.id) else {
            let is_servers = state.settings.server && told.id.as_str() == SERVER_SERVICE;
            #[cfg(feature = "planted-bugs")]
            let is_servers = is_servers && state.settings.bug != Some(Bug::GreedySync);
            if is_servers {
                continue;
            }
            let item = Item::Service(told.id.clone());
            if !state.sync.is_queued(&item) {
                state.effects.push(Effect::Note(Note::NotOurs { id: told.id.to_string() }));
            }
            differs.insert(item);
            continue;
        };
        // Until the catalog has our newest registration, its tags are those of an older one.
        let is_told = !state.sync.is_queued(&Item::Service(told.id.clone()));
        if is_told && own.row.enable_tag_override && own.row.tags != told.tags {
            own.take_tags(told.tags.clone());
            crate::register::tags_taken(state, &told.id);
        } else if !is_told || !own.is_told(told) {
            differs.insert(Item::Service(told.id.clone()));
        }
    }
    differs.extend(missing.into_iter().map(Item::Service));
}

fn compare_checks(state: &mut State, snapshot: &CatalogSnapshot, differs: &mut BTreeSet<Item>) {
    let mut missing: BTreeSet<CheckId> = state.checks.keys().cloned().collect();
    for told in &snapshot.checks {
        missing.remove(&told.id);
        let item = Item::Check(told.id.clone());
        let Some(own) = state.checks.get(&told.id) else {
            if told.id.as_str() == GOSSIP_CHECK {
                continue;
            }
            differs.insert(item);
            continue;
        };
        let waits = state.alarms.time(&Alarm::Output(told.id.clone())).is_some();
        if !own.is_told(told, waits, &state.settings) {
            differs.insert(item);
        }
    }
    differs.extend(missing.into_iter().map(Item::Check));
}

/// The planted bug: every so-manieth write forgets what is gone.
#[cfg(feature = "planted-bugs")]
fn loses_deregistration(state: &State) -> bool {
    state.settings.bug == Some(Bug::LostDeregistration) && state.sync.tickets.is_multiple_of(100)
}

/// The commands that tell of these items. A service's registration carries its own checks.
fn commands(state: &State, items: &[(Place, Item)]) -> Vec<CatalogCommand> {
    let mut registers: Vec<Register> = Vec::new();
    let mut of_service: BTreeMap<&ServiceId, usize> = BTreeMap::new();
    let mut gone = Vec::new();
    let register = || Register {
        node: state.settings.node.clone(),
        skip_node_update: state.sync.node_is_told,
        service: None,
        checks: Vec::new(),
    };
    let deregister =
        || Deregister { node: state.settings.node.node.clone(), ..Deregister::default() };
    for (_, item) in items {
        match item {
            Item::Node => registers.push(register()),
            Item::Service(id) => match state.services.get(id) {
                Some(service) => {
                    of_service.insert(id, registers.len());
                    registers.push(Register { service: Some(service.row.clone()), ..register() });
                }
                #[cfg(feature = "planted-bugs")]
                None if loses_deregistration(state) => {}
                None => gone.push(Deregister { service_id: Some(id.clone()), ..deregister() }),
            },
            Item::Check(_) => {}
        }
    }
    let mut loose: BTreeMap<ServiceId, Register> = BTreeMap::new();
    for (_, item) in items {
        let Item::Check(id) = item else { continue };
        let Some(check) = state.checks.get(id) else {
            gone.push(Deregister { check_id: Some(id.clone()), ..deregister() });
            continue;
        };
        let row = check.row(&state.settings);
        let place = of_service.get(&check.kept.service).copied();
        match place.and_then(|place| registers.get_mut(place)) {
            Some(register) => register.checks.push(row),
            None => {
                let of = check.kept.service.clone();
                loose.entry(of).or_insert_with(register).checks.push(row);
            }
        }
    }
    registers.extend(loose.into_values());
    // What is gone goes first, so that an id that moved is not removed after it came.
    let gone = gone.into_iter().map(CatalogCommand::Deregister);
    gone.chain(registers.into_iter().map(|own| CatalogCommand::Register(Box::new(own)))).collect()
}
