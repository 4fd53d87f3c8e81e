//! What is said at start about keys that have no effect here, and which keys stop the start.

use std::collections::BTreeMap;

use super::error::{ConfigError, shown};
use super::notice::Notice;
use super::number::{is_boolean, is_true};
use super::origin::Origin;
use super::settings::{BYTE_ORDER_MARK, Settings};
use super::system::is_of_the_jvm;
use super::table::{self, How, Key, State};

const ENSEMBLE: &str = "it matters to the members of an ensemble only";
const CLIENT: &str = "only clients and tools read it";

/// One line for each reason, with all keys that it concerns, and one for each key that is a mistake.
///
/// # Errors
/// [`ConfigError::Refused`] for the first key without which something stays open.
pub fn remarks(settings: &Settings) -> Result<Vec<Notice>, ConfigError> {
    let mut remarks = Remarks::default();
    for given in settings.file_entries() {
        match table::find(&given.key) {
            Some(key) if matches!(key.how, How::File(_)) => {
                remarks.known(key, &given.key, &given.value, &given.origin)?;
            }
            _ => {}
        }
    }
    for (name, property) in settings.properties().iter() {
        let in_file = matches!(property.origin, Origin::Line { .. });
        let written = if in_file { name.strip_prefix("zookeeper.").unwrap_or(name) } else { name };
        match table::find_property(name) {
            Some(key) => remarks.known(key, written, &property.value, &property.origin)?,
            None if in_file => remarks.unknown_in_file(written, &property.origin),
            None if is_of_the_jvm(name) => {}
            None => remarks.unknown_definition(written, &property.origin),
        }
    }
    Ok(remarks.into_notices())
}

#[derive(Default)]
struct Remarks {
    by_reason: BTreeMap<&'static str, Vec<String>>,
    mistakes: Vec<Notice>,
}

impl Remarks {
    fn known(
        &mut self,
        key: &Key,
        written: &str,
        value: &str,
        origin: &Origin,
    ) -> Result<(), ConfigError> {
        let reason = match key.state {
            State::Implemented => return Ok(()),
            State::Ensemble => ENSEMBLE,
            State::Client => CLIENT,
            State::Ignored(reason) => reason,
            State::Refused(reason) => return refuse(reason, written, value, origin),
        };
        self.by_reason.entry(reason).or_default().push(written.to_owned());
        Ok(())
    }

    /// ZooKeeper sets a property that nobody reads; most often the key is misspelt.
    fn unknown_in_file(&mut self, key: &str, origin: &Origin) {
        let hint = if key.starts_with(BYTE_ORDER_MARK) {
            "the file begins with a byte order mark; save it without".to_owned()
        } else if let Some(rest) = key.strip_prefix("zookeeper.") {
            format!("in this file the prefix is left out: write {rest}")
        } else if table::find_property(key).is_some() {
            format!("it works as -D{key} only, not in this file")
        } else {
            nearest(key).map_or_else(
                || "nobody reads it".to_owned(),
                |near| format!("did you mean {near}?"),
            )
        };
        self.mistakes
            .push(Notice::warning(format!("{origin}: {key} is not a key of ZooKeeper; {hint}")));
    }

    fn unknown_definition(&mut self, name: &str, origin: &Origin) {
        let in_file_only =
            name.strip_prefix("zookeeper.").is_some_and(|key| table::find(key).is_some());
        let hint = if in_file_only {
            "it works in zoo.cfg only, without the prefix"
        } else {
            "nobody reads it"
        };
        self.mistakes.push(Notice::warning(format!("{origin}: -D{name} has no effect; {hint}")));
    }

    fn into_notices(self) -> Vec<Notice> {
        let grouped = self
            .by_reason
            .into_iter()
            .map(|(reason, keys)| Notice::note(format!("ignored: {} ({reason})", keys.join(", "))));
        self.mistakes.into_iter().chain(grouped).collect()
    }
}

/// Only a clear `false` says that no protection is expected.
fn refuse(reason: &str, key: &str, value: &str, origin: &Origin) -> Result<(), ConfigError> {
    if is_boolean(value) && !is_true(value) {
        return Ok(());
    }
    Err(ConfigError::Refused {
        origin: origin.clone(),
        key: key.to_owned(),
        value: shown(key, value).to_owned(),
        reason: reason.to_owned(),
    })
}

/// The known key that differs only by case, or by one letter too many, too few or other.
fn nearest(key: &str) -> Option<&'static str> {
    let keys =
        table::KEYS.iter().filter(|known| known.how != How::Define && !known.name.ends_with('*'));
    keys.map(|known| known.name).find(|name| {
        name.eq_ignore_ascii_case(key)
            || (key.len() > 3 && within_one_edit(name.as_bytes(), key.as_bytes()))
    })
}

fn within_one_edit(a: &[u8], b: &[u8]) -> bool {
    let same_start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same_start..], &b[same_start..]);
    let after = |text: &'_ [u8]| text.get(1..).unwrap_or_default().to_vec();
    after(a) == b || a == after(b) || after(a) == after(b)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::system::SystemProperties;

    fn check(text: &str, defined: &[(&str, &str)], expect: &[&str]) {
        let mut properties = SystemProperties::default();
        for (name, value) in defined {
            properties.set(*name, *value, Origin::CommandLine);
        }
        let settings =
            Settings::of_file(Path::new("zoo.cfg"), text.as_bytes(), properties).expect("readable");
        let lines: Vec<String> =
            remarks(&settings).expect("not refused").iter().map(ToString::to_string).collect();
        assert_eq!(lines, expect, "{text}");
    }

    #[test]
    fn keys_of_one_reason_share_a_line() {
        check(
            "dataDir=/d\ninitLimit=5\nclientPort=1\nsyncLimit=2",
            &[],
            &["ignored: initLimit, syncLimit (it matters to the members of an ensemble only)"],
        );
    }

    #[test]
    fn mistakes_are_pointed_at() {
        check(
            "tickTme=1\nticktime=1\nsome.thing=2",
            &[],
            &[
                "zoo.cfg, line 3: some.thing is not a key of ZooKeeper; nobody reads it",
                "zoo.cfg, line 1: tickTme is not a key of ZooKeeper; did you mean tickTime?",
                "zoo.cfg, line 2: ticktime is not a key of ZooKeeper; did you mean tickTime?",
            ],
        );
        check(
            "zookeeper.snapCount=1\njute.maxbuffer=5",
            &[("zookeeper.tickTime", "5"), ("snapCount", "3")],
            &[
                "command line: -DsnapCount has no effect; nobody reads it",
                "zoo.cfg, line 2: jute.maxbuffer is not a key of ZooKeeper; it works as -Djute.maxbuffer only, not in this file",
                "command line: -Dzookeeper.tickTime has no effect; it works in zoo.cfg only, without the prefix",
                "zoo.cfg, line 1: zookeeper.snapCount is not a key of ZooKeeper; in this file the prefix is left out: write snapCount",
            ],
        );
    }

    #[test]
    fn what_would_stay_open_is_refused_unless_it_is_clearly_off() {
        check("sslQuorum=False\nenforce.auth.enabled=false", &[], &[]);
        for text in ["sslQuorum=true", "enforce.auth.enabled=yes", "sessionRequireClientSASLAuth="]
        {
            let settings = Settings::of_file(
                Path::new("zoo.cfg"),
                text.as_bytes(),
                SystemProperties::default(),
            );
            let refusal = remarks(&settings.expect("readable"));
            assert!(matches!(refusal, Err(ConfigError::Refused { .. })), "{text}");
        }
    }
}
