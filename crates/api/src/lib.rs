//! The JSON nouns of the HTTP wire and the texts clients match: types, no behaviour.
//! One file per noun, spelt as in state, http, client and cli; the rest are the wire's own rules.
//! Invariant: nothing here reads a clock, a file or a socket.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod agent;
pub mod catalog;
pub mod connect;
pub mod coordinate;
pub mod decode;
pub mod duration;
pub mod event;
pub mod health;
pub mod internal;
pub mod json;
pub mod kv;
pub mod messages;
pub mod metadata;
pub mod null;
pub mod parse;
pub mod proxy;
pub mod session;
pub mod shape;
pub mod slips;
pub mod time;
pub mod txn;
pub mod version;
pub mod why;
