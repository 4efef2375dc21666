//! The parts of a plan that are made from certificates and keys: a closed list, so that everything else is made without them.
//!
//! In: a [`Keyed`] content that a phase has placed, key material. Out: the content, or nothing if the material lacks it: the key of an
//! external CA, and every certificate and key if there is no key store.

use kubeplan_bundle::index::SecretClass;
use kubeplan_bundle::secret::SecretBytes;

use super::PlanError;
use crate::config::ValidConfig;
use crate::pki::{IssuedCertificate, MaterialSource, ServiceAccountKey};
use crate::plan::{PlannedContent, PlannedEntry};
use crate::render::kubeconfig::{KubeconfigFile, KubeconfigMaterial, KubeconfigText};

/// The CAs, which may come without a key.
const AUTHORITIES: &[&str] = &["ca", "front-proxy-ca", "etcd-ca"];

/// What a part gets that is made from keys.
#[derive(Clone, Copy, Debug)]
pub struct KeyedContext<'a> {
    /// The configuration.
    pub config: &'a ValidConfig,
    /// Certificates, keys, tokens.
    pub material: MaterialSource<'a>,
}

/// An entry before there are keys.
pub type OutlinedEntry = PlannedEntry<Outlined>;

/// The content of an entry before there are keys.
#[derive(Clone, Debug)]
pub enum Outlined {
    /// The content.
    Known(PlannedContent),
    /// Which key or certificate the content is made from.
    Keyed(Keyed),
}

/// Content that is made from certificates and keys.
#[derive(Clone, Copy, Debug)]
pub enum Keyed {
    /// The certificate with kubeadm's name.
    Certificate(&'static str),
    /// The private key of that certificate.
    PrivateKey(&'static str),
    /// The key that signs service account tokens.
    ServiceAccountKey,
    /// Its public half.
    ServiceAccountPublicKey,
    /// A kubeconfig with a client certificate.
    Kubeconfig(&'static KubeconfigFile),
}

impl From<PlannedContent> for Outlined {
    fn from(content: PlannedContent) -> Self {
        Self::Known(content)
    }
}

impl From<Keyed> for Outlined {
    fn from(content: Keyed) -> Self {
        Self::Keyed(content)
    }
}

impl Outlined {
    /// Whether it is a directory.
    #[must_use]
    pub const fn is_directory(&self) -> bool {
        matches!(self, Self::Known(PlannedContent::Directory))
    }

    /// Makes the content; `None` if `context` has no material for it.
    ///
    /// # Errors
    /// [`PlanError`] if the material lacks something that the node needs.
    pub fn fill(&self, context: &KeyedContext<'_>) -> Result<Option<PlannedContent>, PlanError> {
        match self {
            Self::Known(content) => Ok(Some(content.clone())),
            Self::Keyed(content) => content.fill(context),
        }
    }
}

impl Keyed {
    fn fill(self, context: &KeyedContext<'_>) -> Result<Option<PlannedContent>, PlanError> {
        let material = context.material;
        if let Self::Kubeconfig(file) = self {
            return kubeconfig(file, context).map(Some);
        }
        if matches!(material, MaterialSource::None) {
            return Ok(None);
        }
        Ok(match self {
            Self::Certificate(name) => {
                let certificate = certificate(material, name)?;
                let pem = certificate.certificate_pem.clone();
                Some(PlannedContent::Public(pem.into_bytes()))
            }
            Self::PrivateKey(name) => {
                let certificate = certificate(material, name)?;
                match &certificate.key_pem {
                    Some(key) => Some(PlannedContent::Secret {
                        class: SecretClass::PrivateKey,
                        bytes: key.clone(),
                        spki: Some(certificate.row.spki),
                    }),
                    None if AUTHORITIES.contains(&name) => None,
                    None => return Err(PlanError::NoKey(name.to_owned())),
                }
            }
            Self::ServiceAccountKey => {
                let pair = service_account(material)?;
                Some(PlannedContent::Secret {
                    class: SecretClass::PrivateKey,
                    bytes: pair.key_pem.clone(),
                    spki: Some(pair.spki),
                })
            }
            Self::ServiceAccountPublicKey => {
                let pem = service_account(material)?.public_pem.clone();
                Some(PlannedContent::Public(pem.into_bytes()))
            }
            Self::Kubeconfig(_) => None,
        })
    }
}

/// The text of a kubeconfig that is sealed.
pub(super) const fn secret_kubeconfig(bytes: SecretBytes) -> PlannedContent {
    PlannedContent::Secret {
        class: SecretClass::Kubeconfig,
        bytes,
        spki: None,
    }
}

fn kubeconfig(
    file: &KubeconfigFile,
    context: &KeyedContext<'_>,
) -> Result<PlannedContent, PlanError> {
    let credentials = match context.material {
        MaterialSource::Issued(material) => KubeconfigMaterial::of(file, material)?,
        MaterialSource::Worker(material) => KubeconfigMaterial::of_worker(file, material)?,
        MaterialSource::None => KubeconfigMaterial::Placeholders,
    };
    Ok(match file.render(context.config, credentials)? {
        KubeconfigText::Secret(bytes) => secret_kubeconfig(bytes),
        KubeconfigText::Public(text) => PlannedContent::Public(text.into_bytes()),
    })
}

fn certificate<'a>(
    material: MaterialSource<'a>,
    name: &str,
) -> Result<&'a IssuedCertificate, PlanError> {
    let found = match material {
        MaterialSource::Issued(material) => material.certificates.get(name),
        MaterialSource::Worker(material) => (name == "ca").then(|| material.authority()),
        MaterialSource::None => None,
    };
    found.ok_or_else(|| PlanError::NoCertificate(name.to_owned()))
}

fn service_account(material: MaterialSource<'_>) -> Result<&ServiceAccountKey, PlanError> {
    let pair = match material {
        MaterialSource::Issued(material) => material.service_account.as_ref(),
        MaterialSource::Worker(_) | MaterialSource::None => None,
    };
    pair.ok_or_else(|| PlanError::NoKey("sa".to_owned()))
}
