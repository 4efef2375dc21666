//! The parts of `cleanup-node` that need the running system: the kubelet, mounts, sandboxes.

use super::super::error::ResetError;
use super::super::live::{LiveHost, Sandbox, Service};
use super::super::phase::Phase;
use super::{Plan, Planner, Work};
use crate::host::{Found, mounts};
use crate::kubeadm::layout;
use kubeplan_terminal::{Advice, with_causes};

/// Far more than a kubelet's configuration has.
const LIMIT: u64 = 1024 * 1024;

/// Names of Pods that are written out when they are left alone.
const SHOWN: usize = 5;

/// The longest UID of a Pod that is looked for, in bytes; the kubelet's have 36 or 32.
const MAX_UID: usize = 253;

impl Planner<'_> {
    /// Plans the parts.
    pub(super) fn live_parts(&self, plan: &mut Plan) -> Result<(), ResetError> {
        if !self.has_kubelet() {
            return Ok(());
        }
        let Some(live) = self.live else {
            for (phase, what) in [
                (Phase::StopKubelet, "service kubelet"),
                (Phase::Unmount, "mounts"),
                (Phase::RemoveSandboxes, "Pods"),
            ] {
                if !self.skips(phase) {
                    plan.skip(phase, what, "this is not the running system");
                }
            }
            return Ok(());
        };
        if !self.skips(Phase::StopKubelet) {
            stop_kubelet(live, plan)?;
        }
        if !self.skips(Phase::Unmount)
            && let Some(directory) = self.root.open_directory(&layout::KUBELET)?
        {
            let found = live.mounts_below(&directory).map_err(ResetError::Mounts)?;
            for path in found {
                let shown = mounts::shown(&path);
                plan.add(Phase::Unmount, "unmount", shown, Work::Unmount(path));
            }
        }
        if !self.skips(Phase::RemoveSandboxes) {
            self.sandboxes(live, plan)?;
        }
        Ok(())
    }

    fn sandboxes(&self, live: &dyn LiveHost, plan: &mut Plan) -> Result<(), ResetError> {
        const PHASE: Phase = Phase::RemoveSandboxes;
        let by_hand = |reason: String| {
            ResetError::Pods {
            reason,
            by_hand: Advice::hint("start the container runtime, name its socket with --cri-socket, or remove the Pods by hand: crictl pods, crictl stopp ID, crictl rmp ID")
                .and(format!("then skip this part: --skip-phases {}", PHASE.name())),
        }
        };
        let Some(socket) = self.socket(live).map_err(by_hand)? else {
            plan.skip(PHASE, "Pods", "no container runtime answers");
            return Ok(());
        };
        let all = live
            .sandboxes(&socket)
            .map_err(|error| by_hand(error.to_string()))?;
        let mut others = Vec::new();
        for sandbox in all {
            if self.is_own(&sandbox)? {
                let what = format!("Pod {} ({})", sandbox.pod, short(&sandbox.id));
                let work = Work::RemoveSandbox {
                    socket: socket.clone(),
                    id: sandbox.id,
                };
                plan.add(PHASE, "remove", what, work);
            } else {
                others.push(format!("{} ({})", sandbox.pod, short(&sandbox.id)));
            }
        }
        if !others.is_empty() {
            let more = others.len().saturating_sub(SHOWN);
            let mut shown = others
                .into_iter()
                .take(SHOWN)
                .collect::<Vec<_>>()
                .join(", ");
            if more > 0 {
                shown.push_str(&format!(" and {more} more"));
            }
            let reason = "not of this host's kubelet";
            plan.leave(PHASE, format!("sandboxes {shown}"), reason);
        }
        Ok(())
    }

    /// Whether this host's kubelet runs the Pod: it has a directory for each of its Pods, named by the UID.
    fn is_own(&self, sandbox: &Sandbox) -> Result<bool, ResetError> {
        let Some(uid) = sandbox.uid.as_deref() else {
            return Ok(false);
        };
        // What the runtime says names no directory of the kubelet unless it has the form of a UID.
        let is_uid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if uid.len() > MAX_UID || !uid.bytes().all(is_uid) {
            return Ok(false);
        }
        let pods = layout::KUBELET.join(layout::PODS);
        Ok(match self.root.open_directory(&pods)? {
            Some(directory) => matches!(directory.inspect(uid)?, Found::Directory(_)),
            None => false,
        })
    }

    /// The socket of the kubelet's container runtime: as the operator says, as the kubelet was told, or the only one that
    /// answers.
    ///
    /// # Errors
    /// Why there is more than one.
    pub(super) fn socket(&self, live: &dyn LiveHost) -> Result<Option<String>, String> {
        if let Some(socket) = &self.request.cri_socket {
            return Ok(Some(socket.clone()));
        }
        for path in &layout::RUNTIME_SETTINGS {
            let text = self
                .root
                .read_text(path, LIMIT)
                .map_err(|error| error.to_string())?;
            if let Some(socket) = text.as_deref().and_then(endpoint) {
                return Ok(Some(socket));
            }
        }
        let mut found = live.sockets();
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => Err(format!(
                "several container runtimes answer ({})",
                found.join(", ")
            )),
        }
    }
}

