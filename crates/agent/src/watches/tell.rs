//! Tells of a change: runs the program, or sends the request. What came of it is logged; a failure
//! changes nothing, the next change is told again.

use std::sync::Arc;

use tribune_client::plan::{Change, Handler, HttpHandler};
use tribune_edge::{HttpProbe, ProbeRequest, ProbeSpec, TlsProbe};
use tribune_node::local::Prober;
use tribune_state::catalog::CheckStatus;

pub(super) async fn tell(handler: &Handler, change: &Change, prober: &dyn Prober) {
    match handler {
        Handler::Exec(exec) => match exec.run(change).await {
            Ok(ran) => {
                let output = String::from_utf8_lossy(&ran.output);
                if ran.status.success() {
                    tracing::debug!(program = exec.args.first(), %output, "watch handler ran");
                } else {
                    let (program, status) = (exec.args.first(), ran.status);
                    tracing::error!(program, %status, %output, "watch handler failed");
                }
            }
            Err(error) => tracing::error!(%error, "watch handler failed"),
        },
        Handler::Http(http) => {
            let probed = prober.probe(request(http, change)).await;
            if probed.status == CheckStatus::Passing {
                tracing::debug!(url = http.url, output = probed.output, "watch handler was called");
            } else {
                tracing::error!(url = http.url, output = probed.output, "watch handler failed");
            }
        }
    }
}

/// A call differs from a check by what it carries.
fn request(http: &HttpHandler, change: &Change) -> ProbeRequest {
    let mut headers = http.headers.clone();
    let mut put = |name: &str, value: &str| {
        headers.insert(name.to_owned(), vec![value.to_owned()]);
    };
    put("Content-Type", "application/json");
    put("X-Consul-Index", &change.index);
    put("User-Agent", USER_AGENT);
    let spec = HttpProbe {
        url: http.url.clone(),
        method: http.method.clone(),
        headers,
        body: String::from_utf8_lossy(&change.json()).into_owned(),
        follow_redirects: true,
        tls: TlsProbe { server_name: String::new(), skip_verify: http.tls_skip_verify },
    };
    ProbeRequest {
        check: "watch".to_owned().into(),
        generation: 0,
        spec: Arc::new(ProbeSpec::Http(spec)),
        timeout: http.timeout,
        output_bytes_max: OUTPUT_BYTES_MAX,
    }
}

const USER_AGENT: &str = concat!("tribune/", env!("CARGO_PKG_VERSION"));

/// What is kept of an answer for the log.
///
/// Source: consul-surface D.8.
const OUTPUT_BYTES_MAX: usize = 4096;
