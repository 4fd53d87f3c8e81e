//! Differential and compatibility suites against Apache ZooKeeper.
