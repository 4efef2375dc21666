//! Whether enough members are well: nothing is added to a cluster that could lose its majority by it.

use super::Joining;
use super::problem::{advise, problem_of};
use crate::etcd::Member;
use crate::net::retry::Window;
use crate::steps::error::StepError;
use crate::steps::report::Progress;
use crate::steps::session::{Attempt, retry_within};

/// What a lost majority asks for.
const MAJORITY: &str = "etcd changes its members only while more than half of those that vote are well: bring those back first, or take out who is gone for good: etcdctl member remove ID";

impl Joining<'_> {
    /// No member gave a list; the reason says how many members are healthy, if that is why.
    pub(super) async fn why(&mut self, error: StepError) -> StepError {
        if !matches!(error, StepError::TimedOut { .. }) {
            return error;
        }
        let Ok(members) = self.etcd.members_by_one().await else {
            return problem_of(
                error.to_string(),
                vec![
                    "see that etcd runs on the other control-plane nodes, and that they can be reached from here".to_owned(),
                ],
            );
        };
        match self.ill(&members, None).await {
            None => error,
            Some(ill) => problem_of(ill, vec![MAJORITY.to_owned()]),
        }
    }

    /// Why too few members are well; `None` if a majority is. `also`: one that must be well in any case.
    async fn ill(&self, members: &[Member], also: Option<&Member>) -> Option<String> {
        let mut complaints = Vec::new();
        let mut voters = 0;
        let mut missed = false;
        for member in members.iter().filter(|member| !member.is_learner) {
            voters += 1;
            if let Some(complaint) = self.etcd.complaint(member).await {
                missed |= also.is_some_and(|also| also.id == member.id);
                complaints.push(format!("{}: {complaint}", member.shown()));
            }
        }
        let well = voters - complaints.len();
        (well * 2 <= voters || missed).then(|| {
            format!(
                "{well} of {voters} members of etcd are well; {}",
                complaints.join("; ")
            )
        })
    }

    /// Waits until a majority is well, and `also`.
    pub(super) async fn majority(
        &self,
        members: &[Member],
        also: Option<&Member>,
        progress: &mut Progress<'_>,
    ) -> Result<(), StepError> {
        let what = "see that etcd is well";
        let window = Window::steady(self.join.window);
        let waited = retry_within(window, what, progress, async || {
            match self.ill(members, also).await {
                None => Attempt::Done(()),
                Some(ill) => Attempt::again(ill),
            }
        });
        advise(waited.await, || vec![MAJORITY.to_owned()])
    }
}
