//! Stands in for material that is not made yet: a plan made from it shows whether a plan with real keys can be a bundle.
//!
//! In: the configuration of a node, the clock. Out: [`Material`] with every certificate that the node gets, valid for as long as the issued
//! one will be. All of them are one public test key and its certificate, so nothing that is made from them is ever written.

use std::fmt;

use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;

use super::certlist::{authorities, profiles};
use super::credentials::{CERTIFICATE_KEY_SIZE, Token, missing_tokens};
use super::issue::{Stamp, issue_authority};
use super::issuing::{MISSING_KEY, validity};
use super::key_source::{KeyRequest, KeySource as _};
use super::profile::CertificateProfile;
use super::test_pki::TestPki;
use super::{Credentials, IssuedCertificate, KeyAlgorithm, Material, PkiError, ServiceAccountKey};
use crate::config::ValidConfig;
use crate::plan::CertificateRow;

/// Says which CA certificates exist already, by the path of their files without extension, such as `etcd/ca`.
pub type Held<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// One key and one certificate that stand for all others.
pub struct StandIn {
    now: Timestamp,
    certificate: IssuedCertificate,
    service_account: ServiceAccountKey,
}

impl fmt::Debug for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandIn")
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl StandIn {
    /// Stands in for keys that are made at `now`, for the cluster of the node of `config`.
    ///
    /// # Errors
    /// [`PkiError`] if the crypto library fails.
    pub fn new(config: &ValidConfig, now: Timestamp) -> Result<Self, PkiError> {
        let request = KeyRequest {
            name: "ca",
            node: None,
            algorithm: KeyAlgorithm::EcdsaP256,
        };
        let key = TestPki::new("stand-in").key(&request);
        let key = key.map_err(PkiError::MakeKey)?;
        let profile = authorities(config).into_iter().next();
        let profile = profile.ok_or(MISSING_KEY)?;
        let stamp = Stamp {
            serial: 1,
            not_before: now,
            not_after: now.saturating_add(profile.lifetime),
        };
        let certificate =
            issue_authority(&profile, &key, stamp).map_err(|source| PkiError::Issue {
                file: "ca.crt".to_owned(),
                signer: "ca".to_owned(),
                source,
            })?;
        Ok(Self {
            now,
            service_account: ServiceAccountKey {
                key_pem: key.pem(),
                public_pem: key.public_pem(),
                spki: key.spki_digest(),
            },
            certificate: IssuedCertificate {
                certificate_pem: certificate.pem(),
                key_pem: Some(key.pem()),
                row: certificate.row("ca", "ca", false),
                certificate_der: certificate.der,
            },
        })
    }

    /// The material of the node of `config`. A CA that is `held` never expires here, because its own dates are unknown.
    #[must_use]
    pub fn material(&self, config: &ValidConfig, held: Held<'_>) -> Material {
        let own = profiles(config);
        let shared = authorities(config).into_iter();
        let shared = shared.filter(|ca| !own.iter().any(|profile| profile.name == ca.name));
        let all: Vec<CertificateProfile> = own.iter().cloned().chain(shared).collect();
        let certificates = all.iter().map(|profile| {
            let row = self.row(config, profile, held);
            let issued = IssuedCertificate {
                row,
                ..self.certificate.clone()
            };
            (profile.name.to_owned(), issued)
        });
        Material {
            certificates: certificates.collect(),
            service_account: Some(self.service_account.clone()),
            credentials: credentials(config),
            test_only: true,
        }
    }

    fn row(
        &self,
        config: &ValidConfig,
        profile: &CertificateProfile,
        held: Held<'_>,
    ) -> CertificateRow {
        let tolerance = config.credentials.clock_tolerance;
        let ca_start = self.now.saturating_sub(tolerance);
        let (not_before, not_after) = if profile.is_authority() && held(profile.base_name) {
            (ca_start, Timestamp::MAX)
        } else {
            validity(profile, self.now, tolerance, Some(ca_start))
        };
        CertificateRow {
            name: profile.name.to_owned(),
            signer: profile.signer.to_owned(),
            not_before,
            not_after,
            ..self.certificate.row.clone()
        }
    }
}

/// Tokens and keys in the right form, for those that the configuration does not give.
fn credentials(config: &ValidConfig) -> Credentials {
    let secret = || SecretBytes::new(vec![0; CERTIFICATE_KEY_SIZE]);
    let token = |id: String| Token {
        id,
        secret: SecretBytes::from_text("0".repeat(16)),
    };
    Credentials {
        bootstrap_tokens: (0..missing_tokens(config))
            .map(|position| token(format!("{:06}", position % 1_000_000)))
            .collect(),
        upload_token: Some(token("upload".to_owned())),
        certificate_key: Some(secret()),
        salt: Some(secret()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{StoreContents, ensure};
    use crate::testing;

    #[test]
    fn it_has_what_the_key_store_would_have() {
        let now = "2026-11-20T10:23:25Z".parse().unwrap();
        let mut plain = testing::default_config();
        plain.init.bootstrap_tokens =
            vec![serde_json::from_value(serde_json::json!({"ttl": "24h0m0s"})).unwrap()];
        for config in [
            plain,
            testing::ha_config(),
            testing::joining_worker_config(),
        ] {
            let source = TestPki::new("1");
            let real = ensure(&config, StoreContents::default(), now, &source, &|_| {});
            let real = real.unwrap().material;
            let stand_in = StandIn::new(&config, now).unwrap();
            let material = stand_in.material(&config, &|_| false);
            for (name, certificate) in &real.certificates {
                let found = &material.certificates[name];
                let dates = |found: &IssuedCertificate| (found.row.not_before, found.row.not_after);
                assert_eq!(dates(found), dates(certificate), "{name}");
                assert!(
                    found.key_pem.is_some() || !config.is_control_plane(),
                    "{name}"
                );
                assert_eq!(found.row.signer, certificate.row.signer, "{name}");
            }
            let tokens = |material: &Material| material.credentials.bootstrap_tokens.len();
            assert_eq!(tokens(&material), tokens(&real));
            let held = stand_in.material(&config, &|base| base == "ca");
            assert_eq!(held.certificates["ca"].row.not_after, Timestamp::MAX);
        }
    }
}
