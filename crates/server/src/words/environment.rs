use std::env;
use std::fmt::{self, Write};
use std::fs;

use super::text::Text;

/// What Java answers where there is nothing to say.
const NONE: &str = "<NA>";

/// The keys and values of `envi`, as they were at the start.
///
/// All keys of Apache ZooKeeper are there, for scripts that look for them; those of the Java machine
/// have the value that Java gives a property it does not have. The three numbers under `os.memory`
/// are the machine's memory: free, and (twice) all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(Vec<(&'static str, String)>);

impl Environment {
    /// Reads the environment of this process.
    #[must_use]
    pub fn of_process(version: &str) -> Self {
        let system = rustix::system::uname();
        let memory = Memory::of_machine();
        let none = || NONE.to_owned();
        let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        let dir = env::current_dir().map_or_else(|_| none(), |dir| dir.display().to_string());
        Self(vec![
            ("zookeeper.version", version.to_owned()),
            ("host.name", text(system.nodename())),
            ("java.version", none()),
            ("java.vendor", none()),
            ("java.home", none()),
            ("java.class.path", none()),
            ("java.library.path", none()),
            ("java.io.tmpdir", env::temp_dir().display().to_string()),
            ("java.compiler", none()),
            ("os.name", text(system.sysname())),
            ("os.arch", arch(env::consts::ARCH).to_owned()),
            ("os.version", text(system.release())),
            ("user.name", user_name().unwrap_or_else(none)),
            ("user.home", env::home_dir().map_or_else(none, |home| home.display().to_string())),
            ("user.dir", dir),
            ("os.memory.free", format!("{}MB", memory.free_mib)),
            ("os.memory.max", format!("{}MB", memory.total_mib)),
            ("os.memory.total", format!("{}MB", memory.total_mib)),
        ])
    }

    /// Keys and values in ZooKeeper's order.
    #[must_use]
    pub fn entries(&self) -> &[(&'static str, String)] {
        &self.0
    }

    /// `envi`.
    ///
    /// # Errors
    /// The text is full.
    pub fn write(&self, out: &mut Text) -> fmt::Result {
        writeln!(out, "Environment:")?;
        self.0.iter().try_for_each(|(key, value)| writeln!(out, "{key}={value}"))
    }
}

/// Who runs the process, by the list of users: the environment says who once logged in, if anything.
fn user_name() -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    name_in(&users, rustix::process::getuid().as_raw()).or_else(|| env::var("USER").ok())
}

fn name_in(users: &str, id: u32) -> Option<String> {
    // name:password:id:...
    let is_meant = |fields: &Vec<&str>| fields.get(2).and_then(|id| id.parse().ok()) == Some(id);
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(is_meant)?.first().map(|name| (*name).to_owned())
}

/// Java's name for an architecture.
fn arch(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        name => name,
    }
}

/// The machine's memory in MiB; zero where the system does not tell.
#[derive(Debug, PartialEq, Eq)]
struct Memory {
    free_mib: u64,
    total_mib: u64,
}

impl Memory {
    fn of_machine() -> Self {
        Self::parse(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
    }

    fn parse(meminfo: &str) -> Self {
        let mib = |key: &str| {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            kib.unwrap_or(0) / 1024
        };
        Self { free_mib: mib("MemAvailable"), total_mib: mib("MemTotal") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_its_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\n# none\nzoo:x:107:1:,,,:/var:/bin/sh\n";
        assert_eq!(name_in(users, 107).as_deref(), Some("zoo"));
        assert_eq!(name_in(users, 10), None);
    }
    use crate::words::answer;

    #[test]
    fn envi_has_the_keys_of_java_in_their_order() {
        let environment = Environment::of_process("3.9.5-x");
        let text = answer(usize::MAX, |out| environment.write(out));
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("Environment:"));
        let keys: Vec<_> = lines.map(|line| line.split_once('=').unwrap().0).collect();
        let expect = "zookeeper.version host.name java.version java.vendor java.home \
             java.class.path java.library.path java.io.tmpdir java.compiler os.name os.arch \
             os.version user.name user.home user.dir os.memory.free os.memory.max os.memory.total";
        assert_eq!(keys.join(" "), expect);
        assert!(text.contains("\nzookeeper.version=3.9.5-x\n"));
    }

    #[test]
    fn memory_is_in_mib() {
        let meminfo = "MemTotal:        8000000 kB\nMemFree: 1 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(Memory::parse(meminfo), Memory { free_mib: 2, total_mib: 7812 });
        assert_eq!(Memory::parse("nonsense"), Memory { free_mib: 0, total_mib: 0 });
    }
}
