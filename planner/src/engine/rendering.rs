//! Renders the content of bundles as plain files.
//!
//! In: a session, the content of the key store. Out: the [`Tree`] of [`crate::plain_files`]. No key is made, except public test keys.

use kubeplan_bundle::index::Name;
use kubeplan_bundle::timestamp::Timestamp;

use super::error::{EngineError, NodeError};
use super::notice::Notice;
use super::notices::Notices;
use super::observer::Observer;
use super::outlines::{fill, nothing_rendered, patch_notices};
use super::session::Session;
use crate::config::ValidConfig;
use crate::operations;
use crate::output::Tree;
use crate::pki::MaterialSource;
use crate::pki::test_pki::TestPki;
use crate::pki::{self, Material, Materials, StoreContents};
use crate::plain_files::{self, RenderedNode};

/// Where the certificates and keys of a rendered plan come from.
#[derive(Debug)]
pub struct RenderKeys(Option<Materials>);

impl RenderKeys {
    /// No keys: certificates appear as profiles.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Whether all certificates appear as profiles.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The nodes whose certificates appear as profiles, because the key store lacks some.
    pub fn incomplete(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().flat_map(Materials::incomplete)
    }
}

impl Session {
    /// Makes public test keys.
    ///
    /// # Errors
    /// [`EngineError::KeyStore`] if one cannot be made.
    pub fn test_keys(&self, seed: &str, now: Timestamp) -> Result<RenderKeys, EngineError> {
        let empty = StoreContents::default();
        let source = TestPki::new(seed);
        let ensured = pki::ensure_nodes(self.nodes(), empty, now, &source, &|_| {});
        let ensured = ensured.map_err(EngineError::KeyStore)?;
        Ok(RenderKeys(Some(ensured.materials)))
    }

    /// Reads the keys of the key store. Makes none.
    ///
    /// # Errors
    /// [`EngineError::KeyStore`] if the store does not fit.
    pub fn existing_keys(
        &self,
        contents: &StoreContents,
        now: Timestamp,
    ) -> Result<RenderKeys, EngineError> {
        pki::read_existing_nodes(self.nodes(), contents, now)
            .map(RenderKeys)
            .map_err(EngineError::KeyStore)
    }

    /// Renders every node's files; with `secrets` also the secret ones.
    ///
    /// # Errors
    /// [`EngineError`] with every node that cannot be planned.
    pub fn render(
        &self,
        keys: &RenderKeys,
        secrets: bool,
        observer: &mut dyn Observer,
    ) -> Result<Tree, EngineError> {
        let rendered = self.each(|at, config| {
            let material = keys.0.as_ref().and_then(|materials| materials.of(at));
            render_node(self, config, material.as_ref(), secrets)
        })?;
        let external = keys.0.as_ref().map(Materials::external_authorities);
        let mut certificates =
            pki::external_text(&external.unwrap_or_default()).unwrap_or_default();
        let mut notices = Notices::default();
        let mut parts = Vec::with_capacity(rendered.len());
        for (at, (name, node)) in self.names().zip(rendered).enumerate() {
            notices.add(Some(name), node.notices);
            if self.several() {
                let separator = if at > 0 { "\n" } else { "" };
                certificates.push_str(&format!("{separator}== node {name}\n"));
            }
            certificates.push_str(&node.certificates);
            parts.push(node.part);
        }
        notices.say(self.several(), observer);
        Ok(plain_files::tree(self.first()?, parts, &certificates)?)
    }
}

/// One node, rendered.
struct Rendered {
    part: RenderedNode,
    /// Its part of `pki.txt`.
    certificates: String,
    notices: Vec<Notice>,
}

fn render_node(
    session: &Session,
    config: &ValidConfig,
    material: Option<&Material>,
    secrets: bool,
) -> Result<Rendered, NodeError> {
    let operation = operations::of(config);
    let source = material.map_or(MaterialSource::None, MaterialSource::Issued);
    let outline = session.outline(config, source.external_ca())?;
    let plan = fill(&outline, config, source)?;
    let mut notices = patch_notices(&outline);
    notices.extend(nothing_rendered(config, source, &plan));
    let selection = operation.selection(config);
    let mut profiles = pki::profiles(config);
    profiles.retain(|profile| operation.writes_certificate(profile.name, &selection, config));
    Ok(Rendered {
        part: plain_files::node(config, &plan, secrets)?,
        certificates: pki::profile_text(&profiles),
        notices,
    })
}
