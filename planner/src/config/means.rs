//! Says how the user can set a value that kubeadm reads from the host: with what the command in hand takes.

/// What can set a value of a node, besides its own field.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Means {
    /// The flags of kubeadm apply to the node.
    pub(super) flags: bool,
    /// The user gave files, beside which some flags are refused.
    pub(super) files: bool,
    /// The user may name a field of the node's entry in a Cluster document instead.
    pub(super) entry: bool,
    /// Host facts may be given, and are not.
    pub(super) facts: bool,
    /// The node is one of several, so that its facts are found by its name.
    pub(super) several: bool,
}

impl Means {
    /// The hint for a value that `flag` sets (`--name VALUE`; `refused` if it is refused beside a file) and, in a Cluster document, the
    /// field `of_entry` of the node.
    pub(super) fn hint(self, of_entry: &str, flag: &str, refused: bool) -> String {
        let mut ways = Vec::new();
        if self.entry && self.files {
            ways.push(format!(
                "set this field or the node's `{of_entry}` in a `kubeplan.io/v1alpha1` Cluster document"
            ));
        } else if self.files || !self.flags {
            ways.push("set this field".to_owned());
        }
        if self.flags && !(self.files && refused) {
            ways.push(format!("give {flag}"));
        }
        if self.facts {
            ways.push("give the host's facts with --facts DIR".to_owned());
        }
        ways.join(", or ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_only_what_the_command_takes() {
        let means = |flags, files, entry, facts| Means {
            flags,
            files,
            entry,
            facts,
            several: false,
        };
        for (means, flag, refused, expected) in [
            (
                means(true, true, true, true),
                "--node-name NAME",
                false,
                "set this field or the node's `x` in a `kubeplan.io/v1alpha1` Cluster document, or give --node-name NAME, or give the host's facts with --facts DIR",
            ),
            (
                means(true, true, true, false),
                "--apiserver-advertise-address IP",
                true,
                "set this field or the node's `x` in a `kubeplan.io/v1alpha1` Cluster document",
            ),
            (
                means(true, false, true, true),
                "--apiserver-advertise-address IP",
                true,
                "give --apiserver-advertise-address IP, or give the host's facts with --facts DIR",
            ),
            (
                means(true, true, false, false),
                "--node-name NAME",
                false,
                "set this field, or give --node-name NAME",
            ),
            (
                means(false, true, false, true),
                "--node-name NAME",
                false,
                "set this field, or give the host's facts with --facts DIR",
            ),
            (
                Means::default(),
                "--node-name NAME",
                false,
                "set this field",
            ),
        ] {
            assert_eq!(means.hint("x", flag, refused), expected, "{means:?}");
        }
    }
}
