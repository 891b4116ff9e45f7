//! Real processes: agents that are killed, disks that lose power, data of earlier releases.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool tells its user")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what a test expected is said by its failing; helpers of tests count as tests"
)]

mod abuse;
mod agent;
mod end;
mod full;
mod golden;
mod history;
mod kill;
mod operate;
mod power;
