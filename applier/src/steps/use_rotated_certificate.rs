//! A kubeconfig that uses the certificate which its reader rotates.
//!
//! In: the kubeconfig's text, and the path of the newest certificate with its key. Out: the text in which the user of the
//! current context names that path for both, and embeds nothing (kubeadm 1.36.2,
//! `cmd/kubeadm/app/phases/kubelet/kubelet.go`). Everything else stays as it is, byte for byte where the text has the form
//! that kubeadm writes.

use kubeplan_bundle::index::Name;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::step::ServiceName;
use kubeplan_bundle::timestamp::Timestamp;
use serde_json::Value;

use super::committer::NO_INSTALLATION;
use super::error::StepError;
use super::report::{Progress, StepResult};
use crate::host::program::Programs;
use crate::host::{Root, RootPath, init};
use crate::kubeadm::node_certificate::{self, Standing};
use crate::net::json::Json;
use crate::net::kubeconfig::{Kubeconfig, KubeconfigError};

/// The owner alone.
const MODE: u32 = 0o600;

/// What the certificate and the key of a user are called: embedded, and as a path.
const FIELDS: [(&str, &str); 2] = [
    ("client-certificate-data", "client-certificate"),
    ("client-key-data", "client-key"),
];

/// Who is to use which certificate.
pub(crate) struct Rotation<'a> {
    /// The kubeconfig.
    pub(crate) kubeconfig: &'a HostPath,
    /// The link to the newest certificate and its key.
    pub(crate) certificate: &'a HostPath,
    /// The node, which the certificate must be of.
    pub(crate) node: &'a Name,
    /// The time.
    pub(crate) now: Timestamp,
    /// The service that reads the kubeconfig.
    pub(crate) service: &'a ServiceName,
    /// Whether the service is known to have been restarted since.
    pub(crate) completed: bool,
}

/// Lets the kubeconfig use the certificate, and restarts the service that reads it. A certificate that has expired is left: the
/// kubelet is about to replace it.
///
/// # Errors
/// [`StepError::ForeignCertificate`] if the certificate is not the node's, or the CA of the kubeconfig did not issue it; else
/// another [`StepError`].
pub(crate) fn run(
    root: &Root,
    programs: &Programs,
    rotation: &Rotation<'_>,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    let Rotation {
        kubeconfig,
        certificate,
        node,
        now,
        service,
        completed,
    } = rotation;
    let Some(rotated) = node_certificate::read(root, &RootPath::from(*certificate))? else {
        return Ok(StepResult::unchanged(format!(
            "`{certificate}` does not exist: no certificate is rotated here"
        )));
    };
    let (parsed, text) = Kubeconfig::read(root, kubeconfig)?
        .ok_or_else(|| KubeconfigError::Missing(kubeconfig.to_string()))?;
    let authorities = parsed.authority(root)?;
    let standing =
        node_certificate::judge(rotated.expose(), authorities.expose(), node.as_str(), *now);
    match standing {
        Standing::Own => {}
        Standing::Expired => {
            return Ok(StepResult::unchanged(format!(
                "`{certificate}` has expired, and {kubeconfig} keeps the certificate that it has"
            )));
        }
        Standing::Foreign(why) => {
            return Err(StepError::ForeignCertificate {
                certificate: (*certificate).clone(),
                why,
            });
        }
    }
    let new = rewrite(kubeconfig, parsed, &text, certificate)?;
    if let Some(new) = &new {
        let position = progress.position();
        let files = progress.files().ok_or(StepError::Bundle(NO_INSTALLATION))?;
        files.replace(position, kubeconfig, (&text, new), MODE)?;
    }
    let started = init::start(programs, service, new.is_some() || !completed)?;
    let mut result = match (&new, started.restarted) {
        (Some(_), _) => StepResult::changed(format!("{kubeconfig} uses {certificate}")),
        (None, true) => StepResult::changed(format!(
            "{kubeconfig} used it already, {service} was restarted"
        )),
        (None, false) => StepResult::unchanged(format!("{kubeconfig} uses it already")),
    };
    result.notes = started.notes;
    Ok(result)
}

