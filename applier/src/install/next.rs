//! Commands to run next, as they can be typed.

use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::quote;

use crate::host::Root;

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
