//! Makes signing requests for external CAs.
//!
//! In: the configuration of every node, what the key store holds, the clock, a [`KeySource`]. Out: [`Requests`]: the store with a key
//! for every certificate that an external CA must sign, and a signing request for each. Existing keys are used again. Certificates that
//! match are not requested, and nothing is signed here. The user puts the signed certificate beside its key as the `.crt` file;
//! [`mod@super::assess`] checks it like everything else that the user supplies.

use std::collections::BTreeSet;

use kubeplan_bundle::index::Name;
use kubeplan_bundle::timestamp::Timestamp;
use rayon::prelude::*;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::PkiError;
use super::certificate::Certificate;
use super::certlist::{authorities, profiles};
use super::ensure::refuse_mixing;
use super::issue;
use super::key_source::{KeyRequest, KeySource, ProgressFn, make_keys};
use super::keys::PrivateKey;
use super::profile::CertificateProfile;
use super::restrictions::refuse;
use super::signed::Signed;
use super::slot::{Slot, belong};
use super::store::{StoreContents, StoreIndex};
use super::supplied::misfits;
use crate::config::ValidConfig;

/// What external CAs must sign.
#[derive(Clone, Debug)]
pub struct Requests {
    /// The new content of the store, with the new keys.
    pub store: StoreContents,
    /// The requests, node by node, by CA in kubeadm's order of certificates.
    pub requests: Vec<Request>,
    /// Paths of CA certificates that are not in the store yet; without them nothing can be planned.
    pub missing_authorities: Vec<String>,
}

/// One certificate signing request.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// kubeadm's name of the certificate.
    pub name: String,
    /// Where the request is, below the store or another directory: `nodes/cp1/apiserver.csr`.
    pub request: String,
    /// Path of its key in the store.
    pub key: String,
    /// Whether the key is new.
    pub key_made: bool,
    /// Path in the store where the signed certificate belongs.
    pub certificate: String,
    /// kubeadm's name of the CA that must sign.
    pub signer: String,
    /// Subject as `O = …, CN = …`.
    pub subject: String,
    /// `DNS:…`, `IP:…`.
    pub sans: Vec<String>,
    /// Extended key usages. A request does not name them, as with kubeadm: tell them to the CA.
    pub usages: Vec<String>,
    /// Why a certificate is needed.
    pub why: String,
    /// The request, `CERTIFICATE REQUEST` PEM.
    #[serde(skip)]
    pub pem: String,
}

impl Request {
    /// Whether `pem` asks for the same certificate and key; its signature may differ.
    #[must_use]
    pub fn is_same(&self, pem: &[u8]) -> bool {
        let content = |pem: &[u8]| {
            let block = ::pem::parse(pem).ok()?;
            let (rest, request) = X509CertificationRequest::from_der(block.contents()).ok()?;
            let info = &request.certification_request_info;
            let signed = Signed {
                algorithm: &request.signature_algorithm,
                signature: &request.signature_value,
                content: info.raw,
            };
            (rest.is_empty() && signed.is_by(&info.subject_pki)).then(|| info.raw.to_vec())
        };
        let found = content(pem);
        found.is_some() && found == content(self.pem.as_bytes())
    }
}

/// A certificate to request.
struct Asked<'a> {
    node: Name,
    profile: CertificateProfile,
    slot: Slot<'a>,
    why: String,
}

/// Makes keys and requests for every leaf of one node; see [`requests_nodes`].
///
/// # Errors
/// As [`requests_nodes`].
pub fn requests(
    config: &ValidConfig,
    contents: StoreContents,
    now: Timestamp,
    source: &dyn KeySource,
    progress: ProgressFn<'_>,
) -> Result<Requests, PkiError> {
    requests_nodes(
        std::slice::from_ref(config),
        contents,
        now,
        source,
        progress,
    )
}

/// Makes keys and requests for every leaf of the nodes that has no fitting certificate and whose CA's key is not in
/// `contents`, also when the CA's certificate is not there yet.
///
/// # Errors
/// [`PkiError`] if a file of the store cannot be read, the store holds public test keys, or a key cannot be made.
pub fn requests_nodes(
    nodes: &[ValidConfig],
    contents: StoreContents,
    now: Timestamp,
    source: &dyn KeySource,
    progress: ProgressFn<'_>,
) -> Result<Requests, PkiError> {
    let mut store = contents.clone();
    let mut index = match store.index.take() {
        Some(index) => index,
        None => StoreIndex::new(
            &source.salt().map_err(PkiError::MakeKey)?,
            source.test_only(),
        ),
    };
    refuse_mixing(&index, source)?;

    let mut refused = Vec::new();
    let signers = match nodes.first() {
        Some(config) => Signers::read(config, &contents, &mut refused),
        None => Signers(Vec::new()),
    };
    let judged: Vec<_> = nodes
        .par_iter()
        .map(|config| asked_of(config, &contents, &signers, now))
        .collect();
    let mut asked = Vec::new();
    for node in judged {
        match node {
            Ok(mut wanted) => asked.append(&mut wanted),
            Err(mut errors) => refused.append(&mut errors),
        }
    }
    if let Some(error) = PkiError::all(refused) {
        return Err(error);
    }
    let missing_authorities = signers.missing(&asked);

    // From now on these pairs are the user's, also those that an interrupted run left.
    let bases: BTreeSet<&String> = asked.iter().map(|asked| &asked.slot.base).collect();
    index.pending.retain(|base| !bases.contains(base));
    store.index = Some(index);

    let wanted: Vec<_> = asked
        .iter()
        .filter(|asked| asked.slot.key.is_none())
        .map(|asked| KeyRequest {
            name: asked.profile.name,
            node: Some(asked.node.as_str()),
            algorithm: asked.profile.key_algorithm,
        })
        .collect();
    let keys = make_keys(source, &wanted, progress).map_err(PkiError::MakeKey)?;
    let mut keys = keys.into_iter();
    let mut requests = Vec::new();
    for Asked {
        profile, slot, why, ..
    } in asked
    {
        let made = match &slot.key {
            Some(_) => None,
            None => keys.next(),
        };
        if let Some(key) = &made {
            store.files.insert(slot.key_path(), key.pem());
        }
        if let Some(key) = slot.key.as_ref().or(made.as_ref()) {
            requests.push(request(&profile, &slot, key, made.is_some(), why)?);
        }
    }
    Ok(Requests {
        store,
        requests,
        missing_authorities,
    })
}

