//! A read-only page for people: nodes, services with their health, keys. Rendered here, without
//! scripts and without a build step; the real UI comes later.
//! Invariant: everything that comes from outside is escaped by `escape` before it is printed, and
//! the page is short however much there is.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::sync::Semaphore;
use tribune_state::catalog::{CheckRow, CheckStatus, Instance};
use tribune_state::ids::ServiceId;
use tribune_state::{Key, View};

use crate::http::{Api, Call, HttpError, Reply, html_type};

/// More of them are counted, not listed: a page is for reading.
const NODES_MAX: usize = 500;
const INSTANCES_MAX: usize = 1_000;
const KEYS_MAX: usize = 500;
/// Of the checks of a row that do not pass, so many are named.
const CHECKS_MAX: usize = 8;
/// A longer text, of tags or of a key, is cut.
const TEXT_CHARS_MAX: usize = 200;
/// Pages that are made at a time, as each walks over everything there is; others wait.
const PAGES_MAX: usize = 4;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color:#222}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #ddd}code{word-break:break-all}.passing{color:#17703a}\
.warning{color:#8a5a00}.critical{color:#b3261e}.none{color:#777}";

static PAGES: Semaphore = Semaphore::const_new(PAGES_MAX);

/// The page, at `ui_config.content_path` and whatever lies below it.
///
/// # Errors
/// 500 if it could not be made.
pub async fn page(api: Arc<Api>, _call: Call) -> Result<Reply, HttpError> {
    let _turn = PAGES.acquire().await.map_err(|error| HttpError::Internal(error.to_string()))?;
    let title = format!("{} · {}", escape(&api.config.datacenter), escape(&api.config.node_name));
    let view = api.cluster.view();
    // To count a million keys takes longer than others should wait for this thread.
    let made = tokio::task::spawn_blocking(move || render(&title, &view)).await;
    let html = made.map_err(|error| HttpError::Internal(error.to_string()))?;
    Ok(Reply::bytes(StatusCode::OK, html_type(), Bytes::from(html)))
}

fn render(title: &str, view: &View) -> String {
    let mut html = String::with_capacity(8 * 1024);
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
         <body><h1>Tribune <small>{title}</small></h1>"
    );
    nodes(&mut html, view);
    services(&mut html, view);
    keys(&mut html, view);
    html.push_str("</body></html>\n");
    html
}

fn nodes(html: &mut String, view: &View) {
    let catalog = view.catalog();
    let total = catalog.all_nodes().count();
    let _ = write!(html, "<h2>Nodes ({total})</h2><table>");
    html.push_str("<tr><th>Node</th><th>Address</th><th>Health</th></tr>");
    for row in catalog.all_nodes().take(NODES_MAX) {
        let own = catalog.checks_of(&row.node, &ServiceId::default());
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td>{}</tr>",
            shown(row.node.as_str()),
            shown(&row.address),
            health_cell(own),
        );
    }
    html.push_str("</table>");
    and_more(html, total, NODES_MAX);
}

fn services(html: &mut String, view: &View) {
    let catalog = view.catalog();
    let mut services = 0_usize;
    let mut instances = 0_usize;
    let mut rows = String::new();
    let mut last = None;
    // They come in the order of their services.
    for row in catalog.all_instances() {
        let name = row.service.folded();
        if last.as_ref() != Some(&name) {
            services += 1;
            last = Some(name);
        }
        if instances < INSTANCES_MAX
            && let Some(own) = catalog.instance(row)
        {
            instance(&mut rows, &own);
        }
        instances += 1;
    }
    let _ = write!(html, "<h2>Services ({services})</h2><table>");
    html.push_str(
        "<tr><th>Service</th><th>Instance</th><th>Node</th><th>Address</th>\
         <th>Tags</th><th>Health</th></tr>",
    );
    html.push_str(&rows);
    html.push_str("</table>");
    and_more(html, instances, INSTANCES_MAX);
}

fn instance(html: &mut String, own: &Instance) {
    let service = &own.service;
    let address = if service.address.is_empty() { &own.node.address } else { &service.address };
    let tags = service.tags.as_deref().unwrap_or_default().join(", ");
    let _ = write!(
        html,
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}:{}</td><td>{}</td>{}</tr>",
        shown(service.service.as_str()),
        shown(service.id.as_str()),
        shown(own.node.node.as_str()),
        shown(address),
        service.port,
        shown(&tags),
        health_cell(&own.checks),
    );
}

