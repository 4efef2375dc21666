//! The order of each crate's outermost modules: a module names only what stands below it.

/// A crate's outermost modules, from the top to the bottom; `lib` is what `lib.rs` itself holds.
pub struct Order {
    /// The directory of its source, such as `planner/src`.
    pub directory: &'static str,
    /// The modules, from the top to the bottom.
    pub modules: &'static [&'static str],
    /// Arrows that run up today, `from -> to`. The list only ever becomes shorter: one that is gone must go from here, too.
    pub upwards: &'static [&'static str],
}

/// Every crate whose modules have an order.
pub const ORDERS: &[Order] = &[
    Order {
        directory: "bundle/src",
        modules: &[
            "lib",
            "writer",
            "unseal",
            "verify",
            "reader",
            "verify_error",
            "payload",
            "receipt",
            "facts",
            "join_facts",
            "policy",
            "approval",
            "allowed_signers",
            "redact",
            "index",
            "step",
            "check",
            "access",
            "frame",
            "limits",
            "seal",
            "canonical",
            "signature",
            "spki",
            "name",
            "authority",
            "service",
            "yaml_budget",
            "path",
            "mode",
            "digest",
            "timestamp",
            "secret",
            "exit",
            "text",
        ],
        upwards: &[],
    },
    Order {
        directory: "terminal/src",
        modules: &[
            "lib", "usage", "report", "progress", "io", "error", "advice", "table", "text",
            "shell", "json", "escape",
        ],
        upwards: &[],
    },
    Order {
        directory: "review/src",
        modules: &["lib", "verdict", "view", "facts", "standing"],
        upwards: &[],
    },
    Order {
        directory: "planner/src",
        modules: &[
            "lib",
            "cli",
            "engine",
            "assemble",
            "plain_files",
            "output",
            "operations",
            "phases",
            "selection",
            "render",
            "pki",
            "config",
            "patches",
            "schema",
            "kubeadm",
            "suggest",
            "plan",
            "yaml",
            "durable",
            "files",
        ],
        upwards: &[],
    },
    Order {
        directory: "applier/src",
        modules: &[
            "lib",
            "cli",
            "install",
            "reset",
            "preflight",
            "admission",
            "discovery",
            "steps",
            "etcd",
            "runtime",
            "trust",
            "state",
            "contents",
            "kubeadm",
            "net",
            "host",
            "yaml",
        ],
        upwards: &[],
    },
];

/// The roots of all crates; in none of them do the sub-modules of one module name each other in a circle.
pub const ROOTS: &[&str] = &[
    "bundle/src/lib.rs",
    "terminal/src/lib.rs",
    "review/src/lib.rs",
    "planner/src/lib.rs",
    "applier/src/lib.rs",
    "testkit/src/lib.rs",
    "tests/lib.rs",
    "tests/main.rs",
    "tests/hosts/src/lib.rs",
    "xtask/src/main.rs",
];

/// A circle that is in a crate today.
pub struct KnownCircle {
    /// The crate's root, one of [`ROOTS`].
    pub root: &'static str,
    /// The module whose sub-modules are in it, such as `host::root`.
    pub parent: &'static str,
    /// Their names, sorted.
    pub modules: &'static [&'static str],
    /// Why it stays.
    pub reason: &'static str,
}

/// The circles that stay. The list only ever becomes shorter: one that is gone must go from here, too.
pub const KNOWN_CIRCLES: &[KnownCircle] = &[
    KnownCircle {
        root: "planner/src/lib.rs",
        parent: "config",
        modules: &[
            "default",
            "documents",
            "draft",
            "facts",
            "flags",
            "inventory",
            "join",
            "load",
            "migrate",
            "skip_phases",
            "valid",
            "validate",
        ],
        reason: "defaults and validation share the parsing of values, and both know the host that `load` describes",
    },
    KnownCircle {
        root: "planner/src/lib.rs",
        parent: "engine",
        modules: &["bundles", "error", "join", "outlines", "session"],
        reason: "a session holds what a join discovered, and a join plans with a session; the session has to lose the discovery",
    },
];
