//! Tables and JSON for people and scripts.

use serde::Serialize;
use tribune_api::json::{Layout, to_json};

use super::command::Failure;
use super::console::Console;
use super::flags::{Flag, Parsed};

const COLUMN_GAP: usize = 2;

/// How a command of ours shows its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Pretty,
    Json,
}

pub(crate) const FORMAT_FLAG: Flag =
    Flag::text("format", "How to show the result: pretty (the default) or json.");

pub(crate) fn format(flags: &Parsed) -> Result<Format, Failure> {
    match flags.text_or("format", "pretty") {
        "pretty" => Ok(Format::Pretty),
        "json" => Ok(Format::Json),
        other => Err(Failure::text(format!("Unknown format: {other}"))),
    }
}

pub(crate) fn json<T: Serialize + ?Sized>(console: &mut Console, value: &T) {
    let mut text = to_json(value, Layout::Pretty);
    text.push(b'\n');
    console.write(&text);
}

/// Columns as wide as their widest cell; the last one is as long as it is.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}", width = width + COLUMN_GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `Name:  value` lines with the values in one column.
pub(crate) fn block(rows: &[(&str, String)]) -> String {
    let cells = |(name, value): &(&str, String)| vec![format!("{name}:"), value.clone()];
    table(&rows.iter().map(cells).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["Node".into(), "DC".into()], vec!["a-long-name".into(), "dc1".into()]];
        assert_eq!(table(&rows), "Node         DC\na-long-name  dc1\n");
        assert_eq!(table(&[]), "");
    }
}
