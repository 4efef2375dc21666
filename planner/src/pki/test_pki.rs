//! `--test-pki SEED`: public test keys, repeatable serial numbers and signatures.
//!
//! In: a seed. Out: a [`KeySource`] whose keys are public: RSA keys come from a pool that is compiled in
//! (`fixtures/test-keys`), ECDSA keys are derived from the seed. With equal input and clock the output is
//! byte-stable. Everything that is made with it is marked `testOnly`, also for the applier.

use aws_lc_rs::hmac;
use kubeplan_bundle::secret::SecretBytes;

use super::KeyAlgorithm;
use super::certlist::NAMES;
use super::key_source::{KeyRequest, KeySource, MAX_SERIAL};
use super::keys::{KeyError, PrivateKey};

/// Sixteen keys per size, one after the other in one file: one for each of [`NAMES`].
const RSA_2048: &str = include_str!("../../../fixtures/test-keys/rsa-2048.pem");
const RSA_3072: &str = include_str!("../../../fixtures/test-keys/rsa-3072.pem");
const RSA_4096: &str = include_str!("../../../fixtures/test-keys/rsa-4096.pem");

/// How many keys a pool holds.
const POOL: usize = NAMES.len();

/// What all nodes share; the rest of [`NAMES`] is one per node.
const SHARED: [&str; 4] = ["ca", "front-proxy-ca", "etcd-ca", "sa"];

/// A source of public test keys.
#[derive(Clone, Debug)]
pub struct TestPki {
    seed: String,
}

impl TestPki {
    /// The source with `seed`; every seed is as public as any other.
    #[must_use]
    pub fn new(seed: impl Into<String>) -> Self {
        Self { seed: seed.into() }
    }

    /// 32 bytes that depend on the seed, `purpose` and `parts`.
    fn derive(&self, purpose: &str, parts: &[&[u8]]) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.seed.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(b"kubeplan test pki\0");
        context.update(purpose.as_bytes());
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }

    /// A number below `below` (the bias of a 64-bit remainder is of no interest here).
    fn number(&self, purpose: &str, parts: &[&[u8]], below: u64) -> u64 {
        let tag = self.derive(purpose, parts);
        let head = tag.as_ref().first_chunk::<8>().copied().unwrap_or_default();
        u64::from_be_bytes(head)
            .checked_rem(below)
            .unwrap_or_default()
    }

    /// Which key of the pool answers `request`: the seed shuffles the pool; shared names take the first
    /// keys, a node's names the others, starting at a place that depends on the node.
    fn pool_index(&self, request: &KeyRequest<'_>) -> usize {
        let mut order: Vec<usize> = (0..POOL).collect();
        order.sort_by_key(|position| self.number("shuffle", &[&position.to_be_bytes()], u64::MAX));
        let shared = SHARED.iter().position(|name| *name == request.name);
        let place = shared.unwrap_or_else(|| {
            let node = request.node.unwrap_or_default();
            let per_node = POOL - SHARED.len();
            let own = NAMES
                .iter()
                .filter(|name| !SHARED.contains(name))
                .position(|name| *name == request.name)
                .unwrap_or_default();
            let start = self.number("node", &[node.as_bytes()], per_node as u64);
            SHARED.len() + (own + usize::try_from(start).unwrap_or_default()) % per_node
        });
        order.get(place).copied().unwrap_or_default()
    }

    fn rsa(&self, pool: &str, request: &KeyRequest<'_>) -> Result<PrivateKey, KeyError> {
        let block = pool
            .split_inclusive("-----END RSA PRIVATE KEY-----\n")
            .nth(self.pool_index(request))
            .ok_or(KeyError::NoPem)?;
        PrivateKey::from_pem(block.as_bytes())
    }

    fn ecdsa(&self, request: &KeyRequest<'_>) -> Result<PrivateKey, KeyError> {
        let node = request.node.unwrap_or_default();
        // A scalar not below the order has a chance of 2^-32 at most: the next attempt is as good.
        for attempt in 0_u8..=u8::MAX {
            let half = |part: u8| {
                let parts: [&[u8]; 4] = [
                    request.algorithm.as_str().as_bytes(),
                    request.name.as_bytes(),
                    node.as_bytes(),
                    &[attempt, part],
                ];
                self.derive("ecdsa key", &parts)
            };
            let mut scalar = half(0).as_ref().to_vec();
            if request.algorithm == KeyAlgorithm::EcdsaP384 {
                scalar.extend(half(1).as_ref().iter().take(16));
            }
            if let Some(key) = PrivateKey::from_scalar(request.algorithm, &scalar) {
                return key.with_deterministic_signatures();
            }
        }
        Err(KeyError::Crypto("derive a test key"))
    }
}

