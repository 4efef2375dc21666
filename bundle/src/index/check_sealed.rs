//! Checks what is sealed, and where it is installed. Reviewers cannot see sealed content, so it must not be able to do more on the host
//! than its class allows.

use super::{EntryName, Index, IndexError, Place, Placement, SealedContent, SecretClass};
use crate::mode::FileMode;
use crate::path::HostPath;
use crate::seal::Recipient;

/// Directories whose files are programs, or are read by the system itself or by the shells of its users; nothing sealed goes there.
/// What kubelets and control planes read lies elsewhere.
const OF_THE_SYSTEM: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc/NetworkManager",
    "/etc/X11",
    "/etc/alternatives",
    "/etc/apk",
    "/etc/apparmor",
    "/etc/apt",
    "/etc/audit",
    "/etc/binfmt",
    "/etc/ca-certificates",
    "/etc/cloud",
    "/etc/dbus-1",
    "/etc/default",
    "/etc/dhcp",
    "/etc/docker",
    "/etc/dpkg",
    "/etc/dracut",
    "/etc/grub",
    "/etc/init",
    "/etc/initramfs-tools",
    "/etc/iproute2",
    "/etc/iscsi",
    "/etc/kernel",
    "/etc/lvm",
    "/etc/mdadm",
    "/etc/modprobe",
    "/etc/multipath",
    "/etc/netplan",
    "/etc/network",
    "/etc/network-scripts",
    "/etc/nftables",
    "/etc/openvpn",
    "/etc/pam",
    "/etc/polkit-1",
    "/etc/ppp",
    "/etc/runlevels",
    "/etc/samba",
    "/etc/security",
    "/etc/selinux",
    "/etc/skel",
    "/etc/snmp",
    "/etc/ssh",
    "/etc/sudo",
    "/etc/sysconfig",
    "/etc/terminfo",
    "/etc/udev",
    "/etc/ufw",
    "/etc/wireguard",
    "/etc/wpa_supplicant",
    "/etc/xdg",
    "/etc/yum",
    "/etc/zypp",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// Where static Pods and units lie by the names of their directories, wherever those are.
const READ_BY_NAME: &[&str] = &["manifests", "static-pods", "staticpods", "systemd"];

/// The one directory below `/etc` for what programs read as their configuration; a private key is none, wherever it lies.
const OF_KUBERNETES: &str = "/etc/kubernetes/";

impl Index {
    /// Every sealed entry is what its class is for, and goes where that may go.
    ///
    /// # Errors
    /// [`IndexError`] naming the entry and the broken rule.
    pub(super) fn check_sealed_entries(&self) -> Result<(), IndexError> {
        for (entry, sealed) in self.sealed_entries() {
            check_one(&entry.place, sealed).map_err(|rule| wrong(&entry.name, rule))?;
        }
        let Some(part) = &self.sealed else {
            return Ok(());
        };
        let broken = |rule, at| Err(IndexError::Inconsistent { rule, at });
        if !part.recipients.is_sorted_by(|a, b| a < b) {
            return broken("recipients are sorted, each once", "sealed".to_owned());
        }
        // As the writer writes them: people and programs compare them with the keys that they know.
        let other = part.recipients.iter().find(|text| {
            !Recipient::parse(text).is_ok_and(|recipient| recipient.to_text() == **text)
        });
        match other {
            Some(other) => broken(
                "a recipient is `age1…` or `ssh-ed25519 …` without comment",
                other.escape_debug().take(80).collect(),
            ),
            None => Ok(()),
        }
    }
}

fn wrong(name: &EntryName, rule: &'static str) -> IndexError {
    IndexError::Entry {
        name: name.clone(),
        rule,
    }
}

fn check_one(place: &Place, sealed: &SealedContent) -> Result<(), &'static str> {
    match (sealed.class, &sealed.spki) {
        (SecretClass::PrivateKey, None) => return Err("a sealed private key has an spki"),
        (SecretClass::PrivateKey, Some(_)) | (_, None) => {}
        (_, Some(_)) => return Err("only a sealed private key has an spki"),
    }
    match (place, sealed.class) {
        (Place::Object, SecretClass::SecretObject) => Ok(()),
        (Place::Object, _) => Err("a sealed object is of class secret-object"),
        (Place::File(_), SecretClass::SecretObject) => Err("a secret-object is not a file"),
        (Place::File(placement), class) => check_file(placement, class),
        (Place::Directory(_) | Place::Payload, _) => Err("only files and objects are sealed"),
    }
}

