//! Validates `nodes[].systemIds`: the users and groups of a control plane that does not run as root.
//!
//! kubeadm creates them on the host with the first ids that are free there (v1.36.2, cmd/kubeadm/app/util/users). kubeplan plans
//! without the host, so the configuration must contain the ids.

use std::collections::BTreeSet;

use kubeplan_bundle::index::NodeRole;
use serde_json::Value;

use super::super::draft::Draft;
use super::super::valid::{Account, SystemIds};
use crate::kubeadm::system_users;
use crate::schema::Kind;

/// The path of the field.
const PATH: &str = "nodes[0].systemIds";
const GATE: &str = "featureGates.RootlessControlPlane";

/// The ids that kubeadm chooses from, and accepts for existing accounts, unless /etc/login.defs has another range.
const SYSTEM_RANGE: std::ops::RangeInclusive<u32> = 100..=999;

/// Checks the ids; `None` if the control plane runs as root, or together with an error.
pub(super) fn check(draft: &mut Draft, role: NodeRole) -> Option<SystemIds> {
    let gate = draft.get(Kind::Cluster, GATE) == Some(&Value::Bool(true));
    let rootless = gate && role == NodeRole::ControlPlane;
    let given = draft.get(Kind::Inventory, PATH).is_some();
    match (rootless, given) {
        (false, false) => return None,
        (false, true) => {
            let (message, hint) = match role {
                NodeRole::ControlPlane => (
                    "the field has no effect without the feature gate RootlessControlPlane",
                    "remove it, or enable the gate",
                ),
                NodeRole::Worker => ("the field has no effect on a worker", "remove it"),
            };
            draft.error(Kind::Inventory, PATH, message, hint);
            return None;
        }
        (true, false) => {
            let message = "the ids of the users that kubeadm would create on the host are not set";
            let hint = "create kubeadm's users and groups on the host, and set their ids in `nodes[].systemIds` of a `kubeplan.io/v1alpha1` Cluster document";
            match draft.joins {
                false => draft.error(Kind::Cluster, GATE, message, hint),
                true => draft.error(Kind::Inventory, PATH, message, hint),
            }
            return None;
        }
        (true, true) => {}
    }
    let users = Numbers::read(draft, "users", &system_users::USERS);
    let groups = Numbers::read(draft, "groups", &system_users::GROUPS);
    let (users, groups) = (users?, groups?);
    let account = |name: &str| {
        Some(Account {
            uid: users.of(name)?,
            gid: groups.of(name)?,
        })
    };
    let [etcd, apiserver, controller_manager, scheduler] = system_users::USERS;
    Some(SystemIds {
        etcd: account(etcd)?,
        kube_apiserver: account(apiserver)?,
        kube_controller_manager: account(controller_manager)?,
        kube_scheduler: account(scheduler)?,
        sa_key_readers: groups.of(system_users::SA_KEY_READERS)?,
    })
}

/// Ids by name.
struct Numbers(Vec<(&'static str, u32)>);

impl Numbers {
    /// Reads one of the two mappings, users or groups; `None` together with an error.
    fn read(draft: &mut Draft, mapping: &str, names: &[&'static str]) -> Option<Self> {
        let mut numbers = Vec::new();
        let mut taken = BTreeSet::new();
        for name in names {
            let path = format!("{PATH}.{mapping}.{name}");
            let value = draft.get(Kind::Inventory, &path).and_then(Value::as_i64);
            let Some(value) = value else {
                let hint = format!(
                    "run `getent {} {name}` on the host to learn the id",
                    database(mapping)
                );
                draft.error(Kind::Inventory, &path, "the id is not set", &hint);
                continue;
            };
            let Some(number) = u32::try_from(value).ok().filter(|number| *number != 0) else {
                let message = format!("{value} is not a valid id for an account other than root");
                draft.error(Kind::Inventory, &path, message, "");
                continue;
            };
            if !taken.insert(number) {
                let message = format!("another name has the same id {number}");
                draft.error(Kind::Inventory, &path, message, "");
            } else if !SYSTEM_RANGE.contains(&number) {
                let message = format!("{number} is not an id of a system account (100 to 999)");
                let hint = "`kubeadm upgrade` refuses the account unless /etc/login.defs has another range";
                draft.warn(Kind::Inventory, &path, message, hint);
            }
            numbers.push((*name, number));
        }
        (numbers.len() == names.len()).then_some(Self(numbers))
    }

    fn of(&self, name: &str) -> Option<u32> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, number)| *number)
    }
}

fn database(mapping: &str) -> &'static str {
    if mapping == "users" {
        "passwd"
    } else {
        "group"
    }
}
