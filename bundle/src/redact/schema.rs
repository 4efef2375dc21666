//! The places of each class of YAML documents: which are shown, and which are sealed.
//!
//! In: a path of keys, `-` for a list item. Out: what is there, or that the class has no such place.

use super::Reason;

/// The name of a list item in a path.
pub(super) const ITEM: &str = "-";

/// The one kind of document that a class is for, and where it has values. `*` is any key.
pub(super) struct Schema {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) public: &'static [&'static str],
    pub(super) sealed: &'static [&'static str],
}

/// What is at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A value that is shown.
    Public,
    /// A value that is replaced.
    Sealed,
    /// A mapping or a list.
    Inner,
}

/// The places of a [`Schema`], taken apart.
pub(super) struct Places(Vec<(Vec<&'static str>, Place)>);

impl Schema {
    pub(super) fn places(&self) -> Places {
        let split = |patterns: &'static [&'static str], place| {
            patterns
                .iter()
                .map(move |pattern| (pattern.split('/').collect(), place))
        };
        Places(
            split(self.public, Place::Public)
                .chain(split(self.sealed, Place::Sealed))
                .collect(),
        )
    }

    pub(super) const fn wrong_kind(&self) -> Reason {
        Reason::Kind {
            api_version: self.api_version,
            kind: self.kind,
        }
    }
}

impl Places {
    /// What is at `path`; public places come first.
    pub(super) fn find(&self, path: &[&str]) -> Option<Place> {
        let leads_to = |pattern: &[&str]| {
            pattern.len() >= path.len()
                && pattern.iter().zip(path).all(|(expected, found)| {
                    expected == found || (*expected == "*" && *found != ITEM)
                })
        };
        let mut inner = None;
        for (pattern, place) in &self.0 {
            if !leads_to(pattern) {
                continue;
            }
            if pattern.len() == path.len() {
                return Some(*place);
            }
            inner = Some(Place::Inner);
        }
        inner
    }
}

/// client-go's `clientcmd/api/v1`. A program that provides credentials (`exec`) is shown with its arguments; its environment
/// is refused, because it can hold a secret and change what the program does.
pub(super) const KUBECONFIG: Schema = Schema {
    api_version: "v1",
    kind: "Config",
    public: &[
        "apiVersion",
        "kind",
        "current-context",
        "preferences",
        "clusters/-/name",
        "clusters/-/cluster/server",
        "clusters/-/cluster/certificate-authority",
        "clusters/-/cluster/certificate-authority-data",
        "clusters/-/cluster/tls-server-name",
        "clusters/-/cluster/insecure-skip-tls-verify",
        "clusters/-/cluster/disable-compression",
        "clusters/-/cluster/proxy-url",
        "contexts/-/name",
        "contexts/-/context/cluster",
        "contexts/-/context/user",
        "contexts/-/context/namespace",
        "users/-/name",
        "users/-/user/client-certificate",
        "users/-/user/client-certificate-data",
        "users/-/user/client-key",
        "users/-/user/tokenFile",
        "users/-/user/username",
        "users/-/user/as",
        "users/-/user/as-uid",
        "users/-/user/as-groups/-",
        "users/-/user/exec/apiVersion",
        "users/-/user/exec/command",
        "users/-/user/exec/args/-",
        "users/-/user/exec/installHint",
        "users/-/user/exec/interactiveMode",
        "users/-/user/exec/provideClusterInfo",
    ],
    sealed: &[
        "users/-/user/client-key-data",
        "users/-/user/password",
        "users/-/user/token",
    ],
};

/// A Kubernetes `Secret`. Of a bootstrap token's data, the groups, usages and expiration are public, because a
/// reviewer approves them. So are annotations, which bind a token to its service account.
pub(super) const SECRET: Schema = Schema {
    api_version: "v1",
    kind: "Secret",
    public: &[
        "apiVersion",
        "kind",
        "data/auth-extra-groups",
        "data/expiration",
        "data/token-id",
        "data/usage-bootstrap-authentication",
        "data/usage-bootstrap-signing",
        "stringData/auth-extra-groups",
        "stringData/expiration",
        "stringData/token-id",
        "stringData/usage-bootstrap-authentication",
        "stringData/usage-bootstrap-signing",
        "type",
        "immutable",
        "metadata/name",
        "metadata/namespace",
        "metadata/annotations/*",
        "metadata/creationTimestamp",
        "metadata/labels/*",
        "metadata/ownerReferences/-/apiVersion",
        "metadata/ownerReferences/-/blockOwnerDeletion",
        "metadata/ownerReferences/-/controller",
        "metadata/ownerReferences/-/kind",
        "metadata/ownerReferences/-/name",
        "metadata/ownerReferences/-/uid",
    ],
    sealed: &["data/*", "stringData/*"],
};

/// kube-apiserver's `EncryptionConfiguration` (`apiserver.config.k8s.io/v1`): everything but the keys themselves is shown.
pub(super) const ENCRYPTION_CONFIG: Schema = Schema {
    api_version: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    public: &[
        "apiVersion",
        "kind",
        "resources/-/resources/-",
        "resources/-/providers/-/identity",
        "resources/-/providers/-/aescbc/keys/-/name",
        "resources/-/providers/-/aesgcm/keys/-/name",
        "resources/-/providers/-/secretbox/keys/-/name",
        "resources/-/providers/-/kms/apiVersion",
        "resources/-/providers/-/kms/cachesize",
        "resources/-/providers/-/kms/endpoint",
        "resources/-/providers/-/kms/name",
        "resources/-/providers/-/kms/timeout",
    ],
    sealed: &[
        "resources/-/providers/-/aescbc/keys/-/secret",
        "resources/-/providers/-/aesgcm/keys/-/secret",
        "resources/-/providers/-/secretbox/keys/-/secret",
    ],
};