fn stop_kubelet(live: &dyn LiveHost, plan: &mut Plan) -> Result<(), ResetError> {
    const PHASE: Phase = Phase::StopKubelet;
    let name = layout::KUBELET_SERVICE;
    let what = format!("service {name}");
    let state = live.service(name).map_err(|error| ResetError::Kubelet {
        reason: with_causes(&error),
        by_hand: Advice::hint(format!(
            "stop the kubelet by hand and skip this part: --skip-phases {}",
            PHASE.name()
        )),
    })?;
    match state {
        Service::Running => {
            plan.add(PHASE, "stop", what, Work::StopService(name));
        }
        Service::Stopped => plan.skip(PHASE, what, "it does not run"),
        Service::Missing => plan.skip(PHASE, what, "there is no such service"),
        Service::NoManager => {
            let reason = "this host has no known service manager; make sure that no kubelet runs";
            plan.skip(PHASE, what, reason);
        }
    }
    Ok(())
}

/// The runtime's endpoint in a kubelet's configuration or in its flags: `containerRuntimeEndpoint: "unix:///…"`, or
/// `--container-runtime-endpoint=unix:///…`.
fn endpoint(text: &str) -> Option<String> {
    const FLAG: &str = "--container-runtime-endpoint=";
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("containerRuntimeEndpoint:"))
        .or_else(|| text.split_once(FLAG).map(|(_, rest)| rest))?;
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    let end = value
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
        .unwrap_or(value.len());
    let value = value.get(..end)?;
    value.starts_with("unix://").then(|| value.to_owned())
}

/// The part of an id that people use.
fn short(id: &str) -> String {
    id.chars().take(13).collect()
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn the_runtime_is_the_one_the_kubelet_was_told() {
        for (text, socket) in [
            (
                "containerRuntimeEndpoint: \"unix:///run/a.sock\"\n",
                Some("unix:///run/a.sock"),
            ),
            (
                "kind: X\ncontainerRuntimeEndpoint: unix:///run/a.sock\n",
                Some("unix:///run/a.sock"),
            ),
            (
                "KUBELET_KUBEADM_ARGS=\"--v=4 --container-runtime-endpoint=unix:///b.sock --x\"\n",
                Some("unix:///b.sock"),
            ),
            ("containerRuntimeEndpoint: \"\"\n", None),
            ("containerRuntimeEndpoint: tcp://1.2.3.4:5\n", None),
            ("# containerRuntimeEndpoint: unix:///c.sock\n", None),
            ("", None),
        ] {
            assert_eq!(endpoint(text).as_deref(), socket, "{text}");
        }
    }
}
