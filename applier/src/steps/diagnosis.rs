//! What services and containers of this host say when something was waited for in vain.
//!
//! In: the error of a step, the bundle, the container runtime that the bundle's checks name. Out: texts for people: the last
//! lines of each service that the bundle starts; each container that does not run, or was started again, with its exit
//! code and the end of its log. Nothing is known of any container but its name; nothing is changed. Called where no future is
//! at work: the connection to the runtime brings its own.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::check::CheckKind;
use kubeplan_bundle::index::Index;
use kubeplan_bundle::step::{ServiceName, Step};
use kubeplan_terminal::{Hint, Text};

use super::LiveRequest;
use super::error::StepError;
use crate::host::{Root, RootPath, init};
use crate::runtime::{Client, Container, ContainerState, Containers};

/// Containers that are told of, at most.
const CONTAINERS: usize = 12;

/// Lines of a container's log that are shown.
const LINES: usize = 4;

/// Characters of a line that are shown.
const LINE: usize = 300;

/// Bytes at the end of a log that are looked at.
const END: u64 = 16 * 1024;

/// What there is to say about an error; nothing unless something was waited for in vain.
pub(super) fn of(request: &LiveRequest<'_>, error: &StepError) -> Vec<Hint> {
    let silent: BTreeSet<&str> = match error {
        StepError::Endpoints { silent, .. } => silent.iter().map(|one| one.name.as_str()).collect(),
        StepError::TimedOut { .. } | StepError::NotBootstrapped { .. } | StepError::Etcd { .. } => {
            BTreeSet::new()
        }
        _ => return Vec::new(),
    };
    let mut said: Vec<Hint> = services(request.index)
        .into_iter()
        .map(|service| {
            log(
                service,
                init::last_log_lines(request.programs, service).as_deref(),
            )
        })
        .collect();
    let Some(socket) = socket(request.index) else {
        return said;
    };
    let containers = match Client::connect(socket) {
        Ok(runtime) => containers(&runtime, request.root, &silent, &services(request.index)),
        Err(error) => vec![error.to_string()],
    };
    said.push(Hint::citing(
        format!("what the container runtime at {socket} says:"),
        indented(&containers),
    ));
    said
}

/// What others wrote, below the line that says who.
fn indented(lines: &[String]) -> Text {
    lines.iter().map(|line| format!("    {line}")).collect()
}

/// The services that the bundle starts.
fn services(index: &Index) -> BTreeSet<&ServiceName> {
    index.steps.iter().filter_map(Step::starts).collect()
}

/// The container runtime, as the bundle's checks name it.
fn socket(index: &Index) -> Option<&str> {
    let mut checks = index.steps.iter().flat_map(Step::checks);
    checks.find_map(|check| match &check.look {
        CheckKind::RuntimeReady(ready) => Some(ready.socket.as_str()),
        _ => None,
    })
}

fn log(service: &ServiceName, lines: Option<&[String]>) -> Hint {
    match lines {
        Some(lines) => Hint::citing(
            format!("what the service `{service}` logged last:"),
            indented(lines),
        ),
        None => format!(
            "this host has no journal with lines of the service `{service}`; look at its log"
        )
        .into(),
    }
}

/// A line for each container that is not well, with the end of its log; one for all that are; one for each of `silent`
/// that no container and no service has the name of.
fn containers(
    runtime: &dyn Containers,
    root: &Root,
    silent: &BTreeSet<&str>,
    services: &BTreeSet<&ServiceName>,
) -> Vec<String> {
    let listed = match runtime.containers() {
        Ok(listed) => listed,
        Err(error) => return vec![error.to_string()],
    };
    let mut by_name: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
    for container in &listed {
        by_name.entry(&container.name).or_default().push(container);
    }
    let mut lines = Vec::new();
    let mut well = Vec::new();
    let mut ill = Vec::new();
    for (name, mut containers) in by_name {
        containers.sort_by_key(|container| std::cmp::Reverse(container.created));
        let [newest, older @ ..] = containers.as_slice() else {
            continue;
        };
        let ended = |container: &&&Container| container.state == ContainerState::Exited;
        match newest.state {
            ContainerState::Running if newest.attempt == 0 => well.push(name),
            ContainerState::Running => ill.push((*newest, older.iter().find(ended).copied())),
            _ => ill.push((*newest, Some(*newest).filter(|newest| ended(&newest)))),
        }
    }
    let more = ill.len().saturating_sub(CONTAINERS);
    for (newest, ended) in ill.into_iter().take(CONTAINERS) {
        lines.extend(tell(runtime, root, newest, ended));
    }
    if more > 0 {
        lines.push(format!("and {more} more that are not well"));
    }
    if !well.is_empty() {
        lines.push(format!("{}: running", well.join(", ")));
    }
    for name in silent {
        if !listed.iter().any(|container| container.name == *name)
            && !services.iter().any(|service| service.as_str() == *name)
        {
            lines.push(format!("{name}: there is no container of this name"));
        }
    }
    if lines.is_empty() {
        lines.push("no container was found".to_owned());
    }
    lines
}

/// What is to be said of a container; `ended` is the newest one of the same name that has ended.
fn tell(
    runtime: &dyn Containers,
    root: &Root,
    newest: &Container,
    ended: Option<&Container>,
) -> Vec<String> {
    let state = match newest.state {
        ContainerState::Created => "made, not started",
        ContainerState::Running => "running",
        ContainerState::Exited => "ended",
        ContainerState::Unknown => "in an unknown state",
    };
    let again = match newest.attempt {
        0 => String::new(),
        1 => ", started again once".to_owned(),
        many => format!(", started again {many} times"),
    };
    let line = |how: &str| format!("{}: {state}{how}", newest.name);
    let Some(ended) = ended else {
        return vec![line(&again)];
    };
    let ending = match runtime.ending(&ended.id) {
        Ok(ending) => ending,
        Err(error) => return vec![line(&format!("{again}; {error}"))],
    };
    let mut how = format!(" with code {}", ending.exit_code);
    if !ending.reason.is_empty() {
        how.push_str(&format!(" ({})", ending.reason));
    }
    let first = if newest.id == ended.id {
        line(&format!("{how}{again}"))
    } else {
        line(&format!("{again}; the one before ended{how}"))
    };
    let log = end_of_log(root, &ending.log);
    let log = log.into_iter().map(|line| format!("    {line}"));
    std::iter::once(first).chain(log).collect()
}

/// The last lines that a container wrote.
fn end_of_log(root: &Root, path: &str) -> Vec<String> {
    if !path.starts_with('/') {
        return Vec::new();
    }
    let bytes = match root.read_end(&RootPath::from_text(path), END) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return vec![format!("its log {path} is gone")],
        Err(error) => return vec![format!("its log: {error}")],
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = lines.len().saturating_sub(LINES);
    lines
        .into_iter()
        .skip(first)
        .map(|line| message(line).chars().take(LINE).collect())
        .collect()
}

/// What the container wrote, without the time, the stream and the tag that the runtime puts before it (kubernetes/cri-api, the
/// format of logs: `2016-10-06T00:17:09.669794202Z stdout F text`).
fn message(line: &str) -> &str {
    let mut words = line.splitn(4, ' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(_), Some("stdout" | "stderr"), Some(_), Some(text)) => text,
        _ => line,
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the logs that are read"
)]
mod tests;
