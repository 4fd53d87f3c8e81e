//! Where clients connect: by the keys of `zoo.cfg`, or by the client part of this server's line.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::error::ConfigError;
use super::members::{Member, Mode, members, mode, multi_address};
use super::notice::Notice;
use super::origin::Origin;
use super::server_config::{Dirs, Listen};
use super::settings::{Given, Settings};
use super::surroundings::{Surroundings, read_file};
use super::system::SystemProperties;

const PORT: &str = "write a port from 1 to 65535";

/// The client port: of the file's own keys, or of this server's line.
///
/// # Errors
/// [`ConfigError::Ensemble`], and whatever is wrong with an address, a server line or `myid`.
pub fn listen(
    settings: &Settings,
    dirs: &Dirs,
    on: &impl Surroundings,
    notices: &mut Vec<Notice>,
) -> Result<Listen, ConfigError> {
    let by_keys = address_by_keys(settings, "clientPort", "clientPortAddress", on)?;
    address_by_keys(settings, "secureClientPort", "secureClientPortAddress", on)?;
    let by_line = address_by_server_line(settings, dirs, on, notices)?;
    let (ip, port) = match (by_keys, by_line) {
        (Some(keys), Some((line, given))) if !agree(keys, line) => {
            return Err(
                given.wrong("the client address differs from clientPort and clientPortAddress")
            );
        }
        (Some(keys), None) => keys,
        (_, Some((line, _))) => line,
        (None, None) => return Err(no_port(settings)),
    };
    let backlog = settings.number_in_file("clientPortListenBacklog");
    let backlog = backlog.and_then(|(backlog, _)| u32::try_from(backlog).ok());
    Ok(Listen { ip, port, backlog, ..Listen::default() })
}

type Address = (Option<IpAddr>, u16);

/// A wildcard in the keys leaves the choice of the host to the server line.
fn agree(keys: Address, line: Address) -> bool {
    keys.1 == line.1 && (keys.0.is_none_or(|ip| ip.is_unspecified()) || keys.0 == line.0)
}

fn no_port(settings: &Settings) -> ConfigError {
    let wanted = match settings.in_file("secureClientPort") {
        Some(_) => "the TLS port alone does not do: this version has no TLS; add clientPort=2181",
        None if settings.file_entries().any(|given| given.value.contains(';')) => {
            "write clientPort=2181, or put the number of a server line with a client part into myid"
        }
        None => "write clientPort=2181",
    };
    settings.missing("clientPort", wanted)
}

/// Port 0 means not set, as in ZooKeeper.
fn address_by_keys(
    settings: &Settings,
    port_key: &str,
    host_key: &str,
    on: &impl Surroundings,
) -> Result<Option<Address>, ConfigError> {
    let host = settings.in_file(host_key);
    let port = settings.number_in_file(port_key).filter(|(port, _)| *port != 0);
    let Some((port, given)) = port else {
        return host
            .map_or(Ok(None), |host| Err(host.wrong(format!("it needs {port_key}, too; {PORT}"))));
    };
    let port = u16::try_from(port).map_err(|_| given.wrong(PORT))?;
    let ip = host.map(|host| resolve(&host, &host.value, on)).transpose()?;
    Ok(Some((ip, port)))
}

/// An empty host is the loopback, as for Java.
fn resolve(given: &Given, host: &str, on: &impl Surroundings) -> Result<IpAddr, ConfigError> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    if let Ok(ip) = host.parse() {
        return Ok(ip);
    }
    on.resolve(host).map_err(|error| {
        given.wrong(format!(
            "no address is known for this host ({error}); write one of this machine"
        ))
    })
}

/// Refuses ensembles, and takes the client part of the line that `myid` says is this server's.
fn address_by_server_line(
    settings: &Settings,
    dirs: &Dirs,
    on: &impl Surroundings,
    notices: &mut Vec<Notice>,
) -> Result<Option<(Address, Given)>, ConfigError> {
    let members = all_members(settings, on)?;
    let my_id = my_id(&dirs.data_dir, on)?;
    if mode(&members, settings)? == Mode::Ensemble {
        let origin =
            members.first().map_or_else(|| settings.place(), |member| member.given.origin.clone());
        return Err(ConfigError::Ensemble { origin, members: members.len() });
    }
    if let Some(member) = members.first() {
        notices.push(
            member
                .given
                .warning("one server line alone makes no ensemble; this server runs standalone"),
        );
    }
    let mine = members.into_iter().find(|member| Some(member.id) == my_id);
    mine.and_then(|member| client_address(member, on).transpose()).transpose()
}

fn client_address(
    member: Member,
    on: &impl Surroundings,
) -> Result<Option<(Address, Given)>, ConfigError> {
    let Some((host, port)) = member.client else {
        return Ok(None);
    };
    let ip = host.map(|host| resolve(&member.given, &host, on)).transpose()?;
    Ok(Some(((ip.filter(|ip| !ip.is_unspecified()), port), member.given)))
}

/// The server lines of the file, or of the dynamic file that it names.
fn all_members(settings: &Settings, on: &impl Surroundings) -> Result<Vec<Member>, ConfigError> {
    let entries: Vec<Given> = settings.file_entries().collect();
    let Some(dynamic) = settings.in_file("dynamicConfigFile") else {
        return members(&entries, multi_address(settings));
    };
    if let Some(given) = entries.iter().find(|given| is_of_members(&given.key)) {
        return Err(given.wrong(format!("it belongs into the dynamicConfigFile {}", dynamic.value)));
    }
    let path = on.working_dir().join(&dynamic.value);
    let file = Settings::of_file(&path, &read_file(on, &path)?, SystemProperties::default())?;
    let entries: Vec<Given> = file.file_entries().collect();
    if let Some(given) = entries.iter().find(|given| !is_of_members(&given.key)) {
        return Err(given.wrong("a dynamic file holds nothing but server, group and weight lines"));
    }
    members(&entries, multi_address(settings))
}

fn is_of_members(key: &str) -> bool {
    key.starts_with("server.") || key.starts_with("group") || key.starts_with("weight")
}

/// The number in `dataDir/myid`; a server alone needs none, but a wrong one is a mistake.
fn my_id(data_dir: &Path, on: &impl Surroundings) -> Result<Option<i64>, ConfigError> {
    let path = data_dir.join("myid");
    let bytes = match on.read(&path) {
        Ok(bytes) => bytes,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(ConfigError::Unreadable { path, error }),
    };
    let text = String::from_utf8_lossy(&bytes);
    let first = text.lines().next().unwrap_or_default();
    let given = Given {
        key: "myid".into(),
        value: first.into(),
        origin: Origin::Line { file: path, line: 1 },
    };
    let id = first
        .parse()
        .map_err(|_| given.wrong("write the number of this server, without spaces"))?;
    Ok(Some(id))
}
