//! Fields that shape no rendered file: whoever installs the bundle has to honour them.
//!
//! In: the configuration. Out: those fields that say something else than kubeadm's default, for the summary of a plan.

use serde::Serialize;

use super::valid::ValidConfig;

/// A field for whoever installs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostWork {
    /// The field, such as `InitConfiguration.nodeRegistration.imagePullPolicy`.
    pub field: String,
    /// Its value as text.
    pub value: String,
    /// What it is about.
    pub about: &'static str,
}

/// The fields in `config` that only the host can honour.
#[must_use]
pub fn host_work(config: &ValidConfig) -> Vec<HostWork> {
    let node = &config.init.node_registration;
    let mut work = Vec::new();
    let mut row = |field: &str, value: String, about| {
        work.push(HostWork {
            field: format!("InitConfiguration.{field}"),
            value,
            about,
        });
    };
    if !node.ignore_preflight_errors.is_empty() {
        row(
            "nodeRegistration.ignorePreflightErrors",
            node.ignore_preflight_errors.join(", "),
            "checks whose failure is a warning",
        );
    }
    if !matches!(node.image_pull_policy.as_str(), "" | "IfNotPresent") {
        row(
            "nodeRegistration.imagePullPolicy",
            node.image_pull_policy.clone(),
            "when the images of the control plane are pulled beforehand",
        );
    }
    if node.image_pull_serial == Some(false) {
        row(
            "nodeRegistration.imagePullSerial",
            "false".to_owned(),
            "whether images are pulled one after the other",
        );
    }
    work
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn only_what_is_no_default_is_listed() {
        let mut config = testing::default_config();
        assert_eq!(host_work(&config), []);
        let node = &mut config.init.node_registration;
        node.ignore_preflight_errors = vec!["numcpu".into(), "swap".into()];
        node.image_pull_policy = "Never".into();
        node.image_pull_serial = Some(false);
        // Steps carry the timeouts.
        config.timeouts.kubelet_health_check = std::time::Duration::ZERO;
        let rows: Vec<String> = host_work(&config)
            .iter()
            .map(|row| format!("{}={}", row.field, row.value))
            .collect();
        assert_eq!(
            rows,
            [
                "InitConfiguration.nodeRegistration.ignorePreflightErrors=numcpu, swap",
                "InitConfiguration.nodeRegistration.imagePullPolicy=Never",
                "InitConfiguration.nodeRegistration.imagePullSerial=false",
            ]
        );
    }
}
