//! Addresses that a file describes instead of naming: `{{ GetPrivateIP }}` and the like, in the
//! template language of go-sockaddr, of which the functions that configurations use are known.
//! Not a general template engine: one pipeline per pair of braces, no control flow.

use std::net::IpAddr;

use super::environment::InterfaceAddress;

/// The text with each `{{ .. }}` replaced by what it stands for.
///
/// # Errors
/// What about the template is not understood.
pub fn expand(text: &str, machine: &[InterfaceAddress]) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (pipeline, after) =
            after.split_once("}}").ok_or_else(|| format!("no closing braces in {text:?}"))?;
        expanded.push_str(before);
        expanded.push_str(&run(pipeline, machine)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// What flows from one stage of a pipeline to the next.
enum Flow {
    Addresses(Vec<InterfaceAddress>),
    Text(String),
}

fn run(pipeline: &str, machine: &[InterfaceAddress]) -> Result<String, String> {
    let mut stages = split_words(pipeline)?.into_iter();
    let first = stages.next().unwrap_or_default();
    let mut flow = start(&first, machine)?;
    for stage in stages {
        flow = step(&stage, flow)?;
    }
    match flow {
        Flow::Text(text) => Ok(text),
        Flow::Addresses(found) => Ok(joined(&found, " ")),
    }
}

fn start(stage: &[String], machine: &[InterfaceAddress]) -> Result<Flow, String> {
    let words: Vec<&str> = stage.iter().map(String::as_str).collect();
    let select = |wanted: &dyn Fn(&InterfaceAddress) -> bool| {
        machine.iter().filter(|found| wanted(found)).cloned().collect::<Vec<_>>()
    };
    let private = || select(&|found| is_private(found.address));
    let public = || select(&|found| is_public(found.address));
    let named = |name: &str| select(&|found| found.interface == name);
    Ok(match words.as_slice() {
        ["GetPrivateIP"] => Flow::Text(first(&private())),
        ["GetPrivateIPs"] => Flow::Text(joined(&private(), " ")),
        ["GetPublicIP"] => Flow::Text(first(&public())),
        ["GetPublicIPs"] => Flow::Text(joined(&public(), " ")),
        ["GetInterfaceIP", name] => Flow::Text(first(&named(name))),
        ["GetInterfaceIPs", name] => Flow::Text(joined(&named(name), " ")),
        ["GetAllInterfaces"] => Flow::Addresses(machine.to_vec()),
        ["GetPrivateInterfaces"] => Flow::Addresses(private()),
        ["GetPublicInterfaces"] => Flow::Addresses(public()),
        _ => return Err(format!("{:?} is not a known source of addresses", words.join(" "))),
    })
}

fn step(stage: &[String], flow: Flow) -> Result<Flow, String> {
    let words: Vec<&str> = stage.iter().map(String::as_str).collect();
    let unknown = || format!("{:?} is not a known stage of a template", words.join(" "));
    let Flow::Addresses(mut found) = flow else { return Err(unknown()) };
    match words.as_slice() {
        ["include", field, value] => {
            let test = filter(field, value)?;
            found.retain(|address| test(address));
        }
        ["exclude", field, value] => {
            let test = filter(field, value)?;
            found.retain(|address| !test(address));
        }
        // Every order is as good as the machine's own, but for the sake of one that stays.
        ["sort", _] => found.sort_by_key(|found| found.address),
        ["limit", count] => found.truncate(count.parse().map_err(|_| unknown())?),
        ["attr", "address"] => return Ok(Flow::Text(first(&found))),
        ["join", "address", separator] => return Ok(Flow::Text(joined(&found, separator))),
        _ => return Err(unknown()),
    }
    Ok(Flow::Addresses(found))
}

type Test = Box<dyn Fn(&InterfaceAddress) -> bool>;

fn filter(field: &str, value: &str) -> Result<Test, String> {
    let values: Vec<String> = value.split('|').map(str::to_owned).collect();
    match field {
        "name" => Ok(Box::new(move |found| values.contains(&found.interface))),
        "address" => Ok(Box::new(move |found| values.contains(&found.address.to_string()))),
        "type" => Ok(Box::new(move |found| {
            let is = |kind: &String| match kind.to_ascii_lowercase().as_str() {
                "ipv4" => found.address.is_ipv4(),
                "ipv6" => found.address.is_ipv6(),
                "ip" => true,
                _ => false,
            };
            values.iter().any(is)
        })),
        "network" => {
            let parse = |text: &String| {
                super::runtime::Cidr::parse(text).ok_or_else(|| format!("{text:?} is no network"))
            };
            let networks = values.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
            Ok(Box::new(move |found| networks.iter().any(|net| net.contains(found.address))))
        }
        "flags" | "flag" => Ok(Box::new(move |found| {
            let is = |flag: &String| match flag.as_str() {
                "loopback" => found.address.is_loopback(),
                "forwardable" => !found.address.is_loopback() && !is_link_local(found.address),
                "up" => true,
                _ => false,
            };
            values.iter().any(is)
        })),
        "rfc" => Ok(Box::new(move |found| {
            let is = |rfc: &String| match rfc.as_str() {
                "1918" => matches!(found.address, IpAddr::V4(v4) if v4.is_private()),
                "6890" => is_private(found.address) || found.address.is_loopback(),
                _ => false,
            };
            values.iter().any(is)
        })),
        _ => Err(format!("{field:?} is not a known property of addresses")),
    }
}

/// Stages between bars, each of words; quotes hold words together.
fn split_words(pipeline: &str) -> Result<Vec<Vec<String>>, String> {
    let mut stages = vec![Vec::new()];
    let mut chars = pipeline.chars().peekable();
    while let Some(c) = chars.next() {
        let stage = stages.last_mut();
        match (c, stage) {
            ('|', _) => stages.push(Vec::new()),
            (quote @ ('"' | '`'), Some(stage)) => {
                let mut word = String::new();
                loop {
                    match chars.next() {
                        Some(end) if end == quote => break,
                        Some(inside) => word.push(inside),
                        None => return Err(format!("no closing quote in {pipeline:?}")),
                    }
                }
                stage.push(word);
            }
            (c, _) if c.is_whitespace() => {}
            (c, Some(stage)) => {
                let mut word = String::from(c);
                let is_word = |c: &char| !c.is_whitespace() && !matches!(c, '|' | '"' | '`');
                while let Some(next) = chars.next_if(is_word) {
                    word.push(next);
                }
                stage.push(word);
            }
            (_, None) => {}
        }
    }
    Ok(stages)
}

fn first(found: &[InterfaceAddress]) -> String {
    found.first().map(|found| found.address.to_string()).unwrap_or_default()
}

fn joined(found: &[InterfaceAddress], separator: &str) -> String {
    let texts: Vec<String> = found.iter().map(|found| found.address.to_string()).collect();
    texts.join(separator)
}

/// An address that is only known within its site: RFC 1918, carrier-grade NAT, unique local.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

pub fn is_public(address: IpAddr) -> bool {
    !is_private(address)
        && !is_link_local(address)
        && !address.is_loopback()
        && !address.is_unspecified()
        && !address.is_multicast()
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn machine() -> Vec<InterfaceAddress> {
        [("lo", "127.0.0.1"), ("eth0", "10.0.0.5"), ("eth1", "8.8.4.4"), ("eth1", "fd00::1")]
            .map(|(interface, address)| InterfaceAddress {
                interface: interface.to_owned(),
                address: address.parse().unwrap(),
            })
            .to_vec()
    }

    #[test]
    fn templates_stand_for_addresses_of_the_machine() {
        let cases = [
            ("10.1.1.1", "10.1.1.1"),
            ("{{ GetPrivateIP }}", "10.0.0.5"),
            ("{{GetPublicIP}} 1.1.1.1", "8.8.4.4 1.1.1.1"),
            ("{{ GetPrivateIPs }}", "10.0.0.5 fd00::1"),
            ("{{ GetInterfaceIP \"eth1\" }}", "8.8.4.4"),
            ("{{ GetInterfaceIPs `eth1` }}", "8.8.4.4 fd00::1"),
            ("{{ GetInterfaceIP \"none\" }}", ""),
            (
                "{{ GetAllInterfaces | include \"name\" \"eth0|lo\" | join \"address\" \" \" }}",
                "127.0.0.1 10.0.0.5",
            ),
            (
                "{{ GetAllInterfaces | exclude \"flags\" \"loopback\" | include \"type\" \"IPv4\" \
                 | sort \"-address\" | limit 1 | attr \"address\" }}",
                "8.8.4.4",
            ),
            ("{{ GetAllInterfaces | include \"network\" \"10.0.0.0/8\" }}", "10.0.0.5"),
            ("{{ GetPrivateInterfaces | include \"rfc\" \"1918\" }}", "10.0.0.5"),
        ];
        for (template, expected) in cases {
            assert_eq!(expand(template, &machine()).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let cases = [
            ("{{ GetPrivateIP", "no closing braces"),
            ("{{ Nonsense }}", "not a known source"),
            ("{{ GetPrivateIP | upper }}", "not a known stage"),
            ("{{ GetAllInterfaces | include \"x\" \"y\" }}", "not a known property"),
            ("{{ GetInterfaceIP \"eth0 }}", "no closing quote"),
        ];
        for (template, complaint) in cases {
            assert!(expand(template, &machine()).unwrap_err().contains(complaint), "{template}");
        }
    }

    proptest! {
        #[test]
        fn no_template_makes_it_panic(text in "[{}|\"` a-zA-Z]{0,40}") {
            let _ = expand(&text, &machine());
        }
    }
}
