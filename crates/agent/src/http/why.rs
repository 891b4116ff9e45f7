//! `/v1/agent/why/service/<name>`: each instance of a service, in or out of `passing` and of DNS,
//! and for which reason. The state decides and says why; this adds what only the agent knows.
//!
//! Ours; Consul has no such route.

use std::sync::Arc;
use std::time::Duration;

use tribune_api::agent::AgentService;
use tribune_api::duration::GoDuration;
use tribune_api::messages;
use tribune_api::slips;
use tribune_api::why::{Reason, Why, WhyCheck, WhyDoor, WhyInstance, WhyLastRun, WhyRuns};
use tribune_edge::CheckFacts;
use tribune_state::catalog::{Bar, Catalog, CatalogBody, CheckRow, CheckStatus, Verdict, WhyRead};
use tribune_state::{Body, Query, ServiceName};

use super::error::HttpError;
use super::options::Options;
use super::wire::reply::Reply;
use super::{Api, Call};

/// Enough to see which name was meant.
const NEAREST_MAX: usize = 3;

pub async fn service(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let options = Options::parse(&call, &api.config)?;
    let name = call.rest_or(messages::MISSING_SERVICE_NAME)?;
    let query = Catalog::Why(WhyRead {
        service: ServiceName::from(name.as_str()),
        tags: call.params.all("tag").filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        only_passing: api.config.dns_only_passing,
    });
    let shared = api.ask(Query::Catalog(query.into()), &options).await?;
    let (verdicts, names): (&[Verdict], &[ServiceName]) = match &shared.answer().body {
        Body::Catalog(CatalogBody::Verdicts(verdicts, names)) => (verdicts, names),
        _ => (&[], &[]),
    };
    let mut instances: Vec<WhyInstance> = verdicts.iter().map(instance).collect();
    let own: Vec<Arc<AgentService>> = match &api.local {
        Some(local) => local.services().into_values().collect(),
        None => Vec::new(),
    };
    for service in own.iter().filter(|own| own.service.eq_ignore_ascii_case(&name)) {
        let is_known = |found: &WhyInstance| is_own(&api, found) && found.id == service.id;
        if !instances.iter().any(is_known) {
            instances.push(untold(&api, service));
        }
    }
    add_facts(&api, &mut instances).await;
    let known = !instances.is_empty();
    let nearest = if known { Vec::new() } else { nearest(&name, names) };
    let dns_only_passing = api.config.dns_only_passing;
    let why = Why { service: name, known, nearest, dns_only_passing, instances };
    let meta = api.meta(&shared, &options).effective(options.consistency);
    Ok(meta.put(Reply::json(&why, api.layout(&call.params))))
}

fn is_own(api: &Api, instance: &WhyInstance) -> bool {
    instance.node.eq_ignore_ascii_case(&api.config.node_name)
}

fn instance(verdict: &Verdict) -> WhyInstance {
    let Verdict { instance, passing, dns } = verdict;
    let (node, service) = (&instance.node, &instance.service);
    let address = if service.address.is_empty() { &node.address } else { &service.address };
    let all_pass = instance.checks.iter().all(|check| check.status == CheckStatus::Passing);
    WhyInstance {
        node: node.node.to_string(),
        id: service.id.to_string(),
        address: address.clone(),
        port: service.port,
        tags: service.tags.as_deref().unwrap_or_default().to_vec(),
        weight: if all_pass { service.weights.passing } else { service.weights.warning },
        passing: door(passing),
        dns: door(dns),
        checks: instance.checks.iter().map(|row| check(row)).collect(),
    }
}

