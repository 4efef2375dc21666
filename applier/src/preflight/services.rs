//! The host's services.

use kubeplan_bundle::check::{ServiceEnabled, ServiceInactive};
use kubeplan_terminal::quote;

use super::kinds::Explained::Never;
use super::kinds::Needs::Live;
use super::kinds::{Looking, Row};
use super::{CannotLook, Looked, View, found, found_if, with_causes};
use crate::host::init::{self, Activity, InitError, InitSystem};

impl From<InitError> for CannotLook {
    fn from(error: InitError) -> Self {
        Self(match error {
            InitError::NoInitSystem => {
                "neither systemd nor OpenRC is found, so services are not known".to_owned()
            }
            error => with_causes(&error),
        })
    }
}

/// Asks the host's init system.
fn ask<T>(
    view: &View<'_>,
    question: impl FnOnce(&dyn InitSystem) -> Result<T, InitError>,
) -> Result<T, CannotLook> {
    let system = init::installed(view.system.programs())?;
    Ok(question(&*system)?)
}

/// The service does not run.
impl Looking for ServiceInactive {
    const ROW: Row = Row::new(Live, Never, "systemctl, or rc-service and rc-update");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self {
            service: name,
            ports,
        } = self;
        let state = ask(view, |system| system.service(name.as_str()))?;
        let active = matches!(state.activity, Activity::Active | Activity::Starting);
        found_if(state.exists && active, || {
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
        if !ask(view, |system| system.service(name.as_str()))?.exists {
            return found(format!("there is no service {name}"));
        }
        let enabled = ask(view, |system| system.is_enabled(name.as_str()))?;
        found_if(!enabled, || {
            format!(
                "the service {name} is not enabled: run `systemctl enable {}`",
                quote(&format!("{name}.service"))
            )
        })
    }
}
