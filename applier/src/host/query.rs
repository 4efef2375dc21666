//! What the host's own programs say.
//!
//! In: a program and its arguments. Out: what it prints, or nothing if it is missing, fails to start or
//! takes longer than [`LIMIT`]. Nothing is changed: only programs that report are asked.

use std::io::Read as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::search;

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How often it is looked after.
const STEP: Duration = Duration::from_millis(20);

/// Bytes of output that are read.
const OUTPUT: u64 = 4096;

/// What a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What it printed, at most 4 KiB.
    pub(crate) text: String,
    /// Whether its exit code was 0.
    pub(crate) success: bool,
}

impl Answer {
    /// The first line.
    pub(crate) fn first_line(&self) -> Option<&str> {
        self.text.lines().next().map(str::trim)
    }
}

/// The first line that `program` prints with `arguments`, whatever its exit code.
pub(crate) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    answer(program, arguments)?.first_line().map(str::to_owned)
}

/// What `program` prints with `arguments`, and whether it succeeds.
pub(crate) fn answer(program: &str, arguments: &[&str]) -> Option<Answer> {
    let mut child = search::command(program)
        .ok()?
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut steps = LIMIT.as_millis() / STEP.as_millis();
    // So little is printed that it fits into the pipe: the program never waits for its reader.
    let status = loop {
        if let Some(status) = child.try_wait().ok()? {
            break status;
        }
        if steps == 0 {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        steps -= 1;
        thread::sleep(STEP);
    };
    let mut bytes = Vec::new();
    child
        .stdout
        .take()?
        .take(OUTPUT)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(Answer {
        text: String::from_utf8(bytes).ok()?,
        success: status.success(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_answers_or_nobody_does() {
        assert_eq!(
            first_line("sh", &["-c", "echo ' one '; echo two; exit 3"]).as_deref(),
            Some("one")
        );
        assert_eq!(first_line("sh", &["-c", ""]), None);
        assert_eq!(first_line("no-such-program-here", &[]), None);
    }
}
