//! Finds a healthy instance of a service twice, by a watch of its health and by DNS, and calls it,
//! as soon as there is one.
//!
//! `cargo run -p tribune-examples --bin discover -- [service]`; the agent's DNS is at
//! `$CONSUL_DNS_ADDR`, or at 127.0.0.1:8600.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it shows what it does")]

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::timeout;
use tribune_client::{Client, health};
use tribune_examples::dns;

/// How long to wait for an instance.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let service = std::env::args().nth(1).unwrap_or_else(|| "my-service".to_string());
    let client = Client::from_env()?;
    let address = timeout(PATIENCE, first_healthy(&client, &service)).await??;
    let answer = tribune_examples::call(&address).await?;
    println!("health: {address} says {answer:?}");

    let server = std::env::var("CONSUL_DNS_ADDR").unwrap_or_else(|_| "127.0.0.1:8600".to_string());
    let instances = dns::instances(server.parse()?, &service).await?;
    let address = instances.first().ok_or("DNS knows of no healthy instance")?.to_string();
    let answer = tribune_examples::call(&address).await?;
    println!("dns: {address} says {answer:?}");
    Ok(())
}

/// The watch answers at once with what is there, and again when that changes.
async fn first_healthy(client: &Client, service: &str) -> Result<String, tribune_client::Error> {
    let mut instances = client.health().passing(service).watch();
    loop {
        if let Some(instance) = instances.next().await?.value.first() {
            return Ok(health::address(instance));
        }
    }
}
