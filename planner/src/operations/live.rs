//! Plans what follows the files: API objects as reviewable text, and the steps on a running host.
//!
//! In: an operation and the configuration; key material. Out: first the [`LivePart`]s of an outline, with every text and step that needs no
//! key; then a [`LivePlan`]: the [`PlannedObject`]s of the selected phases in the operation's order and the [`Step`]s around them. An object
//! has the same name in every selection. Texts inside ConfigMaps are kubeadm's, byte for byte. What only the running cluster knows is a
//! [`Hole`]. Nothing here contacts an API.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/phases, order of `kubeadm init --dry-run`.

use kubeplan_bundle::index::hole::FieldPath;
use kubeplan_bundle::index::{Api, EntryName, Hole};
use kubeplan_bundle::step::{ApplyObjects, PhaseName, Step};

use super::Operation;
use crate::phases::{
    KeyedContext, KeyedObjects, PhaseContext, StepAbout, Work, kubeconfig_path, seconds,
};
use crate::plan::{LivePlan, PlannedObject};
use crate::render::objects::{ApiObject, ObjectError, ObjectHole};
use crate::selection::Selection;

/// The kubeconfig with the rights that admin.conf does not have yet.
const SUPER_ADMIN: &str = "super-admin.conf";

/// A part of a phase that places no files, before there are keys.
#[derive(Debug)]
pub(super) struct LivePart {
    phase: &'static str,
    selected: bool,
    work: LiveWork,
}

/// What a [`LivePart`] does.
#[derive(Debug)]
enum LiveWork {
    /// Applies these objects.
    Objects(Vec<ApiObject>),
    /// Applies nothing, because its phase is not selected. The number of its objects counts in the names of later ones.
    Omitted(usize),
    /// Applies these objects as super-admin.conf, with the first use of admin.conf if its own phase is skipped.
    Bind(Vec<ApiObject>),
    /// Applies objects that are made from keys.
    Keyed(KeyedObjects),
    /// Adds this step, if there is one.
    Step(Option<Box<Step>>),
    /// A step that depends on the objects before it, and on keys.
    About(StepAbout),
}

/// Makes the parts of `operation`, as far as they need no key.
///
/// # Errors
/// [`ObjectError`] if an object of a selected phase cannot be written down.
pub(super) fn outline(
    operation: &Operation,
    context: &PhaseContext<'_>,
) -> Result<Vec<LivePart>, ObjectError> {
    let mut parts = Vec::new();
    for part in operation.parts() {
        let selected = context.selection.includes(part.phase);
        let work = match part.work {
            Work::Files(_) => continue,
            Work::Objects(objects) if selected => LiveWork::Objects(objects(context)?),
            // The user may skip the phase because its objects cannot be made.
            Work::Objects(objects) => {
                LiveWork::Omitted(objects(context).map_or(0, |objects| objects.len()))
            }
            Work::Bind(objects) => LiveWork::Bind(objects(context)?),
            Work::KeyedObjects(objects) => LiveWork::Keyed(objects),
            Work::Step(step) if selected => {
                let step = step(part.phase.parse()?, context)?;
                LiveWork::Step(step.map(Box::new))
            }
            Work::Step(_) => LiveWork::Step(None),
            Work::StepAbout(step) => LiveWork::About(step),
        };
        parts.push(LivePart {
            phase: part.phase,
            selected,
            work,
        });
    }
    Ok(parts)
}

/// The fields that patches set in the objects of `parts` and Kubernetes does not have.
pub(super) fn unknown_fields(parts: &[LivePart]) -> impl Iterator<Item = &str> {
    let objects = parts.iter().flat_map(|part| match &part.work {
        LiveWork::Objects(objects) => objects.as_slice(),
        _ => &[],
    });
    objects.flat_map(|object| object.unknown.iter().map(String::as_str))
}

