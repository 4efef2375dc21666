//! Validates JoinConfiguration: discovery, and the file of the cluster's CA certificate. Messages never show a token.
//!
//! Source: kubeadm v1.36.2, ValidateJoinConfiguration in cmd/kubeadm/app/apis/kubeadm/validation/validation.go, and
//! app/util/pubkeypin for the form of `caCertHashes`, which kubeadm checks only after it has reached the cluster.

use super::super::address;
use super::super::draft::Draft;
use super::super::host::{self, Server};
use super::super::joining::is_control_plane;
use super::super::skip_phases;
use super::tokens::is_token;
use super::{bind_port, certificate_key, host_work, names, taints};
use crate::schema::Kind;

const KIND: Kind = Kind::Join;

/// Whether the document must set `discovery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Discovery {
    /// It must, as with `kubeadm join`.
    Needed,
    /// It may, because flags can replace it.
    Advised,
    /// It need not, because discovery is done.
    Done,
}

/// Checks what kubeadm checks.
pub(in super::super) fn rules(draft: &mut Draft, discovery: Discovery) {
    names::node_registration(draft);
    taints::validate(draft);
    host_work::check(draft);
    skip_phases::check(draft);
    if is_control_plane(draft) {
        bind_port(draft);
        certificate_key(draft);
    }
    own_rules(draft, discovery);
}

/// Checks the fields that only JoinConfiguration has.
pub(in super::super) fn own_rules(draft: &mut Draft, discovery: Discovery) {
    ca_cert_path(draft, KIND, "caCertPath");
    find_cluster(draft, discovery);
}

/// Checks that the field is a path for the cluster's CA certificate.
pub(super) fn ca_cert_path(draft: &mut Draft, kind: Kind, path: &str) {
    let text = draft.text(kind, path);
    if !(text.starts_with('/') && text.ends_with(".crt")) {
        let message = format!(
            "`{}` is not an absolute path that ends with `.crt`",
            text.escape_debug()
        );
        let hint = "for example `/etc/kubernetes/pki/ca.crt`";
        draft.error(kind, path, message, hint);
    } else {
        names::host_path(draft, kind, path, &text);
    }
}

fn find_cluster(draft: &mut Draft, discovery: Discovery) {
    let has = |draft: &Draft, field: &str| draft.get(KIND, &format!("discovery.{field}")).is_some();
    let (token, file) = (has(draft, "bootstrapToken"), has(draft, "file"));
    match (token, file) {
        (true, true) => {
            let message = "`bootstrapToken` and `file` are both set";
            draft.error(KIND, "discovery", message, "remove one of them");
        }
        (false, false) => not_found(draft, discovery),
        (true, false) => by_token(draft),
        (false, true) => by_file(draft),
    }
    let path = "discovery.tlsBootstrapToken";
    let set = !draft.text(KIND, path).is_empty();
    if set || (token && has(draft, "bootstrapToken.token")) {
        check_token(draft, path);
    }
}

fn not_found(draft: &mut Draft, discovery: Discovery) {
    let message = "neither `bootstrapToken` nor `file` is set";
    match discovery {
        Discovery::Needed => {
            let hint = "set `bootstrapToken` as `kubeplan config print join-defaults` prints it, or `file` with a kubeconfig that contains the cluster's CA";
            draft.error(KIND, "discovery", message, hint);
        }
        Discovery::Advised => {
            let hint = "kubeadm join needs one of them; `kubeapply discover` needs one of them or its flags";
            draft.warn(KIND, "discovery", message, hint);
        }
        Discovery::Done => {}
    }
}

fn by_token(draft: &mut Draft) {
    let field = |name: &str| format!("discovery.bootstrapToken.{name}");
    check_token(draft, &field("token"));
    let path = field("apiServerEndpoint");
    let endpoint = draft.text(KIND, &path);
    let parsed = address::split_host_port(&endpoint.to_lowercase());
    if endpoint.is_empty() {
        let message = "the address of the API server is not set";
        draft.error(KIND, &path, message, "for example `10.0.0.1:6443`");
    } else if !matches!(parsed, Ok((_, Some(_)))) {
        let message = format!("`{}` is not a valid `host:port`", endpoint.escape_debug());
        draft.error(KIND, &path, message, "for example `10.0.0.1:6443`");
    } else {
        let endpoint = endpoint.to_lowercase();
        draft.fault(KIND, &path, host::of_endpoint(&endpoint, Server::Api));
    }
    let hashes = draft.texts(KIND, &field("caCertHashes"));
    let unsafe_skip = draft.get(KIND, &field("unsafeSkipCAVerification")) == Some(&true.into());
    if hashes.is_empty() && !unsafe_skip {
        let message = "no hash of the cluster's CA is set: an attacker who knows the token could impersonate the cluster";
        let hint = "copy the hash from `kubeadm token create --print-join-command`, or set `unsafeSkipCAVerification: true`";
        draft.error(KIND, &field("caCertHashes"), message, hint);
    }
    for (path, hash) in hashes {
        if !is_pin(&hash) {
            let message = format!(
                "`{}` is not a valid hash of a public key",
                hash.escape_debug()
            );
            draft.error(
                KIND,
                &path,
                message,
                "use `sha256:` and 64 hexadecimal digits",
            );
        }
    }
}

/// Whether `text` is `sha256:<64 hexadecimal digits>`, the digest of a SubjectPublicKeyInfo.
fn is_pin(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, digest)| {
        algorithm.eq_ignore_ascii_case("sha256")
            && digest.len() == 64
            && digest.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn by_file(draft: &mut Draft) {
    let path = "discovery.file.kubeConfigPath";
    let file = draft.text(KIND, path);
    if file.is_empty() {
        let message = "the kubeconfig for discovery is not set";
        draft.error(
            KIND,
            path,
            message,
            "use a path on the host, or an https URL",
        );
    } else if let Some((scheme, rest)) = file.split_once("://")
        && (scheme != "https" || rest.is_empty())
    {
        let message = format!("`{}` is not a valid https URL", file.escape_debug());
        draft.error(
            KIND,
            path,
            message,
            "use a path on the host, or an https URL",
        );
    }
}

fn check_token(draft: &mut Draft, path: &str) {
    if !is_token(&draft.text(KIND, path)) {
        let message = "the token does not have the form `[a-z0-9]{6}.[a-z0-9]{16}`";
        draft.error(
            KIND,
            path,
            message,
            "run `kubeadm token create` in the cluster to make a token",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::is_pin;

    #[test]
    fn a_hash_of_the_ca_has_its_form() {
        let digest = "0a".repeat(32);
        assert!(is_pin(&format!("sha256:{digest}")));
        assert!(is_pin(&format!("SHA256:{}", digest.to_uppercase())));
        for bad in [
            digest.clone(),
            format!("sha512:{digest}"),
            format!("sha256:{digest}0"),
            format!("sha256:{}", digest.replace('a', "g")),
            String::new(),
        ] {
            assert!(!is_pin(&bad), "{bad}");
        }
    }
}
