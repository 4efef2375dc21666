//! The process itself: arguments, standard streams, environment. The programs that it starts are [`super::program`]'s.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

use super::clock::Clock;
use super::durable::Fault;
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

/// Waits.
pub(crate) fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// The absolute directories of `PATH`, for a check that looks whether a program is there; what is run is looked for
/// by [`super::program`].
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
