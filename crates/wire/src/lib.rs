//! The bytes of ZooKeeper: jute, frames, requests, responses, transactions, paths, ACLs, error codes.
