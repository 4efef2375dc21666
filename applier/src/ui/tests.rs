use std::io::Cursor;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use kubeplan_bundle::seal::Identities;
use kubeplan_bundle::secret::SecretBytes;

use super::*;
use crate::Terminals;
use crate::discovery::settings::Options;
use crate::discovery::{self, Settings};
use crate::host::Root;
use crate::host::clock::Clock;
use crate::host::durable::Fault;
use crate::net::tls::server::{authority, serve};
use crate::steps::{Event, Observer, State};

/// Everything that a terminal acts on, in the places of a line.
const HOSTILE: &str = "x\nhint: run this\r\u{1b}[2J\u{1b}[1A\u{9b}\u{7f}\u{202e}\u{2028}\u{e0041}";

/// What `write` writes to the two streams.
fn written(terminal: bool, write: impl FnOnce(&mut Io<'_>)) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut stdin = Cursor::new(b"");
    write(&mut Io {
        stdin: &mut stdin,
        stdout: &mut out,
        stderr: &mut err,
        terminals: Terminals {
            stdin: terminal,
            stdout: terminal,
            stderr: terminal,
        },
        no_color: true,
        clock: Clock::System,
        fault: Fault::None,
        performed: 0,
    });
    (
        String::from_utf8(out).unwrap(),
        String::from_utf8(err).unwrap(),
    )
}

/// Fails if a character other than a line feed is one that a terminal acts on.
fn expect_shown(text: &str) {
    let without = text.replace('\n', "");
    assert_eq!(escape(&without), without, "{text:?}");
}

#[derive(Serialize)]
struct Foreign {
    name: String,
}

impl Report for Foreign {
    const COMMAND: &'static str = "test";

    fn text(&self) -> Text {
        Text::of(&self.name)
    }

    fn notes(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}

#[test]
fn a_report_has_the_lines_that_it_has_with_harmless_names() {
    let report = |name: &str| Foreign {
        name: name.to_owned(),
    };
    for format in [Format::Text, Format::Json] {
        let wrote = |name: &str| {
            written(true, |io| {
                write_report(io, format, &report(name)).unwrap();
            })
        };
        let (out, err) = wrote(HOSTILE);
        let (harmless_out, harmless_err) = wrote("cp-0");
        assert!(harmless_out.contains("cp-0") && harmless_err == "note: cp-0\n");
        assert_eq!(out.lines().count(), harmless_out.lines().count(), "{out}");
        assert_eq!(err.lines().count(), 1, "{err}");
        expect_shown(&out);
        expect_shown(&err);
        if format == Format::Json {
            let read: serde_json::Value = serde_json::from_str(&out).unwrap();
            assert_eq!(read["name"], HOSTILE, "the value stays the same");
        }
    }
}

#[test]
fn an_error_cannot_write_hints_of_its_own() {
    let (_, err) = written(true, |io| {
        let error = CliError::new(Exit::Failed, HOSTILE)
            .detail(&crate::error::list([HOSTILE, "b"]))
            .hint(HOSTILE)
            .hint(crate::error::Hint::citing(
                "it said".to_owned(),
                Text::of(HOSTILE),
            ));
        write_error(io, &error);
    });
    let lines: Vec<&str> = err.lines().collect();
    let starts = [
        "error: x\\nhint: run this\\r\\u{1b}[2J",
        "  - x\\nhint: run",
        "  - b",
        "  hint: x\\nhint: run",
        "  hint: it said",
        "x\\nhint: run",
    ];
    assert_eq!(lines.len(), starts.len(), "{err}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{err}");
    }
    assert!(lines[0].ends_with(':'), "{err}");
    expect_shown(&err);
}

#[test]
fn a_cited_text_of_any_length_leaves_an_error_readable() {
    let (_, err) = written(false, |io| {
        write_error(io, &CliError::usage("x".repeat(1_000_000)));
    });
    assert!(err.chars().count() < 2 * MAX_LINE, "{}", err.len());
    assert!(err.ends_with("…\n"));
}

#[test]
fn arguments_are_cited_on_one_line() {
    let command =
        || clap::Command::new("program").arg(clap::arg!(--"mode" <MODE>).value_parser(["a", "b"]));
    for argument in [HOSTILE.to_owned(), format!("--mode={HOSTILE}")] {
        let (_, err) = written(true, |io| {
            let error = command()
                .try_get_matches_from(["program", &argument])
                .unwrap_err();
            assert!(!write_usage(io, &error).unwrap());
        });
        assert!(err.contains("x\\nhint: run this\\r\\u{1b}[2J"), "{err}");
        assert!(!err.contains("\nhint:"), "{err}");
        expect_shown(&err);
    }
    let (out, err) = written(true, |io| {
        let error = command()
            .try_get_matches_from(["program", "--help"])
            .unwrap_err();
        assert!(write_usage(io, &error).unwrap());
    });
    assert!(out.contains("--mode") && err.is_empty(), "{out}{err}");
}

#[test]
fn questions_and_progress_stay_on_their_line() {
    let (_, err) = written(false, |io| {
        write_prompt(io, HOSTILE);
        write_note(io, HOSTILE);
        write_progress(io, true, HOSTILE);
        write_progress_json(io, &HOSTILE);
    });
    assert_eq!(err.lines().count(), 3, "{err}");
    expect_shown(&err);
    // On a terminal the sink's own control characters come first, and no other ones.
    let (_, err) = written(true, |io| write_progress(io, false, HOSTILE));
    expect_shown(err.strip_prefix("\r\u{1b}[K").unwrap());
}

/// Keeps what is told.
#[derive(Default)]
struct Told(Vec<String>);

impl Observer for Told {
    fn event(&mut self, event: &Event) {
        if let State::Waiting { detail } = &event.state {
            self.0.push(detail.clone());
        }
    }

    fn completed(&mut self, _: usize, _: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

/// What `discover` writes of a server that knows no token and refuses everything with `message`.
fn refused_by_a_server(message: &str) -> String {
    let body = serde_json::json!({"kind": "Status", "message": message}).to_string();
    let anyone = authority("anyone");
    let address = serve(&anyone, &anyone, Box::new(move |_, _| (403, body.clone())));
    let options = Options {
        endpoint: Some(address.to_string()),
        token: Some(SecretBytes::from_text("abcdef.0123456789abcdef".into())),
        without_pins: true,
        node: Some("w1".into()),
        timeout: Some(Duration::from_millis(500)),
        ..Options::default()
    };
    let (_, recipient) = Identities::generate();
    let mut told = Told::default();
    let request = discovery::Request {
        root: &Root::open(Path::new("/")).unwrap(),
        settings: &Settings::of_options(options, "w1").unwrap(),
        recipients: &[recipient],
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
    };
    let error = discovery::discover(&request, &mut told)
        .map(drop)
        .unwrap_err();
    let (_, err) = written(false, |io| {
        for line in told.0 {
            write_progress(io, true, &line);
        }
        write_error(io, &error.into());
    });
    err
}

#[test]
fn attack_a_server_without_the_token_prints_no_lines_of_its_own() {
    let hostile = refused_by_a_server(HOSTILE);
    let harmless = refused_by_a_server("no entry today");
    assert!(harmless.contains("no entry today"), "{harmless}");
    assert!(
        hostile.contains("x\\nhint: run this\\r\\u{1b}[2J"),
        "{hostile}"
    );
    let hints = |text: &str| {
        let lines = text.lines().map(str::trim_start);
        lines.filter(|line| line.starts_with("hint:")).count()
    };
    assert_eq!(hints(&hostile), hints(&harmless), "{hostile}");
    expect_shown(&hostile);
}