fn check_file(placement: &Placement, class: SecretClass) -> Result<(), &'static str> {
    // Read by its owner, and by the group of a control plane that does not run as root.
    if placement.mode.bits() & !FileMode::GROUP_READABLE.bits() != 0 {
        return Err("the mode of a sealed file is 0640 or less");
    }
    let name = placement.path.file_name();
    let (fits, rule) = match class {
        SecretClass::PrivateKey => (
            name.ends_with(".key"),
            "the name of a sealed private key ends with .key",
        ),
        SecretClass::Kubeconfig => (
            name.ends_with(".conf") || name.ends_with(".kubeconfig"),
            "the name of a sealed kubeconfig ends with .conf or .kubeconfig",
        ),
        SecretClass::EncryptionConfig => (
            name.ends_with(".yaml") || name.ends_with(".yml"),
            "the name of a sealed encryption-config ends with .yaml or .yml",
        ),
        SecretClass::RegistryAuth => (
            name == "config.json",
            "the name of a sealed registry-auth is config.json",
        ),
        SecretClass::SecretObject => (false, "a secret-object is not a file"),
    };
    if !fits {
        return Err(rule);
    }
    if is_of_the_system(&placement.path) {
        return Err(
            "a sealed file does not go where programs, units, static Pods or configuration of the system lie",
        );
    }
    let path = placement.path.as_str();
    let is_for_one_program = matches!(
        class,
        SecretClass::EncryptionConfig | SecretClass::RegistryAuth
    );
    if is_for_one_program && path.starts_with("/etc/") && !path.starts_with(OF_KUBERNETES) {
        return Err(
            "below /etc, a sealed encryption-config or registry-auth goes into /etc/kubernetes",
        );
    }
    Ok(())
}