/// The external CAs: name, path of the certificate, and the certificate if it is in the store.
struct Signers(Vec<(&'static str, String, Option<Certificate>)>);

impl Signers {
    /// Reads the external CAs.
    fn read(config: &ValidConfig, contents: &StoreContents, refused: &mut Vec<PkiError>) -> Self {
        let mut signers = Vec::new();
        for authority in authorities(config) {
            match Slot::read(config, contents, &authority) {
                Ok(slot) if slot.key.is_some() => {}
                Ok(slot) => {
                    signers.push((authority.name, slot.certificate_path(), slot.certificate));
                }
                Err(error) => refused.push(error),
            }
        }
        Self(signers)
    }

    /// Paths of missing certificates of CAs that a request is for.
    fn missing(&self, asked: &[Asked<'_>]) -> Vec<String> {
        let needed = |name| asked.iter().any(|asked| asked.profile.signer == name);
        let signers = self.0.iter();
        signers
            .filter(|(name, _, certificate)| certificate.is_none() && needed(*name))
            .map(|(_, path, _)| path.clone())
            .collect()
    }
}

/// What must be signed for one node, by CA.
fn asked_of<'a>(
    config: &ValidConfig,
    contents: &'a StoreContents,
    signers: &Signers,
    now: Timestamp,
) -> Result<Vec<Asked<'a>>, Vec<PkiError>> {
    let profiles = profiles(config);
    let mut asked = Vec::new();
    let mut refused = Vec::new();
    for (name, _, signer) in &signers.0 {
        for profile in &profiles {
            if profile.is_authority() || profile.signer != *name {
                continue;
            }
            match Slot::read(config, contents, profile) {
                Ok(slot) => {
                    if let Some(signer) = signer {
                        refuse(&mut refused, signer, profile, &slot.certificate_path());
                    }
                    if let Some(why) = lacks(config, profile, &slot, signer.as_ref(), now) {
                        asked.push(Asked {
                            node: config.node.name.clone(),
                            profile: profile.clone(),
                            slot,
                            why,
                        });
                    }
                }
                Err(error) => refused.push(error),
            }
        }
    }
    if refused.is_empty() {
        Ok(asked)
    } else {
        Err(refused)
    }
}

/// Why a certificate must be requested; `None` if the existing one matches.
fn lacks(
    config: &ValidConfig,
    profile: &CertificateProfile,
    slot: &Slot<'_>,
    signer: Option<&Certificate>,
    now: Timestamp,
) -> Option<String> {
    let certificate = match (&slot.certificate, &slot.key) {
        (None, _) => return Some("it is not in the key store".to_owned()),
        (Some(_), None) => return Some("its private key is not in the key store".to_owned()),
        (Some(certificate), Some(key)) if !belong(certificate, key) => {
            return Some("it is for another key".to_owned());
        }
        (Some(certificate), Some(_)) => certificate,
    };
    let misfit = misfits(config, profile, certificate, signer, now)
        .into_iter()
        // Without the CA's certificate, the signature cannot be checked.
        .find(|misfit| signer.is_some() || misfit.field != "signer");
    misfit.map(|misfit| {
        format!(
            "{} is `{}`, expected `{}`",
            misfit.field, misfit.found, misfit.expected
        )
    })
}

fn request(
    profile: &CertificateProfile,
    slot: &Slot<'_>,
    key: &PrivateKey,
    key_made: bool,
    why: String,
) -> Result<Request, PkiError> {
    let path = format!("{}.csr", slot.base);
    let der = issue::request(profile, key).map_err(|source| PkiError::Request {
        file: path.clone(),
        source,
    })?;
    let block = ::pem::Pem::new("CERTIFICATE REQUEST", der);
    let encoding = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    let record = profile.record();
    Ok(Request {
        name: profile.name.to_owned(),
        request: path,
        key: slot.key_path(),
        key_made,
        certificate: slot.certificate_path(),
        signer: profile.signer.to_owned(),
        subject: record.subject,
        sans: record.sans,
        usages: record.usages,
        why,
        pem: ::pem::encode_config(&block, encoding),
    })
}
