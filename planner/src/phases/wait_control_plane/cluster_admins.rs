//! The binding that makes admin.conf an administrator.
//!
//! It is the first object: until it exists, admin.conf has no rights, so it is applied with super-admin.conf.

use crate::phases::PhaseContext;
use crate::render::objects::{ApiObject, ObjectError, rbac};

const NAME: &str = "kubeadm:cluster-admins";

/// `kubeadm:cluster-admins`.
pub(super) fn objects(_: &PhaseContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let binding = rbac::cluster_role_binding(NAME, "cluster-admin", rbac::group(NAME))?;
    Ok(vec![binding])
}
