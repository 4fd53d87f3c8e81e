//! Directories that a server must not or cannot use, and the message for each.

use std::fs;
use std::path::Path;

use storage::{DataDirectory, DirectoryOptions};

fn options(data_dir: &Path, data_log_dir: &Path) -> DirectoryOptions {
    DirectoryOptions {
        data_dir: data_dir.to_owned(),
        data_log_dir: data_log_dir.to_owned(),
        autocreate: true,
    }
}

fn open(dir: &Path) -> Result<DataDirectory, String> {
    DataDirectory::open(&options(dir, dir)).map_err(|e| e.to_string())
}

fn refused(dir: &Path) -> String {
    open(dir).expect_err("the directory must be refused")
}

#[test]
fn missing_directories_are_made_unless_that_is_forbidden() {
    let dir = tempfile::tempdir().unwrap();
    let (data, logs) = (dir.path().join("a/data"), dir.path().join("b/logs"));
    let mut options = options(&data, &logs);
    options.autocreate = false;
    let said = DataDirectory::open(&options).unwrap_err().to_string();
    assert!(said.contains("missing") && said.contains("datadir.autocreate"), "{said}");
    assert!(!dir.path().join("a").exists());
    options.autocreate = true;
    DataDirectory::open(&options).unwrap();
    assert!(data.join("version-2").is_dir() && logs.join("version-2").is_dir());
}

#[test]
fn a_file_where_a_directory_should_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("data");
    fs::write(&file, "x").unwrap();
    assert!(refused(&file).contains("not a directory"));
    let inside = dir.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("version-2"), "x").unwrap();
    assert!(refused(&inside).contains("not a directory"));
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

#[test]
fn exchanged_directories_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (data, logs) = (dir.path().join("data"), dir.path().join("logs"));
    for (place, name, what) in [
        (&logs, "snapshot.0", "log directory has snapshot files"),
        (&data, "log.1", "snapshot directory has log files"),
    ] {
        fs::create_dir_all(place.join("version-2")).unwrap();
        let file = place.join("version-2").join(name);
        fs::write(&file, "").unwrap();
        let said = DataDirectory::open(&options(&data, &logs)).unwrap_err().to_string();
        assert!(said.contains(what) && said.contains(name), "{said}");
        fs::remove_file(file).unwrap();
    }
    DataDirectory::open(&options(&data, &logs)).unwrap();
}

#[test]
fn the_lock_is_free_again_when_its_holder_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let held = open(dir.path()).unwrap();
    let said = refused(dir.path());
    assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
    drop(held);
    open(dir.path()).unwrap();
}

#[test]
fn a_log_directory_has_one_server_too() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b, logs) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("logs"));
    let _held = DataDirectory::open(&options(&a, &logs)).unwrap();
    let said = DataDirectory::open(&options(&b, &logs)).unwrap_err().to_string();
    assert!(said.contains("in use"), "{said}");
}
