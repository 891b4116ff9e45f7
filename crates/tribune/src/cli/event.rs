//! `event`: fires a user event.

use tribune_client::event::EventFilter;

use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "event",
    synopsis: "Fires a user event",
    arguments: "[options] [payload]",
    help: "
Sends a small message to every agent, or to those that the filters name.
Nothing of it is kept but by the agents that saw it.

    $ {program} event -name=deploy 1.2.3
",
    flags: &[
        Flag::text("name", "The event's name; needed."),
        Flag::text("node", "Only nodes whose name matches this regular expression."),
        Flag::text("service", "Only nodes with a service that matches this."),
        Flag::text("tag", "Only services with a tag that matches this; needs -service."),
    ],
    api: Api::Servers,
    run: Run::Flags(run),
};

/// Source: transcripts/cli/event.txt.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let name = flags.text_or("name", "");
    if name.is_empty() {
        return Err(Failure::with_usage("Event name must be specified"));
    }
    let option = |name: &str| flags.text_or(name, "").to_string();
    let filter =
        EventFilter { node: option("node"), service: option("service"), tag: option("tag") };
    for (kind, expression) in
        [("node", &filter.node), ("service", &filter.service), ("tag", &filter.tag)]
    {
        if let Some(why) = refused(expression) {
            let text = format!("Failed to compile {kind} filter regexp: {why}");
            return Err(Failure::text(text));
        }
    }
    if !filter.tag.is_empty() && filter.service.is_empty() {
        return Err(Failure::text("Cannot provide tag filter without service filter."));
    }
    let payload = match flags.words.as_slice() {
        [] => "",
        [payload] => payload,
        _ => return Err(Failure::with_usage("Too many command line arguments.")),
    };
    let client = console.client(flags)?;
    let fire = client.event().fire(name, payload.to_string(), &filter);
    let event = console
        .wait(fire.into_future())?
        .map_err(|error| Failure::text(format!("Error firing event: {error}")))?;
    console.line(&format!("Event ID: {}", event.id));
    Ok(())
}

/// The one mistake that is worth a round trip less; all others are for the server to judge, whose
/// regular expressions decide what the filter means.
fn refused(expression: &str) -> Option<String> {
    let mut depth = 0_u32;
    let mut symbols = expression.chars();
    let mut in_class = false;
    while let Some(symbol) = symbols.next() {
        match symbol {
            '\\' => {
                symbols.next();
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    let text = format!("error parsing regexp: missing closing ): `{expression}`");
    (depth > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_group_is_refused() {
        assert_eq!(refused("(").unwrap(), "error parsing regexp: missing closing ): `(`");
        for fine in ["", "web-(a|b)", "\\(", "[(]", "x)"] {
            assert_eq!(refused(fine), None, "{fine}");
        }
    }
}
