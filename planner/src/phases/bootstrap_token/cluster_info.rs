//! cluster-info: the API server and its CA, for nodes that have only a token.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use crate::phases::{KeyedContext, PhaseContext};
use crate::pki::MaterialSource;
use crate::render::kubeconfig::single_pem;
use crate::render::objects::{ApiObject, ObjectError, metadata, rbac};
use crate::render::static_pod::paths;
use crate::yaml::write::to_go_yaml;

const NAMESPACE: &str = "kube-public";
const CONFIG_MAP: &str = "cluster-info";
const ROLE: &str = "kubeadm:bootstrap-signer-clusterinfo";

/// The ConfigMap.
pub(super) fn config_map(context: &KeyedContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let authority = match context.material {
        MaterialSource::Issued(material) => {
            let ca = material.certificates.get("ca");
            let ca = ca.ok_or(ObjectError::NoCertificate("ca"))?;
            STANDARD.encode(single_pem(ca))
        }
        MaterialSource::Worker(_) | MaterialSource::None => "<ca>".to_owned(),
    };
    let mut kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "cluster": {
                "certificate-authority-data": authority,
                "server": context.config.control_plane_url(),
            },
            "name": "",
        }],
        "contexts": null,
        "current-context": "",
        "users": null,
    });
    if context.config.release.prints_kubeconfig_preferences
        && let Some(fields) = kubeconfig.as_object_mut()
    {
        fields.insert("preferences".to_owned(), json!({}));
    }
    let config_map = ConfigMap {
        metadata: metadata(Some(NAMESPACE), CONFIG_MAP),
        data: Some(BTreeMap::from([(
            "kubeconfig".to_owned(),
            to_go_yaml(&kubeconfig),
        )])),
        ..ConfigMap::default()
    };
    let server = "data.kubeconfig: clusters[0].cluster.server";
    let sources: &[(&str, &str)] = match context.config.control_plane_endpoint {
        Some(_) => &[(server, paths::CONTROL_PLANE_ENDPOINT)],
        None => &[
            (server, paths::ADVERTISE_ADDRESS),
            (server, paths::BIND_PORT),
        ],
    };
    Ok(vec![ApiObject::public(&config_map, sources)?])
}

/// What lets anonymous users read it.
pub(super) fn roles(_: &PhaseContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    Ok(vec![
        rbac::role_to_get(NAMESPACE, ROLE, "configmaps", CONFIG_MAP)?,
        rbac::role_binding(NAMESPACE, ROLE, vec![rbac::user("system:anonymous")])?,
    ])
}
