//! The znode tree: prepare, apply, ACLs, quotas, watches, sessions, digest. Pure.
