//! The arguments of `rookeeper server`, and the variables of ZooKeeper's scripts that belong to them.

use super::error::ConfigError;
use super::notice::Notice;
use super::origin::Origin;
use super::system::{JvmWord, SystemProperties, is_of_the_jvm, jvm_word};

/// ZooKeeper's own classes of this name are what the command replaces, so scripts may go on naming them.
const MAIN_CLASSES: [&str; 2] = [
    "org.apache.zookeeper.server.quorum.QuorumPeerMain",
    "org.apache.zookeeper.server.ZooKeeperServerMain",
];

/// In the order in which `zkServer.sh` puts them into its command: the later counts.
const VARIABLES: [&str; 2] = ["SERVER_JVMFLAGS", "JVMFLAGS"];

/// The variable by which `zkServer.sh` forbids to make missing directories.
const NO_AUTOCREATE: &str = "ZOO_DATADIR_AUTOCREATE_DISABLE";

/// The arguments taken apart: properties here, the words of the program there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommandLine {
    /// Every `-Dname=value`, the command line's before those of the environment.
    pub properties: SystemProperties,
    /// What is left: a file, or a port and a directory.
    pub operands: Vec<String>,
    /// Flags of the JVM that were ignored.
    pub notices: Vec<Notice>,
}

impl CommandLine {
    /// Takes arguments (without the program's and the subcommand's name) and environment apart.
    ///
    /// # Errors
    /// [`ConfigError::Usage`] for an argument that is neither an operand nor known of a JVM.
    pub fn read(
        arguments: &[String],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut line = Self::default();
        if variable(NO_AUTOCREATE).is_some_and(|value| !value.is_empty()) {
            line.properties.set(
                "zookeeper.datadir.autocreate",
                "false",
                Origin::Variable(NO_AUTOCREATE),
            );
        }
        for name in VARIABLES {
            let flags = variable(name).unwrap_or_default();
            line.take_variable(name, &flags);
        }
        line.take_arguments(arguments)?;
        Ok(line)
    }

    fn take_variable(&mut self, name: &'static str, flags: &str) {
        let origin = Origin::Variable(name);
        let mut ignored = Ignored::default();
        let mut words = flags.split_whitespace();
        while let Some(word) = words.next() {
            match jvm_word(word) {
                JvmWord::Define { name, value } => self.define(name, value, &origin, &mut ignored),
                JvmWord::FlagWithValue(flag) => ignored.flag_with_value(flag, words.next()),
                JvmWord::Flag(word) | JvmWord::Unknown(word) | JvmWord::Operand(word) => {
                    ignored.word(word)
                }
            }
        }
        self.notices.extend(ignored.notice(&origin));
    }

    fn take_arguments(&mut self, arguments: &[String]) -> Result<(), ConfigError> {
        let origin = Origin::CommandLine;
        let mut ignored = Ignored::default();
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match jvm_word(word) {
                JvmWord::Define { name, value } => self.define(name, value, &origin, &mut ignored),
                JvmWord::Flag(flag) => ignored.word(flag),
                JvmWord::FlagWithValue(flag) => ignored.flag_with_value(flag, words.next()),
                JvmWord::Operand(class)
                    if self.operands.is_empty() && MAIN_CLASSES.contains(&class) => {}
                JvmWord::Operand(operand) => self.operands.push(operand.to_owned()),
                JvmWord::Unknown(word) => {
                    return Err(ConfigError::Usage(format!("Unknown option: {word}")));
                }
            }
        }
        self.notices.extend(ignored.notice(&origin));
        Ok(())
    }

    /// Properties of the platform are kept, too: the environment words list what was given.
    fn define(&mut self, name: &str, value: &str, origin: &Origin, ignored: &mut Ignored) {
        if is_of_the_jvm(name) && super::table::find_property(name).is_none() {
            ignored.word(&format!("-D{name}"));
        }
        self.properties.set(name, value, origin.clone());
    }
}

/// Flags of the JVM, gathered for one line.
#[derive(Default)]
struct Ignored(Vec<String>);

impl Ignored {
    fn word(&mut self, word: &str) {
        self.0.push(word.to_owned());
    }

    /// The value (a class path, mostly) would drown the line.
    fn flag_with_value(&mut self, flag: &str, value: Option<&str>) {
        self.0.push(if value.is_some() { format!("{flag} ...") } else { flag.to_owned() });
    }

    fn notice(self, origin: &Origin) -> Option<Notice> {
        let flags = self.0.join(" ");
        (!flags.is_empty()).then(|| {
            Notice::note(format!("{origin}: flags of the JVM are ignored, there is none: {flags}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], environment: &[(&str, &str)]) -> Result<CommandLine, ConfigError> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let variable = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        CommandLine::read(&arguments, variable)
    }

    #[test]
    fn a_command_written_for_java_works() {
        let line = read(
            &[
                "-cp",
                "/opt/zk/*",
                "-Dfile.encoding=UTF-8",
                "-Dreadonlymode.enabled=true",
                "-Xmx1000m",
                "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                "/etc/zoo.cfg",
            ],
            &[],
        )
        .expect("known");
        assert_eq!(line.operands, ["/etc/zoo.cfg"]);
        assert_eq!(
            line.properties.get("readonlymode.enabled").map(|p| p.value.as_str()),
            Some("true")
        );
        let text: Vec<String> = line.notices.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "command line: flags of the JVM are ignored, there is none: -cp ... -Dfile.encoding -Xmx1000m"
            ]
        );
    }

    #[test]
    fn the_command_line_beats_jvmflags_and_these_beat_server_jvmflags() {
        let environment =
            [("SERVER_JVMFLAGS", "-Da=1 -Db=1 -Dc=1"), ("JVMFLAGS", " -Db=2  -Dc=2 -ea")];
        let line = read(&["-Dc=3", "2181", "/data"], &environment).expect("known");
        let value = |name| line.properties.get(name).map(|p| (p.value.as_str(), p.origin.clone()));
        assert_eq!(value("a"), Some(("1", Origin::Variable("SERVER_JVMFLAGS"))));
        assert_eq!(value("b"), Some(("2", Origin::Variable("JVMFLAGS"))));
        assert_eq!(value("c"), Some(("3", Origin::CommandLine)));
        assert_eq!(line.operands, ["2181", "/data"]);
    }

    #[test]
    fn an_unknown_option_is_an_error_on_the_command_line_only() {
        assert!(matches!(read(&["--frobnicate"], &[]), Err(ConfigError::Usage(_))));
        assert_eq!(read(&[], &[("JVMFLAGS", "--frobnicate")]).expect("ignored").notices.len(), 1);
    }

    #[test]
    fn the_scripts_variable_against_making_directories() {
        let line = read(&[], &[("ZOO_DATADIR_AUTOCREATE_DISABLE", "1")]).expect("known");
        assert_eq!(
            line.properties.get("zookeeper.datadir.autocreate").map(|p| p.value.as_str()),
            Some("false")
        );
    }
}
