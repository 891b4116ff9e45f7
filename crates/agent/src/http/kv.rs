//! `/v1/kv/`: keys in, rows out. It does not know what a lock or a tombstone is.
//! Invariant: a key is bytes; only its JSON form replaces what is not UTF-8.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use tribune_api::json::Layout;
use tribune_api::messages;
use tribune_state::kv::{KvBody, KvCommand, KvQuery, KvRow, KvSet};
use tribune_state::{Body, Command, Index, Key, Outcome, Query};

use super::error::HttpError;
use super::options::{self, Options, parse_u64};
use super::wire::reply::{Reply, TYPE_TEXT};
use super::{Api, Call};

/// `GET`: one key, its bytes alone, all under a prefix, or their names.
pub async fn read(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let options = Options::parse(&call, &api.config)?;
    let key = Key::from(clean_key(&call.rest));
    let (keys, recurse) = (call.params.has("keys"), call.params.has("recurse"));
    if keys {
        return names(&api, &call, &options, key).await;
    }
    if key.is_empty() && !recurse {
        return Err(HttpError::bad(messages::MISSING_KEY));
    }
    let query = if recurse { KvQuery::List(key) } else { KvQuery::Get(key) };
    let shared = api.ask(Query::Kv(query), &options).await?;
    let meta = api.meta(&shared, &options);
    let Body::Kv(KvBody::Rows(rows)) = &shared.answer().body else {
        return Err(HttpError::internal("the read answered another question"));
    };
    let Some(first) = rows.first() else {
        return Ok(meta.put(Reply::status(StatusCode::NOT_FOUND)));
    };
    if call.params.has("raw") && !recurse {
        return Ok(meta.put(raw(first)));
    }
    let reply = api.encode(&shared, 0, api.layout(&call.params), RowsJson::of);
    Ok(meta.put(reply))
}

/// The bytes alone, with the headers that keep a browser from running them.
///
/// Source: transcripts/kv/basic.txt.
fn raw(row: &KvRow) -> Reply {
    Reply::bytes(StatusCode::OK, TYPE_TEXT, Bytes::copy_from_slice(row.value()))
        .with(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        )
        .with(
            HeaderName::from_static("content-security-policy"),
            HeaderValue::from_static("sandbox"),
        )
}

async fn names(api: &Api, call: &Call, options: &Options, prefix: Key) -> Result<Reply, HttpError> {
    // Old clients misspell it, and Consul listens.
    let separator = call.params.find("separator").or_else(|| call.params.find("seperator"));
    let separator = separator.unwrap_or_default().as_bytes().to_vec();
    let whole = prefix.is_empty();
    let query = Query::Kv(KvQuery::Keys { prefix, separator });
    let shared = api.ask(query, options).await?;
    let meta = api.meta(&shared, options);
    let Body::Kv(KvBody::Keys(found)) = &shared.answer().body else {
        return Err(HttpError::internal("the read answered another question"));
    };
    if found.is_empty() && !whole {
        return Ok(meta.put(Reply::status(StatusCode::NOT_FOUND)));
    }
    let reply = api.encode(&shared, 0, api.layout(&call.params), |body| match body {
        Body::Kv(KvBody::Keys(keys)) => keys.iter().map(Key::to_string).collect(),
        _ => Vec::new(),
    });
    Ok(meta.put(reply))
}

/// `PUT`: writes a key, on a condition or with a lock if asked to.
pub async fn put(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let write = options::write(&call, &api.config)?;
    let (key, warning) = valid_key(&call.rest, api.config.disable_kv_key_validation)?;
    if key.is_empty() {
        return Err(HttpError::bad(messages::MISSING_KEY));
    }
    refuse_conflicts(&call, &["cas", "acquire", "release"])?;
    let flags = number(&call, "flags")?.unwrap_or_default();
    let cas = number(&call, "cas")?;
    let session = |name: &str| call.params.find(name).map(str::to_owned);
    let (acquire, release) = (session("acquire"), session("release"));
    let layout = api.layout(&call.params);
    let bytes_max = api.config.kv_value_bytes_max;
    let value = call.body.read(bytes_max).await.map_err(|error| {
        HttpError::body(error, |bytes| messages::kv_value_too_large(bytes, bytes_max))
    })?;
    let set = KvSet { key, value, flags };
    let command = match (cas, acquire, release) {
        (Some(index), _, _) => KvCommand::Cas(set, Index(index)),
        (None, Some(session), _) => KvCommand::Lock(set, session),
        (None, None, Some(session)) => KvCommand::Unlock(set, session),
        (None, None, None) => KvCommand::Set(set),
    };
    let reply = flag(api.cluster.propose(Command::Kv(command), write).await?, layout)?;
    Ok(match warning {
        Some(text) => reply.with_text(WARNING, &text),
        None => reply,
    })
}

