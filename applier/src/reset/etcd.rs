//! Whether this host's member of etcd has to leave its cluster before its data may be removed.
//!
//! In: the member, and what etcd says about its members. Out: [`Membership`]. Nothing is asked or changed here.

use crate::etcd::Member;
use crate::kubeadm::etcd_pod::LocalMember;

/// What has to be done about the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// It is the only one: the cluster ends with it.
    Only,
    /// It is none any more.
    Left,
    /// It has to leave the others.
    Among {
        /// Its id.
        id: u64,
        /// How many others there are.
        others: usize,
    },
}

/// Whether the member has to leave, and which it is.
pub(super) fn judge(local: &LocalMember, members: &[Member]) -> Membership {
    let ours = members.iter().find(|member| member.is_at(&local.peer_url));
    match ours {
        None => Membership::Left,
        Some(_) if members.len() == 1 => Membership::Only,
        Some(member) => Membership::Among {
            id: member.id,
            others: members.len() - 1,
        },
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kubeadm::etcd_pod::parse;
    use crate::kubeadm::etcd_pod::tests::MANIFEST;

    pub(in crate::reset) fn member(id: u64, address: &str) -> Member {
        crate::etcd::testing::voter(id, &format!("cp{id}"), address)
    }

    #[test]
    fn members_are_told_apart_by_their_peer_url() {
        let local = parse(MANIFEST).unwrap();
        let (ours, other) = (member(7, "192.168.10.11"), member(8, "192.168.10.12"));
        assert_eq!(judge(&local, std::slice::from_ref(&ours)), Membership::Only);
        assert_eq!(
            judge(&local, std::slice::from_ref(&other)),
            Membership::Left
        );
        assert_eq!(
            judge(&local, &[other, ours]),
            Membership::Among { id: 7, others: 1 }
        );
    }
}