/// The new text; `None` if it already is as it should be.
fn rewrite(
    path: &HostPath,
    mut kubeconfig: Kubeconfig,
    text: &SecretBytes,
    certificate: &HostPath,
) -> Result<Option<SecretBytes>, KubeconfigError> {
    let (name, position) = kubeconfig.current_user()?;
    let unusable = |reason: String| KubeconfigError::Unusable {
        path: path.to_string(),
        reason,
    };
    let position = position.to_string();
    let Some(Value::Object(fields)) = kubeconfig.content.at_mut(["users", &position, "user"])
    else {
        return Err(unusable(format!("its user `{name}` says nothing")));
    };
    let done = FIELDS.iter().all(|(embedded, named)| {
        !fields.contains_key(*embedded)
            && fields.get(*named).and_then(Value::as_str) == Some(certificate.as_str())
    });
    if done {
        return Ok(None);
    }
    for (embedded, named) in FIELDS {
        if let Some(mut secret) = fields.remove(embedded) {
            crate::net::json::wipe(&mut secret);
        }
        fields.insert(named.to_owned(), Value::from(certificate.as_str()));
    }
    if let Some(edited) = edit(text, certificate)
        && Json::parse_yaml(edited.expose()).is_ok_and(|parsed| *parsed == *kubeconfig.content)
    {
        return Ok(Some(edited));
    }
    // Another form than kubeadm's: written anew, keys sorted as kubectl's library sorts them.
    let options = serde_yaml::ser_options! { folded_wrap_chars: usize::MAX };
    serde_yaml::to_string_with_options(&*kubeconfig.content, options)
        .map(|text| Some(SecretBytes::from_text(text)))
        .map_err(|_| unusable("it cannot be written as YAML".to_owned()))
}

