//! The `server.N` lines: read just far enough to tell one server alone from an ensemble, with every
//! error that ZooKeeper finds in them.

use super::error::ConfigError;
use super::number::is_true;
use super::settings::{Given, Settings};

/// A line `server.N=host:port:port[:role][|...][;[host:]port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The `N`.
    pub id: i64,
    /// Whether it votes; observers do not.
    pub votes: bool,
    /// Where clients connect, if the line has that part.
    pub client: Option<ClientPart>,
    /// The line.
    pub given: Given,
}

/// Host and port for clients; without a host it is every address.
pub type ClientPart = (Option<String>, u16);

const FORM: &str =
    "write host:quorumPort:electionPort[:participant|observer][;[clientHost:]clientPort]";

/// Reads all server lines among the entries, and checks the group lines against them.
///
/// # Errors
/// [`ConfigError::Wrong`] for the first line that is not of that form.
pub fn members(entries: &[Given], multi_address: bool) -> Result<Vec<Member>, ConfigError> {
    let servers = entries.iter().filter(|given| given.key.starts_with("server."));
    let members =
        servers.map(|given| Member::read(given, multi_address)).collect::<Result<Vec<_>, _>>()?;
    for group in entries.iter().filter(|given| given.key.starts_with("group")) {
        check_group(group, &members)?;
    }
    Ok(members)
}

/// What the lines make of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One server alone.
    Standalone,
    /// A member of an ensemble.
    Ensemble,
}

/// Decides the mode as ZooKeeper does: more than one voter, or one that may not stand alone.
///
/// # Errors
/// [`ConfigError::Wrong`] for combinations that ZooKeeper refuses.
pub fn mode(members: &[Member], settings: &Settings) -> Result<Mode, ConfigError> {
    let standalone_enabled = settings.switch_in_file("standaloneEnabled", true);
    let voters = members.iter().filter(|member| member.votes).count();
    let observer = members.iter().find(|member| !member.votes);
    match (voters, observer) {
        (0, _) if !standalone_enabled => Err(no_participant(settings)),
        (0, Some(observer)) => {
            Err(observer.given.wrong("an observer needs participants; add at least two"))
        }
        (1, Some(observer)) if standalone_enabled => {
            Err(observer.given.wrong("one participant and observers need standaloneEnabled=false"))
        }
        (0, None) => Ok(Mode::Standalone),
        (1, _) if standalone_enabled => Ok(Mode::Standalone),
        _ => Ok(Mode::Ensemble),
    }
}

/// Whether server lines may hold several addresses; ZooKeeper looks at the property alone.
#[must_use]
pub fn multi_address(settings: &Settings) -> bool {
    settings.property("zookeeper.multiAddress.enabled").is_some_and(|given| is_true(&given.value))
}

fn no_participant(settings: &Settings) -> ConfigError {
    let wanted = "it needs at least one server line with a participant; add one, or write true";
    match settings.in_file("standaloneEnabled") {
        Some(given) => given.wrong(wanted),
        None => ConfigError::Missing {
            origin: settings.place(),
            key: "server.1".into(),
            wanted: wanted.into(),
        },
    }
}

fn check_group(group: &Given, members: &[Member]) -> Result<(), ConfigError> {
    for id in group.value.split(':') {
        let id: i64 =
            id.parse().map_err(|_| group.wrong("write server ids with colons between them"))?;
        if !members.iter().any(|member| member.id == id) {
            return Err(group.wrong(format!("there is no line server.{id}")));
        }
    }
    Ok(())
}

impl Member {
    fn read(given: &Given, multi_address: bool) -> Result<Self, ConfigError> {
        let id = given.key.trim_start_matches("server.");
        let id = id.parse().map_err(|_| given.wrong("the key must be server.N with a number N"))?;
        let mut halves = given.value.split(';');
        let servers = halves.next().unwrap_or_default();
        let client = halves.next();
        if halves.next().is_some() {
            return Err(given.wrong(format!("there is more than one ';'; {FORM}")));
        }
        let votes = read_addresses(given, servers, multi_address)?;
        let client = client.map(|part| read_client(given, part)).transpose()?;
        Ok(Self { id, votes, client, given: given.clone() })
    }
}

