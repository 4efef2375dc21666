//! `upload-config/kubeadm`: the configuration that upstream kubeadm reads when it joins or upgrades.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;

use crate::config::cluster_configuration;
use crate::phases::PhaseContext;
use crate::render::objects::{
    ApiObject, KUBE_SYSTEM, NODE_BOOTSTRAPPERS, ObjectError, metadata, rbac,
};
use crate::yaml::write::to_go_yaml;

const CONFIG_MAP: &str = "kubeadm-config";
const ROLE: &str = "kubeadm:nodes-kubeadm-config";

/// The ConfigMap and who may read it.
pub(super) fn objects(context: &PhaseContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let text = to_go_yaml(&cluster_configuration(context.config));
    let config_map = ConfigMap {
        metadata: metadata(Some(KUBE_SYSTEM), CONFIG_MAP),
        data: Some(BTreeMap::from([("ClusterConfiguration".to_owned(), text)])),
        ..ConfigMap::default()
    };
    Ok(vec![
        ApiObject::public(
            &config_map,
            &[("data.ClusterConfiguration", "ClusterConfiguration")],
        )?,
        rbac::role_to_get(KUBE_SYSTEM, ROLE, "configmaps", CONFIG_MAP)?,
        rbac::role_binding(
            KUBE_SYSTEM,
            ROLE,
            vec![rbac::group(NODE_BOOTSTRAPPERS), rbac::group("system:nodes")],
        )?,
    ])
}
