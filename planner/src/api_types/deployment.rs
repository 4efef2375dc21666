//! apps/v1 Deployment, as tables; its Pods are those of `pod`.
//!
//! Source: as `pod`.

use super::pod::{LABEL_SELECTOR, OBJECT_META, POD_SPEC};
use super::{BOOL, INT_OR_STRING, INT32, INT64, Object, STRING, TIME, field, list, object};

/// `v1.Deployment`.
pub static DEPLOYMENT: Object = Object {
    name: "Deployment",
    fields: &[
        field("kind", STRING).omitempty(),
        field("apiVersion", STRING).omitempty(),
        field("metadata", object(&OBJECT_META)).omitempty(),
        field("spec", object(&DEPLOYMENT_SPEC)).omitempty(),
        field("status", object(&DEPLOYMENT_STATUS)).omitempty(),
    ],
};

static DEPLOYMENT_CONDITION: Object = Object {
    name: "DeploymentCondition",
    fields: &[
        field("type", STRING),
        field("status", STRING),
        field("lastUpdateTime", TIME).omitempty(),
        field("lastTransitionTime", TIME).omitempty(),
        field("reason", STRING).omitempty(),
        field("message", STRING).omitempty(),
    ],
};

static DEPLOYMENT_SPEC: Object = Object {
    name: "DeploymentSpec",
    fields: &[
        field("replicas", INT32).pointer().omitempty(),
        field("selector", object(&LABEL_SELECTOR)).pointer(),
        field("template", object(&POD_TEMPLATE_SPEC)),
        field("strategy", object(&DEPLOYMENT_STRATEGY)).omitempty(),
        field("minReadySeconds", INT32).omitempty(),
        field("revisionHistoryLimit", INT32).pointer().omitempty(),
        field("paused", BOOL).omitempty(),
        field("progressDeadlineSeconds", INT32)
            .pointer()
            .omitempty(),
    ],
};

static DEPLOYMENT_STATUS: Object = Object {
    name: "DeploymentStatus",
    fields: &[
        field("observedGeneration", INT64).omitempty(),
        field("replicas", INT32).omitempty(),
        field("updatedReplicas", INT32).omitempty(),
        field("readyReplicas", INT32).omitempty(),
        field("availableReplicas", INT32).omitempty(),
        field("unavailableReplicas", INT32).omitempty(),
        field("terminatingReplicas", INT32).pointer().omitempty(),
        field("conditions", list(&object(&DEPLOYMENT_CONDITION)))
            .omitempty()
            .merged_by("type"),
        field("collisionCount", INT32).pointer().omitempty(),
    ],
};

static DEPLOYMENT_STRATEGY: Object = Object {
    name: "DeploymentStrategy",
    fields: &[
        field("type", STRING).omitempty(),
        field("rollingUpdate", object(&ROLLING_UPDATE_DEPLOYMENT))
            .pointer()
            .omitempty(),
    ],
};

static POD_TEMPLATE_SPEC: Object = Object {
    name: "PodTemplateSpec",
    fields: &[
        field("metadata", object(&OBJECT_META)).omitempty(),
        field("spec", object(&POD_SPEC)).omitempty(),
    ],
};

static ROLLING_UPDATE_DEPLOYMENT: Object = Object {
    name: "RollingUpdateDeployment",
    fields: &[
        field("maxUnavailable", INT_OR_STRING).pointer().omitempty(),
        field("maxSurge", INT_OR_STRING).pointer().omitempty(),
    ],
};
