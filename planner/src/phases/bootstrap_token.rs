//! `bootstrap-token`: the tokens, what their bearers may do, and where they find the cluster.
//!
//! kubeadm computes a token's end when it creates the Secret; so it is a hole here.

mod cluster_info;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::index::hole::{PLACEHOLDERS, Ttl};
use serde_json::{Map, Value};

use super::{KeyedContext, Part, PhaseContext};
use crate::config::kubeadm::BootstrapToken;
use crate::kubeadm::duration::GoDuration;
use crate::pki::MaterialSource;
use crate::pki::credentials::Token;
use crate::plan::ValueSource;
use crate::render::objects::secret::{SEALED, SecretObject};
use crate::render::objects::{
    ApiObject, KUBE_SYSTEM, NODE_BOOTSTRAPPERS, ObjectError, ObjectHole, metadata, rbac,
};

/// The type of a token's Secret.
const TYPE: &str = "bootstrap.kubernetes.io/token";

/// What stands for the id of a token that is not made yet.
const UNKNOWN_ID: &str = "<token-id>";

/// The phase whose Secrets are the tokens to join with.
pub(crate) const PHASE: &str = "bootstrap-token";

/// `bootstrap-token`.
pub(crate) const INIT: &[Part] = &[
    Part::keyed_objects(PHASE, secrets),
    Part::objects(PHASE, roles),
    Part::keyed_objects(PHASE, cluster_info::config_map),
    Part::objects(PHASE, cluster_info::roles),
];

/// The tokens.
fn secrets(context: &KeyedContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let mut generated = match context.material {
        MaterialSource::Issued(material) => material.credentials.bootstrap_tokens.as_slice(),
        MaterialSource::Worker(_) | MaterialSource::None => &[],
    }
    .iter();
    let mut objects = Vec::new();
    for (position, configured) in context.config.init.bootstrap_tokens.iter().enumerate() {
        let given = configured.token.expose();
        let token = if given.is_empty() {
            generated.next().cloned()
        } else {
            Token::parse(given)
        };
        let path = format!("InitConfiguration.bootstrapTokens[{position}]");
        objects.push(configured_token(configured, token.as_ref(), &path)?);
    }
    Ok(objects)
}

/// What their bearers may do.
fn roles(context: &PhaseContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let bootstrappers = || rbac::group(NODE_BOOTSTRAPPERS);
    let approve = "system:certificates.k8s.io:certificatesigningrequests";
    let mut objects = vec![
        rbac::cluster_role(
            "kubeadm:get-nodes",
            vec![rbac::rule("", &["nodes"], &[], &["get"])],
        )?,
        rbac::cluster_role_binding("kubeadm:get-nodes", "kubeadm:get-nodes", bootstrappers())?,
        rbac::cluster_role_binding(
            "kubeadm:kubelet-bootstrap",
            "system:node-bootstrapper",
            bootstrappers(),
        )?,
        rbac::cluster_role_binding(
            "kubeadm:node-autoapprove-bootstrap",
            &format!("{approve}:nodeclient"),
            bootstrappers(),
        )?,
        rbac::cluster_role_binding(
            "kubeadm:node-autoapprove-certificate-rotation",
            &format!("{approve}:selfnodeclient"),
            rbac::group("system:nodes"),
        )?,
    ];
    let release = context.config.release;
    if release.apiserver_kubelet_client_organization.is_none() {
        objects.push(rbac::cluster_role_binding(
            "kubeadm:apiserver-kubelet-client",
            "system:kubelet-api-admin",
            rbac::user("kube-apiserver-kubelet-client"),
        )?);
    }
    Ok(objects)
}

