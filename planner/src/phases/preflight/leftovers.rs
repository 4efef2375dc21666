//! What an earlier cluster, an editor or a package may have left on a host for the kubelet and the container runtime to find.
//!
//! Each is a row of the table with what it leads to: the check names what it found, and the command that clears it. All of them warn.
//! Sources: Kubernetes v1.36.2, in each function; systemd.unit(5).

use kubeplan_bundle::check::{
    LeftoverFiles, LookPath, ParseCheckError, RecordedValue, ServiceFlags,
};

use super::row::{Made, Row};
use crate::kubeadm::layout;

/// Files in the directory of static Pods. The kubelet reads every regular file whose name does not begin with a dot, and no directory
/// below (pkg/kubelet/config/file.go, `extractFromDir`); of two Pods with one name it keeps the one whose file comes last
/// (`replaceStore`).
pub(super) fn static_pods(row: &Row<'_>) -> Made {
    let directory = row.kubelet.static_pod_path().value;
    if !directory.starts_with('/') {
        return Ok(Vec::new());
    }
    row.one(LeftoverFiles {
        directory: layout::cleaned(&directory).parse()?,
        names: Vec::new(),
        endings: Vec::new(),
        until_installed: false,
        consequence: "the kubelet reads every file there, whatever its ending, and runs its Pod; a Pod with the name of a planned one can take its place".to_owned(),
    })
}

/// `bootstrap-kubelet.conf`, which only joining nodes have; kubeadm's own check looks for it there. A kubelet whose kubeconfig holds no valid
/// certificate uses it (cmd/kubelet/app/server.go, `buildKubeletClientConfig`).
pub(super) fn bootstrap_kubeconfig(row: &Row<'_>) -> Made {
    row.one(LeftoverFiles {
        directory: layout::KUBERNETES_DIR.parse()?,
        names: vec!["bootstrap-kubelet.conf".to_owned()],
        endings: Vec::new(),
        until_installed: false,
        consequence: "a kubelet whose client certificate has expired asks the server that it names for a new one, which can be another cluster's".to_owned(),
    })
}

/// The certificate that the kubelet serves with. It uses what is there as it is (cmd/kubelet/app/server.go, `InitializeTLS`;
/// client-go v0.36.2, util/certificate), and makes it only where there is none.
pub(super) fn serving_certificate(row: &Row<'_>) -> Made {
    let Some((directory, names)) = row.kubelet.serving_certificate() else {
        return Ok(Vec::new());
    };
    row.one(LeftoverFiles {
        directory: layout::cleaned(&directory).parse()?,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        endings: Vec::new(),
        until_installed: true,
        consequence: "the kubelet serves with it, with the names that it has and a key that others may have copied, and makes none for this node".to_owned(),
    })
}

/// Configuration of the container runtime's network, where runtimes look unless configured otherwise. containerd and CRI-O use the
/// first name (containerd/go-cni, `loadFromConfDir`; cri-o/ocicni).
pub(super) fn network_configuration(row: &Row<'_>) -> Made {
    row.one(LeftoverFiles {
        directory: layout::NETWORK_CONFIGURATION_DIR.parse()?,
        names: Vec::new(),
        endings: [".conf", ".conflist", ".json"].map(str::to_owned).to_vec(),
        until_installed: true,
        consequence: "the container runtime uses the first of the names for the network of Pods, and the node is ready without the cluster's network plugin".to_owned(),
    })
}

pub(super) fn cpu_manager(row: &Row<'_>) -> Made {
    manager_state(row, "cpu_manager_state", row.kubelet.cpu_manager_policy())
}

pub(super) fn memory_manager(row: &Row<'_>) -> Made {
    manager_state(
        row,
        "memory_manager_state",
        row.kubelet.memory_manager_policy(),
    )
}

/// What a manager of the kubelet recorded, in the kubelet's root directory. With another policy it ends the kubelet
/// (pkg/kubelet/cm/cpumanager/state and memorymanager/state, `restoreState`).
fn manager_state(row: &Row<'_>, name: &str, policy: String) -> Made {
    let directory = row.kubelet.root_directory();
    if !directory.starts_with('/') {
        return Ok(Vec::new());
    }
    row.one(RecordedValue {
        path: layout::in_directory(&directory, name).parse()?,
        field: "policyName".to_owned(),
        value: policy,
        consequence: "the kubelet exits when it starts".to_owned(),
    })
}

/// Flags from drop-ins of the kubelet's unit and from files of variables. A flag wins over KubeletConfiguration
/// (cmd/kubelet/app/server.go), and the last of two wins; `Environment=` loses to `EnvironmentFile=` (systemd.exec(5)).
pub(super) fn service_flags(row: &Row<'_>) -> Made {
    let paths = |paths: &[&str]| -> Result<Vec<LookPath>, ParseCheckError> {
        paths.iter().map(|path| path.parse()).collect()
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    row.one(ServiceFlags {
        drop_ins: paths(layout::KUBELET_DROP_IN_DIRS)?,
        expected: texts(&["10-kubeadm.conf"]),
        variable_files: paths(layout::KUBELET_VARIABLE_FILES)?,
        variables: texts(&["KUBELET_", "command_args"]),
        planned: vec![
            format!("--bootstrap-kubeconfig={}", layout::BOOTSTRAP_KUBELET_CONF),
            format!("--kubeconfig={}", layout::kubeconfig("kubelet.conf")),
            format!("--config={}", layout::KUBELET_CONFIG),
        ],
        consequence: "such flags can override those of the plan and its KubeletConfiguration"
            .to_owned(),
    })
}
