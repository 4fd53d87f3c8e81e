//! What nobody may read in a log, and doors that are not there.

use std::fs;

use compat::client::encoded;
use compat::ports;
use wire::{Acl, AuthPacket, ErrorCode, Id, OpCode, Perms, ReplyHeader, RequestHeader};

use crate::{Place, create, digest, error_of, open, write};

/// CVE-2026-24308: values of keys that hold secrets, and what clients prove themselves with.
#[test]
fn cve_2026_24308_no_secret_is_logged_however_much_is() {
    const SUPER: &str = "D/InIHSb7yEEbrWz8b9l71RjZJU=";
    const USER: &str = "5w9W4eL3797Y4Wq8AcKUPPk8ha4=";
    let mut place = Place::new()
        .property(&format!("zookeeper.DigestAuthenticationProvider.superDigest=super:{SUPER}"))
        .property("zookeeper.ssl.keyStore.password=hunter-two")
        .line("ssl.trustStore.password=hunter-three")
        .line("ssl.quorum.keyStore.password=hunter-four")
        .line("my.own.password=hunter-five");
    place.settings.env.push(("RUST_LOG".into(), "trace".into()));
    let mut server = place.start();
    let mut session = open(&server);
    session.auth_digest("user:secret").unwrap();
    session.auth_digest("super:test-is-not-the-password").unwrap();
    let acl = [digest(Perms::ALL, "user:5w9W4eL3797Y4Wq8AcKUPPk8ha4="), Acl::world(Perms::READ)];
    assert_eq!(write(&mut session, &create("/n", &acl, 0)), 0);
    let mut liar = open(&server);
    assert!(liar.auth_digest("no-colon-hunter-six").is_err() || liar.ping().is_ok());
    for word in ["conf", "envi", "cons", "dump", "mntr"] {
        let answer = server.word(word).unwrap();
        assert!(!answer.contains("hunter") && !answer.contains(SUPER), "{word}: {answer}");
    }
    let renewed = session.renew(server.addr()).unwrap();
    server.terminate().unwrap();
    let log = server.log();
    let password: String = renewed.password.iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in ["hunter", "secret", "test-is-not-the-password", SUPER, USER, &password] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
    assert!(log.contains("ssl.keyStore.password"), "the key may be named:\n{log}");
}

/// Credentials of the scheme `ip` are not believed: the address is that of the socket.
#[test]
fn an_address_cannot_be_claimed() {
    let place = Place::new();
    let server = place.start();
    let acl = [Acl { perms: Perms::ALL, id: Id::new("ip", "10.0.0.1") }];
    assert_eq!(write(&mut open(&server), &create("/theirs", &acl, 0)), 0);
    let mut liar = open(&server);
    let packet = AuthPacket { kind: 0, scheme: Some("ip".into()), auth: Some(b"10.0.0.1") };
    let header = RequestHeader { xid: ReplyHeader::AUTH_XID, op: OpCode::Auth.code() };
    liar.connection.queue(header, &encoded(&packet));
    liar.connection.flush().unwrap();
    assert_eq!(liar.reply().unwrap().header.err, 0);
    assert_eq!(error_of(liar.get_data("/theirs", false)), Some(ErrorCode::NoAuth));
    let told = liar.call(OpCode::WhoAmI, &[]).unwrap();
    let told = String::from_utf8_lossy(&told.body).into_owned();
    assert!(told.contains("127.0.0.1") && !told.contains("10.0.0.1"), "{told}");
}

/// CVE-2018-8012, 2023-44981, 2024-51504, 2025-58457, 2026-24281: quorum ports, the admin server and TLS are not
/// there yet, so none of their doors may be.
#[test]
fn cve_2024_51504_no_port_is_open_but_the_clients() {
    let first = ports::free(4);
    let place = Place::new()
        .line("admin.enableServer=true")
        .line(&format!("admin.serverPort={first}"))
        .line(&format!("secureClientPort={}", first + 1))
        .line(&format!("metricsProvider.httpPort={}", first + 2))
        .line("metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider");
    let server = place.start();
    assert_eq!(listening(server.pid()), [server.addr().port()]);
}

/// The TCP ports on which a process listens.
fn listening(pid: u32) -> Vec<u16> {
    let mut ports: Vec<u16> = ["tcp", "tcp6"]
        .iter()
        .flat_map(|table| {
            let table = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
            table.lines().skip(1).filter_map(listening_port).collect::<Vec<u16>>()
        })
        .filter(|port| ports::listens(pid, *port))
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn listening_port(row: &str) -> Option<u16> {
    let columns: Vec<&str> = row.split_whitespace().collect();
    let (_, port) = columns.get(1)?.rsplit_once(':')?;
    (*columns.get(3)? == "0A").then(|| u16::from_str_radix(port, 16).ok())?
}
