//! What only the running system can tell.
//!
//! In: questions about processors, memory, ports, services, proxies, names. Out: answers, or why there is none. [`Live`] asks
//! the system this program runs on; tests answer for themselves. Nothing is changed.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, ToSocketAddrs as _};

use super::process;
use super::program::{Programs, Runner};

/// Name and release of the kernel (uname).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// Such as `Linux`.
    pub(crate) name: String,
    /// Such as `6.12.3-amd64`.
    pub(crate) release: String,
}

/// Questions to the running system.
pub(crate) trait System: Sync {
    /// Whether the program runs as root.
    fn is_root(&self) -> bool;
    /// CPUs that the process may use.
    fn cpus(&self) -> Result<u32, String>;
    /// Memory in MiB.
    fn memory_mib(&self) -> u64;
    /// The kernel.
    fn kernel(&self) -> Kernel;
    /// Directories in which programs are looked for.
    fn search_path(&self) -> Vec<String>;
    /// The variables of the environment about proxies.
    fn proxies(&self) -> BTreeMap<String, String>;
    /// Whether no program listens on the TCP port.
    fn is_free(&self, port: u16) -> Result<bool, String>;
    /// The host's programs.
    fn programs(&self) -> &dyn Runner;
    /// Whether a name has an address; why not.
    fn resolve(&self, name: &str) -> Result<(), String>;
    /// Waits before something is tried again.
    fn pause(&self, seconds: u64);
}

/// The system this program runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live;

impl System for Live {
    fn is_root(&self) -> bool {
        rustix::process::getuid().is_root()
    }

    fn cpus(&self) -> Result<u32, String> {
        rustix::thread::sched_getaffinity(None)
            .map(|set| set.count())
            .map_err(|errno| format!("the kernel does not say on which CPUs programs run: {errno}"))
    }

    fn memory_mib(&self) -> u64 {
        let info = rustix::system::sysinfo();
        let bytes = u128::from(info.totalram) * u128::from(info.mem_unit);
        u64::try_from(bytes / (1024 * 1024)).unwrap_or(u64::MAX)
    }

    fn kernel(&self) -> Kernel {
        let uname = rustix::system::uname();
        Kernel {
            name: uname.sysname().to_string_lossy().into_owned(),
            release: uname.release().to_string_lossy().into_owned(),
        }
    }

    fn search_path(&self) -> Vec<String> {
        process::search_path()
    }

    fn proxies(&self) -> BTreeMap<String, String> {
        process::proxy_variables()
    }

    fn is_free(&self, port: u16) -> Result<bool, String> {
        // As Go listens on `:port`: on both families at once, on IPv4 alone where there is no IPv6.
        let tried = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).or_else(|error| {
            if error.kind() == ErrorKind::AddrInUse {
                return Err(error);
            }
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        });
        match tried {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(false),
            Err(error) => Err(format!("port {port} cannot be tried: {error}")),
        }
    }

    fn programs(&self) -> &dyn Runner {
        &Programs::SearchPath
    }

    fn resolve(&self, name: &str) -> Result<(), String> {
        match (name, 0).to_socket_addrs() {
            Ok(mut addresses) => match addresses.next() {
                Some(_) => Ok(()),
                None => Err("it has no address".to_owned()),
            },
            Err(error) => Err(error.to_string()),
        }
    }

    fn pause(&self, seconds: u64) {
        std::thread::sleep(std::time::Duration::from_secs(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_system_answers() {
        assert!(Live.cpus().unwrap() >= 1);
        assert!(Live.memory_mib() > 64);
        assert_eq!(Live.kernel().name, "Linux");
        assert!(Live.kernel().release.contains('.'));
        assert!(!Live.search_path().is_empty());
        assert_eq!(Live.resolve("127.0.0.1"), Ok(()));
        assert!(Live.resolve("no such name").is_err());
    }

    #[test]
    fn a_port_on_which_a_program_listens_is_not_free() {
        for address in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
            let listener = TcpListener::bind((address, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert_eq!(Live.is_free(port), Ok(false), "{address}");
        }
    }
}
