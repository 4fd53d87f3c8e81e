//! Jars, by Maven.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::pins::{MAVEN_DEPENDENCY, ZOOKEEPER, ZooKeeper};
use super::{Item, client, text};
use crate::workspace::cache;

/// A log on standard error: one line per event, without the debug output that logback defaults to.
const LOGBACK: &str = r#"<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <target>System.err</target>
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level [%thread] %logger{0} - %msg%n%ex</pattern></encoder>
  </appender>
  <root level="${zookeeper.log.level:-INFO}"><appender-ref ref="out"/></root>
</configuration>
"#;

/// The same for releases that log by log4j.
const LOG4J: &str = "log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.target=System.err
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{HH:mm:ss,SSS} %-5p [%t] %c{1} - %m%n
";

/// Dependencies that no test needs: OpenSSL for every platform, what old poms name but no registry has.
const EXCLUDED: &[&str] = &[
    "io.netty:netty-tcnative-boringssl-static",
    "com.sun.jmx:jmxri",
    "com.sun.jdmk:jmxtools",
    "javax.jms:jms",
    "junit:junit",
];

pub(super) fn items() -> Result<Vec<Item>> {
    ZOOKEEPER.iter().map(item).collect()
}

fn item(release: &'static ZooKeeper) -> Result<Item> {
    let pom = pom(release.artifacts)?;
    Ok(Item {
        name: format!("ZooKeeper {} (Maven)", release.line),
        folder: cache().join("java").join(release.line),
        recipe: [&pom, MAVEN_DEPENDENCY, LOGBACK, LOG4J].concat(),
        make: Box::new(move |folder| make(folder, &pom)),
    })
}

fn make(folder: &Path, pom: &str) -> Result<()> {
    let conf = folder.join("conf");
    fs::create_dir(&conf)?;
    fs::write(conf.join("logback.xml"), LOGBACK)?;
    fs::write(conf.join("log4j.properties"), LOG4J)?;
    fs::write(folder.join("pom.xml"), pom)?;
    let to = format!("-DoutputDirectory={}", text(&folder.join("lib"))?);
    client(
        "mvn",
        folder,
        &["--quiet", "--batch-mode", "--no-transfer-progress", MAVEN_DEPENDENCY, &to],
    )
}

/// A project whose only purpose is to depend on `artifacts`.
fn pom(artifacts: &[&str]) -> Result<String> {
    let mut pom = String::from("<project>\n  <modelVersion>4.0.0</modelVersion>\n");
    pom += "  <groupId>rookeeper</groupId><artifactId>fetch</artifactId><version>1</version><packaging>pom</packaging>\n";
    pom += "  <dependencies>\n";
    for coordinates in artifacts {
        let mut parts = coordinates.split(':');
        let mut part =
            || parts.next().with_context(|| format!("{coordinates} is not group:artifact:version"));
        let (group, artifact, version) = (part()?, part()?, part()?);
        writeln!(pom, "    <dependency>{}<version>{version}</version>", names(group, artifact))?;
        writeln!(pom, "      <exclusions>{}</exclusions>\n    </dependency>", exclusions())?;
    }
    Ok(pom + "  </dependencies>\n</project>\n")
}

fn exclusions() -> String {
    let pairs = EXCLUDED.iter().filter_map(|excluded| excluded.split_once(':'));
    pairs
        .map(|(group, artifact)| format!("<exclusion>{}</exclusion>", names(group, artifact)))
        .collect()
}

fn names(group: &str, artifact: &str) -> String {
    format!("<groupId>{group}</groupId><artifactId>{artifact}</artifactId>")
}
