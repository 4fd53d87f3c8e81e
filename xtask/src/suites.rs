//! The compatibility suites in the gate: `compat/tests/NAME.rs`, with the minutes that each may take.

/// One suite.
pub struct Suite {
    /// The name of its test target.
    pub name: &'static str,
    /// Its row in the gate's budget, in minutes on two cores.
    pub minutes: f64,
}

/// All of them, short ones first. `xtask tidy` checks that none is forgotten.
pub const SUITES: &[Suite] = &[
    Suite { name: "c_client", minutes: 0.2 },
    Suite { name: "node_client", minutes: 0.2 },
    Suite { name: "at_start", minutes: 0.1 },
    Suite { name: "process", minutes: 0.2 },
    Suite { name: "shell", minutes: 0.4 },
    Suite { name: "crash", minutes: 0.4 },
    Suite { name: "java_client", minutes: 0.5 },
    Suite { name: "configuration", minutes: 0.5 },
    Suite { name: "cross_open", minutes: 0.7 },
    Suite { name: "known_faults", minutes: 0.8 },
    Suite { name: "kazoo", minutes: 2.0 },
    Suite { name: "differential", minutes: 2.0 },
];
