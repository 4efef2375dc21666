//! OpenRC, by its programs `rc-service` and `rc-update`.

use std::time::Duration;

use kubeplan_terminal::quote;

use super::{Activity, Host, InitError, InitSystem, Service};
use crate::host::program::Said;

/// A host that OpenRC runs.
pub(super) struct OpenRc<'a>(pub(super) Host<'a>);

impl InitSystem for OpenRc<'_> {
    fn service(&self, service: &str) -> Result<Service, InitError> {
        if !self.0.ask("rc-service", &["--exists", service])?.success() {
            return Ok(Service {
                exists: false,
                activity: Activity::Stopped("not known".to_owned()),
            });
        }
        let said = self.0.ask("rc-service", &[service, "status"])?;
        Ok(Service {
            exists: true,
            activity: activity(&said),
        })
    }

    fn is_enabled(&self, service: &str) -> Result<bool, InitError> {
        let shown = self.0.answer("rc-update", &["show", "default"])?;
        let listed = |line: &str| line.split('|').next().map(str::trim) == Some(service);
        Ok(shown.stdout.lines().any(listed))
    }

    fn enable(&self, service: &str) -> Result<(), InitError> {
        let add = ["add", service, "default"];
        self.0.order("rc-update", &add)
    }

    fn restart(&self, service: &str) -> Result<(), InitError> {
        let restart = [service, "restart"];
        self.0.order("rc-service", &restart)
    }

    fn restart_line(&self, service: &str) -> String {
        format!("rc-service {} restart", quote(service))
    }

    fn stop(&self, service: &str) -> Result<(), InitError> {
        let stop = [service, "stop"];
        self.0.order("rc-service", &stop)
    }

    fn run_later(&self, _: &str, _: Duration, _: &[&str]) -> Option<Result<(), String>> {
        None
    }

    fn cancel(&self, _: &str) {}
}

/// How a service stands by the exit code of its `status` (openrc-run(8), `openrc/sh/openrc-run.sh.in`: 3 stopped, 4 stopping,
/// 8 starting, 16 inactive, 32 crashed). Only one that is stopped is taken for stopped.
fn activity(said: &Said) -> Activity {
    let words = || said.first_line().unwrap_or("not known").to_owned();
    match said.code {
        Some(0) => Activity::Active,
        Some(3) => Activity::Stopped(words()),
        Some(8) => Activity::Starting,
        _ => Activity::Other(words()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stopped_service_is_taken_for_stopped() {
        let words = || " * status: x".to_owned();
        for (code, expected) in [
            (Some(0), Activity::Active),
            (Some(3), Activity::Stopped(words().trim().to_owned())),
            (Some(8), Activity::Starting),
            (Some(4), Activity::Other(words().trim().to_owned())),
            (Some(32), Activity::Other(words().trim().to_owned())),
            (None, Activity::Other(words().trim().to_owned())),
        ] {
            let said = Said {
                code,
                stdout: words(),
                stderr: String::new(),
            };
            assert_eq!(activity(&said), expected, "{code:?}");
        }
    }
}
