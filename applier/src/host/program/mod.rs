//! The host's own programs: the one place that looks them up and runs them.
//!
//! In: the name of a program, its arguments, how long it may take and how much of what it prints is kept. Out: what it printed
//! and whether it succeeded. Its standard input is empty, its output is read while it runs, and a program that takes too long is
//! killed. No shell is involved.
//!
//! | module | concern |
//! |---|---|
//! | [`search`] | where a program is looked for, and which one is not run |
//! | [`detach`] | this program once more, in the background |

pub(crate) mod detach;
mod search;

use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use self::search::NotFound;

/// The longest pause between two looks at a program that runs; the first ones are shorter.
const STEP: Duration = Duration::from_millis(20);

/// How long its last words may take after it ended; a process it left behind may hold the pipe for ever.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often a program is started again that another process is writing right now.
const BUSY_TRIES: usize = 10;

/// How long such a process has each time.
const BUSY_STEP: Duration = Duration::from_millis(100);

/// What a program may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// How long it may run.
    pub(crate) time: Duration,
    /// Bytes of each stream that are kept; the rest is read and dropped.
    pub(crate) bytes: u64,
}

impl Limit {
    /// For a question with a short answer.
    pub(crate) const ANSWER: Self = Self {
        time: Duration::from_secs(10),
        bytes: 4096,
    };

    /// For a program that reports at length: far more than a list of a host's Pods has.
    pub(crate) const fn report(time: Duration) -> Self {
        Self {
            time,
            bytes: 64 * 1024 * 1024,
        }
    }
}

/// What a program said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Said {
    /// Whether its exit code was 0.
    pub(crate) fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// The first line of its standard output.
    pub(crate) fn first_line(&self) -> Option<&str> {
        self.stdout.lines().next().map(str::trim)
    }
}

/// Why a program said nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// It is not installed, or is where another user could have put it.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// It could not be started.
    #[error("the program {program} failed: {reason}")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        reason: io::Error,
    },
    /// It did not come to an end.
    #[error("the program {program} failed: it took longer than {} seconds", limit.as_secs())]
    Slow {
        /// Its name.
        program: String,
        /// How long it had.
        limit: Duration,
    },
}

impl RunError {
    /// Whether the program is nowhere at all.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::NotFound(error) if error.is_missing())
    }
}

/// What runs programs: the host, or a test in its place.
pub(crate) trait Runner: Sync {
    /// Runs `program` with `arguments`, and with these variables besides those of this process, until it ends.
    ///
    /// # Errors
    /// [`RunError`] if it cannot be started or takes longer than it may; not if its exit code is another than 0.
    fn run_with(
        &self,
        program: &str,
        arguments: &[&str],
        variables: &[(String, String)],
        limit: Limit,
    ) -> Result<Said, RunError>;

    /// As [`Self::run_with`], with the variables of this process alone.
    ///
    /// # Errors
    /// As [`Self::run_with`].
    fn run(&self, program: &str, arguments: &[&str], limit: Limit) -> Result<Said, RunError> {
        self.run_with(program, arguments, &[], limit)
    }

    /// What a program says that answers within [`Limit::ANSWER`], whatever its exit code; `None` if it does not.
    fn ask(&self, program: &str, arguments: &[&str]) -> Option<Said> {
        self.run(program, arguments, Limit::ANSWER).ok()
    }
}

/// Where the host's programs are.
#[derive(Clone, Debug, Default)]
pub(crate) enum Programs {
    /// Where [`search`] finds them.
    #[default]
    SearchPath,
    /// In this directory and nowhere else.
    #[cfg(test)]
    Directory(PathBuf),
}

impl Programs {
    #[cfg_attr(
        test,
        expect(
            clippy::disallowed_methods,
            reason = "tests name the programs that are run"
        )
    )]
    fn command(&self, program: &str) -> Result<Command, NotFound> {
        match self {
            Self::SearchPath => search::command(program),
            #[cfg(test)]
            Self::Directory(directory) => Ok(Command::new(directory.join(program))),
        }
    }
}

