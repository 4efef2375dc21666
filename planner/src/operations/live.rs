//! What follows once the files are in place: API objects as reviewable text, and the steps on a running host.
//!
//! In: an operation, the configuration and key material. Out: a [`LivePlan`]: the [`PlannedObject`]s of the selected phases in the
//! operation's order and the [`Step`]s around them. An object has the same name in every selection. Texts inside ConfigMaps are kubeadm's,
//! byte for byte. What only the running cluster knows is a [`Hole`]. Nothing here contacts an API.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/phases, order of `kubeadm init --dry-run`.

use kubeplan_bundle::index::hole::FieldPath;
use kubeplan_bundle::index::{Api, EntryName, Hole};
use kubeplan_bundle::step::{PhaseName, Step};

use super::Operation;
use crate::phases::{Objects, PhaseContext, StepAbout, Work, kubeconfig_path, seconds};
use crate::plan::{LivePlan, PlannedObject};
use crate::render::objects::{ApiObject, ObjectError, ObjectHole};

/// The kubeconfig that may do what admin.conf may not yet.
const SUPER_ADMIN: &str = "super-admin.conf";

/// The selected objects of `operation` in the order of application, and the steps that need a running host.
///
/// # Errors
/// [`ObjectError`] if the key store lacks something, or an object cannot be written down.
pub(super) fn plan(
    operation: &Operation,
    context: &PhaseContext<'_>,
) -> Result<LivePlan, ObjectError> {
    let phases = phases(operation, context)?;
    let total: usize = phases.iter().map(|phase| phase.objects.len()).sum();
    let width = total.to_string().len().max(2);
    let mut live = LivePlan::default();
    let mut number = 0;
    for phase in phases {
        if !phase.selected {
            number += phase.objects.len();
            continue;
        }
        let name: PhaseName = phase.name.parse()?;
        let mut entries: Vec<EntryName> = Vec::with_capacity(phase.objects.len());
        for (at, object) in phase.objects.into_iter().enumerate() {
            // A binding that was moved here keeps its number, which is the first.
            let moved = at < phase.moved;
            number += usize::from(!moved);
            let own_number = if moved { at + 1 } else { number };
            let entry = entry_name(own_number, width, phase.name, &object)?;
            let own = entries.get(phase.moved..).unwrap_or_default();
            let holes = holes(&object, own, phase.name)?;
            entries.push(entry.clone());
            live.objects.push(PlannedObject {
                entry,
                phase: name.clone(),
                kind: object.kind.to_owned(),
                namespace: object.namespace,
                name: object.name,
                content: object.content,
                holes,
                sources: object.sources,
            });
        }
        if !entries.is_empty() {
            live.steps.push(Step::ApplyObjects {
                phase: name.clone(),
                entries,
                fallback_kubeconfig: phase
                    .binds
                    .then(|| kubeconfig_path(SUPER_ADMIN))
                    .transpose()?,
            });
        }
        live.steps.extend(phase.step);
        if let Some(step) = phase.step_about {
            let step = step(name, context, &live.objects)?;
            live.steps.extend(step);
        }
    }
    let asks = |step: &Step| {
        let for_name = matches!(step, Step::RequireFreeNodeName { .. });
        step.calls_api() || (for_name && context.config.is_control_plane())
    };
    if live.steps.iter().any(asks) {
        live.api = Some(Api {
            kubeconfig: kubeconfig_path("admin.conf")?,
            server: (operation.api_server)(context.config),
            timeout_seconds: seconds(context.config.timeouts.kubernetes_api_call),
        });
    }
    Ok(live)
}

/// The holes of `object`, whose phase has these entries so far.
fn holes(
    object: &ApiObject,
    entries: &[EntryName],
    phase: &'static str,
) -> Result<Vec<Hole>, ObjectError> {
    let holes = object.holes.iter().map(|hole| match hole {
        ObjectHole::TokenExpiry(ttl) => Ok(Hole::TokenExpiry {
            at: path("data/expiration")?,
            ttl: *ttl,
        }),
        ObjectHole::OwnerUid(position) => Ok(Hole::OwnerUid {
            at: path("metadata/ownerReferences/0/uid")?,
            owner: entries
                .get(*position)
                .cloned()
                .ok_or(ObjectError::Owner(phase))?,
        }),
    });
    holes.collect()
}

/// A phase with what it does; the objects of one that is not selected are counted only.
struct PhaseWork {
    name: &'static str,
    selected: bool,
    objects: Vec<ApiObject>,
    /// How many of the objects, the first ones, are those of a phase that was skipped.
    moved: usize,
    /// Whether the binding of the administrators is among the objects.
    binds: bool,
    step: Option<Step>,
    step_about: Option<StepAbout>,
}

fn phases(
    operation: &Operation,
    context: &PhaseContext<'_>,
) -> Result<Vec<PhaseWork>, ObjectError> {
    let selection = context.selection;
    let binding = operation.parts().find_map(|part| match part.work {
        Work::Bind(objects) => Some((part.phase, objects)),
        _ => None,
    });
    // The binding is written with the first use of admin.conf: where its phase is skipped, in the one that comes next. But a user who
    // asks for single phases gets what is theirs and nothing else.
    let mut to_move: Option<Objects> = binding
        .filter(|(phase, _)| !(selection.is_exact() || selection.includes(phase)))
        .map(|(_, objects)| objects);
    let mut phases = Vec::new();
    for part in operation.parts() {
        let selected = selection.includes(part.phase);
        let mut found = PhaseWork {
            name: part.phase,
            selected,
            objects: Vec::new(),
            moved: 0,
            binds: matches!(part.work, Work::Bind(_)),
            step: None,
            step_about: None,
        };
        let objects: Option<Objects> = match part.work {
            Work::Files(_) => continue,
            Work::Objects(objects) | Work::Bind(objects) => Some(objects),
            Work::Step(step) if selected => {
                found.step = step(part.phase.parse()?, context)?;
                None
            }
            Work::Step(_) => None,
            Work::StepAbout(step) => {
                found.step_about = Some(step);
                None
            }
        };
        match objects.map(|objects| objects(context)) {
            Some(Ok(objects)) => found.objects = objects,
            Some(Err(error)) if selected => return Err(error),
            // What cannot be made for this configuration may be the reason why it is left out.
            Some(Err(_)) | None => {}
        }
        let calls_api =
            !found.objects.is_empty() || found.step.as_ref().is_some_and(Step::calls_api);
        if selected
            && calls_api
            && let Some(objects) = to_move.take()
        {
            let mut moved = objects(context)?;
            found.moved = moved.len();
            found.binds = true;
            moved.append(&mut found.objects);
            found.objects = moved;
        }
        phases.push(found);
    }
    Ok(phases)
}

fn path(text: &str) -> Result<FieldPath, ObjectError> {
    Ok(text.parse()?)
}

/// `objects/NN-<phase>-<kind>-<name>.yaml`; what an entry name cannot hold becomes `-`.
fn entry_name(
    number: usize,
    width: usize,
    phase: &str,
    object: &ApiObject,
) -> Result<EntryName, ObjectError> {
    let plain: String = format!("{phase}-{}-{}", object.kind.to_lowercase(), object.name)
        .chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' => c,
            _ => '-',
        })
        .collect();
    Ok(format!("objects/{number:0width$}-{plain}.yaml").parse()?)
}

#[cfg(test)]
mod tests;
