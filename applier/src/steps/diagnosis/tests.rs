use std::fs;

use super::*;
use crate::runtime::{CriError, Ending};

/// A runtime with these containers, and how those with an entry ended.
#[derive(Default)]
struct Fake {
    containers: Vec<Container>,
    endings: BTreeMap<&'static str, Ending>,
    broken: bool,
}

impl Containers for Fake {
    fn containers(&self) -> Result<Vec<Container>, CriError> {
        if self.broken {
            return Err(CriError::Failed {
                call: "ListContainers",
                reason: "it took too long".into(),
            });
        }
        Ok(self.containers.clone())
    }

    fn ending(&self, id: &str) -> Result<Ending, CriError> {
        self.endings.get(id).cloned().ok_or(CriError::Failed {
            call: "ContainerStatus",
            reason: "no such container".into(),
        })
    }
}

fn container(id: &str, name: &str, attempt: u32, created: i64, state: ContainerState) -> Container {
    Container {
        id: id.into(),
        name: name.into(),
        attempt,
        created,
        state,
    }
}

fn ending(exit_code: i32, reason: &str, log: &str) -> Ending {
    Ending {
        exit_code,
        reason: reason.into(),
        log: log.into(),
    }
}

/// The lines as they are found; they are escaped where they become text.
fn told(fake: &Fake, root: &Root, silent: &[&str]) -> Vec<String> {
    let agent: ServiceName = "agent".parse().unwrap();
    containers(
        fake,
        root,
        &silent.iter().copied().collect(),
        &BTreeSet::from([&agent]),
    )
}

#[test]
fn a_container_that_ended_is_told_with_the_end_of_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path()).unwrap();
    let mut log = "2026-11-21T10:00:00.1Z stderr F long ago\n".repeat(1000);
    log.push_str(
        "2026-11-21T10:00:01.1Z stderr F Error: unknown \x1b[31mflag\n\nno form of its own\n",
    );
    fs::write(directory.path().join("server.log"), log).unwrap();
    let fake = Fake {
        containers: vec![
            container("1", "server", 0, 1, ContainerState::Exited),
            container("2", "server", 1, 2, ContainerState::Exited),
            container("3", "db", 0, 1, ContainerState::Running),
        ],
        endings: BTreeMap::from([("2", ending(1, "Error", "/server.log"))]),
        broken: false,
    };
    assert_eq!(
        told(&fake, &root, &["server", "agent", "scheduler"]),
        [
            "server: ended with code 1 (Error), started again once",
            "    long ago",
            "    long ago",
            "    Error: unknown \u{1b}[31mflag",
            "    no form of its own",
            "db: running",
            "scheduler: there is no container of this name",
        ]
    );
}

#[test]
fn a_container_that_runs_again_is_told_with_how_the_one_before_ended() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path()).unwrap();
    let fake = Fake {
        containers: vec![
            container("new", "server", 3, 9, ContainerState::Running),
            container("older", "server", 1, 2, ContainerState::Exited),
            container("old", "server", 2, 5, ContainerState::Exited),
            container("made", "db", 0, 1, ContainerState::Created),
            container("odd", "odd", 0, 1, ContainerState::Exited),
        ],
        endings: BTreeMap::from([("old", ending(137, "", "/gone.log"))]),
        broken: false,
    };
    assert_eq!(
        told(&fake, &root, &[]),
        [
            "db: made, not started",
            "odd: ended; ContainerStatus of the container runtime failed: no such container",
            "server: running, started again 3 times; the one before ended with code 137",
            "    its log /gone.log is gone",
        ]
    );
}

#[test]
fn a_runtime_without_containers_or_answers_is_said_to_be_so() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path()).unwrap();
    assert_eq!(
        told(&Fake::default(), &root, &["agent"]),
        ["no container was found"]
    );
    let broken = Fake {
        broken: true,
        ..Fake::default()
    };
    assert_eq!(
        told(&broken, &root, &[]),
        ["ListContainers of the container runtime failed: it took too long"]
    );
}

#[test]
fn many_containers_are_not_all_told() {
    let directory = tempfile::tempdir().unwrap();
    let root = Root::open(directory.path()).unwrap();
    let fake = Fake {
        containers: (0..20)
            .map(|n| container("x", &format!("c{n:02}"), 0, 1, ContainerState::Created))
            .collect(),
        ..Fake::default()
    };
    let told = told(&fake, &root, &[]);
    assert_eq!(told.len(), CONTAINERS + 1);
    assert_eq!(told.last().unwrap(), "and 8 more that are not well");
}
