//! Starting, and doing nothing.

use std::time::Duration;

use anyhow::Result;

use crate::Options;
use crate::agent::{Mode, Server};
use crate::report::Report;

pub async fn start(options: &Options, report: &mut Report) -> Result<()> {
    let dev = Server::agent(&options.program, Mode::Dev).await?;
    report.note("dev agent, start to first write", "ms", millis(dev.ready));
    tokio::time::sleep(SETTLE).await;
    report.note("dev agent, memory at idle", "MB", dev.rss()? / 1e6);
    let durable = Server::agent(&options.program, Mode::Durable).await?;
    report.note("durable server, start to first write", "ms", millis(durable.ready));
    Ok(())
}

pub fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// Start-up work is over by then.
pub const SETTLE: Duration = Duration::from_secs(1);
