//! The certificates that control planes share: out of the cluster, where they are encrypted, or copied to this host.
//!
//! In: the certificate key and an encrypted value; or a directory of the host. Out: the plaintext, zeroised after use. A value is
//! a 12-byte nonce, then AES-256-GCM without additional data (kubeadm 1.36.2, `cmd/kubeadm/app/util/crypto`).

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubeplan_bundle::join_facts::SHARED_FILES;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::secret::SecretBytes;
use zeroize::Zeroizing;

use super::error::DiscoveryError;
use crate::host::{Root, RootPath};
use crate::kubeadm::protocol::{SHARED_ALWAYS, SHARED_OTHER_ETCD, SHARED_OWN_ETCD};
use crate::net::json::Json;

/// Bytes of the key.
const KEY: usize = 32;

/// Far more than a key or a certificate has.
const LIMIT: u64 = 64 * 1024;

/// The key that the shared certificates are encrypted with.
#[derive(Clone)]
pub(crate) struct CertificateKey(SecretBytes);

/// A text that is not a certificate key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a certificate key: it has 64 hexadecimal digits")]
pub(crate) struct NoCertificateKey;

impl CertificateKey {
    /// Parses 64 hexadecimal digits; white space around them is dropped.
    ///
    /// # Errors
    /// [`NoCertificateKey`].
    pub(crate) fn parse(text: &SecretBytes) -> Result<Self, NoCertificateKey> {
        let digits = text.expose().trim_ascii();
        if digits.len() != 2 * KEY {
            return Err(NoCertificateKey);
        }
        let value = |digit: &u8| {
            char::from(*digit)
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
                .ok_or(NoCertificateKey)
        };
        let mut key = Zeroizing::new(Vec::with_capacity(KEY));
        for pair in digits.chunks_exact(2) {
            let [high, low] = pair else {
                return Err(NoCertificateKey);
            };
            key.push(value(high)? << 4 | value(low)?);
        }
        Ok(Self(SecretBytes::take(&mut key)))
    }

    /// Decrypts one value; `None` if it is not this key's.
    fn open(&self, value: &[u8]) -> Option<SecretBytes> {
        let key = UnboundKey::new(&AES_256_GCM, self.0.expose()).ok()?;
        let (nonce, encrypted) = value.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(encrypted.to_vec());
        let opened = LessSafeKey::new(key).open_in_place(nonce, Aad::empty(), &mut text);
        opened.ok().map(SecretBytes::take)
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateKey(<secret>)")
    }
}

/// Decrypts what the Secret holds, by the names of [`SHARED_FILES`]; what was uploaded empty is left out.
///
/// # Errors
/// [`DiscoveryError`] if one value is not this key's, or one that must be there is not.
pub(super) fn decrypt(
    secret: &Json,
    key: &CertificateKey,
) -> Result<BTreeMap<String, SecretBytes>, DiscoveryError> {
    let data = secret.at(["data"]).and_then(serde_json::Value::as_object);
    let mut opened: BTreeMap<&str, SecretBytes> = BTreeMap::new();
    for (name, value) in data.into_iter().flatten() {
        let wrong = || DiscoveryError::CertificateKey { key: name.clone() };
        let value = value.as_str().ok_or_else(wrong)?;
        let bytes = Zeroizing::new(STANDARD.decode(value).map_err(|_| wrong())?);
        // A file that did not exist was uploaded as nothing.
        if bytes.is_empty() {
            opened.insert(name, SecretBytes::default());
            continue;
        }
        opened.insert(name, key.open(&bytes).ok_or_else(wrong)?);
    }
    let etcd: &[&str] = if opened.contains_key(SHARED_OTHER_ETCD[0]) {
        &SHARED_OTHER_ETCD
    } else {
        &SHARED_OWN_ETCD
    };
    for name in SHARED_ALWAYS.iter().chain(etcd) {
        if !opened.contains_key(name) {
            return Err(DiscoveryError::MissingCertificate {
                key: (*name).to_owned(),
            });
        }
    }
    Ok(SHARED_FILES
        .iter()
        .filter_map(|(name, file)| {
            let content = opened.remove(name).filter(|content| !content.is_empty())?;
            Some(((*file).to_owned(), content))
        })
        .collect())
}

