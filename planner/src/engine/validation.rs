//! Everything that is wrong with documents, up to what only keys or a running cluster can tell.
//!
//! In: documents, flags, facts. Out: a [`Verdict`]. What is valid here a plan of the same documents with new keys does not refuse: every
//! node is planned without keys, with its phases and patches.

use std::error::Error;

use super::error::EngineError;
use super::notices::Notice;
use super::observer::{Observer, Progress, Silent};
use super::session::{Choices, PatchFolders, Session, flags_of_join};
use crate::config::{self, Finding, Options, Report, Severity, Source};

/// What there is to say about documents.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What was found.
    pub report: Report,
    /// What is no finding and still good to know.
    pub notes: Vec<String>,
}

impl Verdict {
    /// Whether the documents can be planned.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.report.has_errors()
    }

    fn find(&mut self, severity: Severity, message: String, hint: Option<&str>) {
        self.report.push(Finding {
            severity,
            file: String::new(),
            line: None,
            column: None,
            path: String::new(),
            message,
            hint: hint.map(str::to_owned),
        });
    }

    fn refuse(&mut self, error: EngineError) {
        match error {
            EngineError::Invalid(report) => self.report = report,
            EngineError::Nodes(failures) => {
                for (node, error) in failures.failed {
                    let node = node.map(|node| format!("node {node}: "));
                    let message = format!("{}{}", node.unwrap_or_default(), chain(&error));
                    self.find(Severity::Error, message, None);
                }
            }
            other => self.find(Severity::Error, chain(&other), other.hint()),
        }
    }
}

impl Observer for Verdict {
    fn findings(&mut self, findings: &Report) {
        self.report.extend(findings.clone());
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Warning(text) => self.find(Severity::Warning, text.clone(), None),
            Notice::Note(_) => self.notes.push(notice.to_string()),
        }
    }

    fn progress<'a>(&'a mut self, _: &'static str) -> Box<dyn Progress + 'a> {
        Box::new(Silent)
    }
}

