//! Types that several kinds share: core/v1 EnvVar and Taint, component-base logging.
//!
//! Sources: k8s.io/api, k8s.io/component-base v0.36.2.

use super::{BOOL, FLUSH, Object, QUANTITY, STRING, TIME, UINT32, field, list, object};

/// `v1.ObjectFieldSelector`.
static OBJECT_FIELD_SELECTOR: Object = Object {
    name: "ObjectFieldSelector",
    fields: &[
        field("apiVersion", STRING).omitempty(),
        field("fieldPath", STRING),
    ],
};

/// `v1.ResourceFieldSelector`.
static RESOURCE_FIELD_SELECTOR: Object = Object {
    name: "ResourceFieldSelector",
    fields: &[
        field("containerName", STRING).omitempty(),
        field("resource", STRING),
        field("divisor", QUANTITY).omitempty(),
    ],
};

/// `v1.ConfigMapKeySelector`.
static CONFIG_MAP_KEY_SELECTOR: Object = Object {
    name: "ConfigMapKeySelector",
    fields: &[
        field("name", STRING).omitempty(),
        field("key", STRING),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

/// `v1.SecretKeySelector`.
static SECRET_KEY_SELECTOR: Object = Object {
    name: "SecretKeySelector",
    fields: &[
        field("name", STRING).omitempty(),
        field("key", STRING),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

/// `v1.FileKeySelector`.
static FILE_KEY_SELECTOR: Object = Object {
    name: "FileKeySelector",
    fields: &[
        field("volumeName", STRING),
        field("path", STRING),
        field("key", STRING),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

/// `v1.EnvVarSource`.
static ENV_VAR_SOURCE: Object = Object {
    name: "EnvVarSource",
    fields: &[
        field("fieldRef", object(&OBJECT_FIELD_SELECTOR))
            .pointer()
            .omitempty(),
        field("resourceFieldRef", object(&RESOURCE_FIELD_SELECTOR))
            .pointer()
            .omitempty(),
        field("configMapKeyRef", object(&CONFIG_MAP_KEY_SELECTOR))
            .pointer()
            .omitempty(),
        field("secretKeyRef", object(&SECRET_KEY_SELECTOR))
            .pointer()
            .omitempty(),
        field("fileKeyRef", object(&FILE_KEY_SELECTOR))
            .pointer()
            .omitempty(),
    ],
};

/// `v1beta4.EnvVar`.
pub(super) static ENV_VAR: Object = Object {
    name: "EnvVar",
    fields: &[
        field("name", STRING),
        field("value", STRING).omitempty(),
        field("valueFrom", object(&ENV_VAR_SOURCE))
            .pointer()
            .omitempty(),
    ],
};

/// `v1.Taint`.
pub(super) static TAINT: Object = Object {
    name: "Taint",
    fields: &[
        field("key", STRING),
        field("value", STRING).omitempty(),
        field("effect", STRING),
        field("timeAdded", TIME).pointer().omitempty(),
    ],
};

/// `v1.VModuleItem`.
static V_MODULE_ITEM: Object = Object {
    name: "VModuleItem",
    fields: &[field("filePattern", STRING), field("verbosity", UINT32)],
};

/// `v1.TextOptions`.
static TEXT_OPTIONS: Object = Object {
    name: "TextOptions",
    fields: &[
        field("splitStream", BOOL).omitempty(),
        field("infoBufferSize", QUANTITY).omitempty(),
    ],
};

/// `v1.JSONOptions`.
static JSON_OPTIONS: Object = Object {
    name: "JSONOptions",
    fields: &[
        field("splitStream", BOOL).omitempty(),
        field("infoBufferSize", QUANTITY).omitempty(),
    ],
};

/// `v1.FormatOptions`.
static FORMAT_OPTIONS: Object = Object {
    name: "FormatOptions",
    fields: &[
        field("text", object(&TEXT_OPTIONS)).omitempty(),
        field("json", object(&JSON_OPTIONS)).omitempty(),
    ],
};

/// `v1.LoggingConfiguration`.
pub(super) static LOGGING_CONFIGURATION: Object = Object {
    name: "LoggingConfiguration",
    fields: &[
        field("format", STRING).omitempty(),
        field("flushFrequency", FLUSH),
        field("verbosity", UINT32),
        field("vmodule", list(&object(&V_MODULE_ITEM))).omitempty(),
        field("options", object(&FORMAT_OPTIONS)).omitempty(),
    ],
};
