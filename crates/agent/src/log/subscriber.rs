//! Takes events from everywhere in the process and makes lines of them. Spans are not kept: the
//! agent has none. What of other crates is heard is decided here.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use super::Log;
use super::format::{Line, rank};

pub(super) struct Logger {
    log: Log,
}

impl Logger {
    pub fn new(log: Log) -> Logger {
        Logger { log }
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let most = self.log.most();
        // The details of libraries are for those who trace.
        let is_ours = metadata.target().starts_with("tribune");
        let most = if is_ours || most >= TRACE { most } else { most.min(WARN) };
        metadata.is_event() && rank(*metadata.level()) <= most
    }
}

impl Subscriber for Logger {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Asked again whenever a level changes.
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.log.most() {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.log.write(&Line::new(event));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

const WARN: u8 = 2;
const TRACE: u8 = 5;
