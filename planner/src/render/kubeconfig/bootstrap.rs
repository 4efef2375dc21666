//! `bootstrap-kubelet.conf`: what a joining kubelet asks for its certificate with.
//!
//! In: the kubeconfig that discovery made. Out: the text for the host. On a control-plane node every cluster in it gets the node's own API
//! server (kubeadm v1.36.2, cmd/kubeadm/app/cmd/phases/join/kubelet.go). The text is read line by line in the plain block style that
//! kubectl and kubeadm write, so that no parser keeps a copy of the token; anything else is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::secret::SecretBytes;
use zeroize::Zeroizing;

use super::kubelet_stays_local;
use crate::config::{SecretText, ValidConfig};

/// Why the kubeconfig cannot be used. Never holds any of the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    /// No clusters, or one without a server.
    #[error(
        "the kubeconfig that discovery made does not name one server for each cluster in plain block style; run the discovery again"
    )]
    NoServer,
    /// Something besides what discovery writes.
    #[error(
        "the kubeconfig that discovery made is not in the form that discovery writes; run the discovery again"
    )]
    NotPlain,
    /// It would lead the kubelet elsewhere.
    #[error("the kubeconfig that discovery made is for another server than the join facts name")]
    OtherServer,
    /// It would have the kubelet trust another CA.
    #[error(
        "the kubeconfig that discovery made names a CA that is not among the CA certificates of the join facts"
    )]
    OtherAuthority,
}

/// The keys that a kubeconfig has at its outermost level.
const OUTERMOST: [&str; 7] = [
    "apiVersion",
    "kind",
    "clusters",
    "contexts",
    "current-context",
    "preferences",
    "users",
];

/// Checks that every cluster in the kubeconfig has this `server` and CA certificates (PEM) for which `is_known` returns true. Checks
/// nothing else. The public part of join facts has the same values; neither part is signed.
///
/// # Errors
/// [`BootstrapError`] if one is another.
pub fn is_for(
    found: &SecretText,
    server: &str,
    is_known: impl Fn(&[u8]) -> bool,
) -> Result<(), BootstrapError> {
    let text = found.expose();
    // Line breaks of YAML that are not line breaks here would hide lines.
    if text.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        return Err(BootstrapError::NotPlain);
    }
    let mut outermost = Vec::new();
    let mut inside = false;
    let (mut clusters, mut servers, mut authorities) = (0_usize, 0_usize, 0_usize);
    for line in text.lines() {
        let content = line.trim_end();
        if content.is_empty() {
            continue;
        }
        if !content.starts_with(' ') && !content.starts_with("- ") {
            let key = content.split(':').next().unwrap_or_default();
            if !OUTERMOST.contains(&key) || outermost.contains(&key) {
                return Err(BootstrapError::NotPlain);
            }
            outermost.push(key);
            inside = key == "clusters";
            if inside && content != "clusters:" {
                return Err(BootstrapError::NotPlain);
            }
            continue;
        }
        if !inside {
            continue;
        }
        match content.trim_start_matches([' ', '-']).split_once(':') {
            Some(("cluster", "")) => clusters += 1,
            Some(("server", value)) => {
                servers += 1;
                if unquoted(value) != server {
                    return Err(BootstrapError::OtherServer);
                }
            }
            Some(("certificate-authority-data", value)) => {
                authorities += 1;
                let pem = STANDARD.decode(unquoted(value));
                if !pem.is_ok_and(|pem| is_known(&pem)) {
                    return Err(BootstrapError::OtherAuthority);
                }
            }
            Some(("name", _)) => {}
            _ => return Err(BootstrapError::NotPlain),
        }
    }
    if clusters > 0 && servers == clusters && authorities == clusters {
        Ok(())
    } else {
        Err(BootstrapError::NotPlain)
    }
}

/// A scalar without the quotes around it.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

