//! Roles and their bindings.
//!
//! Subjects of kind Group and User are written without `apiGroup`, as kubeadm sends them; the API server fills it in.

use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};

use super::{ApiObject, ObjectError, metadata};

const GROUP: &str = "rbac.authorization.k8s.io";

/// A rule about resources of one API group.
pub(crate) fn rule(group: &str, resources: &[&str], names: &[&str], verbs: &[&str]) -> PolicyRule {
    let list = |texts: &[&str]| -> Vec<String> { texts.iter().map(|t| (*t).to_owned()).collect() };
    PolicyRule {
        api_groups: Some(list(&[group])),
        non_resource_urls: None,
        resource_names: (!names.is_empty()).then(|| list(names)),
        resources: Some(list(resources)),
        verbs: list(verbs),
    }
}

/// A Role that may get one object of the core API.
pub(crate) fn role_to_get(
    namespace: &str,
    name: &str,
    resource: &str,
    object: &str,
) -> Result<ApiObject, ObjectError> {
    let role = Role {
        metadata: metadata(Some(namespace), name),
        rules: Some(vec![rule("", &[resource], &[object], &["get"])]),
    };
    ApiObject::public(&role, &[])
}

/// Binds the Role `name` to `subjects`, under the same name.
pub(crate) fn role_binding(
    namespace: &str,
    name: &str,
    subjects: Vec<Subject>,
) -> Result<ApiObject, ObjectError> {
    let binding = RoleBinding {
        metadata: metadata(Some(namespace), name),
        role_ref: role_ref("Role", name),
        subjects: Some(subjects),
    };
    ApiObject::public(&binding, &[])
}

/// A ClusterRole.
pub(crate) fn cluster_role(name: &str, rules: Vec<PolicyRule>) -> Result<ApiObject, ObjectError> {
    let role = ClusterRole {
        aggregation_rule: None,
        metadata: metadata(None, name),
        rules: Some(rules),
    };
    ApiObject::public(&role, &[])
}

/// Binds the ClusterRole `role` to `subject`.
pub(crate) fn cluster_role_binding(
    name: &str,
    role: &str,
    subject: Subject,
) -> Result<ApiObject, ObjectError> {
    let binding = ClusterRoleBinding {
        metadata: metadata(None, name),
        role_ref: role_ref("ClusterRole", role),
        subjects: Some(vec![subject]),
    };
    ApiObject::public(&binding, &[])
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: Some(GROUP.to_owned()),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// The subject for all users in a group.
pub(crate) fn group(name: &str) -> Subject {
    subject("Group", name, None)
}

/// A user.
pub(crate) fn user(name: &str) -> Subject {
    subject("User", name, None)
}

/// A service account.
pub(crate) fn service_account(namespace: &str, name: &str) -> Subject {
    subject("ServiceAccount", name, Some(namespace))
}

fn subject(kind: &str, name: &str, namespace: Option<&str>) -> Subject {
    Subject {
        api_group: None,
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
    }
}
