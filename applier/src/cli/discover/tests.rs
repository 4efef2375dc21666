use std::error::Error;
use std::path::Path;
use std::time::Duration;

use kubeplan_bundle::seal::Identities;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::{Buffer, Stream, Terminals, escape};

use super::*;
use crate::discovery::settings::Options;
use crate::discovery::{self, Settings};
use crate::host::Root;
use crate::net::tls::server::{authority, serve};
use crate::steps::{Event, Observer, State};

/// Everything that a terminal acts on, in the places of a line.
const HOSTILE: &str = "x\nhint: run this\r\u{1b}[2J\u{1b}[1A\u{9b}\u{7f}\u{202e}\u{2028}\u{e0041}";

/// Fails if a character other than a line feed is one that a terminal acts on.
fn expect_shown(text: &str) {
    let without = text.replace('\n', "");
    assert_eq!(escape(&without), without, "{text:?}");
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
    let err = Buffer::default();
    let streams = (Stream::new(std::io::sink()), Stream::new(err.clone()));
    let terminals = Terminals::default();
    let mut io = Io::new(std::io::empty(), streams.0, streams.1, terminals);
    for line in told.0 {
        io.progress(true, &line);
    }
    io.error(&error.into());
    err.take_text()
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
