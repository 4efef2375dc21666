//! OpenRC, by its programs `rc-service` and `rc-update`.

use std::time::Duration;

use kubeplan_terminal::quote;

use super::{Activity, Host, InitError, InitSystem, Service};

/// A host that OpenRC runs.
pub(super) struct OpenRc<'a>(pub(super) Host<'a>);

impl InitSystem for OpenRc<'_> {
    fn service(&self, service: &str) -> Result<Service, InitError> {
        if !self.0.run("rc-service", &["--exists", service])?.success() {
            return Ok(Service {
                exists: false,
                activity: Activity::Stopped("not known".to_owned()),
            });
        }
        let said = self.0.run("rc-service", &[service, "status"])?;
        Ok(Service {
            exists: true,
            activity: if said.success() {
                Activity::Active
            } else {
                let words = said.first_line().unwrap_or("not known");
                Activity::Stopped(words.to_owned())
            },
        })
    }

    fn is_enabled(&self, service: &str) -> Result<bool, InitError> {
        let shown = self.0.run("rc-update", &["show", "default"])?;
        let listed = |line: &str| line.split('|').next().map(str::trim) == Some(service);
        Ok(shown.stdout.lines().any(listed))
    }

    fn enable(&self, service: &str) -> Result<(), InitError> {
        let add = ["add", service, "default"];
        self.0.succeed("rc-update", &add).map(drop)
    }

    fn restart(&self, service: &str) -> Result<(), InitError> {
        let restart = [service, "restart"];
        self.0.succeed("rc-service", &restart).map(drop)
    }

    fn restart_line(&self, service: &str) -> String {
        format!("rc-service {} restart", quote(service))
    }

    fn stop(&self, service: &str) -> Result<(), InitError> {
        let stop = [service, "stop"];
        self.0.succeed("rc-service", &stop).map(drop)
    }

    fn run_later(&self, _: &str, _: Duration, _: &[&str]) -> Option<Result<(), String>> {
        None
    }

    fn cancel(&self, _: &str) {}
}
