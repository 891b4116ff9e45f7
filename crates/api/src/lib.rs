//! The JSON nouns of the HTTP wire and the texts clients match: types, no behaviour.

pub mod duration;
