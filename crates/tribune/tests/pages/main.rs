//! The commands of the users' pages are run, and say what the pages say they do.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool tells its user")]
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what a test expected is said by its failing; helpers of tests count as tests"
)]

mod page;
mod play;
mod shell;
mod stage;
mod targets;

use std::collections::BTreeSet;

/// One test for each page, so that they run side by side and fail by name.
macro_rules! pages {
    ($($test:ident $page:literal)*) => {
        const PAGES: &[&str] = &[$($page),*];
        $(
            #[test]
            fn $test() {
                play::page($page);
            }
        )*
    };
}

pages! {
    checks_of_every_kind "checks"
    durable_server "durable-server"
    finding_services "finding-services"
    getting_started "getting-started"
    index "README"
    kv_sessions_locks "kv-sessions-locks"
    limits "limits"
    maintenance "maintenance"
    operating "operating"
    other_programs "other-programs"
    readme "../../README"
    registering_services "registering-services"
    the_article "the-article"
    watching "watching"
    why "why"
}

#[test]
fn every_page_is_played_and_in_the_index() {
    let folder = play::folder();
    let index = std::fs::read_to_string(folder.join("README.md")).expect("the index");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).expect("the pages") {
        let name = entry.expect("a page").file_name().to_string_lossy().into_owned();
        let page = name.strip_suffix(".md").expect("only pages").to_owned();
        assert!(page == "README" || index.contains(&format!("({name})")), "{name} is not in it");
        found.insert(page);
    }
    // The first page of all is elsewhere.
    let here = PAGES.iter().filter(|page| !page.starts_with(".."));
    let played: BTreeSet<String> = here.map(|page| (*page).to_owned()).collect();
    assert_eq!(found, played);
}
