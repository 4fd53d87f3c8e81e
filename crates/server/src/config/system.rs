//! System properties: the `-Dname=value` of a JVM, from the command line and from the variables
//! that the users of `zkServer.sh` set.

use std::collections::BTreeMap;

use super::origin::Origin;

/// A system property and where it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// The value, as it was given.
    pub value: String,
    /// Where it was given.
    pub origin: Origin,
}

/// All system properties by name; of one given twice the later counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SystemProperties {
    by_name: BTreeMap<String, Property>,
}

impl SystemProperties {
    /// Sets a property, in the place of an earlier one of that name.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>, origin: Origin) {
        self.by_name.insert(name.into(), Property { value: value.into(), origin });
    }

    /// The property of that full name (`zookeeper.snapCount`).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Property> {
        self.by_name.get(name)
    }

    /// All of them in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Property)> {
        self.by_name.iter().map(|(name, property)| (name.as_str(), property))
    }
}

/// What one word of a JVM's command line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JvmWord<'a> {
    /// `-Dname=value`; `-Dname` alone sets the empty text.
    Define {
        /// The name.
        name: &'a str,
        /// The value.
        value: &'a str,
    },
    /// A flag of the virtual machine, complete in one word.
    Flag(&'a str),
    /// A flag of the virtual machine whose value is the next word.
    FlagWithValue(&'a str),
    /// Anything else that begins with a dash.
    Unknown(&'a str),
    /// An argument of the program.
    Operand(&'a str),
}

/// Flags that are complete in one word, by how they begin.
const FLAGS: [&str; 13] = [
    "-X",
    "-ea",
    "-da",
    "-esa",
    "-dsa",
    "-enable",
    "-disable",
    "-agentlib:",
    "-agentpath:",
    "-javaagent:",
    "-verbose",
    "-server",
    "-client",
];

/// Flags that take the next word, unless they hold a `=`.
const FLAGS_WITH_VALUE: [&str; 11] = [
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "--add-modules",
    "--add-opens",
    "--add-exports",
    "--add-reads",
    "--patch-module",
    "--limit-modules",
];

/// Says what a word is.
#[must_use]
pub fn jvm_word(word: &str) -> JvmWord<'_> {
    if let Some(definition) = word.strip_prefix("-D") {
        let (name, value) = definition.split_once('=').unwrap_or((definition, ""));
        return JvmWord::Define { name, value };
    }
    if FLAGS_WITH_VALUE.contains(&word) {
        return JvmWord::FlagWithValue(word);
    }
    let stem = word.split('=').next().unwrap_or(word);
    if FLAGS_WITH_VALUE.contains(&stem)
        || FLAGS.iter().any(|flag| word.starts_with(flag))
        || word.starts_with("--enable-native-access")
        || word.starts_with("--illegal-access")
    {
        return JvmWord::Flag(word);
    }
    // A lone number is an argument that went wrong: its own message is the better one.
    if word.starts_with('-') && word.parse::<i64>().is_err() {
        JvmWord::Unknown(word)
    } else {
        JvmWord::Operand(word)
    }
}

/// Whether a property belongs to the Java platform or to its logging, and so means nothing here.
#[must_use]
pub fn is_of_the_jvm(name: &str) -> bool {
    const PREFIXES: [&str; 17] = [
        "java.",
        "javax.",
        "jdk.",
        "sun.",
        "com.sun.",
        "file.encoding",
        "user.",
        "os.",
        "awt.",
        "log4j",
        "logback",
        "slf4j",
        "org.slf4j",
        "http.",
        "https.",
        "networkaddress.",
        "io.netty.",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_jvm_are_told_apart() {
        assert_eq!(jvm_word("-Da.b=c=d"), JvmWord::Define { name: "a.b", value: "c=d" });
        assert_eq!(jvm_word("-Da.b"), JvmWord::Define { name: "a.b", value: "" });
        for flag in [
            "-Xmx1g",
            "-XX:+UseG1GC",
            "-ea",
            "-agentlib:jdwp=x",
            "-javaagent:/a.jar",
            "--add-opens=a/b=c",
        ] {
            assert_eq!(jvm_word(flag), JvmWord::Flag(flag));
        }
        assert_eq!(jvm_word("-cp"), JvmWord::FlagWithValue("-cp"));
        assert_eq!(jvm_word("--frobnicate"), JvmWord::Unknown("--frobnicate"));
        assert_eq!(jvm_word("zoo.cfg"), JvmWord::Operand("zoo.cfg"));
    }

    #[test]
    fn the_later_definition_counts() {
        let mut properties = SystemProperties::default();
        properties.set("zookeeper.snapCount", "5", Origin::Variable("JVMFLAGS"));
        properties.set("zookeeper.snapCount", "7", Origin::CommandLine);
        assert_eq!(properties.get("zookeeper.snapCount").map(|p| p.value.as_str()), Some("7"));
    }
}
