//! A service enabled and started with the files that are there.

use std::thread;
use std::time::{Duration, Instant};

use kubeplan_bundle::service::ServiceName;

use super::{Activity, InitError, ORDER, installed};
use crate::host::program::Runner;

/// How long a service may take to be active after the init system has started it.
const SETTLE: Duration = Duration::from_secs(10);

/// How often a service is looked after.
const STEP: Duration = Duration::from_millis(100);

/// Lines of a service's log that are shown.
const LOG_LINES: &str = "20";

/// What starting a service came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    /// Whether it was restarted; else it ran already.
    pub(crate) restarted: bool,
    /// What did not work and does not matter now.
    pub(crate) notes: Vec<String>,
}

/// Enables `service` and lets it run: it is restarted if it does not run, or if `restart` asks for it.
///
/// # Errors
/// [`InitError`] if there is no init system that is known, one of its programs fails, or the service is not active in the end.
pub(crate) fn start(
    runner: &dyn Runner,
    service: &ServiceName,
    restart: bool,
) -> Result<Started, InitError> {
    let system = installed(runner)?;
    let name = service.as_str();
    let mut notes = Vec::new();
    let active = system.service(name)?.activity == Activity::Active;
    let enabled = match system.is_enabled(name) {
        Ok(true) => Ok(()),
        Ok(false) => system.enable(name),
        Err(error) => Err(error),
    };
    if let Err(error) = enabled {
        // kubeadm does not enable the service at all: not worth a stop, but the next boot depends on it.
        notes.push(format!(
            "the service `{service}` is not enabled and will not start when the host boots: {error}"
        ));
    }
    if active && !restart {
        return Ok(Started {
            restarted: false,
            notes,
        });
    }
    system.restart(name)?;
    let since = Instant::now();
    loop {
        match system.service(name)?.activity {
            Activity::Active => {
                return Ok(Started {
                    restarted: true,
                    notes,
                });
            }
            other if since.elapsed() >= SETTLE => {
                return Err(InitError::NotActive {
                    service: service.clone(),
                    state: other.words().to_owned(),
                });
            }
            _ => thread::sleep(STEP),
        }
    }
}

/// The command that restarts `service`, as an operator types it.
///
/// # Errors
/// [`InitError`] if there is no init system that is known.
pub(crate) fn restart_line(
    runner: &dyn Runner,
    service: &ServiceName,
) -> Result<String, InitError> {
    Ok(installed(runner)?.restart_line(service.as_str()))
}

/// The last lines that `service` logged; `None` if this host has no journal to ask.
pub(crate) fn last_log_lines(runner: &dyn Runner, service: &ServiceName) -> Option<Vec<String>> {
    let said = runner
        .run(
            "journalctl",
            &[
                "-u",
                service.as_str(),
                "-n",
                LOG_LINES,
                "--no-pager",
                "-o",
                "cat",
            ],
            ORDER,
        )
        .ok()?;
    let lines: Vec<String> = said.stdout.lines().map(str::to_owned).collect();
    (said.success() && !lines.is_empty()).then_some(lines)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the programs that are run"
)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::host::program::Programs;

    /// A host whose programs note how they were called.
    struct Host(tempfile::TempDir);

    impl Host {
        fn new(programs: &[(&str, &str)]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            for (name, script) in programs {
                let path = directory.path().join(name);
                let here = directory.path().display();
                let text = format!("#!/bin/sh\ncd {here}\necho \"{name} $*\" >> calls\n{script}\n");
                fs::write(&path, text).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            Self(directory)
        }

        fn programs(&self) -> Programs {
            Programs::Directory(self.0.path().to_owned())
        }

        fn start(&self, restart: bool) -> Result<Started, InitError> {
            start(&self.programs(), &service(), restart)
        }

        fn calls(&self) -> Vec<String> {
            let text = fs::read_to_string(self.0.path().join("calls")).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        }

        fn touch(&self, name: &str) {
            fs::write(self.0.path().join(name), "").unwrap();
        }
    }

    const SYSTEMD: &str = r#"case "$1" in
show) if [ -e active ]; then echo ActiveState=active; else echo ActiveState=inactive; fi ;;
is-enabled) [ -e enabled ] ;;
enable) : > enabled ;;
restart) : > active ;;
esac"#;

    const OPENRC: &str = r#"case "$2" in
