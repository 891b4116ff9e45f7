//! Rules that keep the rings apart: who may import whom, and that the inner crates stay pure.
//! The compiler refuses an import that a manifest does not allow; this checks the manifests.

use proc_macro2::{TokenStream, TokenTree};

use super::Complaint;
use super::tree::{Source, Tree};

pub fn forbids_unsafe(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for inner in INNER {
        let path = format!("crates/{}/src/lib.rs", inner.folder);
        let Some(source) = tree.sources.iter().find(|source| source.path == path) else { continue };
        if !source.text.contains("#![forbid(unsafe_code)]") {
            complaints.push(Complaint {
                path,
                line: 1,
                rule: "unsafe",
                found: "an inner crate that does not forbid unsafe code".into(),
                instead: "write `#![forbid(unsafe_code)]` below the header",
            });
        }
    }
    complaints
}

/// Each inner crate's clippy.toml bans the world; clippy then refuses what the crate names.
pub fn clippy_bans(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for inner in INNER {
        let path = format!("crates/{}/clippy.toml", inner.folder);
        let text = tree.settings.get(&path).map_or("", String::as_str);
        for banned in BANNED_PATHS {
            if !text.contains(&format!("{{ path = \"{banned}\", reason = \"")) {
                complaints.push(Complaint {
                    path: path.clone(),
                    line: 1,
                    rule: "purity ban",
                    found: format!("`{banned}` is not banned with a reason"),
                    instead: "copy the lists of another inner crate's clippy.toml",
                });
            }
        }
    }
    complaints
}

/// The lists are one list: what one inner crate may not do, none may.
pub fn clippy_alike(tree: &Tree) -> Vec<Complaint> {
    let path_of = |inner: &Inner| format!("crates/{}/clippy.toml", inner.folder);
    let text_of = |inner: &Inner| tree.settings.get(&path_of(inner)).map_or("", String::as_str);
    let Some((model, others)) = INNER.split_first() else { return Vec::new() };
    let mut complaints = Vec::new();
    for other in others {
        let (have, want) = (text_of(other), text_of(model));
        if have == want {
            continue;
        }
        let same = have.lines().zip(want.lines()).take_while(|(have, want)| have == want).count();
        complaints.push(Complaint {
            path: path_of(other),
            line: same + 1,
            rule: "purity ban",
            found: format!("it differs from {}", path_of(model)),
            instead: "change all of them alike: the inner ring has one list of bans",
        });
    }
    complaints
}

/// The folders of the inner ring.
pub fn inner_folders() -> impl Iterator<Item = &'static str> {
    INNER.iter().map(|inner| inner.folder)
}

/// The arrows between our crates, and what an inner crate may use of others.
pub fn dependencies(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for package in tree.packages.iter().filter(|package| package.source.is_none()) {
        let folder = package.name.strip_prefix("tribune-").unwrap_or(&package.name);
        let path = format!("crates/{folder}/Cargo.toml");
        let inner = INNER.iter().find(|inner| inner.folder == folder);
        for dependency in package.dependencies.iter().filter(|d| d.kind.is_none()) {
            let complain = |rule, found, instead| Complaint {
                path: path.clone(),
                line: 1,
                rule,
                found,
                instead,
            };
            if let Some(ours) = dependency.name.strip_prefix("tribune-") {
                if !ARROWS.iter().any(|(from, to)| *from == folder && to.contains(&ours)) {
                    complaints.push(complain(
                        "arrow",
                        format!("`{folder}` may not import `{ours}`"),
                        "move the type to where both may see it, or write an ADR and add the arrow",
                    ));
                }
            } else if let Some(inner) = inner
                && !inner.may_use.contains(&dependency.name.as_str())
            {
                complaints.push(complain(
                    "dependency",
                    format!("`{folder}` is pure and may not use `{}`", dependency.name),
                    "do it in the outer ring, or write an ADR and add it to the allow-list",
                ));
            }
        }
    }
    complaints
}

/// A foreign crate that one file wraps is named in that file alone.
pub fn one_file_names_it(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in tree.sources.iter().filter(|source| source.path.starts_with("crates/")) {
        for (name, home, instead) in WRAPPED {
            let at_home =
                source.path == format!("{home}.rs") || source.path.starts_with(&format!("{home}/"));
            if at_home {
                continue;
            }
            for line in lines_naming(source, name) {
                complaints.push(Complaint {
                    path: source.path.clone(),
                    line,
                    rule: "wrapped crate",
                    found: format!("only {home}.rs may name `{name}`"),
                    instead,
                });
            }
        }
    }
    complaints
}

