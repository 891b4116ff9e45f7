//! `.ci/run` gives each part no more time than is left of all, and says what failed. It is tried
//! with trivial parts, not with its own.

#![expect(clippy::expect_used, reason = "helpers of tests count as tests")]

use std::path::Path;
use std::process::Command;

/// What the script's functions say to these lines of bash, and with which code they end.
fn bash(lines: &str) -> (String, Option<i32>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let script = format!("source .ci/run --functions; {lines}");
    let mut bash = Command::new("bash");
    let done = bash.args(["-c", &script, ".ci/run"]).current_dir(root).output().expect("bash");
    (String::from_utf8_lossy(&done.stdout).into_owned(), done.status.code())
}

#[test]
fn what_is_left_is_never_less_than_nothing() {
    for (arguments, left) in [("100 150 60", "10"), ("100 100 60", "60"), ("100 500 60", "0")] {
        assert_eq!(bash(&format!("left {arguments}")).0.trim(), left, "{arguments}");
    }
}

#[test]
fn all_that_goes_well_is_counted_and_summed_up() {
    let (said, code) = bash("part one 1 true; part two 2 true; summary");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("##### two (at most 120 s): true"), "{said}");
    assert!(said.contains("\none ") && said.contains("\nall "), "{said}");
    assert!(said.ends_with("CI passed\n"), "{said}");
    assert!(!said.contains("more than the 25 minutes"), "{said}");
}

#[test]
fn a_part_that_fails_is_named_and_the_others_are_run() {
    let (said, code) = bash("part bad 1 false; part good 1 true; summary");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("##### good") && said.ends_with("CI FAILED: bad (1)\n"), "{said}");
}

#[test]
fn a_part_is_cut_to_what_is_left_of_all() {
    let (said, code) = bash("all_max=1; part hung 5 tail -f /dev/null; summary");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("##### hung: ended after its 1 seconds"), "{said}");
    let (said, code) = bash("all_max=0; part late 5 echo began; summary");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("##### late: not begun") && !said.contains("\nbegan"), "{said}");
}

#[test]
fn a_run_that_takes_longer_than_is_wanted_says_so() {
    let (said, code) = bash("run_began=$(($(date +%s) - 1501)); part one 1 true; summary");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("more than the 25 minutes"), "{said}");
}
