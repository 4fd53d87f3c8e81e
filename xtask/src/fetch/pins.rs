//! Every version that the tests stand on, in one place.

/// One release of Apache ZooKeeper, server and client.
pub struct ZooKeeper {
    /// Its folder under `.cache/java`.
    pub line: &'static str,
    /// Maven coordinates `group:artifact:version`; what they depend on comes along.
    pub artifacts: &'static [&'static str],
}

/// The releases of Apache ZooKeeper, oldest first.
///
/// The pom leaves to its users what a server needs to start and the shell to edit lines.
pub const ZOOKEEPER: &[ZooKeeper] = &[
    ZooKeeper { line: "3.4", artifacts: &["org.apache.zookeeper:zookeeper:3.4.10"] },
    ZooKeeper {
        line: "3.8",
        artifacts: &[
            "org.apache.zookeeper:zookeeper:3.8.6",
            "io.dropwizard.metrics:metrics-core:4.1.12.1",
            "org.xerial.snappy:snappy-java:1.1.10.5",
            "ch.qos.logback:logback-classic:1.3.15",
            "commons-cli:commons-cli:1.5.0",
            "org.jline:jline:3.25.1",
        ],
    },
    ZooKeeper {
        line: "3.9",
        artifacts: &[
            "org.apache.zookeeper:zookeeper:3.9.5",
            "io.dropwizard.metrics:metrics-core:4.1.12.1",
            "org.xerial.snappy:snappy-java:1.1.10.5",
            "ch.qos.logback:logback-classic:1.3.15",
            "commons-cli:commons-cli:1.5.0",
            "org.jline:jline:3.25.1",
        ],
    },
];

/// Maven's plugin that copies jars.
pub const MAVEN_DEPENDENCY: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// kazoo, whose source package carries its own suite.
pub const KAZOO: &str = "kazoo==2.11.0";

/// What kazoo's suite imports. Its harness makes certificates in a way that pyOpenSSL 26 no longer has.
pub const PYTHON: &[&str] = &[
    "eventlet==0.41.3",
    "gevent==26.9.0",
    "objgraph==3.7.0",
    "pure-sasl==0.6.2",
    "pyjks==20.0.0",
    "pyOpenSSL==25.3.0",
    "pytest==9.2.0",
    "pytest-timeout==2.4.0",
];

/// Debian packages: the C client's shell and library, the tracer of system calls, and a clock that can be set. Their
/// versions are the release's.
pub const DEBIAN: &[&str] = &[
    "libfaketime",
    "libunwind8",
    "libzookeeper-mt-dev",
    "libzookeeper-mt2",
    "strace",
    "zookeeper-bin",
];

/// npm packages.
pub const NODE: &[&str] = &["node-zookeeper-client@1.1.3"];
