//! The container runtime and its images.

use std::thread;

use kubeplan_bundle::check::{Images, PullPolicy, RuntimeConfig, RuntimeReady};

use super::kinds::Explained::Never;
use super::kinds::Needs::Live;
use super::kinds::{Looking, Row};
use super::{Finding, Looked, View, found, passed};
use crate::runtime::{CriError, Runtime};

/// The condition without which no container starts. That the network is ready is not asked: it comes later.
const READY: &str = "RuntimeReady";

/// How often an image is tried.
const ATTEMPTS: usize = 5;

/// Images that are pulled at the same time, if not one after the other.
const AT_ONCE: usize = 8;

/// The runtime answers and is ready.
impl Looking for RuntimeReady {
    const ROW: Row = Row::new(Live, Never, "the container runtime's Status");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { socket } = self;
        let status = match view
            .system
            .runtime(socket)
            .and_then(|runtime| runtime.status())
        {
            Ok(status) => status,
            Err(error) => return found(error.to_string()),
        };
        match status.conditions.iter().find(|c| c.name == READY) {
            Some(condition) if condition.holds => passed(),
            Some(condition) => found(format!(
                "the container runtime at {socket} is not ready: {}",
                condition.message
            )),
            None => found(format!(
                "the container runtime at {socket} does not say whether it is ready"
            )),
        }
    }
}

/// The runtime tells its configuration.
impl Looking for RuntimeConfig {
    const ROW: Row = Row::new(Live, Never, "the container runtime's RuntimeConfig");

    fn look(&self, view: &View<'_>) -> Looked {
        let Self { socket } = self;
        match view
            .system
            .runtime(socket)
            .and_then(|runtime| runtime.config())
        {
            Ok(()) => passed(),
            Err(error @ CriError::Unimplemented { .. }) => found(format!(
                "{error}: a later kubelet will not find out its cgroup driver without it; use a newer container runtime"
            )),
            // A runtime that cannot be asked is an error, one that is old is what the bundle says.
            Err(error) => Ok(vec![Finding::Error(error.to_string())]),
        }
    }
}

/// Every image is there, or is pulled.
impl Looking for Images {
    const ROW: Row = Row::new(
        Live,
        Never,
        "the container runtime's ImageStatus, PullImage and Status",
    );

    fn look(&self, view: &View<'_>) -> Looked {
        let wanted = self;
        if wanted.policy == PullPolicy::Never {
            return passed();
        }
        if !view.pull {
            return would_pull(view, wanted);
        }
        let runtime = match view.system.runtime(&wanted.socket) {
            Ok(runtime) => runtime,
            Err(error) => return found(error.to_string()),
        };
        let mut findings: Vec<Finding> = sandbox(&*runtime, wanted).into_iter().collect();
        let failures = if wanted.serial {
            drop_passed(
                wanted
                    .references
                    .iter()
                    .map(|reference| get(&*runtime, wanted.policy, reference)),
            )
        } else {
            at_once(view, wanted)
        };
        findings.extend(failures.into_iter().map(Finding::AsPlanned));
        Ok(findings)
    }
}

/// What would be pulled, if anything may be.
fn would_pull(view: &View<'_>, wanted: &Images) -> Looked {
    let missing: Vec<&str> = match view.system.runtime(&wanted.socket) {
        Err(error) => return found(error.to_string()),
        Ok(runtime) => wanted
            .references
            .iter()
            .filter(|reference| {
                wanted.policy == PullPolicy::Always || runtime.has_image(reference) != Ok(true)
            })
            .map(String::as_str)
            .collect(),
    };
    if missing.is_empty() {
        return passed();
    }
    Ok(vec![Finding::Warning(format!(
        "the installation would pull {}",
        missing.join(", ")
    ))])
}

fn drop_passed(outcomes: impl Iterator<Item = Result<(), String>>) -> Vec<String> {
    outcomes.filter_map(Result::err).collect()
}

/// Several images at the same time, each over a connection of its own.
fn at_once(view: &View<'_>, wanted: &Images) -> Vec<String> {
    let system = view.system;
    let mut failures = Vec::new();
    for group in wanted.references.chunks(AT_ONCE) {
        let outcomes: Vec<Result<(), String>> = thread::scope(|scope| {
            let running: Vec<_> = group
                .iter()
                .map(|reference| {
                    scope.spawn(move || {
                        let runtime = system
                            .runtime(&wanted.socket)
                            .map_err(|error| error.to_string())?;
                        get(&*runtime, wanted.policy, reference)
                    })
                })
                .collect();
            running
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|_| Err("pulling an image ended unexpectedly".to_owned()))
                })
                .collect()
        });
        failures.extend(drop_passed(outcomes.into_iter()));
    }
    failures
}

fn get(runtime: &dyn Runtime, policy: PullPolicy, reference: &str) -> Result<(), String> {
    if policy == PullPolicy::IfNotPresent && runtime.has_image(reference) == Ok(true) {
        return Ok(());
    }
    let mut outcome = Ok(());
    for _ in 0..ATTEMPTS {
        outcome = runtime.pull(reference);
        if outcome.is_ok() {
            break;
        }
    }
    outcome.map_err(|error| format!("{reference} cannot be pulled: {error}"))
}

/// The runtime starts sandboxes from another image than the planned one.
fn sandbox(runtime: &dyn Runtime, wanted: &Images) -> Option<Finding> {
    let configured = runtime.status().ok()?.sandbox?;
    (configured != wanted.sandbox).then(|| {
        Finding::Warning(format!(
            "the container runtime starts sandboxes from {configured}, {} is planned: change its configuration",
            wanted.sandbox
        ))
    })
}
