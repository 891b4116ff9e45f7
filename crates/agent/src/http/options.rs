//! What a request's parameters and headers say about how to read or write: datacenter, token,
//! consistency, wait. What they say about what to read is each handler's business.
//! Invariant: mistakes are reported in Consul's order, with its texts.

use std::time::Duration;

use hyper::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap};
use tribune_api::duration::GoDuration;
use tribune_api::messages;
use tribune_node::cluster::{Consistency, Read, Wait, Write};
use tribune_state::{Index, Source, Visible};

use super::error::HttpError;
use super::wire::params::Params;
use super::{Call, HttpConfig};

/// Source: consul-surface B.1, B.2, B.5.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub datacenter: Option<String>,
    pub token: Option<String>,
    pub consistency: Consistency,
    pub wait: Option<Wait>,
    /// How old a stale answer may be; one that is older is asked of the leader.
    pub stale_max: Option<Duration>,
    pub filter: Option<String>,
    /// `cached` was asked for and the agent may answer from its own view.
    pub cached: bool,
}

/// What `cached` with its Cache-Control asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// Nothing that is kept will do.
    pub revalidate: bool,
}

impl Options {
    /// The options of a read.
    ///
    /// # Errors
    /// 400 with the text of the first mistake.
    pub fn parse(call: &Call, config: &HttpConfig) -> Result<Options, HttpError> {
        let params = &call.params;
        let consistency = consistency(params)?;
        let cached = config.use_cache && params.has("cached");
        if cached && consistency == Consistency::Consistent {
            return Err(HttpError::bad(messages::CACHED_AND_CONSISTENT));
        }
        cache_control(call, config)?;
        let wait = wait(params, config)?;
        refuse_tenancy(call)?;
        Ok(Options {
            datacenter: datacenter(params, config),
            token: token(params, &call.headers),
            consistency,
            stale_max: stale_max(params)?,
            wait,
            filter: params.find("filter").filter(|text| !text.is_empty()).map(str::to_owned),
            cached,
        })
    }

    pub fn read(&self) -> Read {
        Read {
            datacenter: self.datacenter.clone(),
            visible: Visible::default(),
            consistency: self.consistency,
            wait: self.wait,
        }
    }
}

/// The options of a write.
///
/// # Errors
/// 400 for a parameter of another edition.
pub fn write(call: &Call, config: &HttpConfig) -> Result<Write, HttpError> {
    refuse_tenancy(call)?;
    Ok(Write { datacenter: datacenter(&call.params, config), source: Source::Http })
}

/// The datacenter asked for, if it is another one.
pub fn datacenter(params: &Params, config: &HttpConfig) -> Option<String> {
    let asked = params.find("datacenter").or_else(|| params.find("dc")).unwrap_or_default();
    let other = !asked.is_empty() && asked != config.datacenter;
    other.then(|| asked.to_owned())
}

/// For answers that come from this agent and no server: only its own datacenter is there.
///
/// # Errors
/// 500 with Consul's text if another one was asked for.
pub fn own_datacenter(params: &Params, config: &HttpConfig) -> Result<(), HttpError> {
    match datacenter(params, config) {
        None => Ok(()),
        Some(_) => Err(HttpError::internal(messages::NO_PATH_TO_DATACENTER)),
    }
}

/// Namespaces and partitions are of another edition.
///
/// # Errors
/// 400 if the request names one.
///
/// Source: transcripts/kv/errors.txt.
pub fn refuse_tenancy(call: &Call) -> Result<(), HttpError> {
    let named = |param, header: &str| {
        let in_header = call.headers.get(header).is_some_and(|value| !value.is_empty());
        in_header || !call.params.get(param).is_empty()
    };
    if named("ns", "x-consul-namespace") {
        return Err(HttpError::bad(messages::NAMESPACES_ENTERPRISE));
    }
    if named("partition", "x-consul-partition") {
        return Err(HttpError::bad(messages::PARTITIONS_ENTERPRISE));
    }
    Ok(())
}

/// What a body says of namespaces, partitions and peers, if that cannot be kept: what is written
/// goes to the one place there is, which is not where its sender wants it.
pub fn tenancy_complaint(namespace: &str, partition: &str, peer: &str) -> Option<String> {
    let is_other = |name: &str| !name.is_empty() && name != "default";
    if is_other(namespace) {
        return Some(format!("Invalid Namespace: {}", messages::NAMESPACES_OTHER_EDITION));
    }
    if is_other(partition) {
        return Some(format!("Invalid Partition: {}", messages::PARTITIONS_OTHER_EDITION));
    }
    (!peer.is_empty()).then(|| "Invalid PeerName: cluster peering comes later".to_owned())
}

fn token(params: &Params, headers: &HeaderMap) -> Option<String> {
    if let Some(token) = params.find("token").filter(|token| !token.is_empty()) {
        return Some(token.to_owned());
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(token) = header("x-consul-token").filter(|token| !token.is_empty()) {
        return Some(token.to_owned());
    }
    let (scheme, rest) = header(AUTHORIZATION.as_str())?.split_once(' ')?;
    let token = rest.split_whitespace().next()?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.to_owned())
}

