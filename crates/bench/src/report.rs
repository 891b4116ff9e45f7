//! Figures by name, over rounds: their median and range, as a table.

use std::fmt::Write as _;

/// What was measured, in the order in which it was first seen.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(String, &'static str, Vec<f64>)>,
}

impl Report {
    /// Notes one figure of a round.
    pub fn note(&mut self, name: impl Into<String>, unit: &'static str, figure: f64) {
        let name = name.into();
        match self.rows.iter_mut().find(|(own, ..)| *own == name) {
            Some((_, _, figures)) => figures.push(figure),
            None => self.rows.push((name, unit, vec![figure])),
        }
    }

    /// The table, in Markdown.
    pub fn table(&self) -> String {
        let mut table = "| what | median | range | rounds |\n|---|---|---|---|\n".to_owned();
        for (name, unit, figures) in &self.rows {
            let mut sorted = figures.clone();
            sorted.sort_by(f64::total_cmp);
            let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
            let (low, high) = (at(0), at(sorted.len().saturating_sub(1)));
            let median =
                f64::midpoint(at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2));
            // Writing into a String cannot fail.
            let _ = writeln!(
                table,
                "| {name} | {} {unit} | {} - {} | {} |",
                short(median),
                short(low),
                short(high),
                sorted.len()
            );
        }
        table
    }
}

/// Three digits that count.
fn short(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_the_median_and_the_range_of_its_rounds() {
        let mut report = Report::default();
        for figure in [3.0, 1.0, 200.0] {
            report.note("puts", "/s", figure);
        }
        report.note("ratio", "x", 0.5);
        report.note("ratio", "x", 0.7);
        let table = report.table();
        assert!(table.contains("| puts | 3.00 /s | 1.00 - 200 | 3 |"), "{table}");
        assert!(table.contains("| ratio | 0.60 x | 0.50 - 0.70 | 2 |"), "{table}");
    }
}
