//! `upload-certs`: what other control-plane nodes share, encrypted, for `kubeadm join --certificate-key`.
//!
//! In: the shared certificates and keys, the certificate key, the store's salt. Out: the short-lived token whose Secret owns the upload, the
//! Secret with the encrypted files, who may read it; nothing unless `--upload-certs` was given. AES-256-GCM as kubeadm
//! does it, but for nonces: they are derived, so that the same plan is made again. Why that is safe is in
//! `docs/decisions/0012-uploaded-certificates.md`. Source: kubeadm v1.36.2, cmd/kubeadm/app/phases/copycerts.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kubeplan_bundle::index::hole::{PLACEHOLDERS, Ttl};
use kubeplan_bundle::secret::SecretBytes;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::bootstrap_token::{TokenSecret, secret_name};
use super::{KeyedContext, Part, PhaseContext};
use crate::pki::Material;
use crate::pki::MaterialSource;
use crate::render::objects::secret::SecretObject;
use crate::render::objects::{
    ApiObject, KUBE_SYSTEM, NODE_BOOTSTRAPPERS, ObjectError, ObjectHole, metadata, rbac,
    value_sources,
};

const SECRET: &str = "kubeadm-certs";
const ROLE: &str = "kubeadm:kubeadm-certs";

/// kubeadm's text for the token that owns the Secret.
const DESCRIPTION: &str = "Proxy for managing TTL for the kubeadm-certs secret";

/// The life of that token, and so of the upload, in seconds: 2 hours.
const TTL_SECONDS: u64 = 2 * 3600;

/// Domain separation of the nonces.
const NONCE_LABEL: &[u8] = b"kubeplan-upload-certs-nonce/1\0";

/// What is uploaded: the key in the Secret, and which part of the material it is.
const FILES: [(&str, Source); 8] = [
    ("ca.crt", Source::Certificate("ca")),
    ("ca.key", Source::Key("ca")),
    ("etcd-ca.crt", Source::Certificate("etcd-ca")),
    ("etcd-ca.key", Source::Key("etcd-ca")),
    ("front-proxy-ca.crt", Source::Certificate("front-proxy-ca")),
    ("front-proxy-ca.key", Source::Key("front-proxy-ca")),
    ("sa.key", Source::ServiceAccountKey),
    ("sa.pub", Source::ServiceAccountPublicKey),
];

