//! How other nodes join, in kubeadm's words.
//!
//! In: what the step says, and the Secrets with the tokens. Out: the text that `kubeadm init` of 1.36.2 ends with
//! (`cmd/kubeadm/app/cmd/phases/init/showjoincommand.go`, `cmd/kubeadm/app/cmd/util/join.go`), spaces at the ends of lines included, once for each
//! token. The key of uploaded certificates is in no bundle that reaches a host, so its place is marked as withheld.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::SharedCertificates;
use kubeplan_terminal::quote;

use super::error::StepError;
use super::report::{StepResult, Text};
use crate::contents::Contents;
use crate::net::json::Json;

/// What stands for a value that is not shown.
const WITHHELD: &str = "<value withheld>";

/// What the text is made of.
pub(crate) struct Join<'a> {
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: &'a HostPath,
    /// `host:port` of the API server.
    pub(crate) endpoint: &'a str,
    /// Digests of the authorities' keys.
    pub(crate) ca_cert_hashes: &'a [Sha256Digest],
    /// Secrets with the tokens.
    pub(crate) tokens: &'a [EntryName],
    /// How control-plane nodes get the shared certificates.
    pub(crate) control_plane: Option<SharedCertificates>,
    /// Whether tokens are left out of the text.
    pub(crate) skip_token_print: bool,
}

impl Join<'_> {
    /// The text, and how many commands it has.
    ///
    /// # Errors
    /// [`StepError::Content`] if an entry holds no token.
    pub(crate) fn run(&self, contents: &dyn Contents) -> Result<StepResult, StepError> {
        // Never grows, so that no token is left behind in a smaller buffer.
        let mut text = String::with_capacity(4096 * (1 + self.tokens.len()));
        if self.tokens.is_empty() {
            self.begin(&mut text);
        }
        for entry in self.tokens {
            let token = if self.skip_token_print {
                WITHHELD.to_owned()
            } else {
                quote(&read_token(entry, contents)?).into_owned()
            };
            self.begin(&mut text);
            self.commands(&mut text, &token);
        }
        let outcome = match self.tokens.len() {
            0 => "printed; no token to join with is in the bundle".to_owned(),
            1 => "shown for 1 token".to_owned(),
            many => format!("shown for {many} tokens"),
        };
        let mut result = StepResult::unchanged(outcome);
        result.text = Some(Text(text));
        Ok(result)
    }

    fn begin(&self, text: &mut String) {
        let path = quote(self.kubeconfig.as_str());
        let _ = write!(
            text,
            "\nYour Kubernetes control-plane has initialized successfully!\n\n\
             To start using your cluster, you need to run the following as a regular user:\n\n  \
             mkdir -p $HOME/.kube\n  \
             sudo cp -i {path} $HOME/.kube/config\n  \
             sudo chown $(id -u):$(id -g) $HOME/.kube/config\n\n\
             Alternatively, if you are the root user, you can run:\n\n  \
             export KUBECONFIG={path}\n\n\
             You should now deploy a pod network to the cluster.\n\
             Run \"kubectl apply -f [podnetwork].yaml\" with one of the options listed at:\n  \
             https://kubernetes.io/docs/concepts/cluster-administration/addons/\n\n"
        );
    }

    fn commands(&self, text: &mut String, token: &str) {
        let hashes: Vec<String> = self
            .ca_cert_hashes
            .iter()
            .map(|hash| format!("--discovery-token-ca-cert-hash sha256:{hash}"))
            .collect();
        // The space behind the last digest is kubeadm's.
        let join = format!(
            "kubeadm join {} --token {token} \\\n\t{} ",
            quote(self.endpoint),
            hashes.join(" ")
        );
        match self.control_plane {
            None => {}
            Some(SharedCertificates::Uploaded) => {
                let _ = write!(
                    text,
                    "You can now join any number of control-plane nodes running the following command on each as root:\n\n  \
                     {join}\\\n\t--control-plane --certificate-key {WITHHELD}\n\n\
                     Please note that the certificate-key gives access to cluster sensitive data, keep it secret!\n\
                     As a safeguard, uploaded-certs will be deleted in two hours; If necessary, you can use\n\
                     \"kubeadm init phase upload-certs --upload-certs\" to reload certs afterward.\n\n"
                );
            }
            Some(SharedCertificates::Copied) => {
                let _ = write!(
                    text,
                    "You can now join any number of control-plane nodes by copying certificate authorities\n\
                     and service account keys on each node and then running the following as root:\n\n  \
                     {join}\\\n\t--control-plane \n\n"
                );
            }
        }
        let _ = write!(
            text,
            "Then you can join any number of worker nodes by running the following on each as root:\n\n{join}\n"
        );
    }
}

