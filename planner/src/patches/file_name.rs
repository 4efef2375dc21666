//! Parses the name of a patch file: `target[suffix][+patchtype].extension`.
//!
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/util/patches.

/// What a patch applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// etcd's static Pod.
    Etcd,
    /// kube-apiserver's static Pod.
    KubeApiserver,
    /// kube-controller-manager's static Pod.
    KubeControllerManager,
    /// kube-scheduler's static Pod.
    KubeScheduler,
    /// The kubelet's `config.yaml`.
    KubeletConfiguration,
    /// CoreDNS's Deployment.
    CoreDnsDeployment,
}

impl Target {
    /// All targets. None of their names is a prefix of another.
    pub const ALL: [Self; 6] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::KubeletConfiguration,
        Self::CoreDnsDeployment,
    ];

    /// The name in file names; for a static Pod also the component's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::KubeletConfiguration => "kubeletconfiguration",
            Self::CoreDnsDeployment => "corednsdeployment",
        }
    }
}

/// How a patch is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// Strategic merge, the default.
    Strategic,
    /// Merge patch, RFC 7386.
    Merge,
    /// JSON patch, RFC 6902.
    Json,
}

impl PatchType {
    const ALL: [Self; 3] = [Self::Json, Self::Merge, Self::Strategic];

    /// The name in file names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strategic => "strategic",
            Self::Merge => "merge",
            Self::Json => "json",
        }
    }
}

/// Why a file in the directory of patches is ignored; kubeadm prints the reason and continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// The name has another extension.
    #[error("the extension is neither `json` nor `yaml`")]
    Extension,
    /// The name does not begin with a known target.
    #[error(
        "the name does not begin with etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubeletconfiguration or corednsdeployment"
    )]
    Target,
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
}

/// The name has a `+` that no known patch type follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`+` is not followed by json, merge or strategic")]
pub struct UnknownPatchType;

/// Parses `base`, a file's name without its directory.
///
/// # Errors
/// [`UnknownPatchType`] if a `+` follows the target and its suffix, but no type.
pub fn parse(base: &str) -> Result<Result<(Target, PatchType), Ignored>, UnknownPatchType> {
    let stem = base
        .strip_suffix(".json")
        .or_else(|| base.strip_suffix(".yaml"));
    if stem.is_none_or(|stem| stem.is_empty() || stem.ends_with('\n')) {
        return Ok(Err(Ignored::Extension));
    }
    let found = Target::ALL
        .into_iter()
        .find_map(|target| Some((target, base.strip_prefix(target.as_str())?)));
    let Some((target, rest)) = found else {
        return Ok(Err(Ignored::Target));
    };
    // The suffix ends at the first of these. What follows a known type is ignored.
    let after_suffix = rest.trim_start_matches(|c| !matches!(c, '.' | '+' | '\n'));
    let Some(named) = after_suffix.strip_prefix('+') else {
        return Ok(Ok((target, PatchType::Strategic)));
    };
    PatchType::ALL
        .into_iter()
        .find(|known| named.starts_with(known.as_str()))
        .map(|patch_type| Ok((target, patch_type)))
        .ok_or(UnknownPatchType)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_contain_target_and_type() {
        use PatchType::{Json, Merge, Strategic};
        for (name, expected) in [
            ("etcd.yaml", Ok((Target::Etcd, Strategic))),
            ("etcd0+merge.yaml", Ok((Target::Etcd, Merge))),
            ("etcd-x_y+jsonish.json", Ok((Target::Etcd, Json))),
            ("etcdjson.yaml", Ok((Target::Etcd, Strategic))),
            ("etcd.x+nothing.yaml", Ok((Target::Etcd, Strategic))),
            (
                "kube-apiserver+strategic.json",
                Ok((Target::KubeApiserver, Strategic)),
            ),
            (
                "kube-controller-manager.yaml",
                Ok((Target::KubeControllerManager, Strategic)),
            ),
            (
                "kube-scheduler1.yaml",
                Ok((Target::KubeScheduler, Strategic)),
            ),
            (
                "kubeletconfiguration+json.yaml",
                Ok((Target::KubeletConfiguration, Json)),
            ),
            (
                "corednsdeployment.yaml",
                Ok((Target::CoreDnsDeployment, Strategic)),
            ),
            ("etcd.yml", Err(Ignored::Extension)),
            ("etcd", Err(Ignored::Extension)),
            (".yaml", Err(Ignored::Extension)),
            ("etcd.YAML", Err(Ignored::Extension)),
            ("README.yaml", Err(Ignored::Target)),
            ("Etcd.yaml", Err(Ignored::Target)),
            ("my-etcd.yaml", Err(Ignored::Target)),
        ] {
            assert_eq!(parse(name), Ok(expected), "{name}");
        }
        for name in ["etcd+.yaml", "etcd+patch.yaml", "etcd++json.yaml"] {
            assert_eq!(parse(name), Err(UnknownPatchType), "{name}");
        }
    }
}
