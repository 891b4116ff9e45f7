//! What can be selected: names and types, as trees of constants.
//!
//! A model says the same as the `Fields` of its rows; a test walks both.

/// The fields of a kind of row.
#[derive(Debug)]
pub struct Model {
    /// A name of its own: two filters of one text and another model are not equal.
    pub name: &'static str,
    /// Its fields.
    pub members: &'static [Member],
}

/// One field.
#[derive(Debug)]
pub struct Member {
    /// Its name in selectors.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text.
    Text,
    /// True or false.
    Bool,
    /// A signed number of 64 bits.
    Int,
    /// An unsigned number of this many bits, 64 at most.
    Uint(u32),
    /// A list of texts.
    Texts,
    /// Texts by key.
    TextMap,
    /// Fields within.
    Struct(&'static [Member]),
    /// A list of these: a test holds if it holds for one.
    Structs(&'static [Member]),
    /// These by key.
    StructMap(&'static [Member]),
}

impl Member {
    /// A field of a type.
    pub const fn new(name: &'static str, kind: Kind) -> Member {
        Member { name, kind }
    }
}

/// The field of a name.
pub(super) fn find(members: &'static [Member], name: &str) -> Option<&'static Member> {
    members.iter().find(|member| member.name == name)
}
