//! `xtask fetch`: everything that the tests need, by package name, from the registries' ordinary clients.
//!
//! Each item is a folder under `.cache` made by one command or a few. A folder that holds a stamp with its recipe is
//! complete; anything else there is what an interrupted run left, and is made again.

mod debian;
mod java;
mod node;
pub mod pins;
mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::run_quiet;
use crate::workspace::cache;

/// How long one command of a package client may take.
const DEADLINE: Duration = Duration::from_secs(300);

/// The file that says which recipe made a folder.
const STAMP: &str = ".fetched";

/// What fills an item's folder.
type Make = Box<dyn Fn(&Path) -> Result<()> + Send>;

/// One folder to be made.
struct Item {
    /// Its name in the progress lines.
    name: String,
    /// Where it goes.
    folder: PathBuf,
    /// Everything that determines its content: a change makes it anew.
    recipe: String,
    /// Fills the folder, which exists and is empty.
    make: Make,
}

/// Brings what is missing. Clients of different registries work side by side, one item of each at a time.
pub fn run() -> Result<()> {
    fs::create_dir_all(cache())?;
    let _alone = lock()?;
    let families = [java::items()?, python::items(), debian::items(), node::items()];
    let results = thread::scope(|scope| {
        let threads = families.map(|items| scope.spawn(move || items.iter().try_for_each(bring)));
        threads.map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread of fetch panicked")))
    });
    results.into_iter().collect()
}

/// Waits until no other `xtask fetch` works in this tree; the lock goes with the file.
fn lock() -> Result<fs::File> {
    let file = fs::File::create(cache().join("lock"))?;
    if file.try_lock().is_err() {
        println!("fetch: another fetch is running in this tree, waiting for it");
        file.lock()?;
    }
    Ok(file)
}

/// Makes one item unless it is there.
fn bring(item: &Item) -> Result<()> {
    let stamp = item.folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|recipe| recipe == item.recipe) {
        println!("fetch: {:<28} present", item.name);
        return Ok(());
    }
    let started = Instant::now();
    if item.folder.exists() {
        fs::remove_dir_all(&item.folder)?;
    }
    fs::create_dir_all(&item.folder)?;
    println!("fetch: {:<28} fetching", item.name);
    (item.make)(&item.folder).with_context(|| format!("fetching {} failed", item.name))?;
    fs::write(&stamp, &item.recipe)?;
    println!("fetch: {:<28} done in {} s", item.name, started.elapsed().as_secs());
    Ok(())
}

/// Runs one command of a package client in `folder`.
fn client(program: &str, folder: &Path, args: &[&str]) -> Result<()> {
    run_quiet(Command::new(program).args(args).current_dir(folder), DEADLINE)
}

/// A path as an argument.
fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
