//! Applies and checks `skipPhases` of InitConfiguration.
//!
//! In: the documents with flags applied. Out: the addons whose phases are skipped are disabled, as in the ClusterConfiguration
//! that kubeadm uploads; findings for names that are not phases, and for phases that need a skipped phase. Which phases
//! a plan has, [`crate::selection`] decides.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/cmd/init.go (manageSkippedAddons), app/cmd/phases/workflow/runner.go.

use std::collections::BTreeMap;

use super::ValidConfig;
use super::draft::Draft;
use super::provenance::Origin;
use crate::kubeadm::phase_tree::{INIT, JOIN};
use crate::schema::Kind;

const PATH: &str = "skipPhases";

/// The most unknown names that are reported, because looking up the nearest phase takes time.
const MAX_WRONG: usize = 20;

/// The phases of addons, with the field that disables the addon.
const ADDONS: &[(&str, &str)] = &[
    ("addon/coredns", "dns.disabled"),
    ("addon/kube-proxy", "proxy.disabled"),
];

/// Disables the addons whose phases are skipped.
pub(super) fn disable_addons(draft: &mut Draft) {
    for (_, name) in draft.texts(Kind::Init, PATH) {
        let Some(phase) = INIT.find(&name) else {
            continue;
        };
        for phase in INIT.with_children(phase) {
            for (_, field) in ADDONS.iter().filter(|(addon, _)| *addon == phase) {
                let on = draft.get(Kind::Cluster, field).and_then(|on| on.as_bool());
                if on != Some(true) {
                    let rule = format!("InitConfiguration.{PATH} has `{name}`");
                    let origin = Origin::Default { rule };
                    draft.set_from(Kind::Cluster, field, true.into(), origin);
                }
            }
        }
    }
}

/// Whether the addon that `field` disables is disabled only because its phase is skipped.
#[must_use]
pub fn is_disabled_by_skipping(config: &ValidConfig, field: &str) -> bool {
    matches!(config.provenance.at(field), Some(Origin::Default { .. }))
}

/// Reports names that are not phases, and phases that need a skipped phase.
pub(super) fn check(draft: &mut Draft) {
    let tree = if draft.joins { &JOIN } else { &INIT };
    let mut skipped: BTreeMap<&str, String> = BTreeMap::new();
    let mut wrong = 0;
    for (path, name) in draft.texts(Kind::Init, PATH) {
        if tree.find(&name).is_none() {
            wrong += 1;
        }
        if wrong > MAX_WRONG {
            let message = "too many names that are not phases; further names are not listed";
            let hint = "remove the names that are not phases of kubeadm";
            draft.error(Kind::Init, &path, message.to_owned(), hint);
            return;
        }
        match tree.to_skip(&name) {
            Ok(Some(phase)) => {
                for phase in tree.with_children(phase) {
                    skipped.entry(phase).or_insert_with(|| path.clone());
                }
            }
            Ok(None) => {
                let parent = name.trim_end_matches("/all");
                let message = format!("`{name}` skips no phase, as with kubeadm");
                draft.warn(Kind::Init, &path, message, &format!("write `{parent}`"));
            }
            Err(unknown) => draft.error(Kind::Init, &path, unknown.to_string(), &unknown.hint),
        }
    }
    for (phase, needed) in tree.dependencies {
        if skipped.contains_key(phase) {
            continue;
        }
        if let Some(path) = skipped.get(needed) {
            let message = format!("phase `{phase}` needs phase `{needed}`, which is skipped");
            let hint = format!("skip `{phase}` too, as kubeadm requires");
            draft.error(Kind::Init, path, message, &hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::super::load::{Loaded, load_with};
    use super::super::options::Options;
    use super::super::report::Report;
    use super::*;

    fn load(skip: &str, cluster: &str) -> Result<Loaded, Report> {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: 192.168.10.11}}\n\
             nodeRegistration: {{name: cp1}}\nskipPhases: {skip}\n---\napiVersion: kubeadm.k8s.io/v1beta4\n\
             kind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n{cluster}\n"
        );
        let source = Source {
            name: "c.yaml",
            text: &text,
        };
        load_with(&[source], Options::default())
    }

    #[test]
    fn addons_are_disabled_with_their_phases() {
        for (skip, dns, proxy) in [
            ("[]", false, false),
            ("[certs]", false, false),
            ("[addon/all]", false, false),
            ("[addon]", true, true),
            ("[addon/coredns]", true, false),
            ("[addon/kube-proxy, certs/ca]", false, true),
        ] {
            let config = load(skip, "").unwrap().config;
            let disabled = (config.cluster.dns.disabled, config.cluster.proxy.disabled);
            assert_eq!(disabled, (dns, proxy), "{skip}");
        }
        let config = load("[addon]", "dns: {disabled: true}").unwrap().config;
        let origin = |field| config.provenance.at(field).cloned();
        assert!(matches!(
            origin("ClusterConfiguration.dns.disabled"),
            Some(Origin::Written { line: 10, .. })
        ));
        assert_eq!(
            origin("ClusterConfiguration.proxy.disabled"),
            Some(Origin::Default {
                rule: "InitConfiguration.skipPhases has `addon`".into()
            })
        );
        let enabled = load("[addon]", "dns: {disabled: false}").unwrap().config;
        assert!(enabled.cluster.dns.disabled);
    }

    #[test]
    fn an_unknown_phase_is_an_error_that_names_the_nearest_phase() {
        let report = load("[certs, addons]", "").unwrap_err().to_string();
        let expected =
            "c.yaml:5: InitConfiguration.skipPhases[1]: kubeadm init has no phase `addons`";
        assert!(report.contains(expected), "{report}");
        assert!(report.contains("did you mean `addon`?"), "{report}");
    }

    #[test]
    fn the_number_of_reported_unknown_phases_is_limited() {
        for name in ["x", "certs/all"] {
            let skip = |count| format!("[{}]", vec![name; count].join(", "));
            let lines = |count| match load(&skip(count), "") {
                Ok(loaded) => loaded.warnings.findings().len(),
                Err(report) => report.findings().len(),
            };
            assert_eq!(lines(MAX_WRONG), MAX_WRONG, "{name}");
            assert_eq!(lines(5000), MAX_WRONG + 1, "{name}");
        }
    }

    #[test]
    fn a_phase_that_needs_a_skipped_phase_must_be_skipped_too() {
        for (skip, needed) in [
            ("[bootstrap-token]", "bootstrap-token"),
            ("[upload-certs]", "upload-certs"),
        ] {
            let report = load(skip, "").unwrap_err().to_string();
            let expected = format!("`show-join-command` needs phase `{needed}`");
            assert!(report.contains(&expected), "{report}");
        }
        let all = "[bootstrap-token, upload-certs, show-join-command]";
        assert!(load(all, "").is_ok());
        assert!(load("[show-join-command]", "").is_ok());
    }

    #[test]
    fn a_name_that_skips_no_phase_is_a_warning() {
        let loaded = load("[certs/all]", "").unwrap();
        let said = loaded.warnings.to_string();
        assert!(said.contains("`certs/all` skips no phase"), "{said}");
        assert!(load("[certs]", "").unwrap().warnings.is_empty());
    }
}