/// The token in a Secret: `<id>.<secret>`.
fn read_token(entry: &EntryName, contents: &dyn Contents) -> Result<String, StepError> {
    let unusable = |reason: &str| StepError::Content {
        entry: entry.clone(),
        reason: reason.to_owned(),
    };
    let bytes = contents
        .secret(entry)
        .or_else(|| contents.public(entry))
        .ok_or_else(|| unusable("the bundle has no content for it"))?;
    let object = Json::parse_yaml(bytes).map_err(|reason| unusable(&reason))?;
    let field = |key: &str| {
        let plain = object.text(["stringData", key]);
        if !plain.is_empty() {
            return Ok(plain.to_owned());
        }
        STANDARD
            .decode(object.text(["data", key]))
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()))
            .ok_or_else(|| unusable(&format!("it has no usable `{key}`")))
    };
    Ok(format!("{}.{}", field("token-id")?, field("token-secret")?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Secrets(BTreeMap<EntryName, Vec<u8>>);

    impl Contents for Secrets {
        fn public(&self, _: &EntryName) -> Option<&[u8]> {
            None
        }

        fn secret(&self, name: &EntryName) -> Option<&[u8]> {
            self.0.get(name).map(Vec::as_slice)
        }
    }

    /// One Secret for each of the texts, and their names.
    fn secrets(texts: &[&str]) -> (Secrets, Vec<EntryName>) {
        let named: BTreeMap<EntryName, Vec<u8>> = texts
            .iter()
            .enumerate()
            .map(|(position, text)| {
                (
                    format!("objects/{position}.yaml").parse().unwrap(),
                    text.as_bytes().to_vec(),
                )
            })
            .collect();
        let names = named.keys().cloned().collect();
        (Secrets(named), names)
    }

    const TOKEN: &str = "data:\n  token-id: YWJjZGVm\n  token-secret: MDEyMzQ1Njc4OWFiY2RlZg==\n";

    fn shown(
        control_plane: Option<SharedCertificates>,
        texts: &[&str],
        skip_token_print: bool,
    ) -> String {
        let (contents, tokens) = secrets(texts);
        let join = Join {
            kubeconfig: &"/etc/app/admin.conf".parse().unwrap(),
            endpoint: "192.168.10.11:6443",
            ca_cert_hashes: &[Sha256Digest::of(b"ca")],
            tokens: &tokens,
            control_plane,
            skip_token_print,
        };
        let result = join.run(&contents).unwrap();
        assert!(
            !format!("{result:?}").contains("0123456789abcdef"),
            "{result:?}"
        );
        result.text.unwrap().0.clone()
    }

    #[test]
    fn the_text_is_kubeadms() {
        // Ends of lines matter: kubeadm leaves a space behind the last digest and behind `--control-plane`.
        let golden = include_str!("../../tests/data/join-command.txt");
        let hash = Sha256Digest::of(b"ca").to_string();
        let expected = |part: &str| {
            let found = golden
                .split("=== ")
                .find_map(|text| text.strip_prefix(part)?.strip_prefix('\n'));
            found.unwrap().replace("HASH", &hash)
        };
        assert_eq!(shown(None, &[TOKEN], false), expected("worker"));
        assert_eq!(
            shown(Some(SharedCertificates::Copied), &[TOKEN], false),
            expected("copied")
        );
        assert_eq!(
            shown(Some(SharedCertificates::Uploaded), &[TOKEN], false),
            expected("uploaded")
        );
    }

    #[test]
    fn what_comes_from_a_bundle_is_one_word_of_a_shell() {
        let token = "stringData:\n  token-id: \"$(id)\"\n  token-secret: \"a\\nb\"\n";
        let (contents, tokens) = secrets(&[token]);
        let join = Join {
            kubeconfig: &"/etc/app/a b;reboot.conf".parse().unwrap(),
            endpoint: "10.0.0.1:6443; reboot\n\u{1b}[2J",
            ca_cert_hashes: &[],
            tokens: &tokens,
            control_plane: None,
            skip_token_print: false,
        };
        let text = join.run(&contents).unwrap().text.unwrap().0.clone();
        for word in [
            "cp -i '/etc/app/a b;reboot.conf' $HOME",
            "export KUBECONFIG='/etc/app/a b;reboot.conf'\n",
            r"kubeadm join $'10.0.0.1:6443; reboot\012\033[2J' --token $'$(id).a\012b' ",
        ] {
            assert!(text.contains(word), "{word} in {text}");
        }
        assert_eq!(
            text.lines().count(),
            shown(None, &[TOKEN], false).lines().count()
        );
    }

    #[test]
    fn every_token_has_a_text_and_none_is_shown_if_it_must_not() {
        let text = shown(None, &[TOKEN, TOKEN], true);
        assert_eq!(text.matches("initialized successfully").count(), 2);
        assert_eq!(text.matches("--token <value withheld> \\").count(), 2);
        assert!(!text.contains("abcdef."));
        assert!(shown(None, &[], false).ends_with("/addons/\n\n"));
    }

    #[test]
    fn an_entry_without_token_is_named_and_not_shown() {
        for text in [
            "data:\n  token-id: hunter2\n",
            "a: [hunter2",
            "data:\n  token-id: YSBi\n  token-secret: YSBi\n",
        ] {
            let (contents, names) = secrets(&[text]);
            let error = read_token(names.first().unwrap(), &contents)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("objects/0.yaml") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
