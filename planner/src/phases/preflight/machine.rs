//! Checks of the machine: user, kernel, kubelet, container runtime and its images.

use kubeplan_bundle::check::{
    CgroupRequirements, Images, KernelOption, NoSwap, PrivilegedUser, ProgramVersion, PullPolicy,
    SwapAllowed, SystemRequirements, VersionBelow,
};

use super::row::{Made, Row};
use crate::render::images;
use crate::render::static_pod::images as names;

pub(super) fn privileged_user(row: &Row<'_>) -> Made {
    row.one(PrivilegedUser {})
}

pub(super) fn kubernetes_version(row: &Row<'_>) -> Made {
    row.one(VersionBelow {
        of: "Kubernetes".to_owned(),
        version: row.config.version.clone(),
        limit: format!("1.{}.0-0", row.config.release.minor + 1),
    })
}

/// kubeadm accepts kubelets of its own minor and the three before it; with init none that is newer than the planned release.
pub(super) fn kubelet_version(row: &Row<'_>) -> Made {
    let minor = row.config.release.minor;
    row.one(ProgramVersion {
        program: "kubelet".to_owned(),
        minimum: format!("1.{}.0", minor.saturating_sub(3)),
        newest_minor: row.command.bounds_kubelet.then(|| format!("1.{minor}")),
    })
}

/// A kubelet that fails with swap is checked as by kubeadm; one that does not has its own check.
pub(super) fn swap(row: &Row<'_>) -> Made {
    if row.kubelet.starts_with_swap() {
        row.one(SwapAllowed {})
    } else {
        row.one(NoSwap {})
    }
}

/// The first kubelet that has `failCgroupV1` (Kubernetes v1.31, pkg/kubelet/apis/config).
const FAIL_CGROUP_V1_SINCE: &str = "1.31.0-0";

pub(super) fn system(row: &Row<'_>) -> Made {
    let release = row.config.release;
    row.one(SystemRequirements {
        os: "Linux".to_owned(),
        kernel_series: ["5.4", "5.10", "5.15"].map(str::to_owned).to_vec(),
        kernel_major: 6,
        kernel_severity: release.kernel_release_severity,
        options: options(&[
            "NAMESPACES",
            "NET_NS",
            "PID_NS",
            "IPC_NS",
            "UTS_NS",
            "CPUSETS",
            "MEMCG",
            "INET",
            "EXT4_FS",
            "PROC_FS",
            "NETFILTER_XT_TARGET_REDIRECT",
            "NETFILTER_XT_MATCH_COMMENT",
            "FAIR_GROUP_SCHED",
        ]),
        options_v1: options(&[
            "CGROUPS",
            "CGROUP_CPUACCT",
            "CGROUP_DEVICE",
            "CGROUP_FREEZER",
            "CGROUP_PIDS",
            "CGROUP_SCHED",
        ]),
        options_v2: options(&["CGROUPS", "CGROUP_BPF", "CGROUP_PIDS", "CGROUP_SCHED"]),
        v1: controllers(
            &[
                "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids",
            ],
            &["hugetlb", "blkio"],
        ),
        v2: controllers(
            &["cpu", "cpuset", "devices", "freezer", "memory", "pids"],
            &["hugetlb", "io"],
        ),
        program: "kubelet".to_owned(),
        v1_error_since: match row.kubelet.fails_with_cgroups_v1() {
            Some(true) => Some(FAIL_CGROUP_V1_SINCE.to_owned()),
            Some(false) => None,
            None => release.cgroup_v1_error_since.map(str::to_owned),
        },
    })
}

fn options(names: &[&str]) -> Vec<KernelOption> {
    names
        .iter()
        .map(|name| KernelOption {
            name: (*name).to_owned(),
            aliases: match *name {
                "NETFILTER_XT_TARGET_REDIRECT" => vec!["IP_NF_TARGET_REDIRECT".to_owned()],
                _ => Vec::new(),
            },
        })
        .collect()
}

fn controllers(required: &[&str], optional: &[&str]) -> CgroupRequirements {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    CgroupRequirements {
        required: texts(required),
        optional: texts(optional),
    }
}

pub(super) fn image_pull(row: &Row<'_>) -> Made {
    let registration = &row.config.init.node_registration;
    row.one(Images {
        socket: row.socket(),
        references: images::list(row.config)?,
        policy: match registration.image_pull_policy.as_str() {
            "Always" => PullPolicy::Always,
            "Never" => PullPolicy::Never,
            // Empty in documents that kubeadm has not defaulted.
            _ => PullPolicy::IfNotPresent,
        },
        serial: registration.image_pull_serial.unwrap_or(true),
        sandbox: names::pause(row.config).value,
    })
}
