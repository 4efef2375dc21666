//! `show-join-command`: how to join with the tokens that were applied.
//!
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/cmd/phases/init/showjoincommand.go`.

use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::step::{PhaseName, SharedCertificates, ShowJoinCommand, Step};

use super::{KeyedContext, Part, Work, bootstrap_token, kubeconfig_path};
use crate::pki::MaterialSource;
use crate::plan::PlannedObject;
use crate::render::objects::ObjectError;

/// `show-join-command`.
pub(crate) const INIT: &[Part] = &[Part::of(
    "show-join-command",
    Work::StepAbout(show_join_command),
)];

/// Prints the join command of the bootstrap tokens whose Secrets are `planned`; no step without them.
fn show_join_command(
    phase: PhaseName,
    context: &KeyedContext<'_>,
    planned: &[PlannedObject],
) -> Result<Option<Step>, ObjectError> {
    let tokens = join_tokens(planned);
    if tokens.is_empty() {
        return Ok(None);
    }
    let config = context.config;
    let url = config.control_plane_url();
    let authority = match context.material {
        MaterialSource::Issued(material) => {
            let ca = material.certificates.get("ca");
            Some(ca.ok_or(ObjectError::NoCertificate("ca"))?.row.spki)
        }
        MaterialSource::Worker(_) | MaterialSource::None => None,
    };
    let control_plane = config
        .control_plane_endpoint
        .is_some()
        .then_some(if config.upload_certs {
            SharedCertificates::Uploaded
        } else {
            SharedCertificates::Copied
        });
    Ok(Some(Step::ShowJoinCommand(ShowJoinCommand {
        phase,
        kubeconfig: kubeconfig_path("admin.conf")?,
        endpoint: url.strip_prefix("https://").unwrap_or(&url).to_owned(),
        ca_cert_hashes: authority.into_iter().collect(),
        tokens,
        control_plane,
    })))
}

/// The Secrets of the tokens that other nodes join with.
fn join_tokens(planned: &[PlannedObject]) -> Vec<EntryName> {
    planned
        .iter()
        .filter(|object| object.phase.as_str() == bootstrap_token::PHASE && object.kind == "Secret")
        .map(|object| object.entry.clone())
        .collect()
}
