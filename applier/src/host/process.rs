//! The process itself: arguments, standard streams, environment, and the programs it starts that outlive it or change
//! the host. Programs that only report are asked in [`super::query`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use super::clock::Clock;
use super::durable::Fault;
use super::search;
use crate::{Io, Terminals};

/// Runs the program with the process's own arguments and streams.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the arguments"
)]
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os()))
}

/// Runs the program with `args` and the process's own streams.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let mut stdin = io::stdin().lock();
    let mut stdout = io::stdout().lock();
    let mut stderr = io::stderr().lock();
    let mut io = Io {
        terminals: Terminals {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
        },
        // https://no-color.org: present and not empty.
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        clock: Clock::System,
        fault: Fault::None,
        performed: 0,
        stdin: &mut stdin,
        stdout: &mut stdout,
        stderr: &mut stderr,
    };
    crate::run(args, &mut io)
}

/// Variables of the environment whose names end in `_proxy`, in any case, and that are not empty.
#[must_use]
pub(crate) fn proxy_variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, value)| is_proxy(name, value))
        .collect()
}

/// What a supervisor says once it is there.
pub(crate) const READY: &str = "ready";

/// Whether systemd runs this system (sd_booted(3)).
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the running system, not the root"
)]
pub(crate) fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Lets systemd run this program with `words` after `delay`.
///
/// # Errors
/// Why not.
pub(crate) fn run_later(unit: &str, delay: Duration, words: &[&str]) -> Result<(), String> {
    let program = own_program()?;
    let program = program.to_str().ok_or("the program's path is no text")?;
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
    run_to_end("systemd-run", &arguments)
}

/// Stops a unit; there is nothing to be done if that fails.
pub(crate) fn stop_unit(unit: &str) {
    let _ = run_to_end("systemctl", &["stop", unit]);
}

/// Starts this program with `words`, in the background, and waits until it says that it is [`READY`].
///
/// # Errors
/// Why not.
#[expect(clippy::disallowed_methods, reason = "processes are started in host")]
pub(crate) fn detach(words: &[&str]) -> Result<(), String> {
    let mut child = Command::new(own_program()?)
        .args(words)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the program cannot be started again: {error}"))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        // It says one word or ends, which closes the pipe: this does not wait for ever.
        let _ = BufReader::new(stdout).read_line(&mut line);
    }
    if line.trim() == READY {
        Ok(())
    } else {
        let _ = child.kill();
        let _ = child.wait();
        Err("the process that was started for it ended at once".to_owned())
    }
}

fn run_to_end(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = search::command(program)
        .map_err(|error| error.to_string())?
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("it says nothing");
    Err(format!("`{program}` failed: {}", said.trim()))
}

fn own_program() -> Result<std::path::PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("the program's path is unknown: {error}"))
}

/// The user who logged in to the session that this process belongs to, also if it runs as another user since (proc_pid_loginuid(5));
/// `None` if the kernel does not know.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the kernel's view of this process, not of the root"
)]
pub(crate) fn login_uid() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

/// Leaves the terminal's session: neither its Ctrl-C nor its end is meant for this process any more.
pub(crate) fn leave_session() {
    // Fails only for the leader of a group, which a process that was started by a program is not.
    let _ = rustix::process::setsid();
}

/// The program `name`: beside this one, else where programs are looked for.
#[must_use]
pub(crate) fn companion(name: &str) -> Option<String> {
    let beside = own_program()
        .ok()
        .and_then(|own| search::beside(&own, name));
    let found = match beside {
        Some(path) => path,
        None => search::find(name).ok()?,
    };
    found.to_str().map(str::to_owned)
}

/// Waits.
pub(crate) fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// The absolute directories of `PATH`, for a check that looks whether a program is there; what is run is looked for
/// by [`search`].
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
pub(crate) fn search_path() -> Vec<String> {
    std::env::var("PATH")
        .unwrap_or_default()
        .split(':')
        .filter(|folder| folder.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

fn is_proxy(name: &str, value: &str) -> bool {
    name.to_lowercase().ends_with("_proxy") && !value.is_empty()
}

#[cfg(test)]
mod tests {
    use super::is_proxy;

    #[test]
    fn proxies_are_known_by_the_end_of_their_names() {
        assert!(is_proxy("HTTP_PROXY", "a") && is_proxy("no_proxy", "b"));
        assert!(!is_proxy("HTTP_PROXY", "") && !is_proxy("PROXY_URL", "a"));
    }
}
