//! Which tests of other programs fail, and why. Every other test must pass.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// One test, or all whose name begins so, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    start: String,
    why: String,
}

/// What a test said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
}

/// Reads lines of a test's name, or its beginning, and the reason why it fails.
pub fn parse(text: &str) -> Result<Vec<Known>> {
    let line = |line: &str| {
        let Some((start, why)) = line.split_once(char::is_whitespace) else {
            bail!("{line:?} names no reason");
        };
        Ok(Known { start: start.to_owned(), why: why.trim().to_owned() })
    };
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(line).collect()
}

/// Sums up; an error if a test fails that is not known to.
pub fn judge(verdicts: &BTreeMap<String, Verdict>, known: &[Known]) -> Result<String> {
    if verdicts.is_empty() {
        bail!("no test was run");
    }
    let reason = |name: &str| known.iter().find(|known| name.starts_with(&known.start));
    let failed = verdicts.iter().filter(|(_, verdict)| **verdict == Verdict::Failed);
    let (expected, broken): (Vec<&String>, Vec<&String>) =
        failed.map(|(name, _)| name).partition(|name| reason(name).is_some());
    if !broken.is_empty() {
        bail!("must pass but does not: {broken:?}");
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for name in &expected {
        *reasons.entry(reason(name).map_or("", |known| known.why.as_str())).or_default() += 1;
    }
    let reasons: Vec<String> = reasons.iter().map(|(why, n)| format!("{n} {why}")).collect();
    let idle = known.iter().filter(|known| {
        let mut ours = verdicts.iter().filter(|(name, _)| name.starts_with(&known.start));
        !ours.any(|(_, verdict)| *verdict == Verdict::Failed)
    });
    let idle: Vec<&str> = idle.map(|known| known.start.as_str()).collect();
    let mut line =
        format!("{} of {} of its tests pass", verdicts.len() - expected.len(), verdicts.len());
    if !reasons.is_empty() {
        line.push_str(&format!("; the others: {}", reasons.join(", ")));
    }
    if !idle.is_empty() {
        line.push_str(&format!("; no longer fail, take them off the list: {}", idle.join(", ")));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(list: &[(&str, Verdict)]) -> BTreeMap<String, Verdict> {
        list.iter().map(|(name, verdict)| ((*name).to_owned(), *verdict)).collect()
    }

    #[test]
    fn a_failure_needs_a_reason_and_a_reason_a_failure() {
        let known = parse("# a comment\n\nacl:: access lists\nkv::big   too big\n").unwrap();
        let good = [("acl::a", Verdict::Failed), ("acl::b", Verdict::Passed)];
        let line = judge(&verdicts(&good), &known).unwrap();
        assert_eq!(
            line,
            "1 of 2 of its tests pass; the others: 1 access lists; \
             no longer fail, take them off the list: kv::big"
        );
        assert!(judge(&verdicts(&[("kv::a", Verdict::Failed)]), &known).is_err());
        assert!(judge(&verdicts(&[]), &known).is_err());
        assert!(parse("acl::").is_err());
    }
}