/// The text with the two embedded values replaced on their lines; what it means is checked by the caller.
fn edit(text: &SecretBytes, certificate: &HostPath) -> Option<SecretBytes> {
    let text = std::str::from_utf8(text.expose()).ok()?;
    // As large as it can get, so that no copy of a secret is left behind by growing.
    let mut edited = String::with_capacity(text.len() + 2 * (certificate.as_str().len() + 32));
    for line in text.split_inclusive('\n') {
        let content = line.trim_start();
        let indent = line.get(..line.len() - content.len())?;
        let field = FIELDS.iter().find(|(embedded, _)| {
            content
                .strip_prefix(embedded)
                .is_some_and(|rest| rest.starts_with(": "))
        });
        match field {
            Some((_, named)) => {
                edited.push_str(indent);
                edited.push_str(named);
                edited.push_str(": ");
                edited.push_str(certificate.as_str());
                edited.push('\n');
            }
            None => edited.push_str(line),
        }
    }
    Some(SecretBytes::from_text(edited))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the tree they built"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::kubeadm::node_certificate::testing::Authority;
    use crate::steps::testing::Told;

    const TEXT: &str = include_str!("../../tests/data/kubelet.conf");
    const ROTATED: &str = include_str!("../../tests/data/kubelet-rotated.conf");

    fn rewritten(text: &str) -> Option<String> {
        let path = "/etc/kubelet.conf".parse().unwrap();
        let text = SecretBytes::from_text(text.to_owned());
        let parsed = Kubeconfig::parse(&path, &text).unwrap();
        let certificate = "/var/lib/agent/current.pem".parse().unwrap();
        rewrite(&path, parsed, &text, &certificate)
            .unwrap()
            .map(|new| String::from_utf8(new.expose().to_vec()).unwrap())
    }

    #[test]
    fn the_file_is_the_one_that_kubeadm_would_write() {
        assert_eq!(rewritten(TEXT).as_deref(), Some(ROTATED));
        assert_eq!(rewritten(ROTATED), None);
    }

    #[test]
    fn other_users_and_other_forms_are_kept() {
        let other = "- name: other\n  user:\n    client-key-data: b3RoZXI=\n";
        let text = format!("{TEXT}{other}");
        let new = rewritten(&text).unwrap();
        let parsed = Json::parse_yaml(new.as_bytes()).unwrap();
        assert_eq!(
            parsed.text(["users", "1", "user", "client-key-data"]),
            "b3RoZXI="
        );
        assert_eq!(
            parsed.text(["users", "0", "user", "client-key"]),
            "/var/lib/agent/current.pem"
        );
        assert!(!new.contains("aHVudGVyMg=="), "{new}");
        let json = Json::parse_yaml(TEXT.as_bytes()).unwrap().to_string();
        let new = Json::parse_yaml(rewritten(&json).unwrap().as_bytes()).unwrap();
        assert_eq!(*new, *Json::parse_yaml(ROTATED.as_bytes()).unwrap());
    }

    #[test]
    fn the_file_is_replaced_once_and_only_for_the_nodes_own_certificate() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("bin")).unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> {}\necho ActiveState=active\n",
            at("calls").display()
        );
        fs::write(at("bin/systemctl"), script).unwrap();
        fs::set_permissions(at("bin/systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
        let authority = Authority::new();
        let with_ca = |text: &str| text.replace("YXV0aG9yaXR5", &STANDARD.encode(&authority.pem));
        let text = with_ca(TEXT);
        fs::write(at("kubelet.conf"), &text).unwrap();
        let root = Root::open(directory.path()).unwrap();
        let run = |completed| {
            let rotation = Rotation {
                kubeconfig: &"/kubelet.conf".parse().unwrap(),
                certificate: &"/pki/current.pem".parse().unwrap(),
                node: &"cp1".parse().unwrap(),
                now: "2026-11-20T10:23:25Z".parse().unwrap(),
                service: &"agent".parse().unwrap(),
                completed,
            };
            let programs = Programs::Directory(at("bin"));
            let mut told = Told {
                directory: Some(directory.path().to_owned()),
                ..Told::default()
            };
            let mut progress = Progress::begin(&mut told, 0, "p", "rotate".into());
            super::run(&root, &programs, &rotation, &mut progress)
        };
        // Nothing rotates yet.
        assert!(!run(false).unwrap().changed);
        fs::create_dir(at("pki")).unwrap();
        symlink("/pki/2026.pem", at("pki/current.pem")).unwrap();
        assert!(!run(false).unwrap().changed, "the target is gone");
        let other = Authority::new();
        for (file, why) in [
            (other.of_node("cp1"), "not issued by the CA"),
            (authority.of_node("cp2"), "belongs to"),
            ("both".to_owned(), "holds no certificate"),
        ] {
            fs::write(at("pki/2026.pem"), file).unwrap();
            let error = run(false).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert!(error.hints()[0].contains("/pki/current.pem"));
        }
        let expired = other.issue("system:node:cp1", "system:nodes", 2026);
        fs::write(at("pki/2026.pem"), expired).unwrap();
        assert!(!run(false).unwrap().changed);
        assert_eq!(fs::read_to_string(at("kubelet.conf")).unwrap(), text);
        fs::write(at("pki/2026.pem"), authority.of_node("cp1")).unwrap();
        let run = |completed| run(completed).unwrap();
        assert!(run(false).changed);
        let new = fs::read_to_string(at("kubelet.conf")).unwrap();
        assert_eq!(new, with_ca(ROTATED).replace("/var/lib/agent/", "/pki/"));
        let mode = fs::metadata(at("kubelet.conf"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600);
        let restarts = || {
            let calls = fs::read_to_string(at("calls")).unwrap();
            calls.matches("restart agent").count()
        };
        assert!(!run(true).changed);
        assert_eq!(restarts(), 1);
        // A run was killed between the file and the restart: it is unknown whether the service reads the new one.
        assert!(run(false).changed);
        assert_eq!(restarts(), 2);
    }
}
