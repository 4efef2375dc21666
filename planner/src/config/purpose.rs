//! Which documents of a file a command uses. One file may serve `kubeadm init`, `join`, `reset` and `upgrade`.
//!
//! In: a command's [`Purpose`] and a document's API version and kind. Out: whether the command uses the document, and what to
//! tell the user if it does not. As kubeadm does, a command ignores the documents of other commands with a warning, and reads no
//! further than their API version and kind. Source: kubeadm v1.36.2, cmd/kubeadm/app/util/config, `documentMapTo…` in
//! initconfiguration.go, joinconfiguration.go.

use crate::schema::{Kind, V1BETA4};

/// What a command reads the documents for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To create a cluster and plan its nodes.
    NewCluster,
    /// To plan a node that joins a running cluster.
    Join,
    /// To convert the documents.
    Convert,
}

/// Kinds of kubeadm, besides those in [`Kind`], that only its other commands use.
const OTHER_KINDS: &[&str] = &["ResetConfiguration", "UpgradeConfiguration"];

/// Why a command ignores a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ignored {
    /// The message of the warning.
    pub(super) message: &'static str,
    /// Its hint.
    pub(super) hint: &'static str,
}

impl Purpose {
    /// Why a command with this purpose ignores documents of `kind`; `None` if it uses them.
    pub(super) const fn ignores(self, kind: Kind) -> Option<Ignored> {
        match (self, kind) {
            (Self::NewCluster, Kind::Join) => Some(Ignored {
                message: "this document is ignored: it is about a node that joins a running cluster, and this command plans a new cluster",
                hint: "set what the nodes of a new cluster need in a `kubeplan.io/v1alpha1` Cluster document; `kubeplan plan --join FACTS` uses this document",
            }),
            (
                Self::Join,
                Kind::Init | Kind::Cluster | Kind::Kubelet | Kind::KubeProxy | Kind::Inventory,
            ) => Some(Ignored {
                message: "this document is ignored: a node that joins uses the configuration that the running cluster stores",
                hint: "set what this node needs in the JoinConfiguration, or in patches",
            }),
            (
                Self::NewCluster,
                Kind::Init | Kind::Cluster | Kind::Kubelet | Kind::KubeProxy | Kind::Inventory,
            )
            | (Self::Join, Kind::Join)
            | (Self::Convert, _) => None,
        }
    }

