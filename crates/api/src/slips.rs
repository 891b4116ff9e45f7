//! Slips of the fingers: how far two names are apart, and which known one was meant.
//! What is a name, and what is said of it, is decided by whoever asks.

/// The known names that take the fewest slips, the fewest first, of those that take no more than
/// about half of the word. Case is no slip.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = word.to_lowercase();
    let slips_max = lower.chars().count().div_ceil(2);
    let slips = |name: &'a str| (edit_distance(&lower, &name.to_lowercase()), name);
    let mut found: Vec<(usize, &str)> = known.into_iter().map(slips).collect();
    found.retain(|(slips, _)| *slips <= slips_max);
    found.sort_by_key(|(slips, _)| *slips);
    found.into_iter().map(|(_, name)| name).collect()
}

/// How many characters must be put in, taken out or replaced to get from one text to the other.
pub fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().take(NAME_CHARS_MAX).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, from_char) in from.chars().take(NAME_CHARS_MAX).enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        for (cell, to_char) in row.iter_mut().skip(1).zip(&to) {
            let replaced = diagonal + usize::from(from_char != *to_char);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Names are compared up to here: the work grows with the square, and no key is as long.
const NAME_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_those_with_few_slips() {
        let check = |word, expected: &[&str]| {
            assert_eq!(nearest(word, ["web", "webapp", "database", "consul"]), expected, "{word}");
        };
        check("wbe", &["web"]);
        check("wepapp", &["webapp"]);
        check("Databse", &["database"]);
        check("zzzzzz", &[]);
        assert_eq!(nearest("weba", ["webapp", "web"]), ["web", "webapp"]);
    }

    #[test]
    fn edit_distance_counts_slips() {
        for (from, to, slips) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edit_distance(from, to), slips, "{from} {to}");
        }
    }
}