/// The text of the file.
///
/// # Errors
/// [`BootstrapError`] if it does not say which API server it is for.
pub fn render(config: &ValidConfig, found: &SecretText) -> Result<SecretBytes, BootstrapError> {
    let text = found.expose();
    let servers = servers(text)?;
    if !kubelet_stays_local(config) {
        return Ok(copy([text]));
    }
    let url = config.local_endpoint_url();
    let mut parts: Vec<&str> = Vec::with_capacity(2 * servers.len() + 1);
    let mut rest = 0;
    for (start, end) in servers {
        parts.push(text.get(rest..start).unwrap_or_default());
        parts.push(&url);
        rest = end;
    }
    parts.push(text.get(rest..).unwrap_or_default());
    Ok(copy(parts))
}

/// Where the values of `clusters[].cluster.server` stand; one for each cluster, at least one.
fn servers(text: &str) -> Result<Vec<(usize, usize)>, BootstrapError> {
    let mut found = Vec::new();
    let mut clusters = 0;
    let mut inside = false;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let content = line.trim_end();
        let item = content.trim_start_matches([' ', '-']);
        if content.starts_with(|first: char| first.is_ascii_alphabetic()) {
            inside = content == "clusters:";
        } else if inside && item == "cluster:" {
            clusters += 1;
        } else if inside && let Some(value) = item.strip_prefix("server: ") {
            let end = start + content.len();
            found.push((end - value.len(), end));
        }
    }
    if clusters > 0 && found.len() == clusters {
        Ok(found)
    } else {
        Err(BootstrapError::NoServer)
    }
}

