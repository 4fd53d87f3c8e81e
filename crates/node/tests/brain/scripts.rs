//! Stories, one behaviour each: `tests/scripts/<claim>.txt`.
//!
//! A line that is not indented is a command (`scene`), an indented one below it is what came of it,
//! `#` begins a comment. `BLESS=1 cargo test -p rookeeper-node` writes what came of them anew: read
//! the difference before you keep it.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use crate::scene::Scene;

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let files = fs::read_dir(folder).unwrap();
    let mut scripts: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    scripts.sort();
    scripts
}

/// The script as it would be if all that happens were expected.
fn played(script: &str) -> String {
    let mut scene = Scene::new();
    let mut played = String::new();
    for line in script.lines().filter(|line| !line.starts_with(' ')) {
        played += &format!("{line}\n");
        if !line.is_empty() && !line.starts_with('#') {
            scene.play(line).iter().for_each(|told| played += &format!("    {told}\n"));
        }
    }
    played
}

#[test]
fn every_script_goes_as_written() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for path in scripts() {
        let expected = fs::read_to_string(&path).unwrap();
        let played = panic::catch_unwind(|| played(&expected));
        let played = played.unwrap_or_else(|_| panic!("{} cannot be played", path.display()));
        if played == expected {
            continue;
        }
        if bless {
            fs::write(&path, &played).unwrap();
        } else {
            wrong.push(format!("{} goes like this:\n{played}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}\nSee scripts.rs on how to accept this.", wrong.join("\n"));
}
