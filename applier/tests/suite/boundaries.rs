//! What the program does not know: anything about Kubernetes that belongs into a bundle.

use std::fs;
use std::path::Path;

/// Words of images, manifests, RBAC rules and paths. All of that is rendered by the planner and arrives as bytes.
const FORBIDDEN: &[&str] = &[
    "registry.k8s.io",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kube-system",
    "coredns",
    "etcd",
    "pause:",
    "image:",
    "apiVersion: v1",
    "kind: Pod",
    "ClusterRole",
    "RoleBinding",
    "rbac.authorization",
    "system:masters",
    "system:node",
    "/etc/kubernetes",
    "/var/lib/kubelet",
    "k8s.io/",
    "v1.3",
];

/// `kubeadm/` is the only place with kubeadm's names. What asks etcd, or says something about it, names it; tests name what they like.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    ("src/kubeadm/", FORBIDDEN),
    ("tests.rs", FORBIDDEN),
    ("src/etcd/", &["etcd"]),
    ("src/lib.rs", &["etcd"]),
    ("src/steps/", &["etcd"]),
    ("src/reset/", &["etcd"]),
    ("src/cli/reset.rs", &["etcd"]),
    // Names of files that control planes share.
    ("src/discovery/shared.rs", &["etcd"]),
    ("src/state/reset.rs", &["etcd"]),
    ("src/state/mod.rs", &["etcd"]),
];

fn is_excepted(path: &Path, word: &str) -> bool {
    let shown = path.to_string_lossy();
    let mut excepted = EXCEPTIONS.iter();
    excepted.any(|(place, words)| shown.contains(place) && words.contains(&word))
        || is_only_in_tests(path, word)
}

/// Where one of `words` stands below `directory`, but for what `excepted` says.
fn scan(
    directory: &Path,
    words: &[&str],
    excepted: &dyn Fn(&Path, &str) -> bool,
    found: &mut Vec<String>,
    files: &mut usize,
) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scan(&path, words, excepted, found, files);
            continue;
        }
        *files += 1;
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            for word in words {
                if line.contains(word) && !excepted(&path, word) {
                    found.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
}

/// Whether every place of `word` in the file is in its tests, which are at its end.
fn is_only_in_tests(path: &Path, word: &str) -> bool {
    let text = fs::read_to_string(path).unwrap();
    let product = text.split("\n#[cfg(test)]\n").next().unwrap();
    !product.contains(word)
}

/// Where one of `words` stands in the source.
fn scan_source(words: &[&str], excepted: &dyn Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut files = 0;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    scan(&source, words, excepted, &mut found, &mut files);
    assert!(files > 20, "only {files} files were looked at");
    found
}

#[test]
fn the_source_holds_no_kubernetes_knowledge() {
    assert_eq!(scan_source(FORBIDDEN, &is_excepted), Vec::<String>::new());
}

/// What waits for a future.
const WAITING: &[&str] = &["block_on(", "tokio::runtime"];

#[test]
fn one_module_waits_for_futures() {
    let excepted = |path: &Path, word: &str| {
        path.ends_with("src/net/waiter.rs")
            // Played servers have a thread of their own.
            || path.ends_with("src/runtime/client/server.rs")
            || path.ends_with("tests.rs")
            || is_only_in_tests(path, word)
    };
    assert_eq!(scan_source(WAITING, &excepted), Vec::<String>::new());
    let everywhere = scan_source(WAITING, &|_, _| false);
    for word in WAITING {
        let place = |place: &&String| place.contains("src/net/waiter.rs") && place.ends_with(word);
        assert!(everywhere.iter().any(|found| place(&found)), "{word}");
    }
}

/// What writes to a stream. Foreign text is escaped by kubeplan-terminal; what is written past it would not be.
const STREAMS: &[&str] = &[
    ".stdout.write",
    ".stderr.write",
    "io::stdout",
    "io::stderr",
    "print!(",
    "println!(",
    "dbg!(",
];

#[test]
fn only_the_terminal_writes_to_the_streams() {
    let excepted = |path: &Path, word: &str| {
        // A test that cannot try something here says so; no word of the product is after its tests.
        word == "println!(" && is_only_in_tests(path, word)
    };
    assert_eq!(scan_source(STREAMS, &excepted), Vec::<String>::new());
    let terminal = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terminal/src");
    let (mut everywhere, mut files) = (Vec::new(), 0);
    scan(
        &terminal,
        STREAMS,
        &|_, _| false,
        &mut everywhere,
        &mut files,
    );
    assert!(
        everywhere.iter().any(|place| place.contains("src/io.rs")),
        "the words are those that the terminal uses"
    );
}

/// What is written is escaped line by line, so a message of more than one line would be shown with `\\n` in it.
#[test]
fn no_error_has_more_than_one_line() {
    let mut found = Vec::new();
    let mut files = 0;
    for source in ["src", "../bundle/src"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
        attributes(&source, &mut found, &mut files);
    }
    assert!(files > 50, "only {files} files were looked at");
    assert_eq!(found, Vec::<String>::new());
}

/// Attributes `#[error(…)]` below `directory` that hold a line feed.
fn attributes(directory: &Path, found: &mut Vec<String>, files: &mut usize) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            attributes(&path, found, files);
            continue;
        }
        *files += 1;
        let text = fs::read_to_string(&path).unwrap();
        for attribute in text.split("#[error(").skip(1) {
            let attribute = attribute.split(")]").next().unwrap();
            if attribute.contains("\\n") {
                found.push(format!("{}: {attribute}", path.display()));
            }
        }
    }
}