/// `DELETE`: removes a key, on a condition if asked to, or all under a prefix.
pub async fn delete(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let write = options::write(&call, &api.config)?;
    refuse_conflicts(&call, &["recurse", "cas"])?;
    let recurse = call.params.has("recurse");
    let key = Key::from(clean_key(&call.rest));
    if key.is_empty() && !recurse {
        return Err(HttpError::bad(messages::MISSING_KEY));
    }
    let command = match number(&call, "cas")? {
        _ if recurse => KvCommand::DeleteTree(key),
        Some(index) => KvCommand::DeleteCas(key, Index(index)),
        None => KvCommand::Delete(key),
    };
    let outcome = api.cluster.propose(Command::Kv(command), write).await?;
    flag(outcome, api.layout(&call.params))
}

/// The outcome of a conditional write as Consul prints it.
fn flag(outcome: Outcome, layout: Layout) -> Result<Reply, HttpError> {
    match outcome {
        Outcome::Flag(done) => Ok(Reply::json(&done, layout)),
        Outcome::Refused(why) => Err(HttpError::internal(format!("raft apply failed: {why}"))),
        _ => Ok(Reply::json(&true, layout)),
    }
}

fn number(call: &Call, name: &str) -> Result<Option<u64>, HttpError> {
    let Some(text) = call.params.find(name) else { return Ok(None) };
    match parse_u64(text) {
        Some(number) => Ok(Some(number)),
        None => Err(HttpError::Internal(messages::not_a_u64(text))),
    }
}

/// Parameters of which only one may be there; the refusal lists all the request has.
///
/// Source: transcripts/kv/errors.txt.
fn refuse_conflicts(call: &Call, names: &[&str]) -> Result<(), HttpError> {
    let given = names.iter().filter(|name| call.params.has(name)).count();
    if given < 2 {
        return Ok(());
    }
    Err(HttpError::BadRequest(format!("Conflicting flags: {}", call.params.encode())))
}

/// The key to write, and what to warn of if it is taken although it should not be.
fn valid_key(sent: &[u8], check_off: bool) -> Result<(Key, Option<String>), HttpError> {
    let complaint = if sent.starts_with(b" ") || sent.ends_with(b" ") {
        Some(KEY_BLANKS)
    } else if sent.split(|byte| *byte == b'/').any(|segment| segment == b"..") {
        Some(KEY_PARENTS)
    } else {
        None
    };
    match complaint {
        Some(why) if !check_off => Err(HttpError::internal(why)),
        complaint => {
            let warning = complaint.map(|why| {
                format!(
                    "KV key validation bypassed: {why}. \
                     Consider enabling key validation for security."
                )
            });
            Ok((Key::from(clean_key(sent)), warning))
        }
    }
}

/// Source: transcripts/kv/names.txt.
const KEY_BLANKS: &str = "invalid key name, leading/trailing spaces are not allowed";
const KEY_PARENTS: &str = "invalid key name, '..' segments are not allowed";
const WARNING: HeaderName = HeaderName::from_static("x-consul-kv-warning");

/// A key without empty, `.` and `..` segments; one final slash stays.
///
/// Source: transcripts/kv/names.txt (`a/..%2Fb` is `b`).
fn clean_key(sent: &[u8]) -> Vec<u8> {
    let is_clean = |segment: &[u8]| !matches!(segment, b"" | b"." | b"..");
    let rooted = sent.first() == Some(&b'/');
    let body = if rooted { sent.get(1..).unwrap_or_default() } else { sent };
    let slash = body.ends_with(b"/");
    let trimmed = body.strip_suffix(b"/").unwrap_or(body);
    if trimmed.split(|byte| *byte == b'/').all(is_clean) {
        return sent.to_vec();
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in trimmed.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    let mut key = if rooted { b"/".to_vec() } else { Vec::new() };
    key.extend_from_slice(&kept.join(&b'/'));
    if slash && !kept.is_empty() {
        key.push(b'/');
    }
    key
}

/// Rows as JSON; the pointers to them are all that is copied.
struct RowsJson(Vec<Arc<KvRow>>);

impl RowsJson {
    fn of(body: &Body) -> RowsJson {
        match body {
            Body::Kv(KvBody::Rows(rows)) => RowsJson(rows.clone()),
            _ => RowsJson(Vec::new()),
        }
    }
}

impl Serialize for RowsJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|row| RowJson::with_value(row)))
    }
}