/// Those that were copied into `directory` of this host.
///
/// # Errors
/// [`DiscoveryError::NotCopied`] if there is no cluster CA, [`DiscoveryError::Host`] if one cannot be read.
pub(super) fn copied(
    root: &Root,
    directory: &HostPath,
) -> Result<BTreeMap<String, SecretBytes>, DiscoveryError> {
    let directory = RootPath::from(directory);
    let mut found = BTreeMap::new();
    for (_, file) in SHARED_FILES {
        let path = file
            .split('/')
            .fold(directory.clone(), |path, part| path.join(part));
        match root.read(&path, LIMIT)? {
            Some(content) => {
                found.insert(file.to_owned(), content);
            }
            None if file == SHARED_ALWAYS[0] => {
                return Err(DiscoveryError::NotCopied {
                    path: path.to_string(),
                });
            }
            None => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the files that are read"
)]
mod tests {
    use aws_lc_rs::aead::RandomizedNonceKey;
    use serde_json::{Value, json};

    use super::*;

    fn key(text: &str) -> CertificateKey {
        CertificateKey::parse(&SecretBytes::from_text(text.to_owned())).unwrap()
    }

    fn counting() -> String {
        (0..32).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A value as kubeadm uploads it.
    fn encrypted(key: &str, text: &str) -> Value {
        let key: Vec<u8> = key
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let mut bytes = text.as_bytes().to_vec();
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key).unwrap();
        let nonce = key
            .seal_in_place_append_tag(Aad::empty(), &mut bytes)
            .unwrap();
        Value::from(STANDARD.encode([nonce.as_ref().as_slice(), &bytes].concat()))
    }

    fn secret(names: &[&str]) -> Value {
        let data = names
            .iter()
            .map(|name| ((*name).to_owned(), encrypted(&counting(), name)));
        json!({"data": data.collect::<serde_json::Map<_, _>>()})
    }

    #[test]
    fn a_value_of_kubeadms_is_decrypted() {
        let value = STANDARD
            .decode("AAECAwQFBgcICQoLLHe0fqSBrzbuJOX/wskOCOCi6Eb6EbihNJAqCJ1QfzLc5nr2hg==")
            .unwrap();
        let text = key(&counting().to_uppercase()).open(&value).unwrap();
        assert_eq!(text.expose(), b"kubeadm-certs vector\n");
        assert!(key(&"0".repeat(64)).open(&value).is_none());
        assert!(key(&counting()).open(&value[..20]).is_none());
        assert!(key(&counting()).open(b"short").is_none());
    }

    #[test]
    fn a_key_has_one_form_and_is_not_shown() {
        assert!(!format!("{:?}", key(&counting())).contains("0001"));
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(63), &"é".repeat(32)] {
            let bad = SecretBytes::from_text(bad.to_owned());
            assert!(CertificateKey::parse(&bad).is_err());
        }
    }

    #[test]
    fn every_file_has_its_name_and_every_one_must_be_there() {
        let own: Vec<&str> = SHARED_ALWAYS
            .iter()
            .chain(&SHARED_OWN_ETCD)
            .copied()
            .collect();
        let found = decrypt(&Json::new(secret(&own)), &key(&counting())).unwrap();
        assert_eq!(found.len(), 8);
        assert_eq!(found["etcd/ca.key"].expose(), b"etcd-ca.key");
        let other: Vec<&str> = SHARED_ALWAYS
            .iter()
            .chain(&SHARED_OTHER_ETCD)
            .copied()
            .collect();
        let found = decrypt(&Json::new(secret(&other)), &key(&counting())).unwrap();
        assert_eq!(found["external-etcd.key"].expose(), b"external-etcd.key");
        for left in &own {
            let names: Vec<&str> = own.iter().copied().filter(|name| name != left).collect();
            let error = decrypt(&Json::new(secret(&names)), &key(&counting())).unwrap_err();
            assert!(error.to_string().contains(left), "{error}");
        }
    }

    #[test]
    fn a_file_that_did_not_exist_is_left_out() {
        let own: Vec<&str> = SHARED_ALWAYS
            .iter()
            .chain(&SHARED_OWN_ETCD)
            .copied()
            .collect();
        let mut value = secret(&own);
        value["data"]["ca.key"] = Value::from("");
        let found = decrypt(&Json::new(value), &key(&counting())).unwrap();
        assert!(!found.contains_key("ca.key") && found.contains_key("ca.crt"));
    }

    #[test]
    fn one_value_of_another_key_spoils_all() {
        let own: Vec<&str> = SHARED_ALWAYS
            .iter()
            .chain(&SHARED_OWN_ETCD)
            .copied()
            .collect();
        for value in [
            encrypted(&"11".repeat(32), "foreign"),
            Value::from("%"),
            Value::from("YQ=="),
        ] {
            let mut document = secret(&own);
            document["data"]["foreign"] = value;
            let error = decrypt(&Json::new(document), &key(&counting())).unwrap_err();
            assert!(
                matches!(&error, DiscoveryError::CertificateKey { key } if key == "foreign"),
                "{error}"
            );
        }
    }

    #[test]
    fn copied_files_are_found_below_their_directory() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let pki = "/pki".parse().unwrap();
        let error = copied(&root, &pki).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`/pki/ca.crt` does not exist")
        );
        std::fs::create_dir_all(directory.path().join("pki/etcd")).unwrap();
        std::fs::write(directory.path().join("pki/ca.crt"), "ca").unwrap();
        std::fs::write(directory.path().join("pki/etcd/ca.crt"), "etcd").unwrap();
        std::fs::write(directory.path().join("pki/other.key"), "other").unwrap();
        let found = copied(&root, &pki).unwrap();
        let names: Vec<&String> = found.keys().collect();
        assert_eq!(names, ["ca.crt", "etcd/ca.crt"]);
    }
}