/// The parts in one buffer of their size: one that grows would leave copies behind.
fn copy<'a>(parts: impl AsRef<[&'a str]>) -> SecretBytes {
    let parts = parts.as_ref();
    let size = parts.iter().map(|part| part.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(size));
    for part in parts {
        text.push_str(part);
    }
    SecretBytes::from_text(std::mem::take(&mut *text))
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::index::SecretClass;
    use kubeplan_bundle::redact::twin;

    use super::*;
    use crate::testing::{
        BOOTSTRAP_KUBECONFIG, joining_control_plane_config, joining_worker_config, secret_text,
    };

    fn rendered(config: &ValidConfig, text: &str) -> Result<String, BootstrapError> {
        let bytes = render(config, &secret_text(text))?;
        Ok(String::from_utf8(bytes.expose().to_vec()).unwrap())
    }

    #[test]
    fn a_workers_kubelet_asks_where_discovery_was_told() {
        let text = rendered(&joining_worker_config(), BOOTSTRAP_KUBECONFIG);
        assert_eq!(text.as_deref(), Ok(BOOTSTRAP_KUBECONFIG));
    }

    #[test]
    fn the_kubelet_of_a_control_plane_asks_its_own_api_server() {
        let config = joining_control_plane_config();
        let text = rendered(&config, BOOTSTRAP_KUBECONFIG).unwrap();
        let expected = BOOTSTRAP_KUBECONFIG.replace(
            "server: https://192.168.10.10:6443",
            "server: https://192.168.10.12:6443",
        );
        assert_ne!(text, BOOTSTRAP_KUBECONFIG);
        assert_eq!(text, expected);
    }

    #[test]
    fn every_cluster_gets_the_server_and_nothing_else_does() {
        let text = "clusters:\n- cluster:\n    server: https://a\n  name: a\n- name: server\n  cluster:\n    server: https://b\n\
                    users:\n- name: x\n  user:\n    server: no\n";
        let config = joining_control_plane_config();
        let url = config.local_endpoint_url();
        let expected = text.replace("https://a", &url).replace("https://b", &url);
        assert_eq!(rendered(&config, text), Ok(expected));
    }

    /// The order of keys, quotes and the indentation of lists are the writer's business.
    #[test]
    fn other_writers_of_plain_blocks_are_understood() {
        let indented = "apiVersion: v1\nkind: Config\nclusters:\n  - name: kubernetes\n    cluster:\n      server: https://a:6443\n\
                        contexts:\n  - name: server\n    context:\n      cluster: kubernetes\n      user: u\n\
                        users:\n  - name: u\n    user:\n      token: abcdef.0123456789abcdef\n";
        let document: serde_json::Value = serde_yaml::from_str(indented).unwrap();
        let written = serde_yaml::to_string(&document).unwrap();
        let config = joining_control_plane_config();
        let url = config.local_endpoint_url();
        for text in [indented, &written] {
            let found = rendered(&config, text).unwrap();
            let value: serde_json::Value = serde_yaml::from_str(&found).unwrap();
            assert_eq!(value["clusters"][0]["cluster"]["server"], url);
            assert_eq!(value["users"], document["users"]);
            let twin = twin(SecretClass::Kubeconfig, found.as_bytes()).unwrap();
            let twin = String::from_utf8(twin).unwrap();
            assert!(twin.contains(&format!("server: {url}\n")) && !twin.contains("abcdef"));
        }
    }

    #[test]
    fn attack_a_kubeconfig_for_another_cluster_is_found_out() {
        let check = |text: &str| is_for(&secret_text(text), "https://a:6443", |pem| pem == b"ca");
        let one = "clusters:\n- cluster:\n    certificate-authority-data: Y2E=\n    server: https://a:6443\n  name: x\n";
        let users = "users:\n- name: u\n  user:\n    server: https://other\n    token: t\n";
        let fine = format!("apiVersion: v1\n{one}{users}");
        assert_eq!(check(&fine), Ok(()));
        assert_eq!(
            check(&fine.replace("https://a:6443", "\"https://a:6443\"")),
            Ok(())
        );
        let other = one.replace("https://a", "https://b");
        for (text, expected) in [
            (
                fine.replace("https://a", "https://b"),
                BootstrapError::OtherServer,
            ),
            (fine.replace("Y2E=", "Y2Ey"), BootstrapError::OtherAuthority),
            (fine.replace("Y2E=", "*a"), BootstrapError::OtherAuthority),
            (
                fine.replace(
                    "    server",
                    "    insecure-skip-tls-verify: true\n    server",
                ),
                BootstrapError::NotPlain,
            ),
            (
                fine.replace("    server", "    tls-server-name: other\n    server"),
                BootstrapError::NotPlain,
            ),
            (
                fine.replace(
                    "certificate-authority-data: Y2E=",
                    "certificate-authority: /tmp/ca",
                ),
                BootstrapError::NotPlain,
            ),
            (format!("{fine}{other}"), BootstrapError::NotPlain),
            (
                format!("{fine}{}", other.replace("clusters", "\"clusters\"")),
                BootstrapError::NotPlain,
            ),
            (
                format!("{fine}{}", other.replace("clusters", "? clusters\n")),
                BootstrapError::NotPlain,
            ),
            (format!("{fine}---\n{other}"), BootstrapError::NotPlain),
            (
                fine.replace("users:\n", "users:\r"),
                BootstrapError::NotPlain,
            ),
            (
                fine.replace("clusters:\n", "clusters: &a\n"),
                BootstrapError::NotPlain,
            ),
            (
                fine.replace("- cluster:\n", "- cluster:\n    <<: *a\n"),
                BootstrapError::NotPlain,
            ),
            (
                fine.replace("https://a:6443\n", "https://a:6443\n      more\n"),
                BootstrapError::NotPlain,
            ),
            (users.to_owned(), BootstrapError::NotPlain),
        ] {
            assert_eq!(check(&text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_text_without_a_server_is_refused_without_being_shown() {
        for bad in [
            "",
            "kind: Config\n",
            "clusters: []\n",
            "clusters:\n- cluster:\n    hunter2: x\n",
            "clusters:\n- cluster: {server: https://a}\n",
            "clusters:\n- cluster:\n    server: https://a\n- cluster:\n    hunter2: x\n",
            "{\"clusters\":[{\"cluster\":{\"server\":\"https://a\"}}]}",
        ] {
            let error = rendered(&joining_worker_config(), bad).unwrap_err();
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