impl Runner for Programs {
    fn run_with(
        &self,
        program: &str,
        arguments: &[&str],
        variables: &[(String, String)],
        limit: Limit,
    ) -> Result<Said, RunError> {
        let failed = |reason| RunError::Start {
            program: program.to_owned(),
            reason,
        };
        let mut command = self.command(program)?;
        command
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn(&mut command).map_err(|error| match error.kind() {
            ErrorKind::NotFound => NotFound::nowhere(program).into(),
            _ => failed(error),
        })?;
        let stdout = listen(child.stdout.take(), limit.bytes);
        let stderr = listen(child.stderr.take(), limit.bytes);
        match wait(&mut child, limit.time).map_err(failed)? {
            Some(status) => Ok(Said {
                code: status.code(),
                stdout: hear(&stdout),
                stderr: hear(&stderr),
            }),
            None => Err(RunError::Slow {
                program: program.to_owned(),
                limit: limit.time,
            }),
        }
    }
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

/// The path of this program.
///
/// # Errors
/// Why it is not known.
pub(crate) fn own_program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("the program's path is unknown: {error}"))
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut tries = BUSY_TRIES;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && tries > 0 => {
                tries -= 1;
                thread::sleep(BUSY_STEP);
            }
            other => return other,
        }
    }
}

/// How the program ended; `None` if it was killed because its time was over.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(STEP);
    }
}

/// What was read of a stream so far, and where its reader says that it has come to the end.
struct Stream {
    kept: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

/// Reads the stream to its end, in a thread of its own: a pipe that is not emptied would stop the program.
fn listen(stream: Option<impl Read + Send + 'static>, bytes: u64) -> Stream {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (sender, end) = channel();
    let into = Arc::clone(&kept);
    thread::spawn(move || {
        if let Some(mut stream) = stream {
            // What came before an error is all there is.
            let _ = io::copy(&mut stream.by_ref().take(bytes), &mut Kept(&into));
            let _ = io::copy(&mut stream, &mut io::sink());
        }
        let _ = sender.send(());
    });
    Stream { kept, end }
}

/// Writes to what is kept of a stream.
struct Kept<'a>(&'a Mutex<Vec<u8>>);

impl Write for Kept<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().map_err(|_| ErrorKind::Other)?;
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a program that has ended wrote; also if a process that it left behind holds the pipe.
fn hear(stream: &Stream) -> String {
    // Over or not, what is there by now is what it wrote.
    let _ = stream.end.recv_timeout(LAST_WORDS);
    let kept = stream
        .kept
        .lock()
        .map(|mut kept| std::mem::take(&mut *kept));
    String::from_utf8(kept.unwrap_or_default())
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Limit = Limit::report(Duration::from_secs(60));

    fn run(program: &str, arguments: &[&str], limit: Limit) -> Result<Said, RunError> {
        Programs::SearchPath.run(program, arguments, limit)
    }

    #[test]
    fn a_program_is_heard_to_the_end() {
        let script = "head -c 300000 /dev/zero | tr '\\0' a; echo no >&2; exit 3";
        let said = run("sh", &["-c", script], LONG).unwrap();
        assert!(!said.success());
        assert_eq!((said.stdout.len(), said.stderr.as_str()), (300_000, "no\n"));
        let said = run("sh", &["-c", script], Limit::ANSWER).unwrap();
        assert_eq!((said.code, said.stdout.len()), (Some(3), 4096));
        assert!(run("true", &[], LONG).unwrap().success());
        assert_eq!(run("sh", &["-c", "kill $$"], LONG).unwrap().code, None);
    }

    #[test]
    fn a_process_that_is_left_behind_does_not_hide_the_answer() {
        let said = run("sh", &["-c", "sleep 30 & echo here"], LONG).unwrap();
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), "here\n"));
    }

    #[test]
    fn a_program_that_is_missing_or_slow_is_an_error() {
        let missing = run("no-such-program-here", &[], LONG).unwrap_err();
        assert!(missing.is_missing());
        assert_eq!(
            missing.to_string(),
            "the program no-such-program-here is not installed"
        );
        let short = Limit::report(Duration::from_millis(50));
        let slow = run("sleep", &["60"], short).unwrap_err();
        assert!(slow.to_string().contains("took longer"), "{slow}");
        assert!(!slow.is_missing());
    }

    #[test]
    fn an_answer_has_a_first_line_or_there_is_none() {
        let ask = |script| Programs::SearchPath.ask("sh", &["-c", script]);
        let said = ask("echo ' one '; echo two; exit 3").unwrap();
        assert_eq!(said.first_line(), Some("one"));
        assert_eq!(ask("").unwrap().first_line(), None);
        assert_eq!(Programs::SearchPath.ask("no-such-program-here", &[]), None);
    }

    #[test]
    fn variables_are_added_to_those_of_this_process() {
        let variables = [("ANSWER".to_owned(), "one".to_owned())];
        let script = ["-c", "echo $ANSWER; test -n \"$PATH\""];
        let said = Programs::SearchPath.run_with("sh", &script, &variables, LONG);
        let said = said.unwrap();
        assert_eq!((said.first_line(), said.success()), (Some("one"), true));
    }
}
