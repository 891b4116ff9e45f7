//! Keys and values. Locks and sessions have files of their own; this one knows only that a key can
//! be acquired and released.

use bytes::Bytes;
use tribune_api::kv::KvPair;

use crate::call::{Call, Read, Write, first, json, list_or_missing, nothing};
use crate::client::Client;

const ROUTE: &str = "/v1/kv/";

/// What a key is set to: bytes, and a number that is the application's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    bytes: Bytes,
    flags: u64,
}

impl Value {
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Value { bytes: bytes.into(), flags: 0 }
    }

    /// Stored beside the value; the servers do not look at it. A write without flags sets 0.
    pub fn flags(mut self, flags: u64) -> Self {
        self.flags = flags;
        self
    }

    pub(crate) fn into_parts(self) -> (Bytes, u64) {
        (self.bytes, self.flags)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::new(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::new(Bytes::copy_from_slice(bytes))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::new(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::new(bytes)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Value::new(bytes)
    }
}

/// See [`Client::kv`]. A key is bytes; text is the usual case.
pub struct Kv<'a>(pub(crate) &'a Client);

impl Kv<'_> {
    /// One key, or none.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Read<Option<KvPair>> {
        Read::new(self.0, Call::new("GET", ROUTE, key), first)
    }

    /// Every key that begins with `prefix`, in byte order.
    pub fn list(&self, prefix: impl AsRef<[u8]>) -> Read<Vec<KvPair>> {
        Read::new(self.0, Call::new("GET", ROUTE, prefix).with_bare("recurse"), list_or_missing)
    }

    /// The names of those keys. A `separator` that is not empty ends each name behind its first
    /// occurrence after the prefix, so that `"/"` lists one level.
    pub fn keys(&self, prefix: impl AsRef<[u8]>, separator: &str) -> Read<Vec<String>> {
        let mut call = Call::new("GET", ROUTE, prefix).with_bare("keys");
        if !separator.is_empty() {
            call = call.with("separator", separator);
        }
        Read::new(self.0, call, list_or_missing)
    }

    /// Sets a key, whoever changed it before.
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl Into<Value>) -> Write<()> {
        Write::new(self.0, set(key, value.into()), nothing)
    }

    /// Sets a key only if its `modify_index` is still this one; 0 means only if it is absent.
    /// The answer is whether it was set.
    pub fn cas(
        &self,
        key: impl AsRef<[u8]>,
        value: impl Into<Value>,
        modify_index: u64,
    ) -> Write<bool> {
        Write::new(self.0, set(key, value.into()).with("cas", modify_index), json)
    }

    /// Sets a key and takes its lock for a session. False: another session holds it, or its
    /// lock-delay has not passed.
    pub fn acquire(
        &self,
        key: impl AsRef<[u8]>,
        value: impl Into<Value>,
        session: &str,
    ) -> Write<bool> {
        Write::new(self.0, set(key, value.into()).with("acquire", session), json)
    }

    /// Sets a key and gives up its lock. False: this session does not hold it.
    pub fn release(
        &self,
        key: impl AsRef<[u8]>,
        value: impl Into<Value>,
        session: &str,
    ) -> Write<bool> {
        Write::new(self.0, set(key, value.into()).with("release", session), json)
    }

    /// Deletes a key; one that is absent is no error.
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Write<()> {
        Write::new(self.0, Call::new("DELETE", ROUTE, key), nothing)
    }

    /// Deletes a key only if its `modify_index` is still this one. An absent key counts as deleted.
    pub fn delete_cas(&self, key: impl AsRef<[u8]>, modify_index: u64) -> Write<bool> {
        Write::new(self.0, Call::new("DELETE", ROUTE, key).with("cas", modify_index), json)
    }

    /// Deletes every key that begins with `prefix`; the empty prefix is all of them.
    pub fn delete_tree(&self, prefix: impl AsRef<[u8]>) -> Write<()> {
        Write::new(self.0, Call::new("DELETE", ROUTE, prefix).with_bare("recurse"), nothing)
    }
}

fn set(key: impl AsRef<[u8]>, value: Value) -> Call {
    let call = Call::new("PUT", ROUTE, key).with_body(value.bytes);
    if value.flags == 0 { call } else { call.with("flags", value.flags) }
}
