//! Each rule's own complaint, from a tree made to break it.
//! A rule that no test here breaks would pass unseen when it stopped working.

use super::tree::{Dependency, Package, Source, Tree};
use super::*;

fn tree_of(path: &str, text: &str) -> Tree {
    let sources = vec![Source::new(path, text)];
    Tree { sources, ..Tree::default() }
}

/// The project's own settings, without its sources: to read those takes seconds.
fn house() -> Tree {
    let root = crate::workspace::root();
    let mut paths = vec!["Cargo.toml".to_owned(), "deny.toml".to_owned()];
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        let folder = entry.unwrap().file_name().into_string().unwrap();
        paths.extend(["Cargo.toml", "clippy.toml"].map(|name| format!("crates/{folder}/{name}")));
    }
    let read = |path: String| Some((path.clone(), std::fs::read_to_string(root.join(path)).ok()?));
    Tree { settings: paths.into_iter().filter_map(read).collect(), ..Tree::default() }
}

fn shown(complaints: &[Complaint]) -> String {
    complaints.iter().map(|complaint| format!("{complaint}\n")).collect()
}

fn check(rule: Rule, tree: &Tree, expected: &str) {
    assert_eq!(shown(&rule(tree)).trim_end(), expected.trim());
}

#[test]
fn header_complains_of_a_file_without_one_and_of_a_long_one() {
    check(
        comments::header,
        &tree_of("crates/x/src/a.rs", "fn a() {}\n"),
        "crates/x/src/a.rs:1: header: no `//!` on the first line\n    instead: open the file with \
         `//!`, in at most ten lines: what it is, what it is not, which invariant it keeps",
    );
    let long = "//! more\n".repeat(11);
    let found = comments::header(&tree_of("crates/x/src/a.rs", &long));
    assert_eq!(found[0].found, "a header of 11 lines");
    check(comments::header, &tree_of("crates/x/src/a.rs", &"//! fine\n".repeat(10)), "");
}

#[test]
fn code_in_a_comment_is_dead_and_prose_is_not() {
    let text =
        "//! x\n// let a = old(b);\n// it waits; then it stops;\n/// a.shows(code);\nfn f() {}";
    check(
        comments::no_dead_code,
        &tree_of("a.rs", text),
        "a.rs:2: dead code: `let a = old(b);` is code in a comment\n    \
         instead: delete it; git remembers",
    );
    for dead in ["if a == b {", "self.x = 3;", "use std::fmt;", "Some(_) => stop(),", "call!(a);"] {
        let found = comments::no_dead_code(&tree_of("a.rs", &format!("// {dead}\n")));
        assert_eq!(found.len(), 1, "{dead}");
    }
    for prose in ["for each node, {", "see below;", "a => b, then", "e.g. x = 1", "so;"] {
        check(comments::no_dead_code, &tree_of("a.rs", &format!("// {prose}\n")), "");
    }
}

#[test]
fn unfinished_work_names_its_issue() {
    check(
        comments::todo_names_an_issue,
        &tree_of("a.rs", "// TODO: later\n// TODO(#12): later\nconst A: &str = \"TODO\";\n"),
        "a.rs:1: todo: a `TODO` without an issue\n    instead: open an issue and write its number \
         in round brackets after the word",
    );
    for bad in ["TODO(me)", "TODO(#)", "a FIXME(#1)", "XXX"] {
        let found = comments::todo_names_an_issue(&tree_of("a.rs", &format!("// {bad}\n")));
        assert_eq!(found.len(), 1, "{bad}");
    }
}

#[test]
fn a_long_file_is_counted_without_its_tests() {
    let own = "const A: u8 = 1;\n".repeat(499);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(300));
    check(limits::file_lines, &tree_of("a.rs", &format!("//! x\n{own}{tests}")), "");
    check(
        limits::file_lines,
        &tree_of("a.rs", &format!("//! x\n//! y\n{own}{tests}")),
        "a.rs:1: file length: 501 lines outside its tests, of at most 500\n    instead: find the \
         second thing in it and give that a file; a data table may be exempt by name",
    );
}

#[test]
fn a_wide_line_is_counted_in_characters() {
    check(limits::line_width, &tree_of("a.rs", &format!("// {}\n", "ä".repeat(97))), "");
    check(
        limits::line_width,
        &tree_of("a.rs", &format!("// {}\n", "ä".repeat(98))),
        "a.rs:1: line width: 101 characters, of at most 100\n    instead: break the line; split a \
         long string with a backslash",
    );
}

