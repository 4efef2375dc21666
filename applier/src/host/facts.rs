//! What a plan wants to know of this host.
//!
//! In: the root. Out: [`Facts`], and why something is missing. Of a tree that is not the running system only what its
//! files say is known: no addresses, sockets, services or variables. Nothing is changed, no secret is read.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::net::UnixStream;

use kubeplan_bundle::facts::{CRI_SOCKETS, Facts, Machine, SshHostKey};
use kubeplan_bundle::index::Platform;
use kubeplan_bundle::signature::PublicKey;

use super::directory::Found;
use super::identity::{HostIdentity, SSH_HOST_KEY_PUBLIC};
use super::init::Activity;
use super::path::RootPath;
use super::program::{Programs, Runner as _};
use super::root::Root;
use super::system::{Live, System};
use super::{init, process, route};

/// Directories in which distributions keep CA certificates.
const CA_DIRECTORIES: &[RootPath] = &[
    RootPath::fixed("/etc/pki/ca-trust"),
    RootPath::fixed("/etc/pki/tls/certs"),
    RootPath::fixed("/etc/ca-certificates"),
    RootPath::fixed("/usr/share/ca-certificates"),
    RootPath::fixed("/usr/local/share/ca-certificates"),
];

/// A program every host has, to see what it is built for.
const SHELL: RootPath = RootPath::fixed("/bin/sh");

/// Bytes of a program or a key that are read.
const LIMIT: u64 = 64 * 1024 * 1024;

/// Looks at the host; the texts say what could not be found out.
///
/// # Errors
/// Why the host's name is not known or cannot be used: without it there is nothing to plan.
pub(crate) fn gather(root: &Root) -> Result<(Facts, Vec<String>), String> {
    let identity = HostIdentity::read(root);
    let mut missing = Vec::new();
    let hostname = identity
        .hostname
        .and_then(|name| name.parse().map_err(|error| format!("{error}")))
        .map_err(|reason| format!("the host's name: {reason}"))?;
    let mut facts = Facts::of(hostname);
    facts.ca_directories = Some(
        CA_DIRECTORIES
            .iter()
            .filter(|path| matches!(root.view(path), Ok(Some(_))))
            .map(ToString::to_string)
            .collect(),
    );
    facts.platform = architecture(root).map(|arch| Platform {
        os: "linux".to_owned(),
        arch: arch.to_owned(),
    });
    facts.machine_id_hash = identity
        .machine_id_hash
        .map_err(|reason| missing.push(reason))
        .ok();
    facts.ssh_host_key = ssh_host_key(root)
        .map_err(|reason| missing.push(reason))
        .ok();
    if root.is_live() {
        facts.default_route = route::addresses(root);
        if facts.default_route.is_none() {
            missing.push("there is no default route with an address".to_owned());
        }
        facts.cri_sockets = Some(cri_sockets(root));
        let resolved = init::installed(&Programs::SearchPath)
            .and_then(|system| system.service("systemd-resolved"));
        facts.systemd_resolved = Some(resolved.is_ok_and(|service| {
            matches!(service.activity, Activity::Active | Activity::Starting)
        }));
        facts.proxies = Some(process::proxy_variables());
        facts.machine = machine(root, &Live)
            .map_err(|reason| missing.push(reason))
            .ok();
        facts.kubelet_version = Programs::SearchPath
            .ask("kubelet", &["--version"])
            .as_ref()
            .and_then(|said| said.first_line()?.rsplit(' ').next())
            .filter(|version| version.starts_with('v'))
            .map(str::to_owned);
        if facts.kubelet_version.is_none() {
            missing.push("no kubelet says its version".to_owned());
        }
    } else {
        missing.push(
            "this is not the running system: addresses, sockets, services and variables are not known"
                .to_owned(),
        );
    }
    Ok((facts, missing))
}

/// The machine and its kernel.
fn machine(root: &Root, system: &dyn System) -> Result<Machine, String> {
    let says_one = |path: RootPath| {
        root.read_text(&path, LIMIT)
            .is_ok_and(|text| text.is_some_and(|text| text.starts_with('1')))
    };
    let swaps = root.read_text(&RootPath::fixed("/proc/swaps"), LIMIT);
    Ok(Machine {
        cpus: system.cpus()?,
        memory_mib: system.memory_mib(),
        kernel: system.kernel().release,
        swap: swaps.is_ok_and(|text| text.is_some_and(|text| text.lines().count() > 1)),
        ipv4_forwarding: says_one(RootPath::fixed("/proc/sys/net/ipv4/ip_forward")),
        ipv6_forwarding: says_one(RootPath::fixed(
            "/proc/sys/net/ipv6/conf/default/forwarding",
        )),
    })
}

