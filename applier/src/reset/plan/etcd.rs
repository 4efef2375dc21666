//! The phase `remove-etcd-member`: whether the member has to leave, and whether its data may be removed.
//!
//! Data is removed only when the member is known to have left its cluster, to be the only one, or when the operator says
//! so. A member whose data vanishes while the others still count on it may cost the cluster its quorum.

use super::super::error::ResetError;
use super::super::etcd::{self, Membership};
use super::super::live::{LiveError, etcdctl_flags};
use super::super::phase::Phase;
use super::{Plan, Planner, Work};
use crate::host::{Found, RootPath};
use crate::kubeadm::etcd_pod::{self, LocalMember};
use crate::kubeadm::layout;
use crate::state::reset::ResetProgress;
use kubeplan_terminal::{Advice, quote};

const PHASE: Phase = Phase::RemoveEtcdMember;

/// Far more than a manifest has.
const LIMIT: u64 = 1024 * 1024;

impl Planner<'_> {
    /// Plans the phase; returns the directory whose data may be removed.
    pub(super) fn etcd(&self, plan: &mut Plan) -> Result<Option<RootPath>, ResetError> {
        let path = layout::MANIFESTS.join(layout::ETCD_MANIFEST);
        let ours = self.request.kubeadm_node || self.inventory.files.contains_key(&path);
        let manifest = if ours {
            self.root.read(&path, LIMIT)?
        } else {
            None
        };
        let bytes = manifest.as_ref().map(|bytes| bytes.expose());
        if let Some(progress) = self.progress
            && let Some(data) = progress.etcd_data(bytes, self.installed)?
        {
            let data = RootPath::from(data);
            if self.skips(PHASE) {
                leave_data(plan, &data);
                return Ok(None);
            }
            let reason = "a reset that was stopped has dealt with it";
            plan.skip(PHASE, "member of etcd", reason);
            return Ok(Some(data));
        }
        let Some(bytes) = bytes else {
            if self.has_data(&layout::ETCD_DATA)? {
                let reason =
                    "no static Pod of etcd was set up here: the data may belong to another program";
                plan.leave(PHASE, layout::ETCD_DATA.to_string(), reason);
            }
            return Ok(None);
        };
        let parsed = std::str::from_utf8(bytes)
            .map_err(|error| error.to_string())
            .and_then(etcd_pod::parse);
        if self.skips(PHASE) {
            if let Ok(local) = parsed {
                leave_data(plan, &RootPath::from(&local.data));
            }
            return Ok(None);
        }
        let local = parsed.map_err(|reason| ResetError::Member {
            path,
            reason,
            by_hand: Advice::hint(format!(
                "remove the member by hand, then skip the phase: --skip-phases {} (its data then stays)",
                PHASE.name()
            )),
        })?;
        let data = RootPath::from(&local.data);
        if !self.decide(plan, &local, &data)? {
            return Ok(None);
        }
        let permission = ResetProgress::new(self.installed)?;
        plan.permission = Some(permission.with_permission(local.data.clone(), bytes));
        Ok(Some(data))
    }

    /// Plans what has to happen to the member; returns whether the data may be removed then.
    fn decide(
        &self,
        plan: &mut Plan,
        local: &LocalMember,
        data: &RootPath,
    ) -> Result<bool, ResetError> {
        let forced = self.request.force_etcd_data;
        let has_data = self.has_data(data)?;
        let Some(live) = self.live else {
            if has_data && !forced {
                let reason = "below --root it is unknown whether its member left the cluster; --force-etcd-data removes it";
                plan.leave(PHASE, data.join(layout::ETCD_MEMBER).to_string(), reason);
            } else if !has_data {
                plan.skip(PHASE, "member of etcd", "it has no data here");
            }
            return Ok(has_data && forced);
        };
        let asked = live
            .etcd_members(local)
            .map_err(|error: LiveError| error.to_string());
        match asked {
            Ok(members) => {
                match etcd::judge(local, &members) {
                    Membership::Only => {
                        plan.skip(
                            PHASE,
                            "member of etcd",
                            "it is the only one: the cluster ends with it",
                        );
                    }
                    Membership::Left => {
                        plan.skip(PHASE, "member of etcd", "it has left its cluster already");
                    }
                    Membership::Among { id, others } => {
                        let work = Work::RemoveMember {
                            local: local.clone(),
                            id,
                        };
                        let what = format!("member {id:x} of etcd ({})", local.peer_url);
                        let reason = match others {
                            1 => "1 other member stays in the cluster".to_owned(),
                            _ => format!("{others} other members stay in the cluster"),
                        };
                        plan.add(PHASE, "remove", what, work).reason = Some(reason);
                    }
                }
                Ok(true)
            }
            Err(reason) if forced => {
                let reason =
                    format!("not asked ({reason}); its data is removed (--force-etcd-data)");
                plan.skip(PHASE, "member of etcd", reason);
                Ok(true)
            }
            Err(reason) if !has_data => {
                let reason = format!("it has no data here, and etcd cannot be asked ({reason})");
                plan.skip(PHASE, "member of etcd", reason);
                Ok(false)
            }
            Err(reason) => Err(unknown(local, data, &reason)),
        }
    }

    fn has_data(&self, directory: &RootPath) -> Result<bool, ResetError> {
        Ok(match self.root.open_directory(directory)? {
            Some(directory) => directory.inspect(layout::ETCD_MEMBER)? != Found::Missing,
            None => false,
        })
    }
}

fn leave_data(plan: &mut Plan, data: &RootPath) {
    let reason = format!("the phase {} is skipped", PHASE.name());
    plan.leave(PHASE, data.join(layout::ETCD_MEMBER).to_string(), reason);
}

/// The refusal when etcd does not say who its members are.
fn unknown(local: &LocalMember, data: &RootPath, reason: &str) -> ResetError {
    let flags = etcdctl_flags(local).map(|flag| quote(&flag).into_owned());
    let [_, authority, certificate, key] = &flags;
    let by_hand = Advice::hint(format!(
        "remove the member from another control-plane node: etcdctl {authority} {certificate} {key} member list, then member remove ID for the one with {}",
        local.peer_url
    ))
    .and(format!(
        "then, or if it is the only member, have the data in {data} removed with --force-etcd-data; leave member and data as they are with --skip-phases {}",
        PHASE.name()
    ));
    ResetError::Membership {
        reason: reason.to_owned(),
        by_hand,
    }
}