/// A test that sleeps is slow on a quiet machine and red on a busy one.
pub fn no_sleep_in_tests(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &tree.sources {
        let calls = calls_of(source, &["sleep", "sleep_until"]);
        for line in calls.into_iter().filter(|line| source.is_test_line(*line)) {
            complaints.push(Complaint {
                path: source.path.clone(),
                line,
                rule: "sleeping test",
                found: "a test that sleeps".into(),
                instead: "advance `now`, pause tokio's clock, or wait for an event with a deadline",
            });
        }
    }
    complaints
}

/// Lines where `name::` or `use name` stands outside strings and comments.
fn lines_naming(source: &Source, name: &str) -> Vec<usize> {
    let mut found = Vec::new();
    walk(&tokens(source), &mut |window| {
        if let [TokenTree::Ident(word), TokenTree::Punct(a), TokenTree::Punct(b), ..] = window
            && word == name
            && a.as_char() == ':'
            && b.as_char() == ':'
        {
            found.push(word.span().start().line);
        }
        if let [TokenTree::Ident(keyword), TokenTree::Ident(word), TokenTree::Punct(end), ..] =
            window
            && keyword == "use"
            && word == name
            && end.as_char() == ';'
        {
            found.push(word.span().start().line);
        }
    });
    found
}

/// Lines where one of these functions is called, also inside macros.
fn calls_of(source: &Source, names: &[&str]) -> Vec<usize> {
    let mut found = Vec::new();
    walk(&tokens(source), &mut |window| {
        if let [TokenTree::Ident(word), TokenTree::Group(group), ..] = window
            && names.iter().any(|name| word == name)
            && group.delimiter() == proc_macro2::Delimiter::Parenthesis
        {
            found.push(word.span().start().line);
        }
    });
    found
}

fn tokens(source: &Source) -> TokenStream {
    source.text.parse().unwrap_or_default()
}

/// Shows every position of the tokens, those inside brackets included, with up to two after it.
fn walk(stream: &TokenStream, see: &mut impl FnMut(&[TokenTree])) {
    let trees: Vec<TokenTree> = stream.clone().into_iter().collect();
    for at in 0..trees.len() {
        see(&trees[at..trees.len().min(at + WINDOW)]);
        if let TokenTree::Group(group) = &trees[at] {
            walk(&group.stream(), see);
        }
    }
}

/// Tokens that a pattern looks at: a name and the two after it.
const WINDOW: usize = 3;

struct Inner {
    folder: &'static str,
    may_use: &'static [&'static str],
}

/// The inner ring and what each crate may use beside its siblings.
const INNER: &[Inner] = &[
    Inner {
        folder: "api",
        may_use: &["serde", "serde_json", "base64", "jiff", "thiserror", "bytes", "indexmap"],
    },
    Inner {
        folder: "state",
        may_use: &[
            "serde",
            "serde_json",
            "imbl",
            "postcard",
            "thiserror",
            "uuid",
            "bytes",
            "smallvec",
            "crc32c",
            "regex",
        ],
    },
    Inner { folder: "durable", may_use: &["crc32c", "thiserror", "bytes", "serde", "postcard"] },
    Inner {
        folder: "replica",
        may_use: &[
            "raft",
            "protobuf",
            "slog",
            "serde",
            "postcard",
            "thiserror",
            "uuid",
            "bytes",
            "rand_chacha",
        ],
    },
    Inner {
        folder: "edge",
        may_use: &["serde", "serde_json", "thiserror", "uuid", "rand_chacha", "postcard", "bytes"],
    },
];

/// Who may import whom. What is not here is refused.
const ARROWS: &[(&str, &[&str])] = &[
    ("replica", &["state", "durable"]),
    ("edge", &["state", "durable", "api"]),
    ("node", &["replica", "edge", "gossip", "state", "durable"]),
    ("agent", &["node", "edge", "state", "api", "client"]),
    ("client", &["api"]),
    ("tribune", &["agent", "client", "api"]),
    ("examples", &["client"]),
    ("sim", &["api", "state", "durable", "gossip", "replica", "edge"]),
];

/// A crate, the file that wraps it, and what others use.
const WRAPPED: &[(&str, &str, &str)] = &[
    ("imbl", "crates/state/src/table", "use `Table` of state/src/table.rs"),
    ("raft", "crates/replica/src/consensus", "use the message types of replica/src/consensus.rs"),
];

/// What each inner crate's clippy.toml must ban, with a reason.
const BANNED_PATHS: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::hash::RandomState",
    "std::fs::File",
    "std::fs::OpenOptions",
    "std::fs::read",
    "std::fs::write",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::thread::spawn",
    "std::thread::sleep",
    "std::thread::Builder",
    "std::process::Command",
];
