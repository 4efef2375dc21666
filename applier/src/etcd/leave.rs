//! A member that leaves, for those who know no futures: they begin and end here.
//!
//! In: where members may answer, the files of a client. Out: the members, or one of them taken out. A member that takes itself out stops
//! answering, so the others are asked first, and whether it is listed still decides.

use std::time::Duration;

use kubeplan_bundle::step::EtcdClient;

use super::{Client, EtcdError, Member, Said};
use crate::host::Root;
use crate::net::retry::Window;
use crate::net::waiter::wait;

/// How long a list is asked for: the operator waits for the plan.
const LIST: Duration = Duration::from_secs(10);

/// How long a removal is tried, as in kubeadm (1.36.2, `etcdAPICall`).
const REMOVE: Duration = Duration::from_secs(120);

/// The members, asked at `endpoints`.
///
/// # Errors
/// Why no member answers.
pub(crate) fn members(
    root: &Root,
    files: &EtcdClient,
    endpoints: &[String],
) -> Result<Vec<Member>, String> {
    let mut client = Client::new(root, files, endpoints.to_vec())?;
    wait(async { listed(&mut client, &mut Window::steady(LIST)).await })
}

/// Takes member `id` out, unless it is out already.
///
/// # Errors
/// Why it is still a member, or why no member answers.
pub(crate) fn remove(
    root: &Root,
    files: &EtcdClient,
    endpoints: &[String],
    id: u64,
) -> Result<(), String> {
    let mut client = Client::new(root, files, endpoints.to_vec())?;
    wait(async { removed(&mut client, endpoints, id, Window::steady(REMOVE)).await })
}

async fn removed(
    client: &mut Client,
    endpoints: &[String],
    id: u64,
    mut window: Window,
) -> Result<(), String> {
    loop {
        let members = listed(client, &mut window).await?;
        if !members.iter().any(|member| member.id == id) {
            return Ok(());
        }
        let others = members
            .iter()
            .filter(|member| member.id != id && !member.is_learner)
            .flat_map(|member| &member.client_urls);
        client.set_endpoints(others.chain(endpoints).cloned().collect());
        match client.remove(id).await {
            Ok(()) => return Ok(()),
            Err(error) if error.said() == Some(Said::NotFound) => return Ok(()),
            Err(error) => again(&mut window, &error).await?,
        }
    }
}

async fn listed(client: &mut Client, window: &mut Window) -> Result<Vec<Member>, String> {
    loop {
        match client.members().await {
            Ok(members) if members.is_empty() => return Err("it lists no member".to_owned()),
            Ok(members) => return Ok(members),
            Err(error) => again(window, &error).await?,
        }
    }
}

/// Waits before the next attempt, unless that would end in the same way.
async fn again(window: &mut Window, error: &EtcdError) -> Result<(), String> {
    let useless = error.is_distrust() || error.said() == Some(Said::NoGateway);
    if useless || !window.pause(None).await {
        return Err(error.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Failure, FakeEtcd, voter};
    use super::*;

    const OURS: &str = "https://10.0.0.3:2379";

    fn three() -> FakeEtcd {
        FakeEtcd::of(vec![
            voter(1, "cp1", "10.0.0.1"),
            voter(2, "cp2", "10.0.0.2"),
            voter(3, "cp3", "10.0.0.3"),
        ])
    }

    async fn leave(etcd: &FakeEtcd) -> Result<(), String> {
        let endpoints = [OURS.to_owned()];
        removed(
            &mut etcd.client(&[OURS]),
            &endpoints,
            3,
            Window::steady(REMOVE),
        )
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_leaves_once_and_whatever_answer_is_lost() {
        for failure in [
            Failure::Pass,
            Failure::Lost,
            Failure::Refused(503, 14, "etcdserver: leader changed"),
            Failure::Refused(503, 14, "etcdserver: unhealthy cluster"),
        ] {
            for number in 0..3 {
                let etcd = three();
                etcd.state().failures.extend([Failure::Pass].repeat(number));
                etcd.state().failures.push_back(failure);
                leave(&etcd).await.unwrap();
                assert_eq!(etcd.state().members.len(), 2, "{failure:?} {number}");
                // A second reset.
                leave(&etcd).await.unwrap();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_leave_is_told_why() {
        let etcd = three();
        for url in ["https://10.0.0.1:2379", "https://10.0.0.2:2379"] {
            etcd.state().down.push((url.into(), "connection refused"));
        }
        let error = leave(&etcd).await.unwrap_err();
        assert!(error.contains("request timed out"), "{error}");
        let etcd = three();
        etcd.state()
            .down
            .push((OURS.into(), "invalid peer certificate: UnknownIssuer"));
        let error = leave(&etcd).await.unwrap_err();
        assert!(error.contains("UnknownIssuer"), "{error}");
        assert_eq!(etcd.state().calls.len(), 1);
    }
}