/// The worst of the checks, and the names of those that are not passing.
fn health_cell<'a>(checks: impl IntoIterator<Item = &'a Arc<CheckRow>>) -> String {
    let badness = |row: &CheckRow| match row.status {
        CheckStatus::Passing => 0,
        CheckStatus::Warning => 1,
        CheckStatus::Critical | CheckStatus::Other(_) => 2,
    };
    let mut worst: Option<&Arc<CheckRow>> = None;
    let mut names = Vec::new();
    let mut failing = 0_usize;
    for row in checks {
        if worst.is_none_or(|worst| badness(row) >= badness(worst)) {
            worst = Some(row);
        }
        if badness(row) > 0 {
            failing += 1;
            if names.len() < CHECKS_MAX {
                names.push(shown(&row.name));
            }
        }
    }
    let Some(worst) = worst else {
        return "<td class=\"none\">no checks</td>".to_owned();
    };
    if failing > names.len() {
        names.push(format!("and {} more", failing - names.len()));
    }
    let class = ["passing", "warning", "critical"].get(badness(worst)).copied().unwrap_or("none");
    format!("<td class=\"{class}\">{} {}</td>", escape(worst.status.as_str()), names.join(", "))
}

fn keys(html: &mut String, view: &View) {
    let total = view.kv().len();
    let _ = write!(html, "<h2>Keys ({total})</h2><ul>");
    for row in view.kv().under(&Key::default()).take(KEYS_MAX) {
        let key = String::from_utf8_lossy(row.key());
        let _ = write!(html, "<li><code>{}</code></li>", shown(&key));
    }
    html.push_str("</ul>");
    and_more(html, total, KEYS_MAX);
}

fn and_more(html: &mut String, total: usize, listed: usize) {
    if let Some(more) = total.checked_sub(listed).filter(|more| *more > 0) {
        let _ = write!(html, "<p class=\"none\">and {more} more</p>");
    }
}

/// A text from outside, cut if it is long, as it may stand in HTML.
fn shown(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", escape(text.get(..end).unwrap_or_default())),
        None => escape(text),
    }
}

/// Text as it may stand in HTML, inside an attribute's quotes as well.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: CheckStatus, name: &str) -> Arc<CheckRow> {
        Arc::new(CheckRow {
            node: "n".into(),
            id: name.into(),
            name: name.to_owned(),
            status,
            notes: String::new(),
            output: String::new(),
            service_id: "".into(),
            service_name: "".into(),
            service_tags: None,
            kind: String::new(),
            interval: String::new(),
            timeout: String::new(),
            exposed_port: 0,
            definition: "".into(),
            create_index: Default::default(),
            modify_index: Default::default(),
        })
    }

    #[test]
    fn nothing_from_outside_can_end_a_tag_or_an_attribute() {
        assert_eq!(escape("<a b='c' d=\"&\">"), "&lt;a b=&#39;c&#39; d=&#34;&amp;&#34;&gt;");
    }

    #[test]
    fn the_worst_check_decides_and_the_failing_are_named() {
        let checks = [check(CheckStatus::Passing, "fine"), check(CheckStatus::Critical, "<bad>")];
        let cell = health_cell(&checks);
        assert_eq!(cell, "<td class=\"critical\">critical &lt;bad&gt;</td>");
        assert!(health_cell(&[]).contains("no checks"));
    }

    #[test]
    fn long_texts_are_cut_and_many_checks_are_counted() {
        let long = "ü".repeat(TEXT_CHARS_MAX);
        assert_eq!(shown(&long), long);
        assert_eq!(shown(&format!("{long}<")), format!("{long}…"));
        let many: Vec<_> = (0..20).map(|n| check(CheckStatus::Warning, &format!("c{n}"))).collect();
        assert!(health_cell(&many).ends_with("c6, c7, and 12 more</td>"));
    }

    #[test]
    fn what_is_not_listed_is_counted() {
        let told = |total| {
            let mut html = String::new();
            and_more(&mut html, total, 500);
            html
        };
        assert_eq!(told(500), "");
        assert_eq!(told(502), "<p class=\"none\">and 2 more</p>");
    }
}
