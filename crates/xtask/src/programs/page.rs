//! The configurations of the users' page about other programs. What is printed there is what is
//! tried here.

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The block of the page that begins with this name behind its fence.
pub fn block(name: &str) -> Result<String> {
    let path = workspace::root().join(PAGE);
    let page = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    find(&page, name).with_context(|| format!("{PAGE} has no one block {name}"))
}

fn find(page: &str, name: &str) -> Result<String> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if info.split(' ').any(|word| word == name) {
            found.push(text.join("\n") + "\n");
        }
    }
    match found.pop() {
        Some(text) if found.is_empty() => Ok(text),
        Some(_) => bail!("more than one"),
        None => bail!("none"),
    }
}

const PAGE: &str = "docs/user/other-programs.md";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_by_its_name_and_must_be_the_only_one() {
        let page = "# x\n```sh\na\n```\n```yaml one.yml\nb: 1\n```\n```yaml one.yml two\nc\n```\n";
        assert_eq!(find(page, "two").unwrap(), "c\n");
        assert_eq!(find(page, "sh").unwrap(), "a\n");
        assert!(find(page, "one.yml").is_err());
        assert!(find(page, "a").is_err());
    }

    #[test]
    fn the_page_has_every_block_that_is_tried() {
        for name in BLOCKS {
            assert!(!block(name).unwrap().is_empty(), "{name}");
        }
    }

    const BLOCKS: &[&str] = &["haproxy.cfg", "prometheus.yml", "web.tpl"];
}