agent) [ "$1" = --exists ] ;;
status) [ -e active ] || { echo " * status: stopped"; exit 3; } ;;
restart) : > active ;;
esac"#;

    fn service() -> ServiceName {
        "agent".parse().unwrap()
    }

    #[test]
    fn systemd_enables_and_restarts_what_does_not_run() {
        let host = Host::new(&[("systemctl", SYSTEMD)]);
        let started = host.start(false).unwrap();
        assert_eq!(
            started,
            Started {
                restarted: true,
                notes: vec![]
            }
        );
        assert_eq!(
            host.calls(),
            [
                "systemctl --version",
                "systemctl show --property=LoadState,ActiveState agent",
                "systemctl is-enabled agent",
                "systemctl enable agent",
                "systemctl daemon-reload",
                "systemctl restart agent",
                "systemctl show --property=LoadState,ActiveState agent",
            ]
        );
    }

    #[test]
    fn a_service_that_runs_is_restarted_only_if_files_changed() {
        let host = Host::new(&[("systemctl", SYSTEMD)]);
        host.touch("active");
        host.touch("enabled");
        let restarted = |restart| host.start(restart).unwrap().restarted;
        assert!(!restarted(false));
        assert!(!host.calls().iter().any(|call| call.contains("restart")));
        assert!(restarted(true));
    }

    #[test]
    fn a_restart_is_told_in_the_words_of_the_init_system() {
        let line =
            |programs: &[(&str, &str)]| restart_line(&Host::new(programs).programs(), &service());
        let systemd = line(&[("systemctl", SYSTEMD), ("rc-service", OPENRC)]);
        assert_eq!(systemd.unwrap(), "systemctl restart agent");
        assert_eq!(
            line(&[("rc-service", OPENRC)]).unwrap(),
            "rc-service agent restart"
        );
        assert!(matches!(line(&[]), Err(InitError::NoInitSystem)));
    }

    #[test]
    fn openrc_is_used_where_there_is_no_systemd() {
        let update = "case \"$1\" in show) cat default 2>/dev/null; true ;; add) echo \" $2 | default\" > default ;; esac";
        let host = Host::new(&[("rc-service", OPENRC), ("rc-update", update)]);
        assert!(host.start(false).unwrap().restarted);
        assert!(!host.start(false).unwrap().restarted);
        let calls = host.calls();
        let count = |call: &str| calls.iter().filter(|found| *found == call).count();
        assert_eq!(count("rc-update add agent default"), 1, "{calls:?}");
        assert_eq!(count("rc-service agent restart"), 1, "{calls:?}");
    }

    #[test]
    fn without_an_init_system_nothing_is_started() {
        let host = Host::new(&[]);
        let error = host.start(false).unwrap_err();
        assert!(matches!(error, InitError::NoInitSystem));
        assert_eq!(last_log_lines(&host.programs(), &service()), None);
    }

    #[test]
    fn what_the_init_system_says_is_in_the_error() {
        let host = Host::new(&[(
            "systemctl",
            "case \"$1\" in restart) echo 'Job failed.' >&2; exit 1 ;; show) echo ActiveState=failed ;; esac",
        )]);
        let error = host.start(false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`systemctl restart agent` failed with code 1: Job failed."
        );
    }

    #[test]
    fn a_service_that_cannot_be_enabled_is_started_with_a_note() {
        let script =
            format!("case \"$1\" in is-enabled|enable) echo masked; exit 1 ;; esac\n{SYSTEMD}");
        let host = Host::new(&[("systemctl", &script)]);
        let started = host.start(false).unwrap();
        assert!(started.restarted);
        assert_eq!(
            started.notes,
            [
                "the service `agent` is not enabled and will not start when the host boots: `systemctl enable agent` failed with code 1: masked"
            ]
        );
    }

    #[test]
    fn the_log_is_shown_if_there_is_one() {
        let host = Host::new(&[("journalctl", "echo one; echo two")]);
        assert_eq!(
            last_log_lines(&host.programs(), &service()).unwrap(),
            ["one", "two"]
        );
        let host = Host::new(&[("journalctl", "exit 1")]);
        assert_eq!(last_log_lines(&host.programs(), &service()), None);
    }
}
