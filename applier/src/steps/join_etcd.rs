//! The node as a member of the cluster's etcd.
//!
//! In: the member's name and URL, how the others are found, the transaction with its manifest. Out: etcd lists the member as a voter, its
//! manifest is in place. What is to be done follows from what etcd lists and what is on the host, never from what an earlier run did, so
//! a run that was stopped anywhere goes on (`docs/decisions/0019-etcd-join.md`):
//!
//! | etcd lists the peer URL | the manifest | what happens |
//! |---|---|---|
//! | not | – | refused if there is data of a member; else added as a learner once a majority is well; then as the next |
//! | not started yet | – | filled and committed, unless it says the same already; waited until it starts; then as the next |
//! | started, no vote | as planned | promoted |
//! | started | missing, and no data here | refused: the member lost its data, or is another host's |
//! | started | otherwise | filled and committed, even without a majority: it may be the vote that is missing; then promoted, unless it votes |
//! | started, votes | as planned | nothing |
//!
//! As kubeadm does it (1.36.2, `cmd/kubeadm/app/phases/etcd/local.go` and `util/etcd/etcd.go`), but for promoting, which may be
//! repeated here. etcd takes one learner at a time; who comes second waits.

mod health;
mod pods;
mod problem;

use std::time::Duration;

use kubeplan_bundle::index::{Name, TransactionName};
use kubeplan_bundle::step::{EtcdClient, EtcdPods};

use self::pods::client_urls;
use self::problem::{advise, etcd_attempt, problem_of};
use super::committer::{Committed, Committer, Filled, Standing};
use super::error::StepError;
use super::report::{Progress, StepResult};
use super::session::{Attempt, Session, retry, retry_within};
use crate::etcd::{Client, Member, Said};
use crate::host::Root;
use crate::net::client::Class;
use crate::net::resources::{Resource, list_path};
use crate::net::retry::Window;

/// What the step says.
pub(crate) struct EtcdJoin<'a> {
    /// The member's name.
    pub(crate) member: &'a Name,
    /// The URL its peers know it by.
    pub(crate) peer_url: &'a str,
    /// How the others are found.
    pub(crate) pods: &'a EtcdPods,
    /// Who asks them.
    pub(crate) client: &'a EtcdClient,
    /// The transaction with the manifest.
    pub(crate) transaction: &'a TransactionName,
    /// How long each call is tried.
    pub(crate) window: Duration,
}

impl EtcdJoin<'_> {
    /// Makes the node a member.
    ///
    /// # Errors
    /// [`StepError`] naming the member, or who does not answer.
    pub(crate) async fn run(
        &self,
        root: &Root,
        session: &mut Session<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<StepResult, StepError> {
        let endpoints = self.endpoints(session, progress).await?;
        let etcd = Client::new(root, self.client, endpoints)
            .map_err(|problem| problem_of(problem, Vec::new()))?;
        Joining { join: self, etcd }.run(progress).await
    }

    /// Where members answer, by what their Pods say.
    async fn endpoints(
        &self,
        session: &mut Session<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<String>, StepError> {
        let client = session.administrator()?;
        let resource = Resource {
            plural: "pods".to_owned(),
            namespaced: true,
        };
        // Version 0: as the API server remembers them. It knows them also while etcd has no majority, and whom of them there is
        // etcd says itself.
        let path = list_path("v1", &resource, &self.pods.namespace, &self.pods.labels);
        let path = format!("{path}&resourceVersion=0");
        let what = "find the members of etcd";
        let found = retry(session.window(), what, progress, async || {
            let answer = match client.get(&path).await {
                Ok(answer) => answer,
                Err(error) => return error.into(),
            };
            match (answer.class(), answer.json()) {
                (Class::Good, Ok(list)) => match client_urls(&list, &self.pods.client_urls) {
                    Ok(urls) => Attempt::Done(urls),
                    Err(reason) => Attempt::again(reason),
                },
                _ => Attempt::of(&answer, what, &client, false),
            }
        })
        .await;
        advise(found, || {
            vec![
                "see that the API server answers and each etcd Pod is listed there: an API server whose etcd has no majority says nothing".to_owned(),
            ]
        })
    }
}

/// One node on its way into etcd.
struct Joining<'a> {
    join: &'a EtcdJoin<'a>,
    etcd: Client,
}

