//! Static Pods that do not run as root (feature gate `RootlessControlPlane`), and who owns the files they read.
//!
//! In: the numbers of kubeadm's users and groups. Out: security contexts; owners of files. Patches come later, as with kubeadm.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/util/staticpod/utils_linux.go; the same in v1.33.0 and v1.37.1.

use k8s_openapi::api::core::v1::{Capabilities, PodSpec, SecurityContext};
use kubeplan_bundle::index::Placement;
use kubeplan_bundle::mode::FileMode;

use super::{etcd, kube_apiserver, kube_controller_manager, kube_scheduler};
use crate::config::ValidConfig;
use crate::config::valid::{Account, SystemIds};
use crate::kubeadm::layout;
use crate::kubeadm::system_users;
use crate::plan::ValueSource;

const GATE: &str = "ClusterConfiguration.featureGates.RootlessControlPlane";

/// A component and its user.
struct Row {
    component: &'static str,
    /// The user's and the group's name.
    user: &'static str,
    account: fn(&SystemIds) -> Account,
    /// Reads `sa.key` through its group.
    reads_sa_key: bool,
    /// The program has a file capability, so the container must be able to have it.
    binds_low_ports: bool,
}

const ROWS: &[Row] = &[
    Row {
        component: etcd::NAME,
        user: system_users::USERS[0],
        account: |ids| ids.etcd,
        reads_sa_key: false,
        binds_low_ports: false,
    },
    Row {
        component: kube_apiserver::NAME,
        user: system_users::USERS[1],
        account: |ids| ids.kube_apiserver,
        reads_sa_key: true,
        binds_low_ports: true,
    },
    Row {
        component: kube_controller_manager::NAME,
        user: system_users::USERS[2],
        account: |ids| ids.kube_controller_manager,
        reads_sa_key: true,
        binds_low_ports: false,
    },
    Row {
        component: kube_scheduler::NAME,
        user: system_users::USERS[3],
        account: |ids| ids.kube_scheduler,
        reads_sa_key: false,
        binds_low_ports: false,
    },
];

/// Makes `component`'s Pod run without root, if that is configured. Returns where the new values come from.
pub(super) fn apply(config: &ValidConfig, component: &str, spec: &mut PodSpec) -> Vec<ValueSource> {
    let row = ROWS.iter().find(|row| row.component == component);
    let (Some(ids), Some(row)) = (config.node.system_ids, row) else {
        return Vec::new();
    };
    let account = (row.account)(&ids);
    let context = spec.security_context.get_or_insert_default();
    context.run_as_user = Some(account.uid.into());
    context.run_as_group = Some(account.gid.into());
    let of = |mapping: &str, name: &str| format!("Cluster.nodes[0].systemIds.{mapping}.{name}");
    let mut sources = vec![
        ("spec.securityContext.runAsUser", of("users", row.user)),
        ("spec.securityContext.runAsGroup", of("groups", row.user)),
    ];
    if row.reads_sa_key {
        context.supplemental_groups = Some(vec![ids.sa_key_readers.into()]);
        let from = of("groups", system_users::SA_KEY_READERS);
        sources.push(("spec.securityContext.supplementalGroups[0]", from));
    }
    if let Some(container) = spec.containers.first_mut() {
        container.security_context = Some(SecurityContext {
            allow_privilege_escalation: (!row.binds_low_ports).then_some(false),
            capabilities: Some(Capabilities {
                add: row
                    .binds_low_ports
                    .then(|| vec!["NET_BIND_SERVICE".to_owned()]),
                drop: Some(vec!["ALL".to_owned()]),
            }),
            ..SecurityContext::default()
        });
        sources.push(("spec.containers[0].securityContext", GATE.to_owned()));
    }
    sources
        .into_iter()
        .map(|(value, from)| ValueSource {
            value: value.to_owned(),
            from,
        })
        .collect()
}

/// Gives the files that only one component reads to its user. Everything else stays root's.
pub(crate) fn give_files_away<'a>(
    config: &ValidConfig,
    placements: impl Iterator<Item = &'a mut Placement>,
) {
    let Some(ids) = config.node.system_ids else {
        return;
    };
    let directory = &config.cluster.certificates_dir;
    let mut owners: Vec<(String, Account)> = Vec::new();
    for (account, certificates) in [
        (
            ids.kube_apiserver,
            &[
                "apiserver",
                "apiserver-kubelet-client",
                "front-proxy-client",
                "apiserver-etcd-client",
            ][..],
        ),
        (ids.kube_controller_manager, &["ca"][..]),
        (ids.etcd, &["etcd/server", "etcd/peer"][..]),
    ] {
        let keys = certificates.iter();
        owners.extend(keys.map(|base| (layout::private_key(directory, base), account)));
    }
    owners.extend([
        (
            layout::service_account_public_key(directory),
            ids.kube_apiserver,
        ),
        (
            layout::kubeconfig("controller-manager.conf"),
            ids.kube_controller_manager,
        ),
        (layout::kubeconfig("scheduler.conf"), ids.kube_scheduler),
    ]);
    if let Some(local) = &config.cluster.etcd.local {
        owners.push((layout::cleaned(&local.data_dir), ids.etcd));
    }
    let shared = layout::service_account_private_key(directory);
    for placement in placements {
        let path = placement.path.as_str();
        if path == shared {
            placement.gid = ids.sa_key_readers;
            placement.mode = FileMode::GROUP_READABLE;
        } else if let Some((_, account)) = owners.iter().find(|(owned, _)| owned == path) {
            (placement.uid, placement.gid) = (account.uid, account.gid);
        }
    }
}
