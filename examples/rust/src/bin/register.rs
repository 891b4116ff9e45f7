//! Registers a service, serves it, and takes it out again at Ctrl-C.
//!
//! `cargo run -p tribune-examples --bin register -- [port]`

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it shows what it does")]

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;
use tribune_client::Client;
use tribune_client::api::agent::{CheckDefinition, ServiceDefinition};

const PORT_DEFAULT: u16 = 8080;

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
    let port = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => PORT_DEFAULT,
    };
    // The address, the token and the rest come from the CONSUL_* variables.
    let client = Client::from_env()?;
    let service = ServiceDefinition {
        id: "my-service".to_string(),
        name: "my-service".to_string(),
        tags: Some(vec!["web".to_string()]),
        port: i64::from(port),
        // How often and how long to try, and not what: the agent connects to the service's port.
        check: Some(CheckDefinition {
            interval: Duration::from_secs(10).into(),
            timeout: Duration::from_secs(2).into(),
            deregister_critical_service_after: Duration::from_secs(10).into(),
            ..CheckDefinition::default()
        }),
        ..ServiceDefinition::default()
    };
    client.agent().register_service(&service).await?;
    println!("registered {} on port {port}", service.id);

    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    tokio::select! {
        served = tribune_examples::serve(listener, || "hello from my-service\n".to_string()) => {
            served?;
        }
        _ = tokio::signal::ctrl_c() => {}
    }
    // A service that ends on purpose says so; one that is killed is removed by its check.
    client.agent().deregister_service(&service.id).await?;
    Ok(())
}