impl Joining<'_> {
    async fn run(mut self, progress: &mut Progress<'_>) -> Result<StepResult, StepError> {
        let join = self.join;
        let mut standing = files(progress)?.look(join.transaction)?;
        let mut committed = Committed::Unchanged;
        if standing.file != Filled::AsPlanned && standing.data.is_some() {
            committed = self.restore(progress).await?;
            standing = files(progress)?.look(join.transaction)?;
        }
        let mut members = self.members(progress).await?;
        self.check(&members, &standing)?;
        let planned = standing.file == Filled::AsPlanned;
        if let Some(ours) = self.ours(&members)
            && ours.is_started()
            && !ours.is_learner
            && planned
            && committed == Committed::Unchanged
        {
            return Ok(StepResult::unchanged(format!(
                "{} is a member and votes",
                join.member
            )));
        }
        self.begin(progress)?;
        let voted = self.ours(&members).is_some_and(|ours| !ours.is_learner);
        if self.ours(&members).is_none() {
            self.majority(&members, None, progress).await?;
            self.add(progress).await?;
            members = self.members(progress).await?;
        }
        let started = self.ours(&members).is_some_and(Member::is_started);
        if !(started && planned) {
            committed = self.commit(&members, progress)?;
        }
        let members = self.promoted(progress).await?;
        self.majority(&members, self.ours(&members), progress)
            .await?;
        let outcome = format!(
            "{} is a member and votes, one of {}",
            join.member,
            members.len()
        );
        let mut result = if voted && committed != Committed::Written {
            StepResult::unchanged(outcome)
        } else {
            StepResult::changed(outcome)
        };
        if committed == Committed::Left {
            result.notes.push(format!(
                "a file of transaction `{}` was changed since and is left as it is",
                join.transaction
            ));
        }
        Ok(result)
    }

    /// Puts the manifest of a member back that was started here: without it etcd may have no majority, and then no member can say
    /// for sure who is a member. The list that fills it is any member's: one that has data heeds none.
    async fn restore(&mut self, progress: &mut Progress<'_>) -> Result<Committed, StepError> {
        let Ok(members) = self.etcd.members_by_one().await else {
            return Ok(Committed::Unchanged);
        };
        let name = self.join.member.as_str();
        if self.ours(&members).is_none_or(|ours| ours.name != name) {
            return Ok(Committed::Unchanged);
        }
        self.begin(progress)?;
        self.commit(&members, progress)
    }

    fn begin(&self, progress: &mut Progress<'_>) -> Result<(), StepError> {
        let position = progress.position();
        let leaves = format!(
            "member {} of etcd ({}) stays listed and its vote counts, until `kubeapply reset` (before a rollback) or `etcdctl member remove` takes it out",
            self.join.member, self.join.peer_url
        );
        let files = files(progress)?;
        files.begin(position, &leaves).map_err(StepError::Record)
    }

    fn commit(
        &self,
        members: &[Member],
        progress: &mut Progress<'_>,
    ) -> Result<Committed, StepError> {
        let value = initial_cluster(members, self.join)?;
        Ok(files(progress)?.commit(self.join.transaction, &value)?)
    }

    /// This node's member.
    fn ours<'m>(&self, members: &'m [Member]) -> Option<&'m Member> {
        members
            .iter()
            .find(|member| member.is_at(self.join.peer_url))
    }

    /// Refuses what would put two members in one place, or one in two.
    fn check(&self, members: &[Member], standing: &Standing) -> Result<(), StepError> {
        let EtcdJoin {
            member: name,
            peer_url,
            ..
        } = self.join;
        let remove = |member: &Member| {
            format!(
                "if that member is gone for good, take it out where etcd runs: etcdctl member remove {:x}",
                member.id
            )
        };
        if let Some(other) = members
            .iter()
            .find(|member| member.name == name.as_str() && !member.is_at(peer_url))
        {
            return Err(problem_of(
                format!(
                    "etcd has a member {name} already, at {}, and this one would be at {peer_url}",
                    other.peer_urls.join(",").escape_debug()
                ),
                vec![remove(other)],
            ));
        }
        match (self.ours(members), &standing.data) {
            (None, Some(data)) => Err(problem_of(
                format!(
                    "etcd lists no member at {peer_url}, and `{data}` has the data of one: it was taken out, or is of another cluster"
                ),
                vec![format!(
                    "if the data is not needed, remove the node with `kubeapply reset` or remove what is in `{data}`"
                )],
            )),
            (Some(ours), _) if ours.is_started() && ours.name != name.as_str() => Err(problem_of(
                format!(
                    "etcd's member at {peer_url} is called {}, and this one {name}",
                    ours.name.escape_debug()
                ),
                vec![remove(ours)],
            )),
            (Some(ours), None) if ours.is_started() && standing.file == Filled::Missing => {
                Err(problem_of(
                    format!(
                        "etcd's member {name} at {peer_url} was started, and nothing of it is on this host: it lost its data, or is another host's"
                    ),
                    vec![remove(ours)],
                ))
            }
            _ => Ok(()),
        }
    }

    /// The members; from then on those that vote are asked, and never this node's own.
    async fn members(&mut self, progress: &mut Progress<'_>) -> Result<Vec<Member>, StepError> {
        let what = "ask etcd who its members are";
        let etcd = &mut self.etcd;
        let listed = retry_within(
            Window::steady(self.join.window),
            what,
            progress,
            async || match etcd.members().await {
                Ok(members) => Attempt::Done(members),
                Err(error) => etcd_attempt(what, error),
            },
        )
        .await;
        let members = match listed {
            Ok(members) => members,
            Err(error) => return Err(self.why(error).await),
        };
        self.ask_voters(&members);
        Ok(members)
    }

    fn ask_voters(&mut self, members: &[Member]) {
        let voters = members
            .iter()
            .filter(|member| !member.is_learner && !member.is_at(self.join.peer_url));
        let urls: Vec<String> = voters
            .flat_map(|member| &member.client_urls)
            .filter(|url| url.starts_with("https://"))
            .cloned()
            .collect();
        if !urls.is_empty() {
            self.etcd.set_endpoints(urls);
        }
    }

    /// Adds the member without a vote, unless it is listed by then.
    async fn add(&mut self, progress: &mut Progress<'_>) -> Result<(), StepError> {
        let what = format!("add member {} to etcd", self.join.member);
        let (etcd, url) = (&mut self.etcd, self.join.peer_url);
        let mut in_the_way = None;
        let window = Window::steady(self.join.window);
        let added = retry_within(window, &what, progress, async || {
            // An answer may have been lost.
            let members = match etcd.members().await {
                Ok(members) => members,
                Err(error) => return etcd_attempt(&what, error),
            };
            if members.iter().any(|member| member.is_at(url)) {
                return Attempt::Done(());
            }
            let error = match etcd.add_learner(url).await {
                Ok(()) => return Attempt::Done(()),
                Err(error) => error,
            };
            in_the_way = members.into_iter().find(|member| member.is_learner);
            match (error.said(), &in_the_way) {
                (Some(Said::TooManyLearners), Some(other)) => Attempt::again(format!(
                    "etcd takes one new member at a time, and {} is on its way",
                    other.shown()
                )),
                _ => etcd_attempt(&what, error),
            }
        })
        .await;
        advise(added, || {
            let other = in_the_way.iter().map(|other| {
                format!(
                    "if {} will never come up, take it out where etcd runs: etcdctl member remove {:x}",
                    other.shown(),
                    other.id
                )
            });
            other.collect()
        })
    }

    /// Waits until the member has started and caught up, and gives it its vote. Returns the members.
    async fn promoted(&mut self, progress: &mut Progress<'_>) -> Result<Vec<Member>, StepError> {
        let name = self.join.member;
        let started = format!("wait until member {name} of etcd has started");
        let url = self.join.peer_url;
        let gone = || {
            problem_of(
                format!("member {name} of etcd ({url}) was taken out meanwhile"),
                Vec::new(),
            )
        };
        let etcd = &mut self.etcd;
        let window = Window::steady(self.join.window);
        let waited = retry_within(window, &started, progress, async || {
            match etcd.members().await {
                Ok(members) => match members.iter().find(|member| member.is_at(url)) {
                    None => Attempt::Stop(gone()),
                    Some(ours) if ours.is_started() => Attempt::Done(()),
                    Some(_) => Attempt::again("it has not joined yet"),
                },
                Err(error) => etcd_attempt(&started, error),
            }
        });
        advise(waited.await, || {
            vec![
                "the container's state: crictl ps -a --name etcd; its log: crictl logs ID; the kubelet's: journalctl -u kubelet".to_owned(),
            ]
        })?;
        let promote = format!("give member {name} of etcd its vote");
        let window = Window::steady(self.join.window);
        let promoted = retry_within(window, &promote, progress, async || {
            // Whether it votes is asked first, each time: an answer may have been lost, and a member that votes cannot be promoted.
            let members = match etcd.members().await {
                Ok(members) => members,
                Err(error) => return etcd_attempt(&promote, error),
            };
            let id = match members.iter().find(|member| member.is_at(url)) {
                None => return Attempt::Stop(gone()),
                Some(ours) if !ours.is_learner => return Attempt::Done(members),
                Some(ours) => ours.id,
            };
            match etcd.promote(id).await {
                Ok(()) => Attempt::again("etcd said yes; it is asked whether it did"),
                Err(error) if error.said() == Some(Said::NotInSync) => {
                    Attempt::again("it has not caught up with the leader yet")
                }
                Err(error) => etcd_attempt(&promote, error),
            }
        });
        let members = promoted.await?;
        self.ask_voters(&members);
        Ok(members)
    }
}