fn is_of_the_system(path: &HostPath) -> bool {
    let below = |directory: &&str| {
        path.as_str()
            .strip_prefix(*directory)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let parent = path.parent();
    // `/resolv`, `/etc/resolv.conf`: nothing of Kubernetes' lies directly there.
    let is_loose = parent.as_ref().is_none_or(|p| p.as_str() == "/etc");
    let by_name = parent.iter().flat_map(HostPath::components).any(|part| {
        let part = part.to_ascii_lowercase();
        READ_BY_NAME.contains(&part.as_str()) || part.ends_with(".d") || part.starts_with("cron")
    });
    let hidden = path.components().any(|part| part.starts_with('.'));
    is_loose || by_name || hidden || OF_THE_SYSTEM.iter().any(below)
}

#[cfg(test)]
mod tests {
    use super::super::Content;
    use super::super::testing::sample;
    use super::*;

    /// What the check says of a sealed file of `class` at `path`.
    fn said(class: SecretClass, path: &str, mode: &str) -> Result<(), &'static str> {
        let mut index = sample();
        let Content::Sealed(sealed) = &mut index.entries[2].content else {
            panic!()
        };
        sealed.class = class;
        if class != SecretClass::PrivateKey {
            sealed.spki = None;
        }
        let place = Place::File(Placement {
            path: path.parse().unwrap(),
            mode: mode.parse().unwrap(),
            uid: 0,
            gid: 0,
        });
        check_one(&place, sealed)
    }

    #[test]
    fn each_class_has_its_destinations() {
        use SecretClass as C;
        const SYSTEM: &str = "programs, units, static Pods";
        let cases: &[(C, &str, &str)] = &[
            (C::PrivateKey, "/etc/kubernetes/pki/etcd/server.key", ""),
            (C::PrivateKey, "/srv/pki/ca.key", ""),
            (
                C::PrivateKey,
                "/etc/kubernetes/pki/ca.pem",
                "ends with .key",
            ),
            (C::PrivateKey, "/etc/ssh/ssh_host.key", SYSTEM),
            (C::PrivateKey, "/root/a.key", SYSTEM),
            (C::PrivateKey, "/etc/cron.daily/a.key", SYSTEM),
            (C::PrivateKey, "/srv/.ssh/a.key", SYSTEM),
            (C::Kubeconfig, "/etc/kubernetes/admin.conf", ""),
            (C::Kubeconfig, "/srv/audit/webhook.kubeconfig", ""),
            (
                C::Kubeconfig,
                "/etc/kubernetes/admin.yaml",
                "ends with .conf",
            ),
            (
                C::Kubeconfig,
                "/etc/systemd/system/kubelet.service.d/20-x.conf",
                SYSTEM,
            ),
            (
                C::Kubeconfig,
                "/usr/lib/systemd/system/x.service.d/x.conf",
                SYSTEM,
            ),
            (C::Kubeconfig, "/etc/sysctl.d/x.conf", SYSTEM),
            (C::Kubeconfig, "/etc/resolv.conf", SYSTEM),
            (C::EncryptionConfig, "/etc/kubernetes/enc/enc.yaml", ""),
            (
                C::EncryptionConfig,
                "/etc/kubernetes/enc/enc.conf",
                "ends with .yaml",
            ),
            (
                C::EncryptionConfig,
                "/etc/kubernetes/manifests/enc.yaml",
                SYSTEM,
            ),
            (C::EncryptionConfig, "/srv/manifests/enc.yaml", SYSTEM),
            (C::RegistryAuth, "/var/lib/kubelet/config.json", ""),
            (
                C::RegistryAuth,
                "/var/lib/kubelet/config.yaml",
                "is config.json",
            ),
            (C::RegistryAuth, "/root/.docker/config.json", SYSTEM),
            (
                C::EncryptionConfig,
                "/etc/kubernetes/static-pods/x.yaml",
                SYSTEM,
            ),
            (
                C::EncryptionConfig,
                "/etc/kubernetes/Manifests/x.yaml",
                SYSTEM,
            ),
            (C::PrivateKey, "/etc/wireguard/x.key", SYSTEM),
            (C::PrivateKey, "/etc/app/pki/ca.key", ""),
            (C::Kubeconfig, "/etc/apt/apt.conf", SYSTEM),
            (C::Kubeconfig, "/etc/dbus-1/system.conf", SYSTEM),
            (C::EncryptionConfig, "/etc/netplan/50.yaml", SYSTEM),
            (C::RegistryAuth, "/etc/docker/config.json", SYSTEM),
            (C::Kubeconfig, "/etc/other/x.conf", ""),
            (
                C::EncryptionConfig,
                "/etc/kubernetes-x/x.yaml",
                "into /etc/kubernetes",
            ),
            (
                C::RegistryAuth,
                "/etc/other/config.json",
                "into /etc/kubernetes",
            ),
            (C::SecretObject, "/etc/kubernetes/secret.yaml", "not a file"),
        ];
        for (class, path, expected) in cases {
            match said(*class, path, "0600") {
                Ok(()) => assert_eq!(*expected, "", "{class} at {path}"),
                Err(rule) => {
                    assert!(
                        !expected.is_empty() && rule.contains(expected),
                        "{class} at {path}: {rule}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_sealed_file_is_for_its_owner_and_perhaps_a_group() {
        let said = |mode| said(SecretClass::PrivateKey, "/etc/kubernetes/pki/sa.key", mode);
        for good in ["0600", "0400", "0640", "0440"] {
            assert_eq!(said(good), Ok(()), "{good}");
        }
        for bad in ["0755", "0700", "0644", "0604", "0660", "0601", "0777"] {
            assert!(said(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_sealed_is_what_its_class_says() {
        let mut index = sample();
        assert!(index.check().is_ok());
        let Content::Sealed(sealed) = &mut index.entries[2].content else {
            panic!()
        };
        let key = sealed.clone();
        sealed.spki = None;
        let error = index.check().unwrap_err().to_string();
        assert!(error.contains("has an spki"), "{error}");
        assert!(check_one(&Place::Object, &key).is_err());
        let mut object = key;
        object.class = SecretClass::SecretObject;
        assert!(check_one(&Place::Object, &object).is_err());
        object.spki = None;
        assert_eq!(check_one(&Place::Object, &object), Ok(()));
        let real = index.sealed.as_ref().unwrap().recipients[0].clone();
        let comment = format!("{real} root@host");
        for recipients in [
            vec!["b", "a"],
            vec![&real, &real],
            vec!["\u{1b}[2J"],
            vec!["age1x"],
            vec![&comment],
        ] {
            let mut index = sample();
            index.sealed.as_mut().unwrap().recipients =
                recipients.into_iter().map(str::to_owned).collect();
            assert!(index.check().is_err());
        }
    }
}
