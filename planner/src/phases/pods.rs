//! Renders and patches each static Pod of a node once.
//!
//! In: the configuration. Out: a [`RenderedPod`], made when a phase first needs it: to write its manifest, or to wait for its component.
//! Whether a node runs the Pod is decided elsewhere.

use std::cell::OnceCell;

use serde_json::Value;

use crate::patches::{PatchError, Patched, Target};
use crate::plan::ValueSource;
use crate::render::pod_validation::{self, RefusedPod, Sources};
use crate::render::static_pod::{
    PodContext, StaticPod, StaticPodError, etcd, kube_apiserver, kube_controller_manager,
    kube_scheduler,
};

/// A static Pod as in its manifest.
#[derive(Debug)]
pub(crate) struct RenderedPod {
    /// The component, which is also the Pod's name.
    pub(crate) component: &'static str,
    /// The Pod with the user's patches.
    pub(crate) document: Value,
    /// Where its values come from.
    pub(crate) sources: Vec<ValueSource>,
    /// Fields that patches set and Kubernetes does not have, so that they are dropped.
    pub(crate) unknown: Vec<String>,
    /// What the kubelet would refuse.
    refused: Option<RefusedPod>,
}

/// The Pods of one node.
#[derive(Debug)]
pub struct Pods<'a> {
    context: PodContext<'a>,
    etcd: OnceCell<RenderedPod>,
    apiserver: OnceCell<RenderedPod>,
    controller_manager: OnceCell<RenderedPod>,
    scheduler: OnceCell<RenderedPod>,
}

impl<'a> Pods<'a> {
    /// The Pods of `context`. Renders none of them yet.
    #[must_use]
    pub const fn new(context: PodContext<'a>) -> Self {
        Self {
            context,
            etcd: OnceCell::new(),
            apiserver: OnceCell::new(),
            controller_manager: OnceCell::new(),
            scheduler: OnceCell::new(),
        }
    }

    /// The Pods rendered so far that the kubelet would refuse.
    pub(crate) fn refused(&self) -> Vec<RefusedPod> {
        [
            &self.etcd,
            &self.apiserver,
            &self.controller_manager,
            &self.scheduler,
        ]
        .into_iter()
        .filter_map(|cell| cell.get()?.refused.clone())
        .collect()
    }

    /// The Pod that patches of `target` change; `None` if the node does not run it, such as etcd's with external etcd.
    ///
    /// # Errors
    /// The error of rendering the Pod, or that of a patch.
    pub(crate) fn get<E>(&self, target: Target) -> Result<Option<&RenderedPod>, E>
    where
        E: From<StaticPodError> + From<PatchError>,
    {
        let context = &self.context;
        let config = context.config;
        let (cell, pod): (_, &dyn Fn() -> Result<StaticPod, StaticPodError>) = match target {
            Target::Etcd => {
                let Some(local) = &config.cluster.etcd.local else {
                    return Ok(None);
                };
                (&self.etcd, &|| etcd::pod(context, local))
            }
            Target::KubeApiserver => (&self.apiserver, &|| kube_apiserver::pod(context)),
            Target::KubeControllerManager => (&self.controller_manager, &|| {
                kube_controller_manager::pod(context)
            }),
            Target::KubeScheduler => (&self.scheduler, &|| kube_scheduler::pod(context)),
            Target::KubeletConfiguration | Target::CoreDnsDeployment => return Ok(None),
        };
        if let Some(rendered) = cell.get() {
            return Ok(Some(rendered));
        }
        let pod = pod()?;
        let rendered = Patched::of(pod.document()?, pod.sources);
        let patched = config.patches.typed(config.release, target, rendered)?;
        let sources = Sources {
            rows: &patched.sources,
            removed: &patched.removed,
            patches: &config.patches.names(target),
            provenance: &config.provenance,
        };
        let refused = pod_validation::check(pod.component, &patched.document, sources);
        Ok(Some(cell.get_or_init(|| RenderedPod {
            component: pod.component,
            document: patched.document,
            sources: patched.sources,
            unknown: patched.unknown,
            refused: refused.err(),
        })))
    }
}
