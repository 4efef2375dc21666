//! The host's init system: systemd or OpenRC.
//!
//! In: the name of a service. Out: how it stands, or that it is enabled, runs or was stopped; else an error that says what the init
//! system answered. Nothing here knows what a service is for.
//!
//! | module | concern |
//! |---|---|
//! | [`systemd`], [`openrc`] | the same questions and orders, in the words of each |
//! | [`start`] | a service enabled and started with the files that are there |

mod openrc;
mod start;
mod systemd;

use std::time::Duration;

use kubeplan_bundle::service::ServiceName;

use self::openrc::OpenRc;
use self::systemd::Systemd;
use super::path::RootPath;
use super::program::{Limit, RunError, Runner, Said};
use super::root::Root;

pub(crate) use start::{last_log_lines, restart_line, start};

/// What an order may take: systemd itself gives a service 90 s to start or stop.
const ORDER: Limit = Limit {
    time: Duration::from_secs(120),
    bytes: 64 * 1024,
};

/// What a question may take.
const QUESTION: Limit = Limit {
    time: Duration::from_secs(10),
    bytes: 64 * 1024,
};

/// Directories that exist while the init system runs (sd_booted(3); OpenRC's own state).
const SYSTEMD: RootPath = RootPath::fixed("/run/systemd/system");
const OPENRC: RootPath = RootPath::fixed("/run/openrc");

/// How a service stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// Whether the init system knows it.
    pub(crate) exists: bool,
    /// Whether it runs.
    pub(crate) activity: Activity,
}

/// Whether a service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It runs.
    Active,
    /// It is about to run.
    Starting,
    /// It does not run.
    Stopped(String),
    /// None of these, in the words of the init system. Also `failed`: a service that restarts by itself is that for a moment.
    Other(String),
}

impl Activity {
    /// In the words of the init system.
    fn words(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Starting => "activating",
            Self::Stopped(words) | Self::Other(words) => words,
        }
    }
}

/// Why an init system does not do what it is asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
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
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A program that failed.
    #[error("`{command}` {}{}", ended(*code), after_colon(said))]
    Failed {
        /// The program with its arguments.
        command: String,
        /// Its exit code; `None` if a signal ended it.
        code: Option<i32>,
        /// What it said.
        said: String,
    },
    /// A program that did not come to an end.
    #[error("`{command}` took longer than {} s", limit.as_secs())]
    Slow {
        /// The program with its arguments.
        command: String,
        /// How long it had.
        limit: Duration,
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

/// What every init system is asked for.
pub(crate) trait InitSystem {
    /// How a service stands.
    ///
    /// # Errors
    /// [`InitError`], as for every other question and order.
    fn service(&self, service: &str) -> Result<Service, InitError>;

    /// Whether a service starts with the host.
    ///
    /// # Errors
    /// [`InitError`].
    fn is_enabled(&self, service: &str) -> Result<bool, InitError>;

    /// Lets a service start with the host.
    ///
    /// # Errors
    /// [`InitError`].
    fn enable(&self, service: &str) -> Result<(), InitError>;

    /// Reads the files of services again, stops the service if it runs, and starts it.
    ///
    /// # Errors
    /// [`InitError`].
    fn restart(&self, service: &str) -> Result<(), InitError>;

    /// The command that restarts a service, as an operator types it.
    fn restart_line(&self, service: &str) -> String;

    /// Stops a service, and waits until it has stopped.
    ///
    /// # Errors
    /// [`InitError`].
    fn stop(&self, service: &str) -> Result<(), InitError>;

    /// Lets this program run with `words` after `delay`, under the name `unit`, whatever becomes of this process. `None` if the
    /// init system cannot.
    fn run_later(&self, unit: &str, delay: Duration, words: &[&str]) -> Option<Result<(), String>>;

    /// Forgets what was to run later; there is nothing to be done if that fails.
    fn cancel(&self, unit: &str);
}

/// The init system whose program the host has, systemd first: how kubeadm finds it (1.36.2, `cmd/kubeadm/app/util/initsystem`).
///
/// # Errors
/// [`InitError::NoInitSystem`]; [`InitError::Run`] if there is a program of one and it cannot be run.
pub(crate) fn installed<'a>(runner: &'a dyn Runner) -> Result<Box<dyn InitSystem + 'a>, InitError> {
    let host = Host(runner);
    for (program, system) in [
        ("systemctl", Box::new(Systemd(host)) as Box<dyn InitSystem>),
        ("rc-service", Box::new(OpenRc(host))),
    ] {
        match runner.run(program, &["--version"], QUESTION) {
            Ok(_) | Err(RunError::Slow { .. }) => return Ok(system),
            // One that is somewhere else than it should be is not looked for in another init system.
            Err(error) if !error.is_missing() => {
                return Err(Host::not_run(program, &["--version"], error));
            }
            Err(_) => {}
        }
    }
    Err(InitError::NoInitSystem)
}

/// The init system that runs the system at `root`; `None` if it is not one that is known.
pub(crate) fn running<'a>(root: &Root, runner: &'a dyn Runner) -> Option<Box<dyn InitSystem + 'a>> {
    let exists = |path: &RootPath| matches!(root.view(path), Ok(Some(_)));
    if exists(&SYSTEMD) {
        Some(Box::new(Systemd(Host(runner))))
    } else if exists(&OPENRC) {
        Some(Box::new(OpenRc(Host(runner))))
    } else {
        None
    }
}

/// The programs of a host, with the errors of this module.
#[derive(Clone, Copy)]
struct Host<'a>(&'a dyn Runner);

impl Host<'_> {
    /// Asks a program, whatever its exit code.
    fn ask(self, program: &str, arguments: &[&str]) -> Result<Said, InitError> {
        self.run(program, arguments, QUESTION)
    }

    /// Asks a program, which must succeed.
    fn answer(self, program: &str, arguments: &[&str]) -> Result<Said, InitError> {
        Self::succeeded(program, arguments, self.ask(program, arguments)?)
    }

    /// Gives an order, which must succeed.
    fn order(self, program: &str, arguments: &[&str]) -> Result<(), InitError> {
        let said = self.run(program, arguments, ORDER)?;
        Self::succeeded(program, arguments, said).map(drop)
    }

    fn run(self, program: &str, arguments: &[&str], limit: Limit) -> Result<Said, InitError> {
        self.0
            .run(program, arguments, limit)
            .map_err(|error| Self::not_run(program, arguments, error))
    }

    fn succeeded(program: &str, arguments: &[&str], said: Said) -> Result<Said, InitError> {
        if said.success() {
            return Ok(said);
        }
        let text = said.stdout + &said.stderr;
        Err(InitError::Failed {
            command: command_line(program, arguments),
            code: said.code,
            said: text.trim().to_owned(),
        })
    }

    fn not_run(program: &str, arguments: &[&str], error: RunError) -> InitError {
        let command = command_line(program, arguments);
        let source: Box<dyn std::error::Error + Send + Sync> = match error {
            RunError::Slow { limit, .. } => return InitError::Slow { command, limit },
            RunError::Start { reason, .. } => reason.into(),
            error @ RunError::NotFound(_) => error.into(),
        };
        InitError::Run { command, source }
    }
}

fn ended(code: Option<i32>) -> String {
    match code {
        Some(code) => format!("failed with code {code}"),
        None => "was killed".to_owned(),
    }
}

fn after_colon(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {}", said.replace('\n', "; "))
    }
}

fn command_line(program: &str, arguments: &[&str]) -> String {
    [&[program], arguments].concat().join(" ")
}