#[test]
fn a_long_function_is_named() {
    let body = "    call();\n".repeat(69);
    check(
        limits::function_lines,
        &tree_of("a.rs", &format!("impl A {{\nfn long() {{\n{body}}}\n}}\n")),
        "a.rs:2: function length: `long` has 71 lines, of at most 70\n    instead: let it decide \
         and call leaf functions that compute",
    );
}

#[test]
fn a_full_folder_is_named() {
    let mut tree = Tree::default();
    tree.files.extend((0..21).map(|n| format!("crates/x/src/f{n}.rs")));
    tree.files.insert("crates/x/src/sub/a.rs".into());
    check(
        limits::folder_files,
        &tree,
        "crates/x/src:0: folder size: 21 files, of at most 20\n    instead: group what belongs \
         together into a folder with its noun's name",
    );
}

#[test]
fn a_wide_struct_is_refused_unless_the_other_side_fixed_its_fields() {
    let fields: String = (0..16).map(|n| format!("f{n}: u8,\n")).collect();
    let plain = format!("struct Many {{\n{fields}}}\n");
    check(
        limits::struct_fields,
        &tree_of("crates/node/src/a.rs", &plain),
        "crates/node/src/a.rs:1: struct size: `Many` has 16 fields, of at most 15\n    instead: it \
         holds several things: give each its own struct",
    );
    check(limits::struct_fields, &tree_of("crates/api/src/kv.rs", &plain), "");
    check(limits::struct_fields, &tree_of("crates/agent/src/config/keys.rs", &plain), "");
    let wire = format!("#[derive(Debug, serde::Deserialize)]\n{plain}");
    check(limits::struct_fields, &tree_of("crates/node/src/a.rs", &wire), "");
}

#[test]
fn an_impl_stands_beside_its_type() {
    let mut tree = tree_of("crates/x/src/a.rs", "struct A;\nimpl A {}\n");
    tree.sources
        .push(Source::new("crates/x/src/b.rs", "impl A { fn b() {} }\nimpl Clone for A {}"));
    tree.sources.push(Source::new("crates/y/src/b.rs", "struct A;\nimpl A {}\n"));
    check(
        limits::impl_beside_type,
        &tree,
        "crates/x/src/b.rs:1: split impl: `impl A`, but the type stands in crates/x/src/a.rs\n    \
         instead: move it beside the type, make it free functions, or split the type",
    );
}

#[test]
fn an_inner_crate_forbids_unsafe_code() {
    check(
        purity::forbids_unsafe,
        &tree_of("crates/state/src/lib.rs", "//! x\n"),
        "crates/state/src/lib.rs:1: unsafe: an inner crate that does not forbid unsafe code\n    \
         instead: write `#![forbid(unsafe_code)]` below the header",
    );
    check(purity::forbids_unsafe, &tree_of("crates/node/src/lib.rs", "//! x\n"), "");
}

#[test]
fn an_inner_crate_bans_the_world() {
    let mut tree = house();
    check(purity::clippy_bans, &tree, "");
    let text = tree.settings.get_mut("crates/state/clippy.toml").unwrap();
    *text = text.replace("{ path = \"std::time::Instant\"", "{ path = \"std::time::Other\"");
    check(
        purity::clippy_bans,
        &tree,
        "crates/state/clippy.toml:1: purity ban: `std::time::Instant` is not banned with a reason\n\
         \x20   instead: copy the lists of another inner crate's clippy.toml",
    );
}

#[test]
fn the_inner_crates_have_one_list_of_bans() {
    let mut tree = house();
    check(purity::clippy_alike, &tree, "");
    let text = tree.settings.get_mut("crates/edge/clippy.toml").unwrap();
    *text = text.replace("{ path = \"std::env::var_os\"", "{ path = \"std::env::var\"");
    let found = purity::clippy_alike(&tree);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line, text_line(&tree, "crates/edge/clippy.toml", "std::env::var\""));
    assert_eq!(
        (found[0].path.as_str(), found[0].found.as_str(), found[0].instead),
        (
            "crates/edge/clippy.toml",
            "it differs from crates/api/clippy.toml",
            "change all of them alike: the inner ring has one list of bans"
        )
    );
    tree.settings.get_mut("crates/edge/clippy.toml").unwrap().clear();
    assert_eq!(purity::clippy_alike(&tree).len(), 1, "nor may one be missing");
}

fn text_line(tree: &Tree, path: &str, part: &str) -> usize {
    tree.settings[path].lines().position(|line| line.contains(part)).unwrap() + 1
}

