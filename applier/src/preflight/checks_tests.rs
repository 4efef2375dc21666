//! Each kind of check on a host that passes and on one that does not.

use std::collections::BTreeMap;

use base64::Engine as _;
use kubeplan_bundle::check::{
    CheckKind, ClientFiles, CpuCount, DirectConnection, DirectNetwork, DirectoryEmpty, Executable,
    FileBegins, Images, Memory, NoSwap, NodeCertificate, NodeName, PathAbsent, PathPresent,
    PortFree, PrivilegedUser, ProgramVersion, PullPolicy, RuntimeConfig, RuntimeReady, SameCluster,
    ServerVersion, ServiceEnabled, ServiceInactive, Severity, SwapAllowed, VersionBelow,
};
use kubeplan_bundle::digest::Sha256Digest;

use super::testing::{FakeRuntime, Host, kernel_config, requirements, said};
use super::{CannotLook, Finding, Looked};
use crate::host::program::Said;
use crate::runtime::CriError;

/// A swap area, as the kernel lists it.
const SWAP: &str = "Filename\n/dev/sda2 partition 1 0 -2\n";

/// What is expected of a check.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Pass,
    /// A finding as planned that says so.
    Found(&'static str),
    /// A warning, whatever is planned.
    Warns(&'static str),
    /// An error, whatever is planned.
    Fails(&'static str),
    /// The check could not look, because of this.
    Blind(&'static str),
}

use Expect::{Blind, Fails, Found, Pass, Warns};

fn assert_looked(what: &str, looked: Looked, expect: Expect) {
    let ok = match (&looked, expect) {
        (Ok(findings), Pass) => findings.is_empty(),
        (Ok(findings), Found(text)) => {
            matches!(findings.as_slice(), [Finding::AsPlanned(m)] if m.contains(text))
        }
        (Ok(findings), Warns(text)) => {
            matches!(findings.as_slice(), [Finding::Warning(m)] if m.contains(text))
        }
        (Ok(findings), Fails(text)) => {
            matches!(findings.as_slice(), [Finding::Error(m)] if m.contains(text))
        }
        (Err(CannotLook(reason)), Blind(text)) => reason.contains(text),
        _ => false,
    };
    assert!(ok, "{what}: {looked:?}, expected {expect:?}");
}

type Change = fn(&mut Host);

/// Looks at a host that every check passes on, after `change`.
fn case(kind: &CheckKind, change: Change, expect: Expect) {
    let mut host = good();
    change(&mut host);
    assert_looked(kind.word(), host.look(kind), expect);
}

fn good() -> Host {
    let host = Host::new();
    host.write("/proc/swaps", "Filename Type Size Used Priority\n");
    host.write("/proc/forward", "1\n");
    host.write("/proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
    host.write("/sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
    host.write("/sys/fs/cgroup/init.scope/cgroup.freeze", "0\n");
    host.write("/boot/config-6.12.3", &kernel_config(&[]));
    host.program("/bin/mount", 0o755);
    host
}

fn say(host: &mut Host, command: &str, text: &str, success: bool) {
    host.system
        .programs
        .insert(command.into(), said(text, success));
}

#[test]
fn the_machine() {
    let user = CheckKind::from(PrivilegedUser {});
    case(&user, |_| {}, Pass);
    case(&user, |host| host.system.root = false, Found("root"));
    let cpus = CheckKind::from(CpuCount { minimum: 2 });
    case(&cpus, |_| {}, Pass);
    case(&cpus, |host| host.system.cpus = Ok(1), Found("1 CPUs"));
    case(
        &cpus,
        |host| host.system.cpus = Err("no".into()),
        Blind("no"),
    );
    let memory = CheckKind::from(Memory { minimum_mib: 1700 });
    case(&memory, |_| {}, Pass);
    case(
        &memory,
        |host| host.system.memory_mib = 1699,
        Found("1699 MiB"),
    );
    let port = CheckKind::from(PortFree { port: 10250 });
    case(&port, |_| {}, Pass);
    case(
        &port,
        |host| host.system.used_ports = vec![10250],
        Found("in use"),
    );
    case(
        &port,
        |host| host.system.broken_ports = vec![10250],
        Blind("permission"),
    );
    let name = |node: &str| CheckKind::from(NodeName { node: node.into() });
    case(&name("cp-0"), |_| {}, Pass);
    case(&name("cp-1"), |_| {}, Found("cannot be resolved"));
    case(&name("Not_A Name"), |_| {}, Found("Not_A Name"));
}

#[test]
fn services() {
    let inactive = CheckKind::from(ServiceInactive {
        service: "fw".parse().unwrap(),
        ports: vec![6443, 10250],
    });
    case(&inactive, |_| {}, Pass);
    let active: Change = |host| {
        say(
            host,
            "systemctl show --property=LoadState,ActiveState fw",
            "LoadState=loaded\nActiveState=active\n",
            true,
        );
    };
    case(&inactive, active, Found("6443, 10250"));
    let enabled = CheckKind::from(ServiceEnabled {
        service: "agent".parse().unwrap(),
    });
    case(&enabled, |_| {}, Pass);
    case(
        &enabled,
        |host| say(host, "systemctl is-enabled agent", "disabled\n", false),
        Found("not enabled"),
    );
    case(
        &enabled,
        |host| {
            say(
                host,
                "systemctl show --property=LoadState,ActiveState agent",
                "LoadState=not-found\nActiveState=inactive\n",
                true,
            )
        },
        Found("no service"),
    );
    for check in [&inactive, &enabled] {
        case(check, |host| host.system.programs.clear(), Blind("systemd"));
    }
    fn openrc(host: &mut Host, fw: &str, runlevel: &str) {
        host.system.programs.clear();
        say(host, "rc-service --version", "rc-service 0.60\n", true);
        say(host, "rc-service --exists fw", "", !fw.is_empty());
        say(host, "rc-service fw status", fw, fw.contains("started"));
        say(host, "rc-service --exists agent", "", true);
        say(
            host,
            "rc-service agent status",
            " * status: stopped\n",
            false,
        );
        say(host, "rc-update show default", runlevel, true);
    }
    case(
        &inactive,
        |host| openrc(host, " * status: started\n", ""),
        Found("active"),
    );
    case(&inactive, |host| openrc(host, "", ""), Pass);
    case(
        &enabled,
        |host| openrc(host, "", " agent | default\n"),
        Pass,
    );
    case(
        &enabled,
        |host| openrc(host, "", " agents | default\n"),
        Found("not enabled"),
    );
}

#[test]
fn files_and_programs() {
    let absent = CheckKind::from(PathAbsent {
        path: "/etc/app/a.yaml".parse().unwrap(),
    });
    case(&absent, |_| {}, Pass);
    case(
        &absent,
        |host| host.write("/etc/app/a.yaml", ""),
        Found("already exists"),
    );
    case(
        &absent,
        |host| host.directory("/etc/app/a.yaml"),
        Found("already exists"),
    );
    case(
        &absent,
        |host| host.link("/etc/app/a.yaml", "/nowhere"),
        Blind("nowhere"),
    );
    let present = CheckKind::from(PathPresent {
        path: "/pki/ca.crt".parse().unwrap(),
    });
    case(&present, |host| host.write("/pki/ca.crt", ""), Pass);
    case(&present, |_| {}, Found("does not exist"));
    case(
        &present,
        |host| host.write("/pki", ""),
        Blind("not a directory"),
    );
    let empty = CheckKind::from(DirectoryEmpty {
        path: "/var/lib/data".parse().unwrap(),
    });
    case(&empty, |_| {}, Pass);
    case(&empty, |host| host.directory("/var/lib/data"), Pass);
    case(
        &empty,
        |host| host.write("/var/lib/data/x", ""),
        Found("not empty"),
    );
    case(
        &empty,
        |host| host.write("/var/lib/data", ""),
        Blind("not a directory"),
    );
    let begins = CheckKind::from(FileBegins {
        path: "/proc/forward".parse().unwrap(),
        text: "1".into(),
    });
    case(&begins, |_| {}, Pass);
    case(
        &begins,
        |host| host.write("/proc/forward", "0\n"),
        Found("does not say 1"),
    );
    case(
        &begins,
        |host| host.remove("/proc/forward"),
        Found("does not exist"),
    );
    case(
        &begins,
        |host| {
            host.remove("/proc/forward");
            host.directory("/proc/forward")
        },
        Blind("not a regular file"),
    );
    let mount = CheckKind::from(Executable {
        program: "mount".into(),
    });
    case(&mount, |_| {}, Pass);
    case(&mount, |host| host.remove("/bin/mount"), Found("PATH"));
    case(
        &mount,
        |host| host.program("/bin/mount", 0o644),
        Found("PATH"),
    );
    case(
        &mount,
        |host| {
            host.remove("/bin/mount");
            host.link("/bin/mount", "busybox");
            host.program("/bin/busybox", 0o755)
        },
        Pass,
    );
    case(
        &mount,
        |host| {
            host.remove("/bin");
            host.write("/bin", "")
        },
        Blind("not a directory"),
    );
    case(&CheckKind::from(NoSwap {}), |_| {}, Pass);
    case(
        &CheckKind::from(NoSwap {}),
        |host| host.remove("/proc/swaps"),
        Pass,
    );
    case(
        &CheckKind::from(NoSwap {}),
        |host| host.write("/proc/swaps", SWAP),
        Found("does not start with it"),
    );
    let allowed = CheckKind::from(SwapAllowed {});
    case(&allowed, |_| {}, Pass);
    case(
        &allowed,
        |host| {
            host.write("/proc/swaps", SWAP);
            host.write("/proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
        },
        Pass,
    );
    case(
        &allowed,
        |host| {
            host.write("/proc/swaps", SWAP);
            host.write("/proc/mounts", "c /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n");
        },
        Found("cgroups v1"),
    );
}

#[test]
fn proxies() {
    let proxy: Change = |host| {
        host.system.proxies = BTreeMap::from([("HTTPS_PROXY".into(), "http://p:3128".into())]);
    };
    let host = CheckKind::from(DirectConnection {
        authority: "[fd00::1]:1234".into(),
    });
    let network = |cidr: &str| CheckKind::from(DirectNetwork { cidr: cidr.into() });
    case(&host, |_| {}, Pass);
    case(&host, proxy, Found("http://p:3128"));
    case(&network("10.96.0.0/12"), |_| {}, Pass);
    case(&network("10.96.0.0/12"), proxy, Found("10.96.0.0/12"));
    case(&network("10.96.0.0/33"), |_| {}, Fails("no network"));
}

#[test]
fn versions() {
    let below = |version: &str| {
        CheckKind::from(VersionBelow {
            of: "It".into(),
            version: version.into(),
            limit: "1.37.0-0".into(),
        })
    };
    case(&below("1.36.9"), |_| {}, Pass);
    case(&below("1.37.0-alpha.1"), |_| {}, Found("newer"));
    case(&below("x"), |_| {}, Fails("is not a version"));
    let program = CheckKind::from(ProgramVersion {
        program: "agent".into(),
        minimum: "2.33.0".into(),
        newest_minor: Some("2.36".into()),
    });
    let version = |text: &'static str| -> (CheckKind, Said) {
        (program.clone(), said(&format!("Agent {text}\n"), true))
    };
    for (text, expect) in [
        ("v2.36.2", Pass),
        ("v2.33.0", Pass),
        ("v2.36.5-distribution.1+abc", Pass),
        ("v2.33.0-rc.1", Found("too old")),
        ("v2.32.9", Found("too old")),
        ("v2.37.0", Found("newer")),
        ("v3.0.0", Found("newer")),
        ("unknown", Blind("does not say")),
    ] {
        let (kind, said) = version(text);
        let mut host = good();
        host.system.programs.insert("agent --version".into(), said);
        assert_looked(text, host.look(&kind), expect);
    }
    case(
        &program,
        |host| host.system.programs.clear(),
        Blind("cannot be run"),
    );
}

#[test]
fn servers() {
    let server = |tls: ClientFiles| {
        CheckKind::from(ServerVersion {
            endpoints: vec!["https://a:1/".into(), "https://b:1".into()],
            document: "/version".into(),
            key: "server".into(),
            minimum: "3.5.24-0".into(),
            tls,
        })
    };
    let bare = server(ClientFiles::default());
    fn answers(host: &mut Host, a: &[Result<(u16, &str), &str>], b: &str) {
        let mut documents = host.system.documents.lock().unwrap();
        let owned = |answer: &Result<(u16, &str), &str>| match answer {
            Ok((status, body)) => Ok((*status, (*body).to_owned())),
            Err(reason) => Err((*reason).to_owned()),
        };
        documents.insert("https://a:1/version".into(), a.iter().map(owned).collect());
        documents.insert("https://b:1/version".into(), vec![Ok((200, b.to_owned()))]);
    }
    const GOOD: &str = r#"{"server":"3.5.24"}"#;
    case(&bare, |host| answers(host, &[Ok((200, GOOD))], GOOD), Pass);
    case(
        &bare,
        |host| answers(host, &[Err("reset"), Ok((503, "")), Ok((200, GOOD))], GOOD),
        Pass,
    );
    case(
        &bare,
        |host| answers(host, &[Ok((200, GOOD))], r#"{"server":"3.5.23"}"#),
        Found("b:1 is version 3.5.23"),
    );
    case(
        &bare,
        |host| answers(host, &[Ok((200, "{}"))], GOOD),
        Found("no `server`"),
    );
    case(
        &bare,
        |host| answers(host, &[Ok((200, r#"{"server":"new"}"#))], GOOD),
        Found("is not a version"),
    );
    case(
        &bare,
        |host| {
            answers(
                host,
                &[Ok((500, "")), Ok((500, "")), Ok((500, "")), Ok((200, GOOD))],
                GOOD,
            )
        },
        Found("status 500"),
    );
    let mut host = good();
    answers(&mut host, &[], GOOD);
    assert_looked("pauses", host.look(&bare), Found("refused"));
    assert_eq!(*host.system.paused.lock().unwrap(), 10);
    let files = server(ClientFiles {
        ca: "/pki/ca.crt".into(),
        ..ClientFiles::default()
    });
    case(
        &files,
        |host| answers(host, &[Ok((200, GOOD))], GOOD),
        Blind("/pki/ca.crt"),
    );
}

#[test]
fn the_container_runtime() {
    fn runtime(host: &mut Host) -> &mut FakeRuntime {
        host.system.runtime.as_mut().unwrap()
    }
    let socket = || "unix:///run/r.sock".to_owned();
    let ready = CheckKind::from(RuntimeReady { socket: socket() });
    case(&ready, |_| {}, Pass);
    case(
        &ready,
        |host| host.system.runtime = None,
        Found("cannot connect"),
    );
    case(
        &ready,
        |host| runtime(host).status.conditions[0].holds = false,
        Found("not ready"),
    );
    case(
        &ready,
        |host| runtime(host).status.conditions.clear(),
        Found("does not say"),
    );
    let config = CheckKind::from(RuntimeConfig { socket: socket() });
    case(&config, |_| {}, Pass);
    case(
        &config,
        |host| host.system.runtime = None,
        Fails("cannot connect"),
    );
    case(
        &config,
        |host| {
            runtime(host).config = Err(CriError::Unimplemented {
                call: "RuntimeConfig",
            })
        },
        Found("newer container runtime"),
    );
    let images = |policy, serial| {
        CheckKind::from(Images {
            socket: socket(),
            references: vec!["a".into(), "b".into()],
            policy,
            serial,
            sandbox: "sandbox:1".into(),
        })
    };
    for serial in [true, false] {
        let missing = images(PullPolicy::IfNotPresent, serial);
        case(
            &missing,
            |host| runtime(host).store = vec!["a".into(), "b".into()],
            Pass,
        );
        case(
            &missing,
            |host| runtime(host).registry = BTreeMap::from([("a".into(), 4), ("b".into(), 0)]),
            Pass,
        );
        case(
            &missing,
            |host| {
                runtime(host).registry = BTreeMap::from([("a".into(), 5)]);
                runtime(host).store = vec!["b".into()];
            },
            Found("a cannot be pulled"),
        );
        case(
            &missing,
            |host| host.system.runtime = None,
            Found("cannot connect"),
        );
        case(
            &images(PullPolicy::Never, serial),
            |host| host.system.runtime = None,
            Pass,
        );
    }
    let always = images(PullPolicy::Always, true);
    let mut host = good();
    runtime(&mut host).store = vec!["a".into(), "b".into()];
    runtime(&mut host).registry = BTreeMap::from([("a".into(), 0), ("b".into(), 0)]);
    assert_looked("always", host.look(&always), Pass);
    assert_eq!(*runtime(&mut host).pulled.lock().unwrap(), ["a", "b"]);
    case(
        &images(PullPolicy::IfNotPresent, true),
        |host| {
            runtime(host).store = vec!["a".into(), "b".into()];
            runtime(host).status.sandbox = Some("other:1".into());
        },
        Warns("other:1"),
    );
    // Without leave to pull it is only told.
    let mut host = good();
    host.pull = false;
    runtime(&mut host).store = vec!["a".into()];
    assert_looked(
        "dry",
        host.look(&images(PullPolicy::IfNotPresent, true)),
        Warns("would pull b"),
    );
    assert!(runtime(&mut host).pulled.lock().unwrap().is_empty());
}

#[test]
fn kernel_and_cgroups() {
    let system = CheckKind::from(requirements());
    case(&system, |_| {}, Pass);
    let mut strict = requirements();
    strict.kernel_severity = Severity::Error;
    let strict = CheckKind::from(strict);
    let old: Change = |host| {
        host.system.kernel.release = "4.19.0".into();
        host.write("/boot/config-4.19.0", &kernel_config(&[]));
    };
    case(&system, old, Warns("4.19.0"));
    case(&strict, old, Fails("4.19.0"));
    case(
        &system,
        |host| host.system.kernel.name = "Plan9".into(),
        Fails("Plan9"),
    );
    case(&system, |host| host.remove("/boot"), Fails("not found"));
    case(
        &system,
        |host| {
            host.write(
                "/boot/config-6.12.3",
                &kernel_config(&["CONFIG_CGROUP_BPF"]),
            )
        },
        Fails("CONFIG_CGROUP_BPF"),
    );
    // An option of the other cgroups is not asked for.
    case(
        &system,
        |host| {
            host.write(
                "/boot/config-6.12.3",
                &kernel_config(&["CONFIG_CGROUP_CPUACCT"]),
            )
        },
        Pass,
    );
    case(
        &system,
        |host| host.remove("/proc/mounts"),
        Fails("cgroups are not known"),
    );
    case(
        &system,
        |host| host.write("/sys/fs/cgroup/cgroup.controllers", "io"),
        Fails("cpu"),
    );
    case(
        &system,
        |host| host.write("/sys/fs/cgroup/cgroup.controllers", "cpu"),
        Warns("io"),
    );
    case(
        &system,
        |host| host.remove("/sys/fs/cgroup/init.scope"),
        Fails("freezer"),
    );
    case(
        &system,
        |host| host.system.programs.clear(),
        Fails("agent cannot be run"),
    );
    fn v1(host: &mut Host) {
        host.write("/proc/mounts", "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n");
        host.directory("/sys/fs/cgroup/memory");
        host.write(
            "/proc/cgroups",
            "#subsys\thierarchy\tnum\tenabled\ncpu\t1\t1\t1\ncpuacct\t1\t1\t1\nblkio\t1\t1\t1\n",
        );
    }
    case(&system, v1, Fails("failCgroupV1"));
    case(
        &system,
        |host| {
            v1(host);
            say(host, "agent --version", "Agent v2.34.9\n", true)
        },
        Warns("cgroups v1"),
    );
    let mut lenient = requirements();
    lenient.v1_error_since = None;
    case(&CheckKind::from(lenient), v1, Warns("cgroups v1"));
    case(
        &system,
        |host| {
            v1(host);
            say(host, "agent --version", "Agent v2.34.9\n", true);
            host.write(
                "/boot/config-6.12.3",
                &kernel_config(&["CONFIG_CGROUP_BPF"]),
            );
        },
        Warns("cgroups v1"),
    );
}

#[test]
fn another_cluster() {
    let params = rcgen::CertificateParams::default();
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let own = {
        let block = x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes())
            .next()
            .unwrap()
            .unwrap();
        Sha256Digest::of(block.parse_x509().unwrap().public_key().raw)
    };
    let kind = CheckKind::from(SameCluster {
        authority: "/etc/app/ca.crt".parse().unwrap(),
        kubeconfigs: vec!["/etc/app/agent.conf".parse().unwrap()],
    });
    let kubeconfig = |pem: &str| {
        let data = base64::engine::general_purpose::STANDARD.encode(pem);
        format!(
            "clusters:\n- name: c\n  cluster: {{certificate-authority-data: {data}, server: x}}\n"
        )
    };
    let looked = |ca: Option<&str>, conf: Option<&str>, cluster| {
        let host = good();
        *host.cluster.borrow_mut() = cluster;
        if let Some(text) = ca {
            host.write("/etc/app/ca.crt", text);
        }
        if let Some(text) = conf {
            host.write("/etc/app/agent.conf", text);
        }
        host.write("/etc/app/other.crt", &pem);
        host.look(&kind)
    };
    let other = Sha256Digest::of(b"other");
    assert_looked("nothing", looked(None, None, own), Pass);
    let conf = kubeconfig(&pem);
    assert_looked("own", looked(Some(&pem), Some(&conf), own), Pass);
    assert_looked(
        "ca",
        looked(Some(&pem), None, other),
        Found("ca.crt belongs to another"),
    );
    assert_looked(
        "conf",
        looked(None, Some(&conf), other),
        Found("agent.conf belongs to another"),
    );
    let by_path = "clusters:\n- cluster: {certificate-authority: /etc/app/other.crt}\n";
    assert_looked("path", looked(None, Some(by_path), other), Found("another"));
    assert_looked("path", looked(None, Some(by_path), own), Pass);
    for bad in [
        "",
        "clusters: 1\n",
        "clusters: []\n",
        "clusters:\n- cluster: {certificate-authority-data: '!'}\n",
    ] {
        assert_looked(bad, looked(None, Some(bad), own), Blind("agent.conf"));
    }
    assert_looked("ca", looked(Some("x"), None, own), Blind("ca.crt"));
}

#[test]
fn a_certificate_that_the_kubelet_would_use_is_this_nodes_own() {
    use crate::kubeadm::node_certificate::testing::Authority;
    let (own, other) = (Authority::new(), Authority::new());
    let kind = CheckKind::from(NodeCertificate {
        certificate: "/pki/kubelet-client-current.pem".parse().unwrap(),
        authority: "/etc/app/ca.crt".parse().unwrap(),
    });
    let looked = |file: Option<&str>, planned: Option<&str>, there: Option<&str>| {
        let mut host = good();
        if let Some(file) = file {
            host.write("/pki/kubelet-client-2026.pem", file);
            host.link(
                "/pki/kubelet-client-current.pem",
                "/pki/kubelet-client-2026.pem",
            );
        }
        let planned = planned.map(|pem| ("/etc/app/ca.crt".to_owned(), pem.to_owned()));
        host.files.extend(planned);
        if let Some(there) = there {
            host.write("/etc/app/ca.crt", there);
        }
        host.look(&kind)
    };
    let dangling = good();
    dangling.link(
        "/pki/kubelet-client-current.pem",
        "/pki/kubelet-client-2026.pem",
    );
    assert_looked("the target is gone", dangling.look(&kind), Pass);
    let node = "cp-0";
    let good = own.of_node(node);
    let left = other.of_node(node);
    let stranger = own.of_node("cp-1");
    let expired = other.issue("system:node:cp-0", "system:nodes", 2025);
    let (own, other) = (own.pem.as_str(), other.pem.as_str());
    for (what, file, planned, there, expected) in [
        ("nothing", None, Some(own), None, Pass),
        ("nothing, and no CA", None, None, None, Pass),
        ("own", Some(good.as_str()), Some(own), None, Pass),
        ("own, CA on the host", Some(&good), None, Some(own), Pass),
        (
            "the bundle's CA counts",
            Some(&good),
            Some(own),
            Some(other),
            Pass,
        ),
        ("expired", Some(&expired), Some(own), None, Pass),
        (
            "left",
            Some(&left),
            Some(own),
            None,
            Found("not issued by the CA of this cluster"),
        ),
        (
            "left with its CA",
            Some(&left),
            Some(own),
            Some(other),
            Found("was not issued"),
        ),
        (
            "another node",
            Some(&stranger),
            Some(own),
            None,
            Found("CN=system:node:cp-1"),
        ),
        (
            "not readable",
            Some("x"),
            Some(own),
            None,
            Found("holds no certificate"),
        ),
        ("no CA", Some(&good), None, None, Blind("/etc/app/ca.crt")),
    ] {
        assert_looked(what, looked(file, planned, there), expected);
    }
}