impl KeySource for TestPki {
    fn key(&self, request: &KeyRequest<'_>) -> Result<PrivateKey, KeyError> {
        match request.algorithm {
            KeyAlgorithm::Rsa2048 => self.rsa(RSA_2048, request),
            KeyAlgorithm::Rsa3072 => self.rsa(RSA_3072, request),
            KeyAlgorithm::Rsa4096 => self.rsa(RSA_4096, request),
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 => self.ecdsa(request),
        }
    }

    fn serial(&self, context: &[u8]) -> Result<u64, KeyError> {
        Ok(self.number("serial", &[context], MAX_SERIAL) + 1)
    }

    fn salt(&self) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::new(self.derive("salt", &[]).as_ref().to_vec()))
    }

    fn secret(&self, context: &[u8]) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::new(
            self.derive("secret", &[context]).as_ref().to_vec(),
        ))
    }

    fn test_only(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn spki(seed: &str, name: &str, node: &str, algorithm: KeyAlgorithm) -> String {
        let request = KeyRequest {
            name,
            node: (!SHARED.contains(&name)).then_some(node),
            algorithm,
        };
        TestPki::new(seed)
            .key(&request)
            .unwrap()
            .spki_digest()
            .to_string()
    }

    #[test]
    fn every_pool_holds_sixteen_different_keys_of_its_size() {
        for (algorithm, pool) in [
            (KeyAlgorithm::Rsa2048, RSA_2048),
            (KeyAlgorithm::Rsa3072, RSA_3072),
            (KeyAlgorithm::Rsa4096, RSA_4096),
        ] {
            let blocks: Vec<_> = pool
                .split_inclusive("-----END RSA PRIVATE KEY-----\n")
                .collect();
            let mut digests = BTreeSet::new();
            for block in &blocks {
                let key = PrivateKey::from_pem(block.as_bytes()).unwrap();
                assert_eq!(key.scheme().to_string(), algorithm.as_str());
                digests.insert(key.spki_digest());
            }
            assert_eq!((blocks.len(), digests.len()), (POOL, POOL));
        }
    }

    #[test]
    fn the_names_of_one_node_have_different_keys_for_every_algorithm() {
        for algorithm in KeyAlgorithm::ALL {
            let keys: BTreeSet<_> = NAMES
                .iter()
                .map(|n| spki("1", n, "cp1", algorithm))
                .collect();
            assert_eq!(keys.len(), NAMES.len(), "{algorithm:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_keys_and_another_seed_others() {
        for algorithm in [
            KeyAlgorithm::Rsa2048,
            KeyAlgorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP384,
        ] {
            let keys = |seed| NAMES.map(|name| spki(seed, name, "cp1", algorithm));
            assert_eq!(keys("1"), keys("1"));
            assert_ne!(keys("1"), keys("2"));
        }
        assert_eq!(
            TestPki::new("1").serial(b"x"),
            TestPki::new("1").serial(b"x")
        );
        assert_ne!(
            TestPki::new("1").serial(b"x"),
            TestPki::new("2").serial(b"x")
        );
        assert_ne!(
            TestPki::new("1").serial(b"x"),
            TestPki::new("1").serial(b"y")
        );
    }

    #[test]
    fn nodes_share_the_authorities_and_nothing_else() {
        let key = |name, node| spki("1", name, node, KeyAlgorithm::EcdsaP256);
        assert_eq!(key("ca", "cp1"), key("ca", "cp2"));
        assert_ne!(key("apiserver", "cp1"), key("apiserver", "cp2"));
    }
}
