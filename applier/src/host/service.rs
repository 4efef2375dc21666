//! Services of the host's init system: systemd or OpenRC.
//!
//! In: the name of a service. Out: it is enabled and runs with the files that are there, or an error that says what the
//! init system answered. The init system is the one whose program the host has, systemd first, as kubeadm looks for it
//! (1.36.2, `cmd/kubeadm/app/util/initsystem`). Nothing here knows what a service is for.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kubeplan_bundle::step::ServiceName;
use kubeplan_terminal::quote;

use super::search;

/// How long a call to the init system may take: systemd itself gives a service 90 s to start.
const LIMIT: Duration = Duration::from_secs(120);

/// How long a service may take to be active after the init system has started it.
const SETTLE: Duration = Duration::from_secs(10);

/// How often a program or a service is looked after.
const STEP: Duration = Duration::from_millis(100);

/// Bytes of a program's output that are kept.
const OUTPUT: u64 = 64 * 1024;

/// Lines of a service's log that are shown.
const LOG_LINES: &str = "20";

/// Where the host's programs are.
#[derive(Clone, Debug, Default)]
pub(crate) enum Programs {
    /// Where [`super::search`] finds them.
    #[default]
    SearchPath,
    /// In this folder and nowhere else: for tests.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only tests have programs of their own")
    )]
    Folder(PathBuf),
}

/// What starting a service came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Started {
    /// Whether it was restarted; else it ran already.
    pub(crate) restarted: bool,
    /// What did not work and does not matter now.
    pub(crate) notes: Vec<String>,
}

/// Why a service does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// Neither systemd nor OpenRC.
    #[error("this host has neither systemd (`systemctl`) nor OpenRC (`rc-service`)")]
    NoInitSystem,
    /// A program that cannot be run.
    #[error("cannot run `{command}`")]
    Run {
        /// The program with its arguments.
        command: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program that failed.
    #[error("`{command}` {how}{said}")]
    Failed {
        /// The program with its arguments.
        command: String,
        /// With which code, or that it took too long.
        how: String,
        /// What it said, after a colon.
        said: String,
    },
    /// A service that was started and is not active.
    #[error("the service `{service}` was started and is `{state}`, not active")]
    NotActive {
        /// Which.
        service: ServiceName,
        /// In the words of the init system.
        state: String,
    },
}

/// The init systems this program can talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InitSystem {
    Systemd,
    OpenRc,
}

/// What a program said.
struct Said {
    status: ExitStatus,
    text: String,
}

impl Programs {
    /// Enables `service` and lets it run: it is restarted if it does not run, or if `restart` asks for it.
    ///
    /// # Errors
    /// [`ServiceError`] if there is no init system that is known, one of its programs fails, or the service is not active in the end.
    pub(crate) fn start(
        &self,
        service: &ServiceName,
        restart: bool,
    ) -> Result<Started, ServiceError> {
        let system = self.init_system()?;
        let mut notes = Vec::new();
        let active = self.is_active(system, service)? == State::Active;
        if let Err(error) = self.enable(system, service) {
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
        match system {
            InitSystem::Systemd => {
                self.succeed("systemctl", &["daemon-reload"])?;
                self.succeed("systemctl", &["restart", service.as_str()])?;
            }
            InitSystem::OpenRc => {
                self.succeed("rc-service", &[service.as_str(), "restart"])?;
            }
        }
        let since = Instant::now();
        loop {
            match self.is_active(system, service)? {
                State::Active => {
                    return Ok(Started {
                        restarted: true,
                        notes,
                    });
                }
                State::Other(state) if since.elapsed() >= SETTLE => {
                    return Err(ServiceError::NotActive {
                        service: service.clone(),
                        state,
                    });
                }
                State::Other(_) => thread::sleep(STEP),
            }
        }
    }

    /// The command that restarts `service`, as an operator types it.
    ///
    /// # Errors
    /// [`ServiceError`] if there is no init system that is known.
    pub(crate) fn restart_line(&self, service: &ServiceName) -> Result<String, ServiceError> {
        Ok(match self.init_system()? {
            InitSystem::Systemd => format!("systemctl restart {}", quote(service.as_str())),
            InitSystem::OpenRc => format!("rc-service {} restart", quote(service.as_str())),
        })
    }

    /// The last lines that `service` logged; `None` if this host has no journal to ask.
    pub(crate) fn last_log_lines(&self, service: &ServiceName) -> Option<Vec<String>> {
        let said = self
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
            )
            .ok()?;
        let lines: Vec<String> = said.text.lines().map(str::to_owned).collect();
        (said.status.success() && !lines.is_empty()).then_some(lines)
    }