/// Makes the selected objects of `parts`, in the order in which they are applied, and the steps that need a running host.
///
/// # Errors
/// [`ObjectError`] if the key store lacks something, or an object cannot be written down.
pub(super) fn fill(
    operation: &Operation,
    parts: &[LivePart],
    selection: &Selection,
    context: &KeyedContext<'_>,
) -> Result<LivePlan, ObjectError> {
    let phases = phases(parts, selection, context)?;
    let total: usize = phases.iter().map(|phase| phase.count).sum();
    let width = total.to_string().len().max(2);
    let mut live = LivePlan::default();
    let mut number = 0;
    for phase in phases {
        if !phase.selected {
            number += phase.count;
            continue;
        }
        let name: PhaseName = phase.name.parse()?;
        let mut entries: Vec<EntryName> = Vec::with_capacity(phase.objects.len());
        for (at, object) in phase.objects.into_iter().enumerate() {
            // A binding that was moved here keeps its number: it is the first object.
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
            live.steps.push(Step::ApplyObjects(ApplyObjects {
                phase: name.clone(),
                entries,
                fallback_kubeconfig: phase
                    .binds
                    .then(|| kubeconfig_path(SUPER_ADMIN))
                    .transpose()?,
            }));
        }
        live.steps.extend(phase.step);
        if let Some(step) = phase.step_about {
            let step = step(name, context, &live.objects)?;
            live.steps.extend(step);
        }
    }
    let asks = |step: &Step| {
        let for_name = matches!(step, Step::RequireFreeNodeName(_));
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

/// A phase, or one of its steps.
struct PhaseWork {
    name: &'static str,
    selected: bool,
    /// Empty if the phase is not selected.
    objects: Vec<ApiObject>,
    /// The number of the phase's own objects, selected or not.
    count: usize,
    /// The number of objects at the start that were moved here from a skipped phase.
    moved: usize,
    /// Whether the binding of the administrators is among the objects.
    binds: bool,
    step: Option<Step>,
    step_about: Option<StepAbout>,
}

impl PhaseWork {
    fn of(part: &LivePart, context: &KeyedContext<'_>) -> Result<Self, ObjectError> {
        let mut found = Self {
            name: part.phase,
            selected: part.selected,
            objects: Vec::new(),
            count: 0,
            moved: 0,
            binds: matches!(part.work, LiveWork::Bind(_)),
            step: None,
            step_about: None,
        };
        match &part.work {
            LiveWork::Objects(objects) | LiveWork::Bind(objects) => found.set(objects.clone()),
            LiveWork::Omitted(count) => found.count = *count,
            LiveWork::Keyed(objects) => match objects(context) {
                Ok(objects) => found.set(objects),
                Err(error) if part.selected => return Err(error),
                // As in [`outline`].
                Err(_) => {}
            },
            LiveWork::Step(step) => found.step = step.as_deref().cloned(),
            LiveWork::About(step) => found.step_about = Some(*step),
        }
        Ok(found)
    }

    fn set(&mut self, objects: Vec<ApiObject>) {
        self.count = objects.len();
        if self.selected {
            self.objects = objects;
        }
    }

    /// Whether the phase only applies objects, as admin.conf.
    const fn only_applies(&self) -> bool {
        !self.binds && self.step.is_none() && self.step_about.is_none()
    }

    fn calls_api(&self) -> bool {
        self.selected
            && (!self.objects.is_empty() || self.step.as_ref().is_some_and(Step::calls_api))
    }
}

/// The phases in the operation's order. One step applies the objects of all parts of a phase.
fn phases(
    parts: &[LivePart],
    selection: &Selection,
    context: &KeyedContext<'_>,
) -> Result<Vec<PhaseWork>, ObjectError> {
    let mut phases: Vec<PhaseWork> = Vec::new();
    for part in parts {
        let mut found = PhaseWork::of(part, context)?;
        match phases.last_mut() {
            Some(last)
                if last.name == found.name && last.only_applies() && found.only_applies() =>
            {
                last.objects.append(&mut found.objects);
                last.count += found.count;
            }
            _ => phases.push(found),
        }
    }
    // The binding must precede the first use of admin.conf. If its own phase is skipped, the next phase that calls the API writes it; but
    // if the user names single phases, they get nothing from other phases.
    let skipped = parts.iter().find_map(|part| match &part.work {
        LiveWork::Bind(objects) if !(part.selected || selection.is_exact()) => Some(objects),
        _ => None,
    });
    if let Some(objects) = skipped
        && let Some(next) = phases.iter_mut().find(|phase| phase.calls_api())
    {
        next.moved = objects.len();
        next.binds = true;
        next.objects.splice(..0, objects.iter().cloned());
    }
    Ok(phases)
}

fn path(text: &str) -> Result<FieldPath, ObjectError> {
    Ok(text.parse()?)
}

/// `objects/NN-<phase>-<kind>-<name>.yaml`, with `-` for characters that an entry name cannot have.
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