#[derive(Clone, Copy)]
enum Source {
    Certificate(&'static str),
    Key(&'static str),
    ServiceAccountKey,
    ServiceAccountPublicKey,
}

impl Source {
    /// The file's bytes; `None` for the key of an external CA.
    fn of(self, material: &Material) -> Result<Option<&[u8]>, ObjectError> {
        let certificate = |name| {
            let found = material.certificates.get(name);
            found.ok_or(ObjectError::NoCertificate(name))
        };
        let account = material.service_account.as_ref();
        Ok(match self {
            Self::Certificate(name) => Some(certificate(name)?.certificate_pem.as_bytes()),
            Self::Key(name) => certificate(name)?.key_pem.as_ref().map(SecretBytes::expose),
            Self::ServiceAccountKey => account.map(|pair| pair.key_pem.expose()),
            Self::ServiceAccountPublicKey => account.map(|pair| pair.public_pem.as_bytes()),
        })
    }
}

/// `upload-certs`.
pub(crate) const INIT: &[Part] = &[
    Part::keyed_objects(PHASE, secrets),
    Part::objects(PHASE, roles),
];

const PHASE: &str = "upload-certs";

/// Token and Secret.
fn secrets(context: &KeyedContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let config = context.config;
    if !config.upload_certs {
        return Ok(Vec::new());
    }
    let material = match context.material {
        MaterialSource::Issued(material) => Some(material),
        MaterialSource::Worker(_) | MaterialSource::None => None,
    };
    let token = material.and_then(|material| material.credentials.upload_token.as_ref());
    let owner = TokenSecret {
        token,
        description: DESCRIPTION,
        ttl: Ttl::from_seconds(TTL_SECONDS),
        data: Map::new(),
    };
    let mut data = Map::new();
    let mut complete = token.is_some();
    for (name, part) in FILES {
        let value = match material {
            None => Value::from(format!("<{name}>")),
            Some(material) => {
                let credentials = &material.credentials;
                let keys = credentials.certificate_key.as_ref();
                match (part.of(material)?, keys.zip(credentials.salt.as_ref())) {
                    // kubeadm keeps the name of a missing file.
                    (None, _) => Value::Null,
                    (Some(file), Some((key, salt))) => {
                        let encrypted = encrypt(key, salt, name, file);
                        let encrypted = encrypted.ok_or(ObjectError::Encrypt(name))?;
                        STANDARD.encode(encrypted).into()
                    }
                    (Some(_), None) => {
                        complete = false;
                        format!("<{name}>").into()
                    }
                }
            }
        };
        data.insert(name.to_owned(), value);
    }
    let key_from = if config.init.certificate_key.expose().is_empty() {
        "default: the certificate key is made once and kept in the key store"
    } else {
        "InitConfiguration.certificateKey"
    };
    let [_, owner_uid, _] = PLACEHOLDERS;
    let mut metadata = metadata(Some(KUBE_SYSTEM), SECRET);
    metadata.owner_references = Some(vec![OwnerReference {
        api_version: "v1".to_owned(),
        block_owner_deletion: Some(true),
        controller: Some(true),
        kind: "Secret".to_owned(),
        name: secret_name(token),
        uid: owner_uid.to_owned(),
    }]);
    let secret = SecretObject {
        metadata,
        type_: None,
        data,
        // The token's Secret is the first object of the phase.
        holes: vec![ObjectHole::OwnerUid(0)],
        sources: value_sources(&[("data", key_from)]),
    };
    Ok(vec![
        owner.object()?,
        if complete {
            secret.sealed(None)?
        } else {
            secret.without_secrets()?
        },
    ])
}

/// What lets joining nodes read the Secret.
fn roles(context: &PhaseContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let config = context.config;
    if !config.upload_certs {
        return Ok(Vec::new());
    }
    if config.cluster.etcd.local.is_none() {
        return Err(ObjectError::ExternalEtcd);
    }
    Ok(vec![
        rbac::role_to_get(KUBE_SYSTEM, ROLE, "secrets", SECRET)?,
        rbac::role_binding(KUBE_SYSTEM, ROLE, vec![rbac::group(NODE_BOOTSTRAPPERS)])?,
    ])
}

/// `nonce ‖ ciphertext ‖ tag`.
fn encrypt(key: &SecretBytes, salt: &SecretBytes, name: &str, plaintext: &[u8]) -> Option<Vec<u8>> {
    let nonce = nonce(key, salt, name, plaintext)?;
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).ok()?);
    // Allocated with its final size: a buffer that grows leaves copies of the plaintext behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len()));
    buffer.extend_from_slice(plaintext);
    cipher
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut *buffer,
        )
        .ok()?;
    Some([nonce.as_slice(), buffer.as_slice()].concat())
}

/// The first 96 bits of an HMAC over everything that is encrypted and with what: another key, name or content gives another
/// nonce, and the same ones give the same ciphertext, which says nothing new.
fn nonce(
    key: &SecretBytes,
    salt: &SecretBytes,
    name: &str,
    plaintext: &[u8],
) -> Option<[u8; NONCE_LEN]> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, salt.expose()));
    context.update(NONCE_LABEL);
    for part in [key.expose(), name.as_bytes(), plaintext] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().first_chunk::<NONCE_LEN>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> SecretBytes {
        SecretBytes::new(vec![byte; 32])
    }

    #[test]
    fn what_is_encrypted_can_be_decrypted_as_kubeadm_does_it() {
        let sealed = encrypt(&secret(1), &secret(2), "ca.key", b"a private key").unwrap();
        let (nonce, rest) = sealed.split_at(NONCE_LEN);
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).unwrap());
        let mut rest = rest.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
        let plain = cipher
            .open_in_place(nonce, Aad::empty(), &mut rest)
            .unwrap();
        assert_eq!(plain, b"a private key");
    }

    #[test]
    fn a_nonce_belongs_to_one_key_name_and_content() {
        let of = |key, salt, name, content: &[u8]| {
            nonce(&secret(key), &secret(salt), name, content).unwrap()
        };
        let base = of(1, 2, "ca.key", b"a");
        assert_eq!(base, of(1, 2, "ca.key", b"a"));
        for other in [
            of(9, 2, "ca.key", b"a"),
            of(1, 9, "ca.key", b"a"),
            of(1, 2, "sa.key", b"a"),
            of(1, 2, "ca.key", b"b"),
            of(1, 2, "ca.ke", b"ya"),
        ] {
            assert_ne!(base, other);
        }
    }
}
