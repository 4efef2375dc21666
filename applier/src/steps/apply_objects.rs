//! Objects of the bundle into the API, by server-side apply without force.
//!
//! In: object entries, in order. Out: each is there as planned, or named as changed since and left as it is. An object
//! is looked at before it is applied, so the report can tell what was created from what was there. Objects are data:
//! nothing is known of any kind, and the API says where objects of a kind are found.

mod object;

use std::collections::BTreeSet;

use http::StatusCode;
use kubeplan_bundle::index::{EntryName, Hole, Index};
use kubeplan_bundle::path::HostPath;
use kubeplan_terminal::quote;
use serde_json::Value;

use self::object::Object;
use super::error::StepError;
use super::report::{Drift, Progress, StepResult};
use super::session::{Attempt, Session, retry};
use crate::contents::Contents;
use crate::host::clock::Clock;
use crate::net::client::{APPLY, Answer, ApiClient, Class, FIELD_MANAGER, FieldConflict};
use crate::net::json::Json;
use crate::net::resources::object_path;

/// What is applied, and how.
pub(crate) struct Batch<'a> {
    /// The index.
    pub(crate) index: &'a Index,
    /// The bytes of its entries.
    pub(crate) contents: &'a dyn Contents,
    /// The entries, in order.
    pub(crate) entries: &'a [EntryName],
    /// A kubeconfig that may do what the usual one may not yet.
    pub(crate) fallback: Option<&'a HostPath>,
    /// Entries that are applied although others changed the object.
    pub(crate) overwrite: &'a BTreeSet<EntryName>,
    /// An earlier run completed this step with the same plan.
    pub(crate) completed: bool,
    /// What time it is when a token's life begins.
    pub(crate) clock: Clock,
}

/// What came of one object.
enum Applied {
    Created,
    Changed,
    Unchanged,
    Drift(Vec<FieldConflict>),
}

/// What the API returned of an object.
struct Returned {
    applied: Applied,
    uid: String,
}

/// Applies every object of the batch.
///
/// # Errors
/// [`StepError`] naming the object; those before it are applied.
pub(crate) async fn run(
    session: &mut Session<'_>,
    batch: &Batch<'_>,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    let mut result = StepResult::default();
    for name in batch.entries {
        let object = Object::read(batch, name)?;
        let shown = object.shown();
        if batch.completed && !object.holes.is_empty() {
            result.notes.push(format!(
                "{shown} was applied by an earlier run of this plan and is not applied again: its life would begin anew"
            ));
            result.objects.not_applied.push(shown);
            continue;
        }
        for hole in &object.holes {
            if let Hole::OwnerUid { owner, .. } = hole {
                find_owner(session, batch, &object, owner, progress).await?;
            }
        }
        let returned = apply(session, batch, &object, progress).await?;
        session.uids.insert(name.clone(), returned.uid);
        let objects = &mut result.objects;
        match returned.applied {
            Applied::Created => objects.created.push(shown),
            Applied::Changed => objects.changed.push(shown),
            Applied::Unchanged => objects.unchanged.push(shown),
            Applied::Drift(fields) => {
                let list: Vec<String> = fields
                    .iter()
                    .map(|conflict| format!("{} by {}", conflict.field, conflict.manager))
                    .collect();
                result.notes.push(format!(
                    "{shown} was changed and is left as it is ({}); apply the plan's version with --overwrite-drift {}",
                    list.join(", "),
                    quote(name.as_str())
                ));
                objects.drift.push(Drift {
                    object: shown,
                    entry: name.to_string(),
                    fields,
                });
            }
        }
    }
    result.changed = !result.objects.created.is_empty() || !result.objects.changed.is_empty();
    result.outcome = result.objects.to_string();
    Ok(result)
}

/// Applies one object as the administrator or, where that is forbidden, by the fallback.
async fn apply(
    session: &mut Session<'_>,
    batch: &Batch<'_>,
    object: &Object,
    progress: &mut Progress<'_>,
) -> Result<Returned, StepError> {
    let what = format!("apply {}", object.shown());
    let administrator = session.administrator()?;
    let Some(path) = batch.fallback else {
        return apply_as(
            session,
            batch,
            object,
            &administrator,
            false,
            &what,
            progress,
        )
        .await;
    };
    match apply_as(
        session,
        batch,
        object,
        &administrator,
        true,
        &what,
        progress,
    )
    .await
    {
        Err(StepError::Forbidden { user, .. }) => {
            let fallback = session.client(path)?.ok_or_else(|| StepError::NoFallback {
                what: what.clone(),
                user,
                fallback: path.clone(),
            })?;
            progress.waiting(format!("{what}: as `{}`", fallback.user()));
            apply_as(session, batch, object, &fallback, false, &what, progress).await
        }
        other => other,
    }
}

/// Applies one object as `client`. If it is forbidden, `give_up` says whether to stop at once.
async fn apply_as(
    session: &mut Session<'_>,
    batch: &Batch<'_>,
    object: &Object,
    client: &ApiClient,
    give_up: bool,
    what: &str,
    progress: &mut Progress<'_>,
) -> Result<Returned, StepError> {
    let length = session.window();
    retry(length, what, progress, async || {
        match attempt(session, batch, object, client, what).await {
            Attempt::Again(why) if give_up => match why.forbidden {
                Some(user) => Attempt::Stop(StepError::Forbidden {
                    what: what.to_owned(),
                    user,
                    said: why.text,
                }),
                None => Attempt::Again(why),
            },
            other => other,
        }
    })
    .await
}

