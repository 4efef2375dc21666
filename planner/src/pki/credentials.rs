//! Bootstrap tokens and the certificate key: short secrets the plan needs besides certificates.
//!
//! In: the configuration, `store.json`, a [`KeySource`]. Out: [`Credentials`]. What the configuration does not give is generated once
//! and kept in the key store, so that the same plan is made again from the same store. The rules are written down in
//! `docs/decisions/0012-uploaded-certificates.md`.

use std::fmt;

use aws_lc_rs::hmac;
use kubeplan_bundle::digest::{from_hex, to_hex};
use kubeplan_bundle::secret::SecretBytes;
use zeroize::Zeroizing;

use super::PkiError;
use super::key_source::KeySource;
use super::store::{INDEX_FILE, SecretField, StoreIndex};
use super::store_change::{StoreChange, StoreChangeKind};
use crate::config::ValidConfig;

/// Bytes of a certificate key: it is an AES-256 key.
pub const CERTIFICATE_KEY_SIZE: usize = 32;

/// Lengths of the parts of a token (client-go, cluster-bootstrap token API).
const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;

/// The secrets that a plan needs and the configuration does not give.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// For the entries of `bootstrapTokens` that name no token, in their order. Shorter than that if the store is only read
    /// and lacks some.
    pub bootstrap_tokens: Vec<Token>,
    /// The token whose Secret owns the uploaded certificates.
    pub upload_token: Option<Token>,
    /// The key that encrypts uploaded certificates.
    pub certificate_key: Option<SecretBytes>,
    /// The store's salt, from which nonces are derived.
    pub salt: Option<SecretBytes>,
}

/// A bootstrap token, `<id>.<secret>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Six characters; public, it is part of the Secret's name.
    pub id: String,
    /// Sixteen characters.
    pub secret: SecretBytes,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}.<redacted>)", self.id)
    }
}

impl Token {
    /// Reads `[a-z0-9]{6}.[a-z0-9]{16}`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let part = |text: &str, length: usize| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            text.len() == length && text.bytes().all(plain)
        };
        let (id, secret) = text.split_once('.')?;
        (part(id, ID_LENGTH) && part(secret, SECRET_LENGTH)).then(|| Self {
            id: id.to_owned(),
            secret: SecretBytes::from_text(secret.to_owned()),
        })
    }
}

/// A certificate key in hex, 64 digits of either case.
#[must_use]
pub fn parse_certificate_key(hex: &str) -> Option<SecretBytes> {
    from_hex(&hex.to_ascii_lowercase())
        .filter(|bytes| bytes.len() == CERTIFICATE_KEY_SIZE)
        .map(SecretBytes::new)
}

/// The number of entries of `bootstrapTokens` without a token.
pub(super) fn missing_tokens(config: &ValidConfig) -> usize {
    let tokens = config.init.bootstrap_tokens.iter();
    tokens
        .filter(|token| token.token.expose().is_empty())
        .count()
}

/// Generates what `config` needs and `index` lacks, and adds it to `changes`.
pub(super) fn complete(
    config: &ValidConfig,
    index: &mut StoreIndex,
    source: &dyn KeySource,
    changes: &mut Vec<StoreChange>,
) -> Result<(), PkiError> {
    let mut made = |what: &str| {
        changes.push(StoreChange {
            path: INDEX_FILE.to_owned(),
            kind: StoreChangeKind::Issued,
            why: format!("{what}: not in the key store yet").into(),
        });
    };
    while index.bootstrap_tokens.len() < missing_tokens(config) {
        let context = format!("bootstrap token {}", index.bootstrap_tokens.len());
        index.bootstrap_tokens.push(make_token(source, &context)?);
        made("bootstrap token");
    }
    if !config.upload_certs {
        return Ok(());
    }
    if index.upload_token.is_none() {
        index.upload_token = Some(make_token(source, "upload-certs token")?);
        made("token that owns the uploaded certificates");
    }
    if config.init.certificate_key.expose().is_empty() && index.certificate_key.is_none() {
        let key = random(source, "certificate key")?;
        index.certificate_key = Some(SecretField::new(to_hex(key.expose())));
        made("certificate key");
    }
    Ok(())
}

/// Reads what `config` needs from `index`.
pub(super) fn read(config: &ValidConfig, index: &StoreIndex) -> Result<Credentials, PkiError> {
    let token = |what, field: &SecretField| {
        Token::parse(field.expose()).ok_or(PkiError::StoreSecret { what })
    };
    let wanted = missing_tokens(config);
    let bootstrap_tokens = index
        .bootstrap_tokens
        .iter()
        .take(wanted)
        .map(|field| token("bootstrapTokens", field))
        .collect::<Result<_, _>>()?;
    if !config.upload_certs {
        return Ok(Credentials {
            bootstrap_tokens,
            ..Credentials::default()
        });
    }
    let upload_token = index.upload_token.as_ref();
    let upload_token = upload_token
        .map(|field| token("uploadToken", field))
        .transpose()?;
    let given = config.init.certificate_key.expose();
    let stored = index.certificate_key.as_ref().map(SecretField::expose);
    let certificate_key = Some(given)
        .filter(|key| !key.is_empty())
        .or(stored)
        .map(|hex| {
            parse_certificate_key(hex).ok_or(PkiError::StoreSecret {
                what: "certificateKey",
            })
        })
        .transpose()?;
    Ok(Credentials {
        bootstrap_tokens,
        upload_token,
        certificate_key,
        salt: index.salt_bytes(),
    })
}

