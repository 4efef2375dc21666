//! Sources of keys, serial numbers and salts: random numbers, or a test seed.
//!
//! In: [`KeyRequest`]s. Out: [`PrivateKey`]s, made on all cores. This is the planner's only source of
//! randomness: [`RandomSource`] is random, [`super::test_pki::TestPki`] is public and repeatable.

use std::sync::atomic::{AtomicUsize, Ordering};

use kubeplan_bundle::secret::SecretBytes;
use rayon::prelude::*;
use zeroize::Zeroize as _;

use super::KeyAlgorithm;
use super::keys::{KeyError, PrivateKey};

/// A request for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRequest<'a> {
    /// kubeadm's name, or `sa`.
    pub name: &'a str,
    /// The node it belongs to; `None` for what all nodes share.
    pub node: Option<&'a str>,
    /// The algorithm.
    pub algorithm: KeyAlgorithm,
}

/// A source of keys, serial numbers and salts.
pub trait KeySource: Sync {
    /// Makes or finds the key for `request`.
    ///
    /// # Errors
    /// [`KeyError`] if the crypto library fails.
    fn key(&self, request: &KeyRequest<'_>) -> Result<PrivateKey, KeyError>;

    /// A certificate serial number in `[1, 2^63 - 1)`, kubeadm's range. `context` names what is certified;
    /// a repeatable source derives the number from it.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] if the random-number generator fails.
    fn serial(&self, context: &[u8]) -> Result<u64, KeyError>;

    /// 32 bytes for a new key store's commitments.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] if the random-number generator fails.
    fn salt(&self) -> Result<SecretBytes, KeyError>;

    /// 32 bytes for a token or a certificate key. `context` names what they are for; a repeatable source derives
    /// them from it.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] if the random-number generator fails.
    fn secret(&self, context: &[u8]) -> Result<SecretBytes, KeyError>;

    /// Whether keys of this source are public.
    fn test_only(&self) -> bool;
}

/// Highest serial number that is given out, `2^63 - 2` (kubeadm v1.36.2, cmd/kubeadm/app/util/pkiutil).
pub(super) const MAX_SERIAL: u64 = (1 << 63) - 2;

/// Random numbers of aws-lc.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomSource;

impl KeySource for RandomSource {
    fn key(&self, request: &KeyRequest<'_>) -> Result<PrivateKey, KeyError> {
        PrivateKey::generate(request.algorithm)
    }

    fn serial(&self, _context: &[u8]) -> Result<u64, KeyError> {
        loop {
            let mut bytes = [0; 8];
            fill(&mut bytes)?;
            // 63 bits; trying again keeps the numbers uniform.
            let serial = u64::from_be_bytes(bytes) >> 1;
            if (1..=MAX_SERIAL).contains(&serial) {
                return Ok(serial);
            }
        }
    }

    fn salt(&self) -> Result<SecretBytes, KeyError> {
        let mut salt = [0; 32];
        fill(&mut salt)?;
        let secret = SecretBytes::take(&mut salt);
        salt.zeroize();
        Ok(secret)
    }

    fn secret(&self, _context: &[u8]) -> Result<SecretBytes, KeyError> {
        self.salt()
    }

    fn test_only(&self) -> bool {
        false
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), KeyError> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| KeyError::Crypto("read random numbers"))
}

/// Progress of key generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyProgress {
    /// The number of finished keys.
    pub done: usize,
    /// The number of all keys.
    pub total: usize,
}

/// Called from any thread, once before the first key (`done` 0) and after every key.
pub type ProgressFn<'a> = &'a (dyn Fn(KeyProgress) + Sync);

/// Makes the keys for `requests` on all cores; the result is in the order of the requests.
///
/// # Errors
/// The first [`KeyError`], in the order of the requests.
pub fn make_keys(
    source: &dyn KeySource,
    requests: &[KeyRequest<'_>],
    progress: ProgressFn<'_>,
) -> Result<Vec<PrivateKey>, KeyError> {
    let total = requests.len();
    if total == 0 {
        return Ok(Vec::new());
    }
    progress(KeyProgress { done: 0, total });
    let done = AtomicUsize::new(0);
    // One key per task: RSA keys take between 20 and 200 ms, so fixed shares would leave cores idle.
    let keys: Vec<_> = requests
        .par_iter()
        .with_max_len(1)
        .map(|request| {
            let key = source.key(request);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress(KeyProgress { done, total });
            key
        })
        .collect();
    keys.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn keys_come_in_the_order_of_requests_and_progress_counts_them() {
        let requests = [
            KeyAlgorithm::EcdsaP384,
            KeyAlgorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP384,
        ]
        .map(|algorithm| KeyRequest {
            name: "ca",
            node: None,
            algorithm,
        });
        let seen = Mutex::new(Vec::new());
        let keys = make_keys(&RandomSource, &requests, &|p| {
            seen.lock().unwrap().push((p.done, p.total));
        })
        .unwrap();
        let made: Vec<_> = keys.iter().map(|key| key.scheme().to_string()).collect();
        assert_eq!(
            made,
            requests.map(|request| request.algorithm.as_str().to_owned())
        );
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, [(0, 3), (1, 3), (2, 3), (3, 3)]);
    }

    #[test]
    fn random_serials_differ_and_stay_in_range() {
        let mut serials: Vec<_> = (0..64).map(|_| RandomSource.serial(b"").unwrap()).collect();
        assert!(serials.iter().all(|s| (1..=MAX_SERIAL).contains(s)));
        serials.sort_unstable();
        serials.dedup();
        assert_eq!(serials.len(), 64);
    }
}
