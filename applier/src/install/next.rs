//! Commands to run next, as they can be typed.

use kubeplan_terminal::quote;

use crate::host::Root;

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