fn random(source: &dyn KeySource, context: &str) -> Result<SecretBytes, PkiError> {
    source.secret(context.as_bytes()).map_err(PkiError::MakeKey)
}

/// A token whose characters are uniform over `[0-9a-z]`, as kubeadm's.
fn make_token(source: &dyn KeySource, context: &str) -> Result<SecretField, PkiError> {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    /// The largest multiple of 36 a byte holds: what lies above would favour some characters.
    const BOUND: u8 = 252;
    let seed = random(source, context)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, seed.expose());
    // Allocated with its final size: a buffer that grows leaves copies behind.
    let mut token = Zeroizing::new(String::with_capacity(ID_LENGTH + 1 + SECRET_LENGTH));
    let mut block: u64 = 0;
    while token.len() < ID_LENGTH + 1 + SECRET_LENGTH {
        let tag = hmac::sign(&key, &block.to_be_bytes());
        block += 1;
        for byte in tag.as_ref().iter().filter(|byte| **byte < BOUND) {
            if token.len() == ID_LENGTH {
                token.push('.');
            }
            if token.len() < ID_LENGTH + 1 + SECRET_LENGTH
                && let Some(character) = ALPHABET.get(usize::from(byte % 36))
            {
                token.push(char::from(*character));
            }
        }
    }
    Ok(SecretField::new(std::mem::take(&mut *token)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::key_source::RandomSource;
    use crate::pki::test_pki::TestPki;
    use crate::testing;

    fn index(source: &dyn KeySource) -> StoreIndex {
        StoreIndex::new(&source.salt().unwrap(), source.test_only())
    }

    fn config(upload_certs: bool) -> ValidConfig {
        let mut config = testing::default_config();
        config.init.bootstrap_tokens = vec![Default::default(), Default::default()];
        config.upload_certs = upload_certs;
        config
    }

    #[test]
    fn what_is_missing_is_made_once_and_kept() {
        let source = RandomSource;
        let mut index = index(&source);
        let mut changes = Vec::new();
        complete(&config(true), &mut index, &source, &mut changes).unwrap();
        assert_eq!(changes.len(), 4);
        let first = read(&config(true), &index).unwrap();
        assert_eq!(first.bootstrap_tokens.len(), 2);
        assert_ne!(first.bootstrap_tokens[0], first.bootstrap_tokens[1]);
        assert!(first.upload_token.is_some() && first.salt.is_some());
        assert_eq!(first.certificate_key.as_ref().unwrap().len(), 32);
        let before = index.clone();
        complete(&config(true), &mut index, &source, &mut changes).unwrap();
        assert_eq!((changes.len(), index), (4, before));
    }

    #[test]
    fn only_missing_secrets_are_generated() {
        let source = RandomSource;
        let mut index = index(&source);
        let mut given = config(false);
        for token in &mut given.init.bootstrap_tokens {
            token.token = serde_json::from_str("\"abcdef.0123456789abcdef\"").unwrap();
        }
        complete(&given, &mut index, &source, &mut Vec::new()).unwrap();
        assert!(index.bootstrap_tokens.is_empty());
        assert!(index.certificate_key.is_none() && index.upload_token.is_none());
        let found = read(&given, &index).unwrap();
        assert!(found.bootstrap_tokens.is_empty() && found.certificate_key.is_none());
    }

    #[test]
    fn a_configured_certificate_key_wins_and_is_not_stored() {
        let source = RandomSource;
        let mut index = index(&source);
        let mut given = config(true);
        given.init.certificate_key =
            serde_json::from_str(&format!("\"{}\"", "0A".repeat(32))).unwrap();
        complete(&given, &mut index, &source, &mut Vec::new()).unwrap();
        assert!(index.certificate_key.is_none());
        let key = read(&given, &index).unwrap().certificate_key.unwrap();
        assert_eq!(key.expose(), [10; 32]);
    }

    #[test]
    fn a_seed_gives_the_same_tokens_and_another_seed_others() {
        let token = |seed: &str, context: &str| {
            let field = make_token(&TestPki::new(seed), context).unwrap();
            assert!(Token::parse(field.expose()).is_some());
            field
        };
        assert_eq!(token("1", "a"), token("1", "a"));
        assert_ne!(token("1", "a"), token("2", "a"));
        assert_ne!(token("1", "a"), token("1", "b"));
    }

    #[test]
    fn tokens_use_the_whole_alphabet() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..64 {
            let field = make_token(&RandomSource, "").unwrap();
            seen.extend(field.expose().bytes().filter(|byte| *byte != b'.'));
        }
        assert_eq!(seen.len(), 36);
    }

    #[test]
    fn a_damaged_store_is_an_error_and_debug_shows_no_secret() {
        let source = RandomSource;
        let mut damaged = index(&source);
        damaged.bootstrap_tokens = vec![SecretField::new("HUNTER.2".into())];
        let error = read(&config(false), &damaged).unwrap_err().to_string();
        assert!(
            error.contains("bootstrapTokens") && !error.contains("HUNTER"),
            "{error}"
        );
        let token = Token::parse("abcdef.0123456789abcdef").unwrap();
        assert_eq!(format!("{token:?}"), "Token(abcdef.<redacted>)");
        for bad in ["", "abcdef", "abcdef.0123", "ABCDEF.0123456789abcdef"] {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
    }
}