/// Whether the server votes; the addresses themselves are only checked.
fn read_addresses(given: &Given, servers: &str, multi_address: bool) -> Result<bool, ConfigError> {
    if servers.contains('|') && !multi_address {
        return Err(given.wrong("several addresses need -Dzookeeper.multiAddress.enabled=true"));
    }
    let mut votes = true;
    for address in servers.split('|') {
        votes &= read_address(given, address)?;
    }
    Ok(votes)
}

fn read_address(given: &Given, address: &str) -> Result<bool, ConfigError> {
    let (_, rest) = split_host(address).ok_or_else(|| given.wrong(FORM))?;
    let (quorum, election, role) = match rest[..] {
        [quorum, election] => (quorum, election, None),
        [quorum, election, role] => (quorum, election, Some(role)),
        _ => return Err(given.wrong(FORM)),
    };
    if read_port(given, quorum)? == read_port(given, election)? {
        return Err(given.wrong("quorum port and election port must differ"));
    }
    match role.map(str::to_ascii_lowercase).as_deref() {
        None | Some("participant") => Ok(true),
        Some("observer") => Ok(false),
        Some(_) => Err(given.wrong("the role must be participant or observer")),
    }
}

fn read_client(given: &Given, part: &str) -> Result<ClientPart, ConfigError> {
    if !part.contains(':') {
        return Ok((None, read_port(given, part)?));
    }
    match split_host(part) {
        Some((host, ports)) if ports.len() == 1 => {
            Ok((Some(host.to_owned()), read_port(given, ports[0])?))
        }
        _ => Err(given.wrong(FORM)),
    }
}

/// The host (an IPv6 address stands in brackets) and what follows it, parted by colons.
fn split_host(address: &str) -> Option<(&str, Vec<&str>)> {
    let (host, rest) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':')?)
        }
        None => address.split_once(':')?,
    };
    Some((host, rest.split(':').collect()))
}

fn read_port(given: &Given, text: &str) -> Result<u16, ConfigError> {
    text.parse().map_err(|_| given.wrong(format!("{text} is not a port; {FORM}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origin::Origin;

    fn line(key: &str, value: &str) -> Given {
        Given { key: key.into(), value: value.into(), origin: Origin::CommandLine }
    }

    fn member(value: &str) -> Option<(bool, Option<ClientPart>)> {
        let members = members(&[line("server.3", value)], false).ok()?;
        Some((members[0].votes, members[0].client.clone()))
    }

    #[test]
    fn the_forms_of_a_server_line() {
        assert_eq!(member("h:1:2"), Some((true, None)));
        assert_eq!(member("h:1:2:OBSERVER"), Some((false, None)));
        assert_eq!(member("h:1:2;2181"), Some((true, Some((None, 2181)))));
        assert_eq!(
            member("h:1:2:participant;c:2181"),
            Some((true, Some((Some("c".into()), 2181))))
        );
        assert_eq!(member("[::1]:1:2;[::]:2181"), Some((true, Some((Some("::".into()), 2181)))));
        for wrong in [
            "h",
            "h:1",
            "h:1:1",
            "h:1:x",
            "h:1:2:king",
            "h:1:2;3;4",
            "h:1:2|i:1:2",
            "h:1:2;a:b:c",
            "[::1:1:2",
        ] {
            assert_eq!(member(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn groups_name_servers_that_exist() {
        let servers = [line("server.1", "h:1:2"), line("group.1", "1")];
        assert!(members(&servers, false).is_ok());
        assert!(members(&[line("group.1", "1:2")], false).is_err());
    }

    #[test]
    fn several_addresses_need_the_property() {
        assert!(members(&[line("server.1", "h:1:2|i:1:2")], true).is_ok());
    }
}