/// Checks documents of a cluster, or of a node that joins one.
///
/// # Errors
/// [`EngineError::JoinFlags`] if flags are given that no document of the kind can take.
pub fn validate(
    sources: &[Source<'_>],
    options: Options,
    folders: &dyn PatchFolders,
) -> Result<Verdict, EngineError> {
    let mut verdict = Verdict::default();
    match check_join(sources, &options)? {
        Some(Ok(report)) => {
            verdict.report = report;
            verdict.notes.push(
                "note: the rest is checked when the node is planned: `kubeapply discover` on the host learns what the cluster is, then `kubeplan plan --join FACTS`"
                    .to_owned(),
            );
        }
        Some(Err(report)) => verdict.report = report,
        None => {
            let opened =
                Session::open(sources, options, &Choices::default(), folders, &mut verdict);
            let planned = opened.and_then(|mut session| {
                let notices = session.refuse_unplannable()?;
                notices.say(session.several(), &mut verdict);
                Ok(())
            });
            if let Err(error) = planned {
                verdict.refuse(error);
            }
        }
    }
    Ok(verdict)
}

/// Checks a JoinConfiguration with the flags beside it; `None` if there is none.
fn check_join(
    sources: &[Source<'_>],
    options: &Options,
) -> Result<Option<Result<Report, Report>>, EngineError> {
    // Without flags first: whether there is such a document at all.
    let plain = config::check_join(sources, &[], options.lenient);
    if matches!(plain, Ok(None)) || options.flags.is_empty() {
        return Ok(plain.transpose());
    }
    let (flags, _) = flags_of_join(&options.flags, true)?;
    Ok(config::check_join(sources, &flags, options.lenient).transpose())
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::seal::Identities;
    use kubeplan_bundle::signature::PrivateKey;

    use super::super::bundles::Bundles;
    use super::super::testing::{Folders, Shelf};
    use super::*;
    use crate::pki::StoreContents;
    use crate::pki::test_pki::TestPki;

    const NODE: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: 10.0.0.11}\nnodeRegistration: {name: cp1}\n";
    const CLUSTER: &str = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\nencryptionAlgorithm: ECDSA-P256\n";

    fn folders() -> Folders {
        Folders(
            [
                (
                    "good",
                    vec![("kube-apiserver.yaml", "metadata: {labels: {a: b}}")],
                ),
                (
                    "typo",
                    vec![("kube-apiserver.yaml", "spec: {containers: 3}")],
                ),
                ("no-yaml", vec![("kube-apiserver.yaml", "a: [")]),
                (
                    "vanishes",
                    vec![("kube-apiserver.yaml", "spec: {nodeNmae: x}")],
                ),
                (
                    "kubelet",
                    vec![(
                        "kubeletconfiguration+json.yaml",
                        "[{op: remove, path: /nothing}]",
                    )],
                ),
            ]
            .into(),
        )
    }

    /// Plans the documents with new keys; the number of bundles, or why there are none.
    fn plan(sources: &[Source<'_>]) -> Result<usize, EngineError> {
        let now = "2026-11-20T10:23:25Z".parse().unwrap();
        let (choices, mut silent) = (Choices::default(), Silent);
        let mut session = Session::open(
            sources,
            Options::default(),
            &choices,
            &folders(),
            &mut silent,
        )?;
        session.refuse_unplannable()?;
        let store = StoreContents::default();
        let keys = session.issue(store, now, &TestPki::new("1"), &mut silent)?;
        let author = PrivateKey::generate_ed25519("author").unwrap();
        let (_, recipient) = Identities::generate();
        let shelf = Shelf::default();
        Bundles::new(&session, &keys, &author, now)?.write_all(
            &shelf,
            |_| (vec![recipient.clone()], ()),
            |_, _, _| (),
            &mut silent,
        )?;
        Ok(shelf.0.into_inner().unwrap().len())
    }

    #[test]
    fn what_is_valid_is_planned_and_what_is_refused_is_not_valid() {
        // InitConfiguration, ClusterConfiguration, what is refused.
        let table = [
            ("", "", None),
            ("patches: {directory: good}", "", None),
            ("patches: {directory: vanishes}", "", None),
            (
                "patches: {directory: absent}",
                "",
                Some("the folder of patches absent is not a folder"),
            ),
            ("patches: {directory: no-yaml}", "", Some("cannot be read")),
            (
                "patches: {directory: typo}",
                "",
                Some("planning with patches: the user's patches cannot be applied"),
            ),
            (
                "patches: {directory: kubelet}",
                "",
                Some("planning with patches"),
            ),
            ("skipPhases: [addon]", "", None),
            (
                "skipPhases: [preflight, certs, kubeconfig, etcd, control-plane, kubelet-start, wait-control-plane, upload-config, upload-certs, mark-control-plane, bootstrap-token, kubelet-finalize, addon, show-join-command]",
                "",
                Some("put nothing into a bundle"),
            ),
            ("", "certificatesDir: relative", Some("certificatesDir")),
            (
                "",
                "etcd: {local: {dataDir: /etc/kubernetes/manifests}}",
                None,
            ),
            (
                "",
                "networking: {serviceSubnet: 10.96.0.0}",
                Some("serviceSubnet"),
            ),
        ];
        for (init, cluster, refused) in table {
            let text = format!("{NODE}{init}\n{CLUSTER}{cluster}\n");
            let sources = [Source {
                name: "c.yaml",
                text: &text,
            }];
            let verdict = validate(&sources, Options::default(), &folders()).unwrap();
            let planned = plan(&sources);
            assert_eq!(
                verdict.is_valid(),
                planned.is_ok(),
                "{init}{cluster}: {verdict:?} {planned:?}"
            );
            if let Some(why) = refused {
                let said = verdict.report.to_string();
                assert!(said.contains(why), "{init}{cluster}: {said}");
            }
        }
    }

    #[test]
    fn every_node_that_cannot_be_planned_is_named() {
        let text = format!(
            "{}---\napiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {{name: c}}\nnodes:\n- {{name: cp1, role: control-plane, address: 10.0.0.11, patches: {{directory: good}}}}\n- {{name: w1, role: worker, patches: {{directory: kubelet}}}}\n- {{name: w2, role: worker, patches: {{directory: kubelet}}}}\n",
            CLUSTER.trim_start_matches("---\n")
        );
        let sources = [Source {
            name: "c.yaml",
            text: &text,
        }];
        let verdict = validate(&sources, Options::default(), &folders()).unwrap();
        let said = verdict.report.to_string();
        for node in ["w1", "w2"] {
            let expected = format!("error: node {node}: planning with patches: ");
            assert!(said.contains(&expected), "{said}");
        }
        assert!(!verdict.is_valid() && !said.contains("node cp1"), "{said}");
    }

    #[test]
    fn what_only_a_running_cluster_can_tell_is_said() {
        let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery:\n  bootstrapToken: {apiServerEndpoint: 'cp.example.com:6443', token: abcdef.0123456789abcdef, unsafeSkipCAVerification: true}\n";
        let sources = [Source {
            name: "j.yaml",
            text,
        }];
        let verdict = validate(&sources, Options::default(), &folders()).unwrap();
        assert!(verdict.is_valid());
        assert!(verdict.notes[0].contains("kubeplan plan --join FACTS"));
    }
}
