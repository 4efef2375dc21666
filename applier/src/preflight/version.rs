//! Versions of programs and servers.

use kubeplan_bundle::check::{ClientFiles, ProgramVersion, ServerVersion, VersionBelow};
use kubeplan_bundle::secret::SecretBytes;
use semver::Version;

use super::kinds::Explained::Never;
use super::kinds::Needs::{Live, Tree};
use super::kinds::{Looking, Row};
use super::{CannotLook, Finding, Looked, View, found, found_if};
use crate::host::RootPath;
use crate::net::fetch::ClientTls;

/// Attempts at each server.
const ATTEMPTS: u32 = 3;

/// Seconds between two of them.
const PAUSE: u64 = 5;

/// Bytes of a certificate or key file.
const LIMIT: u64 = 1024 * 1024;

fn parse(text: &str) -> Result<Version, CannotLook> {
    Version::parse(text.trim().trim_start_matches('v')).map_err(|_| {
        let shown: String = text.escape_debug().take(80).collect();
        CannotLook(format!("`{shown}` is not a version"))
    })
}

/// One version of the bundle is older than another one.
impl Looking for VersionBelow {
    const ROW: Row = Row::new(Tree, Never, "two versions in the bundle");

    fn look(&self, _: &View<'_>) -> Looked {
        let Self { of, version, limit } = self;
        // A version that is none is an error, however the bundle counts a newer one.
        let (planned, first_too_new) = match (parse(version), parse(limit)) {
            (Ok(planned), Ok(limit)) => (planned, limit),
            (Err(reason), _) | (_, Err(reason)) => return Ok(vec![Finding::Error(reason.0)]),
        };
        found_if(planned >= first_too_new, || {
            format!("{of} {version} is newer than what it was planned with (before {limit})")
        })
    }
}

/// What `program --version` says after a `v`.
pub(super) fn of_program(view: &View<'_>, program: &str) -> Result<Version, CannotLook> {
    let answer = view
        .system
        .programs()
        .ask(program, &["--version"])
        .ok_or_else(|| {
            CannotLook(format!(
                "{program} cannot be run, so its version is unknown"
            ))
        })?;
    let word = answer
        .stdout
        .split_whitespace()
        .find_map(|word| word.strip_prefix('v').filter(|rest| parse(rest).is_ok()))
        .ok_or_else(|| CannotLook(format!("{program} does not say its version")))?;
    parse(word)
}

/// The program's version lies in the range.
impl Looking for ProgramVersion {
    const ROW: Row = Row::new(Live, Never, "what the program prints with --version");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self {
            program,
            minimum,
            newest_minor,
        } = self;
        let version = of_program(view, program)?;
        if version < parse(minimum)? {
            return found(format!(
                "{program} is {version}, which is too old: at least {minimum} is needed"
            ));
        }
        let Some(newest) = newest_minor else {
            return super::passed();
        };
        let limit = parse(&format!("{newest}.0"))?;
        found_if(
            (version.major, version.minor) > (limit.major, limit.minor),
            || format!("{program} is {version}, newer than what is installed here ({newest})"),
        )
    }
}

/// Each server's version is new enough.
impl Looking for ServerVersion {
    const ROW: Row = Row::new(
        Live,
        Never,
        "a document on each server: 10 s, three attempts 5 s apart",
    );

    fn look(&self, view: &View<'_>) -> Looked {
        let Self {
            endpoints,
            document,
            key,
            minimum,
            tls,
        } = self;
        let minimum = parse(minimum)?;
        let tls = client_tls(view, tls)?;
        let mut findings = Vec::new();
        for endpoint in endpoints {
            let url = format!("{}{document}", endpoint.trim_end_matches('/'));
            match ask(view, &url, &tls).and_then(|body| version_in(&body, key)) {
                Ok(version) if version >= minimum => {}
                Ok(version) => findings.push(Finding::AsPlanned(format!(
                    "{endpoint} is version {version}, at least {minimum} is needed"
                ))),
                Err(reason) => {
                    findings.push(Finding::AsPlanned(format!("{endpoint}: {reason}")));
                }
            }
        }
        Ok(findings)
    }
}

/// The document, after as many attempts as kubeadm makes when a server cannot be reached or is ill.
fn ask(view: &View<'_>, url: &str, tls: &ClientTls) -> Result<String, String> {
    let mut attempt = 1;
    loop {
        let reason = match view.system.fetch(url, tls) {
            Ok((status, body)) if status < 500 => return Ok(body),
            Ok((status, _)) => format!("the server answers with status {status}"),
            Err(reason) => reason,
        };
        if attempt == ATTEMPTS {
            return Err(reason);
        }
        attempt += 1;
        view.system.pause(PAUSE);
    }
}

fn version_in(body: &str, key: &str) -> Result<Version, String> {
    serde_json::from_str::<serde_json::Value>(body)
        .ok()
        .and_then(|value| value.get(key)?.as_str().map(str::to_owned))
        .ok_or_else(|| format!("the answer has no `{key}`"))
        .and_then(|text| parse(&text).map_err(|CannotLook(reason)| reason))
}

fn client_tls(view: &View<'_>, files: &ClientFiles) -> Result<ClientTls, CannotLook> {
    let read = |path: &str| -> Result<SecretBytes, CannotLook> {
        view.root
            .read(&RootPath::from_text(path), LIMIT)?
            .ok_or_else(|| CannotLook(format!("{path} does not exist")))
    };
    Ok(ClientTls {
        authorities: if files.ca.is_empty() {
            SecretBytes::new(Vec::new())
        } else {
            read(&files.ca)?
        },
        client: if files.certificate.is_empty() || files.key.is_empty() {
            None
        } else {
            Some((read(&files.certificate)?, read(&files.key)?))
        },
    })
}
