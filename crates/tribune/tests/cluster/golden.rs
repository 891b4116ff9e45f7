//! Data directories of earlier releases open in every later one.

use super::agent::{Agent, Client};
use std::path::Path;

/// What the golden directory of a release holds, next to the directory.
const RELEASES: &[&str] = &["0.1.0"];

#[test]
fn every_release_s_data_directory_opens() {
    for release in RELEASES {
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/golden").join(release);
        let copy = std::env::temp_dir().join(format!("tribune-golden-{}", std::process::id()));
        copy_tree(&source, &copy);
        let mut agent = Agent::start(&copy);
        agent.first_write();
        let mut client = Client::connect(agent.http).expect("a connection");
        let (status, index, body) = client.send("GET", "/v1/kv/golden/cas?raw", b"").expect("read");
        assert_eq!((status, body.as_slice()), (200, b"second".as_slice()), "{release}");
        assert!(index > 1, "{release}");
        let (status, _, _) = client.send("GET", "/v1/kv/golden/deleted", b"").expect("read");
        assert_eq!(status, 404, "{release}");
        let (_, _, body) = client.send("GET", "/v1/session/list", b"").expect("read");
        let sessions = String::from_utf8_lossy(&body).into_owned();
        assert!(sessions.contains("golden-session"), "{release}: {sessions}");
        let (_, _, body) = client.send("GET", "/v1/catalog/service/golden", b"").expect("read");
        let service = String::from_utf8_lossy(&body).into_owned();
        assert!(service.contains("\"ServicePort\":4321"), "{release}: {service}");
        let (_, _, body) = client.send("GET", "/v1/agent/services", b"").expect("read");
        let own = String::from_utf8_lossy(&body).into_owned();
        assert!(own.contains("golden-local"), "{release}: {own}");
        drop(agent);
        std::fs::remove_dir_all(&copy).expect("cleared");
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("the golden directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
