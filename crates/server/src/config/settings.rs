//! The keys of `zoo.cfg` and the system properties, ready to be asked one by one.
//!
//! A value that ZooKeeper cannot start with is an error here; one that ZooKeeper replaces by the
//! default is replaced here too, but with a warning.

use std::path::Path;

use super::error::{ConfigError, shown};
use super::notice::Notice;
use super::number::{decode, is_boolean, is_true};
use super::origin::Origin;
use super::properties::{Entry, Properties};
use super::system::SystemProperties;
use super::table::{self, How, Kind};

/// U+FEFF in UTF-8, read as ISO-8859-1.
pub const BYTE_ORDER_MARK: &str = "\u{ef}\u{bb}\u{bf}";

/// A value, with what a message about it must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The key as its owner wrote it.
    pub key: String,
    /// The value.
    pub value: String,
    /// Where it was given.
    pub origin: Origin,
}

impl Given {
    /// The error that this value cannot be used.
    #[must_use]
    pub fn wrong(&self, wanted: impl Into<String>) -> ConfigError {
        ConfigError::Wrong {
            origin: self.origin.clone(),
            key: self.key.clone(),
            value: shown(&self.key, &self.value).to_owned(),
            wanted: wanted.into(),
        }
    }

    /// The warning about this value.
    #[must_use]
    pub fn warning(&self, text: impl AsRef<str>) -> Notice {
        let value = shown(&self.key, &self.value);
        Notice::warning(format!("{}: {}={value}: {}", self.origin, self.key, text.as_ref()))
    }
}

/// The file's keys and all system properties, those that the file sets included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    place: Origin,
    file: Properties,
    properties: SystemProperties,
    notices: Vec<Notice>,
}

impl Settings {
    /// Without a file.
    #[must_use]
    pub fn without_file(properties: SystemProperties) -> Self {
        Self {
            place: Origin::CommandLine,
            file: Properties::default(),
            properties,
            notices: Vec::new(),
        }
    }

    /// Takes the file's keys; those that are not parsed by name become properties, over any `-D`.
    ///
    /// # Errors
    /// [`ConfigError::Malformed`], and [`ConfigError::Wrong`] for a number or switch that is none.
    pub fn of_file(
        path: &Path,
        bytes: &[u8],
        mut properties: SystemProperties,
    ) -> Result<Self, ConfigError> {
        let at = |line| Origin::Line { file: path.to_owned(), line };
        let file = Properties::parse(bytes)
            .map_err(|bad| ConfigError::Malformed { origin: at(bad.line) })?;
        for entry in file.entries() {
            match table::find(&entry.key).map(|key| key.how) {
                Some(How::File(kind)) => check_kind(kind, &given(entry, at(entry.line)))?,
                _ => properties.set(
                    format!("zookeeper.{}", entry.key),
                    &*entry.value,
                    at(entry.line),
                ),
            }
        }
        let notices = file.shadowed().iter().map(|old| shadow_notice(&at(old.line), old)).collect();
        Ok(Self { place: Origin::File(path.to_owned()), file, properties, notices })
    }

    /// The error that a key of the file is not set.
    #[must_use]
    pub fn missing(&self, key: &str, wanted: &str) -> ConfigError {
        let wanted = if self.begins_with_byte_order_mark() {
            "the file begins with a byte order mark, which is a part of its first key; save it without"
        } else {
            wanted
        };
        ConfigError::Missing {
            origin: self.place(),
            key: key.to_owned(),
            wanted: wanted.to_owned(),
        }
    }

    /// For Java the mark that some editors write is a part of the first key.
    fn begins_with_byte_order_mark(&self) -> bool {
        let marked = |entry: &Entry| entry.line == 1 && entry.key.starts_with(BYTE_ORDER_MARK);
        self.file.entries().iter().any(marked)
    }

    /// Where something missing would have to stand.
    #[must_use]
    pub fn place(&self) -> Origin {
        self.place.clone()
    }

    /// Every key of the file, in the order of its lines.
    pub fn file_entries(&self) -> impl Iterator<Item = Given> {
        self.file.entries().iter().map(|entry| given(entry, self.line(entry.line)))
    }

    /// All system properties.
    #[must_use]
    pub const fn properties(&self) -> &SystemProperties {
        &self.properties
    }

    /// A key that only the file may hold.
    #[must_use]
    pub fn in_file(&self, key: &str) -> Option<Given> {
        self.file.get(key).map(|entry| given(entry, self.line(entry.line)))
    }

    /// A number that only the file may hold; [`Settings::of_file`] has seen that it is one.
    #[must_use]
    pub fn number_in_file(&self, key: &str) -> Option<(i32, Given)> {
        let given = self.in_file(key)?;
        Some((given.value.parse().ok()?, given))
    }

    /// A switch that only the file may hold.
    #[must_use]
    pub fn switch_in_file(&self, key: &str, default: bool) -> bool {
        self.in_file(key).map_or(default, |given| is_true(&given.value))
    }

