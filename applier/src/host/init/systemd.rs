//! systemd, by its programs `systemctl` and `systemd-run`.

use std::time::Duration;

use kubeplan_terminal::quote;

use super::{Activity, Host, InitError, InitSystem, ORDER, Service};
use crate::host::program::{RunError, own_program};

/// A host that systemd runs.
pub(super) struct Systemd<'a>(pub(super) Host<'a>);

impl InitSystem for Systemd<'_> {
    fn service(&self, service: &str) -> Result<Service, InitError> {
        let show = ["show", "--property=LoadState,ActiveState", service];
        Ok(state(&self.0.answer("systemctl", &show)?.stdout))
    }

    fn is_enabled(&self, service: &str) -> Result<bool, InitError> {
        Ok(self.0.ask("systemctl", &["is-enabled", service])?.success())
    }

    fn enable(&self, service: &str) -> Result<(), InitError> {
        self.0.order("systemctl", &["enable", service])
    }

    fn restart(&self, service: &str) -> Result<(), InitError> {
        self.0.order("systemctl", &["daemon-reload"])?;
        self.0.order("systemctl", &["restart", service])
    }

    fn restart_line(&self, service: &str) -> String {
        format!("systemctl restart {}", quote(service))
    }

    fn stop(&self, service: &str) -> Result<(), InitError> {
        self.0.order("systemctl", &["stop", service])
    }

    fn run_later(&self, unit: &str, delay: Duration, words: &[&str]) -> Option<Result<(), String>> {
        let start = || {
            let program = own_program()?;
            let program = program
                .to_str()
                .ok_or("the program's path is not UTF-8 text")?;
            let unit = format!("--unit={unit}");
            let delay = format!("--on-active={}s", delay.as_secs());
            let mut arguments = vec![
                unit.as_str(),
                delay.as_str(),
                "--timer-property=AccuracySec=1s",
                "--collect",
                "--quiet",
                "--",
                program,
            ];
            arguments.extend(words);
            let said = match self.0.0.run("systemd-run", &arguments, ORDER) {
                Ok(said) if said.success() => return Ok(()),
                Ok(said) => said.stderr,
                Err(RunError::Start { reason, .. }) => {
                    return Err(format!("`systemd-run` cannot be run: {reason}"));
                }
                Err(error) => return Err(error.to_string()),
            };
            let said = said.lines().next().unwrap_or("it says nothing");
            Err(format!("`systemd-run` failed: {}", said.trim()))
        };
        Some(start())
    }

    fn cancel(&self, unit: &str) {
        let _ = self
            .0
            .order("systemctl", &["stop", &format!("{unit}.timer")]);
    }
}

/// `systemctl show` prints a line for each property, in its own order (org.freedesktop.systemd1(5)).
fn state(text: &str) -> Service {
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
    };
    Service {
        exists: value("LoadState") != "not-found",
        activity: match value("ActiveState") {
            "active" | "reloading" | "refreshing" => Activity::Active,
            "activating" => Activity::Starting,
            words @ "inactive" => Activity::Stopped(words.to_owned()),
            "" => Activity::Other("not known".to_owned()),
            other => Activity::Other(other.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_stand_as_systemd_says() {
        let stopped = || Activity::Stopped("inactive".to_owned());
        for (text, exists, activity) in [
            (
                "LoadState=loaded\nActiveState=active\n",
                true,
                Activity::Active,
            ),
            (
                "ActiveState=activating\nLoadState=loaded\n",
                true,
                Activity::Starting,
            ),
            (
                "LoadState=loaded\nActiveState=failed\n",
                true,
                Activity::Other("failed".to_owned()),
            ),
            ("LoadState=loaded\nActiveState=inactive\n", true, stopped()),
            (
                "LoadState=not-found\nActiveState=inactive\n",
                false,
                stopped(),
            ),
            // Deleted while it runs.
            (
                "LoadState=not-found\nActiveState=active\n",
                false,
                Activity::Active,
            ),
        ] {
            assert_eq!(state(text), Service { exists, activity }, "{text}");
        }
    }
}