#[test]
fn what_the_style_refuses_is_denied_and_holds_in_every_crate() {
    let mut tree = house();
    check(lints::denied, &tree, "");
    check(lints::inherited, &tree, "");
    let manifest = tree.settings.get_mut("Cargo.toml").unwrap();
    *manifest = manifest.replace("print_stdout = \"deny\"", "print_stdout = \"warn\"");
    check(
        lints::denied,
        &tree,
        "Cargo.toml:1: lint: `print_stdout` is not denied\n    instead: deny it in \
         [workspace.lints.clippy]; excuse one place with #[expect] and why",
    );
    let manifest = tree.settings.get_mut("crates/state/Cargo.toml").unwrap();
    *manifest = manifest.replace("[lints]\nworkspace = true\n", "");
    check(
        lints::inherited,
        &tree,
        "crates/state/Cargo.toml:1: lint: the workspace's lints do not hold here\n    instead: \
         write `[lints]` and below it `workspace = true`",
    );
}

#[test]
fn an_inner_crate_is_not_excused_for_printing() {
    let text = "//! x\n#[allow(clippy::print_stderr)]\nfn f() {}\n";
    check(
        lints::inner_never_prints,
        &tree_of("crates/edge/src/a.rs", text),
        "crates/edge/src/a.rs:2: print: an inner crate names `clippy::print_stderr`\n    instead: \
         return a fact; whoever handles it in the outer ring says so",
    );
    check(lints::inner_never_prints, &tree_of("crates/agent/src/a.rs", text), "");
}

#[test]
fn a_crate_that_reads_outside_bytes_does_not_index() {
    check(
        lints::no_indexing,
        &tree_of("crates/api/src/lib.rs", "//! x\n"),
        "crates/api/src/lib.rs:1: indexing: a crate that reads bytes from outside may index\n    \
         instead: write `#![cfg_attr(not(test), deny(clippy::indexing_slicing, \
         clippy::string_slice))]` below the header",
    );
    check(lints::no_indexing, &tree_of("crates/sim/src/lib.rs", "//! x\n"), "");
}

#[test]
fn imports_follow_the_arrows_and_the_allow_list() {
    let uses = |name: &str, kind: Option<&str>| Dependency {
        name: name.into(),
        kind: kind.map(str::to_owned),
        ..Dependency::default()
    };
    let package = Package {
        name: "tribune-state".into(),
        dependencies: vec![
            uses("serde", None),
            uses("tokio", None),
            uses("proptest", Some("dev")),
            uses("tribune-api", None),
        ],
        ..Package::default()
    };
    let tree = Tree { packages: vec![package], ..Tree::default() };
    check(
        purity::dependencies,
        &tree,
        "crates/state/Cargo.toml:1: dependency: `state` is pure and may not use `tokio`\n    \
         instead: do it in the outer ring, or write an ADR and add it to the allow-list\n\
         crates/state/Cargo.toml:1: arrow: `state` may not import `api`\n    instead: move the \
         type to where both may see it, or write an ADR and add the arrow",
    );
}

#[test]
fn a_wrapped_crate_is_named_in_one_file() {
    let text =
        "//! imbl::x\nuse imbl::OrdMap;\nfn f() { g!(imbl::vector![]); let s = \"imbl::\"; }";
    let found = purity::one_file_names_it(&tree_of("crates/state/src/kv/rows.rs", text));
    assert_eq!(
        shown(&found[..1]).trim_end(),
        "crates/state/src/kv/rows.rs:2: wrapped crate: only crates/state/src/table.rs may name \
         `imbl`\n    instead: use `Table` of state/src/table.rs"
    );
    assert_eq!(found.iter().map(|c| c.line).collect::<Vec<_>>(), [2, 3]);
    check(purity::one_file_names_it, &tree_of("crates/state/src/table.rs", text), "");
    let raft = "use crate::raft;\nlet raft = 1; raft.x(); self.raft = raft;";
    let raft = tree_of("crates/replica/src/reads.rs", &format!("fn f() {{ {raft} }}"));
    assert_eq!(purity::one_file_names_it(&raft).len(), 0);
}

#[test]
fn a_test_does_not_sleep_but_the_program_may() {
    let text = "fn f() { sleep(A); }\n#[cfg(test)]\nmod tests {\n#[test]\nfn t() { \
                std::thread::sleep(A); }\n#[test]\nfn u() { \
                select!(_ = time::sleep_until(b) => 1); }\n}\n";
    let found = purity::no_sleep_in_tests(&tree_of("crates/node/src/a.rs", text));
    assert_eq!(found.iter().map(|c| c.line).collect::<Vec<_>>(), [5, 7]);
    assert_eq!(
        shown(&found[..1]).trim_end(),
        "crates/node/src/a.rs:5: sleeping test: a test that sleeps\n    instead: advance `now`, \
         pause tokio's clock, or wait for an event with a deadline"
    );
}

