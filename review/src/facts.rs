//! Lines about a bundle that several reports have.

use kubeplan_bundle::index::Index;
use kubeplan_bundle::seal::Recipient;
use kubeplan_terminal::Text;

/// The node and cluster of a bundle, and the plan that it carries.
pub(crate) fn identity(index: &Index) -> Text {
    let mut text = Text::of(format_args!(
        "{} {} of cluster {}",
        index.node.role, index.node.name, index.cluster.name
    ));
    text.line(format_args!("  cluster id   {}", index.cluster.id));
    text.line(format_args!("  plan digest  {}", index.plan_digest));
    text.line(format_args!("  serial       {}", index.serial));
    text
}

/// The recipients of the sealed part, as the index writes them.
pub(crate) fn recipients(index: &Index) -> impl Iterator<Item = &String> {
    index.sealed.iter().flat_map(|sealed| &sealed.recipients)
}

/// A recipient with the fingerprint that people compare.
#[must_use]
pub fn shown_recipient(text: &str) -> String {
    match Recipient::parse(text) {
        Ok(recipient) if recipient.fingerprint() != text => {
            let kind = text.split(' ').next().unwrap_or_default();
            format!("{} ({kind})", recipient.fingerprint())
        }
        _ => text.to_owned(),
    }
}
