//! Transaction log, snapshots, recovery and purge in ZooKeeper's own formats.
