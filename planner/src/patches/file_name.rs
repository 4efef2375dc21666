//! What a patch file's name says: `target[suffix][+patchtype].extension`.
//!
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/util/patches.

/// What is patched.
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
    /// All of them; none is the beginning of another.
    pub const ALL: [Self; 6] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::KubeletConfiguration,
        Self::CoreDnsDeployment,
    ];

    /// The name in file names; of a static Pod also the component's.
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

/// Why a file in the folder of patches is left aside; kubeadm says so and goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// Another extension.
    #[error("the extension is neither `json` nor `yaml`")]
    Extension,
    /// No known target at the beginning.
    #[error(
        "the name begins with none of etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubeletconfiguration, corednsdeployment"
    )]
    Target,
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
}

/// A file name with a `+` and no known type behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after `+` there is none of json, merge, strategic")]
pub struct UnknownPatchType;

/// Reads `base`, a file's name without its folder.
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
    // The suffix ends at the first of these; what follows a known type does not count.
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
    fn names_say_target_and_type() {
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