async fn attempt(
    session: &mut Session<'_>,
    batch: &Batch<'_>,
    object: &Object,
    client: &ApiClient,
    what: &str,
) -> Attempt<Returned> {
    let path = match find(session, object, client, what).await {
        Attempt::Done(path) => path,
        Attempt::Again(why) => return Attempt::Again(why),
        Attempt::Stop(error) => return Attempt::Stop(error),
    };
    let before = match client.get(&path).await {
        Ok(answer) => match answer.class() {
            Class::Good => Some(answer),
            Class::Missing => None,
            _ => return Attempt::of(&answer, what, client, object.secret),
        },
        Err(error) => return error.into(),
    };
    // Filled at every attempt: a token's life begins with the call that succeeds.
    let body = match object.filled(batch.clock, session) {
        Ok(content) => content.to_body(),
        Err(error) => return Attempt::Stop(error),
    };
    // Strict: a field that the API does not know is an error, and not left out.
    let force = if object.force { "&force=true" } else { "" };
    let query = format!("{path}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict{force}");
    let answer = match client.patch(&query, APPLY, body).await {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    match answer.class() {
        Class::Good => returned(before.as_ref(), &answer),
        Class::FieldConflict => match before.as_ref().map(Answer::json) {
            Some(Ok(before)) => Attempt::Done(Returned {
                applied: Applied::Drift(answer.field_conflicts()),
                uid: before.text(["metadata", "uid"]).to_owned(),
            }),
            // It appeared since: look at it.
            _ => Attempt::again("it was created a moment ago"),
        },
        _ => Attempt::of(&answer, what, client, object.secret),
    }
}

/// The path of an object.
async fn find(
    session: &mut Session<'_>,
    object: &Object,
    client: &ApiClient,
    what: &str,
) -> Attempt<String> {
    let resource = match session
        .resource(client, object.api_version(), object.kind(), what)
        .await
    {
        Attempt::Done(resource) => resource,
        Attempt::Again(why) => return Attempt::Again(why),
        Attempt::Stop(error) => return Attempt::Stop(error),
    };
    let namespace = object.content.text(["metadata", "namespace"]);
    if resource.namespaced == namespace.is_empty() {
        return Attempt::Stop(StepError::Content {
            entry: object.entry.clone(),
            reason: if resource.namespaced {
                format!("a {} lies in a namespace, and it names none", object.kind())
            } else {
                format!("a {} lies in no namespace, and it names one", object.kind())
            },
        });
    }
    let name = object.content.text(["metadata", "name"]);
    Attempt::Done(object_path(
        object.api_version(),
        &resource,
        namespace,
        name,
    ))
}

/// Tells what was done from what was there and what is there now.
fn returned(before: Option<&Answer>, answer: &Answer) -> Attempt<Returned> {
    let after = match answer.json() {
        Ok(after) => after,
        Err(reason) => return Attempt::again(reason),
    };
    let before = before.and_then(|answer| answer.json().ok());
    let applied = if answer.status == StatusCode::CREATED {
        Applied::Created
    } else if before.is_some_and(|mut before| same(&mut before, &after)) {
        Applied::Unchanged
    } else {
        Applied::Changed
    };
    Attempt::Done(Returned {
        applied,
        uid: after.text(["metadata", "uid"]).to_owned(),
    })
}

/// Whether two states of an object differ at most in who is recorded as having set what.
fn same(before: &mut Json, after: &Json) -> bool {
    const VERSION: [&str; 2] = ["metadata", "resourceVersion"];
    if before.text(VERSION) == after.text(VERSION) {
        return true;
    }
    let mut after = Json::new(Value::clone(after));
    for object in [&mut *before, &mut after] {
        if let Some(Value::Object(metadata)) = object.at_mut(["metadata"]) {
            metadata.remove("resourceVersion");
            metadata.remove("managedFields");
        }
    }
    **before == *after
}

/// Sees to it that the uid of `owner` is known: from this run, or from the API.
async fn find_owner(
    session: &mut Session<'_>,
    batch: &Batch<'_>,
    owned: &Object,
    owner: &EntryName,
    progress: &mut Progress<'_>,
) -> Result<(), StepError> {
    if session.uids.contains_key(owner) {
        return Ok(());
    }
    let object = Object::read(batch, owner)?;
    let what = format!("find {}, the owner of {}", object.shown(), owned.shown());
    let client = session.administrator()?;
    let length = session.window();
    let uid = retry(length, &what, progress, async || {
        let path = match find(session, &object, &client, &what).await {
            Attempt::Done(path) => path,
            Attempt::Again(why) => return Attempt::Again(why),
            Attempt::Stop(error) => return Attempt::Stop(error),
        };
        let answer = match client.get(&path).await {
            Ok(answer) => answer,
            Err(error) => return error.into(),
        };
        match (answer.class(), answer.json()) {
            (Class::Good, Ok(found)) => Attempt::Done(found.text(["metadata", "uid"]).to_owned()),
            (Class::Missing, _) => Attempt::Stop(StepError::OwnerGone {
                object: owned.shown(),
                owner: object.shown(),
            }),
            _ => Attempt::of(&answer, &what, &client, object.secret),
        }
    })
    .await?;
    session.uids.insert(owner.clone(), uid);
    Ok(())
}

#[cfg(test)]
mod tests;
