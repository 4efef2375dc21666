//! The user, the machine, its services and its name.

use kubeplan_bundle::check::{
    CpuCount, Memory, NodeName, PrivilegedUser, ServiceEnabled, ServiceInactive,
};
use kubeplan_bundle::index::Name;
use kubeplan_bundle::service::ServiceName;
use kubeplan_terminal::quote;

use super::kinds::Explained::Never;
use super::kinds::Needs::Live;
use super::kinds::{Looking, Row};
use super::{CannotLook, Looked, View, found, found_if, passed};
use crate::host::query::Answer;
use crate::host::system::System;

/// The program runs as root.
impl Looking for PrivilegedUser {
    const ROW: Row = Row::new(Live, Never, "the user id of the process");

    fn look(&self, view: &View<'_>) -> Looked {
        found_if(!view.system.is_root(), || {
            "the program does not run as root".to_owned()
        })
    }
}

/// Enough CPUs.
impl Looking for CpuCount {
    const ROW: Row = Row::new(
        Live,
        Never,
        "the CPUs the process may use (sched_getaffinity)",
    );

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { minimum } = self;
        let cpus = view.system.cpus().map_err(CannotLook)?;
        found_if(cpus < *minimum, || {
            format!("{cpus} CPUs are available, {minimum} are needed")
        })
    }
}

/// Enough memory.
impl Looking for Memory {
    const ROW: Row = Row::new(Live, Never, "the memory of the host (sysinfo)");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { minimum_mib } = self;
        let memory = view.system.memory_mib();
        found_if(memory < *minimum_mib, || {
            format!("the host has {memory} MiB of memory, {minimum_mib} MiB are needed")
        })
    }
}

/// The node's name is a name, and the host knows its address.
impl Looking for NodeName {
    const ROW: Row = Row::new(Live, Never, "the name's form, and the resolver");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { node } = self;
        if let Err(error) = node.parse::<Name>() {
            return found(error.to_string());
        }
        match view.system.resolve(node) {
            Ok(()) => passed(),
            Err(reason) => found(format!("`{node}` cannot be resolved: {reason}")),
        }
    }
}

/// What starts services.
enum Init {
    Systemd,
    OpenRc,
}

/// What a service is.
struct Service {
    exists: bool,
    active: bool,
    enabled: bool,
}

impl Init {
    fn find(system: &dyn System) -> Option<Self> {
        if system.ask("systemctl", &["--version"]).is_some() {
            Some(Self::Systemd)
        } else if system.ask("rc-service", &["--version"]).is_some() {
            Some(Self::OpenRc)
        } else {
            None
        }
    }

    fn service(&self, system: &dyn System, service: &str) -> Result<Service, CannotLook> {
        let ask = |program: &str, arguments: &[&str]| -> Result<Answer, CannotLook> {
            system
                .ask(program, arguments)
                .ok_or_else(|| CannotLook(format!("{program} gives no answer")))
        };
        Ok(match self {
            Self::Systemd => {
                let unit = format!("{service}.service");
                let state = ask("systemctl", &["show", "--property=LoadState", &unit])?;
                let active = ask("systemctl", &["is-active", &unit])?;
                Service {
                    exists: state.first_line() == Some("LoadState=loaded"),
                    active: matches!(active.first_line(), Some("active" | "activating")),
                    enabled: ask("systemctl", &["is-enabled", &unit])?.success,
                }
            }
            Self::OpenRc => {
                let state = ask("rc-service", &[service, "status"])?;
                let enabled = ask("rc-update", &["show", "default"])?;
                let exists = !state.text.contains("does not exist") && !state.text.is_empty();
                Service {
                    exists,
                    active: exists && state.success && !state.text.contains("stopped"),
                    enabled: enabled
                        .text
                        .lines()
                        .any(|line| line.split('|').next().map(str::trim) == Some(service)),
                }
            }
        })
    }
}

fn service(view: &View<'_>, name: &ServiceName) -> Result<Service, CannotLook> {
    Init::find(view.system)
        .ok_or_else(|| {
            CannotLook("neither systemd nor OpenRC is found, so services are not known".to_owned())
        })?
        .service(view.system, name.as_str())
}

/// The service does not run.
impl Looking for ServiceInactive {
    const ROW: Row = Row::new(Live, Never, "systemctl, or rc-service and rc-update");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self {
            service: name,
            ports,
        } = self;
        let state = service(view, name)?;
        found_if(state.exists && state.active, || {
            let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
            format!(
                "{name} is active: the ports {} must be open",
                ports.join(", ")
            )
        })
    }
}

/// The service exists and starts with the host.
impl Looking for ServiceEnabled {
    const ROW: Row = Row::new(Live, Never, "systemctl, or rc-service and rc-update");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { service: name } = self;
        let state = service(view, name)?;
        if !state.exists {
            return found(format!("there is no service {name}"));
        }
        found_if(!state.enabled, || {
            format!(
                "the service {name} is not enabled: run `systemctl enable {}`",
                quote(&format!("{name}.service"))
            )
        })
    }
}
