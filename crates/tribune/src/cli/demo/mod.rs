//! `demo`: an agent in memory with three services beside it, to look at and play with. Ours; Consul
//! has no such command. Everything ends with it.

mod sample;

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tribune_agent::config::{Machine, load, parse_agent_args};
use tribune_client::{ADDRESS_DEFAULT, Client, Config};

use self::sample::{FAILS_FOR_S, PERIOD_S, SAMPLES, Sample};
use super::agent::table_flags;
use super::base::console::runtime;
use super::base::{Api, Command, Console, Failure, Run};

pub(crate) const COMMAND: Command = Command {
    name: "demo",
    synopsis: "Runs an agent with three services to play with",
    arguments: "[options]",
    help: "
Runs an agent in memory and three small web servers that are registered with
it, one of which fails now and then; says what to try, and ends all of it when
it is interrupted. Options are those of the agent.

    $ {program} demo
    $ {program} demo -http-port=18500 -dns-port=18600
",
    flags: &[],
    api: Api::None,
    run: Run::Words { run, flags: table_flags },
};

/// How long an agent in memory may take to answer; a busy machine needs seconds.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// Between two looks whether it does.
const LOOK: Duration = Duration::from_millis(20);

fn run(console: &mut Console, words: &[String]) -> Result<(), Failure> {
    // What is asked for later wins.
    let own = ["-dev", "-log-level=warn"].map(str::to_owned);
    let words: Vec<String> = own.iter().chain(words).cloned().collect();
    let args = parse_agent_args(&words).map_err(|error| Failure::with_usage(error.to_string()))?;
    let loaded = load(&args, &Machine).map_err(|errors| Failure::text(errors.to_string()))?;
    let network = &loaded.config.network;
    let places = Places {
        http: network.http.first().map(ToString::to_string).unwrap_or_default(),
        dns: network.dns.first().map(|dns| (dns.ip().to_string(), dns.port())),
    };
    let (end, ended) = oneshot::channel();
    let agent = std::thread::Builder::new().name("agent".to_owned());
    let started = agent.spawn(move || end.send(tribune_agent::run(&words) == ExitCode::SUCCESS));
    started.map_err(|error| Failure::text(format!("cannot start: {error}")))?;
    runtime()?.block_on(play(console, &places, ended))
}

/// Where the agent listens.
struct Places {
    http: String,
    dns: Option<(String, u16)>,
}

/// Serves until the agent ends, which says itself why.
async fn play(
    console: &mut Console,
    places: &Places,
    mut ended: oneshot::Receiver<bool>,
) -> Result<(), Failure> {
    let mut tasks = JoinSet::new();
    let opening = async {
        let mut samples = Vec::new();
        for kind in SAMPLES {
            let sample = Sample::open(*kind, &mut tasks).await;
            samples.push(sample.map_err(|error| Failure::text(format!("{kind:?}: {error}")))?);
        }
        register(&places.http, &samples).await?;
        Ok::<_, Failure>(samples)
    };
    let ended_well = tokio::select! {
        samples = opening => {
            console.print(&text(console.program(), places, &samples?));
            ended.await
        }
        ended_well = &mut ended => ended_well,
    };
    if ended_well == Ok(true) { Ok(()) } else { Err(Failure::code(1)) }
}

/// Waits for the agent and tells it of the services.
async fn register(http: &str, samples: &[Sample]) -> Result<(), Failure> {
    let failed = |error| Failure::text(format!("the agent at {http}: {error}"));
    let config = Config { address: http.to_owned(), ..Config::default() };
    let client = Client::new(config).map_err(failed)?;
    let deadline = Instant::now() + START_TIME_MAX;
    while let Err(error) = client.status().leader().await {
        if Instant::now() > deadline {
            return Err(failed(error));
        }
        tokio::time::sleep(LOOK).await;
    }
    for sample in samples {
        let health = format!("http://{}/health", sample.address);
        let body = json!({
            "Name": sample.name, "Tags": ["demo"],
            "Address": sample.address.ip().to_string(), "Port": sample.address.port(),
            "Check": { "HTTP": health, "Interval": "1s", "Timeout": "1s" },
        });
        client.put("/v1/agent/service/register", body.to_string()).await.map_err(failed)?;
    }
    Ok(())
}

fn text(program: &str, places: &Places, samples: &[Sample]) -> String {
    let http = &places.http;
    let mut text = String::from("\nAn agent in memory, and three services beside it:\n\n");
    for sample in samples {
        let fails = if sample.fails {
            format!(", fails for {FAILS_FOR_S} s of {PERIOD_S}")
        } else {
            String::new()
        };
        text.push_str(&format!("  {:<6} http://{}/{fails}\n", sample.name, sample.address));
    }
    text.push_str("\nTry, in another shell:\n\n");
    if *http != ADDRESS_DEFAULT {
        text.push_str(&format!("  export CONSUL_HTTP_ADDR={http}\n"));
    }
    text.push_str(&format!("  curl 'http://{http}/v1/health/service/web?passing'\n"));
    if let Some((address, port)) = &places.dns {
        text.push_str(&format!("  dig @{address} -p {port} web.service.consul SRV\n"));
    }
    text.push_str(&format!(
        "  {program} catalog services -tags\n  {program} why service flaky\n  \
         {program} watch -type=checks -service=flaky 'grep -o \"\\\"Output\\\":[^,]*\"'\n  \
         open http://{http}/ui/ in a browser\n\nCtrl-C ends all of it.\n"
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_try_is_where_the_agent_is() {
        let sample = |name, fails| Sample { name, address: ([127, 0, 0, 1], 4000).into(), fails };
        let samples = [sample("web", false), sample("flaky", true)];
        let usual = Places { http: ADDRESS_DEFAULT.to_owned(), dns: None };
        let shown = text("tribune", &usual, &samples);
        assert!(shown.contains("  web    http://127.0.0.1:4000/\n"), "{shown}");
        assert!(
            shown.contains("  flaky  http://127.0.0.1:4000/, fails for 5 s of 15\n"),
            "{shown}"
        );
        assert!(!shown.contains("export") && !shown.contains("dig"), "{shown}");
        assert!(shown.contains(r#"flaky 'grep -o "\"Output\":[^,]*"'"#), "{shown}");
        let dns = Some(("127.0.0.2".to_owned(), 53));
        let shown = text("tribune", &Places { http: "127.0.0.2:80".to_owned(), dns }, &samples);
        assert!(shown.contains("  export CONSUL_HTTP_ADDR=127.0.0.2:80\n"), "{shown}");
        assert!(shown.contains("  dig @127.0.0.2 -p 53 web.service.consul SRV\n"), "{shown}");
    }
}
