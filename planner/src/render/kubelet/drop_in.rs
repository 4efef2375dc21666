//! The systemd drop-in `10-kubeadm.conf` that makes the kubelet's unit read kubeadm's files.
//!
//! kubeadm's packages ship such a file, kubeadm itself never writes it; it is for hosts whose kubelet came
//! another way. Its variables are those the packages use, so that an operator's settings work either way.

use super::SourcedText;
use crate::kubeadm::layout;
use crate::plan::ValueSource;

/// One line of a unit.
enum Directive {
    /// A section header.
    Section(&'static str),
    /// A variable with flags.
    Environment { name: &'static str, flags: String },
    /// A file of variables that may be missing.
    OptionalEnvironmentFile(&'static str),
    /// Forgets the command of the unit itself.
    ClearExecStart,
    /// The command.
    ExecStart {
        program: &'static str,
        variables: &'static [&'static str],
    },
    /// For people.
    Comment(&'static str),
}

impl Directive {
    fn line(&self) -> String {
        match self {
            Self::Section(name) => format!("[{name}]"),
            Self::Environment { name, flags } => format!("Environment=\"{name}={flags}\""),
            Self::OptionalEnvironmentFile(path) => format!("EnvironmentFile=-{path}"),
            Self::ClearExecStart => "ExecStart=".to_owned(),
            Self::ExecStart { program, variables } => {
                let mut line = format!("ExecStart={program}");
                for variable in *variables {
                    line.push_str(" $");
                    line.push_str(variable);
                }
                line
            }
            Self::Comment(text) => format!("# {text}"),
        }
    }
}

/// The drop-in; nothing in it depends on the configuration.
#[must_use]
pub fn drop_in() -> SourcedText {
    let directives = [
        Directive::Comment("Makes the kubelet use what kubeadm (or kubeplan) configured."),
        Directive::Section("Service"),
        Directive::Environment {
            name: "KUBELET_KUBECONFIG_ARGS",
            flags: format!(
                "--bootstrap-kubeconfig={} --kubeconfig={}",
                layout::BOOTSTRAP_KUBELET_CONF,
                layout::kubeconfig("kubelet.conf")
            ),
        },
        Directive::Environment {
            name: "KUBELET_CONFIG_ARGS",
            flags: format!("--config={}", layout::KUBELET_CONFIG),
        },
        Directive::Comment("Sets KUBELET_KUBEADM_ARGS."),
        Directive::OptionalEnvironmentFile(layout::KUBELET_FLAGS),
        Directive::Comment(
            "An operator's own KUBELET_EXTRA_ARGS (Debian's place, Red Hat's place).",
        ),
        Directive::OptionalEnvironmentFile("/etc/default/kubelet"),
        Directive::OptionalEnvironmentFile("/etc/sysconfig/kubelet"),
        Directive::ClearExecStart,
        Directive::ExecStart {
            program: "/usr/bin/kubelet",
            variables: &[
                "KUBELET_KUBECONFIG_ARGS",
                "KUBELET_CONFIG_ARGS",
                "KUBELET_KUBEADM_ARGS",
                "KUBELET_EXTRA_ARGS",
            ],
        },
    ];
    let mut text = String::new();
    for directive in &directives {
        text.push_str(&directive.line());
        text.push('\n');
    }
    SourcedText {
        text,
        sources: vec![ValueSource {
            value: "ExecStart".to_owned(),
            from: "Cluster.nodes[0].kubeletDropIn".to_owned(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_reads_every_file_a_plan_writes_for_it() {
        let text = drop_in().text;
        for expected in [
            "[Service]\n",
            "Environment=\"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf\"\n",
            "Environment=\"KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml\"\n",
            "EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env\n",
            "ExecStart=\nExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