#[test]
fn a_licence_or_source_that_is_not_listed_is_refused() {
    let foreign = |licence: &str, source: &str| Package {
        name: "odd".into(),
        license: Some(licence.into()),
        source: Some(source.into()),
        ..Package::default()
    };
    let index = "registry+https://github.com/rust-lang/crates.io-index";
    let deny = house().settings["deny.toml"].clone();
    let tree_with = |package| Tree {
        packages: vec![package],
        settings: [("deny.toml".to_owned(), deny.clone())].into(),
        ..Tree::default()
    };
    check(
        supply::licences,
        &tree_with(foreign("GPL-3.0", index)),
        "deny.toml:1: licence: `odd` is under `GPL-3.0`, which is not on the list\n    instead: \
         choose another crate, or allow the licence there with its reason",
    );
    for (licence, complaints) in [
        ("MIT/GPL-3.0", 0),
        ("MIT AND GPL-3.0", 1),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", 0),
        ("(MIT OR GPL-3.0) AND GPL-3.0", 1),
        ("Apache-2.0 WITH LLVM-exception", 0),
        ("MPL-2.0+", 1),
    ] {
        let found = supply::licences(&tree_with(foreign(licence, index)));
        assert_eq!(found.len(), complaints, "{licence}");
    }
    check(
        supply::sources,
        &tree_with(foreign("MIT", "git+https://example.com/x")),
        "deny.toml:1: source: `odd` comes from git+https://example.com/x\n    instead: use a \
         released version from the registry",
    );
}

/// A tree with the project's own deny.toml, changed where asked, and these foreign crates.
fn supplied(change: (&str, &str), crates: &[(&str, &str)]) -> Tree {
    let deny = house().settings["deny.toml"].replace(change.0, change.1);
    let foreign = |(name, version): &(&str, &str)| Package {
        name: (*name).to_owned(),
        version: (*version).to_owned(),
        source: Some("registry".into()),
        ..Package::default()
    };
    Tree {
        packages: crates.iter().map(foreign).collect(),
        settings: [("deny.toml".to_owned(), deny)].into(),
        ..Tree::default()
    }
}

#[test]
fn a_banned_crate_is_named_with_who_brings_it_and_why_it_is_banned() {
    let mut tree = supplied(("", ""), &[("reqwest", "0.12.0"), ("hyper", "1.0.0")]);
    let dependency = Dependency { name: "reqwest".into(), ..Dependency::default() };
    tree.packages[1].dependencies.push(dependency);
    check(
        supply::bans,
        &tree,
        "deny.toml:1: ban: `reqwest` is linked, by hyper: the client is hyper; frameworks bring \
         their own statuses\n    instead: switch the feature off that brings it, or use another \
         crate",
    );
    for name in ["openssl-sys", "native-tls", "aws-lc-sys", "axum"] {
        assert_eq!(supply::bans(&supplied(("", ""), &[(name, "1.0.0")])).len(), 1, "{name}");
    }
}

#[test]
fn a_crate_in_two_versions_is_told_or_refused_as_the_settings_say() {
    let two = [("rand", "0.8.8"), ("rand", "0.9.5"), ("hyper", "1.0.0")];
    let warned = supplied(("", ""), &two);
    check(supply::several_versions, &warned, "");
    assert_eq!(supply::notes(&warned), ["1 crates in several versions: rand 0.8.8 + 0.9.5"]);
    let denied = supplied(("multiple-versions = \"warn\"", "multiple-versions = \"deny\""), &two);
    check(
        supply::several_versions,
        &denied,
        "deny.toml:1: versions: `rand` is linked as 0.8.8 and as 0.9.5\n    instead: raise or \
         lower what brings the odd one",
    );
    assert!(supply::notes(&denied).is_empty());
}

#[test]
fn a_dependency_names_its_version_unless_it_is_ours() {
    let any = |name: &str, path: Option<&str>| Dependency {
        name: name.into(),
        req: "*".into(),
        path: path.map(str::to_owned),
        ..Dependency::default()
    };
    let mut tree = supplied(("", ""), &[]);
    tree.packages.push(Package {
        name: "tribune-x".into(),
        dependencies: vec![any("rand", None), any("tribune-api", Some("/x/crates/api"))],
        ..Package::default()
    });
    check(
        supply::wildcards,
        &tree,
        "deny.toml:1: wildcard: `tribune-x` takes any version of `rand`\n    instead: name the \
         version it was tried with",
    );
}

#[test]
fn a_file_that_does_not_parse_is_named() {
    check(
        tree::must_parse,
        &tree_of("a.rs", "fn ("),
        "a.rs:1: parse: this is not Rust that the checker can read\n    instead: mend the syntax, \
         or raise the version of `syn`",
    );
}
