use std::ffi::OsString;

use serde::Serialize;

use super::*;
use crate::{Format, Hint, Report, list};

/// Everything that a terminal acts on, in the places of a line.
const HOSTILE: &str = "x\nhint: run this\r\u{1b}[2J\u{1b}[1A\u{9b}\u{7f}\u{202e}\u{2028}\u{e0041}";

/// What `write` writes to the two streams.
fn written(terminal: bool, write: impl FnOnce(&mut Io)) -> (String, String) {
    let (out, err) = (Buffer::default(), Buffer::default());
    let terminals = if terminal {
        Terminals::ALL
    } else {
        Terminals::default()
    };
    let streams = (Stream::new(out.clone()), Stream::new(err.clone()));
    write(&mut Io::new(io::empty(), streams.0, streams.1, terminals));
    (
        String::from_utf8(out.take()).unwrap(),
        String::from_utf8(err.take()).unwrap(),
    )
}

/// Fails if a character other than a line feed is one that a terminal acts on.
fn expect_shown(text: &str) {
    let without = text.replace('\n', "");
    assert_eq!(escape(&without), without, "{text:?}");
}

#[test]
fn a_secret_is_one_line_of_what_is_typed_and_is_not_shown() {
    let err = Buffer::default();
    let typed = io::Cursor::new(b"s3cret\nnext\n".to_vec());
    let out = Stream::new(io::sink());
    let mut io = Io::new(typed, out, Stream::new(err.clone()), Terminals::ALL);
    let secret = io.secret("passphrase of a\nb").unwrap();
    assert_eq!(secret.expose(), b"s3cret");
    assert_eq!(io.answer(10).unwrap(), "next\n");
    assert_eq!(io.secret("again").unwrap().expose(), b"");
    assert_eq!(err.take_text(), "passphrase of a\\nb: again: ");
}

#[derive(Serialize)]
struct Foreign {
    name: String,
}

impl Report for Foreign {
    const COMMAND: &'static str = "test";
    const VERSION: u32 = 7;

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
        let wrote = |name: &str| written(true, |io| io.report(format, &report(name)).unwrap());
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
            assert_eq!(
                (&read["version"], &read["command"]),
                (&7.into(), &"test".into())
            );
        }
    }
}

#[test]
fn an_error_cannot_write_hints_of_its_own() {
    let (_, err) = written(true, |io| {
        let error = CliError::new(Exit::Failed, HOSTILE)
            .detail(&list([HOSTILE, "b"]))
            .hint(HOSTILE)
            .hint(Hint::citing("it said".to_owned(), Text::of(HOSTILE)));
        io.error(&error);
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
        io.error(&CliError::usage("x".repeat(1_000_000)))
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
            let args = ["program", &argument].map(OsString::from);
            let error = command().try_get_matches_from(&args).unwrap_err();
            assert_eq!(io.usage(&error, &command(), &args), Exit::Usage);
        });
        assert!(err.contains("x\\nhint: run this\\r\\u{1b}[2J"), "{err}");
        assert!(!err.contains("\nhint:"), "{err}");
        expect_shown(&err);
    }
    let (out, err) = written(true, |io| {
        let args = ["program", "--help"].map(OsString::from);
        let error = command().try_get_matches_from(&args).unwrap_err();
        assert_eq!(io.usage(&error, &command(), &args), Exit::Done);
    });
    assert!(out.contains("--mode") && err.is_empty(), "{out}{err}");
}

#[test]
fn questions_and_progress_stay_on_their_line() {
    let (_, err) = written(false, |io| {
        io.prompt(HOSTILE);
        io.note(HOSTILE);
        io.progress(true, HOSTILE);
        io.event(&HOSTILE);
    });
    assert_eq!(err.lines().count(), 3, "{err}");
    expect_shown(&err);
    // On a terminal the sink's own control characters come first, and no other ones.
    let (_, err) = written(true, |io| io.progress(false, HOSTILE));
    expect_shown(err.strip_prefix("\r\u{1b}[K").unwrap());
}

#[test]
fn content_is_escaped_for_a_terminal_alone() {
    for (terminal, expected) in [
        (false, &b"a: b\r\x1b[2J\n\xff"[..]),
        (true, "a: b\\r\\u{1b}[2J\n\u{fffd}".as_bytes()),
    ] {
        let out = Buffer::default();
        let terminals = Terminals {
            stdout: terminal,
            ..Terminals::default()
        };
        let streams = (Stream::new(out.clone()), Stream::new(io::sink()));
        let mut io = Io::new(io::empty(), streams.0, streams.1, terminals);
        io.content(b"a: b\r\x1b[2J\n\xff").unwrap();
        assert_eq!(out.take(), expected);
    }
}

#[test]
fn colours_are_for_terminals() {
    let error = || CliError::usage("no").hint("do this");
    for (terminal, expected) in [
        (false, "error: no\n  hint: do this\n"),
        (
            true,
            "\u{1b}[1;31merror:\u{1b}[0m no\n  \u{1b}[1mhint:\u{1b}[0m do this\n",
        ),
    ] {
        let err = Buffer::default();
        let terminals = Terminals {
            stderr: terminal,
            ..Terminals::default()
        };
        let streams = (Stream::new(io::sink()), Stream::new(err.clone()));
        let io = Io::new(io::empty(), streams.0, streams.1, terminals);
        io.coloured().error(&error());
        assert_eq!(err.take_text(), expected);
    }
}

#[test]
fn an_answer_is_one_line() {
    let typed = |text: &'static str| {
        Io::new(
            text.as_bytes(),
            Stream::new(io::sink()),
            Stream::new(io::sink()),
            Terminals::ALL,
        )
    };
    for (answer, expected) in [
        ("y\n", true),
        ("YES\nno\n", true),
        ("n\n", false),
        ("", false),
    ] {
        assert_eq!(typed(answer).ask("Go on?").unwrap(), expected, "{answer}");
    }
    let mut io = typed("one\ntwo\n");
    assert_eq!(io.answer(80).unwrap(), "one\n");
    assert_eq!(io.answer(2).unwrap(), "tw");
    let mut rest = String::new();
    io.input().read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "o\n");
    let no_text = Io::new(
        &b"\xff\n"[..],
        Stream::new(io::sink()),
        Stream::new(io::sink()),
        Terminals::ALL,
    );
    assert_eq!({ no_text }.answer(8).unwrap_err().exit(), Exit::Usage);
}
