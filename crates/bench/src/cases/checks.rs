//! Ten thousand HTTP checks on one agent, a thousand probes a second: how late they are, whether
//! they drift, what they cost; and the same with targets among them that hang, speak nonsense,
//! lead in circles or never end. Lateness is what the target saw, against an ideal beat from each
//! check's earliest probe, so that the agent cannot flatter itself.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::Options;
use crate::agent::{Mode, Server};
use crate::load::{self, Request, Until};
use crate::report::Report;

const CHECKS: usize = 10_000;
const INTERVAL: Duration = Duration::from_secs(10);
/// Of each bad kind.
const BAD_EACH: usize = 50;
const BAD: [&str; 4] = ["hang", "noise", "loop", "flood"];
/// The longest span that is measured, and the shortest: three beats.
const SPAN_MIN: Duration = Duration::from_secs(35);
/// Addresses of the loopback that the checks are spread over, as hosts of a network would be.
const HOSTS: usize = 50;

pub async fn good(options: &Options, report: &mut Report) -> Result<()> {
    measure("HTTP checks", &[], options, report).await
}

pub async fn with_bad(options: &Options, report: &mut Report) -> Result<()> {
    measure("HTTP checks beside 200 bad ones", &BAD, options, report).await
}

async fn measure(
    name: &str,
    bad: &'static [&'static str],
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let agent = Server::agent(&options.program, Mode::Durable).await?;
    let target = Server::target().await?;
    let (checks, port) = (options.size(CHECKS), target.http.port());
    let all = checks + bad.len() * options.size(BAD_EACH);
    load::run(agent.http, 64, Until::Sent(all), move |number| {
        let path = match number.checked_sub(checks) {
            None => format!("good/{number}"),
            Some(at) => format!("{}/{at}", bad.get(at % bad.len()).copied().unwrap_or_default()),
        };
        register(number, port, &path)
    })
    .await?;
    // Every check has run once, and registering is over.
    tokio::time::sleep(INTERVAL + INTERVAL / 2).await;
    let span = options.span().max(SPAN_MIN);
    let before = agent.cpu()?;
    let from = seen(&target).await?.len();
    tokio::time::sleep(span).await;
    let used = agent.cpu()?.saturating_sub(before);
    let seen = seen(&target).await?;
    let beats = Beats::of(seen.get(from..).unwrap_or_default());
    let name = format!("{checks} {name}");
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let rate = beats.count as f64 / span.as_secs_f64();
    report.note(format!("{name}, probes of the good ones"), "/s", rate);
    report.note(format!("{name}, p50 late"), "ms", beats.late_ms(0.5));
    report.note(format!("{name}, p99 late"), "ms", beats.late_ms(0.99));
    report.note(format!("{name}, latest"), "ms", beats.late_ms(1.0));
    report.note(format!("{name}, drift in a minute"), "ms", beats.drift_ms);
    let share = 100.0 * used.as_secs_f64() / span.as_secs_f64();
    report.note(format!("{name}, agent's CPU of one core"), "%", share);
    report.note(format!("{name}, agent's memory"), "MB", agent.rss()? / 1e6);
    Ok(())
}

fn register(number: usize, port: u16, path: &str) -> Request {
    let host = 1 + number % HOSTS;
    let every = INTERVAL.as_secs();
    let body = format!(
        r#"{{"ID":"c{number}","Name":"c{}","Port":80,"Check":
        {{"HTTP":"http://127.0.0.{host}:{port}/{path}","Interval":"{every}s","Timeout":"5s"}}}}"#,
        number / 10
    );
    let path = "/v1/agent/service/register".into();
    Request { method: "PUT", path, body: body.into_bytes() }
}

/// What the target has seen: paths and times.
async fn seen(target: &Server) -> Result<Vec<(String, Duration)>> {
    let answer = target.connect().await?.ask("GET", "/seen", b"").await?.good()?;
    let text = String::from_utf8(answer.body)?;
    let lines = text.lines().map(|line| {
        let (path, us) = line.rsplit_once(' ').context("a strange line")?;
        Ok((path.to_owned(), Duration::from_micros(us.parse()?)))
    });
    lines.collect()
}

/// How the good checks kept their beat.
#[derive(Debug)]
struct Beats {
    count: usize,
    /// Ascending.
    late: Vec<Duration>,
    drift_ms: f64,
}

impl Beats {
    fn of(seen: &[(String, Duration)]) -> Beats {
        let mut of_check: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        for (path, at) in seen.iter().filter(|(path, _)| path.starts_with("/good/")) {
            of_check.entry(path).or_default().push(*at);
        }
        let (mut late, mut drifts) = (Vec::new(), Vec::new());
        for times in of_check.values() {
            let (Some(first), Some(last)) = (times.first(), times.last()) else { continue };
            let beat = |at: &Duration| {
                let since = at.saturating_sub(*first).as_secs_f64();
                (since / INTERVAL.as_secs_f64()).round() * INTERVAL.as_secs_f64()
            };
            let offset = |at: &Duration| at.as_secs_f64() - first.as_secs_f64() - beat(at);
            let earliest = times.iter().map(offset).fold(f64::INFINITY, f64::min);
            late.extend(times.iter().map(|at| Duration::from_secs_f64(offset(at) - earliest)));
            let minutes = last.saturating_sub(*first).as_secs_f64() / 60.0;
            if minutes > 0.0 {
                drifts.push(offset(last) * 1e3 / minutes);
            }
        }
        late.sort_unstable();
        drifts.sort_unstable_by(f64::total_cmp);
        let drift_ms = drifts.get(drifts.len() / 2).copied().unwrap_or_default();
        Beats { count: late.len(), late, drift_ms }
    }

    fn late_ms(&self, part: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index below the number of probes"
        )]
        let at = (self.late.len().saturating_sub(1) as f64 * part) as usize;
        self.late.get(at).map_or(0.0, |late| late.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_counts_from_the_earliest_beat_and_drift_by_the_minute() {
        let at = |ms: u64| ("/good/1".to_owned(), Duration::from_millis(ms));
        let seen = [at(3_007), at(13_000), at(23_050), at(33_007), ("/hang/2".into(), INTERVAL)];
        let beats = Beats::of(&seen);
        assert_eq!(beats.count, 4);
        let late: Vec<u128> = beats.late.iter().map(Duration::as_millis).collect();
        assert_eq!(late, [0, 7, 7, 50]);
        assert!(beats.drift_ms.abs() < 1e-6);
        let slow: Vec<_> = (0..7).map(|beat| at(beat * 10_010)).collect();
        assert!((Beats::of(&slow).drift_ms - 60.0).abs() < 0.1);
    }
}