    /// Why a command with this purpose ignores a document of a kind that only kubeadm's other commands use; `None` if the
    /// document is not one.
    pub(super) fn ignores_other(self, api_version: &str, kind: &str) -> Option<Ignored> {
        if api_version != V1BETA4 || !OTHER_KINDS.contains(&kind) {
            return None;
        }
        Some(match self {
            Self::NewCluster | Self::Join => Ignored {
                message: "this document is ignored: kubeplan does not plan resets or upgrades",
                hint: "",
            },
            Self::Convert => Ignored {
                message: "the result does not contain this document: kubeplan does not convert it, and its API version is the newest",
                hint: "append it to the result unchanged",
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Report, Source, check_join, load_cluster, migrate};

    const INIT: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 10.0.0.11}\nnodeRegistration: {name: cp1}\n";
    const CLUSTER: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";
    const JOIN: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery:\n  bootstrapToken: {apiServerEndpoint: 'cp.example.com:6443', token: abcdef.0123456789abcdef, unsafeSkipCAVerification: true}\n";
    const RESET: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\n";
    const UPGRADE: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: UpgradeConfiguration\n";
    /// Documents whose content is wrong: only one that is ignored does no harm.
    const WRONG_JOIN: &str =
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\nfuture: [x]\n";
    const WRONG_UPGRADE: &str =
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: UpgradeConfiguration\nplan: 3\n";
    const WRONG_KUBELET: &str =
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: many\n";

    /// `line: KIND` of every document that is ignored, and the first error.
    fn outcome(result: Result<Report, Report>) -> (Vec<String>, Option<String>) {
        let (report, failed) = match result {
            Ok(report) => (report, false),
            Err(report) => (report, true),
        };
        assert_eq!(report.has_errors(), failed, "{report}");
        let ignored = report.findings().iter().filter(|finding| {
            ["this document is ignored", "does not contain this document"]
                .iter()
                .any(|text| finding.message.contains(text))
        });
        let ignored = ignored.map(|finding| format!("{}: {}", finding.line.unwrap(), finding.path));
        let errors = report.to_string();
        let error = errors.lines().find(|line| line.starts_with("error"));
        (ignored.collect(), error.map(str::to_owned))
    }

    #[test]
    fn one_file_serves_every_command() {
        // Documents; what each command ignores, and its error.
        type Expected<'a> = (&'a [&'a str], &'a str);
        let table: [(&[&str], Expected<'_>, Option<Expected<'_>>); 10] = [
            (
                &[INIT, CLUSTER, UPGRADE],
                (&["10: UpgradeConfiguration"], ""),
                None,
            ),
            (
                &[INIT, CLUSTER, RESET],
                (&["10: ResetConfiguration"], ""),
                None,
            ),
            (
                &[INIT, CLUSTER, WRONG_UPGRADE],
                (&["10: UpgradeConfiguration"], ""),
                None,
            ),
            (
                &[INIT, CLUSTER, JOIN],
                (&["10: JoinConfiguration"], ""),
                None,
            ),
            (
                &[JOIN, CLUSTER, INIT],
                (&["1: JoinConfiguration"], ""),
                None,
            ),
            (
                &[INIT, CLUSTER, WRONG_JOIN],
                (&["10: JoinConfiguration"], ""),
                None,
            ),
            (
                &[INIT, CLUSTER, WRONG_KUBELET],
                (&[], "KubeletConfiguration.maxPods"),
                None,
            ),
            (
                &[JOIN, UPGRADE],
                (
                    &["1: JoinConfiguration", "6: UpgradeConfiguration"],
                    "contains a JoinConfiguration, but neither",
                ),
                Some((&["6: UpgradeConfiguration"], "")),
            ),
            (
                &[JOIN, WRONG_KUBELET],
                (
                    &["1: JoinConfiguration"],
                    "contains a JoinConfiguration, but neither",
                ),
                Some((&["6: KubeletConfiguration"], "")),
            ),
            (
                &[RESET],
                (&["1: ResetConfiguration"], "contains neither"),
                None,
            ),
        ];
        for (documents, cluster, join) in table {
            let text = documents.join("---\n");
            let sources = [Source {
                name: "c.yaml",
                text: &text,
            }];
            let found = load_cluster(&sources, crate::config::Options::default());
            let (ignored, error) = outcome(found.map(|loaded| loaded.warnings));
            assert_eq!(ignored, cluster.0, "{text}");
            let error = error.unwrap_or_default();
            assert!(error.contains(cluster.1), "{text}{error}");
            assert_eq!(error.is_empty(), cluster.1.is_empty(), "{text}{error}");
            let checked = check_join(&sources, &[], false);
            assert_eq!(
                checked.as_ref().is_ok_and(Option::is_none),
                join.is_none(),
                "{text}"
            );
            if let Some((expected, expected_error)) = join {
                let (ignored, error) = outcome(checked.map(Option::unwrap));
                assert_eq!(ignored, expected, "{text}");
                assert_eq!(error.unwrap_or_default(), expected_error, "{text}");
            }
        }
    }

    #[test]
    fn a_document_that_is_not_converted_is_named() {
        let text = [INIT, UPGRADE, JOIN, RESET].join("---\n");
        let source = Source {
            name: "c.yaml",
            text: &text,
        };
        let migrated = migrate(&[source], false).unwrap();
        let kinds: Vec<_> = migrated
            .documents
            .iter()
            .map(|document| document["kind"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "InitConfiguration",
                "ClusterConfiguration",
                "JoinConfiguration"
            ]
        );
        let (named, error) = outcome(Ok(migrated.warnings));
        assert_eq!(named, ["6: UpgradeConfiguration", "14: ResetConfiguration"]);
        assert_eq!(error, None);
    }

    #[test]
    fn ignored_documents_keep_the_rules_of_the_file() {
        let twice = [INIT, CLUSTER, UPGRADE, UPGRADE].join("---\n");
        let old = [INIT, CLUSTER, &JOIN.replace("v1beta4", "v1beta2")].join("---\n");
        let unknown = [INIT, CLUSTER, &UPGRADE.replace("Upgrade", "Upgarde")].join("---\n");
        for (text, expected) in [
            (&twice, "a second document of kind UpgradeConfiguration"),
            (&old, "`kubeadm.k8s.io/v1beta2` is too old"),
            (&unknown, "unknown document"),
        ] {
            let source = Source {
                name: "c.yaml",
                text,
            };
            let found = load_cluster(&[source], crate::config::Options::default());
            let (_, error) = outcome(found.map(|loaded| loaded.warnings));
            assert!(
                error.as_ref().is_some_and(|error| error.contains(expected)),
                "{error:?}"
            );
        }
    }
}
