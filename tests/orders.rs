//! The order of each crate's outermost modules: a module names only what stands below it.

/// A crate's outermost modules, from the top to the bottom; `lib` is what `lib.rs` itself holds.
pub struct Order {
    /// Where its source is, such as `planner/src`.
    pub folder: &'static str,
    /// The modules, from the top to the bottom.
    pub modules: &'static [&'static str],
    /// Arrows that run up today, `from -> to`. The list only ever becomes shorter: one that is gone must go from here, too.
    pub upwards: &'static [&'static str],
}

/// Every crate whose modules have an order.
pub const ORDERS: &[Order] = &[
    Order {
        folder: "terminal/src",
        modules: &[
            "lib", "usage", "report", "progress", "io", "error", "table", "text", "advice",
            "shell", "json", "escape",
        ],
        upwards: &[],
    },
    Order {
        folder: "review/src",
        modules: &["lib", "verdict", "view", "facts", "standing"],
        upwards: &[],
    },
    Order {
        folder: "planner/src",
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
            "go_types",
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
        folder: "applier/src",
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