/// The members as the new one has to know them, in etcd's order. A member with several URLs has one item for each: etcd compares them
/// all.
fn initial_cluster(members: &[Member], join: &EtcdJoin<'_>) -> Result<String, StepError> {
    let mut items = Vec::new();
    for member in members {
        let name = if member.is_at(join.peer_url) {
            join.member.to_string()
        } else if member.is_started() {
            member.name.clone()
        } else {
            format!("{:x}", member.id)
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let of_urls = |byte: u8| plain(byte) || b":/[]".contains(&byte);
        let fits = name.bytes().all(plain)
            && !member.peer_urls.is_empty()
            && member.peer_urls.iter().all(|url| url.bytes().all(of_urls));
        if !fits {
            return Err(problem_of(
                format!(
                    "member {} of etcd has a name or a URL that cannot be written into a list of members",
                    member.shown()
                ),
                Vec::new(),
            ));
        }
        items.extend(member.peer_urls.iter().map(|url| format!("{name}={url}")));
    }
    Ok(items.join(","))
}

fn files<'p>(progress: &'p mut Progress<'_>) -> Result<&'p mut dyn Committer, StepError> {
    progress.files().ok_or(StepError::Bundle(
        "no installation is at hand that commits the member's manifest",
    ))
}

#[cfg(test)]
mod tests;