/// A row as JSON, without a copy of its value on the way.
pub struct RowJson<'a> {
    row: &'a KvRow,
    with_value: bool,
}

impl<'a> RowJson<'a> {
    pub fn with_value(row: &'a KvRow) -> Self {
        RowJson { row, with_value: true }
    }

    pub fn without_value(row: &'a KvRow) -> Self {
        RowJson { row, with_value: false }
    }
}

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.row;
        let key: Cow<'_, str> = String::from_utf8_lossy(row.key());
        let value =
            (self.with_value && !row.value().is_empty()).then(|| STANDARD.encode(row.value()));
        let mut fields = serializer.serialize_struct("KvPair", 7)?;
        fields.serialize_field("LockIndex", &row.lock().lock_index)?;
        fields.serialize_field("Key", &key)?;
        fields.serialize_field("Flags", &row.flags)?;
        fields.serialize_field("Value", &value)?;
        if let Some(session) = row.session() {
            fields.serialize_field("Session", &session.to_string())?;
        }
        fields.serialize_field("CreateIndex", &row.create_index.0)?;
        fields.serialize_field("ModifyIndex", &row.modify_index.0)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tribune_api::json::to_json;
    use tribune_api::kv::KvPair;
    use tribune_state::kv::Lock;
    use tribune_state::{SessionId, Tenancy};

    use super::*;

    fn row(key: &[u8], value: &[u8]) -> KvRow {
        KvRow::new(Tenancy::default(), key, value, 7, Index(3))
    }

    #[test]
    fn keys_are_cleaned_as_paths_but_keep_one_final_slash() {
        for (sent, expected) in [
            ("a/b", "a/b"),
            ("", ""),
            ("web/", "web/"),
            ("a//b", "a/b"),
            ("a/./b", "a/b"),
            ("a/../b", "b"),
            ("a//", "a/"),
            ("/a", "/a"),
            ("/", "/"),
        ] {
            assert_eq!(clean_key(sent.as_bytes()), expected.as_bytes(), "{sent}");
        }
        assert_eq!(clean_key(b"a\xff"), b"a\xff");
    }

    #[test]
    fn odd_keys_are_refused_or_taken_with_a_warning() {
        for sent in [" lead", "trail ", "a/../b"] {
            assert!(valid_key(sent.as_bytes(), false).is_err(), "{sent}");
            let (_, warning) = valid_key(sent.as_bytes(), true).unwrap();
            assert!(warning.unwrap().starts_with("KV key validation bypassed: invalid key name"));
        }
        assert_eq!(valid_key(b"in ner", false).unwrap(), (Key::from("in ner"), None));
    }

    #[test]
    fn a_row_prints_as_the_pair_of_the_wire_does() {
        let mut locked = row("café".as_bytes(), b"1");
        locked.set_lock(Lock { session: Some(SessionId(uuid::Uuid::nil())), lock_index: 4 });
        for row in [row(b"a<\xff", b""), locked] {
            let pair = KvPair {
                lock_index: row.lock().lock_index,
                key: row.key_owned().to_string(),
                flags: row.flags,
                value: tribune_api::json::Base64(Bytes::copy_from_slice(row.value())),
                session: row.session().map(|id| id.to_string()).unwrap_or_default(),
                create_index: row.create_index.0,
                modify_index: row.modify_index.0,
            };
            let printed = to_json(&RowJson::with_value(&row), Layout::Pretty);
            assert_eq!(printed, to_json(&pair, Layout::Pretty));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_cleaning_panic_and_it_is_final(sent: Vec<u8>) {
            let cleaned = clean_key(&sent);
            prop_assert_eq!(clean_key(&cleaned), cleaned);
        }
    }
}
