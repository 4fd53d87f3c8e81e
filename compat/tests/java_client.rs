//! Small programs on Apache ZooKeeper's Java client, of each release that is still met.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use compat::{Kind, Release, Server, Settings, script};
use xtask::process::run_quiet;

/// What the compiler may take.
const COMPILE_DEADLINE: Duration = Duration::from_secs(60);

/// A program and how many behaviours it checks.
type Program = (&'static str, usize);

/// What every client can do.
const CLASSIC: &[Program] = &[("Classic", 44), ("Reconnect", 7), ("Fleet", 20)];
/// What newer ones can do as well.
const MODERN: &[Program] = &[("Modern", 24)];

#[test]
fn programs_on_the_client_of_3_4() -> Result<()> {
    check(Release::V3_4, CLASSIC)
}

#[test]
fn programs_on_the_client_of_3_8() -> Result<()> {
    check(Release::V3_8, &[CLASSIC, MODERN].concat())
}

#[test]
fn programs_on_the_client_of_3_9() -> Result<()> {
    check(Release::V3_9, &[CLASSIC, MODERN].concat())
}

/// Compiles the programs against `release` and runs each against a fresh server.
fn check(release: Release, programs: &[Program]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let classes = folder.path().join("classes");
    compile(release, programs, &classes)?;
    for &(program, behaviours) in programs {
        let settings = Settings::new(folder.path().join(program))
            .line("extendedTypesEnabled=true")
            .property("znode.container.checkIntervalMs=200");
        let mut server = Server::start(Kind::under_test(), &settings)?;
        let class_path = format!("{}:{}", classes.display(), release.class_path());
        let mut java = Command::new("java");
        java.args([
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            &class_path,
            program,
        ]);
        let held = script::run(java.arg(server.addr().to_string()), &mut server)?;
        ensure!(
            held.len() == behaviours,
            "{program} checks other behaviours than it did: {held:#?}"
        );
    }
    Ok(())
}

fn compile(release: Release, programs: &[Program], classes: &Path) -> Result<()> {
    let sources =
        ["Check"].into_iter().chain(programs.iter().map(|&(program, _)| program)).map(source);
    let mut javac = Command::new("javac");
    javac.args(["-cp", &release.class_path(), "-d"]).arg(classes).args(sources);
    run_quiet(&mut javac, COMPILE_DEADLINE)
}

fn source(program: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("java").join(format!("{program}.java"))
}