/// What the agent has and the catalog has not yet.
fn untold(api: &Api, service: &AgentService) -> WhyInstance {
    let out = WhyDoor { r#in: false, reasons: vec![Reason::NotInCatalog] };
    let checks = api.local.as_ref().map(|local| local.checks_concerning(&service.id));
    let shown = checks.unwrap_or_default().into_iter().map(|own| WhyCheck {
        check_id: own.check_id.clone(),
        name: own.name.clone(),
        kind: own.kind.clone(),
        service_id: own.service_id.clone(),
        status: own.status.clone(),
        output: own.output.clone(),
        notes: own.notes.clone(),
        runs: None,
    });
    WhyInstance {
        node: api.config.node_name.clone(),
        id: service.id.clone(),
        address: service.address.clone(),
        port: service.port,
        tags: service.tags.clone(),
        weight: service.weights.passing,
        passing: out.clone(),
        dns: out,
        checks: shown.collect(),
    }
}

fn door(bars: &[Bar]) -> WhyDoor {
    WhyDoor { r#in: bars.is_empty(), reasons: bars.iter().map(reason).collect() }
}

fn reason(bar: &Bar) -> Reason {
    let of = |row: &CheckRow| (row.id.to_string(), row.status.as_str().to_owned());
    match bar {
        Bar::NodeMaintenance(row) => Reason::NodeMaintenance { notes: row.notes.clone() },
        Bar::ServiceMaintenance(row) => Reason::ServiceMaintenance { notes: row.notes.clone() },
        Bar::NodeCheck(row) => {
            let (check_id, status) = of(row);
            Reason::NodeCheck { check_id, status }
        }
        Bar::ServiceCheck(row) => {
            let (check_id, status) = of(row);
            Reason::ServiceCheck { check_id, status }
        }
        Bar::MissingTag(tag) => Reason::MissingTag { tag: tag.clone() },
    }
}

fn check(row: &CheckRow) -> WhyCheck {
    WhyCheck {
        check_id: row.id.to_string(),
        name: row.name.clone(),
        kind: row.kind.clone(),
        service_id: row.service_id.to_string(),
        status: row.status.as_str().to_owned(),
        output: row.output.clone(),
        notes: row.notes.clone(),
        runs: None,
    }
}

/// What this agent knows of the runs of its own checks.
async fn add_facts(api: &Api, instances: &mut [WhyInstance]) {
    let Some(local) = &api.local else { return };
    for instance in instances.iter_mut().filter(|found| is_own(api, found)) {
        // An agent that is stopping has nothing to add; the rest of the answer stands.
        let facts = local.check_facts(Some(&instance.id)).await.unwrap_or_default();
        let own = local.checks_concerning(&instance.id);
        for check in &mut instance.checks {
            // The catalog hears of a new output late while the state is the same.
            let newer =
                own.iter().find(|own| own.check_id == check.check_id && own.status == check.status);
            if let Some(newer) = newer {
                check.output.clone_from(&newer.output);
            }
            let own = facts.iter().find(|own| own.check.as_str() == check.check_id);
            check.runs = own.map(runs);
        }
    }
}

fn runs(facts: &CheckFacts) -> WhyRuns {
    let span = |span: Option<Duration>| span.map(GoDuration::from).unwrap_or_default();
    WhyRuns {
        results: facts.runs.results,
        last: facts.runs.last.as_ref().map(|last| WhyLastRun {
            ago: last.began_ago.into(),
            took: last.took.into(),
            late: last.late.into(),
            found: last.found.as_str().to_owned(),
        }),
        running_for: span(facts.runs.running_for),
        next_due_in: span(facts.runs.next_due_in),
        expires_in: span(facts.runs.expires_in),
        successes_in_a_row: facts.runs.successes,
        failures_in_a_row: facts.runs.failures,
        transitions: facts.turns.transitions,
        damped_for: span(facts.turns.damped.as_ref().map(|damped| damped.reuse_in)),
        removal_in: span(facts.removal_in),
        untold: facts.is_untold,
    }
}

fn nearest(name: &str, known: &[ServiceName]) -> Vec<String> {
    let near = slips::nearest(name, known.iter().map(ServiceName::as_str));
    near.into_iter().take(NEAREST_MAX).map(str::to_owned).collect()
}