    /// A system property by its full name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<Given> {
        let property = self.properties.get(name)?;
        let key = match property.origin {
            Origin::Line { .. } => name.strip_prefix("zookeeper.").unwrap_or(name).to_owned(),
            _ => format!("-D{name}"),
        };
        Some(Given { key, value: property.value.clone(), origin: property.origin.clone() })
    }

    /// A switch: as in Java anything but `true` is false, with a warning if it is not `false` either.
    pub fn switch(&mut self, name: &str, default: bool) -> bool {
        let Some(given) = self.property(name) else {
            return default;
        };
        if !is_boolean(&given.value) {
            self.note(given.warning("read as false, as ZooKeeper does; write true or false"));
        }
        is_true(&given.value)
    }

    /// A number in any of the bases of `Integer.getInteger`; what is none leaves the default.
    pub fn number(&mut self, name: &str) -> Option<i32> {
        self.read(name, "a number of at most 2147483647", |text| decode(text)?.try_into().ok())
    }

    /// A number in any of the bases of `Long.getLong`; what is none leaves the default.
    pub fn long(&mut self, name: &str) -> Option<i64> {
        self.read(name, "a number", decode)
    }

    /// A value that is left at its default, with a warning, if it cannot be read.
    pub fn read<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let given = self.property(name)?;
        let value = read(&given.value);
        if value.is_none() {
            self.note(
                given.warning(format!("the default is used, as ZooKeeper does; write {wanted}")),
            );
        }
        value
    }

    /// A number of which less than the minimum counts as the minimum, with a warning where the
    /// minimum is not 0 (many owners write -1 for 0).
    pub fn at_least(&mut self, minimum: u32, name: &str, default: u32) -> u32 {
        let Some(number) = self.number(name) else {
            return default;
        };
        let value = u32::try_from(number).unwrap_or(0);
        if value < minimum
            && let Some(given) = self.property(name)
        {
            self.note(given.warning(format!("{minimum} is used; less makes no sense")));
        }
        value.max(minimum)
    }

    /// A number of which 0 and less mean off.
    pub fn above_zero(&mut self, name: &str, default: Option<u32>) -> Option<u32> {
        let number = self.number(name);
        number.map_or(default, |number| u32::try_from(number).ok().filter(|value| *value > 0))
    }

    /// A long number of which 0 and less mean off.
    pub fn long_above_zero(&mut self, name: &str, default: Option<u64>) -> Option<u64> {
        let number = self.long(name);
        number.map_or(default, |number| u64::try_from(number).ok().filter(|value| *value > 0))
    }

    /// Adds a line to those that are logged at start.
    pub fn note(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// The lines to log at start.
    #[must_use]
    pub fn into_notices(self) -> Vec<Notice> {
        self.notices
    }

    fn line(&self, line: usize) -> Origin {
        match &self.place {
            Origin::File(file) => Origin::Line { file: file.clone(), line },
            other => other.clone(),
        }
    }
}

fn given(entry: &Entry, origin: Origin) -> Given {
    Given { key: entry.key.clone(), value: entry.value.clone(), origin }
}

fn shadow_notice(origin: &Origin, old: &Entry) -> Notice {
    Notice::warning(format!(
        "{origin}: {} is given again further down, and the last line counts",
        old.key
    ))
}

fn check_kind(kind: Kind, given: &Given) -> Result<(), ConfigError> {
    let (fits, wanted) = match kind {
        Kind::Int => (
            given.value.parse::<i32>().is_ok(),
            "write a whole number in decimal digits, without a unit, at most 2147483647",
        ),
        Kind::Long => (
            given.value.parse::<i64>().is_ok(),
            "write a whole number in decimal digits, without a unit",
        ),
        Kind::Bool => (is_boolean(&given.value), "write true or false"),
        Kind::Text => (true, ""),
    };
    if fits { Ok(()) } else { Err(given.wrong(format!("{wanted}{}", comment_hint(&given.value)))) }
}

/// The most common reason why a value is not what it should be.
fn comment_hint(value: &str) -> &'static str {
    if value.contains('#') { "; a comment needs a line of its own" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        let mut defined = SystemProperties::default();
        defined.set("zookeeper.maxCnxns", "9", Origin::CommandLine);
        Settings::of_file(Path::new("zoo.cfg"), text.as_bytes(), defined).expect("readable")
    }

    fn warnings(settings: Settings) -> Vec<String> {
        settings.into_notices().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_file_overrides_the_command_line() {
        assert_eq!(settings("").number("zookeeper.maxCnxns"), Some(9));
        assert_eq!(settings("maxCnxns=0x5").number("zookeeper.maxCnxns"), Some(5));
    }

    #[test]
    fn what_java_replaces_is_replaced_with_a_warning() {
        let mut settings = settings("maxCnxns=lots\ndigest.enabled=yes\nmaxBatchSize=0");
        assert_eq!(settings.number("zookeeper.maxCnxns"), None);
        assert!(!settings.switch("zookeeper.digest.enabled", true));
        assert_eq!(settings.at_least(1, "zookeeper.maxBatchSize", 1_000), 1);
        assert_eq!(
            warnings(settings),
            [
                "zoo.cfg, line 1: maxCnxns=lots: the default is used, as ZooKeeper does; write a number of at most 2147483647",
                "zoo.cfg, line 2: digest.enabled=yes: read as false, as ZooKeeper does; write true or false",
                "zoo.cfg, line 3: maxBatchSize=0: 1 is used; less makes no sense",
            ]
        );
    }

    #[test]
    fn a_number_parsed_by_name_must_be_one() {
        let error = Settings::of_file(
            Path::new("zoo.cfg"),
            b"a=1\nclientPort=1 # x",
            SystemProperties::default(),
        );
        assert_eq!(
            error.expect_err("not a number").to_string(),
            "zoo.cfg, line 2: clientPort=1 # x: write a whole number in decimal digits, without a unit, at most 2147483647; a comment needs a line of its own"
        );
    }

    #[test]
    fn a_key_given_twice_is_named() {
        assert_eq!(
            warnings(settings("tickTime=1\ntickTime=2")),
            ["zoo.cfg, line 1: tickTime is given again further down, and the last line counts"]
        );
    }
}
