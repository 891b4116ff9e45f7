//! What is measured: one row a case, one file a noun. A case starts its own servers, so that none
//! inherits the memory of another.

mod catalog;
mod checks;
mod kv;
mod run;
mod watch;

use std::pin::Pin;

use anyhow::Result;

use crate::Options;
use crate::report::Report;

type Running<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// One thing that is measured.
pub struct Case {
    pub name: &'static str,
    pub run: for<'a> fn(&'a Options, &'a mut Report) -> Running<'a>,
}

macro_rules! cases {
    ($($name:literal => $function:path),* $(,)?) => {
        pub static CASES: &[Case] = &[$(Case {
            name: $name,
            run: |options, report| Box::pin($function(options, report)),
        }),*];
    };
}

cases! {
    "start" => run::start,
    "kv-put" => kv::put,
    "kv-get" => kv::get,
    "kv-list" => kv::list,
    "kv-memory" => kv::memory,
    "watch-key" => watch::one_key,
    "watch-service" => watch::one_service,
    "watch-services" => watch::each_its_service,
    "health-10" => catalog::health_10,
    "health-100" => catalog::health_100,
    "register-catalog" => catalog::register,
    "register-agent" => catalog::register_at_agent,
    "service-memory" => catalog::memory,
    "checks" => checks::good,
    "checks-bad" => checks::with_bad,
}
