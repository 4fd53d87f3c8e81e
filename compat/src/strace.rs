//! The server under strace: its system calls seen, or made to fail.

use std::borrow::Cow;
use std::collections::HashSet;

use anyhow::{Context, Result, ensure};
use xtask::workspace;

use crate::Settings;

/// Has the server started by strace, with these arguments besides those that keep strace out of its way.
#[must_use]
pub fn traced(mut settings: Settings, args: &[&str]) -> Settings {
    let packages = workspace::cache().join("deb");
    let strace = packages.join("usr/bin/strace").display().to_string();
    // -D: the server is the child that was started, and strace looks on from the side.
    let words = [strace.as_str(), "-D", "-f"].into_iter().chain(args.iter().copied());
    settings.wrapper = words.map(String::from).collect();
    let libraries = packages.join("usr/lib/x86_64-linux-gnu").display().to_string();
    settings.env.push(("LD_LIBRARY_PATH".into(), libraries));
    settings
}

/// Has every fsync and fdatasync of the server take so many microseconds more; no other call is looked at.
#[must_use]
pub fn delaying_syncs(settings: Settings, delay_us: u32) -> Settings {
    let delay = format!("inject=fdatasync,fsync:delay_exit={delay_us}");
    traced(
        settings,
        &["--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", &delay],
    )
}

/// Arguments for a trace that [`events`] reads: files by name, bytes in hexadecimal and in full.
pub const READABLE: [&str; 4] = ["-y", "-xx", "-s", "4000000"];

/// A system call on a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// What the descriptor is: a path, or `socket:[inode]`.
    pub target: String,
    /// The bytes that go with it, those of all buffers in order.
    pub bytes: Vec<u8>,
    /// Its other arguments, as text.
    pub args: String,
}

/// A call's begin or end.
///
/// strace lets a thread go on only once it has written down where it was stopped, so that what stands behind the end
/// of a call began after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A thread makes a call.
    Begun(u32, Call),
    /// The call that a thread has begun is over, with what it returned.
    Ended(u32, i64),
}

/// The calls of a trace, made with [`READABLE`], in order.
///
/// # Errors
/// When a line is none of strace's.
pub fn events(trace: &str) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut begun = HashSet::new();
    for line in trace.lines() {
        let (pid, rest) = line.split_once(' ').with_context(|| line.to_owned())?;
        let (pid, rest) = (pid.parse()?, rest.trim_start());
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(resumed) = rest.strip_prefix("<... ") {
            if begun.remove(&pid) {
                events.push(Event::Ended(pid, returned(resumed)));
            }
            continue;
        }
        let unfinished = rest.strip_suffix("<unfinished ...>");
        let call = call(unfinished.unwrap_or(rest))
            .with_context(|| rest.chars().take(200).collect::<String>())?;
        events.push(Event::Begun(pid, call));
        if unfinished.is_some() {
            begun.insert(pid);
        } else {
            events.push(Event::Ended(pid, returned(rest)));
        }
    }
    Ok(events)
}

/// `name(12<\x2f\x78>, "\x61", 1, 0) = 1`, or the front of it.
fn call(text: &str) -> Result<Call> {
    let (name, rest) = text.split_once('(').context("no call")?;
    let (_, rest) = rest.split_once('<').context("no descriptor")?;
    let (target, rest) = rest.split_once('>').context("no descriptor")?;
    let target = unescaped(target)?;
    let mut bytes = Vec::new();
    let mut args = String::new();
    for (n, part) in rest.split('"').enumerate() {
        if n % 2 == 0 {
            args.push_str(part);
        } else {
            bytes.extend_from_slice(&unescaped(part)?);
        }
    }
    ensure!(!args.contains("..."), "bytes were left out");
    Ok(Call {
        name: name.to_owned(),
        target: String::from_utf8_lossy(&target).into_owned(),
        bytes,
        args,
    })
}

/// `\x61\x62`, or plain text as it is.
fn unescaped(text: &str) -> Result<Cow<'_, [u8]>> {
    if !text.starts_with("\\x") {
        return Ok(text.as_bytes().into());
    }
    let digits = text.split("\\x").skip(1);
    let bytes = digits.map(|digits| u8::from_str_radix(digits, 16)).collect::<Result<_, _>>();
    Ok(Cow::Owned(bytes.context("not hexadecimal")?))
}

/// What a finished call returned; -1 for an error.
fn returned(text: &str) -> i64 {
    let number = text.rsplit_once(" = ").and_then(|(_, value)| value.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_several_threads_are_told_apart() {
        let trace = r#"7 pwrite64(9<\x2f\x61>, "\x01\x02", 2, 16 <unfinished ...>
12   sendto(4<\x73>, "\x42", 1, MSG_NOSIGNAL, NULL, 0) = 1
7 <... pwrite64 resumed>) = 2
12 +++ exited with 0 +++
7     fdatasync(9<\x2f\x61>) = -1 EIO (Input/output error)
"#;
        let call = |name: &str, target: &str, bytes: &[u8], args: &str| Call {
            name: name.into(),
            target: target.into(),
            bytes: bytes.into(),
            args: args.into(),
        };
        let expected = [
            Event::Begun(7, call("pwrite64", "/a", &[1, 2], ", , 2, 16 ")),
            Event::Begun(12, call("sendto", "s", &[0x42], ", , 1, MSG_NOSIGNAL, NULL, 0) = 1")),
            Event::Ended(12, 1),
            Event::Ended(7, 2),
            Event::Begun(7, call("fdatasync", "/a", &[], ") = -1 EIO (Input/output error)")),
            Event::Ended(7, -1),
        ];
        assert_eq!(events(trace).unwrap(), expected);
        assert!(events("7 write(1<\\x61>, \"\\x61\"..., 900) = 900\n").is_err());
    }
}
