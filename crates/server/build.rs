//! Names the commit that is built, for the version string.

use std::process::Command;

fn main() {
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into());
    // The clock would make every build another binary.
    let seconds = std::env::var("SOURCE_DATE_EPOCH").ok();
    let seconds = seconds.or_else(|| git(&["log", "-1", "--format=%ct"]));
    println!("cargo::rustc-env=ROOKEEPER_COMMIT={commit}");
    println!("cargo::rustc-env=ROOKEEPER_COMMIT_SECONDS={}", seconds.unwrap_or("0".into()));
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=build.rs");
    rerun_if_head_moves();
}

/// `HEAD` names a branch, and the branch's file (or the packed ones) the commit.
fn rerun_if_head_moves() {
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = git(&["rev-parse", "--git-path", name]);
        if let Some(path) = path.filter(|path| std::path::Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// What git prints, on one line; none without git or outside of a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