/// The host's ed25519 key, its public half.
///
/// # Errors
/// Why it is not known.
pub(crate) fn ssh_host_key(root: &Root) -> Result<SshHostKey, String> {
    let text = root
        .read_text(&SSH_HOST_KEY_PUBLIC, LIMIT)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("{SSH_HOST_KEY_PUBLIC} does not exist"))?;
    let line = text.lines().next().unwrap_or_default();
    let key = PublicKey::parse(line)
        .map_err(|error| format!("{SSH_HOST_KEY_PUBLIC} cannot be used: {error}"))?;
    Ok(SshHostKey {
        fingerprint: key.fingerprint().to_string(),
        public_key: key.to_openssh(),
    })
}

/// The sockets on which a container runtime answers.
pub(crate) fn cri_sockets(root: &Root) -> Vec<String> {
    let served = |socket: &&&str| {
        let path = socket.trim_start_matches("unix://");
        answers(root, &RootPath::from_text(path))
    };
    let served = CRI_SOCKETS.iter().filter(served);
    served.map(|socket| (*socket).to_owned()).collect()
}

/// Whether a program listens on the socket; one that no program serves any more does not count.
fn answers(root: &Root, path: &RootPath) -> bool {
    let Ok(Some(place)) = root.view(&path.parent()) else {
        return false;
    };
    let name = path.file_name();
    let is_socket = matches!(place.inspect(name), Ok(Found::Special("a socket")));
    let way = format!("/proc/self/fd/{}/{name}", place.as_fd().as_raw_fd());
    is_socket && UnixStream::connect(way).is_ok()
}

/// What the host's programs are built for, in Go's words: the ELF header of its shell.
fn architecture(root: &Root) -> Option<&'static str> {
    let program = root.read(&SHELL, LIMIT).ok()??;
    elf_architecture(program.expose())
}

/// `e_machine` of an ELF header (System V ABI): byte order at 5, machine at 18.
fn elf_architecture(program: &[u8]) -> Option<&'static str> {
    let little = match (program.get(..4)?, program.get(5)?) {
        (b"\x7fELF", 1) => true,
        (b"\x7fELF", 2) => false,
        _ => return None,
    };
    let machine: [u8; 2] = program.get(18..20)?.try_into().ok()?;
    let machine = if little {
        u16::from_le_bytes(machine)
    } else {
        u16::from_be_bytes(machine)
    };
    match (machine, little) {
        (62, true) => Some("amd64"),
        (183, true) => Some("arm64"),
        (21, true) => Some("ppc64le"),
        (22, false) => Some("s390x"),
        _ => None,
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_tree_says_what_its_files_say() {
        let place = tempfile::tempdir().unwrap();
        let root = Root::open(place.path()).unwrap();
        assert!(gather(&root).unwrap_err().contains("/etc/hostname"));
        for dir in ["etc/ssh", "bin", "usr/share/ca-certificates"] {
            fs::create_dir_all(place.path().join(dir)).unwrap();
        }
        fs::write(place.path().join("etc/hostname"), "CP1\n").unwrap();
        let mut elf = b"\x7fELF\x02\x01".to_vec();
        elf.resize(18, 0);
        elf.extend([183, 0]);
        fs::write(place.path().join("bin/sh"), elf).unwrap();
        let (facts, missing) = gather(&root).unwrap();
        assert_eq!(facts.hostname.as_str(), "cp1");
        assert_eq!(
            facts.ca_directories,
            Some(vec!["/usr/share/ca-certificates".to_owned()])
        );
        assert_eq!(facts.platform.unwrap().arch, "arm64");
        assert_eq!((facts.proxies, facts.cri_sockets), (None, None));
        assert_eq!((facts.systemd_resolved, facts.default_route), (None, None));
        assert_eq!(missing.len(), 3, "{missing:?}");

        fs::write(place.path().join("etc/hostname"), "under_score\n").unwrap();
        assert!(gather(&root).unwrap_err().contains("is not a valid name"));
    }

    #[test]
    fn only_a_socket_that_answers_counts() {
        let place = tempfile::tempdir().unwrap();
        let root = Root::open(place.path()).unwrap();
        let path = RootPath::fixed("/run/a.sock");
        assert!(!answers(&root, &path));
        fs::create_dir(place.path().join("run")).unwrap();
        let listener = UnixListener::bind(place.path().join("run/a.sock")).unwrap();
        assert!(answers(&root, &path));
        drop(listener);
        assert!(!answers(&root, &path));
        fs::write(place.path().join("run/b.sock"), "").unwrap();
        assert!(!answers(&root, &RootPath::fixed("/run/b.sock")));
    }

    #[test]
    fn architectures_are_read_from_elf_headers() {
        let header = |order: u8, machine: [u8; 2]| {
            let mut bytes = b"\x7fELF\x02".to_vec();
            bytes.push(order);
            bytes.resize(18, 0);
            bytes.extend(machine);
            bytes
        };
        for (bytes, expected) in [
            (header(1, [62, 0]), Some("amd64")),
            (header(1, [21, 0]), Some("ppc64le")),
            (header(2, [0, 22]), Some("s390x")),
            (header(2, [0, 62]), None),
            (header(3, [62, 0]), None),
            (b"#!/bin/sh".to_vec(), None),
        ] {
            assert_eq!(elf_architecture(&bytes), expected);
        }
    }
}