/// Whether an answer that the agent keeps was asked for, and what it may be like; none if not.
///
/// # Errors
/// 400 if a number in Cache-Control is none.
///
/// Source: surface B.4.
pub fn cache_control(call: &Call, config: &HttpConfig) -> Result<Option<CacheControl>, HttpError> {
    let mut revalidate = false;
    for value in call.headers.get_all(CACHE_CONTROL) {
        let text = String::from_utf8_lossy(value.as_bytes());
        for directive in text.split(',').map(str::trim) {
            let (name, number) = directive.split_once('=').unwrap_or((directive, ""));
            let seconds = || {
                let number = number.trim();
                parse_u64(number)
                    .filter(|seconds| i64::try_from(*seconds).is_ok())
                    .ok_or_else(|| HttpError::bad(&messages::invalid_cache_control(name, number)))
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "must-revalidate" => revalidate = true,
                "max-age" => revalidate |= seconds()? == 0,
                "stale-if-error" => drop(seconds()?),
                _ => {}
            }
        }
    }
    let asked = config.use_cache && call.params.has("cached");
    Ok(asked.then_some(CacheControl { revalidate }))
}

fn stale_max(params: &Params) -> Result<Option<Duration>, HttpError> {
    let text = params.get("max_stale");
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<GoDuration>() {
        Ok(most) => Ok(Some(most.to_std())),
        Err(_) => Err(HttpError::BadRequest(format!("Invalid max_stale value {text:?}"))),
    }
}

/// Presence alone counts: `?stale=false` is stale.
fn consistency(params: &Params) -> Result<Consistency, HttpError> {
    let stale = params.has("stale") || stale_max(params)?.is_some();
    match (stale, params.has("consistent")) {
        (true, true) => Err(HttpError::bad(messages::STALE_AND_CONSISTENT)),
        (true, false) => Ok(Consistency::Stale),
        (false, true) => Ok(Consistency::Consistent),
        (false, false) => Ok(Consistency::Default),
    }
}

fn wait(params: &Params, config: &HttpConfig) -> Result<Option<Wait>, HttpError> {
    let text = params.get("wait");
    let asked = if text.is_empty() {
        GoDuration::ZERO
    } else {
        text.parse().map_err(|_| HttpError::bad(messages::INVALID_WAIT))?
    };
    let text = params.get("index");
    let index: u64 = if text.is_empty() {
        0
    } else {
        parse_u64(text).ok_or_else(|| HttpError::bad(messages::INVALID_INDEX))?
    };
    let max = match asked.to_std() {
        Duration::ZERO => config.wait_default,
        asked => asked.min(config.wait_max),
    };
    Ok((index > 0).then_some(Wait { index: Index(index), max }))
}

/// Go's unsigned integers: digits alone, no sign.
pub fn parse_u64(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Go's booleans.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bytes::Bytes;
    use hyper::Method;

    use super::*;
    use crate::http::wire::body::RequestBody;

    fn parsed(query: &str) -> Result<Options, HttpError> {
        let call = Call {
            method: Method::GET,
            rest: Vec::new(),
            query: query.to_owned(),
            params: Params::parse(query),
            headers: HeaderMap::new(),
            body: RequestBody::Whole(Bytes::new()),
            client: Ipv4Addr::LOCALHOST.into(),
        };
        Options::parse(&call, &HttpConfig::default())
    }

    #[test]
    fn mistakes_have_consuls_texts() {
        for (query, text) in [
            ("index=abc", messages::INVALID_INDEX),
            ("index=-1", messages::INVALID_INDEX),
            ("index=18446744073709551616", messages::INVALID_INDEX),
            ("wait=abc", messages::INVALID_WAIT),
            ("wait=10", messages::INVALID_WAIT),
            ("stale&consistent", messages::STALE_AND_CONSISTENT),
            ("cached&consistent", messages::CACHED_AND_CONSISTENT),
            ("ns=default", messages::NAMESPACES_ENTERPRISE),
            ("partition=default", messages::PARTITIONS_ENTERPRISE),
        ] {
            assert_eq!(parsed(query).unwrap_err(), HttpError::bad(text), "{query}");
        }
    }

    #[test]
    fn a_wait_is_bounded_and_has_a_default() {
        for (query, expected) in [
            ("", None),
            ("index=0&wait=10s", None),
            ("index=5", Some((5, 300))),
            ("index=5&wait=0s", Some((5, 300))),
            ("index=5&wait=-1s", Some((5, 300))),
            ("index=5&wait=10s", Some((5, 10))),
            ("index=5&wait=1h", Some((5, 600))),
        ] {
            let wait = parsed(query).unwrap().wait;
            assert_eq!(wait.map(|wait| (wait.index.0, wait.max.as_secs())), expected, "{query}");
        }
    }

    #[test]
    fn presence_alone_chooses_the_consistency() {
        for (query, expected) in [
            ("", Consistency::Default),
            ("stale=false", Consistency::Stale),
            ("max_stale=10s", Consistency::Stale),
            ("consistent", Consistency::Consistent),
        ] {
            assert_eq!(parsed(query).unwrap().consistency, expected, "{query}");
        }
    }

    #[test]
    fn a_token_is_taken_from_the_parameter_then_its_header_then_the_bearer() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
        };
        let both = headers(&[("x-consul-token", "h"), ("authorization", "bEARER b x")]);
        assert_eq!(token(&Params::parse("token=p"), &both).as_deref(), Some("p"));
        assert_eq!(token(&Params::default(), &both).as_deref(), Some("h"));
        let bearer = headers(&[("authorization", "bEARER b x")]);
        assert_eq!(token(&Params::default(), &bearer).as_deref(), Some("b"));
    }

    #[test]
    fn only_another_datacenter_counts_as_asked_for() {
        for (query, expected) in
            [("", None), ("dc=dc1", None), ("dc=x", Some("x")), ("dc=x&datacenter=y", Some("y"))]
        {
            assert_eq!(parsed(query).unwrap().datacenter.as_deref(), expected, "{query}");
        }
    }
}
