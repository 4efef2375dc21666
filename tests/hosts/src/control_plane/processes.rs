//! Processes that are started again when they end, as the kubelet does with static Pods.

use std::collections::BTreeMap;
use std::fs;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How often it is looked whether one ended; also the shortest time between end and start.
const INTERVAL: Duration = Duration::from_millis(300);

/// Starts the process of a name.
type Start = dyn Fn(&str) -> Result<Child> + Send + Sync;

/// Processes by name.
pub(super) struct Processes {
    start: Arc<Start>,
    running: Arc<Mutex<BTreeMap<String, Process>>>,
    /// The keeper ends when this is gone.
    stop: Option<mpsc::Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

struct Process {
    /// `nsenter`, which ends with its only child, the program.
    child: Child,
    /// How often it ended by itself.
    ended: u32,
}

impl Processes {
    pub(super) fn new(start: impl Fn(&str) -> Result<Child> + Send + Sync + 'static) -> Self {
        let start: Arc<Start> = Arc::new(start);
        let running = Arc::new(Mutex::new(BTreeMap::new()));
        let (stop, stopped) = mpsc::channel();
        let keeper = {
            let (start, running) = (Arc::clone(&start), Arc::clone(&running));
            std::thread::spawn(move || {
                while stopped.recv_timeout(INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                    keep(&start, &mut lock(&running));
                }
            })
        };
        Self {
            start,
            running,
            stop: Some(stop),
            keeper: Some(keeper),
        }
    }

    /// Starts `name`.
    pub(super) fn run(&self, name: &str) -> Result<()> {
        let mut running = lock(&self.running);
        ensure!(!running.contains_key(name), "{name} runs already");
        let child = (self.start)(name)?;
        running.insert(name.to_owned(), Process { child, ended: 0 });
        Ok(())
    }

    /// Ends `name` at once; it stays down.
    pub(super) fn kill(&self, name: &str) -> Result<()> {
        let mut process = lock(&self.running)
            .remove(name)
            .with_context(|| format!("{name} does not run"))?;
        let children =
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", process.child.id()))
                .unwrap_or_default();
        let pids = children
            .split_whitespace()
            .filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
        for pid in pids {
            kill_process(pid, Signal::KILL).with_context(|| format!("ending {name}"))?;
        }
        process.child.wait()?;
        Ok(())
    }

    /// The process that ended by itself most often, and how often.
    pub(super) fn least_steady(&self) -> Option<(String, u32)> {
        let running = lock(&self.running);
        let worst = running.iter().max_by_key(|(_, process)| process.ended)?;
        Some((worst.0.clone(), worst.1.ended))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
        for process in lock(&self.running).values_mut() {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}

/// Starts again what ended. What cannot be started counts as ended once more.
fn keep(start: &Arc<Start>, running: &mut BTreeMap<String, Process>) {
    for (name, process) in running {
        if matches!(process.child.try_wait(), Ok(Some(_))) {
            process.ended += 1;
            if let Ok(child) = start(name) {
                process.child = child;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_ends_is_started_again_and_counted() {
        let processes = Processes::new(|name| Ok(Command::new(name).spawn()?));
        processes.run("true").unwrap();
        assert!(processes.run("true").is_err());
        let begin = std::time::Instant::now();
        while processes.least_steady().unwrap().1 < 2 {
            assert!(begin.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(processes.kill("false").is_err());
    }
}