    fn init_system(&self) -> Result<InitSystem, ServiceError> {
        for (program, system) in [
            ("systemctl", InitSystem::Systemd),
            ("rc-service", InitSystem::OpenRc),
        ] {
            match self.run(program, &["--version"]) {
                Ok(_) | Err(ServiceError::Failed { .. }) => return Ok(system),
                Err(ServiceError::Run { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(ServiceError::NoInitSystem)
    }

    fn enable(&self, system: InitSystem, service: &ServiceName) -> Result<(), ServiceError> {
        let service = service.as_str();
        match system {
            InitSystem::Systemd => {
                if self
                    .run("systemctl", &["is-enabled", service])?
                    .status
                    .success()
                {
                    return Ok(());
                }
                self.succeed("systemctl", &["enable", service])
            }
            InitSystem::OpenRc => {
                let shown = self.run("rc-update", &["show", "default"])?;
                let listed = |line: &str| line.split_whitespace().next() == Some(service);
                if shown.text.lines().any(listed) {
                    return Ok(());
                }
                self.succeed("rc-update", &["add", service, "default"])
            }
        }
    }

    fn is_active(&self, system: InitSystem, service: &ServiceName) -> Result<State, ServiceError> {
        let said = match system {
            InitSystem::Systemd => self.run("systemctl", &["is-active", service.as_str()])?,
            InitSystem::OpenRc => self.run("rc-service", &[service.as_str(), "status"])?,
        };
        if said.status.success() {
            return Ok(State::Active);
        }
        let first = said.text.lines().next().unwrap_or("not known").trim();
        Ok(State::Other(first.to_owned()))
    }

    fn succeed(&self, program: &str, arguments: &[&str]) -> Result<(), ServiceError> {
        let said = self.run(program, arguments)?;
        if said.status.success() {
            return Ok(());
        }
        let how = match said.status.code() {
            Some(code) => format!("failed with code {code}"),
            None => "was killed".to_owned(),
        };
        Err(failed(program, arguments, how, &said.text))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "tests name the programs that are run"
    )]
    fn command(&self, program: &str) -> io::Result<Command> {
        match self {
            Self::SearchPath => search::command(program).map_err(|error| {
                // One that is somewhere else than it should be is not looked for in another init system.
                let kind = if error.is_missing() {
                    io::ErrorKind::NotFound
                } else {
                    io::ErrorKind::PermissionDenied
                };
                io::Error::new(kind, error)
            }),
            Self::Folder(folder) => Ok(Command::new(folder.join(program))),
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<Said, ServiceError> {
        let not_run = |source| ServiceError::Run {
            command: command_line(program, arguments),
            source,
        };
        let command = self.command(program).map_err(not_run)?;
        run(command, arguments).map_err(|error| match error {
            RunError::Start(source) => not_run(source),
            RunError::Slow => failed(
                program,
                arguments,
                format!("took longer than {} s", LIMIT.as_secs()),
                "",
            ),
        })
    }
}

#[derive(PartialEq, Eq)]
enum State {
    Active,
    Other(String),
}

enum RunError {
    Start(io::Error),
    Slow,
}

fn failed(program: &str, arguments: &[&str], how: String, said: &str) -> ServiceError {
    let said = said.trim();
    ServiceError::Failed {
        command: command_line(program, arguments),
        how,
        said: if said.is_empty() {
            String::new()
        } else {
            format!(": {}", said.replace('\n', "; "))
        },
    }
}

fn command_line(program: &str, arguments: &[&str]) -> String {
    [&[program], arguments].concat().join(" ")
}

fn run(mut command: Command, arguments: &[&str]) -> Result<Said, RunError> {
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut tries = 10;
    let mut child = loop {
        match command.spawn() {
            // Somebody is writing the program right now.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries > 0 => {
                tries -= 1;
                thread::sleep(STEP);
            }
            other => break other.map_err(RunError::Start)?,
        }
    };
    // Read while it runs: a pipe that nobody empties would stop the program.
    let readers = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = wait(&mut child)?;
    let mut text = readers.0.join().unwrap_or_default();
    text.push_str(&readers.1.join().unwrap_or_default());
    Ok(Said { status, text })
}

fn reader(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.by_ref().take(OUTPUT).read_to_end(&mut kept);
            let _ = io::copy(&mut stream, &mut io::sink());
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

fn wait(child: &mut Child) -> Result<ExitStatus, RunError> {
    let since = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait().map_err(RunError::Start)? {
            return Ok(status);
        }
        if since.elapsed() >= LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            return Err(RunError::Slow);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(STEP);
    }
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

    /// A host whose programs note how they were called.
    struct Host(tempfile::TempDir);

    impl Host {
        fn new(programs: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, script) in programs {
                let path = folder.path().join(name);
                let here = folder.path().display();
                let text = format!("#!/bin/sh\ncd {here}\necho \"{name} $*\" >> calls\n{script}\n");
                fs::write(&path, text).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            Self(folder)
        }

        fn programs(&self) -> Programs {
            Programs::Folder(self.0.path().to_owned())
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
is-active) if [ -e active ]; then echo active; else echo inactive; exit 3; fi ;;
is-enabled) [ -e enabled ] ;;
enable) : > enabled ;;
restart) : > active ;;
esac"#;

    const OPENRC: &str = r#"case "$2" in
status) [ -e active ] || { echo " * status: stopped"; exit 3; } ;;
restart) : > active ;;
esac"#;

