//! `upload-config/kubelet`: the configuration all kubelets of the cluster share.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use crate::phases::PhaseContext;
use crate::render::kubelet::RESOLVED_CONF;
use crate::render::objects::{
    ApiObject, KUBE_SYSTEM, NODE_BOOTSTRAPPERS, ObjectError, component_hash, metadata, rbac,
};
use crate::yaml::write::to_go_yaml;

const CONFIG_MAP: &str = "kubelet-config";
const ROLE: &str = "kubeadm:kubelet-config";

/// The ConfigMap and who may read it. The subjects stand the other way round than those of kubeadm-config.
pub(super) fn objects(context: &PhaseContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let config = context.config;
    let kubelet = &config.cluster_kubelet;
    let mut value = kubelet.value.clone();
    // The field is set only if kubelet-start, which shares the object with this phase, runs.
    if config.release.uploads_resolv_conf
        && config.facts.systemd_resolved
        && context.selection.includes("kubelet-start")
        && let Some(fields) = value.as_object_mut()
    {
        fields
            .entry("resolvConf")
            .or_insert_with(|| RESOLVED_CONF.into());
    }
    let data = BTreeMap::from([("kubelet".to_owned(), to_go_yaml(&value))]);
    let mut metadata = metadata(Some(KUBE_SYSTEM), CONFIG_MAP);
    metadata.annotations = component_hash::annotations(kubelet, &data);
    let config_map = ConfigMap {
        metadata,
        data: Some(data),
        ..ConfigMap::default()
    };
    Ok(vec![
        ApiObject::public(&config_map, &[("data.kubelet", "KubeletConfiguration")])?,
        rbac::role_to_get(KUBE_SYSTEM, ROLE, "configmaps", CONFIG_MAP)?,
        rbac::role_binding(
            KUBE_SYSTEM,
            ROLE,
            vec![rbac::group("system:nodes"), rbac::group(NODE_BOOTSTRAPPERS)],
        )?,
    ])
}
