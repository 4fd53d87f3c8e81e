//! Directories that Apache ZooKeeper 3.8.6 and 3.9.5 wrote under load; two of them ended by kill -9,
//! all with snapshots that were written while transactions went on. Logs are cut behind their last
//! entry, but for some of the padding.

use std::fs;
use std::path::{Path, PathBuf};

use base::Zxid;
use storage::{
    Case, FileName, Layout, RealDisk, Recovered, RecoveryOptions, recover, valid_snapshots,
};

/// Directory, and what the server that wrote it says after its next start: last zxid and digest.
const WRITTEN_BY_JAVA: [(&str, i64, u64); 4] = [
    ("java-3.8", 0x5c, 65_252_354_824),
    ("java-3.9", 0x7c, 99_944_842_772),
    ("java-3.9-gz", 0x5e, 78_522_715_437),
    ("java-3.9-snappy", 0x5e, 65_863_580_425),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn start(dir: &Path) -> Recovered {
    let options = RecoveryOptions::default();
    recover(&RealDisk, &Layout::new(dir, dir), &options, &mut |_| {}).expect("a start")
}

#[test]
fn ours_starts_where_java_would() {
    for (name, zxid, digest) in WRITTEN_BY_JAVA {
        let recovered = start(&fixture(name));
        assert_eq!(recovered.tree.last_zxid(), Zxid(zxid), "{name}");
        assert_eq!(recovered.tree.digest(), digest, "{name}");
        assert_eq!(recovered.notes().count(), 0, "{:?}", recovered.findings);
    }
}

/// From an older snapshot more is replayed, and more of it twice: the tree is the same.
#[test]
fn every_snapshot_leads_to_the_same_tree() {
    for (name, zxid, digest) in WRITTEN_BY_JAVA {
        let copy = tempfile::tempdir().unwrap();
        let version_2 = copy.path().join("version-2");
        fs::create_dir(&version_2).unwrap();
        for file in fs::read_dir(fixture(name).join("version-2")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), version_2.join(file.file_name())).unwrap();
        }
        let snapshots = valid_snapshots(&RealDisk, &version_2, 9).unwrap();
        assert!(snapshots.len() > 1);
        for snapshot in snapshots {
            let recovered = start(copy.path());
            assert_eq!(recovered.tree.last_zxid(), Zxid(zxid), "{name}");
            assert_eq!(recovered.tree.digest(), digest, "{name}");
            let told = recovered.findings.iter().any(|f| f.case == Case::LogDigest);
            assert!(!told, "{:?}", recovered.findings);
            fs::remove_file(snapshot.path).unwrap();
        }
    }
}

#[test]
fn names_are_those_that_java_gives() {
    for (name, ..) in WRITTEN_BY_JAVA {
        for file in fs::read_dir(fixture(name).join("version-2")).unwrap() {
            let file = file.unwrap().file_name();
            assert!(FileName::parse(file.to_str().unwrap()).is_some(), "{file:?}");
        }
    }
}
