//! The host's own programs, run to change something or to report at length.
//!
//! In: a program, its arguments, a limit. Out: everything it printed and whether it succeeded. Its standard input is
//! empty, its output is read while it runs, and a program that takes too long is killed. No shell is involved.

use std::io::{ErrorKind, Read};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::search::{self, NotFound};

/// How often it is looked after.
const STEP: Duration = Duration::from_millis(20);

/// How long its last words may take after it ended; a process it left behind may hold the pipe for ever.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Bytes of each stream that are read; far more than a list of a host's Pods has.
const OUTPUT: u64 = 64 * 1024 * 1024;

/// What a program said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Whether its exit code was 0.
    pub(crate) success: bool,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// Why a program said nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    /// It is not installed.
    #[error("the program {0} is not installed")]
    Missing(String),
    /// It is where another user could have put it.
    #[error(transparent)]
    Unsafe(#[from] NotFound),
    /// It could not be started, or did not come to an end.
    #[error("the program {program} failed: {reason}")]
    Failed {
        /// Its name.
        program: String,
        /// Why.
        reason: String,
    },
}

/// Runs `program` with `arguments` until it ends, for at most `limit`.
///
/// # Errors
/// [`CommandError`] if it cannot be started or takes longer; not if its exit code is another than 0.
pub(crate) fn run(
    program: &str,
    arguments: &[&str],
    limit: Duration,
) -> Result<Said, CommandError> {
    run_with(program, arguments, &[], limit)
}

/// As [`run`], with these variables besides those of this process.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_with(
    program: &str,
    arguments: &[&str],
    variables: &[(String, String)],
    limit: Duration,
) -> Result<Said, CommandError> {
    let failed = |reason: String| CommandError::Failed {
        program: program.to_owned(),
        reason,
    };
    let started = Instant::now();
    let mut child = search::command(program)
        .map_err(|error| {
            if error.is_missing() {
                CommandError::Missing(program.to_owned())
            } else {
                CommandError::Unsafe(error)
            }
        })?
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => CommandError::Missing(program.to_owned()),
            _ => failed(error.to_string()),
        })?;
    let stdout = child.stdout.take().map(listen);
    let stderr = child.stderr.take().map(listen);
    let status = loop {
        if let Some(status) = child
            .try_wait()
            .map_err(|error| failed(error.to_string()))?
        {
            break status;
        }
        if started.elapsed() >= limit {
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed(format!(
                "it took longer than {} seconds",
                limit.as_secs()
            )));
        }
        thread::sleep(STEP);
    };
    Ok(Said {
        success: status.success(),
        stdout: hear(stdout),
        stderr: hear(stderr),
    })
}

fn listen(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is all there is.
        let _ = stream.take(OUTPUT).read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn hear(stream: Option<Receiver<String>>) -> String {
    stream
        .and_then(|receiver| receiver.recv_timeout(LAST_WORDS).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_is_heard_to_the_end() {
        let script = "head -c 300000 /dev/zero | tr '\\0' a; echo no >&2; exit 3";
        let said = run("sh", &["-c", script], LONG).unwrap();
        assert!(!said.success);
        assert_eq!((said.stdout.len(), said.stderr.as_str()), (300_000, "no\n"));
        assert!(run("true", &[], LONG).unwrap().success);
    }

    #[test]
    fn a_program_that_is_missing_or_slow_is_an_error() {
        assert_eq!(
            run("no-such-program-here", &[], LONG),
            Err(CommandError::Missing("no-such-program-here".to_owned()))
        );
        let slow = run("sleep", &["60"], Duration::from_millis(50)).unwrap_err();
        assert!(slow.to_string().contains("took longer"), "{slow}");
    }
}
