//! The log as a whole, with a subscriber of its own.

use super::*;

fn log(level: LogLevel) -> Log {
    Log::open(&LogConfig {
        level,
        json: false,
        file: None,
        rotate_duration: Duration::ZERO,
        rotate_bytes: 0,
        rotate_files_max: 0,
        syslog: false,
        syslog_facility: "LOCAL0".to_owned(),
    })
    .unwrap()
}

/// A log that nobody writes to, for tests of what reads it.
pub fn quiet() -> Log {
    log(LogLevel::Info)
}

fn text(listening: &mut Listening) -> String {
    let mut text = String::new();
    while let Ok(line) = listening.lines.try_recv() {
        text.push_str(&String::from_utf8_lossy(&line));
    }
    text
}

#[test]
fn a_listener_has_a_level_and_a_form_of_its_own() {
    let log = log(LogLevel::Error);
    let mut all = log.listen(LogLevel::Debug, false).unwrap();
    let mut json = log.listen(LogLevel::Warn, true).unwrap();
    tracing::subscriber::with_default(Logger::new(log.clone()), || {
        tracing::debug!(number = 7, "in detail");
        tracing::warn!("look");
        tracing::trace!("too much");
    });
    let all = text(&mut all);
    assert!(all.contains("[DEBUG] agent.log: in detail: number=7\n"), "{all}");
    assert!(all.contains("[WARN]  agent.log: look\n") && !all.contains("too much"), "{all}");
    let json: serde_json::Value = serde_json::from_str(&text(&mut json)).unwrap();
    assert_eq!(json["@message"], "look");
}

#[test]
fn levels_follow_who_listens_and_what_is_set() {
    let log = log(LogLevel::Warn);
    assert_eq!(log.most(), 2);
    let listening = log.listen(LogLevel::Trace, false);
    assert_eq!(log.most(), 5);
    drop(listening);
    assert_eq!(log.most(), 2);
    log.set_level(LogLevel::Debug);
    assert_eq!(log.most(), 4);
}

#[test]
fn there_is_an_end_to_those_who_listen() {
    let log = log(LogLevel::Error);
    let all: Vec<_> = (0..LISTENERS_MAX).map(|_| log.listen(LogLevel::Info, false)).collect();
    assert!(all.iter().all(Option::is_some));
    assert!(log.listen(LogLevel::Info, false).is_none());
}

#[test]
fn a_file_gets_what_was_logged_before_the_flush() {
    let path = std::env::temp_dir().join(format!("tribune-whole-{}.log", std::process::id()));
    let config = LogConfig {
        level: LogLevel::Info,
        json: true,
        file: Some(path.clone()),
        rotate_duration: Duration::ZERO,
        rotate_bytes: 0,
        rotate_files_max: 0,
        syslog: false,
        syslog_facility: "LOCAL0".to_owned(),
    };
    let log = Log::open(&config).unwrap();
    tracing::subscriber::with_default(Logger::new(log.clone()), || {
        tracing::info!("kept");
        tracing::debug!("not kept");
    });
    log.flush();
    let written = std::fs::read_to_string(&path).unwrap();
    let _ = std::fs::remove_file(&path);
    assert_eq!(written.lines().count(), 1);
    assert!(written.contains("\"@message\":\"kept\""));
}
