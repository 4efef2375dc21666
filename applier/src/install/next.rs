//! Commands to run next, as they can be typed.

use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::quote;

use crate::host::Root;
use crate::state::installed::InstalledNode;
use crate::state::journal::Run;
use crate::state::memory::Memory;

/// The command that takes the set-user-ID, set-group-ID and sticky bits from a file.
pub(crate) fn take_bits(root: &Root, path: &HostPath) -> String {
    let mut place = path.to_string();
    if !root.is_live() {
        place.insert_str(0, root.absolute().trim_end_matches('/'));
    }
    format!("chmod u-s,g-s,-t {}", quote(&place))
}

/// `kubeapply WORDS… [--root DIR]`, quoted for a shell.
pub(crate) fn command(root: &Root, words: &[&str]) -> String {
    let mut line = String::from("kubeapply");
    for word in words {
        line.push(' ');
        line.push_str(&quote(word));
    }
    if !root.is_live() {
        line.push_str(" --root ");
        line.push_str(&quote(&root.absolute()));
    }
    line
}

/// What to do where live steps `remain`, or nothing is left to do.
pub(crate) fn remaining(root: &Root, remain: bool) -> Vec<String> {
    match (root.is_live(), remain) {
        (true, true) => vec!["run the live steps: the same install with --live-only".to_owned()],
        (true, false) => Vec::new(),
        (false, true) => vec![format!(
            "once the tree {} runs as a system, install the same bundle there with --live-only",
            root.shown()
        )],
        (false, false) => vec![format!("the tree {} is ready", root.shown())],
    }
}

/// The command that installs the node's plan again, with `flags`.
pub(crate) fn again(root: &Root, memory: &Memory, node: &InstalledNode, flags: &[&str]) -> String {
    let run = memory.runs.of_plan(node);
    let mut words = run.map_or_else(|| vec!["BUNDLE".to_owned()], install_words);
    let allows = "--allow-older-serial";
    if memory.serials.are_above(node) && !words.iter().any(|word| word == allows) {
        words.push(allows.to_owned());
    }
    let first = std::iter::once("install").chain(flags.iter().copied());
    let words = first.chain(words.iter().map(String::as_str));
    command(root, &words.collect::<Vec<_>>())
}

/// That a plan with a higher serial was installed here before that of the node, and what installs the node's again.
pub(crate) fn older_plan(root: &Root, memory: &Memory, node: &InstalledNode) -> Option<String> {
    let serial = node.serial.filter(|_| memory.serials.are_above(node))?;
    Some(format!(
        "a newer plan than serial {serial} was installed here, and rolled back or replaced; to install serial {serial} again: `{}`",
        again(root, memory, node, &[])
    ))
}

/// What a run was asked for, without the command.
fn install_words(run: &Run) -> Vec<String> {
    let request = &run.begin.request;
    let mut words = vec![request.bundle.clone()];
    for identity in &request.identities {
        words.extend(["--identity".to_owned(), identity.clone()]);
    }
    if let Some(signers) = &request.allowed_signers {
        words.extend(["--allowed-signers".to_owned(), signers.clone()]);
    }
    if let Some(node) = &request.as_node {
        words.extend(["--as-node".to_owned(), node.clone()]);
    }
    if request.older_serial {
        words.push("--allow-older-serial".to_owned());
    }
    if request.test_only {
        words.push("--allow-test-only".to_owned());
    }
    if !request.ignored.is_empty() {
        let ignored = request.ignored.join(",");
        words.extend(["--ignore-preflight-errors".to_owned(), ignored]);
    }
    words
}
