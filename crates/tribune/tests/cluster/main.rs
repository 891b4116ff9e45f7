//! Real processes: agents that are killed, disks that lose power, data of earlier releases.

mod agent;
mod golden;
mod history;
mod kill;
mod power;
