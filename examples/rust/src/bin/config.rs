//! A web server whose greeting is a key of the key/value store. A change of the key is seen at
//! once and needs no restart.
//!
//! `cargo run -p tribune-examples --bin config -- serve [address]`
//! `cargo run -p tribune-examples --bin config -- set <greeting>`

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it shows what it does")]

use std::error::Error;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tribune_client::Client;

const KEY: &str = "config/greeting";
const LOCK: &str = "config/.lock";
const LISTEN_DEFAULT: &str = "127.0.0.1:8081";

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
    let client = Client::from_env()?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["serve"] => serve(client, LISTEN_DEFAULT).await,
        ["serve", address] => serve(client, address).await,
        ["set", greeting] => set(&client, greeting).await,
        _ => Err("usage: config serve [address] | config set <greeting>".into()),
    }
}

async fn serve(client: Client, address: &str) -> Result<(), Box<dyn Error>> {
    // Index 0: only if nobody has set it yet.
    client.kv().cas(KEY, "hello", 0).await?;
    let (sender, greeting) = watch::channel(String::new());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    tokio::select! {
        served = tribune_examples::serve(listener, || format!("{}\n", *greeting.borrow())) => {
            served?;
        }
        () = follow(&client, &sender) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}

/// Never ends: after an error the watch pauses and asks again.
async fn follow(client: &Client, greeting: &watch::Sender<String>) {
    let mut changes = client.kv().get(KEY).watch();
    loop {
        match changes.next().await {
            Ok(change) => {
                let bytes = change.value.map(|pair| pair.value.0).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                println!("greeting is now {text:?}");
                greeting.send_replace(text);
            }
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// One at a time changes the greeting, by the lock; and nobody's change is lost, by the index. One
/// of the two would do here.
async fn set(client: &Client, greeting: &str) -> Result<(), Box<dyn Error>> {
    let held = client.lock(LOCK).value("config set").acquire().await?;
    let index = client.kv().get(KEY).await?.map_or(0, |pair| pair.modify_index);
    let written = client.kv().cas(KEY, greeting, index).await?;
    held.release().await?;
    if written { Ok(()) } else { Err("somebody else changed it in between".into()) }
}
