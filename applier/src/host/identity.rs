//! Which host this is: SSH host key, machine id, host name.
//!
//! In: the root. Out: [`HostIdentity`], where each part is a value or the reason why it is unknown. For a tree
//! that is not the running system all three come from files inside it; a tree that does not say matches
//! nothing that asks.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::HostMatch;
use kubeplan_bundle::signature::PublicKey;

use super::path::RootPath;
use super::root::Root;

/// The public half of the host's own key.
pub(crate) const SSH_HOST_KEY_PUBLIC: RootPath =
    RootPath::fixed("/etc/ssh/ssh_host_ed25519_key.pub");
const MACHINE_ID: RootPath = RootPath::fixed("/etc/machine-id");
const HOSTNAME: RootPath = RootPath::fixed("/etc/hostname");

/// Far more than any of these files has.
const LIMIT: u64 = 64 * 1024;

/// A part of the identity, or why it is unknown.
pub(crate) type Known<T> = Result<T, String>;

/// What a bundle's target is compared with.
#[derive(Clone, Debug)]
pub(crate) struct HostIdentity {
    /// `SHA256:…` of the ed25519 host key.
    pub(crate) ssh_host_key: Known<String>,
    /// As in [`HostMatch::machine_id_hash`].
    pub(crate) machine_id_hash: Known<Sha256Digest>,
    /// Lower-cased.
    pub(crate) hostname: Known<String>,
}

impl HostIdentity {
    /// Reads the identity of the host whose tree `root` is.
    pub(crate) fn read(root: &Root) -> Self {
        Self {
            ssh_host_key: read_line(root, &SSH_HOST_KEY_PUBLIC).and_then(|line| {
                PublicKey::parse(&line)
                    .map(|key| key.fingerprint().to_string())
                    .map_err(|error| format!("{SSH_HOST_KEY_PUBLIC} cannot be used: {error}"))
            }),
            machine_id_hash: read_line(root, &MACHINE_ID).and_then(|id| {
                let valid = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
                if valid {
                    Ok(HostMatch::hash_machine_id(&id))
                } else {
                    Err(format!("{MACHINE_ID} does not hold 32 hex digits"))
                }
            }),
            hostname: if root.is_live() {
                let system = rustix::system::uname();
                system
                    .nodename()
                    .to_str()
                    .map(normalise)
                    .map_err(|_| "the host name is not UTF-8".to_owned())
            } else {
                read_line(root, &HOSTNAME).map(|name| normalise(&name))
            },
        }
    }
}

fn normalise(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// The first line that says something.
fn read_line(root: &Root, path: &RootPath) -> Known<String> {
    let text = root
        .read_text(path, LIMIT)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("{path} does not exist"))?;
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .ok_or_else(|| format!("{path} is empty"))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tree_says_who_it_is_or_why_not() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let unknown = HostIdentity::read(&root);
        assert!(unknown.ssh_host_key.unwrap_err().contains("does not exist"));
        assert!(unknown.machine_id_hash.is_err());
        assert!(unknown.hostname.is_err());

        let etc = directory.path().join("etc");
        fs::create_dir_all(etc.join("ssh")).unwrap();
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
        fs::write(
            etc.join("ssh/ssh_host_ed25519_key.pub"),
            format!("{key} root@x\n"),
        )
        .unwrap();
        let id = "0123456789abcdef0123456789abcdef";
        fs::write(etc.join("machine-id"), format!("{id}\n")).unwrap();
        fs::write(etc.join("hostname"), "# comment\nCP-0.Example\n").unwrap();
        let known = HostIdentity::read(&root);
        assert!(known.ssh_host_key.unwrap().starts_with("SHA256:"));
        assert_eq!(
            known.machine_id_hash.unwrap(),
            HostMatch::hash_machine_id(id)
        );
        assert_eq!(known.hostname.unwrap(), "cp-0.example");

        fs::write(etc.join("machine-id"), "uninitialized\n").unwrap();
        assert!(HostIdentity::read(&root).machine_id_hash.is_err());
    }
}
