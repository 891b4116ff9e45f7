//! The table of limits in docs/user/limits.md says what the code does: each row's constant stands
//! in the file it names, with the value it names.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests count as tests")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A constant's type and value, as they are written; `DEFAULT.quick` is a field of one.
fn constant(source: &str, name: &str) -> Option<(String, String)> {
    if let Some((whole, field)) = name.split_once('.') {
        let (kind, fields) = constant(source, whole)?;
        let (_, after) = fields.split_once(&format!(" {field}: "))?;
        let value = after.split([',', '}']).next()?;
        return Some((kind, value.trim().to_owned()));
    }
    let (_, after) = source.split_once(&format!("const {name}: "))?;
    let (kind, after) = after.split_once('=')?;
    let (value, _) = after.split_once(';')?;
    Some((kind.trim().to_owned(), value.trim().to_owned()))
}

/// A product or shift of numbers.
fn number(text: &str) -> u64 {
    let plain = |text: &str| text.trim().replace('_', "").parse::<u64>().expect("a number");
    if let Some((number, bits)) = text.split_once("<<") {
        return plain(number) << plain(bits);
    }
    text.split('*').map(plain).product()
}

/// How the table shows it.
fn shown(name: &str, kind: &str, value: &str) -> String {
    if kind == "Duration" {
        let (unit, inner) = value
            .trim_start_matches("Duration::")
            .trim_end_matches(')')
            .split_once('(')
            .expect("a duration");
        let unit = if unit == "from_millis" { "ms" } else { "s" };
        return format!("{} {unit}", number(inner));
    }
    let number = number(value);
    match number {
        _ if !name.contains("BYTES") => with_commas(number),
        _ if number.is_multiple_of(1 << 20) => format!("{} MiB", number >> 20),
        _ if number.is_multiple_of(1 << 10) => format!("{} KiB", number >> 10),
        _ => format!("{} B", with_commas(number)),
    }
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[test]
fn the_table_of_limits_says_what_the_code_does() {
    let table = read(&root().join("docs/user/limits.md"));
    let mut rows = 0;
    for line in table.lines().filter(|line| line.ends_with(".rs` |")) {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, _what, limit, name, file, _] = cells[..] else { panic!("not four cells: {line}") };
        let source = read(&root().join("crates").join(file));
        let (kind, value) =
            constant(&source, name).unwrap_or_else(|| panic!("{file} has no constant {name}"));
        assert_eq!(shown(name, &kind, &value), limit, "{name}");
        rows += 1;
    }
    assert!(rows > 30, "only {rows} rows");
}

#[test]
fn a_field_of_a_constant_is_found() {
    let source = "pub const DEFAULT: Most = Most { quick: 2048, slow: 4_096 };";
    let found = |name| constant(source, name).map(|(_, value)| value);
    assert_eq!(found("DEFAULT.quick").as_deref(), Some("2048"));
    assert_eq!(found("DEFAULT.slow").as_deref(), Some("4_096"));
    assert_eq!(found("DEFAULT.other"), None);
}

#[test]
fn values_are_shown_as_people_read_them() {
    for (name, kind, value, expected) in [
        ("A_BYTES_MAX", "usize", "16 << 20", "16 MiB"),
        ("A_BYTES_MAX", "usize", "512 * 1024", "512 KiB"),
        ("A_BYTES_MAX", "usize", "300", "300 B"),
        ("A_MAX", "usize", "65_536", "65,536"),
        ("A_MAX", "Duration", "Duration::from_secs(15 * 60)", "900 s"),
        ("A_MAX", "Duration", "Duration::from_millis(100)", "100 ms"),
    ] {
        assert_eq!(shown(name, kind, value), expected);
    }
}
