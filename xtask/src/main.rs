//! `cargo xtask`: see CONTRIBUTING.md.

use anyhow::{Result, bail};

const USAGE: &str = "cargo xtask fetch    bring everything that the tests need";

fn main() -> Result<()> {
    xtask::process::end_children_on_interrupt()?;
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["fetch"] => xtask::fetch::run(),
        _ => bail!("usage:\n{USAGE}"),
    }
}