    fn service() -> ServiceName {
        "agent".parse().unwrap()
    }

    #[test]
    fn systemd_enables_and_restarts_what_does_not_run() {
        let host = Host::new(&[("systemctl", SYSTEMD)]);
        let started = host.programs().start(&service(), false).unwrap();
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
                "systemctl is-active agent",
                "systemctl is-enabled agent",
                "systemctl enable agent",
                "systemctl daemon-reload",
                "systemctl restart agent",
                "systemctl is-active agent",
            ]
        );
    }

    #[test]
    fn a_service_that_runs_is_restarted_only_if_files_changed() {
        let host = Host::new(&[("systemctl", SYSTEMD)]);
        host.touch("active");
        host.touch("enabled");
        let restarted = |restart| {
            host.programs()
                .start(&service(), restart)
                .unwrap()
                .restarted
        };
        assert!(!restarted(false));
        assert!(!host.calls().iter().any(|call| call.contains("restart")));
        assert!(restarted(true));
    }

    #[test]
    fn a_restart_is_told_in_the_words_of_the_init_system() {
        let line =
            |programs: &[(&str, &str)]| Host::new(programs).programs().restart_line(&service());
        let systemd = line(&[("systemctl", SYSTEMD), ("rc-service", OPENRC)]);
        assert_eq!(systemd.unwrap(), "systemctl restart agent");
        assert_eq!(
            line(&[("rc-service", OPENRC)]).unwrap(),
            "rc-service agent restart"
        );
        assert!(matches!(line(&[]), Err(ServiceError::NoInitSystem)));
    }

    #[test]
    fn openrc_is_used_where_there_is_no_systemd() {
        let update = "case \"$1\" in show) cat default 2>/dev/null; true ;; add) echo \" $2 | default\" > default ;; esac";
        let host = Host::new(&[("rc-service", OPENRC), ("rc-update", update)]);
        assert!(host.programs().start(&service(), false).unwrap().restarted);
        assert!(!host.programs().start(&service(), false).unwrap().restarted);
        let calls = host.calls();
        let count = |call: &str| calls.iter().filter(|found| *found == call).count();
        assert_eq!(count("rc-update add agent default"), 1, "{calls:?}");
        assert_eq!(count("rc-service agent restart"), 1, "{calls:?}");
    }

    #[test]
    fn without_an_init_system_nothing_is_started() {
        let host = Host::new(&[]);
        let error = host.programs().start(&service(), false).unwrap_err();
        assert!(matches!(error, ServiceError::NoInitSystem));
        assert_eq!(host.programs().last_log_lines(&service()), None);
    }

    #[test]
    fn what_the_init_system_says_is_in_the_error() {
        let host = Host::new(&[(
            "systemctl",
            "case \"$1\" in restart) echo 'Job failed.' >&2; exit 1 ;; is-active) echo failed; exit 3 ;; esac",
        )]);
        let error = host.programs().start(&service(), false).unwrap_err();
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
        let started = host.programs().start(&service(), false).unwrap();
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
            host.programs().last_log_lines(&service()).unwrap(),
            ["one", "two"]
        );
        let host = Host::new(&[("journalctl", "exit 1")]);
        assert_eq!(host.programs().last_log_lines(&service()), None);
    }
}
