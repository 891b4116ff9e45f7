//! A read-only page for people: nodes, services with their health, keys. Rendered here, without
//! scripts and without a build step; the real UI comes later.
//! Invariant: everything that comes from outside is escaped by `escape` before it is printed.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use tribune_state::catalog::{Catalog, CatalogBody, CatalogQuery, CheckRow, CheckStatus, Instance};
use tribune_state::kv::{KvBody, KvQuery};
use tribune_state::{Body, Key, Query, ServiceName, View, Visible};

use crate::http::{Api, Call, HttpError, Reply, html_type};

/// More keys than this are counted, not listed: a page is for reading.
const KEYS_MAX: usize = 500;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color:#222}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #ddd}code{word-break:break-all}.passing{color:#17703a}\
.warning{color:#8a5a00}.critical{color:#b3261e}.none{color:#777}";

/// `GET /ui/`, and whatever lies below it: one page.
///
/// # Errors
/// None yet; the signature is that of every handler.
pub async fn page(api: Arc<Api>, _call: Call) -> Result<Reply, HttpError> {
    let view = api.cluster.view();
    let mut html = String::with_capacity(8 * 1024);
    let title = format!("{} · {}", escape(&api.config.datacenter), escape(&api.config.node_name));
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
         <body><h1>Tribune <small>{title}</small></h1>"
    );
    nodes(&mut html, &view);
    services(&mut html, &view);
    keys(&mut html, &view);
    html.push_str("</body></html>\n");
    Ok(Reply::bytes(StatusCode::OK, html_type(), Bytes::from(html)))
}

fn ask(view: &View, query: CatalogQuery) -> CatalogBody {
    match view.answer(&Query::Catalog(query), &Visible::All).body {
        Body::Catalog(body) => body,
        _ => CatalogBody::Checks(Vec::new()),
    }
}

fn nodes(html: &mut String, view: &View) {
    let CatalogBody::Nodes(rows) = ask(view, Catalog::Nodes.into()) else {
        return;
    };
    let _ = write!(html, "<h2>Nodes ({})</h2><table>", rows.len());
    html.push_str("<tr><th>Node</th><th>Address</th><th>Health</th></tr>");
    for row in rows {
        let checks = match ask(view, Catalog::NodeChecks(row.node.clone()).into()) {
            CatalogBody::Checks(checks) => checks,
            _ => Vec::new(),
        };
        let own: Vec<_> = checks.into_iter().filter(|own| own.service_id.is_empty()).collect();
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td>{}</tr>",
            escape(row.node.as_str()),
            escape(&row.address),
            health_cell(&own),
        );
    }
    html.push_str("</table>");
}

fn services(html: &mut String, view: &View) {
    let CatalogBody::Services(found) = ask(view, Catalog::Services.into()) else {
        return;
    };
    let _ = write!(html, "<h2>Services ({})</h2><table>", found.len());
    html.push_str(
        "<tr><th>Service</th><th>Instance</th><th>Node</th><th>Address</th>\
         <th>Tags</th><th>Health</th></tr>",
    );
    for name in found.keys() {
        for own in instances(view, name) {
            instance(html, name, &own);
        }
    }
    html.push_str("</table>");
}

fn instances(view: &View, name: &ServiceName) -> Vec<Instance> {
    match ask(view, CatalogQuery::service(name.clone())) {
        CatalogBody::Instances(found) => found,
        _ => Vec::new(),
    }
}

fn instance(html: &mut String, name: &ServiceName, own: &Instance) {
    let service = &own.service;
    let address = if service.address.is_empty() { &own.node.address } else { &service.address };
    let tags = service.tags.as_deref().unwrap_or_default().join(", ");
    let _ = write!(
        html,
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}:{}</td><td>{}</td>{}</tr>",
        escape(name.as_str()),
        escape(service.id.as_str()),
        escape(own.node.node.as_str()),
        escape(address),
        service.port,
        escape(&tags),
        health_cell(&own.checks),
    );
}

/// The worst of the checks, and the names of those that are not passing.
fn health_cell(checks: &[Arc<CheckRow>]) -> String {
    let badness = |row: &&Arc<CheckRow>| match row.status {
        CheckStatus::Passing => 0,
        CheckStatus::Warning => 1,
        CheckStatus::Critical | CheckStatus::Other(_) => 2,
    };
    let Some(worst) = checks.iter().max_by_key(badness) else {
        return "<td class=\"none\">no checks</td>".to_owned();
    };
    let class = ["passing", "warning", "critical"].get(badness(&worst)).copied().unwrap_or("none");
    let failing: Vec<_> = checks.iter().filter(|row| badness(row) > 0).collect();
    let names: Vec<_> = failing.iter().map(|row| escape(&row.name)).collect();
    format!("<td class=\"{class}\">{} {}</td>", escape(worst.status.as_str()), names.join(", "))
}

fn keys(html: &mut String, view: &View) {
    let query = Query::Kv(KvQuery::Keys { prefix: Key::default(), separator: Vec::new() });
    let Body::Kv(KvBody::Keys(keys)) = view.answer(&query, &Visible::All).body else { return };
    let _ = write!(html, "<h2>Keys ({})</h2><ul>", keys.len());
    for key in keys.iter().take(KEYS_MAX) {
        let _ = write!(html, "<li><code>{}</code></li>", escape(&key.to_string()));
    }
    html.push_str("</ul>");
    if let Some(more) = keys.len().checked_sub(KEYS_MAX).filter(|more| *more > 0) {
        let _ = write!(html, "<p class=\"none\">and {more} more</p>");
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
}