fn configured_token(
    configured: &BootstrapToken,
    token: Option<&Token>,
    path: &str,
) -> Result<ApiObject, ObjectError> {
    let mut data = Map::new();
    for usage in &configured.usages {
        let key = format!("usage-bootstrap-{usage}");
        data.insert(key, STANDARD.encode("true").into());
    }
    if !configured.groups.is_empty() {
        let groups = STANDARD.encode(configured.groups.join(","));
        data.insert("auth-extra-groups".to_owned(), groups.into());
    }
    let object = TokenSecret {
        token,
        description: &configured.description,
        ttl: ttl(&configured.ttl),
        data,
    };
    let mut object = object.object()?;
    object.sources = sources(configured, path);
    Ok(object)
}

/// Where the values that are there come from.
fn sources(configured: &BootstrapToken, path: &str) -> Vec<ValueSource> {
    let field = |name: &str| format!("{path}.{name}");
    let token = if configured.token.expose().is_empty() {
        "default: made once and kept in the key store".to_owned()
    } else {
        field("token")
    };
    let mut found = vec![("token-id", token.clone()), ("token-secret", token)];
    if !configured.description.is_empty() {
        found.push(("description", field("description")));
    }
    if ttl(&configured.ttl).is_some() {
        found.push(("expiration", field("ttl")));
    }
    for key in ["usage-bootstrap-authentication", "usage-bootstrap-signing"] {
        if configured.usages.iter().any(|usage| key.ends_with(usage)) {
            found.push((key, field("usages")));
        }
    }
    if !configured.groups.is_empty() {
        found.push(("auth-extra-groups", field("groups")));
    }
    let source = |(key, from)| ValueSource {
        value: format!("data.{key}"),
        from,
    };
    found.into_iter().map(source).collect()
}

/// A token's life in whole seconds, rounded up; none if it never ends.
fn ttl(text: &str) -> Option<Ttl> {
    let nanoseconds = u64::try_from(GoDuration::parse(text)?.0).ok()?;
    Ttl::from_seconds(nanoseconds.div_ceil(1_000_000_000))
}

/// The Secret of a token.
pub(super) struct TokenSecret<'a> {
    /// The token; `None` if it is not made yet.
    pub(super) token: Option<&'a Token>,
    /// Left out if empty.
    pub(super) description: &'a str,
    /// How long it lives; for ever if `None`.
    pub(super) ttl: Option<Ttl>,
    /// Further values.
    pub(super) data: Map<String, Value>,
}

/// The name of a token's Secret.
pub(super) fn secret_name(token: Option<&Token>) -> String {
    let id = token.map_or(UNKNOWN_ID, |token| token.id.as_str());
    format!("bootstrap-token-{id}")
}

impl TokenSecret<'_> {
    pub(super) fn object(self) -> Result<ApiObject, ObjectError> {
        let mut data = self.data;
        let id = self.token.map(|token| STANDARD.encode(&token.id));
        let id = id.unwrap_or_else(|| UNKNOWN_ID.to_owned());
        data.insert("token-id".to_owned(), id.into());
        data.insert("token-secret".to_owned(), SEALED.into());
        if !self.description.is_empty() {
            let description = STANDARD.encode(self.description);
            data.insert("description".to_owned(), description.into());
        }
        let [token_expiry, ..] = PLACEHOLDERS;
        if self.ttl.is_some() {
            data.insert("expiration".to_owned(), token_expiry.into());
        }
        let secret = SecretObject {
            metadata: metadata(Some(KUBE_SYSTEM), &secret_name(self.token)),
            type_: Some(TYPE),
            data,
            holes: self.ttl.map(ObjectHole::TokenExpiry).into_iter().collect(),
            sources: Vec::new(),
        };
        match self.token {
            Some(token) => secret.sealed(Some(&token.secret)),
            None => secret.without_secrets(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_rounded_up_and_may_be_endless() {
        for (text, expected) in [
            ("24h", Some("24h0m0s")),
            ("90s", Some("1m30s")),
            ("1500ms", Some("2s")),
            ("1ns", Some("1s")),
            ("0s", None),
            ("-1h", None),
        ] {
            assert_eq!(
                ttl(text).map(|ttl| ttl.to_string()),
                expected.map(str::to_owned),
                "{text}"
            );
        }
    }
}
